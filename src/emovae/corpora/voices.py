"""Voices made by arithmetic: a buzz with the shape of a glottal pulse, shaped by the resonances of a tube.

A source and a filter, as phonetics has it: the glottis gives pitch and tilt, the tract gives vowels, a hiss takes the
place of some consonants. The syllables say nothing.
"""

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy  # scipy.signal takes half a second to import, so it comes with the first sound
from numpy.typing import NDArray

from emovae.audio import SAMPLE_RATE_HZ, Waveform


class Manner(NamedTuple):
    """A departure from the speaker's neutral voice; every unit is logarithmic, so that departures add."""

    pitch_st: float  # semitones
    range_octaves: float  # of the pitch range: 1 is twice as wide
    rate_octaves: float
    loudness_db: float
    tilt_octaves: float  # up is brighter


class Speaker(NamedTuple):
    """A neutral voice."""

    name: str
    gender: str
    session: str
    pitch_hz: float
    formants: float  # factor on all formants: a shorter vocal tract has higher ones
    syllables_per_s: float
    loudness_db: float
    breath: float  # hiss in the voice, against the pulse


VOWELS_HZ = (  # the lowest three formants of a, e, i, o and u, for a factor of 1
    (740, 1220, 2450),
    (480, 1850, 2520),
    (290, 2230, 2960),
    (500, 890, 2430),
    (320, 820, 2260),
)
UPPER_FORMANTS_HZ = (3450, 4400, 5400)  # the same for all vowels
FRICATIVES_HZ = ((2_400, 3_800), (4_400, 7_000))  # the bands of "sh" and "s"
FRICATIVE = 0.35  # that hiss before its filter, against the mean voice
FRICATIVES_SHARE = 0.4  # of the syllables; the others begin with a closure
OPEN_QUOTIENT = 0.62  # share of a period in which the glottis is open
TILT_HZ = 1_000.0  # above this frequency the neutral pulse falls off faster
ACCENT_ST = 2.0  # neutral pitch range: standard deviation among syllables
FALL_ST = 3.0  # the same, from the beginning of the utterance to its end
JITTER_ST, JITTER_S = 0.25, 0.005  # roughness of the pitch, and how long a value lasts
LENGTH_S = (1.1, 2.5)  # without the pause; drawn first, so that no emotion has the longer utterances
PAUSE_S = (0.1, 0.3)  # once inside the utterance
PHRASE_S = 2.5  # where the length is given, a pause for each so much of it
SILENCE_S = 0.05  # before the first syllable and after the last
LEVEL_DB = -32.0  # root mean square of a neutral voice, 0 being full scale
ROOM_DB = -70.0  # the same of the noise that is always there
LARGEST = 0.97  # what would go beyond is turned down as a whole, not clipped

Samples = NDArray[np.float64]


def speak(speaker: Speaker, manner: Manner, generator: np.random.Generator, length_s: float | None = None) -> Waveform:
    """Some syllables in this voice and manner; which ones, the generator decides.

    Args:
        speaker: the voice.
        manner: its departure from neutral.
        generator: all chance comes from here.
        length_s: how long it takes, at least half a second; None leaves that to the generator, too.

    Returns:
        float32 samples at 16 kHz within -0.97..0.97, of the length given, else 1.1 to 3.2 seconds.
    """
    per_s = speaker.syllables_per_s * 2**manner.rate_octaves
    if length_s is None:
        syllables = _syllables(per_s, generator)
        samples = int((syllables.end_s[-1] + SILENCE_S) * SAMPLE_RATE_HZ)
    else:
        syllables = _syllables_within(length_s, per_s, generator)
        samples = round(length_s * SAMPLE_RATE_HZ)
    vowel = _pulses(speaker.pitch_hz, manner, syllables, generator, samples)
    vowel += speaker.breath * generator.standard_normal(samples)
    vowel *= _rise_and_fall(syllables.vowel_s, syllables.end_s, syllables.gain, samples)
    hiss = FRICATIVE * generator.standard_normal(samples)
    hiss *= _rise_and_fall(syllables.start_s, syllables.vowel_s, syllables.hiss, samples)
    _articulate(vowel, hiss, syllables, speaker.formants, generator)
    sound = _factor(LEVEL_DB + speaker.loudness_db + manner.loudness_db) * (vowel / np.std(vowel) + hiss)
    sound += _factor(ROOM_DB) * generator.standard_normal(samples)
    sound *= min(1.0, LARGEST / np.abs(sound).max())
    return sound.astype(np.float32)


def _factor(level_db: float) -> float:
    return float(10 ** (level_db / 20))


class _Syllables(NamedTuple):  # each [syllable]
    start_s: Samples
    vowel_s: Samples  # where the consonant ends
    end_s: Samples
    gain: Samples
    hiss: Samples  # 1 where the consonant is a fricative, 0 where it is a closure


def _syllables(per_s: float, generator: np.random.Generator) -> _Syllables:
    count = round(generator.uniform(*LENGTH_S) * per_s)
    length_s = generator.uniform(0.75, 1.25, count) / per_s
    pause_s = np.zeros(count)
    pause_s[generator.integers(1, count)] = generator.uniform(*PAUSE_S)
    return _spoken(length_s, pause_s, generator)


def _syllables_within(total_s: float, per_s: float, generator: np.random.Generator) -> _Syllables:
    """As many syllables and pauses as the time gives room for, stretched to fill it."""
    pauses = int(total_s / PHRASE_S)
    sound_s = total_s - 2 * SILENCE_S
    count = max(pauses + 2, round((sound_s - pauses * sum(PAUSE_S) / 2) * per_s))
    length_s = generator.uniform(0.75, 1.25, count)
    pause_s = np.zeros(count)
    pause_s[generator.choice(np.arange(1, count), pauses, replace=False)] = generator.uniform(*PAUSE_S, pauses)
    return _spoken(length_s * ((sound_s - pause_s.sum()) / length_s.sum()), pause_s, generator)


def _spoken(length_s: Samples, pause_s: Samples, generator: np.random.Generator) -> _Syllables:
    count = length_s.size
    end_s = SILENCE_S + np.cumsum(pause_s + length_s)
    start_s = end_s - length_s
    vowel_s = start_s + generator.uniform(0.25, 0.45, count) * length_s
    gain = np.linspace(1.1, 0.7, count) * generator.uniform(0.7, 1.2, count)
    return _Syllables(start_s, vowel_s, end_s, gain, generator.binomial(1, FRICATIVES_SHARE, count).astype(float))


def _pulses(
    pitch_hz: float, manner: Manner, syllables: _Syllables, generator: np.random.Generator, samples: int
) -> Samples:
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    knots_s = np.arange(0, time_s[-1], JITTER_S)
    accents_st = ACCENT_ST * generator.standard_normal(syllables.gain.size).clip(-2, 2)
    accent_st = np.interp(knots_s, (syllables.vowel_s + syllables.end_s) / 2, accents_st)
    melody_st = 2**manner.range_octaves * (accent_st + FALL_ST * (0.5 - knots_s / knots_s[-1]))
    melody_st += manner.pitch_st + JITTER_ST * generator.standard_normal(knots_s.size)
    periods = np.cumsum(np.interp(time_s, knots_s, pitch_hz * 2 ** (melody_st / 12))) / SAMPLE_RATE_HZ
    # While the glottis is open the flow is x^2 - x^3; the lips radiate its derivative.
    opened = np.minimum((periods % 1) / OPEN_QUOTIENT, 1)
    pulses = np.where(opened < 1, (2 - 3 * opened) * opened, 0)
    pole = np.exp(-2 * np.pi * TILT_HZ * 2**manner.tilt_octaves / SAMPLE_RATE_HZ)
    return scipy.signal.sosfilt([[1 - pole, 0, 0, 1, -pole, 0]], pulses)


def _rise_and_fall(start_s: Samples, end_s: Samples, gain: Samples, samples: int) -> Samples:
    length_s = end_s - start_s
    knots_s = np.stack((start_s, start_s + 0.2 * length_s, end_s - 0.4 * length_s, end_s), axis=1)
    knots = np.stack((0 * gain, gain, 0.8 * gain, 0 * gain), axis=1)
    return np.interp(np.arange(samples) / SAMPLE_RATE_HZ, knots_s.ravel(), knots.ravel())


def _articulate(
    vowel: Samples, hiss: Samples, syllables: _Syllables, formants: float, generator: np.random.Generator
) -> None:
    # A new vowel begins where the last one has rung out, so no filter needs to hand on its state.
    borders = np.concatenate(([0], syllables.vowel_s * SAMPLE_RATE_HZ, [vowel.size])).astype(int)
    for begin, end in pairwise(borders.tolist()):
        lower_hz = generator.uniform(0.95, 1.05, 3) * VOWELS_HZ[generator.integers(len(VOWELS_HZ))]
        tract = _resonances(formants * np.append(lower_hz, UPPER_FORMANTS_HZ))
        vowel[begin:end] = scipy.signal.sosfilt(tract, vowel[begin:end])
        band = _fricatives()[generator.integers(len(FRICATIVES_HZ))]
        hiss[begin:end] = scipy.signal.sosfilt(band, hiss[begin:end])


def _resonances(middle_hz: Samples) -> Samples:
    """One second-order section for each formant, [formant, 6]; 0 Hz passes unchanged."""
    radius = np.exp(-np.pi * (50 + 0.03 * middle_hz) / SAMPLE_RATE_HZ)  # high formants are the broader ones
    a1, a2 = -2 * radius * np.cos(2 * np.pi * middle_hz / SAMPLE_RATE_HZ), radius**2
    none = np.zeros_like(a1)
    return np.stack((1 + a1 + a2, none, none, none + 1, a1, a2), axis=1)


@cache
def _fricatives() -> tuple[Samples, ...]:
    return tuple(
        scipy.signal.butter(2, band_hz, "bandpass", output="sos", fs=SAMPLE_RATE_HZ) for band_hz in FRICATIVES_HZ
    )
