"""Log-mel frames become cepstral coefficients: what an attentive CNN reads as MFCC, and machines with their slopes."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

COEFFICIENTS = 13
"""The usual count, from the one that follows loudness on; no liftering."""
CEPSTRA = 20
"""More than the usual 13: a machine on statistics has room for what a network would have to learn."""


def mfcc(frames: NDArray[np.float32], count: int = COEFFICIENTS) -> NDArray[np.float32]:
    """The first coefficients of the orthonormal DCT-II over the bands.

    c_k = w_k sum_b x_b cos(pi k (b + 1/2) / B), where w_0 = sqrt(1/B) and w_k = sqrt(2/B).

    Args:
        frames: log-mel energies as `logmel` has them, not normalised, [frame, band].
        count: how many.

    Returns:
        [frame, coefficient], `count` of them, or as many as there are bands.

    >>> mfcc(np.ones((2, 16), np.float32))[:, :3].round(3).tolist()
    [[4.0, 0.0, 0.0], [4.0, 0.0, 0.0]]
    """
    return np.asarray(fft.dct(frames, type=2, norm="ortho", axis=1)[:, :count], np.float32)


def moving(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """`CEPSTRA` coefficients of frames [frame, band], and their slopes over time, [frame, 2 x coefficient]."""
    cepstra = mfcc(frames, CEPSTRA)
    slopes = np.gradient(cepstra, axis=0) if len(cepstra) > 1 else np.zeros_like(cepstra)
    return np.concatenate([cepstra, slopes], axis=1)
