"""Recordings become their latent features: a row for each segment, or the statistics over time of each utterance."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.autoencoders import AE
from emovae.functionals import STATISTICS, functionals
from emovae.pieces import Cut, Piece, pieces
from emovae.predict import handfuls
from emovae.sources import Source
from emovae.trained import TrainedModel

Level = Literal["segment", "utterance"]

BESIDE = {"mean": (), "sample": (), "mean+variance": ("variance",), "mean+log_variance": ("log_variance",)}
"""What stands beside the means, by the setting `features`."""


class Embedded(NamedTuple):
    """The features of one piece.

    Attributes:
        piece: what they were made of; it says why there are none, if so.
        starts: seconds from the file's beginning, float64 [row].
        ends: the same.
        values: float32 [row, feature].
    """

    piece: Piece
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    values: NDArray[np.float32]


def names_of(model: TrainedModel, level: Level) -> list[str]:
    """The names of the features, such as `mean 0` or `quantile 0.5 of log_variance 3`."""
    latent, features = model.settings.autoencoder.latent, model.settings.features
    kinds = ("code",) if isinstance(model.encoder, AE) else ("mean", *BESIDE[features])
    names = [f"{kind} {place}" for kind in kinds for place in range(latent)]
    return names if level == "segment" else [f"{statistic} of {name}" for statistic in STATISTICS for name in names]


def embedded(
    model: TrainedModel, wanted: Iterable[Source], cut: Cut, level: Level, threads: int = 1
) -> Iterator[Embedded]:
    """The features of recordings, in their order; none of what is silent or cannot be read.

    Args:
        model: whose encoder is asked.
        wanted: the recordings, see `pieces`.
        cut: how they are cut.
        level: a row for each segment, or one for each piece.
        threads: how many recordings are decoded at once.
    """
    none = np.empty(0), np.empty(0), np.empty((0, len(names_of(model, level))), np.float32)
    for some in handfuls(pieces(wanted, cut, threads)):
        asked = [piece.waveform for piece in some if piece.waveform is not None]
        if asked:
            latents = model.latents(model.segmented(model.frames(asked)))
            values, spans = latents.values.numpy(), iter(zip(latents.starts[:-1], latents.starts[1:], strict=True))
        for piece in some:
            kept = piece._replace(waveform=None)  # features may be kept for long
            known = piece.waveform is not None
            yield _rows(model, kept, values[slice(*next(spans))], level) if known else Embedded(kept, *none)


def _rows(model: TrainedModel, piece: Piece, values: NDArray[np.float32], level: Level) -> Embedded:
    assert piece.start is not None
    assert piece.end is not None
    if level == "utterance":
        return Embedded(piece, np.array([piece.start]), np.array([piece.end]), functionals(values)[None])
    settings = model.settings.segments
    starts = piece.start + np.arange(len(values), dtype=np.float64) * (settings.step_ms / 1000)
    return Embedded(piece, starts, np.minimum(starts + settings.length_ms / 1000, piece.end), values)
