"""Rows of predictions become confusion counts of each speaker, which is what all intervals and tests start from."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.seeds import seed_for
from emovae.statistics import RESAMPLES, figures_of, intervals, resampled

Counts = NDArray[np.int64]
"""[seed, speaker, true class, predicted class], speakers by the alphabet."""


class Said(NamedTuple):
    """What was said of utterances, a value of each; an utterance comes once for each seed.

    Attributes:
        seeds: the training.
        speakers: who speaks.
        true: the label.
        predicted: the class that was said.
    """

    seeds: Sequence[int]
    speakers: Sequence[str]
    true: Sequence[str]
    predicted: Sequence[str]

    def of(self, places: Sequence[int]) -> "Said":
        """Some of them."""
        seeds, speakers, true, predicted = self
        return Said(
            [seeds[place] for place in places],
            *([column[place] for place in places] for column in (speakers, true, predicted)),
        )


def counted(said: Said, classes: Sequence[str]) -> Counts:
    """The confusions of each speaker, in the order of `classes`.

    Raises:
        KeyError: for a class that is not among them.

    >>> counted(Said([0, 0], ["bob", "ann"], ["x", "y"], ["y", "y"]), ["x", "y"]).tolist()
    [[[[0, 0], [0, 1]], [[0, 1], [0, 0]]]]
    """
    (seeds, seed_of), (speakers, speaker_of) = (np.unique(each, return_inverse=True) for each in said[:2])
    places = {name: place for place, name in enumerate(classes)}
    true, predicted = (np.array([places[name] for name in names], int) for names in (said.true, said.predicted))
    counts = np.zeros((len(seeds), len(speakers), len(classes), len(classes)), np.int64)
    np.add.at(counts, (seed_of, speaker_of, true, predicted), 1)
    return counts


def figures(counts: Counts) -> dict[str, object]:
    """All four figures, and `intervals` of 95 % over speakers as lists of two; None for what has none."""
    found = intervals(counts, _seed())
    ends = {name: None if one is None else [one.low, one.high] for name, one in found.items()}
    return {**figures_of(counts)._asdict(), "intervals": ends}


def resampled_difference(first: Counts, second: Counts, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """How the four figures of two models differ in resamples of their common speakers, [resample, figure]."""
    return resampled(first, _seed(), resamples) - resampled(second, _seed(), resamples)  # the same people in both


def _seed() -> int:
    return seed_for(0, "bootstrap")
