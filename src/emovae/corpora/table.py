"""People's own recordings: a table with one row for each, such as Hugging Face's AudioFolder has.

A real record, as lean as it may be: `clips/0001.wav,anger,anna` under the header `path,label,speaker`.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from emovae.corpora.corpus import Reader, Survey
from emovae.corpora.rows import Row, Rows, number, read
from emovae.corpora.table_findings import (
    empty_cells,
    named_twice,
    odd_numbers,
    reserved_classes,
    spellings,
    without_audio,
    without_labels,
)
from emovae.errors import CorpusError
from emovae.labels import emotion_name
from emovae.sources import FILE_COLUMNS
from emovae.utterance import Utterance

DIMENSIONS = ("arousal", "valence", "dominance")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "path": FILE_COLUMNS,
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
    {"utterance", "speaker", "fold", "seed", "model", "subset", "target", "protocol", "test_condition", "latent"}
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


def _survey(root: Path) -> Survey:
    rows = _rows(root)
    columns = _columns(rows)
    named = [row for row in rows.rows if row.cells.get(columns["path"])]
    found = [_utterance(rows.path, row, columns) for row in named]
    findings = (
        *empty_cells(rows, columns),
        *odd_numbers(rows, [columns[field] for field in DIMENSIONS if field in columns]),
        *named_twice(rows.path, named, found),
        *without_audio(rows.path, named, found),
        *spellings(rows, "label", [utterance.emotion or "" for utterance in found]),
        *spellings(rows, "speaker", [utterance.speaker for utterance in found]),
        *reserved_classes(rows, found, RESERVED),
    )
    return Survey(
        name=rows.path.parent.resolve().name or "table",
        utterances=tuple(found if "id" in columns else _named_by_place(found, rows.path.parent)),
        notices=_gender_notice(rows, columns),
        findings=findings,
        # Where a table itself is given, it may well list a part of what lies there, such as `train.csv`.
        remarks=without_labels(rows.path, found) if root.is_dir() else (),
    )


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
            + (NO_SPEAKER if "speaker" in missing else "")
        )
    return columns


NO_SPEAKER = (
    " Without speakers no honest evaluation is possible: one voice would be trained on and tested on. If they"
    " are unknown, give as speaker the best grouping known, such as the source recording; one name per"
    " recording would be a lie."
)


def _rating(row: Row, column: str | None) -> float | None:
    """A dimension's value; None where it is no number, which `odd_numbers` tells."""
    try:
        return number(Path(), row, column)
    except CorpusError:
        return None


def _utterance(table: Path, row: Row, columns: Mapping[str, str]) -> Utterance:
    told = {field: row.cells.get(column) or None for field, column in columns.items()}
    # Written on Windows, perhaps, and read on Linux; a slash is a separator on both.
    written = row.cells[columns["path"]].replace("\\", "/")
    label = told.get("label")
    return Utterance(
        id=told.get("id") or written,
        audio=table.parent / written,
        speaker=told["speaker"] or "",
        emotion=None if label is None else emotion_name(label),
        arousal=_rating(row, columns.get("arousal")),
        valence=_rating(row, columns.get("valence")),
        dominance=_rating(row, columns.get("dominance")),
        session=told.get("session"),
        subset=told.get("subset"),
        language=told.get("language"),
        gender=GENDERS.get((told.get("gender") or "").lower()),
        sentence=told.get("sentence"),
        transcript=told.get("transcript"),
    )


def _named_by_place(utterances: list[Utterance], folder: Path) -> list[Utterance]:
    """Ids that stay the same when the whole corpus moves: places below the table, or below what all have in common."""
    if not utterances:
        return []
    places = [os.path.abspath(str(utterance.audio)) for utterance in utterances]  # noqa: PTH100 - links stay as named
    root = os.path.abspath(folder)  # noqa: PTH100
    if os.path.commonpath([root, *places]) != root:
        root = os.path.commonpath([os.path.dirname(place) for place in places])  # noqa: PTH120
    return [
        replace(utterance, id=Path(os.path.relpath(place, root)).as_posix())
        for utterance, place in zip(utterances, places, strict=True)
    ]


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
    survey=_survey,
)
