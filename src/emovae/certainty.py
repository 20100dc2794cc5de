"""Tables of how certain everything is: of results over speakers, of predictions, of what a latent space is used for."""

from collections.abc import Sequence
from typing import Any

from emovae.believed import believed
from emovae.comparison import FIGURES, Entry, Line, Table, line_name, percent, tasks_in

SIGNIFICANT = 0.05


def certainty(results: dict[str, Any]) -> list[Table]:
    """The tables of a run that say how far its figures can be trusted, task by task."""
    tables = []
    for target, subset, rows in tasks_in(results):
        name = f"{target}, {subset}"
        key = f"{target}-{subset}"
        compared = [one for one in results["comparisons"] if (one["target"], one["subset"]) == (target, subset)]
        tables += [_standing(rows, results, name, key)]
        tables += [_told_apart(one, rows, results, name, key) for one in compared]
        tables += [_groups(rows, results, kind, name, key) for kind in rows[0]["groups"]]
        tables += [believed(rows, results, name, key)]
        tables += _use(rows, name, key)
    return tables + _values(results)


def interval(ends: Sequence[float] | None) -> str:
    """The ends of an interval of shares, in per cent.

    >>> interval([0.381, 0.47]), interval(None)
    ('38.1 to 47.0', '')
    """
    return "" if ends is None else f"{percent(ends[0])} to {percent(ends[1])}"


def _standing(rows: Sequence[dict[str, Any]], results: dict[str, Any], name: str, key: str) -> Table:
    lines = []
    for row in rows:
        seeds, speakers = row["over_seeds"]["ua"], row["over_speakers"]
        entries = [Entry(interval(row["intervals"][figure])) for _, figure in FIGURES]
        lines.append(_line(row, results, [*entries, _spread(seeds), _spread(speakers)]))
    count = rows[0]["over_speakers"]["n"]
    few = " One speaker tells nothing of others, so there is no interval." if count == 1 else ""
    return Table(
        key=f"standing-{key}",
        title=f"How far these figures stand: {name}",
        caption=(
            f"Intervals of 95 % by bootstrap over the {count} tested speakers, in per cent; they say how the figures"
            " would differ with other people, not with other training speakers. Mean ± deviation over seeds, and over"
            f" speakers, of each one's mean recall.{few}"
        ),
        behind="",
        header=("model", *(f"{heading}, 95 %" for heading, _ in FIGURES), "UA over seeds", "UA over speakers"),
        lines=tuple(lines),
    )


def _spread(spread: dict[str, Any]) -> Entry:
    deviation = spread["deviation"]
    return Entry(percent(spread["mean"]) + ("" if deviation is None else f" ± {percent(deviation)}"))


def _told_apart(
    compared: dict[str, Any], rows: Sequence[dict[str, Any]], results: dict[str, Any], name: str, key: str
) -> Table:
    """The pairs that differ by more than chance; of the others, that they don't."""
    pairs = compared["pairs"]
    apart = sorted(
        (pair for pair in pairs if pair["corrected_p"] <= SIGNIFICANT), key=lambda pair: float(pair["corrected_p"])
    )
    named = [line_name(row, results) for row in results["rows"]]
    lines = tuple(
        Line(
            named[pair["first"]],
            (
                Entry(named[pair["second"]]),
                Entry(f"{100 * pair['difference']:+.1f}"),
                Entry(p_value(pair["p"])),
                Entry(p_value(pair["corrected_p"])),
            ),
        )
        for pair in apart
    )
    smallest = min(pair["smallest_corrected_p"] for pair in pairs)
    told = (
        " Lines that are told the true label are not compared." if any(row["uses_true_label"] for row in rows) else ""
    )
    cannot = (
        f": with so few speakers no pair of so many could be, whatever its difference; {p_value(smallest)} is the least"
    )
    return Table(
        key=f"told-apart-{key}",
        title=f"What can be told apart: {name}",
        caption=(
            f"Pairs of lines whose UAs of {compared['speakers']} speakers differ by more than chance: Wilcoxon's signed"
            f" ranks, exact and two-sided, p corrected for all {len(pairs)} pairs (Holm) and at most {SIGNIFICANT:g}."
            f" Differences are in points, mean over speakers.{told}"
        ),
        behind="",
        header=("model", "against", "difference", "p", "p, corrected"),
        lines=lines,
        remarks=(
            f"{len(pairs) - len(apart)} of {len(pairs)} pairs cannot be told apart"
            f"{cannot if smallest > SIGNIFICANT else ''}.",
        ),
    )


def p_value(p: float) -> str:
    """A p of two digits, or that it is less than any that matters."""
    return f"{p:.2g}" if p >= 0.001 else "< 0.001"


def _groups(rows: Sequence[dict[str, Any]], results: dict[str, Any], kind: str, name: str, key: str) -> Table:
    groups = rows[0]["groups"][kind]
    lines = [
        _line(
            row,
            results,
            [Entry(percent(one[figure])) for one in row["groups"][kind].values() for figure in ("wa", "ua")],
        )
        for row in rows
    ]
    counts = ", ".join(f"{group} {one['n']} of {one['classes']} classes" for group, one in groups.items())
    return Table(
        key=f"{kind}-{key}",
        title=f"By {kind}: {name}",
        caption=f"WA and UA of each {kind} apart, per cent, mean over seeds; utterances: {counts}.",
        behind="",
        header=("model", *(f"{figure} {group}" for group in groups for figure in ("WA", "UA"))),
        lines=tuple(lines),
    )


def _use(rows: Sequence[dict[str, Any]], name: str, key: str) -> list[Table]:
    """Once for each autoencoder: all conditions of a CVAE read the same one."""
    first = {(row["model"], row["latent"]): row for row in reversed(rows) if row["use"]}
    if not first:
        return []
    lines = []
    for row in (row for row in rows if any(row is one for one in first.values())):
        active, kl = used(row)
        lines.append(Line(row["model"], (Entry(f"{active} of {row['latent']}"), Entry(kl))))
    return [
        Table(
            key=f"use-{key}",
            title=f"What the latent space is used for: {name}",
            caption=(
                "On the speakers who stop the learning, mean over trainings: features whose mean moves with the segment"
                " (variance of 0.01 at least, within a class of a CVAE; few or none is a collapsed space), and"
                " KL[Q(z|X) || P(z)] of a segment in nats (of an SSVAE from P(z|c))."
            ),
            behind="",
            header=("model", "active features", "KL"),
            lines=tuple(lines),
        )
    ]


def used(row: dict[str, Any]) -> tuple[str, str]:
    """The active features and the KL in nats of a row; empty where it has none."""
    use = row["use"]
    if use is None:
        return "", ""
    return f"{use['active']:.1f}", "" if use["kl_nats"] is None else f"{use['kl_nats']:.2f}"


def _values(results: dict[str, Any]) -> list[Table]:
    """What was said of the dimensions as values, beside how far two of the raters agree."""
    tables = []
    for target, subset in dict.fromkeys((one["target"], one["subset"]) for one in results["continuous"]):
        among = [one for one in results["continuous"] if (one["target"], one["subset"]) == (target, subset)]
        lines = [
            Line(
                "people" if one["model"] == "people" else line_name(one, results),
                (
                    Entry(f"{one['ccc']:.3f}"),
                    Entry("{:.3f} to {:.3f}".format(*one["interval"]) if one.get("interval") else ""),
                    Entry(f"{one['rmse']:.3f}" if "rmse" in one else ""),
                ),
                told=one["uses_true_label"],
            )
            for one in among
        ]
        tables.append(
            Table(
                key=f"values-{target}-{subset}",
                title=f"{target} as a value, {subset}",
                caption=(
                    f"{among[0]['n']} utterances, the same folds as for its levels. Concordance (Lin's CCC) with the"
                    " mean rating, pooled over folds, mean over seeds; intervals of 95 % by bootstrap over speakers;"
                    " root of the mean squared error on the corpus's scale. People: the CCC of two raters, the mean"
                    " over all pairs, to whom nobody told the mean."
                ),
                behind="",
                header=("model", "CCC", "CCC, 95 %", "RMSE"),
                lines=tuple(lines),
            )
        )
    return tables


def _line(row: dict[str, Any], results: dict[str, Any], entries: Sequence[Entry]) -> Line:
    return Line(line_name(row, results), tuple(entries), told=row["uses_true_label"])
