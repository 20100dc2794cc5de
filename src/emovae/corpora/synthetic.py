"""The corpus that is always there: ten voices made by arithmetic, so that all runs without a recording.

Nobody speaks here. A buzz with the shape of a glottal pulse passes through the resonances of a tube, a hiss
takes the place of some consonants, and the syllables say nothing. An emotion moves what phonetics says it
moves: pitch and its range, speaking rate, loudness and the tilt of the spectrum, each utterance more or less.
Speakers differ in the same things. The corpus serves to try a pipeline, to test it and to time it; how well a
model does here says nothing about how well it does on people.

    F1_anger_0000: speaker F1 of session 1, angry, the first of that kind

An utterance's sound follows from its id alone: `synthetic:40` is the beginning of `synthetic:400`. In `shortcuts` are
corpora of the same voices that give their emotions away by something else.
"""

import hashlib
import re

import numpy as np

from emovae.audio import Waveform
from emovae.corpora.corpus import Corpus, Voice
from emovae.corpora.voices import Manner, Speaker, speak
from emovae.errors import CorpusError
from emovae.seeds import seed_for
from emovae.utterance import Utterance

NAME = "synthetic"
DEFAULT_UTTERANCES, FEWEST_UTTERANCES, MOST_UTTERANCES = 400, 8, 9_999_999
VERSION = 1  # part of every seed and digest: count it up with any change that can be heard


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
    return spoken(speaker, emotion, place // (len(MANNERS) * len(SPEAKERS)))


def spoken(speaker: Speaker, emotion: str, number: int) -> Utterance:
    """What a speaker says in an emotion for the n-th time, counted from 0; the ratings follow from its id, too."""
    utterance_id = f"{speaker.name}_{emotion}_{number:04d}"
    noise = RATING_SPREAD * chance(utterance_id, "ratings").standard_normal(3)
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


def chance(utterance_id: str, use: str) -> np.random.Generator:
    """All that is drawn for one use of one utterance."""
    return np.random.default_rng(seed_for(VERSION, NAME, utterance_id, use))


def _strength(utterance_id: str) -> float:
    return float(chance(utterance_id, "strength").uniform(*STRENGTH))


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
    speaker, generator = _SPEAKERS[known[1]], chance(utterance.id, "sound")
    spread = np.array(SPREAD) * generator.standard_normal(len(SPREAD)).clip(-2, 2)
    manner = Manner(*(_strength(utterance.id) * np.array(MANNERS[known[2]]) + spread))
    return speak(speaker, manner, generator)
