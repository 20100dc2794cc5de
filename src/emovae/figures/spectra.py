"""Recordings, what is reconstructed of them, and what is drawn from the prior: log-mel frames to look at."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from emovae.figures.style import new, readable
from emovae.logmel import HOP_MS, mel

COLOURS = "magma"
"""Its lightness grows from end to end, so that it can be read without colour."""
MARKED_HZ = (100, 250, 500, 1000, 2000, 4000, 8000)
GAP = 2
"""Empty frames between two segments."""
LEAST_APART = 7
"""Bands between two labels of an axis."""

Array = NDArray[np.float32]


def reconstructions(original: Array, made: Mapping[str, Array], front_end: Mapping[str, Any], title: str) -> Figure:
    """A recording [frame, band] over what the models make of it, on one scale of colour.

    Args:
        original: natural logarithm of energy, as everything here.
        made: name of a model -> its reconstruction [frame, band].
        front_end: the settings of the filter bank.
        title: whose recording it is.
    """
    figure = new(1.2 + 1.15 * (1 + len(made)))
    every = figure.subplots(1 + len(made), sharex=True, squeeze=False)[:, 0]
    low, high = np.percentile(original, [0.5, 99.5])
    seconds = len(original) * HOP_MS / 1000
    for axes, (name, frames) in zip(every, [("recording", original), *made.items()], strict=True):
        _bands(axes, frames, (low, high), front_end, extent=(0, seconds, -0.5, frames.shape[1] - 0.5))
        axes.set_title(name, loc="left", fontsize=9, pad=2)
    _around(figure, every, readable(title, 48), "time, s")
    return figure


def drawn_segments(drawn: Array, classes: Sequence[str], front_end: Mapping[str, Any], title: str) -> Figure:
    """Segments decoded from draws, [class, draw, frame, band]: a line for each class, a column for each draw."""
    lines, columns, frames, bands = drawn.shape
    figure = new(1.1 + 1.0 * lines)
    every = figure.subplots(lines, sharex=True, squeeze=False)[:, 0]
    low, high = np.percentile(drawn, [0.5, 99.5])
    # One picture a line, with a gap of nothing after each segment: many small axes take seconds to lay out.
    spaced = np.pad(drawn, ((0, 0), (0, 0), (0, GAP), (0, 0)), constant_values=np.nan)
    for axes, name, segments in zip(every, classes, spaced, strict=True):
        _bands(axes, segments.reshape(-1, bands), (low, high), front_end)
        axes.set_title(readable(name), loc="left", fontsize=9, pad=2)
    middles = (frames + GAP) * np.arange(columns) + (frames - 1) / 2
    every[-1].set_xticks(middles, [str(draw + 1) for draw in range(columns)])
    _around(figure, every, title, f"draw; each lasts {frames * HOP_MS} ms")
    return figure


def _bands(
    axes: Axes,
    frames: Array,
    scale: tuple[float, float],
    front_end: Mapping[str, Any],
    extent: tuple[float, float, float, float] | None = None,
) -> None:
    """Frames [frame, band] as a picture, coloured from the lowest to the highest value of the scale."""
    axes.imshow(
        frames.T,
        cmap=COLOURS,
        vmin=scale[0],
        vmax=scale[1],
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=extent,
    )
    _hz(axes, frames.shape[1], front_end)


def _around(figure: Figure, every: NDArray[np.object_], title: str, below: str) -> None:
    """What stands around the pictures: title, names of the axes, and the scale of colour."""
    figure.suptitle(title, fontsize=9)
    every[-1].set_xlabel(below)
    every[len(every) // 2].set_ylabel("mel band, at Hz")
    figure.colorbar(every[-1].images[0], ax=every, label="ln energy", shrink=0.9, pad=0.02)


def _hz(axes: Axes, bands: int, front_end: Mapping[str, Any]) -> None:
    """Labels some bands with the frequency of their centre."""
    low, high = mel(front_end["low_hz"]), mel(front_end["high_hz"])
    step = (high - low) / (bands + 1)
    marked: list[tuple[float, int]] = []
    for hz in MARKED_HZ:
        band = (mel(hz) - low) / step - 1
        if -0.5 <= band <= bands and (not marked or band - marked[-1][0] >= bands * LEAST_APART / 80):
            marked.append((min(band, bands - 0.5), hz))
    axes.set_yticks([band for band, _ in marked], [str(hz) for _, hz in marked], fontsize=6.5)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
