"""EmoTale: five sentences enacted in five emotions, in Danish and English, rated by three annotators.

A real record of `annotations.csv`, two raters left out: `DK_001_A_1.wav,4.0,1.5,4.5,A,...,A` is speaker 001
enacting anger in Danish sentence 1; the first rater heard arousal 4, valence 1.5, dominance 4.5, and anger.
One person has one number in both languages, and some speak one of them only.

Hjuler, Skat-Rørdam, Clemmensen, Das (2025), "EmoTale: an enacted speech-emotion dataset in Danish".
"""

import re
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from emovae.corpora.corpus import KnownCount, Reader, Survey, holds
from emovae.corpora.matching import Listing, audio_without_labels, labels_without_audio, listing, odd_rows, sifted
from emovae.corpora.release import Commit
from emovae.corpora.rows import Row, number, read_text
from emovae.errors import CorpusError
from emovae.labels import off_scale
from emovae.utterance import Utterance, Vote

EMOTIONS = {"A": "anger", "B": "boredom", "H": "happiness", "N": "neutral", "S": "sadness"}

LANGUAGES = {"DK": "Danish", "EN": "English"}

GENDERS = {"F": "female", "M": "male"}

RATERS = ("a1", "a2", "a3")

NAME = re.compile(r"(?P<id>(?P<language>DK|EN)_(?P<speaker>\d+)_(?P<emotion>[ABHNS])_(?P<sentence>\d+))\.(?i:wav|flac)")
"""A recording in `annotations.csv`: `DK_004_A_5.wav`, also where the folder holds a .flac."""


def _survey(root: Path) -> Survey:
    ratings = [f"{rater}_{dimension}" for rater in RATERS for dimension in "AVD"]
    annotations = read_text(root / "annotations.csv", ",", needed=["file", "gt_emotion", *ratings])
    people = read_text(root / "speaker_info.csv", ",", needed=["speaker", "gender"])
    genders = {row.cells["speaker"]: row.cells["gender"] for row in people.rows}
    folder = root / "wav"
    listed = listing(folder)
    table = annotations.path
    named, misnamed = sifted(annotations.rows, lambda row: (_name(table, row)["id"], row))
    utterances, odd = sifted((row for _, row in named), lambda row: _utterance(table, row, folder, listed, genders))
    ids = dict.fromkeys(name for name, _ in named)
    return Survey(
        name="emotale",
        utterances=tuple(utterances),
        findings=(
            *odd_rows(table, [*misnamed, *odd]),
            *labels_without_audio(table, ids, listed, folder),
            *audio_without_labels(table, ids, listed, folder),
            *listed.findings,
        ),
    )


def _name(table: Path, row: Row) -> re.Match[str]:
    named = NAME.fullmatch(row.cells["file"])
    if named is None or named["emotion"] != row.cells["gt_emotion"]:
        raise CorpusError(
            f"{table}, {row.where}: {row.cells['file']!r} with emotion {row.cells['gt_emotion']!r} is not as "
            "EmoTale writes it, such as DK_004_A_5.wav with A; fetch the corpus anew"
        )
    return named


def _utterance(table: Path, row: Row, folder: Path, listed: Listing, genders: Mapping[str, str]) -> Utterance:
    named = _name(table, row)
    gender = genders.get(named["speaker"])
    if gender not in GENDERS:
        raise CorpusError(
            f"{table}, {row.where}: speaker_info.csv gives speaker {named['speaker']} the gender {gender!r}, "
            "not F or M; fetch the corpus anew"
        )
    return Utterance(
        id=named["id"],
        audio=listed.audio.get(named["id"], folder / row.cells["file"]),
        speaker=named["speaker"],
        emotion=EMOTIONS[named["emotion"]],
        votes=tuple(_vote(table, row, rater) for rater in RATERS),
        arousal=_mean_rating(table, row, "A"),
        valence=_mean_rating(table, row, "V"),
        dominance=_mean_rating(table, row, "D"),
        language=LANGUAGES[named["language"]],
        gender=GENDERS[gender],
        sentence=named["sentence"],
    )


def _vote(table: Path, row: Row, rater: str) -> Vote:
    """What one rater said; a category that is none of the five is left out."""
    category = EMOTIONS.get(row.cells.get(f"{rater}_cat", ""))
    arousal, valence, dominance = (number(table, row, f"{rater}_{dimension}") for dimension in "AVD")
    return Vote(rater, () if category is None else (category,), arousal, valence, dominance)


def _mean_rating(table: Path, row: Row, dimension: str) -> float | None:
    """The mean over the raters who gave a value, on the scale from 1 to 5."""
    columns = [f"{rater}_{dimension}" for rater in RATERS]
    given = {column: value for column in columns if (value := number(table, row, column)) is not None}
    for column, value in given.items():
        if off_scale(value):
            raise CorpusError(f"{table}, {row.where}: {column} is {value}, not from 1 to 5; fetch the corpus anew")
    return fmean(given.values()) if given else None


KNOWN = (
    KnownCount("emotions", ("emotion",), {(emotion,): 160 for emotion in EMOTIONS.values()}),
    KnownCount(
        "speakers",
        ("speaker",),
        # Numbers 1 to 19 without 2; these four speak one language only.
        {(f"{n:03}",): 25 if n in (14, 15, 18, 19) else 50 for n in range(1, 20) if n != 2},
    ),
)
"""Counted in the publisher's `annotations.csv`: 800 utterances by 18 speakers."""

READER = Reader(
    name="emotale",
    title="EmoTale: enacted Danish and English, 800 utterances, 18 speakers, 5 emotions and three ratings",
    expects="annotations.csv, speaker_info.csv and the folder wav/ with recordings such as DK_004_A_5.wav",
    licence="research use, cite Hjuler et al. (2025)",
    source="https://github.com/snehadas/EmoTale",
    fits=lambda root: holds(root, "annotations.csv", "wav"),
    survey=_survey,
    known=KNOWN,
    release=Commit("41e7d00f0949d4e7c8d1ae5101a344037ae056de", tree="61dc819f904fd2093795e55a37695e7b82953149"),
)
