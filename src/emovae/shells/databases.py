"""Answers and features as an audformat database: a header `NAME.yaml` in the folder of the recordings, and one table.

The table is indexed by file, start and end, as `audformat.Database.load(FOLDER, name="NAME")` wants it; a database that
is in that folder already stays as it is, and its tables can be joined with this one. What was asked about as a whole
ends where its file does (`NaT`), as in audformat.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.errors import ConfigError
from emovae.files import write_bytes
from emovae.shells.asking import Asked
from emovae.sources import STDIN, Source

ENDING = ".yaml"
FORMS = ("csv", "parquet", "pkl")
"""In which audformat looks for a table."""
PREDICTIONS, LATENTS = "predictions", "latents"


class Database(NamedTuple):
    """A database to be written.

    Attributes:
        header: its file.
        table: the name of its one table.
        form: `csv` or `parquet`.
        wanted: what is asked about, where each makes one row; empty where it makes several.
    """

    header: Path
    table: str
    form: str
    wanted: tuple[Source, ...]

    @property
    def file(self) -> Path:
        """Where the table lies."""
        return self.header.with_name(f"{self.header.stem}.{self.table}.{self.form}")

    def place(self, file: str) -> str:
        """A recording as seen from the database, with slashes.

        Raises:
            ConfigError: when it lies elsewhere, or its name cannot stand in a database.
        """
        root = os.path.abspath(self.header.parent)  # noqa: PTH100 - links stay as named
        place = PurePath(os.path.relpath(os.path.abspath(file), root)).as_posix()  # noqa: PTH100
        if file == STDIN or place.startswith("../"):
            raise ConfigError(
                f"--out {self.header}: {file} lies outside of {self.header.parent}, and the recordings of a database"
                " lie in its folder, or below; give --out FOLDER/NAME.yaml with a folder that has them all"
            )
        if not place.isprintable() or "\\" in place:
            raise ConfigError(f"{place!r} cannot be named in a database; rename it, or give another --format")
        return place


def planned(out: Path, table: str, form: str, wanted: Sequence[Source], asked: Asked) -> Database:
    """A database that can be written, before anything is computed for it.

    Args:
        out: the header's file.
        table: the name of its one table.
        form: `csv` or `parquet`.
        wanted: what is asked about.
        asked: how it is cut.

    Raises:
        ConfigError: for a header or table that is there already, recordings that lie elsewhere, several channels, a
            name that is no header's, or without PyYAML.
    """
    _yaml()
    if out.suffix != ENDING:
        raise ConfigError(f"--out {out} is no header of a database; give --out FOLDER/NAME{ENDING}")
    if asked.channel == "each":
        raise ConfigError(
            "a database has one row for a part of a file, not one for each channel; give another --channel"
        )
    made = Database(out, table, form, tuple(wanted) if asked.window_s is None else ())
    there = [out, *(made.file.with_suffix(f".{one}") for one in FORMS)]
    if taken := [place for place in there if os.path.lexists(place)]:
        raise ConfigError(f"{taken[0]} is there already, and may be somebody's; give another --out, or delete it")
    for file in {source.file for source in wanted}:
        made.place(file)
    return made


def write_header(made: Database, title: str, schemes: Mapping[str, Any], named: Mapping[str, str]) -> None:
    """Writes the header, the last of a database's files.

    Args:
        made: the database.
        title: what it has, in few words.
        schemes: as in a header.
        named: the columns of its table, and the scheme of each.

    Raises:
        OutputError: when it cannot be written.
    """
    table = {"type": "segmented", "columns": {name: {"scheme_id": scheme} for name, scheme in named.items()}}
    header = {
        "name": made.header.stem,
        "source": "emovae",
        "usage": "other",  # what is allowed is for those to say whose recordings these are
        "description": title,
        "schemes": dict(schemes),
        "tables": {made.table: table},
    }
    text = _yaml().safe_dump(header, sort_keys=False, allow_unicode=True)
    write_bytes(made.header, text.encode())


class Once:
    """Sees to it that a part of a file has one row; audformat allows no two."""

    def __init__(self) -> None:
        self._seen = dict[str, list[NDArray[np.float64]]]()

    def see(self, file: str, starts: NDArray[np.float64], ends: NDArray[np.float64]) -> None:
        """Some rows: seconds [row] each, NaN for the file's end."""
        spans = np.stack([starts, ends], axis=1)
        self._seen.setdefault(file, []).append(np.where(np.isnan(spans), -1, spans))  # no NaN is like another

    def require(self) -> None:
        """Raises a ConfigError for a part that has been seen twice."""
        for file, spans in self._seen.items():
            every = np.concatenate(spans)
            if len(np.unique(every, axis=0)) < len(every):
                raise ConfigError(
                    f"several rows are about the same part of {file}, and a database has one for each; name each part"
                    " once, and with windows that overlap embed --level utterance"
                )


def _yaml() -> Any:
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError(
            f"an audformat database needs {error.name}, which is not installed: pip install 'emovae[audformat]'"
        ) from error
    return yaml
