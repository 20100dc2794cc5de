"""Whether speech is like the speech that a model learned from, whatever it says of it.

The reconstruction error does not tell: noise makes speech easier to reconstruct (`benchmarks/results/unlike.md`). What
tells is the distance of Mahalanobis (1936) of an utterance's spectrum, the mean and the deviation of each band over
time, from those of the training utterances, their covariance shrunk as Ledoit and Wolf (2004) do.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

USUAL = 0.99
"""The share of utterances of unheard speakers that count as like the training speech."""

Array = NDArray[np.float32]


class Familiarity(NamedTuple):
    """What usual speech is like.

    Attributes:
        mean: of the statistics, float32 [statistic].
        whitening: float32 [statistic, statistic]; statistics less their mean, times it, are uncorrelated and of
            deviation 1.
        limit: the greatest usual distance.
    """

    mean: Array
    whitening: Array
    limit: float

    def strangeness(self, frames: Array) -> float:
        """The distance of an utterance's frames [frame, band], as a share of the limit: above 1 is unlike."""
        return self.distance(frames) / self.limit

    def distance(self, frames: Array) -> float:
        """Mahalanobis's, in deviations."""
        return self.distance_of(spectrum(frames))

    def distance_of(self, statistics: Array) -> float:
        """The same of an utterance's statistics, see `spectrum`."""
        return float(np.linalg.norm((statistics - self.mean) @ self.whitening))


def spectrum(frames: Array) -> Array:
    """Mean and deviation over time of each band, [2 x band]."""
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)]).astype(np.float32)


def fit(train: Iterable[Array], others: Iterable[Array]) -> Familiarity:
    """Learns what usual speech is like.

    Args:
        train: the frames of each training utterance, [frame, band]; two at least.
        others: those of people who were not learned from; they set the limit.
    """
    found = LedoitWolf().fit(np.stack([spectrum(frames) for frames in train]).astype(np.float64))
    whitening = _whitening(found.covariance_, found.precision_)
    usual = Familiarity(found.location_.astype(np.float32), whitening.astype(np.float32), 1.0)
    limit = float(np.quantile([usual.distance(frames) for frames in others], USUAL))
    return usual._replace(limit=max(limit, float(np.finfo(np.float32).tiny)))  # 0 where all are alike


def _whitening(covariance: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """A root of the precision; where bands are copies of each other, directions without variance do not count."""
    try:
        return np.asarray(np.linalg.cholesky(precision), np.float64)
    except np.linalg.LinAlgError:
        variances, directions = np.linalg.eigh(covariance)
        alive = variances > variances[-1] * len(variances) * np.finfo(np.float64).eps
        return np.asarray(directions * np.where(alive, 1 / np.sqrt(np.where(alive, variances, 1.0)), 0.0), np.float64)
