"""Which tables and columns of a database tell what: by the names that are usual, or as a person says.

audEERING's databases have a table `emotion` with the column `emotion`, and a table `files` with the column `speaker`.
Who has several of either says which count in a small TOML file, and gives that in place of the folder:

    database = "emodb"  # the folder with db.yaml, counted from this file
    tables = ["emotion.categories.train.gold_standard", "emotion.categories.test.gold_standard"]

    [columns]
    label = "emotion"
    speaker = "files.speaker"
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emovae.corpora.audformat.header import Header, read_header
from emovae.corpora.table import COLUMNS, DIMENSIONS, NO_SPEAKER
from emovae.errors import CorpusError

HEADER = "db.yaml"
HEADERS = frozenset({".yaml", ".yml"})
CHOICE = ".toml"
LABELS, FILES = "emotion", "files"
"""The tables that count where several would do."""
FIELDS = {name: names for name, names in COLUMNS.items() if name not in ("path", "id")}
FIELDS = {**FIELDS, "transcript": (*FIELDS["transcript"], "transcription")}
"""What an utterance has -> the names that its column, or the scheme of that, may have."""

Place = tuple[str, str]


class Choice(BaseModel):
    """What a person says of a database; see above."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: str
    tables: tuple[str, ...] = ()
    columns: dict[str, str] = Field(default_factory=dict)


class _Found(NamedTuple):
    """The columns that tell something, one for each table or one for all; or several, of which one is to be chosen."""

    places: tuple[Place, ...] = ()
    rivals: tuple[Place, ...] = ()


class Chosen(NamedTuple):
    """A database, and what of it is read.

    Attributes:
        path: of the header.
        header: what it says.
        tables: whose rows are the utterances.
        told: field of an utterance -> the columns that tell it, one for each table or one for all.
        notices: what could have been told by several columns, and is not.
    """

    path: Path
    header: Header
    tables: tuple[str, ...]
    told: Mapping[str, tuple[Place, ...]]
    notices: tuple[str, ...]


def chosen(root: Path) -> Chosen:
    """Chooses the tables and columns of a folder, a header or a choice.

    Raises:
        ConfigError: when PyYAML is not installed.
        CorpusError: when one cannot be read, or has not enough of something or too much to choose from.
    """
    is_choice = root.suffix.lower() == CHOICE and not root.is_dir()
    choice = _read(root) if is_choice else Choice(database=str(root))
    place = root.parent / choice.database if is_choice else root
    path = place if place.suffix.lower() in HEADERS and not place.is_dir() else place / HEADER
    header = read_header(path)
    if strange := [field for field in choice.columns if field not in FIELDS]:
        raise CorpusError(f"{root}: nothing is called {strange[0]} under [columns]; there are {', '.join(FIELDS)}")
    tables = _tables(path, header, choice)
    told, notices = dict[str, tuple[Place, ...]](), list[str]()
    for field in FIELDS:
        places, rivals = _columns(_candidates(path, header, choice, field), tables)
        if rivals and field in ("label", "speaker"):
            raise _unsure(path, header, f"several columns for {field}: {_names(rivals)}")
        if rivals:
            notices.append(f"{field} is not read, since {_names(rivals)} could tell it; name one under [columns]")
        if places:
            told[field] = places
    if "speaker" not in told:
        raise _unsure(path, header, "no column for speaker", NO_SPEAKER)
    return Chosen(path, header, tables, told, tuple(notices))


def _read(path: Path) -> Choice:
    try:
        return Choice.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}; check the path and rights") from error
    except ValidationError as error:
        one = error.errors()[0]
        raise CorpusError(
            f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}; it may have {', '.join(Choice.model_fields)}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path} is no TOML: {error}") from error


def _candidates(path: Path, header: Header, choice: Choice, field: str) -> tuple[Place, ...]:
    """The columns that may tell something: as a person names them, or by their names, or else by their schemes'."""
    if (word := choice.columns.get(field)) is not None:
        named = tuple(place for name, place in header.columns.items() if word in (name, place[1]))
        if not named:
            raise _unsure(path, header, f"no column {word} for {field}")
        return named
    places, names = tuple(header.columns.values()), FIELDS[field]
    return tuple(place for place in places if place[1].lower() in names) or tuple(
        (table, column)
        for table, column in places
        if (header.tables[table].columns[column].scheme_id or "").lower() in names
    )


def _tables(path: Path, header: Header, choice: Choice) -> tuple[str, ...]:
    """The tables whose rows are the utterances: those with labels, or else those with ratings."""
    with_labels, *with_ratings = (
        list(dict.fromkeys(table for table, _ in _candidates(path, header, choice, field)))
        for field in ("label", *DIMENSIONS)
    )
    possible = with_labels or list(dict.fromkeys(table for tables in with_ratings for table in tables))
    if choice.tables:
        if strange := [table for table in choice.tables if table not in possible]:
            raise _unsure(path, header, f"no labels in a table {strange[0]}")
        return choice.tables
    if LABELS in possible:
        return (LABELS,)
    if len(possible) != 1:
        raise _unsure(path, header, f"labels in {len(possible)} tables ({', '.join(possible) or 'none'}), not in one")
    return (possible[0],)


def _columns(candidates: Sequence[Place], tables: Sequence[str]) -> _Found:
    """Those in the tables themselves come first, then the one in `files`, then the only one elsewhere."""
    inside = tuple(place for place in candidates if place[0] in tables)
    if inside:
        return _Found(inside) if len({table for table, _ in inside}) == len(inside) else _Found(rivals=inside)
    listed = tuple(place for place in candidates if place[0] == FILES)
    usual = listed if listed else tuple(candidates)
    return _Found(usual) if len(usual) < 2 else _Found(rivals=usual)


def _names(places: Sequence[Place]) -> str:
    return ", ".join(".".join(place) for place in places)


def _unsure(path: Path, header: Header, what: str, more: str = "") -> CorpusError:
    return CorpusError(
        f"{path} has {what}. Its columns are {', '.join(header.columns) or 'none'}. Say which count in a file such as"
        f' mine.toml, and give that as the corpus:\n  database = "{path.parent}"\n  tables = ["..."]\n  [columns]\n'
        f'  label = "TABLE.COLUMN"\n  speaker = "TABLE.COLUMN"{more and chr(10) + more.strip()}'
    )
