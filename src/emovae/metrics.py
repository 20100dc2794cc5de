"""WA, UA and F-measures, all from one confusion matrix.

WA, weighted accuracy, is the share of utterances that are right. UA, unweighted accuracy, is the mean of the classes'
recalls (UAR, balanced accuracy). A class that no utterance of the matrix shows is left out of every mean over classes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Scores(NamedTuple):
    """The four figures of a result, shares in 0..1."""

    wa: float
    ua: float
    macro_f1: float
    weighted_f1: float


def confusion_matrix(true: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Counts [true class, predicted class], in the order of `classes`.

    >>> confusion_matrix(["a", "a", "b"], ["a", "b", "b"], ["a", "b"]).tolist()
    [[1, 1], [0, 1]]
    """
    place = {name: index for index, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), np.int64)
    for name, said in zip(true, predicted, strict=True):
        counts[place[name], place[said]] += 1
    return counts


def recalls(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of each class that is recognised, [class]; not a number for a class without utterances."""
    shown = confusion.sum(axis=1)
    shares: NDArray[np.float64] = np.diag(confusion) / np.where(shown > 0, shown, np.nan)
    return shares


def scores(confusion: NDArray[np.int64]) -> Scores:
    """The four figures of a confusion matrix [true class, predicted class].

    F1 of a class is 2 TP / (2 TP + FP + FN); macro is the plain mean over classes, weighted the mean by their
    utterances.

    Raises:
        ValueError: for a matrix without any utterance.
    """
    if confusion.sum() == 0:
        raise ValueError("the confusion matrix counts no utterance, so nothing can be scored")
    return Scores(*stacked_scores(confusion).tolist())


def stacked_scores(confusions: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The four figures of many confusion matrices at once, as `scores` has them of one.

    Args:
        confusions: counts [..., true class, predicted class].

    Returns:
        [..., figure], in the order of `Scores`.

    Raises:
        ValueError: when one of the matrices counts no utterance.

    >>> stacked_scores(np.array([[[1, 1], [0, 2]], [[2, 0], [0, 0]]])).round(3).tolist()
    [[0.75, 0.75, 0.733, 0.733], [1.0, 1.0, 1.0, 1.0]]
    """
    shown, said = confusions.sum(axis=-1), confusions.sum(axis=-2)
    count = shown.sum(axis=-1)
    if not count.all():
        raise ValueError(
            f"{np.sum(count == 0)} of {count.size} confusion matrices count no utterance, so they cannot be scored"
        )
    right = np.diagonal(confusions, axis1=-2, axis2=-1)
    present = shown > 0
    recall = right / np.where(present, shown, 1)
    f1 = 2 * right / np.where(present, shown + said, 1)
    classes = present.sum(axis=-1)
    return np.stack(
        [
            right.sum(axis=-1) / count,
            recall.sum(axis=-1) / classes,
            f1.sum(axis=-1) / classes,
            (f1 * shown).sum(axis=-1) / count,
        ],
        axis=-1,
    )
