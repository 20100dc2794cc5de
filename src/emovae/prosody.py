"""A waveform becomes its melody, its voicing and its loudness: three values for each log-mel frame, without torch.

F0 by autocorrelation, after Boersma (1993), "Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound". A frame of 40 ms without its mean, under a Hann window; the
autocorrelation of that, divided by the window's own: a periodic sound has peaks of height 1 at its period and every
multiple. Among the peaks from 65 to 500 Hz the highest is taken, after a small cost for each octave below 500 Hz, so
that the period wins over its multiples. There is no path over time: each frame is judged by itself.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.mel import HOP_SAMPLES, WINDOW_SAMPLES

PROSODY_VERSION: Final = 1
"""Raised when the same audio gives other values than before."""
COLUMNS: Final = 3
FRAME_MS: Final = 40
FRAME_SAMPLES: Final = SAMPLE_RATE_HZ * FRAME_MS // 1000
BESIDE_SAMPLES: Final = (FRAME_SAMPLES - WINDOW_SAMPLES) // 2
"""So far a frame reaches beyond the log-mel frame of the same centre, on either side."""
LOWEST_HZ: Final = 65
HIGHEST_HZ: Final = 500
FINER: Final = 2
"""Lags to a sample. Peaks of a bright voice are narrow: between whole samples a period would lose to twice itself."""
SHORTEST_LAG: Final = FINER * SAMPLE_RATE_HZ // HIGHEST_HZ
LONGEST_LAG: Final = FINER * SAMPLE_RATE_HZ // LOWEST_HZ
OCTAVE_COST: Final = 0.05
"""In units of the autocorrelation. With 0.01 as in Boersma one octave too low is found more often, in real speech."""
VOICED_STRENGTH: Final = 0.5
VOICED_RANGE: Final = 6.0
"""Nats of energy below the loudest frame, 26 dB; what is softer is the room, or the end of a breath."""
ENERGY_FLOOR: Final = 1e-9
"""Mean square of samples in -1..1; a frame with less is silent."""
NOBODY_HZ: Final = 180.0
"""The F0 of an utterance that is nowhere voiced: the middle of the range, in octaves."""
BLOCK_FRAMES: Final = 64
"""Frames computed at once: few enough for the processor's cache."""

_WINDOW: Final = np.hanning(FRAME_SAMPLES + 2)[1:-1]
_POINTS: Final = fft.next_fast_len(FRAME_SAMPLES + LONGEST_LAG // FINER + 1, real=True)
_LAGS: Final = np.arange(SHORTEST_LAG, LONGEST_LAG + 1)

Values = NDArray[np.float64]


class Track(NamedTuple):
    """What is found in each frame by itself, float64 [frame].

    Attributes:
        f0_hz: of the best candidate, in voiced frames and others; NaN where there is none.
        strength: of voicing, the height of its peak, 0 (no peak) to 1 (periodic).
        energy: natural logarithm of the mean square under the window.
    """

    f0_hz: Values
    strength: Values
    energy: Values


def prosody(waveform: Waveform) -> NDArray[np.float32]:
    """Melody, voicing and loudness of a waveform, without gaps and finite whatever the waveform.

    Where a frame is not voiced (strength at most 0.5, or 6 nats and more under the loudest frame), F0 goes straight, in
    logarithms, from the voiced frame before to the one after, and stays as it is at either end; in an utterance that is
    nowhere voiced it is 180 Hz.

    Args:
        waveform: float32 [sample], in -1..1, 16 kHz.

    Returns:
        [frame, 3]: natural logarithm of F0 in Hz, strength of voicing 0..1, natural logarithm of the mean square. As
        many frames as `logmel` gives, each centred where its frame is.

    >>> tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
    >>> np.exp(prosody(tone)[50].astype(float)).round(1).tolist()
    [200.0, 2.7, 0.1]
    """
    f0_hz, strength, energy = track(waveform)
    log_f0 = np.full(len(energy), np.log(NOBODY_HZ))
    frames = np.arange(len(energy))
    if (voiced := is_voiced(strength, energy)).any():
        log_f0 = np.interp(frames, frames[voiced], np.log(f0_hz[voiced]))
    return np.stack([log_f0, strength, energy], axis=1).astype(np.float32)


def is_voiced(strength: Values, energy: Values) -> NDArray[np.bool_]:
    """Which frames of an utterance are voiced, [frame], by their `Track`."""
    loudest: float = energy.max(initial=np.log(ENERGY_FLOOR))
    voiced: NDArray[np.bool_] = (strength > VOICED_STRENGTH) & (energy > loudest - VOICED_RANGE)
    return voiced


def track(waveform: Waveform) -> Track:
    """F0, voicing and energy of each frame of a waveform [sample]; none below 25 ms."""
    if len(waveform) < WINDOW_SAMPLES:
        return Track(*np.empty((COLUMNS, 0)))
    # Mirrored, where the first and the last frame reach beyond: zeros would make an edge of what is constant.
    wide = np.pad(waveform, BESIDE_SAMPLES, mode="reflect")
    cut = sliding_window_view(wide, FRAME_SAMPLES)[::HOP_SAMPLES]
    blocks = [_track(cut[start : start + BLOCK_FRAMES]) for start in range(0, len(cut), BLOCK_FRAMES)]
    return Track(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _track(cut: NDArray[np.float32]) -> Track:
    """The frames of a block, [frame, sample]."""
    frames = cut.astype(np.float64)
    frames -= frames.mean(axis=1, keepdims=True)
    frames *= _WINDOW
    products = _autocorrelation(frames)
    floor = ENERGY_FLOOR * _OF_WINDOW[0]
    power = np.maximum(products[:, :1], floor)
    heights = products / power / (_OF_WINDOW / _OF_WINDOW[0])
    lag, strength = _best(heights)
    return Track(FINER * SAMPLE_RATE_HZ / lag, strength, np.log(power[:, 0] / _OF_WINDOW[0]))


def _autocorrelation(frames: Values) -> Values:
    """Sums of products at each lag (see `FINER`) from 0 to one beyond the longest, up to a constant, [..., lag].

    What lies between samples is that of the only sound with nothing above 8 kHz that goes through them.
    """
    spectrum = fft.rfft(frames, _POINTS)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    products: Values = fft.irfft(power, FINER * _POINTS)[..., : LONGEST_LAG + 2]
    return products


_OF_WINDOW: Final = _autocorrelation(_WINDOW)


def _best(heights: Values) -> tuple[Values, Values]:
    """Lag (see `FINER`) and height of each frame's best peak, of autocorrelations [frame, lag]; NaN and 0 without one.

    A peak lies between the lags: on the parabola through the highest value and its neighbours.
    """
    before, middle, after = (heights[:, SHORTEST_LAG + beside : LONGEST_LAG + 1 + beside] for beside in (-1, 0, 1))
    is_peak = (middle >= before) & (middle >= after) & (middle > 0)
    bend = np.where(is_peak, np.minimum(before - 2 * middle + after, -np.finfo(float).tiny), -1.0)
    shift = ((before - after) / (2 * bend)).clip(-0.5, 0.5)
    peak = middle - (before - after) * shift / 4
    scores = np.where(is_peak, peak - OCTAVE_COST * np.log2(_LAGS / SHORTEST_LAG), -np.inf)
    rows, chosen = np.arange(len(heights)), scores.argmax(axis=1)
    found = is_peak[rows, chosen]
    lag = np.where(found, _LAGS[chosen] + shift[rows, chosen], np.nan)
    return lag, np.where(found, peak[rows, chosen], 0.0).clip(0, 1)
