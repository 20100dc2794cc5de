"""Variants of an experiment side by side: what a single choice does, everything else being the same.

Each variant is a run of its own, in a folder of its own with its own report; the finished cells lie in one folder, so
what variants share is computed once. Here their results become one table.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from emovae.certainty import interval, p_value, used
from emovae.comparison import Entry, Line, Table, line_name, percent, tasks_in
from emovae.paired import Comparison, Corrected, as_family, signed_rank
from emovae.tables import grid, written

Row = dict[str, Any]

HEADER = ("model", "variant", "WA", "UA", "UA, 95 %", "active", "KL, nats", "UA, diff.", "p", "p, corrected")


def ablation(results: Mapping[str, dict[str, Any]]) -> list[Table]:
    """A table for each target and subset; a line that no variant changes is left out.

    A line is found again by what it is called, so that a variant may have another latent size. Where a variant is
    tested on other people or other classes, or the first has no such line, its figures are told and not compared.

    Args:
        results: name of a variant -> content of its `results.json`, the one first that all others are compared with.
    """
    first = next(iter(results))
    tables: dict[tuple[str, str], dict[str, dict[str, Row]]] = {}  # task -> name of a line -> variant -> row
    for variant, one in results.items():
        for target, subset, rows in tasks_in(one):
            named = tables.setdefault((target, subset), {})
            for row in rows:
                named.setdefault(line_name(row, one), {})[variant] = row
    return [
        Table(
            key=f"{target}-{subset}",
            title=f"{target}, {subset}",
            caption=(
                f"Per cent, pooled over folds, {_seeds(named)}; intervals by bootstrap over speakers. Each line is"
                f" compared with that of {first}: difference of UA in points, mean over speakers; Wilcoxon's signed"
                " ranks; p corrected for all variants of the model (Holm). What no variant changes is left out."
            ),
            behind="",
            header=HEADER,
            lines=tuple(line for name, found in named.items() for line in _lines(name, found, found.get(first))),
        )
        for (target, subset), named in tables.items()
    ]


def markdown(name: str, corpus: str, tables: Sequence[Table]) -> str:
    """The whole of `table.md` of an experiment with variants."""
    parts = [f"# {name} on {corpus}"]
    for table in tables:
        parts += [f"## {table.title}", table.caption, grid(table.header, [*map(written, table.lines)])]
        parts += table.notes
    return "\n\n".join(parts) + "\n"


def _seeds(named: Mapping[str, Mapping[str, Row]]) -> str:
    counts = sorted({row["seeds"] for found in named.values() for row in found.values()})
    return f"{' or '.join(map(str, counts))} {'seed' if counts == [1] else 'seeds'}"


def _lines(name: str, found: Mapping[str, Row], first: Row | None) -> Iterator[Line]:
    """One line of each variant that has it."""
    if first is not None and all(
        one["per_seed"] == first["per_seed"] and one["confusion"] == first["confusion"] for one in found.values()
    ):
        return
    compared = {
        variant: _compared(one, first)
        for variant, one in found.items()
        if first is not None and one is not first and _alike(one, first)
    }
    corrected = dict(zip(compared, as_family(list(compared.values())), strict=True))
    for variant, one in found.items():
        yield Line(
            name,
            (
                Entry(variant),
                Entry(percent(one["wa"])),
                Entry(percent(one["ua"])),
                Entry(interval(one["intervals"]["ua"])),
                *map(Entry, used(one)),
                *_difference(compared.get(variant), corrected.get(variant)),
            ),
            told=one["uses_true_label"],
        )


def _alike(row: Row, first: Row) -> bool:
    """Whether two lines were tested on the same people, who show the same classes as often."""

    def tested(one: Row) -> list[Any]:
        shown = np.sum(one["confusion"], axis=1) / one["seeds"]
        return [sorted(one["over_speakers"]["each"]), one["classes"], shown.tolist()]

    return tested(row) == tested(first)


def _compared(row: Row, first: Row) -> Comparison:
    ours, theirs = (one["over_speakers"]["each"] for one in (row, first))
    return signed_rank(np.array([ours[speaker] - theirs[speaker] for speaker in theirs]))


def _difference(compared: Comparison | None, corrected: Corrected | None) -> tuple[Entry, Entry, Entry]:
    if compared is None or corrected is None:
        return Entry(""), Entry(""), Entry("")
    return (
        Entry(f"{100 * compared.difference:+.1f}"),
        Entry(p_value(compared.p)),
        Entry(p_value(corrected.p)),
    )
