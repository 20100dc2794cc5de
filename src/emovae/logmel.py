"""A waveform becomes log-mel frames (section 4.2), pinned to the last sample.

Samples in -1..1; frames of 400 every 160, none padded; symmetric Hamming window; no pre-emphasis, dither or removal of
the mean; power of a 512-point DFT; 80 triangles, linear in mel = 1127 ln(1 + f / 700), peak 1; the logarithm of their
energy, floored. This equals kaldi-native-fbank so configured.
"""

import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.config import FrontEnd
from emovae.errors import ConfigError

WINDOW_MS: Final = 25
HOP_MS: Final = 10
WINDOW_SAMPLES: Final = SAMPLE_RATE_HZ * WINDOW_MS // 1000
HOP_SAMPLES: Final = SAMPLE_RATE_HZ * HOP_MS // 1000
DFT_POINTS: Final = 512
BINS: Final = DFT_POINTS // 2 + 1
ENERGY_FLOOR: Final = 1.19e-7
BLOCK_FRAMES: Final = 1024
"""Frames computed at once: few enough for the processor's cache, enough to keep it busy."""


def frame_count(samples: int) -> int:
    """How many frames a waveform has: 1 + floor((n - 400) / 160), or none below 400 samples.

    >>> frame_count(399), frame_count(400), frame_count(16_000)
    (0, 1, 98)
    """
    return 0 if samples < WINDOW_SAMPLES else 1 + (samples - WINDOW_SAMPLES) // HOP_SAMPLES


def mel(hz: float) -> float:
    """The mel scale, 1127 ln(1 + f / 700).

    >>> round(mel(1000.0), 1)
    1000.0
    """
    return 1127.0 * math.log1p(hz / 700.0)


def filter_bank(front_end: FrontEnd) -> NDArray[np.float64]:
    """The triangles, float64 [bin, band]; their edges stand at equal distances in mel, their peaks are 1.

    With `triangles = "mel"` the sides are straight over mel, as in Kaldi and HTK; with `"hz"` over Hz, as in librosa.

    Raises:
        ConfigError: when a band holds no bin of the transform.
    """
    bin_hz = np.arange(BINS) * SAMPLE_RATE_HZ / DFT_POINTS
    edges_mel = np.linspace(mel(front_end.low_hz), mel(front_end.high_hz), front_end.bands + 2)
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


class LogMel(nn.Module):
    """Log-mel frames of a batch of waveforms, on any device.

    >>> LogMel()(torch.zeros(2, 16_000)).shape
    torch.Size([2, 98, 80])
    """

    window: Tensor  # [sample]
    filters: Tensor  # [bin, band]

    def __init__(self, front_end: FrontEnd | None = None) -> None:
        super().__init__()
        front_end = FrontEnd() if front_end is None else front_end
        window = torch.hamming_window(WINDOW_SAMPLES, periodic=False, dtype=torch.float64)
        self.register_buffer("window", window.float())
        self.register_buffer("filters", torch.from_numpy(filter_bank(front_end)).float())

    def forward(self, waveforms: Tensor) -> Tensor:
        """Waveforms [..., sample], at least 400 samples -> frames [..., frame, band], natural logarithm of energy."""
        frames = waveforms.unfold(-1, WINDOW_SAMPLES, HOP_SAMPLES) * self.window
        spectrum = torch.view_as_real(torch.fft.rfft(frames, n=DFT_POINTS))
        power = spectrum.square().sum(-1)  # [..., frame, bin]
        return (power @ self.filters).clamp_min(ENERGY_FLOOR).log()


def log_mel(waveform: Waveform, front_end: LogMel) -> NDArray[np.float32]:
    """The frames [frame, band] of one waveform [sample] of any length, block by block, so that memory stays small."""
    count = frame_count(len(waveform))
    out = np.empty((count, front_end.filters.shape[1]), dtype=np.float32)
    samples = torch.from_numpy(waveform)
    with torch.inference_mode():
        for start in range(0, count, BLOCK_FRAMES):
            stop = min(start + BLOCK_FRAMES, count)
            reach = samples[start * HOP_SAMPLES : (stop - 1) * HOP_SAMPLES + WINDOW_SAMPLES]
            out[start:stop] = front_end(reach).numpy()
    return out
