"""CREMA-D: 91 actors of many ages and origins speak twelve sentences in six emotions.

A real record: `AudioWAV/1001_DFA_ANG_XX.wav` is actor 1001 with the sentence DFA in anger, of no stated intensity.
`VideoDemographics.csv` gives the actors' sex; its line `1001,51,Male,Caucasian,Not Hispanic` is theirs.

Cao, Cooper, Keutmann, Gur, Nenkova, Verma (2014), "CREMA-D: crowd-sourced emotional multimodal actors dataset".
"""

import re
from collections.abc import Mapping
from pathlib import Path

from emovae.corpora.corpus import Finding, KnownCount, Reader, Survey
from emovae.corpora.matching import odd_rows, sifted
from emovae.corpora.named import Naming, find, here
from emovae.corpora.release import ByHand
from emovae.corpora.rows import Row, read_text
from emovae.errors import CorpusError
from emovae.utterance import Utterance

EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}

SENTENCES = {
    "DFA": "Don't forget a jacket",
    "IEO": "It's eleven o'clock",
    "IOM": "I'm on my way to the meeting",
    "ITH": "I think I have a doctor's appointment",
    "ITS": "I think I've seen this before",
    "IWL": "I would like a new alarm clock",
    "IWW": "I wonder what this is about",
    "MTI": "Maybe tomorrow it will be cold",
    "TAI": "The airplane is almost full",
    "TIE": "That is exactly what happened",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}

GENDERS = {"Female": "female", "Male": "male"}

NAMING = Naming(
    title="CREMA-D",
    place=re.compile(
        # One level of the release is a single X.
        rf"AudioWAV/(?P<id>(?P<actor>10\d\d)_(?P<sentence>{'|'.join(SENTENCES)})_(?P<emotion>{'|'.join(EMOTIONS)})"
        r"_(?:LO|MD|HI|XX?))\.(?i:wav|flac)"
    ),
    example="AudioWAV/1001_DFA_ANG_XX.wav",
    glances=("AudioWAV/*",),
    published=7442,
    within="AudioWAV",  # the same sounds lie in AudioMP3/ and VideoFlash/
)

DEMOGRAPHICS = "VideoDemographics.csv"


def _survey(root: Path) -> Survey:
    found = find(root, NAMING)
    table = root / DEMOGRAPHICS
    told = table.exists()
    rows = read_text(table, ",", needed=["ActorID", "Sex"]).rows if told else ()
    people, odd = sifted(rows, lambda row: (row.cells["ActorID"], _gender(table, row)))
    genders = dict(people)
    return Survey(
        name="cremad",
        utterances=tuple(_utterance(root / place, name, genders) for place, name in found.named.items()),
        notices=(
            *here(NAMING, len(found.named)),
            *(() if told else (f"{DEMOGRAPHICS} is not here, so nobody's gender is known",)),
        ),
        findings=(
            *odd_rows(table, odd),
            *found.misnamed,
            *(_strangers(table, found.named, {row.cells["ActorID"] for row in rows}) if told else ()),
        ),
    )


def _gender(table: Path, row: Row) -> str:
    if row.cells["Sex"] not in GENDERS:
        raise CorpusError(
            f"{table}, {row.where}: Sex is {row.cells['Sex']!r}, not Male or Female; fetch the corpus anew"
        )
    return GENDERS[row.cells["Sex"]]


def _strangers(table: Path, named: Mapping[str, re.Match[str]], known: set[str]) -> tuple[Finding, ...]:
    """The actors of whom the table says nothing: at most one finding."""
    strangers = sorted({name["actor"] for name in named.values()} - known)
    if not strangers:
        return ()
    message = f"{table} has no row of these actors: {', '.join(strangers)}; fetch the corpus anew"
    return (Finding("actors without a row", message, tuple(strangers)),)


def _utterance(path: Path, named: re.Match[str], genders: Mapping[str, str]) -> Utterance:
    return Utterance(
        id=named["id"],
        audio=path,
        speaker=named["actor"],
        emotion=EMOTIONS[named["emotion"]],
        language="English",
        gender=genders.get(named["actor"]),
        sentence=named["sentence"],
        transcript=SENTENCES[named["sentence"]],
    )


KNOWN = (
    KnownCount(
        "emotions", ("emotion",), {(emotion,): 1087 if emotion == "neutral" else 1271 for emotion in EMOTIONS.values()}
    ),
)

READER = Reader(
    name="cremad",
    title="CREMA-D: acted English, 7,442 utterances, 91 speakers, 6 emotions",
    expects="the folder AudioWAV/ with recordings such as AudioWAV/1001_DFA_ANG_XX.wav, and VideoDemographics.csv",
    licence="Open Database License (ODbL)",
    source="https://github.com/CheyneyComputerScience/CREMA-D",
    fits=NAMING.fits,
    survey=_survey,
    known=KNOWN,
    release=ByHand(
        "its recordings lie in git's storage of large files, which git can fetch and check by itself. Install git-lfs,"
        " then: GIT_LFS_SKIP_SMUDGE=1 git clone https://github.com/CheyneyComputerScience/CREMA-D FOLDER"
        " && git -C FOLDER lfs pull --include 'AudioWAV/*'"
    ),
)
