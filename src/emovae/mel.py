"""The mel scale, its triangles, and what a frame is: what the front-end is made of, without torch.

`logmel` computes with it.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emovae.audio import SAMPLE_RATE_HZ
from emovae.errors import ConfigError
from emovae.settings import FrontEnd

WINDOW_MS: Final = 25
HOP_MS: Final = 10
WINDOW_SAMPLES: Final = SAMPLE_RATE_HZ * WINDOW_MS // 1000
HOP_SAMPLES: Final = SAMPLE_RATE_HZ * HOP_MS // 1000
DFT_POINTS: Final = 512
BINS: Final = DFT_POINTS // 2 + 1
ENERGY_FLOOR: Final = 1.19e-7


def mel(hz: float) -> float:
    """The mel scale, 1127 ln(1 + f / 700).

    >>> round(mel(1000.0), 1)
    1000.0
    """
    return 1127.0 * math.log1p(hz / 700.0)


def centres_hz(front_end: FrontEnd) -> list[float]:
    """Where the triangles peak, in Hz.

    >>> [round(hz) for hz in centres_hz(FrontEnd(bands=3))]
    [642, 1803, 3966]
    """
    found: list[float] = (700.0 * np.expm1(_edges_mel(front_end)[1:-1] / 1127.0)).tolist()
    return found


def _edges_mel(front_end: FrontEnd) -> NDArray[np.float64]:
    return np.linspace(mel(front_end.low_hz), mel(front_end.high_hz), front_end.bands + 2)


def filter_bank(front_end: FrontEnd) -> NDArray[np.float64]:
    """The triangles, float64 [bin, band]; their edges stand at equal distances in mel, their peaks are 1.

    With `triangles = "mel"` the sides are straight over mel, as in Kaldi and HTK; with `"hz"` over Hz, as in librosa.

    Raises:
        ConfigError: when a band holds no bin of the transform.
    """
    bin_hz = np.arange(BINS) * SAMPLE_RATE_HZ / DFT_POINTS
    edges_mel = _edges_mel(front_end)
    if front_end.triangles == "mel":
        position, edges = 1127.0 * np.log1p(bin_hz / 700.0), edges_mel
    else:
        position, edges = bin_hz, 700.0 * np.expm1(edges_mel / 1127.0)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (position[:, None] - left) / (centre - left)
    falling = (right - position[:, None]) / (right - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    if empty := int((triangles.sum(axis=0) == 0).sum()):
        raise ConfigError(
            f"front_end: {empty} of {front_end.bands} bands from {front_end.low_hz:g} to {front_end.high_hz:g} Hz are"
            f" narrower than a bin of {SAMPLE_RATE_HZ / DFT_POINTS:g} Hz; take fewer bands or a wider range"
        )
    return triangles
