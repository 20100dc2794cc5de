"""Predictions beside what raters said: how far their distributions lie apart, and whether both doubt the same."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.special
import scipy.stats
from numpy.typing import NDArray

from emovae.calibration import Floats, distributions, entropy
from emovae.labels import LabelMapping, emotion_name, mapped
from emovae.utterance import Utterance

DECIMALS = 12
"""Entropies that agree so far are the same entropy, summed in another order."""


class Votes(NamedTuple):
    """What the raters of an utterance said.

    Attributes:
        shares: how their votes for the task's classes are distributed, [class].
        doubt: the entropy of all their votes in nats, those for other categories too: who is heard as angry by one
            and as frustrated by two is doubtful, though anger be the only class among these.
    """

    shares: NDArray[np.float64]
    doubt: float


def votes_of(utterance: Utterance, classes: Sequence[str], mapping: LabelMapping) -> Votes | None:
    """The votes for an utterance; None where fewer than two raters name any of the classes.

    A rater's vote is shared among the categories that the rater chose; the speaker's own does not count.
    """
    heard: dict[str, float] = defaultdict(float)
    raters = 0
    for vote in utterance.votes:
        named = [] if vote.self_report else [emotion_name(one) for one in vote.emotions]
        chosen = [mapped(one, mapping) or one for one in named]
        for one in chosen:
            heard[one] += 1 / len(chosen)
        raters += any(one in classes for one in chosen)
    if raters < 2:
        return None
    among = np.array([heard[one] for one in classes])
    everything = np.array(list(heard.values()))
    return Votes(among / among.sum(), float(entropy(everything / everything.sum())))


def jensen_shannon(first: Floats, second: Floats) -> NDArray[np.float64]:
    """Jensen-Shannon divergence (Lin, 1991), 0 to ln 2 nats: [..., class] twice -> [...].

    What has another shape or is no distribution raises a ValueError that says so.

    The distance between what is predicted and how raters voted. Like total variation (half the sum of differences)
    it is bounded and takes zero votes; unlike it, it does not draw predictions to what few raters happen to say: in
    the mean over three raters who are for a class with probability 0.75 each, it is least for a prediction of 0.80,
    total variation for 2/3, and of one rater for 0.89 and for certainty.
    """
    p, q = _pair(first, second)
    middle = (p + q) / 2
    halves = scipy.special.rel_entr(p, middle) + scipy.special.rel_entr(q, middle)
    apart: NDArray[np.float64] = np.maximum(halves.sum(axis=-1) / 2, 0)
    return apart


def doubt_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Spearman's rank correlation of two doubts, such as the entropies that are predicted and those of the votes.

    Args:
        first: [utterance].
        second: [utterance].

    Returns:
        -1 to 1; None where either is the same for all utterances.
    """
    one, other = (np.round(doubts, DECIMALS) for doubts in (first, second))
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(scipy.stats.spearmanr(one, other).statistic)


def _pair(first: Floats, second: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if first.shape != second.shape:
        raise ValueError(f"distributions have shapes {first.shape} and {second.shape}; wanted are two of the same")
    return distributions(first), distributions(second)
