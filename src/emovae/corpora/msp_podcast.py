"""MSP-Podcast: stretches of podcasts, rated by listeners; it grows with each release.

A real shape of `Labels/labels_consensus.csv`, made-up values: `MSP-PODCAST_0001_0008.wav,N,2.2,4,3,127,Male,Train`
under `FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set`: neutral by speaker 127.
Ratings go from 1 to 7 there; here they are brought to emovae's 1 to 5. Who is `Unknown` cannot be kept out of what is
learned from, and is left out. The publisher's split (`Split_Set`) is not read; written as a folds file, `--folds`
takes it.

Lotfian, Busso (2019), "Building naturalistic emotionally balanced speech corpus by retrieving emotional speech".
"""

import re
from pathlib import Path

from emovae.corpora.corpus import Reader, Survey, holds
from emovae.corpora.matching import Listing, audio_without_labels, labels_without_audio, listing, odd_rows, sifted
from emovae.corpora.release import ByHand
from emovae.corpora.rows import Row, number, read_text
from emovae.errors import CorpusError
from emovae.utterance import Utterance

EMOTIONS = {
    "A": "anger",
    "C": "contempt",
    "D": "disgust",
    "F": "fear",
    "H": "happiness",
    "N": "neutral",
    "O": "other",
    "S": "sadness",
    "U": "surprise",
    "X": None,  # the listeners did not agree
}

GENDERS = {"Female": "female", "Male": "male", "Unknown": None, "": None}

UNKNOWN = frozenset({"Unknown", ""})

DIMENSIONS = ("EmoAct", "EmoVal", "EmoDom")

LABELS = "Labels/labels_consensus.csv"

FOLDERS = ("Audios", "Audio")

NAME = re.compile(r"(?P<id>MSP-PODCAST_\d+(?:_\d+)+)\.(?i:wav|flac)")
"""A recording in the table: `MSP-PODCAST_0001_0008.wav`, also where the folder holds a .flac."""


def _survey(root: Path) -> Survey:
    folder = next((root / name for name in FOLDERS if (root / name).is_dir()), root / FOLDERS[0])
    listed = listing(folder)
    rows = read_text(root / LABELS, ",", needed=["FileName", "EmoClass", *DIMENSIONS, "SpkrID", "Gender"])
    table = rows.path
    named, misnamed = sifted(rows.rows, lambda row: (_name(table, row), row))
    known = [(name, row) for name, row in named if row.cells["SpkrID"] not in UNKNOWN]
    utterances, odd = sifted(known, lambda one: _utterance(table, one[0], one[1], folder, listed))
    ids = dict.fromkeys(name for name, _ in named)
    unknown = len(named) - len(known)
    return Survey(
        name="msp-podcast",
        utterances=tuple(utterances),
        notices=(
            "ratings from 1 to 7 are brought to 1 to 5: 1 + (rating - 1) * 2/3",
            *((f"{unknown:,} of the {len(named):,} utterances have no known speaker: left out",) if unknown else ()),
        ),
        findings=(
            *odd_rows(table, [*misnamed, *odd]),
            *labels_without_audio(table, ids, listed, folder),
            *listed.findings,
        ),
        # The labels of one test set are kept by the publisher, so this is as released.
        remarks=audio_without_labels(table, ids, listed, folder),
    )


def _name(table: Path, row: Row) -> str:
    named = NAME.fullmatch(row.cells["FileName"])
    if named is None or row.cells["EmoClass"] not in EMOTIONS or row.cells["Gender"] not in GENDERS:
        raise CorpusError(
            f"{table}, {row.where}: {row.cells['FileName']!r} in {row.cells['EmoClass']!r} by {row.cells['Gender']!r} "
            "is not as MSP-Podcast writes it, such as MSP-PODCAST_0001_0008.wav in N by Male; fetch the corpus anew"
        )
    return named["id"]


def _utterance(table: Path, name: str, row: Row, folder: Path, listed: Listing) -> Utterance:
    arousal, valence, dominance = (_rating(table, row, dimension) for dimension in DIMENSIONS)
    return Utterance(
        id=name,
        audio=listed.audio.get(name, folder / row.cells["FileName"]),
        speaker=row.cells["SpkrID"],
        emotion=EMOTIONS[row.cells["EmoClass"]],
        arousal=arousal,
        valence=valence,
        dominance=dominance,
        language="English",
        gender=GENDERS[row.cells["Gender"]],
    )


def _rating(table: Path, row: Row, dimension: str) -> float | None:
    """A rating from 1 to 7, brought to the scale from 1 to 5."""
    value = number(table, row, dimension)
    if value is None:
        return None
    if not 1 <= value <= 7:
        raise CorpusError(f"{table}, {row.where}: {dimension} is {value}, not from 1 to 7; fetch the corpus anew")
    return 1 + (value - 1) * 4 / 6


READER = Reader(
    name="msp-podcast",
    title="MSP-Podcast: English podcasts with listeners' emotions and ratings; no fixed size, it grows",
    expects="Labels/labels_consensus.csv and the folder Audios/ with recordings such as MSP-PODCAST_0001_0008.wav",
    licence="by agreement with the University of Texas at Dallas",
    source="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html",
    fits=lambda root: any(holds(root, LABELS, folder) for folder in FOLDERS),
    survey=_survey,
    release=ByHand("your institution signs the agreement that this page leads to, and gets access then"),
)
