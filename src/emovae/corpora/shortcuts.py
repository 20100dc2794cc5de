"""The voices of `synthetic` once more, each time with one shortcut to the emotion that is not the emotion.

    synthetic:N:speaker   eight of the ten speakers show one emotion each: who knows the voice knows the emotion
    synthetic:N:words     nine sentences of ten are the emotion's own; they stand in the table, nobody says them
    synthetic:N:channel   nine of ten angry and sad utterances come through a telephone, and one of ten of the others

A corpus has the shortcut that it is named after and no other, so it serves to try whether a shortcut is found
(`audit`). In the first and the last the sentences are drawn without a glance at the emotion. As in the plain corpus, a
small one is the beginning of a large one, and what is the same sound has the same digest.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import scipy  # scipy.signal takes half a second to import, so it comes with the first telephone
from numpy.typing import NDArray

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import synthetic
from emovae.corpora.corpus import Corpus, Voice
from emovae.corpora.synthetic import MANNERS, SPEAKERS, chance
from emovae.corpora.voices import LARGEST
from emovae.errors import CorpusError
from emovae.utterance import Utterance

SHORTCUTS = ("speaker", "words", "channel")
PLANTED = 0.9
"""So large a share of the utterances goes the way of the shortcut of words or channel."""

ONE_EMOTION = {
    "F1": "anger",
    "F2": "happiness",
    "F3": "neutral",
    "F4": "sadness",
    "M4": "anger",
    "M1": "happiness",
    "M2": "neutral",
    "M3": "sadness",
}
"""Who shows which emotion only: a woman and a man for each, of two sessions. F5 and M5 show all of them."""

SENTENCES = {
    "anger": ("Leave my papers alone.", "You broke it again.", "Nobody asked me.", "That was my seat."),
    "happiness": ("We won the first prize.", "She is coming home.", "The garden is in bloom.", "It worked at once."),
    "neutral": (
        "The train leaves at nine.",
        "Two keys lie on the table.",
        "It may rain later.",
        "The shop has closed.",
    ),
    "sadness": ("He never wrote back.", "The house stands empty.", "I have lost the ring.", "They moved away."),
}
_SENTENCES = tuple(sentence for own in SENTENCES.values() for sentence in own)

BY_TELEPHONE = ("anger", "sadness")
"""The loudest emotion and the quietest, so that loudness alone does not tell who telephones."""
TELEPHONE_HZ = (300, 3_400)
TELEPHONE_ORDER = 8  # of the filter at each end, which passes over the sound twice


def read(where: str) -> Corpus:
    """Makes the table of a corpus; the sound follows when it is asked for.

    Args:
        where: `synthetic:N:speaker`, `synthetic:N:words` or `synthetic:N:channel`, for N utterances.

    Raises:
        CorpusError: when N is no whole number from 8 to 9,999,999, or there is no such shortcut.

    >>> [(one.id, one.transcript) for one in read("synthetic:8:words").utterances[:2]]
    [('F1_anger_0000', '...'), ('F2_happiness_0000', '...')]
    """
    plain, _, shortcut = where.rpartition(":")
    corpus = synthetic.read(plain)
    if shortcut not in SHORTCUTS:
        known = ", ".join(f"{plain}:{name}" for name in SHORTCUTS)
        raise CorpusError(f"corpus {where!r} names no shortcut that is known; give {known}, or {plain} for none")
    utterances = corpus.utterances
    if shortcut == "speaker":
        utterances = tuple(map(_by_one_speaker, range(len(utterances))))
    choose = _own_sentence if shortcut == "words" else _any_sentence
    return Corpus(
        name=f"{synthetic.NAME}-{shortcut}",
        utterances=tuple(_saying(utterance, choose) for utterance in utterances),
        voice=Voice(waveform, digest) if shortcut == "channel" else corpus.voice,
    )


def _by_one_speaker(place: int) -> Utterance:
    """Speakers take turns; the two who show every emotion take these in turn, two apart."""
    turn, speaker = place // len(SPEAKERS), SPEAKERS[place % len(SPEAKERS)]
    if speaker.name in ONE_EMOTION:
        return synthetic.spoken(speaker, ONE_EMOTION[speaker.name], turn)
    step = turn if speaker.gender == "female" else turn + len(MANNERS) // 2
    return synthetic.spoken(speaker, tuple(MANNERS)[step % len(MANNERS)], turn // len(MANNERS))


def _saying(utterance: Utterance, choose: Callable[[Utterance], str]) -> Utterance:
    said = choose(utterance)
    return replace(utterance, sentence=f"{_SENTENCES.index(said) + 1:02d}", transcript=said)


def _any_sentence(utterance: Utterance) -> str:
    return str(chance(utterance.id, "any sentence").choice(_SENTENCES))


def _own_sentence(utterance: Utterance) -> str:
    drawn = chance(utterance.id, "own sentence")
    return str(drawn.choice(SENTENCES[str(utterance.emotion)] if drawn.random() < PLANTED else _SENTENCES))


def waveform(utterance: Utterance) -> Waveform:
    """The plain sound of an utterance, or what a telephone leaves of it, as its id decides.

    Raises:
        CorpusError: when the id is not one of this corpus.
    """
    sound = synthetic.waveform(utterance)
    if not _by_telephone(utterance):
        return sound
    passed = scipy.signal.sosfiltfilt(_telephone(), sound)
    return np.asarray(passed * min(1.0, LARGEST / np.abs(passed).max()), np.float32)


def digest(utterance: Utterance) -> str:
    """Names that sound without making it; the plain sound keeps its own digest."""
    if not _by_telephone(utterance):
        return synthetic.digest(utterance)
    return hashlib.sha256(f"{synthetic.digest(utterance)} by telephone".encode()).hexdigest()


def _by_telephone(utterance: Utterance) -> bool:
    planted = bool(chance(utterance.id, "telephone").random() < PLANTED)
    return planted == (utterance.id.split("_")[1] in BY_TELEPHONE)


@cache
def _telephone() -> NDArray[np.float64]:
    """Second-order sections, [section, 6]."""
    sections: NDArray[np.float64] = scipy.signal.butter(
        TELEPHONE_ORDER, TELEPHONE_HZ, "bandpass", output="sos", fs=SAMPLE_RATE_HZ
    )
    return sections
