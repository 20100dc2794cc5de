"""How sure a prediction is, and whether it is right to be: calibration, doubt, temperature, the raters' votes.

Probabilities are float [utterance, class], each row summing to 1; labels are places among the classes, int [utterance].
All logarithms are natural, so entropies and divergences are in nats. What has another shape, is no distribution or
names no class raises a ValueError that says so; only other errors are named below.
"""

from typing import NamedTuple

import numpy as np
import scipy.special
import scipy.stats
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

BINS = 15
COVERAGE = 0.8
FLOOR = float(np.finfo(np.float32).tiny)
"""Probabilities come as float32, which holds nothing smaller in full; 0 counts as this much, 87 nats."""
TEMPERATURES = (0.05, 20.0)
"""Where a temperature is looked for; who is always right would be given 0."""
DECIMALS = 12
"""Entropies that agree so far are the same entropy, summed in another order."""
SUM_TOLERANCE = 1e-3
"""Sums of float32 are not quite 1."""

Floats = NDArray[np.float32] | NDArray[np.float64]


class Bin(NamedTuple):
    """The predictions of about one confidence.

    Attributes:
        low: of equal widths the end, and all are above it; of equal masses the least confidence.
        high: the other end, and none is above it; of equal masses the greatest confidence.
        n: how many they are.
        confidence: the mean probability of what was said; None for an empty bin.
        accuracy: the share that is right; None for an empty bin.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


class RiskCoverage(NamedTuple):
    """What is wrong among those that are kept, when the most doubtful are let go.

    Attributes:
        coverage: the share that is kept, 1/n to 1, [utterance].
        risk: the share of those that is wrong, [utterance].
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]


class Doubt(NamedTuple):
    """Entropies of several draws, each [utterance], in nats.

    Attributes:
        predictive: of the mean over draws; all doubt there is.
        expected: the mean over draws; what would be left if one knew which draw is true.
        mutual: the first minus the second; in how far the draws contradict each other.
    """

    predictive: NDArray[np.float64]
    expected: NDArray[np.float64]
    mutual: NDArray[np.float64]


def is_right(probabilities: Floats, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the class of highest probability, the first of equals, is the true one, [utterance]."""
    shares = _checked(probabilities, labels)
    right: NDArray[np.bool_] = shares.argmax(axis=1) == labels
    return right


def nll(probabilities: Floats, labels: NDArray[np.int64]) -> float:
    """Negative log-likelihood: the mean of -ln p of the true class, in nats; a p of 0 counts as `FLOOR`.

    >>> round(nll(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 0])), 6)
    0.346574
    """
    shares = _checked(probabilities, labels)
    return float(-np.log(np.maximum(shares[np.arange(len(labels)), labels], FLOOR)).mean())


def brier(probabilities: Floats, labels: NDArray[np.int64]) -> float:
    """Brier's score (1950), as he has it: squared errors summed over the classes, their mean over utterances; 0 to 2.

    Of two classes it is twice the one that counts a single class.

    >>> brier(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 0]))
    0.25
    """
    shares = _checked(probabilities, labels)
    return float(np.square(shares - np.eye(shares.shape[1])[labels]).sum(axis=1).mean())


def reliability(
    probabilities: Floats, labels: NDArray[np.int64], bins: int = BINS, *, equal_mass: bool = False
) -> list[Bin]:
    """Confidence beside accuracy, bin by bin of the highest probability.

    Args:
        probabilities: [utterance, class].
        labels: [utterance].
        bins: how many.
        equal_mass: each holds about as many utterances; equal confidences stay together, where the middle one of them
            belongs, and bins that this empties are left out. Otherwise each is as wide, from 0 to 1.

    Raises:
        ValueError: for no bin.

    >>> [one for one in reliability(np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([0, 0]), bins=2) if one.n]
    [Bin(low=0.5, high=1.0, n=2, confidence=0.8, accuracy=0.5)]
    """
    if bins < 1:
        raise ValueError(f"bins is {bins}; take one at least, {BINS} as a rule")
    right, confidence = is_right(probabilities, labels), _distributions(probabilities).max(axis=1)
    ends = np.linspace(0, 1, bins + 1).tolist()
    doubled = np.rint(2 * scipy.stats.rankdata(confidence)).astype(np.int64)  # halves of ties become whole
    by_rank, by_width = bins * (doubled - 1) // (2 * len(labels)), np.searchsorted(ends[1:-1], confidence)
    found = []
    for place in range(bins):
        inside = (by_rank if equal_mass else by_width) == place
        held, hits = confidence[inside], right[inside]
        if held.size:
            low, high = (held.min(), held.max()) if equal_mass else ends[place : place + 2]
            found.append(Bin(float(low), float(high), held.size, float(held.mean()), float(hits.mean())))
        elif not equal_mass:
            found.append(Bin(ends[place], ends[place + 1], 0, None, None))
    return found


def ece(probabilities: Floats, labels: NDArray[np.int64], bins: int = BINS) -> float:
    """Expected calibration error (Guo et al., 2017): |accuracy - confidence|, averaged over equally wide bins.

    Bins count by their utterances. It is a biased estimate: with few utterances a perfect predictor has one above 0.

    >>> round(ece(np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([0, 0]), bins=2), 6)
    0.3
    """
    return _gap(reliability(probabilities, labels, bins))


def adaptive_ece(probabilities: Floats, labels: NDArray[np.int64], bins: int = BINS) -> float:
    """As `ece`, over bins of about as many utterances each (Nguyen and O'Connor, 2015)."""
    return _gap(reliability(probabilities, labels, bins, equal_mass=True))


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
    kept = int(np.ceil(np.round(coverage * len(risk), DECIMALS - 3)))
    return 1 - float(risk[max(kept, 1) - 1])


def entropy(probabilities: Floats) -> NDArray[np.float64]:
    """The entropy of each distribution in nats: [..., class] -> [...].

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).round(6).tolist()
    [0.693147, 0.0]
    """
    total: NDArray[np.float64] = scipy.special.entr(_distributions(probabilities)).sum(axis=-1)
    return total


def doubt_of(draws: Floats) -> Doubt:
    """Takes the doubt of several draws apart (Depeweg et al., 2018; the mutual information as in Houlsby et al., 2011).

    Args:
        draws: probabilities [draw, utterance, class].
    """
    if draws.ndim != 3:
        raise ValueError(f"draws have shape {draws.shape}; wanted is [draw, utterance, class]")
    each = entropy(draws)
    predictive = entropy(draws.mean(axis=0, dtype=np.float64))
    expected = each.mean(axis=0)
    return Doubt(predictive, expected, np.maximum(predictive - expected, 0))


def fit_temperature(probabilities: Floats, labels: NDArray[np.int64]) -> float:
    """The temperature that makes `tempered` probabilities likeliest (Guo et al., 2017), on validation utterances.

    It lies within `TEMPERATURES`, and comes to one of their ends for who is always right, or worse than chance.
    """
    logs = np.log(np.maximum(_checked(probabilities, labels), FLOOR))
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = scipy.special.log_softmax(logs / np.exp(log_temperature), axis=1)
        return float(-scaled[rows, labels].mean())

    ends = (float(np.log(TEMPERATURES[0])), float(np.log(TEMPERATURES[1])))
    found = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-9})
    return float(np.exp(found.x))


def tempered(probabilities: Floats, temperature: float) -> NDArray[np.float64]:
    """softmax(ln p / T), [utterance, class]: above 1 it doubts more, below 1 less, and never changes its mind.

    A p of 0 counts as `FLOOR`, so that a high temperature can take back even certainty.

    Raises:
        ValueError: for a temperature that is not above 0.

    >>> tempered(np.array([[0.8, 0.2]]), 2.0).round(6).tolist()
    [[0.666667, 0.333333]]
    """
    if not (temperature > 0 and np.isfinite(temperature)):
        raise ValueError(f"temperature is {temperature}; it has to be above 0, and 1 changes nothing")
    logs = np.log(np.maximum(_distributions(probabilities), FLOOR))
    shares: NDArray[np.float64] = scipy.special.softmax(logs / temperature, axis=-1)
    return shares


def vote_shares(votes: NDArray[np.int64] | Floats) -> NDArray[np.float64]:
    """How the raters' votes are distributed: counts [utterance, class] -> shares.

    Raises:
        ValueError: for a negative count, or an utterance without votes.
    """
    if votes.ndim != 2 or not votes.size or not (votes >= 0).all():
        raise ValueError(f"votes have shape {votes.shape}; wanted are counts [utterance, class], none negative")
    total = votes.sum(axis=1, keepdims=True)
    if not total.all():
        raise ValueError(f"utterance {np.argmin(total)} has no vote; leave such utterances out")
    shares: NDArray[np.float64] = votes / total
    return shares


def jensen_shannon(first: Floats, second: Floats) -> NDArray[np.float64]:
    """Jensen-Shannon divergence (Lin, 1991), 0 to ln 2 nats: [..., class] twice -> [...].

    The main distance between what is predicted and how raters voted. Like total variation it is bounded and takes zero
    votes; unlike it, it does not draw predictions to what few raters happen to say: in the mean over three raters who
    are for a class with probability 0.75 each, it is least for a prediction of 0.80, total variation for 2/3, and of
    one rater for 0.89 and for certainty.
    """
    p, q = _pair(first, second)
    middle = (p + q) / 2
    halves = scipy.special.rel_entr(p, middle) + scipy.special.rel_entr(q, middle)
    apart: NDArray[np.float64] = np.maximum(halves.sum(axis=-1) / 2, 0)
    return apart


def total_variation(first: Floats, second: Floats) -> NDArray[np.float64]:
    """The share of probability that is in the wrong place, 0 to 1: [..., class] twice -> [...]."""
    p, q = _pair(first, second)
    apart: NDArray[np.float64] = np.abs(p - q).sum(axis=-1) / 2
    return apart


def doubt_correlation(probabilities: Floats, votes: NDArray[np.int64] | Floats) -> float | None:
    """Spearman's rank correlation of the entropy that is predicted with that of the votes.

    Args:
        probabilities: [utterance, class].
        votes: counts [utterance, class].

    Returns:
        -1 to 1; None where either entropy is the same for all utterances.

    Raises:
        ValueError: for an utterance without votes.
    """
    predicted, voted = (np.round(entropy(shares), DECIMALS) for shares in _pair(probabilities, vote_shares(votes)))
    if np.ptp(predicted) == 0 or np.ptp(voted) == 0:
        return None
    return float(scipy.stats.spearmanr(predicted, voted).statistic)


def _gap(bins: list[Bin]) -> float:
    total = sum(one.n for one in bins)
    return sum(
        one.n / total * abs(one.accuracy - one.confidence)
        for one in bins
        if one.accuracy is not None and one.confidence is not None
    )


def _pair(first: Floats, second: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if first.shape != second.shape:
        raise ValueError(f"distributions have shapes {first.shape} and {second.shape}; wanted are two of the same")
    return _distributions(first), _distributions(second)


def _checked(probabilities: Floats, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    if probabilities.ndim != 2 or not probabilities.size or labels.shape != probabilities.shape[:1]:
        raise ValueError(
            f"probabilities have shape {probabilities.shape}, labels {labels.shape}; wanted are [utterance, class] and"
            " [utterance], one utterance at least"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels are {labels.dtype}; wanted are the places of the classes, integers")
    classes = probabilities.shape[1]
    if (outside := labels[(labels < 0) | (labels >= classes)]).size:
        raise ValueError(f"label {outside[0]} is outside the {classes} classes, 0 to {classes - 1}")
    return _distributions(probabilities)


def _distributions(probabilities: Floats) -> NDArray[np.float64]:
    shares = probabilities.astype(np.float64)
    if not (shares.ndim and shares.size):
        raise ValueError(f"probabilities have shape {shares.shape}; wanted is [..., class], one class at least")
    if not ((shares >= 0) & (shares <= 1 + SUM_TOLERANCE)).all():
        raise ValueError(f"probabilities lie between {shares.min()} and {shares.max()}; wanted is 0 to 1")
    sums = shares.sum(axis=-1)
    if (off := np.abs(sums - 1)).max() > SUM_TOLERANCE:
        raise ValueError(
            f"probabilities of an utterance sum to {sums.flat[off.argmax()]:g}; wanted is 1 over all classes"
        )
    return np.minimum(shares, 1)
