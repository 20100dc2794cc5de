"""SAVEE: four Englishmen, researchers at Surrey, speak TIMIT sentences in seven emotions.

A real record: `DC_a01.wav`, or `AudioData/DC/a01.wav`, is speaker DC in anger, sentence 01 of that emotion.
Numbers begin anew in each emotion, and no name says which few sentences the emotions share: so none is given here.

Haq, Jackson (2010), "Multimodal emotion recognition".
"""

import re
from pathlib import Path

from emovae.corpora.corpus import KnownCount, Reader, Survey
from emovae.corpora.named import Naming, find, here
from emovae.corpora.release import ByHand
from emovae.utterance import Utterance

EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}

SPEAKERS = ("DC", "JE", "JK", "KL")

_SPEAKER = "|".join(SPEAKERS)

NAMING = Naming(
    title="SAVEE",
    place=re.compile(
        rf"(?:(?:AudioData/)?(?P<folder>{_SPEAKER})/|(?:ALL/)?(?P<prefix>{_SPEAKER})_)"
        rf"(?P<number>(?P<emotion>{'|'.join(EMOTIONS)})\d\d)\.(?i:wav|flac)"
    ),
    example="AudioData/DC/a01.wav or DC_a01.wav",
    glances=("*", "ALL/*", *(f"{where}{speaker}/*" for where in ("", "AudioData/") for speaker in SPEAKERS)),
    published=480,
)


def _survey(root: Path) -> Survey:
    found = find(root, NAMING)
    return Survey(
        name="savee",
        utterances=tuple(_utterance(root / place, name) for place, name in found.named.items()),
        notices=here(NAMING, len(found.named)),
        findings=found.misnamed,
    )


def _utterance(path: Path, named: re.Match[str]) -> Utterance:
    speaker = named["folder"] or named["prefix"]
    return Utterance(
        id=f"{speaker}_{named['number']}",
        audio=path,
        speaker=speaker,
        emotion=EMOTIONS[named["emotion"]],
        language="English",
        gender="male",
    )


KNOWN = (
    KnownCount(
        "emotions", ("emotion",), {(emotion,): 120 if emotion == "neutral" else 60 for emotion in EMOTIONS.values()}
    ),
    KnownCount("speakers", ("speaker",), {(speaker,): 120 for speaker in SPEAKERS}),
)

READER = Reader(
    name="savee",
    title="SAVEE: acted English, 480 utterances, 4 men, 7 emotions",
    expects="AudioData/ with the folders DC, JE, JK and KL and recordings such as DC/a01.wav, or all as DC_a01.wav",
    licence="research use",
    source="http://kahlan.eps.surrey.ac.uk/savee",
    fits=NAMING.fits,
    survey=_survey,
    known=KNOWN,
    release=ByHand("ask its authors for access, as that page says"),
)
