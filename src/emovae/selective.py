"""Whether doubt falls on what is wrong: the risk among those that are kept when the most doubtful are let go."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.calibration import Floats

COVERAGE = 0.8
DECIMALS = 9
"""What agrees so far with a whole number of utterances is that number."""


class RiskCoverage(NamedTuple):
    """What is wrong among those that are kept, when the most doubtful are let go.

    Attributes:
        coverage: the share that is kept, 1/n to 1, [utterance].
        risk: the share of those that is wrong, [utterance].
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]


def risk_coverage(doubt: Floats, right: NDArray[np.bool_]) -> RiskCoverage:
    """The risk among the k least doubtful utterances, for each k (El-Yaniv and Wiener, 2010).

    Of equally doubtful ones it is the mean over all their orders, so that the order of utterances is none of its own.

    Args:
        doubt: any score of uncertainty, higher is more doubtful, [utterance].
        right: whether what was said is right, [utterance].

    Raises:
        ValueError: for a doubt that is no number.

    >>> risk_coverage(np.array([0.1, 0.9, 0.1, 0.1]), np.array([True, False, True, False])).risk.round(3).tolist()
    [0.333, 0.333, 0.333, 0.5]
    """
    if doubt.ndim != 1 or doubt.shape != right.shape or not doubt.size:
        raise ValueError(f"doubt has shape {doubt.shape}, right {right.shape}; wanted is one value for each utterance")
    if right.dtype != np.bool_:
        raise ValueError(f"right is {right.dtype}; wanted is whether each utterance is right, bool")
    if np.isnan(doubt).any():
        raise ValueError(f"{np.isnan(doubt).sum()} of {doubt.size} doubts are no number; nothing can be sorted by them")
    _, rank, count = np.unique(doubt, return_inverse=True, return_counts=True)
    wrong = np.bincount(rank, ~right) / count
    kept = np.arange(1, doubt.size + 1)
    return RiskCoverage(kept / doubt.size, np.cumsum(np.repeat(wrong, count)) / kept)


def aurc(doubt: Floats, right: NDArray[np.bool_]) -> float:
    """Area under the risk-coverage curve (Geifman et al., 2019): the mean risk over coverages 1/n, 2/n, ..., 1."""
    return float(risk_coverage(doubt, right).risk.mean())


def accuracy_at(doubt: Floats, right: NDArray[np.bool_], coverage: float = COVERAGE) -> float:
    """The share that is right among the least doubtful: the fewest that are this share of the utterances, or more.

    Raises:
        ValueError: for a coverage that is not above 0 and at most 1.
    """
    if not 0 < coverage <= 1:
        raise ValueError(f"coverage is {coverage}; keep a share above 0 and at most 1, such as {COVERAGE}")
    risk = risk_coverage(doubt, right).risk
    kept = int(np.ceil(np.round(coverage * len(risk), DECIMALS)))
    return 1 - float(risk[max(kept, 1) - 1])
