"""Variants of an experiment side by side: what a single choice does, everything else being the same.

Each variant is a run of its own, in a folder of its own with its own report; the finished cells lie in one folder, so
what variants share is computed once. Here their results become one table.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from emovae.certainty import interval
from emovae.comparison import Entry, Line, Table, line_name, percent, tasks_in
from emovae.statistics import Comparison, Corrected, as_family, signed_rank
from emovae.tables import grid, written

HEADER = ("model", "variant", "WA", "UA", "UA, 95 %", "active", "KL, nats", "UA, diff.", "p", "p, corrected")


def ablation(results: Mapping[str, dict[str, Any]]) -> list[Table]:
    """A table for each target and subset; a line that no variant changes is left out.

    A line is found again by what it is called, so that a variant may have another latent size. Where a variant is
    tested on other people or other classes, its figures are told and not compared.

    Args:
        results: name of a variant -> content of its `results.json`, the one first that all others are compared with.
    """
    first = next(iter(results))
    tables = []
    for target, subset, rows in tasks_in(results[first]):
        lines: list[Line] = []
        for row in rows:
            called = line_name(row, results[first])
            lines += _lines(row, {name: _called(called, target, subset, one) for name, one in results.items()}, results)
        seeds = rows[0]["seeds"]
        tables.append(
            Table(
                key=f"{target}-{subset}",
                title=f"{target}, {subset}",
                caption=(
                    f"Per cent, pooled over folds, {seeds} {'seed' if seeds == 1 else 'seeds'}; intervals by bootstrap"
                    f" over speakers. Each line is compared with that of {first}: difference of UA in points, mean over"
                    f" speakers; Wilcoxon's signed ranks; p corrected for all variants of the model (Holm). What no"
                    " variant changes is left out."
                ),
                behind="",
                header=HEADER,
                lines=tuple(lines),
            )
        )
    return tables


def markdown(name: str, corpus: str, tables: Sequence[Table]) -> str:
    """The whole of `table.md` of an experiment with variants."""
    parts = [f"# {name} on {corpus}"]
    for table in tables:
        parts += [f"## {table.title}", table.caption, grid(table.header, [*map(written, table.lines)])]
        parts += table.notes
    return "\n\n".join(parts) + "\n"


def _called(name: str, target: str, subset: str, results: dict[str, Any]) -> dict[str, Any] | None:
    """The line of this name in a variant's table."""
    among = (row for row in results["rows"] if (row["target"], row["subset"]) == (target, subset))
    return next((row for row in among if line_name(row, results) == name), None)


def _lines(
    row: dict[str, Any], rows: Mapping[str, dict[str, Any] | None], results: Mapping[str, dict[str, Any]]
) -> Iterator[Line]:
    found = {name: one for name, one in rows.items() if one is not None}
    if all(one["per_seed"] == row["per_seed"] and one["confusion"] == row["confusion"] for one in found.values()):
        return
    compared = {name: _compared(one, row) for name, one in found.items() if one is not row and _alike(one, row)}
    corrected = dict(zip(compared, as_family(list(compared.values())), strict=True))
    for name, one in found.items():
        yield Line(
            line_name(one, results[name]),
            (
                Entry(name),
                Entry(percent(one["wa"])),
                Entry(percent(one["ua"])),
                Entry(interval(one["intervals"]["ua"])),
                *_use(one),
                *_difference(compared.get(name), corrected.get(name)),
            ),
            told=one["uses_true_label"],
        )


def _use(row: dict[str, Any]) -> tuple[Entry, Entry]:
    use = row["use"]
    if use is None:
        return Entry(""), Entry("")
    kl = use["kl_nats"]
    return Entry(f"{use['active']:.1f}"), Entry("" if kl is None else f"{kl:.2f}")


def _alike(row: dict[str, Any], first: dict[str, Any]) -> bool:
    """Whether two lines were tested on the same people, who show the same classes as often."""

    def tested(one: dict[str, Any]) -> list[Any]:
        shown = np.sum(one["confusion"], axis=1) / one["seeds"]
        return [sorted(one["over_speakers"]["each"]), one["classes"], shown.tolist()]

    return tested(row) == tested(first)


def _compared(row: dict[str, Any], first: dict[str, Any]) -> Comparison:
    ours, theirs = (one["over_speakers"]["each"] for one in (row, first))
    return signed_rank(np.array([ours[speaker] - theirs[speaker] for speaker in theirs]))


def _difference(compared: Comparison | None, corrected: Corrected | None) -> tuple[Entry, Entry, Entry]:
    if compared is None or corrected is None:
        return Entry(""), Entry(""), Entry("")
    return (
        Entry(f"{100 * compared.difference:+.1f}"),
        Entry(f"{compared.p:.2g}"),
        Entry(f"{corrected.p:.2g}"),
    )
