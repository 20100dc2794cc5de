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
    shown = confusion.sum(axis=1)
    if shown.sum() == 0:
        raise ValueError("the confusion matrix counts no utterance, so nothing can be scored")
    right = np.diag(confusion)
    present = shown > 0
    f1 = 2 * right[present] / (shown + confusion.sum(axis=0))[present]
    return Scores(
        wa=float(right.sum() / shown.sum()),
        ua=float(recalls(confusion)[present].mean()),
        macro_f1=float(f1.mean()),
        weighted_f1=float(np.average(f1, weights=shown[present])),
    )
