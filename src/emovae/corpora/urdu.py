"""URDU: unscripted talk on Urdu television shows; four emotions, 100 utterances of each.

A real record: `Angry/SM1_F10_A010.wav` is file 10 of male speaker 1, angry by its folder and its `A`.
Most speakers show one emotion only. So a fold must keep a speaker whole, and features normalised per speaker
lose what they should tell.

Latif, Qayyum, Usman, Qadir (2018), "Cross lingual speech emotion recognition: Urdu vs. Western languages".
"""

import re
from collections.abc import Mapping
from pathlib import Path

from emovae.corpora.corpus import Finding, KnownCount, Reader, Survey
from emovae.corpora.named import Naming, find, here, more
from emovae.corpora.release import Commit
from emovae.labels import emotion_name
from emovae.utterance import Utterance

LETTERS = {"Angry": "A", "Happy": "H", "Neutral": "N", "Sad": "S"}

GENDERS = {"F": "female", "M": "male"}

NAMING = Naming(
    title="URDU",
    place=re.compile(
        rf"(?P<folder>{'|'.join(LETTERS)})/(?P<id>(?P<speaker>S(?P<gender>[FM])\d+)_F\d+_(?P<letter>[A-Z])\d+)"
        r"\.(?i:wav|flac)"
    ),
    example="Angry/SM1_F10_A010.wav",
    glances=tuple(f"{folder}/*" for folder in LETTERS),
    published=400,
)


def _survey(root: Path) -> Survey:
    found = find(root, NAMING)
    return Survey(
        name="urdu",
        utterances=tuple(_utterance(root / place, name) for place, name in found.named.items()),
        notices=here(NAMING, len(found.named)),
        findings=(*found.misnamed, *_torn(root, found.named)),
    )


def _torn(root: Path, named: Mapping[str, re.Match[str]]) -> tuple[Finding, ...]:
    """Recordings whose folder says another emotion than their name."""
    places = [place for place, name in named.items() if LETTERS[name["folder"]] != name["letter"]]
    if not places:
        return ()
    first = named[places[0]]
    message = (
        f"{root / places[0]}: the folder says {first['folder']} ({LETTERS[first['folder']]}), the name says "
        f"{first['letter']}{more(places)}; fetch the corpus anew"
    )
    return (Finding("folder and name disagree", message, tuple(places)),)


def _utterance(path: Path, named: re.Match[str]) -> Utterance:
    return Utterance(
        id=named["id"],
        audio=path,
        speaker=named["speaker"],
        emotion=emotion_name(named["folder"]),
        language="Urdu",
        gender=GENDERS[named["gender"]],
    )


SPEAKERS_BY_COUNT = {
    2: "SF2 SF3 SF8 SF10 SM17 SM18 SM19 SM22 SM26",
    4: "SF4 SF5 SF9 SF11 SM21 SM27",
    6: "SF7 SM23",
    10: "SM20",
    12: "SF1 SM3",
    14: "SF6 SM6",
    22: "SM1",
    28: "SM2 SM7",
    38: "SM24",
    40: "SM25",
    48: "SM4",
    80: "SM5",
}
"""How many utterances -> who has so many in the publisher's release; 29 speakers."""

KNOWN = (
    KnownCount("emotions", ("emotion",), {(emotion_name(folder),): 100 for folder in LETTERS}),
    KnownCount(
        "speakers",
        ("speaker",),
        {(name,): count for count, names in SPEAKERS_BY_COUNT.items() for name in names.split()},
    ),
)

READER = Reader(
    name="urdu",
    title="URDU: unscripted Urdu talk shows, 400 utterances, 29 speakers, 4 emotions",
    expects="the folders Angry, Happy, Neutral and Sad with recordings such as Angry/SM1_F10_A010.wav",
    licence="research use",
    source="https://github.com/siddiquelatif/URDU-Dataset",
    fits=NAMING.fits,
    survey=_survey,
    known=KNOWN,
    release=Commit("4b546d4e0fa36d1c86c53a281631b2ab7ce2fdec", tree="fd97cfbdda9d771ca56f7eab5b4c9edfb11edbbf"),
)
