"""nEMO: nine Polish actors read the same ninety sentences in six emotions.

A real record of `data.tsv`, tabs shown as bars, the third and fourth column (the words) left out:
`EB0_neutral_13.wav|neutral|...|...|        EB0|female|27`; the blanks before the speaker are the publisher's.

Christop (2024), "nEMO: dataset of emotional speech in Polish". The corpus is large, and people copy a part
of it: what lies in `samples/` is taken, and a notice says how much that is.
"""

import re
from pathlib import Path

from emovae.corpora.corpus import KnownCount, Reader, Survey, holds
from emovae.corpora.matching import audio_without_labels, listing, odd_rows, sifted
from emovae.corpora.release import Commit
from emovae.corpora.rows import Row, read_text
from emovae.errors import CorpusError
from emovae.labels import emotion_name
from emovae.utterance import Utterance

NAME = re.compile(
    r"(?P<id>(?P<speaker>[A-Z]+\d+)_(?P<emotion>anger|fear|happiness|neutral|sadness|surprised)_(?P<sentence>\d+))"
    r"\.(?i:wav|flac)"
)
"""A recording in `data.tsv`: `EB0_neutral_13.wav`, also where the folder holds a .flac."""


def _survey(root: Path) -> Survey:
    table = read_text(root / "data.tsv", "\t", needed=["file_id", "emotion", "raw_text", "speaker_id", "gender"])
    folder = root / "samples"
    audio = listing(folder)
    listed, odd = sifted(table.rows, lambda row: (_named(table.path, row), row))
    ids = {named["id"] for named, _ in listed}
    utterances = [
        _utterance(named, row, audio.audio[named["id"]]) for named, row in listed if named["id"] in audio.audio
    ]
    notices = (f"{len(utterances):,} of the {len(listed):,} recordings that data.tsv lists are here",)
    return Survey(
        name="nemo",
        utterances=tuple(sorted(utterances, key=lambda utterance: utterance.id)),
        notices=notices if len(utterances) < len(listed) else (),
        findings=(
            *odd_rows(table.path, odd),
            *audio_without_labels(table.path, ids, audio, folder),
            *audio.findings,
        ),
    )


def _named(table: Path, row: Row) -> re.Match[str]:
    cells = row.cells
    named = NAME.fullmatch(cells["file_id"])
    if named is None or (named["speaker"], named["emotion"]) != (cells["speaker_id"], cells["emotion"]):
        raise CorpusError(
            f"{table}, {row.where}: {cells['file_id']!r} by {cells['speaker_id']!r} in {cells['emotion']!r} "
            "is not as nEMO writes it, such as EB0_neutral_13.wav by EB0 in neutral; fetch the corpus anew"
        )
    if cells["gender"] not in ("female", "male"):
        raise CorpusError(f"{table}, {row.where}: gender is {cells['gender']!r}; fetch the corpus anew")
    return named


def _utterance(named: re.Match[str], row: Row, audio: Path) -> Utterance:
    return Utterance(
        id=named["id"],
        audio=audio,
        speaker=named["speaker"],
        emotion=emotion_name(named["emotion"]),
        language="Polish",
        gender=row.cells["gender"],
        sentence=named["sentence"],
        transcript=row.cells["raw_text"] or None,
    )


EMOTIONS = {"anger": 749, "fear": 736, "happiness": 749, "neutral": 809, "sadness": 769, "surprise": 669}

SPEAKERS = {"EB0": 539, "IC0": 540, "KD0": 540, "KS0": 540, "MK0": 450, "MP0": 256, "SM0": 538, "TP0": 539, "WR0": 539}

KNOWN = (
    KnownCount("emotions", ("emotion",), {(emotion,): count for emotion, count in EMOTIONS.items()}),
    KnownCount("speakers", ("speaker",), {(speaker,): count for speaker, count in SPEAKERS.items()}),
)
"""Counted in the publisher's `data.tsv`: 4,481 utterances."""

READER = Reader(
    name="nemo",
    title="nEMO: acted Polish, 4,481 utterances, 9 speakers, 6 emotions",
    expects="data.tsv and the folder samples/ with recordings such as EB0_neutral_13.wav",
    licence="CC BY-NC-SA 4.0",
    source="https://github.com/amu-cai/nEMO",
    fits=lambda root: holds(root, "data.tsv", "samples"),
    survey=_survey,
    known=KNOWN,
    release=Commit("66de9999a8f2f605eb5f64841790aa5cb0877782", tree="189389afd08dcd9a5b83a16d8408d7ecff1f87c8"),
)
