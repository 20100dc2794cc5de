"""A waveform becomes log-mel frames (section 4.2), pinned to the last sample.

Samples in -1..1; frames of 400 every 160, none padded; symmetric Hamming window; no pre-emphasis, dither or removal of
the mean; power of a 512-point DFT; 80 triangles, linear in mel = 1127 ln(1 + f / 700), peak 1; the logarithm of their
energy, floored. This equals kaldi-native-fbank so configured.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emovae.audio import Waveform
from emovae.mel import BINS, DFT_POINTS, ENERGY_FLOOR, HOP_MS, HOP_SAMPLES, WINDOW_SAMPLES, filter_bank, mel
from emovae.settings import FrontEnd

__all__ = [
    "BINS",
    "BLOCK_FRAMES",
    "DFT_POINTS",
    "ENERGY_FLOOR",
    "HOP_MS",
    "HOP_SAMPLES",
    "MANY_FRAMES",
    "ROWS",
    "WINDOW_SAMPLES",
    "LogMel",
    "filled",
    "filter_bank",
    "frame_count",
    "log_mel",
    "log_mels",
    "mel",
]

BEYOND_SAMPLES: Final = DFT_POINTS - WINDOW_SAMPLES
BANDS_AT_ONCE: Final = 16
"""Neighbours are computed together from the bins that they reach, a vector of the processor wide."""
BLOCK_FRAMES: Final = 384
"""Frames computed at once: few enough for the processor's cache, enough to keep it busy."""
MANY_FRAMES: Final = 1024
"""The same where several threads compute: they hinder each other once an operation, so that fewer and longer ones do
better."""
ROWS: Final = 32
"""A block has a multiple of so many frames, be they silence."""


def frame_count(samples: int) -> int:
    """How many frames a waveform has: 1 + floor((n - 400) / 160), or none below 400 samples.

    >>> frame_count(399), frame_count(400), frame_count(16_000)
    (0, 1, 98)
    """
    return 0 if samples < WINDOW_SAMPLES else 1 + (samples - WINDOW_SAMPLES) // HOP_SAMPLES


def filled(waveform: Waveform) -> Waveform:
    """A waveform [sample] that has a frame at least; below 25 ms it is filled up with silence."""
    return np.pad(waveform, (0, max(0, WINDOW_SAMPLES - len(waveform))))


class LogMel(nn.Module):
    """Log-mel frames of a batch of waveforms, on any device.

    >>> LogMel()(torch.zeros(2, 16_000)).shape
    torch.Size([2, 98, 80])
    """

    window: Tensor  # [sample], zeros up to the transform's length

    def __init__(self, front_end: FrontEnd | None = None) -> None:
        super().__init__()
        front_end = FrontEnd() if front_end is None else front_end
        window = torch.hamming_window(WINDOW_SAMPLES, periodic=False, dtype=torch.float64)
        self.register_buffer("window", F.pad(window, (0, BEYOND_SAMPLES)).float())
        self.bands = front_end.bands
        filters = filter_bank(front_end).repeat(2, axis=0)
        self.reached: dict[str, slice] = {}
        for first in range(0, self.bands, BANDS_AT_ONCE):
            some, name = filters[:, first : first + BANDS_AT_ONCE], f"filters_{first}"
            reached = np.flatnonzero(some.sum(axis=1))
            self.reached[name] = slice(int(reached[0]), int(reached[-1]) + 1)
            self.register_buffer(name, torch.from_numpy(some[self.reached[name]]).float())

    @torch.no_grad()
    def forward(self, waveforms: Tensor) -> Tensor:
        """Waveforms [..., sample], at least 400 samples -> frames [..., frame, band], natural logarithm of energy.

        What is made on the way is changed in place, and so no gradient passes.
        """
        parts = self.squared_parts(F.pad(waveforms, (0, BEYOND_SAMPLES)).unfold(-1, DFT_POINTS, HOP_SAMPLES))
        energies = [parts[..., reached] @ filters for reached, filters in self.filters()]
        return torch.cat(energies, -1).clamp_min_(ENERGY_FLOOR).log_()

    def filters(self) -> list[tuple[slice, Tensor]]:
        """Of each group of bands the parts that it reaches, and their weights [part, band]."""
        return [(reached, self.get_buffer(name)) for name, reached in self.reached.items()]

    def squared_parts(self, cut: Tensor, windowed: Tensor | None = None) -> Tensor:
        """Real and imaginary parts of a spectrum in turn, squared, [..., frame, part]; two add up to a bin's power.

        Args:
            cut: what stands under the transform, [..., frame, sample]; the last 112 samples of 512 count for nothing.
            windowed: room for as much, to be written over.
        """
        windowed = torch.mul(cut, self.window, out=windowed)
        return torch.view_as_real(torch.fft.rfft(windowed)).flatten(-2).square_()


def log_mel(waveform: Waveform, front_end: LogMel) -> NDArray[np.float32]:
    """The frames [frame, band] of one waveform [sample] of any length, block by block, so that memory stays small."""
    return log_mels([waveform], front_end)[0]


def log_mels(
    waveforms: Sequence[Waveform], front_end: LogMel, block_frames: int = BLOCK_FRAMES
) -> list[NDArray[np.float32]]:
    """The frames [frame, band] of each waveform [sample], computed as if they were one.

    Every waveform begins where a frame does, and those few frames that reach from one into the next are dropped.

    Args:
        waveforms: of any length.
        front_end: the filter bank.
        block_frames: how many frames to compute at once, a multiple of `ROWS`. Few stay in the processor's cache; many
            keep threads apart that compute side by side. The frames are the same.
    """
    hops = np.cumsum([0, *(-(-len(waveform) // HOP_SAMPLES) for waveform in waveforms)])
    if len(waveforms) == 1:
        joint = waveforms[0]
    else:
        joint = np.zeros(hops[-1] * HOP_SAMPLES, np.float32)
        for start, waveform in zip(hops[:-1] * HOP_SAMPLES, waveforms, strict=True):
            joint[start : start + len(waveform)] = waveform
    frames = _in_blocks(torch.from_numpy(joint), front_end, block_frames)
    return [
        frames[start : start + frame_count(len(waveform))] for start, waveform in zip(hops[:-1], waveforms, strict=True)
    ]


@torch.inference_mode()
def _in_blocks(samples: Tensor, front_end: LogMel, block_frames: int) -> NDArray[np.float32]:
    """What `LogMel` gives, written where it stays."""
    count = frame_count(len(samples))
    # Whole rows of a matrix product: those at its edge would be rounded otherwise, and differ with their company.
    energies = torch.empty(-(-count // ROWS) * ROWS, front_end.bands)
    groups = list(zip(front_end.filters(), torch.split(energies, BANDS_AT_ONCE, 1), strict=True))
    windowed = torch.empty(min(block_frames, len(energies)), DFT_POINTS)
    for start in range(0, count, block_frames):
        stop = min(start + block_frames, len(energies))
        reach = samples[start * HOP_SAMPLES : (stop - 1) * HOP_SAMPLES + DFT_POINTS]
        missing = (stop - 1 - start) * HOP_SAMPLES + DFT_POINTS - len(reach)
        cut = (F.pad(reach, (0, missing)) if missing else reach).unfold(-1, DFT_POINTS, HOP_SAMPLES)
        parts = front_end.squared_parts(cut, windowed[: len(cut)])
        for (reached, filters), column in groups:
            torch.mm(parts[:, reached], filters, out=column[start:stop])
        energies[start:stop].clamp_min_(ENERGY_FLOOR).log_()
    return energies[:count].numpy()
