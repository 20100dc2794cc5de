"""EmoDB: ten German actors speak ten sentences in seven emotions, in an anechoic chamber.

A real record: `wav/03a01Fa.wav` is speaker 03 with sentence a01 in happiness (`F` as in Freude), version a.
What listeners did not recognise or take for natural was left out by the publisher, so the emotions differ in number.

Burkhardt, Paeschke, Rolfes, Sendlmeier, Weiss (2005), "A database of German emotional speech".
"""

import re
from pathlib import Path

from emovae.corpora.corpus import KnownCount, Reader, Survey
from emovae.corpora.named import Naming, find, here
from emovae.corpora.release import Archive
from emovae.utterance import Utterance

LETTERS = {
    "A": "fear",  # Angst
    "E": "disgust",  # Ekel
    "F": "happiness",  # Freude
    "L": "boredom",  # Langeweile
    "N": "neutral",
    "T": "sadness",  # Trauer
    "W": "anger",  # Wut
}

GENDERS = {
    **dict.fromkeys(("03", "10", "11", "12", "15"), "male"),
    **dict.fromkeys(("08", "09", "13", "14", "16"), "female"),
}

NAMING = Naming(
    title="EmoDB",
    place=re.compile(
        rf"wav/(?P<id>(?P<speaker>{'|'.join(sorted(GENDERS))})(?P<sentence>[ab]\d\d)(?P<emotion>[AEFLNTW])[a-z])"
        r"\.(?i:wav|flac)"
    ),
    example="wav/03a01Fa.wav",
    glances=("wav/*",),
    published=535,
    within="wav",
)


def _survey(root: Path) -> Survey:
    found = find(root, NAMING)
    return Survey(
        name="emodb",
        utterances=tuple(_utterance(root / place, name) for place, name in found.named.items()),
        notices=here(NAMING, len(found.named)),
        findings=found.misnamed,
    )


def _utterance(path: Path, named: re.Match[str]) -> Utterance:
    return Utterance(
        id=named["id"],
        audio=path,
        speaker=named["speaker"],
        emotion=LETTERS[named["emotion"]],
        language="German",
        gender=GENDERS[named["speaker"]],
        sentence=named["sentence"],
    )


EMOTIONS = {"anger": 127, "boredom": 81, "disgust": 46, "fear": 69, "happiness": 71, "neutral": 79, "sadness": 62}

KNOWN = (KnownCount("emotions", ("emotion",), {(emotion,): count for emotion, count in EMOTIONS.items()}),)

READER = Reader(
    name="emodb",
    title="EmoDB: acted German, 535 utterances, 10 speakers, 7 emotions",
    expects="the folder wav/ with recordings such as wav/03a01Fa.wav",
    licence="see the publisher's page; cite Burkhardt et al. (2005)",
    source="http://emodb.bilderbar.info",
    fits=NAMING.fits,
    survey=_survey,
    known=KNOWN,
    release=Archive("http://emodb.bilderbar.info/download/download.zip"),
)
