"""Recordings become their latent features: a row for each segment, or the statistics over time of each utterance."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.autoencoders import AE
from emovae.functionals import STATISTICS, functionals
from emovae.pieces import Cut, Piece, pieces
from emovae.predict import handfuls
from emovae.recognizer import Recognizer
from emovae.sources import Source

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


def names_of(recognizer: Recognizer, level: Level) -> list[str]:
    """The names of the features, such as `mean 0` or `quantile 0.5 of log_variance 3`."""
    latent, features = recognizer.settings.autoencoder.latent, recognizer.settings.features
    kinds = ("code",) if isinstance(recognizer.encoder, AE) else ("mean", *BESIDE[features])
    names = [f"{kind} {place}" for kind in kinds for place in range(latent)]
    return names if level == "segment" else [f"{statistic} of {name}" for statistic in STATISTICS for name in names]


def embedded(
    recognizer: Recognizer, wanted: Iterable[Source], cut: Cut, level: Level, threads: int = 1
) -> Iterator[Embedded]:
    """The features of recordings, in their order; none of what is silent or cannot be read.

    Args:
        recognizer: the model.
        wanted: the recordings, see `pieces`.
        cut: how they are cut.
        level: a row for each segment, or one for each piece.
        threads: how many recordings are decoded at once.
    """
    none = np.empty(0), np.empty(0), np.empty((0, len(names_of(recognizer, level))), np.float32)
    for some in handfuls(pieces(recognizer, wanted, cut, threads)):
        asked = [piece.frames for piece in some if piece.frames is not None]
        if asked:
            latents = recognizer.latents(recognizer.segmented(asked))
            values, spans = latents.values.numpy(), iter(zip(latents.starts[:-1], latents.starts[1:], strict=True))
        for piece in some:
            yield (
                Embedded(piece, *none)
                if piece.frames is None
                else _rows(recognizer, piece, values[slice(*next(spans))], level)
            )


def _rows(recognizer: Recognizer, piece: Piece, values: NDArray[np.float32], level: Level) -> Embedded:
    assert piece.start is not None
    assert piece.end is not None
    if level == "utterance":
        return Embedded(piece, np.array([piece.start]), np.array([piece.end]), functionals(values)[None])
    settings = recognizer.settings.segments
    starts = piece.start + np.arange(len(values), dtype=np.float64) * (settings.step_ms / 1000)
    return Embedded(piece, starts, np.minimum(starts + settings.length_ms / 1000, piece.end), values)
