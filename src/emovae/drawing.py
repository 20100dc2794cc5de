"""What a screen shows of a recording: so many columns of its wave and of its log-mel frames, without torch."""

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from emovae.audio import Waveform
from emovae.mel import DFT_POINTS, ENERGY_FLOOR, HOP_MS, HOP_SAMPLES, WINDOW_SAMPLES, filter_bank
from emovae.settings import FrontEnd

Frames = NDArray[np.float32]

COLUMNS = 1200
"""More than a screen tells apart."""
BLOCK_FRAMES = 4096


class Wave(NamedTuple):
    """The least and the greatest sample of each column, float32 [column]."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]


class Columns(NamedTuple):
    """Frames, some of them in a column.

    Attributes:
        values: their mean, float32 [column, band]; NaN where there is none.
        hop_s: the seconds of a column; the last may have fewer.
    """

    values: Frames
    hop_s: float


def wave_of(waveform: Waveform, most: int = COLUMNS) -> Wave:
    """The extremes of a waveform [sample], one sample at least, in columns of as like a length as can be."""
    count = min(most, len(waveform))
    starts = np.arange(count) * len(waveform) // count
    return Wave(np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts))


def columns_of(frames: Frames, most: int = COLUMNS) -> Columns:
    """The means over columns of frames [frame, band], one frame at least; what is NaN does not count."""
    together = -(-len(frames) // most)
    starts = np.arange(0, len(frames), together)
    known = ~np.isnan(frames)
    sums = np.add.reduceat(np.where(known, frames, 0), starts, axis=0, dtype=np.float64)
    counts = np.add.reduceat(known, starts, axis=0, dtype=np.int64)
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return Columns(means.astype(np.float32), together * HOP_MS / 1000)


def shades(values: Frames, low: float, high: float) -> NDArray[np.uint8]:
    """Values as 0 (`low`, and whatever is below it or NaN) to 255 (`high`, and above it)."""
    shares = (np.nan_to_num(values.astype(np.float64), nan=low) - low) / (high - low)
    return np.asarray(np.rint(255 * shares.clip(0, 1)), np.uint8)


def log_mel(waveform: Waveform, front_end: FrontEnd) -> Frames:
    """The frames [frame, band] of a waveform [sample]; those of `logmel` but for rounding, below 25 ms filled up."""
    padded = np.pad(waveform, (0, max(0, WINDOW_SAMPLES - len(waveform))))
    cut = sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]
    window, filters = np.hamming(WINDOW_SAMPLES), filter_bank(front_end)
    frames = np.empty((len(cut), front_end.bands), np.float32)
    for block in range(math.ceil(len(cut) / BLOCK_FRAMES)):
        some = slice(block * BLOCK_FRAMES, (block + 1) * BLOCK_FRAMES)
        power = np.square(np.abs(np.fft.rfft(cut[some] * window, DFT_POINTS)))
        frames[some] = np.log(np.maximum(power @ filters, ENERGY_FLOOR))
    return frames
