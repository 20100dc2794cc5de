"""URDU: unscripted talk on Urdu television shows; four emotions, 100 utterances of each.

A real record: `Angry/SM1_F10_A010.wav` is file 10 of male speaker 1, angry by its folder and its `A`.
Most speakers show one emotion only. So a fold must keep a speaker whole, and features normalised per speaker
lose what they should tell.

Latif, Qayyum, Usman, Qadir (2018), "Cross lingual speech emotion recognition: Urdu vs. Western languages".
"""

import re
from pathlib import Path

from emovae.corpora.corpus import Corpus, Reader, is_recording
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


def _read(root: Path) -> Corpus:
    try:
        places = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if is_recording(path))
    except OSError as error:
        raise CorpusError(f"folder {root} cannot be listed: {error.strerror}; check the path and rights") from error
    # A place in a hidden folder, such as a bin, is none of the corpus.
    utterances = tuple(_utterance(root, place) for place in places if not re.match(r"\.|.*/\.", place))
    here = len(utterances)
    notices = () if here == PUBLISHED else (f"{here} of the {PUBLISHED} recordings of URDU are here",)
    return Corpus(name="urdu", utterances=utterances, notices=notices)


def _utterance(root: Path, place: str) -> Utterance:
    named = PLACE.fullmatch(place)
    if named is None or named["folder"] not in LETTERS:
        raise CorpusError(
            f"{root / place} is not named as URDU's recordings are, such as Angry/SM1_F10_A010.wav, in one "
            f"of the folders {', '.join(LETTERS)}; take it out, or fetch the corpus anew"
        )
    if LETTERS[named["folder"]] != named["letter"]:
        raise CorpusError(
            f"{root / place}: the folder says {named['folder']} ({LETTERS[named['folder']]}), the name says "
            f"{named['letter']}; fetch the corpus anew"
        )
    return Utterance(
        id=named["id"],
        audio=root / place,
        speaker=named["speaker"],
        emotion=emotion_name(named["folder"]),
        language="Urdu",
        gender=GENDERS[named["gender"]],
    )


READER = Reader(
    name="urdu",
    title="URDU: unscripted Urdu talk shows, 400 utterances, 29 speakers, 4 emotions",
    expects="the folders Angry, Happy, Neutral and Sad with recordings such as Angry/SM1_F10_A010.wav",
    licence="research use",
    source="https://github.com/siddiquelatif/URDU-Dataset",
    fits=_fits,
    read=_read,
)
