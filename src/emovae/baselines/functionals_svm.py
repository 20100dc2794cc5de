"""A support vector machine on functionals; where these are of log-mel frames, no feature is learned at all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

PENALTY = 1.0
"""C of the machine, scikit-learn's own default; not tuned, and so nothing is tuned on anybody."""


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


def probabilities(
    train: NDArray[np.float32], labels: NDArray[np.int64], test: NDArray[np.float32], classes: int
) -> NDArray[np.float32]:
    """Learns from functionals [utterance, value] and scores others, [utterance, class].

    Radial kernel, functionals scaled to unit deviation. The figures are a softmax over the one-vs-rest decision
    values: their order is the machine's, their size is no calibrated probability.
    """
    machine = make_pipeline(StandardScaler(), SVC(C=PENALTY, kernel="rbf", gamma="scale"))
    machine.fit(train, labels)
    decision = machine.decision_function(test)
    if decision.ndim == 1:  # two classes have one decision value
        decision = np.column_stack([-decision, decision])
    out = np.zeros((len(test), classes), np.float32)
    out[:, machine.classes_] = softmax(decision, axis=1)
    return out
