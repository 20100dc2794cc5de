"""The header of an audformat database: which tables and columns there are, and what their values mean.

`audformat.Database.load` is not asked: it reads YAML with a loader that runs what a tag tells it to run, and prefers a
table's pickle to its text. Here the header is plain data.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from emovae.errors import ConfigError, CorpusError

REMEDY = "pip install 'emovae[audformat]'"
DEEPEST = 32
"""Lists and mappings within each other; libyaml ends the process where there are tens of thousands."""
MOST_NODES = 2_000_000
"""Values and names, those counted again that an alias repeats: nine lists of nine aliases each are 400 million."""


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


def _or_nothing(value: Any) -> Any:
    return {} if value is None else value


class Column(_Told):
    """A column, and the scheme that its values follow."""

    scheme_id: str | None = None


Columns = Annotated[dict[str, Column], BeforeValidator(_or_nothing), Field(default_factory=dict)]


class Table(_Told):
    """A table of files or of segments; in a misc table, of anything else."""

    columns: Columns


class Scheme(_Told):
    """What values mean: a list of labels, labels with facts about each, or the name of the misc table that has them."""

    labels: Any = None
    minimum: Any = None
    maximum: Any = None

    @property
    def names(self) -> frozenset[str] | None:
        """The labels themselves; None where any value is allowed, or a misc table names them."""
        return frozenset(map(str, self.labels)) if isinstance(self.labels, list | dict) else None


class Header(_Told):
    """What is read of `db.yaml`."""

    name: str = ""
    languages: Annotated[tuple[str, ...], BeforeValidator(lambda value: value or ())] = ()
    schemes: Annotated[dict[str, Scheme], BeforeValidator(_or_nothing), Field(default_factory=dict)]
    tables: Annotated[dict[str, Table], BeforeValidator(_or_nothing), Field(default_factory=dict)]
    misc_tables: Annotated[dict[str, Table], BeforeValidator(_or_nothing), Field(default_factory=dict)]

    def scheme(self, table: str, column: str) -> Scheme:
        """The scheme of a column; one that allows everything where it has none."""
        name = self.tables[table].columns[column].scheme_id
        return self.schemes.get(name or "", Scheme())

    @property
    def columns(self) -> Mapping[str, tuple[str, str]]:
        """Each column, as `table.column` -> table and column; misc tables are left out."""
        return {f"{name}.{column}": (name, column) for name, table in self.tables.items() for column in table.columns}


def read_header(path: Path) -> Header:
    """Reads a header as data: a tag that would make anything else of it is an error.

    Raises:
        ConfigError: when PyYAML is not installed.
        CorpusError: when it cannot be read, is no YAML, or no header.
    """
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError(f"an audformat database needs {error.name}, which is not installed: {REMEDY}") from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = path.read_text(encoding="utf-8")
        _require_bounded(yaml.parse(text, Loader=loader))
        content = yaml.load(text, Loader=loader)
        if isinstance(content, dict) and len(content) == 1 and isinstance(held := next(iter(content.values())), dict):
            content = held  # as the first versions of audformat wrote it
        return Header.model_validate(content)
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}; check the path and rights") from error
    except ValidationError as error:
        one = error.errors()[0]
        where = ".".join(map(str, one["loc"])) or "the whole"
        raise CorpusError(
            f"{path} is no header of an audformat database: {where}: {one['msg']}; save it anew"
        ) from error
    # The last three come from tags that do not fit their values, such as `!!timestamp x` and `!!bool x`.
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, LookupError, TypeError) as error:
        why = " ".join(str(error).split())
        raise CorpusError(f"{path} cannot be read as plain YAML: {why}; save it anew with audformat") from error


def _require_bounded(events: Iterable[Any]) -> None:
    """Requires of YAML, event by event, that it nests and repeats no more than a header may; nothing is made of it yet.

    Raises:
        ValueError: where it does.
    """
    sizes, within = dict[str, int](), [1]
    anchors = list[str | None]()
    for event in events:
        match type(event).__name__:
            case "AliasEvent":
                if event.anchor not in sizes:
                    raise ValueError(f"*{event.anchor} stands for what it is part of, or for nothing")
                within[-1] += sizes[event.anchor]
            case "ScalarEvent":
                within[-1] += 1
                sizes |= {event.anchor: 1} if event.anchor else {}
            case "SequenceStartEvent" | "MappingStartEvent":
                within.append(1)
                anchors.append(event.anchor)
                if len(anchors) > DEEPEST:
                    raise ValueError(f"it nests deeper than {DEEPEST} levels")
            case "SequenceEndEvent" | "MappingEndEvent":
                size, anchor = within.pop(), anchors.pop()
                within[-1] += size
                sizes |= {anchor: size} if anchor else {}
        if within[-1] > MOST_NODES:
            raise ValueError(f"it says more than {MOST_NODES:,} things")
