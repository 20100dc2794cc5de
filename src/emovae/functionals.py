"""A sequence becomes statistics over time: how an utterance is told by one vector (section 5, as in [30])."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

QUANTILES = (0.1, 0.5, 0.9)
STATISTICS = (
    "mean",
    "deviation",
    *(f"quantile {share:g}" for share in QUANTILES),
    "mean absolute difference",
)


def functionals(sequence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean, deviation, quantiles 0.1, 0.5 and 0.9, and mean absolute difference between neighbours.

    Args:
        sequence: [time, feature], one row at least.

    Returns:
        [6 x feature], statistic by statistic in the order of `STATISTICS`.

    >>> functionals(np.array([[0.0], [2.0], [4.0]], np.float32)).astype(float).round(2).tolist()
    [2.0, 1.63, 0.4, 2.0, 3.6, 2.0]
    """
    steps = np.abs(np.diff(sequence, axis=0))
    movement = steps.mean(axis=0) if len(steps) else np.zeros(sequence.shape[1], np.float32)
    quantiles = np.quantile(sequence, QUANTILES, axis=0)
    stacked = np.concatenate([[sequence.mean(axis=0)], [sequence.std(axis=0)], quantiles, [movement]])
    return stacked.reshape(-1).astype(np.float32)


def per_speaker(vectors: NDArray[np.float32], speakers: Sequence[str]) -> NDArray[np.float32]:
    """Functionals, each brought to mean 0 and deviation 1 over all rows of the same speaker.

    Args:
        vectors: [utterance, value].
        speakers: of each utterance.

    Returns:
        [utterance, value]; 0 where a speaker's rows do not differ, as of one with a single utterance.

    >>> per_speaker(np.array([[1.0], [5.0], [3.0]], np.float32), ["ann", "bob", "ann"]).tolist()
    [[-1.0], [0.0], [1.0]]
    """
    out = np.zeros_like(vectors)
    names = np.array(speakers)
    for name in set(speakers):
        among = names == name
        rows = vectors[among].astype(np.float64)
        deviation = rows.std(axis=0)
        differ = deviation > np.finfo(np.float32).eps * np.abs(rows).max(axis=0)
        out[among] = np.where(differ, (rows - rows.mean(axis=0)) / np.where(differ, deviation, 1), 0)
    return out
