"""Linear discriminant analysis of functionals with a shrunk covariance: Gaussian classes that spread alike.

With more statistics than speakers, an estimated covariance fits the speakers. Ledoit and Wolf's (2004) shrinks it
towards a multiple of the identity by as much as the data ask for, so that there is nothing to tune.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def probabilities(
    train: NDArray[np.float32], labels: NDArray[np.int64], test: NDArray[np.float32], classes: int
) -> NDArray[np.float32]:
    """Learns from functionals [utterance, value], scaled to unit deviation, and gives the posterior of others.

    Returns:
        [utterance, class]; a class that nobody shows has 0.
    """
    analysis = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    machine = make_pipeline(StandardScaler(), analysis)
    machine.fit(train.astype(np.float64), labels)
    out = np.zeros((len(test), classes), np.float32)
    out[:, machine.classes_] = machine.predict_proba(test.astype(np.float64))
    return out
