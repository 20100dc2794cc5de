"""Whether one model recognises people better than another: a paired test over speakers, and its correction.

Results come as in `statistics`: confusion counts, int64 [seed, speaker, true class, predicted class].
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from emovae.statistics import speaker_ua

DECIMALS = 12
"""Differences that agree so far are the same difference, computed in another order."""


class Comparison(NamedTuple):
    """Two models, speaker by speaker.

    Attributes:
        difference: the mean over speakers, the first minus the second.
        p: two-sided, exact.
        smallest: the smallest p that so many differing speakers can give.
        speakers: how many they are.
        differing: of how many the difference is not zero.
    """

    difference: float
    p: float
    smallest: float
    speakers: int
    differing: int


class Corrected(NamedTuple):
    """A p-value as one of a family.

    Attributes:
        p: after Holm's correction.
        smallest: the smallest that the family and its speakers can give.
    """

    p: float
    smallest: float


def compare(first: NDArray[np.int64], second: NDArray[np.int64]) -> Comparison:
    """Whether one model recognises speakers better than another: their UAs (`speaker_ua`), by `signed_rank`.

    Args:
        first: the counts of one model.
        second: those of the other, of the same utterances; the seeds may be others, and more or fewer.

    Raises:
        ValueError: when the two were not tested on the same speakers and classes.
    """
    ours, theirs = speaker_ua(first), speaker_ua(second)
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(
            f"one model was tested on {first.shape[1]} speakers and {first.shape[2]} classes, the other on"
            f" {second.shape[1]} and {second.shape[2]}; compare results of the same task"
        )
    shown, again = (counts.sum(axis=3).mean(axis=0) for counts in (first, second))
    if (shown != again).any():
        speaker, name = np.argwhere(shown != again)[0].tolist()
        raise ValueError(
            f"speaker {speaker} shows {shown[speaker, name]:g} utterances of class {name} to one model and"
            f" {again[speaker, name]:g} to the other; compare results of the same utterances"
        )
    return signed_rank(ours - theirs)


def signed_rank(differences: NDArray[np.float64]) -> Comparison:
    """Wilcoxon's signed-rank test, two-sided and exact, ties and zeros included.

    Zeros are ranked with the others and then count for neither side (Pratt, 1959); to drop them first would rank the
    others as if these people had not been asked. Ties share the mean of their ranks. The signs of all others are
    equally likely, so their rank sum is a sum of coins, whose distribution is built up coin by coin.

    Args:
        differences: [speaker]; those that agree to 12 decimals are tied.

    Raises:
        ValueError: for no difference, or one that is not finite.

    >>> signed_rank(np.array([0.1, 0.2, 0.3, 0.4, 0.5])).p
    0.0625
    """
    if differences.ndim != 1 or not differences.size or not np.isfinite(differences).all():
        raise ValueError(f"differences are {differences.tolist()}; the test needs one finite number for each speaker")
    rounded = np.round(differences, DECIMALS)
    doubled = np.rint(2 * scipy.stats.rankdata(np.abs(rounded))).astype(np.int64)  # halves of ties become whole
    differing = int(np.count_nonzero(rounded))
    chances = np.ones(1)
    for steps in doubled[rounded != 0]:
        chances = (np.pad(chances, (0, steps)) + np.pad(chances, (steps, 0))) / 2
    positive = int(doubled[rounded > 0].sum())
    least = min(positive, len(chances) - 1 - positive)
    return Comparison(
        difference=float(differences.mean()),
        p=min(1.0, 2 * float(chances[: least + 1].sum())),
        smallest=min(1.0, 2.0 ** (1 - differing)),
        speakers=len(differences),
        differing=differing,
    )


def holm(p: Sequence[float]) -> list[float]:
    """Corrects a family of p-values for their number (Holm, 1979), in their own order.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none falls below a smaller one's, or above 1.

    Raises:
        ValueError: for one that is no probability.

    >>> [round(one, 12) for one in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    if wrong := [one for one in p if not 0 <= one <= 1]:
        raise ValueError(f"{wrong[0]} is no p-value; they lie between 0 and 1")
    order = sorted(range(len(p)), key=lambda place: p[place])
    corrected, floor = [0.0] * len(p), 0.0
    for before, place in enumerate(order):
        floor = min(1.0, max(floor, (len(p) - before) * p[place]))
        corrected[place] = floor
    return corrected


def as_family(comparisons: Sequence[Comparison]) -> list[Corrected]:
    """Corrects comparisons that are read together, see `holm`.

    The correction never falls when a p of the family rises, so the smallest that can come out is that of the smallest
    that can go in.
    """
    corrected = holm([one.p for one in comparisons])
    smallest = holm([one.smallest for one in comparisons])
    return [Corrected(*pair) for pair in zip(corrected, smallest, strict=True)]
