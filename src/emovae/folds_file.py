"""The files in which people publish their folds.

A real one, EmoBox's `urdu_test_fold_1.jsonl`, has a line for each utterance, such as
`{"key": "urdu-SM5_F63_N091", "wav": "downloads/urdu/Neutral/SM5_F63_N091.wav", "emo": "N", ...}`.

| form                                          | what it says                                                  |
|-----------------------------------------------|---------------------------------------------------------------|
| CSV, TSV, Parquet, JSON lines, a JSON list    | a row an utterance: its name, fold and role                   |
| the same without roles                        | each is tested in its fold, and learned from in all others    |
| the same without folds                        | one fold                                                      |
| a row a fold, with lists under its roles      | the sides of each fold                                        |
| JSON `{fold: {role: [names]}}`                | the sides of each fold                                        |
| JSON `{role: [names]}`                        | the sides of one fold                                         |
| JSON `{fold: [names]}`                        | each is tested in its fold, and learned from in all others    |
| a folder of tables such as `x_test_fold_1.csv`| a side of a fold each; EmoBox's form                          |
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emovae.corpora.rows import has_half_a_character, read
from emovae.errors import ProtocolError
from emovae.given_folds import TEST, TRAIN, VALIDATION, Entry, GivenFolds, given_folds
from emovae.utterance import Utterance

NAMES = ("id", "utterance", "key", "name", "path", "file", "file_name", "filename", "wav", "audio")
"""Columns that may name an utterance; several may be there, and the first that the corpus knows counts."""
FOLDS = ("fold", "fold_id")
ROLES = ("role", "split", "partition", "set")
COLUMNS = frozenset((*NAMES, *FOLDS, *ROLES))
SPELLINGS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), VALIDATION),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), TEST),
}
"""How a role may be written, in small or capital letters -> the role."""
SIDE = re.compile(rf"(?:.*[_.-])?(?P<role>{'|'.join(SPELLINGS)})[_.-]*(?P<fold>fold[_.-]*\w+)", re.IGNORECASE)
"""A file in a folder, without its ending: `urdu_test_fold_1`."""
ONLY_FOLD = "1"
LONGEST = 80
"""So many characters of a strange value are shown."""

Place = tuple[str, Mapping[str, Any]]
"""Where something is said, and what: column -> value."""


def read_folds(path: Path, utterances: Sequence[Utterance]) -> GivenFolds:
    """Reads a published split and holds it against a corpus.

    Args:
        path: a file, or a folder of such; see above.
        utterances: all of the corpus.

    Raises:
        CorpusError: for a table that cannot be read.
        ProtocolError: for anything else that cannot be read, or divides no corpus; see `given_folds.given_folds`.
    """
    entries = tuple(_of_folder(path) if os.path.isdir(path) else _of_file(path))  # noqa: PTH112 - answers for any name
    if not entries:
        raise ProtocolError(f"{path} names no utterance; write a row for each: id, fold, role")
    return given_folds(re.sub(r"[^\w.()+ -]", "_", path.absolute().name), entries, utterances)


def _of_folder(path: Path) -> Iterator[Entry]:
    sides: dict[tuple[str, str], Path] = {}
    for file in sorted(path.rglob("*.*")):
        named = SIDE.fullmatch(file.stem)
        if named is None or file.suffix.lower() not in (".csv", ".tsv", ".jsonl", ".parquet"):
            continue
        side = (named["fold"].lower(), SPELLINGS[named["role"].lower()])
        if side in sides:
            raise ProtocolError(f"{sides[side]} and {file} both say what is to {side[1]} in {side[0]}; leave one")
        sides[side] = file
    if not sides:
        raise ProtocolError(
            f"{path} is a folder without any file such as urdu_test_fold_1.jsonl, named by its role and fold; give such"
            " a folder, or one file"
        )
    for (fold, role), file in sides.items():
        for where, row in _rows(file):
            yield Entry(f"{file.name}, {where}", _names(file, where, row), fold, role)


def _of_file(path: Path) -> Iterator[Entry]:
    is_json = path.suffix.lower() == ".json"
    content = _parsed(path, "", _content(path)) if is_json else None
    if isinstance(content, dict):
        yield from _of_sides(path, content)
        return
    items = content if isinstance(content, list) else [content]
    rows = _plain(path, ((f"item {n}", item) for n, item in enumerate(items, start=1))) if is_json else _rows(path)
    columns = dict.fromkeys(name for _, row in rows for name in row)
    fold, role = (next((name for name in names if name in columns), None) for names in (FOLDS, ROLES))
    if rows and fold is None and role is None and not any(_sides_in(row) for _, row in rows):
        raise ProtocolError(
            f"{path} tells neither folds nor roles; it has {', '.join(columns)}: add the columns"
            f" {FOLDS[0]} and {ROLES[0]}"
        )
    wrong: list[ProtocolError] = []
    for number, (where, row) in enumerate(rows, start=1):
        try:
            yield from _of_row(path, where, row, str(number), fold, role)
        except ProtocolError as error:
            wrong.append(error)
    if wrong:
        more = f" ({len(wrong)} of {len(rows)} rows have something wrong, this one first)" if len(wrong) > 1 else ""
        raise ProtocolError(f"{wrong[0]}{more}")


def _sides_in(row: Mapping[str, Any]) -> dict[str, Any]:
    """What stands under roles, where a row has a list under one of them."""
    sides = {name: value for name, value in row.items() if name in SPELLINGS and value is not None}
    return sides if any(isinstance(value, list) for value in sides.values()) else {}


def _of_row(
    path: Path, where: str, row: Mapping[str, Any], number: str, fold: str | None, role: str | None
) -> Iterator[Entry]:
    """What one row says; `fold` and `role` are the columns that hold these, if any do."""
    name = _cell(path, where, row, fold) if fold else None
    if sides := _sides_in(row):
        yield from _of_sides(path, {name or number: sides})
    else:
        known = _role(path, where, _cell(path, where, row, role)) if role else None
        yield Entry(where, _names(path, where, row), name or ONLY_FOLD, known)


def _of_sides(path: Path, content: Mapping[str, Any]) -> Iterator[Entry]:
    """Lists of names under roles, under folds, or both."""
    roles = [key for key in content if key.strip().lower() in SPELLINGS]
    if roles and len(roles) < len(content):
        odd = next(key for key in content if key not in roles)
        raise ProtocolError(
            f"{path}: {_shown(odd)} stands beside {', '.join(roles)} and is no role; roles are written as"
            f" {', '.join(SPELLINGS)}"
        )
    for key, sides in ({ONLY_FOLD: content} if roles else content).items():
        fold = _text(path, "its folds", "a name", key)
        lists = sides if isinstance(sides, dict) else {None: sides}
        if not any(lists.values()):
            raise ProtocolError(f"{path}: fold {fold} is empty; take it out, or say who is in it")
        for role, names in lists.items():
            where = f"fold {fold}" if role is None else f"fold {fold}, {role}"
            known = None if role is None else _role(path, f"fold {fold}", role)
            if not isinstance(names, list):
                raise ProtocolError(f"{path}, {where}, holds {_shown(names)}; write a list of utterances there")
            for name in names:
                yield Entry(where, _names(path, where, {NAMES[0]: name}), fold, known)


def _rows(path: Path) -> list[Place]:
    """The rows of a table."""
    if path.suffix.lower() != ".jsonl":
        table = read(path, lambda column: column.strip().lower() in COLUMNS)
        columns = [column.strip().lower() for column in table.columns]
        if twice := [column for column in COLUMNS & {*columns} if columns.count(column) > 1]:
            raise ProtocolError(f"{path} has {columns.count(min(twice))} columns {min(twice)}; keep one")
        return _plain(path, ((row.where, row.cells) for row in table.rows))
    # Not splitlines: JSON allows other line separators, such as U+2028, inside its strings.
    lines = ((f"line {count}", line) for count, line in enumerate(_content(path).split("\n"), start=1) if line.strip())
    return _plain(path, ((where, _parsed(path, f", {where}", line)) for where, line in lines))


def _plain(path: Path, rows: Iterable[tuple[str, Any]]) -> list[Place]:
    """Rows with their columns in small letters."""
    plain: list[Place] = []
    for where, row in rows:
        if not isinstance(row, Mapping):
            raise ProtocolError(f"{path}, {where}, is {_shown(row)} and no JSON object; write id, fold and role there")
        plain.append((where, {column.strip().lower(): value for column, value in row.items()}))
    return plain


def _names(path: Path, where: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    names = tuple(text for name in NAMES if name in row and (text := _text(path, where, name, row[name])))
    if not names:
        raise ProtocolError(f"{path}, {where}, names no utterance; write its id, or its path, under {NAMES[0]}")
    return names


def _cell(path: Path, where: str, row: Mapping[str, Any], column: str) -> str:
    if not (text := _text(path, where, column, row.get(column))):
        raise ProtocolError(f"{path}, {where}: {column} is empty; fill it in, or take the row out")
    return text


def _text(path: Path, where: str, column: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ProtocolError(f"{path}, {where}: {column} is {_shown(value)}; write text or a whole number there")
    text = str(value).strip()
    if has_half_a_character(text):
        raise ProtocolError(f"{path}, {where}: {column} is {_shown(value)}, which is half a character; write it anew")
    return text


def _role(path: Path, where: str, written: str) -> str:
    if written.strip().lower() not in SPELLINGS:
        known = ", ".join(SPELLINGS)
        raise ProtocolError(f"{path}, {where}: {_shown(written)} is no role; roles are written as {known}")
    return SPELLINGS[written.strip().lower()]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ProtocolError(f"{path} cannot be read: {error.strerror or error}; check the path and rights") from error
    except UnicodeDecodeError as error:
        raise ProtocolError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error


def _parsed(path: Path, where: str, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{path}{where}, is no JSON ({error}); write it anew") from error


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The plain reader keeps the last of two folds of one name, and drops the others in silence."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError(f"{max(keys, key=keys.count)!r} stands there {max(map(keys.count, keys))} times")
    return dict(pairs)
