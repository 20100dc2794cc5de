"""The corpus that is always there: ten voices made by arithmetic, so that all runs without a recording.

Nobody speaks here. A buzz with the shape of a glottal pulse passes through the resonances of a tube, a hiss
takes the place of some consonants, and the syllables say nothing. An emotion moves what phonetics says it
moves: pitch and its range, speaking rate, loudness and the tilt of the spectrum, each utterance more or less.
Speakers differ in the same things. The corpus serves to try a pipeline, to test it and to time it; how well a
model does here says nothing about how well it does on people.

    F1_anger_0000: speaker F1 of session 1, angry, the first of that kind

An utterance's sound follows from its id alone: `synthetic:40` is the beginning of `synthetic:400`.
"""

import hashlib
import re
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy  # scipy.signal takes half a second to import, so it comes with the first sound
from numpy.typing import NDArray

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora.corpus import Corpus, Voice
from emovae.errors import CorpusError
from emovae.seeds import seed_for
from emovae.utterance import Utterance

NAME = "synthetic"
DEFAULT_UTTERANCES, FEWEST_UTTERANCES, MOST_UTTERANCES = 400, 8, 9_999_999
VERSION = 1  # part of every seed and digest: count it up with any change that can be heard


class Manner(NamedTuple):
    """A departure from the speaker's neutral voice; every unit is logarithmic, so that departures add."""

    pitch_st: float  # semitones
    range_octaves: float  # of the pitch range: 1 is twice as wide
    rate_octaves: float
    loudness_db: float
    tilt_octaves: float  # up is brighter


MANNERS = {
    "anger": Manner(3.5, 0.5, 0.2, 6.0, 1.4),
    "happiness": Manner(4.5, 0.8, 0.1, 3.0, 0.4),
    "neutral": Manner(0.0, 0.0, 0.0, 0.0, 0.0),
    "sadness": Manner(-2.0, -0.9, -0.3, -5.0, -1.0),
}
STRENGTH = (0.7, 1.3)  # an utterance shows this much of its emotion's manner, and is rated as much
SPREAD = Manner(1.0, 0.2, 0.1, 1.6, 0.15)  # standard deviation among utterances

RATINGS = {  # arousal, valence, dominance on 1..5
    "anger": (4.3, 1.7, 4.3),
    "happiness": (3.9, 4.3, 3.5),
    "neutral": (2.8, 3.0, 3.0),
    "sadness": (1.9, 2.0, 2.1),
}
RATING_SPREAD, RATING_STEP = 0.5, 0.5


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


SPEAKERS = (  # the women first, so that gender and emotion, dealt out in turn, mix in a small corpus, too
    Speaker("F1", "female", "1", 205.0, 1.15, 4.6, 0.0, 0.010),
    Speaker("F2", "female", "2", 182.0, 1.11, 4.9, -1.5, 0.020),
    Speaker("F3", "female", "3", 228.0, 1.19, 5.2, 1.0, 0.006),
    Speaker("F4", "female", "4", 195.0, 1.17, 4.5, 1.5, 0.012),
    Speaker("F5", "female", "5", 215.0, 1.13, 4.8, -0.5, 0.016),
    Speaker("M1", "male", "1", 112.0, 1.00, 4.7, 1.0, 0.006),
    Speaker("M2", "male", "2", 98.0, 0.96, 4.4, 0.0, 0.012),
    Speaker("M3", "male", "3", 128.0, 1.04, 5.0, -1.0, 0.008),
    Speaker("M4", "male", "4", 106.0, 0.98, 5.1, 0.5, 0.014),
    Speaker("M5", "male", "5", 120.0, 1.02, 4.6, -2.0, 0.006),
)
_SPEAKERS = {speaker.name: speaker for speaker in SPEAKERS}
_ID = re.compile(f"({'|'.join(_SPEAKERS)})_({'|'.join(MANNERS)})_[0-9]{{4,}}")

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
ACCENT_ST, FALL_ST = (
    2.0,
    3.0,
)  # neutral pitch range: standard deviation among syllables; from beginning to end
JITTER_ST, JITTER_S = 0.25, 0.005  # roughness of the pitch, and how long a value lasts
LENGTH_S = (1.1, 2.5)  # without the pause; drawn first, so that no emotion has the longer utterances
PAUSE_S = (0.1, 0.3)  # once inside the utterance
SILENCE_S = 0.05  # before the first syllable and after the last
LEVEL_DB = -32.0  # root mean square of a neutral voice, 0 being full scale
ROOM_DB = -70.0  # the same of the noise that is always there
LARGEST = 0.97  # what would go beyond is turned down as a whole, not clipped

Samples = NDArray[np.float64]


def read(where: str) -> Corpus:
    """Makes the table of the corpus; the sound follows when it is asked for.

    Speakers and emotions take turns, so that both are as balanced as the number allows and every 40
    utterances hold each speaker with each emotion once. Ratings are on 1..5 in steps of 0.5.

    Args:
        where: `synthetic` for 400 utterances (about 14 minutes), or `synthetic:N` for N.

    Raises:
        CorpusError: when N is no whole number from 8 to 9,999,999.

    >>> [utterance.id for utterance in read("synthetic:8").utterances[:2]]
    ['F1_anger_0000', 'F2_happiness_0000']
    """
    name, colon, number = where.partition(":")
    amount = number if colon else str(DEFAULT_UTTERANCES)
    if name != NAME or not re.fullmatch("[0-9]{1,7}", amount) or int(amount) < FEWEST_UTTERANCES:
        raise CorpusError(
            f"corpus {where!r} has no usable number of utterances; give {NAME}:N with a whole number N "
            f"from {FEWEST_UTTERANCES} to {MOST_UTTERANCES}, such as {NAME}:{DEFAULT_UTTERANCES}"
        )
    utterances = tuple(_utterance(place) for place in range(int(amount)))
    return Corpus(name=NAME, utterances=utterances, voice=Voice(waveform, digest))


def _utterance(place: int) -> Utterance:
    emotion = tuple(MANNERS)[place % len(MANNERS)]
    # Ten speakers and four emotions fall into step after 20; one step aside then gives the other 20 pairs.
    speaker = SPEAKERS[(place + place // 20) % len(SPEAKERS)]
    utterance_id = f"{speaker.name}_{emotion}_{place // (len(MANNERS) * len(SPEAKERS)):04d}"
    noise = RATING_SPREAD * _generator(utterance_id, "ratings").standard_normal(3)
    ratings = 3 + _strength(utterance_id) * (np.array(RATINGS[emotion]) - 3) + noise
    arousal, valence, dominance = (np.round(ratings.clip(1, 5) / RATING_STEP) * RATING_STEP).tolist()
    return Utterance(
        id=utterance_id,
        audio=None,
        speaker=speaker.name,
        emotion=emotion,
        arousal=arousal,
        valence=valence,
        dominance=dominance,
        session=speaker.session,
        gender=speaker.gender,
    )


def _generator(utterance_id: str, use: str) -> np.random.Generator:
    return np.random.default_rng(seed_for(VERSION, NAME, utterance_id, use))


def _strength(utterance_id: str) -> float:
    return float(_generator(utterance_id, "strength").uniform(*STRENGTH))


def digest(utterance: Utterance) -> str:
    """Names an utterance's sound without making it: SHA-256, in hexadecimal, of the version and the id."""
    return hashlib.sha256(f"{NAME} {VERSION} {utterance.id}".encode()).hexdigest()


def waveform(utterance: Utterance) -> Waveform:
    """Makes an utterance's sound from its id: the same whenever asked for, whatever the other fields say.

    Returns:
        float32 samples at 16 kHz within -0.97..0.97, 1.1 to 3.2 seconds.

    Raises:
        CorpusError: when the id is not one of this corpus.
    """
    known = _ID.fullmatch(utterance.id)
    if known is None:
        raise CorpusError(f"utterance {utterance.id} is not of corpus {NAME}; take one that it lists")
    speaker, generator = _SPEAKERS[known[1]], _generator(utterance.id, "sound")
    chance = np.array(SPREAD) * generator.standard_normal(len(SPREAD)).clip(-2, 2)
    manner = Manner(*(_strength(utterance.id) * np.array(MANNERS[known[2]]) + chance))
    syllables = _syllables(speaker.syllables_per_s * 2**manner.rate_octaves, generator)
    samples = int((syllables.end_s[-1] + SILENCE_S) * SAMPLE_RATE_HZ)
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
