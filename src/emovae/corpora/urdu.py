"""URDU: unscripted talk on Urdu television shows; four emotions, 100 utterances of each.

A real record: `Angry/SM1_F10_A010.wav` is file 10 of male speaker 1, angry by its folder and its `A`.
Most speakers show one emotion only. So a fold must keep a speaker whole, and features normalised per speaker
lose what they should tell.

Latif, Qayyum, Usman, Qadir (2018), "Cross lingual speech emotion recognition: Urdu vs. Western languages".
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from emovae.corpora.corpus import Finding, KnownCount, Reader, Survey, is_recording
from emovae.errors import CorpusError
from emovae.labels import emotion_name
from emovae.utterance import Utterance

PUBLISHED = 400

LETTERS = {"Angry": "A", "Happy": "H", "Neutral": "N", "Sad": "S"}

GENDERS = {"F": "female", "M": "male"}

PLACE = re.compile(
    r"(?P<folder>[^/]+)/(?P<id>(?P<speaker>S(?P<gender>[FM])\d+)_F\d+_(?P<letter>[A-Z])\d+)\.(?i:wav|flac)"
)
"""A recording's place under the corpus's folder: `Angry/SM1_F10_A010.wav`."""


def _fits(root: Path) -> bool:
    try:
        places = (f"{folder}/{path.name}" for folder in LETTERS for path in root.glob(f"{folder}/*"))
        return any(PLACE.fullmatch(place) for place in places)
    except (OSError, ValueError):  # ValueError: no file system has such a name
        return False


def _survey(root: Path) -> Survey:
    try:
        places = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if is_recording(path))
    except OSError as error:
        raise CorpusError(f"folder {root} cannot be listed: {error.strerror}; check the path and rights") from error
    # A place in a hidden folder, such as a bin, is none of the corpus.
    places = [place for place in places if not re.match(r"\.|.*/\.", place)]
    named = {place: name for place in places if (name := PLACE.fullmatch(place)) and name["folder"] in LETTERS}
    utterances = tuple(_utterance(root / place, name) for place, name in named.items())
    here = len(utterances)
    return Survey(
        name="urdu",
        utterances=utterances,
        notices=() if here == PUBLISHED else (f"{here} of the {PUBLISHED} recordings of URDU are here",),
        findings=(*_misnamed(root, [place for place in places if place not in named]), *_torn(root, named)),
    )


def _misnamed(root: Path, places: Sequence[str]) -> tuple[Finding, ...]:
    if not places:
        return ()
    message = (
        f"{root / places[0]} is not named as URDU's recordings are, such as Angry/SM1_F10_A010.wav, in one "
        f"of the folders {', '.join(LETTERS)}{_more(places)}; take it out, or fetch the corpus anew"
    )
    return (Finding("misnamed recordings", message, tuple(places)),)


def _torn(root: Path, named: Mapping[str, re.Match[str]]) -> tuple[Finding, ...]:
    """Recordings whose folder says another emotion than their name."""
    places = [place for place, name in named.items() if LETTERS[name["folder"]] != name["letter"]]
    if not places:
        return ()
    first = named[places[0]]
    message = (
        f"{root / places[0]}: the folder says {first['folder']} ({LETTERS[first['folder']]}), the name says "
        f"{first['letter']}{_more(places)}; fetch the corpus anew"
    )
    return (Finding("folder and name disagree", message, tuple(places)),)


def _more(places: Sequence[str]) -> str:
    return f" ({len(places) - 1} more such recordings)" if len(places) > 1 else ""


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
    fits=_fits,
    survey=_survey,
    known=KNOWN,
)
