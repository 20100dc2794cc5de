"""The lines of a run, or of an evaluation, by their rows in `predictions.parquet`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
from pyarrow.lib import ArrowException

from emovae.errors import ConfigError, OutputError
from emovae.sums import require_sums

FILE = "predictions.parquet"
LINE = ("model", "latent", "test_condition", "target", "subset")
"""Columns that tell the lines of a run apart."""
KNOWN = ("model", "target", "subset", "uses_true_label", "utterance", "seed", "speaker", "label", "predicted")
"""Columns without an empty cell."""

Row = Mapping[str, Any]


class Result(NamedTuple):
    """One line of a folder.

    Attributes:
        name: what tells it from the others.
        is_told: whether it is told the true label.
        rows: utterance -> its rows, one for each seed, by the seed.
    """

    name: str
    is_told: bool
    rows: dict[str, list[Row]]


def result_in(folder: Path, row: str | None, option: str) -> Result:
    """A line of the folder of a run, or of `emovae evaluate --out`.

    Args:
        folder: holds `predictions.parquet`.
        row: words of its name, such as `CVAE-LSTM marginal`; None where there is one line only.
        option: that names the line, for messages.

    Raises:
        ConfigError: where these words fit none of several lines, or more than one.
        OutputError: for a folder without predictions, or whose predictions cannot be read.
    """
    lines: dict[str, list[Row]] = {}
    rows = _rows(folder / FILE)
    require_sums(folder)
    for each in rows:
        lines.setdefault(_name(each), []).append(each)
    wanted = _words(row or "")
    fitting = [name for name in lines if wanted <= _words(name)]
    if len(fitting) != 1:
        what = f"{option} {row!r} fits {len(fitting) or 'none'} of them" if row else f"say which with {option}"
        have = "\n".join(f"  {name}" for name in lines)
        raise ConfigError(f"{folder} has {len(lines)} lines; {what}, by words that it alone has:\n{have}")
    (name,) = fitting
    found = Result(name, bool(lines[name][0]["uses_true_label"]), {})
    for row_of in sorted(lines[name], key=lambda one: int(one["seed"])):
        found.rows.setdefault(row_of["utterance"], []).append(row_of)
    _require_once(folder, found)
    return found


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise OutputError(f"{path} is not there; give the folder of `emovae run`, or of `emovae evaluate --out`")
    try:
        rows: list[dict[str, Any]] = pq.read_table(path, columns=list({*LINE, *KNOWN})).to_pylist()
    except (ArrowException, OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be read: {error}; write it anew") from error
    if not rows or not {*LINE, *KNOWN} <= rows[0].keys() or any(row[name] is None for row in rows for name in KNOWN):
        raise OutputError(f"{path} has no row, or lacks some of {', '.join((*LINE, *KNOWN))}; write it anew")
    return rows


def _name(row: Row) -> str:
    return ", ".join(str(row[column]) for column in LINE if row[column] is not None)


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.split(r"[\s,]+", name) if word}


def _require_once(folder: Path, found: Result) -> None:
    """Each utterance once for each seed, or figures would count some people's words more often."""
    seeds = [[row["seed"] for row in rows] for rows in found.rows.values()]
    if odd := sum(each != seeds[0] or len(set(each)) < len(each) for each in seeds):
        raise OutputError(
            f"{folder / FILE}, {found.name}: {odd:,} of {len(seeds):,} utterances do not come once for each seed; write"
            " it anew"
        )
