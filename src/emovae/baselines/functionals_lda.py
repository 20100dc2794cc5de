"""Linear discriminant analysis of functionals with a shrunk covariance: Gaussian classes that spread alike.

With more statistics than speakers, an estimated covariance fits the speakers. Ledoit and Wolf's (2004) shrinks it
towards a multiple of the identity by as much as the data ask for, so that there is nothing to tune.

It gives what scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")` gives, which solves by
singular values and takes minutes for thousands of statistics. A shrunk covariance is positive definite, so Cholesky's
factor does.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.special import softmax
from sklearn.covariance import ledoit_wolf
from sklearn.preprocessing import StandardScaler

Values = NDArray[np.float64]


def probabilities(
    train: NDArray[np.float32], labels: NDArray[np.int64], test: NDArray[np.float32], classes: int
) -> NDArray[np.float32]:
    """Learns from functionals [utterance, value], scaled to unit deviation, and gives the posterior of others.

    log P(c | x) = x' S^-1 m_c - m_c' S^-1 m_c / 2 + log P(c) + a constant, where S is the mean over utterances of
    their class's shrunk covariance.

    Returns:
        [utterance, class]; a class that nobody shows has 0.
    """
    scaler = StandardScaler().fit(train.astype(np.float64))
    rows, asked = (np.asarray(scaler.transform(side.astype(np.float64))) for side in (train, test))
    shown, counts = np.unique(labels, return_counts=True)
    means = np.stack([rows[labels == name].mean(axis=0) for name in shown])
    shares = counts / counts.sum()
    within = np.zeros((rows.shape[1], rows.shape[1]))
    for name, share in zip(shown, shares, strict=True):
        within += share * _covariance(rows[labels == name])
    weights = solve(within, means.T, assume_a="pos", overwrite_a=True)
    out = np.zeros((len(test), classes), np.float32)
    out[:, shown] = softmax(asked @ weights - (means.T * weights).sum(axis=0) / 2 + np.log(shares), axis=1)
    return out


def _covariance(rows: Values) -> Values:
    """The shrunk covariance of a class's rows, figured where each value has unit deviation; one row tells no other."""
    if len(rows) == 1:
        return np.eye(rows.shape[1])
    scaler = StandardScaler().fit(rows)
    shrunk, _ = ledoit_wolf(scaler.transform(rows))
    return np.asarray(scaler.scale_[:, None] * shrunk * scaler.scale_)
