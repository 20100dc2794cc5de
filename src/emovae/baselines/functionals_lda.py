"""Linear discriminant analysis of functionals with a shrunk covariance: Gaussian classes that spread alike.

With more statistics than speakers, an estimated covariance fits the speakers. Ledoit and Wolf's (2004) shrinks it
towards a multiple of the identity by as much as the data ask for, so that there is nothing to tune.

It gives what scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")` gives, which solves by
singular values and takes minutes for thousands of statistics. A shrunk covariance is positive definite, so Cholesky's
factor does.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.special import softmax
from sklearn.covariance import ledoit_wolf
from sklearn.preprocessing import StandardScaler

Values = NDArray[np.float64]

ROUNDING = float(np.finfo(np.float32).eps)
"""Statistics come as float32."""


class Discriminant(NamedTuple):
    """What has been learned, all float64; only classes that somebody showed have a column.

    Attributes:
        mean: of each statistic, [value].
        deviation: the same.
        weights: S^-1 m_c in units of the deviation, [value, column].
        thresholds: m_c' S^-1 m_c / 2, [column].
        log_shares: log P(c), [column].
        shown: the class of each column, int64 [column].
    """

    mean: Values
    deviation: Values
    weights: Values
    thresholds: Values
    log_shares: Values
    shown: NDArray[np.int64]

    def fits(self, classes: int) -> bool:
        """Whether the parts go together, and with so many classes: what comes from a file may be anything."""
        values, columns = self.weights.shape
        shapes = [part.shape for part in self]
        wanted = [(values,), (values,), (values, columns), (columns,), (columns,), (columns,)]
        floats = all(part.dtype == np.float64 for part in self[:-1]) and self.shown.dtype == np.int64
        places = self.shown.tolist()
        if not (shapes == wanted and floats and len({*places} & {*range(classes)}) == columns > 0):
            return False
        return bool((self.deviation > 0).all()) and all(np.isfinite(part).all() for part in self)

    def posterior(self, rows: NDArray[np.float32], classes: int) -> NDArray[np.float32]:
        """P(c | x) of functionals [utterance, value], [utterance, class]; a class that nobody showed has 0."""
        scaled = (rows.astype(np.float64) - self.mean) / self.deviation
        out = np.zeros((len(rows), classes), np.float32)
        out[:, self.shown] = softmax(scaled @ self.weights - self.thresholds + self.log_shares, axis=1)
        return out


def learned(train: NDArray[np.float32], labels: NDArray[np.int64]) -> Discriminant:
    """Learns from functionals [utterance, value], scaled to unit deviation.

    log P(c | x) = x' S^-1 m_c - m_c' S^-1 m_c / 2 + log P(c) + a constant, where S is the mean over utterances of
    their class's shrunk covariance.
    """
    noise = ROUNDING * np.abs(train).max(axis=0).astype(np.float64)
    mean, deviation, rows = _scaled(train.astype(np.float64), noise)
    shown, counts = np.unique(labels, return_counts=True)
    means = np.stack([rows[labels == name].mean(axis=0) for name in shown])
    shares = counts / counts.sum()
    within = np.zeros((rows.shape[1], rows.shape[1]))
    for name, share in zip(shown, shares, strict=True):
        within += share * _covariance(rows[labels == name], noise / deviation)
    still = within.diagonal() <= 0  # such as every latent of a collapsed autoencoder
    within[still, still] = 1
    weights = solve(within, means.T, assume_a="pos", overwrite_a=True)
    thresholds = (means.T * weights).sum(axis=0) / 2
    return Discriminant(mean, deviation, weights, thresholds, np.log(shares), shown)


def probabilities(
    train: NDArray[np.float32], labels: NDArray[np.int64], test: NDArray[np.float32], classes: int
) -> NDArray[np.float32]:
    """Learns from functionals [utterance, value] and gives the posterior of others, [utterance, class]."""
    return learned(train, labels).posterior(test, classes)


def _covariance(rows: Values, noise: Values) -> Values:
    """The shrunk covariance of a class's rows, figured where each value has unit deviation; one row tells no other."""
    if len(rows) == 1:
        return np.eye(rows.shape[1])
    _, deviation, scaled = _scaled(rows, noise)
    shrunk, _ = ledoit_wolf(scaled)
    return np.asarray(deviation[:, None] * shrunk * deviation)


def _scaled(rows: Values, noise: Values) -> tuple[Values, Values, Values]:
    """Mean, deviation, and rows at mean 0 and deviation 1; what moves by no more than noise is still, and then 0.

    Without that a dead value, whose last digits differ, would be as narrow as certainty.
    """
    scaler = StandardScaler().fit(rows)
    scaled = np.asarray(scaler.transform(rows))
    still = rows.std(axis=0) <= noise
    scaled[:, still] = 0
    return scaler.mean_, np.where(still, 1.0, scaler.scale_), scaled
