"""Samples of any rate come chunk by chunk, and become those at 16 kHz that the whole so far would become.

A sample at 16 kHz depends on its neighbourhood alone. So what lies far enough before the end is settled; the rest is
computed anew with each chunk, from a little before it: soxr's HQ filter reaches 22 ms at 8 kHz, and less above.
"""

import math
from typing import NamedTuple

import numpy as np
import soxr

from emovae.audio import SAMPLE_RATE_HZ, Waveform

REACH_SAMPLES = 800
"""At 16 kHz: 50 ms on either side of a sample, twice as far as the filter reaches at 4 kHz."""


class Resampled(NamedTuple):
    """What a chunk adds, float32 [sample] at 16 kHz.

    Attributes:
        settled: it stays.
        open: what follows it, as if the recording ended here.
    """

    settled: Waveform
    open: Waveform


class Resampler:
    """Resamples a recording that goes on.

    Args:
        rate_hz: of what comes.
    """

    def __init__(self, rate_hz: int) -> None:
        common = math.gcd(rate_hz, SAMPLE_RATE_HZ)
        self.rate_hz = rate_hz
        # After so many samples both rates are in step again, and only there may what is computed anew begin.
        self.block, self.block_out = rate_hz // common, SAMPLE_RATE_HZ // common
        self.kept, self.done = np.empty(0, np.float32), 0  # samples kept; how many at 16 kHz are settled of them

    def push(self, chunk: Waveform) -> Resampled:
        """Takes the next samples [sample]."""
        if self.rate_hz == SAMPLE_RATE_HZ:
            return Resampled(chunk, chunk[:0])
        self.kept = np.concatenate([self.kept, chunk])
        if not len(self.kept):
            return Resampled(self.kept, self.kept)
        whole = soxr.resample(self.kept, self.rate_hz, SAMPLE_RATE_HZ, quality="HQ")
        until = max(self.done, len(whole) - REACH_SAMPLES)
        found = Resampled(whole[self.done : until], whole[until:])
        blocks = max(0, until - REACH_SAMPLES) // self.block_out
        self.kept, self.done = self.kept[blocks * self.block :], until - blocks * self.block_out
        return found
