"""How sure a prediction is, and whether it is right to be: scores, calibration, entropy, temperature.

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
FLOOR = float(np.finfo(np.float32).tiny)
"""Probabilities come as float32, which holds nothing smaller in full; 0 counts as this much, 87 nats."""
TEMPERATURES = (0.05, 20.0)
"""Where a temperature is looked for; who is always right would be given 0."""
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
    right, confidence = is_right(probabilities, labels), distributions(probabilities).max(axis=1)
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


def entropy(probabilities: Floats) -> NDArray[np.float64]:
    """The entropy of each distribution in nats: [..., class] -> [...].

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).round(6).tolist()
    [0.693147, 0.0]
    """
    total: NDArray[np.float64] = scipy.special.entr(distributions(probabilities)).sum(axis=-1)
    return total


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
    logs = np.log(np.maximum(distributions(probabilities), FLOOR))
    shares: NDArray[np.float64] = scipy.special.softmax(logs / temperature, axis=-1)
    return shares


def distributions(probabilities: Floats) -> NDArray[np.float64]:
    """What was given, as float64 [..., class] and none above 1; a ValueError where it is no distribution."""
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


def _gap(bins: list[Bin]) -> float:
    total = sum(one.n for one in bins)
    return sum(
        one.n / total * abs(one.accuracy - one.confidence)
        for one in bins
        if one.accuracy is not None and one.confidence is not None
    )


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
    return distributions(probabilities)
