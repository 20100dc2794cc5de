"""Principal components of segments: a linear autoencoder of the same size, fitted at once."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA


class Components:
    """The directions of largest variance among training segments.

    Args:
        segments: [segment, value].
        count: how many; no more than there are segments and values.
    """

    def __init__(self, segments: NDArray[np.float32], count: int) -> None:
        with np.errstate(invalid="ignore"):  # its shares of no variance at all, which nobody asks for
            self.fitted = PCA(min(count, *segments.shape), svd_solver="covariance_eigh").fit(segments)

    def of(self, segments: NDArray[np.float32]) -> NDArray[np.float32]:
        """Segments [segment, value] -> their components, [segment, component]."""
        return np.asarray(self.fitted.transform(segments), np.float32)
