"""How the networks learned."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from emovae.comparison import model_name
from emovae.curves import Curve
from emovae.figures.style import Look, legend, new

Name = tuple[str, str | None]
"""Model and test condition."""


def learning(
    curves: Sequence[Curve], figure_key: str, heading: str, looks: Mapping[Name, Look], *, scale: float = 1.0
) -> Figure:
    """A figure epoch by epoch: the mean over trainings, and a band from the lowest to the highest.

    A line ends where fewer than half of its trainings were still learning.

    Args:
        curves: of one stage; several cells may tell of the same training, which is counted once.
        figure_key: one of `curves.FIGURES`.
        heading: what it is called.
        looks: see `style.looks_of`; an autoencoder has that of its model's first line.
        scale: 100 for shares that are to be printed in per cent.
    """
    figure = new(2.9)
    axes = figure.add_subplot()
    names = []
    for (model, condition), trainings in _lines(curves, figure_key).items():
        names.append(model_name(model, condition, told=condition == "oracle"))
        look = looks.get((model, condition)) or next(one for name, one in looks.items() if name[0] == model)
        values = scale * _still_learning(trainings)
        epochs = np.arange(1, values.shape[1] + 1)
        mean = np.nanmean(values, axis=0)
        every = max(1, len(epochs) // 8)
        axes.plot(
            epochs, mean, color=look.colour, ls=look.dashes, marker=look.marker, ms=4, markevery=every, label=names[-1]
        )
        axes.fill_between(
            epochs, np.nanmin(values, axis=0), np.nanmax(values, axis=0), color=look.colour, alpha=0.12, lw=0
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel=heading)
    legend(figure, names)
    return figure


def _lines(curves: Sequence[Curve], figure_key: str) -> dict[Name, list[list[float]]]:
    """The trainings of each line; those of an autoencoder have no condition, since it is the same for all."""
    lines: dict[Name, dict[str, list[float]]] = {}
    for curve in curves:
        condition = curve.facts["test_condition"] if curve.facts["stage"] == "classifier" else None
        if figure_key in curve.epochs:
            lines.setdefault((curve.facts["model"], condition), {})[curve.facts["training"]] = curve.epochs[figure_key]
    return {name: list(trainings.values()) for name, trainings in lines.items()}


def _still_learning(trainings: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """[training, epoch], NaN after the end of each, as long as half of them are there."""
    lengths = sorted(map(len, trainings))
    shown = lengths[len(lengths) // 2]
    values = np.full((len(trainings), shown), np.nan)
    for training, curve in enumerate(trainings):
        values[training, : len(curve)] = curve[:shown]
    return values
