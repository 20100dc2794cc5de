"""TESS: two actresses, one of 26 and one of 64 years, say 200 words in seven emotions, as `Say the word back`.

A real record: `OAF_angry/OAF_back_angry.wav` is the older actress with the word `back` in anger; `ps` in a name is
pleasant surprise. Folders are spelled in several ways (`OAF_Pleasant_surprise`, `YAF_pleasant_surprised`), and one
recording of the older actress is called `OA_bite_neutral.wav`.
With two speakers, one of them is all that can be learned from: such figures say little about a third person.

Dupuis, Pichora-Fuller (2010), "Toronto emotional speech set (TESS)".
"""

import re
from pathlib import Path

from emovae.corpora.corpus import KnownCount, Reader, Survey
from emovae.corpora.named import Naming, find, here, torn
from emovae.corpora.release import Deposit
from emovae.utterance import Utterance

EMOTIONS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sadness",
}

FOLDERS = {**EMOTIONS, "pleasant_surprise": "surprise", "pleasant_surprised": "surprise"}
"""How a folder ends, in small letters -> the emotion."""

NAMING = Naming(
    title="TESS",
    place=re.compile(
        r"(?:(?P<folder>[OY]AF)_(?P<label>\w+)/)?"
        rf"(?P<id>(?P<actress>OA|YA)F?_(?P<word>[a-z]+)_(?P<emotion>{'|'.join(EMOTIONS)}))\.(?i:wav|flac)"
    ),
    example="OAF_angry/OAF_back_angry.wav",
    glances=("*", "[OY]AF_*/*"),
    published=2800,
)


def _survey(root: Path) -> Survey:
    found = find(root, NAMING)
    utterances = {place: _utterance(root / place, name) for place, name in found.named.items()}
    actress = [place for place, name in found.named.items() if name["folder"] not in (None, utterances[place].speaker)]
    emotion = [
        place
        for place, name in found.named.items()
        if name["label"] and FOLDERS.get(name["label"].lower()) != utterances[place].emotion
    ]
    return Survey(
        name="tess",
        utterances=tuple(utterances.values()),
        notices=(*here(NAMING, len(utterances)), "TESS has two speakers: its figures say little about a third"),
        findings=(*found.misnamed, *torn(root, actress, "actress"), *torn(root, emotion, "emotion")),
    )


def _utterance(path: Path, named: re.Match[str]) -> Utterance:
    return Utterance(
        id=named["id"],
        audio=path,
        speaker=f"{named['actress']}F",
        emotion=EMOTIONS[named["emotion"]],
        language="English",
        gender="female",
        sentence=named["word"],
        transcript=f"Say the word {named['word']}",
    )


KNOWN = (
    KnownCount("emotions", ("emotion",), {(emotion,): 400 for emotion in EMOTIONS.values()}),
    KnownCount("speakers", ("speaker",), {("OAF",): 1400, ("YAF",): 1400}),
)

READER = Reader(
    name="tess",
    title="TESS: acted English, 2,800 utterances, 2 speakers, 7 emotions",
    expects="folders such as OAF_angry/ with recordings such as OAF_angry/OAF_back_angry.wav, or these in one folder",
    licence="CC BY-NC-ND 4.0",
    source="https://doi.org/10.5683/SP2/E8H2MF",
    fits=NAMING.fits,
    survey=_survey,
    known=KNOWN,
    release=Deposit("https://borealisdata.ca", "dataverse", "10.5683/SP2/E8H2MF"),
)
