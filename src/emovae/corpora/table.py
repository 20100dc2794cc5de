"""People's own recordings: a table with one row for each, such as Hugging Face's AudioFolder has.

A real record, as lean as it may be: `clips/0001.wav,anger,anna` under the header `path,label,speaker`.
"""

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from emovae.corpora.corpus import Corpus, Reader
from emovae.corpora.rows import Row, Rows, number, read
from emovae.errors import CorpusError
from emovae.labels import emotion_name
from emovae.utterance import Utterance

DIMENSIONS = ("arousal", "valence", "dominance")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "file", "file_name", "filename", "audio"),
    "label": ("label", "emotion"),
    "speaker": ("speaker", "speaker_id"),
    "id": ("id",),
    "arousal": ("arousal",),
    "valence": ("valence",),
    "dominance": ("dominance", "power"),
    "session": ("session",),
    "subset": ("subset",),
    "language": ("language",),
    "gender": ("gender",),
    "sentence": ("sentence",),
    "transcript": ("transcript", "text"),
}
"""What a row may tell -> the names its column may have, in small or capital letters."""

GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male"}

RESERVED = frozenset(
    {"utterance", "speaker", "fold", "seed", "model", "subset", "target", "protocol", "test_condition"}
    | {"label", "predicted"}
)
"""Columns of the table of predictions, which has one more for each class; so no class can be called so."""

TABLES = frozenset({".csv", ".tsv", ".parquet"})

METADATA = frozenset({"metadata.csv", "metadata.jsonl", "metadata.parquet"})


def _candidates(root: Path) -> list[Path]:
    """The tables that root may mean: itself, its metadata files, or, where there is none, any table in it."""
    if root.is_file():
        return [root] if root.suffix.lower() in {*TABLES, ".jsonl"} else []
    files = [path for path in root.iterdir() if path.is_file() and not path.name.startswith(".")]
    metadata = [path for path in files if path.name.lower() in METADATA]
    return sorted(metadata or [path for path in files if path.suffix.lower() in TABLES])


def _fits(root: Path) -> bool:
    try:
        return bool(_candidates(root))
    except (OSError, ValueError):  # ValueError: no file system has such a name
        return False


def _read(root: Path) -> Corpus:
    rows = _rows(root)
    columns = _columns(rows)
    _check_filled(rows, columns)
    found = [_utterance(rows.path, row, columns) for row in rows.rows]
    _check_recordings(rows, found)
    if "id" not in columns:
        found = _named_by_place(found, rows.path.parent)
    _check_spelling(rows, "label", [utterance.emotion or "" for utterance in found])
    _check_spelling(rows, "speaker", [utterance.speaker for utterance in found])
    _check_classes(rows, found)
    name = rows.path.parent.resolve().name or "table"
    return Corpus(name=name, utterances=tuple(found), notices=_gender_notice(rows, columns))


def _rows(root: Path) -> Rows:
    try:
        candidates = _candidates(root)
    except OSError as error:
        raise CorpusError(f"{root} cannot be listed: {error.strerror}; check the path and rights") from error
    if len(candidates) != 1:
        names = ", ".join(path.name for path in candidates) or "none"
        raise CorpusError(f"{root} holds {len(candidates)} tables ({names}), not one; give the file itself")
    rows = read(candidates[0], _is_known)
    if not rows.rows:
        raise CorpusError(f"{rows.path} has no row; write one row per recording")
    return rows


def _is_known(column: str) -> bool:
    return any(column.strip().lower() in names for names in COLUMNS.values())


def _columns(rows: Rows) -> dict[str, str]:
    """What a row tells -> the column that tells it; the optional ones only where they are."""
    columns: dict[str, str] = {}
    for field, names in COLUMNS.items():
        matching = [column for column in rows.columns if column.strip().lower() in names]
        if len(matching) > 1:
            raise CorpusError(f"{rows.path} has several columns for {field}: {', '.join(matching)}; keep one")
        columns.update((field, column) for column in matching)
    missing = [field for field in ("path", "label", "speaker") if field not in columns]
    if "label" in missing and any(dimension in columns for dimension in DIMENSIONS):
        missing.remove("label")
    if missing:
        accepted = "; ".join(f"{field} ({', '.join(COLUMNS[field])})" for field in missing)
        raise CorpusError(
            f"{rows.path} lacks a column for: {accepted}. It has the columns {', '.join(rows.columns)}."
            + (" In place of labels, arousal, valence or dominance would do." if "label" in missing else "")
            + (_NO_SPEAKER if "speaker" in missing else "")
        )
    return columns


_NO_SPEAKER = (
    " Without speakers no honest evaluation is possible: one voice would be trained on and tested on. If they"
    " are unknown, give as speaker the best grouping known, such as the source recording; one name per"
    " recording would be a lie."
)


def _check_filled(rows: Rows, columns: Mapping[str, str]) -> None:
    for field in ("path", "label", "speaker", "id"):
        empty = [row.where for row in rows.rows if field in columns and not row.cells.get(columns[field])]
        if empty:
            raise CorpusError(
                f"{rows.path}: {len(empty)} of {len(rows.rows)} rows have an empty {columns[field]}, "
                f"{empty[0]} first; fill them in or take the rows out"
            )


def _utterance(table: Path, row: Row, columns: Mapping[str, str]) -> Utterance:
    told = {field: row.cells.get(column) or None for field, column in columns.items()}
    # Written on Windows, perhaps, and read on Linux; a slash is a separator on both.
    written = row.cells[columns["path"]].replace("\\", "/")
    label = told.get("label")
    return Utterance(
        id=told.get("id") or written,
        audio=table.parent / written,
        speaker=row.cells[columns["speaker"]],
        emotion=None if label is None else emotion_name(label),
        arousal=number(table, row, columns.get("arousal")),
        valence=number(table, row, columns.get("valence")),
        dominance=number(table, row, columns.get("dominance")),
        session=told.get("session"),
        subset=told.get("subset"),
        language=told.get("language"),
        gender=GENDERS.get((told.get("gender") or "").lower()),
        sentence=told.get("sentence"),
        transcript=told.get("transcript"),
    )


def _named_by_place(utterances: list[Utterance], folder: Path) -> list[Utterance]:
    """Ids that stay the same when the whole corpus moves: places below the table, or below what all have in common."""
    places = [os.path.abspath(str(utterance.audio)) for utterance in utterances]  # noqa: PTH100 - links stay as named
    root = os.path.abspath(folder)  # noqa: PTH100
    if os.path.commonpath([root, *places]) != root:
        root = os.path.commonpath([os.path.dirname(place) for place in places])  # noqa: PTH120
    return [
        replace(utterance, id=Path(os.path.relpath(place, root)).as_posix())
        for utterance, place in zip(utterances, places, strict=True)
    ]


def _check_spelling(rows: Rows, field: str, names: list[str]) -> None:
    """`Anna` and `anna` would be two people, one to learn from and one to be tested on."""
    spellings: dict[str, set[str]] = {}
    for name in names:
        spellings.setdefault(unicodedata.normalize("NFC", name).casefold(), set()).add(name)
    if several := sorted(sorted(alike) for alike in spellings.values() if len(alike) > 1):
        raise CorpusError(
            f"{rows.path}: {len(several)} {field}s are spelled in several ways, {' and '.join(map(repr, several[0]))}"
            " first; spell each in one way"
        )


def _check_recordings(rows: Rows, utterances: list[Utterance]) -> None:
    first: dict[str, str] = {}
    missing = []
    for row, utterance in zip(rows.rows, utterances, strict=True):
        # As text, since `./a.wav` is `a.wav`, while two links to one file may be meant.
        place = os.path.normpath(str(utterance.audio))
        if not os.path.isfile(place):  # noqa: PTH113 - unlike Path's, it never raises
            missing.append(f"{place} ({row.where})")
        if place in first:
            raise CorpusError(f"{rows.path}: {first[place]} and {row.where} both name {place}; leave one")
        first[place] = row.where
    if missing:
        raise CorpusError(
            f"{len(missing)} of the {len(utterances)} recordings in {rows.path} are not there, {missing[0]} "
            f"first; paths count from {rows.path.parent}: mend them, or take the rows out"
        )


def _check_classes(rows: Rows, utterances: list[Utterance]) -> None:
    reserved = sorted({u.emotion for u in utterances if u.emotion and u.emotion.lower() in RESERVED})
    if reserved:
        raise CorpusError(f"{rows.path}: predictions have a column {', '.join(reserved)}; rename that class")


def _gender_notice(rows: Rows, columns: Mapping[str, str]) -> tuple[str, ...]:
    given = [row.cells.get(columns["gender"], "") for row in rows.rows] if "gender" in columns else []
    others = [gender for gender in given if gender and gender.lower() not in GENDERS]
    return (f"gender not read in {len(others)} of {len(given)} rows, {others[0]!r} first",) if others else ()


READER = Reader(
    name="table",
    title="your own recordings, listed in a CSV, TSV, JSON lines or Parquet table",
    expects="metadata.csv, .jsonl or .parquet, or one .csv, .tsv or .parquet: columns path, label, speaker",
    licence="your own",
    source="your own; Hugging Face AudioFolder's metadata files are read as they are",
    fits=_fits,
    read=_read,
)
