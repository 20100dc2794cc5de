"""A support vector machine on functionals; where these are of log-mel frames, no feature is learned at all."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

PENALTY = 1.0
"""C of the machine, scikit-learn's own default; not tuned, and so nothing is tuned on anybody."""


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
