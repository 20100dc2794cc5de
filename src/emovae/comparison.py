"""Results become tables beside the published figures, which Markdown, HTML and LaTeX then print."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from emovae.labels import DIMENSIONS

FIGURES = (("WA", "wa"), ("UA", "ua"), ("macro F1", "macro_f1"), ("weighted F1", "weighted_f1"))
PRINTED = {"WA": "wa", "UA": "ua", "F": "f"}
"""Heading of a printed figure -> its key; the paper does not say which F-measure it prints."""
MARK = "†"
MINUS = "−"
ORACLE = f"{MARK} is told the true label of the utterance that it names: an upper bound, not a result."
QUOTED = "Quoted rows are as the paper prints them, and were not run here."
TRANSDUCTIVE = "transductive: the tested audio's own statistics"
UNKNOWN_F = " The paper does not say which F-measure it prints."


class Entry(NamedTuple):
    """One place in a table: a figure, and what stands behind it in small print."""

    figure: str
    behind: str = ""

    @property
    def printed(self) -> str:
        """The figure with a sign for minus in place of a hyphen before a number; names keep their hyphens.

        >>> Entry("-1.6").printed, Entry("AE-LSTM").printed
        ('−1.6', 'AE-LSTM')
        """
        return re.sub(r"(?<!\S)-(?=\d)", MINUS, self.figure)


class Line(NamedTuple):
    """A line of a table.

    Attributes:
        name: of the model; with the mark where it is told the true label.
        entries: one for each column after the first.
        quoted: the paper prints it of a model that was not run.
        told: it is told the true label.
    """

    name: str
    entries: tuple[Entry, ...]
    quoted: bool = False
    told: bool = False


class Table(NamedTuple):
    """A table as anything can print it; all texts are plain and unescaped.

    Attributes:
        key: a name for links.
        title: what it is about.
        caption: what the figures are.
        behind: what stands in small print behind them; empty where nothing does.
        header: the columns.
        lines: the rows.
        remarks: what has to be said under it, besides what the marks of its lines mean.
    """

    key: str
    title: str
    caption: str
    behind: str
    header: tuple[str, ...]
    lines: tuple[Line, ...]
    remarks: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """All that has to be said under it."""
        told = (ORACLE,) if any(line.told for line in self.lines) else ()
        quoted = (QUOTED,) if any(line.quoted for line in self.lines) else ()
        return (*self.remarks, *told, *quoted)


def tasks_in(results: dict[str, Any]) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Target, subset and rows of each table, in the order of the results."""
    for target, subset in dict.fromkeys((row["target"], row["subset"]) for row in results["rows"]):
        among = [row for row in results["rows"] if (row["target"], row["subset"]) == (target, subset)]
        yield target, subset, among


def compared(results: dict[str, Any]) -> list[Table]:
    """Every table of a run: one for each target and subset, then the dimensions side by side."""
    tables = [_task(results, target, subset, among) for target, subset, among in tasks_in(results)]
    subsets = dict.fromkeys(one["subset"] for one in results["means"])
    return [*tables, *(table for subset in subsets for table in _dimensions(results, subset))]


def line_name(row: dict[str, Any], results: dict[str, Any]) -> str:
    """How a line is called in every table and figure; its latent size where there are several."""
    several = len(results["settings"]["latent_sizes"]) > 1
    size = f" {row['latent']}" if several and row["latent"] else ""
    return model_name(f"{row['model']}{size}", row["test_condition"], told=row["uses_true_label"])


def model_name(model: str, condition: str | None, *, told: bool) -> str:
    """A model and its test condition, with the mark where it is told the true label.

    >>> model_name("CVAE-LSTM", "oracle", told=True), model_name("AE-LSTM", None, told=False)
    ('CVAE-LSTM (oracle)†', 'AE-LSTM')
    """
    return f"{model}{f' ({condition})' if condition else ''}{MARK if told else ''}"


def f_measures(results: dict[str, Any]) -> list[tuple[str, str]]:
    """Heading and key of both F-measures, the one that the settings name first in front."""
    figures = list(FIGURES[2:])
    return figures[::-1] if results["settings"]["f_measure"] == "weighted" else figures


def is_published_corpus(results: dict[str, Any]) -> bool:
    """Whether printed figures may stand beside one's own; another corpus's would invite a meaningless comparison."""
    return bool(results["published_for"]) and results["published_for"] == results["corpus"]


def headline(row: dict[str, Any], key: str, results: dict[str, Any]) -> float:
    """The figure that is named first: pooled, or the mean over folds."""
    share: float = row[key] if results["settings"]["average"] == "pooled" else row["folds"]["mean"][key]
    return share


def percent(share: float | None) -> str:
    """A share as per cent with one decimal; nothing for None."""
    return "" if share is None else f"{100 * share:.1f}"


def difference(own: float, printed: float) -> str:
    """One's own share minus the printed one, in points.

    >>> difference(0.5912, 0.6071), difference(0.6, 0.6)
    ('-1.6', '+0.0')
    """
    return f"{100 * (own - printed):+.1f}"


def _task(results: dict[str, Any], target: str, subset: str, rows: Sequence[dict[str, Any]]) -> Table:
    figures = [*FIGURES[:2], *f_measures(results)]
    quoted = [one for one in results["quoted"] if (one["target"], one["subset"]) == (target, subset)]
    own = {"WA": "wa", "UA": "ua", "F": f_measures(results)[0][1]}
    printed = [*(row["published"] or {} for row in rows), *quoted] if is_published_corpus(results) else []
    beside = [name for name in own if any(PRINTED[name] in one for one in printed)]
    lines = []
    for row in rows:
        entries = [_entry(row, key, results) for _, key in figures]
        for name in beside:
            entries += _beside(row, own[name], PRINTED[name], results)
        lines.append(Line(line_name(row, results), tuple(entries), told=row["uses_true_label"]))
    for one in quoted if beside else []:
        told = [entry for name in beside for entry in (Entry(percent(one.get(PRINTED[name]))), Entry(""))]
        lines.append(Line(one["model"], (*(Entry("") for _ in figures), *told), quoted=True))
    return Table(
        key=f"{target}-{subset}",
        title=f"{target}, {subset}",
        caption=_about(rows, results),
        behind=_means_of(results)[1],
        header=(
            "model",
            *(name for name, _ in figures),
            *(text for one in beside for text in (f"paper {one}", "diff.")),
        ),
        lines=tuple(lines),
    )


def _entry(row: dict[str, Any], key: str, results: dict[str, Any]) -> Entry:
    """The figure named first, and the other one behind it."""
    std = row["folds"].get("std")
    over_folds = percent(row["folds"]["mean"][key]) + (f" ± {percent(std[key])}" if std else "")
    pooled = percent(row[key])
    return Entry(pooled, over_folds) if results["settings"]["average"] == "pooled" else Entry(over_folds, pooled)


def _beside(row: dict[str, Any], key: str, printed: str, results: dict[str, Any]) -> list[Entry]:
    share = (row["published"] or {}).get(printed)
    if share is None:
        return [Entry(""), Entry("")]
    return [Entry(percent(share)), Entry(difference(headline(row, key, results), share))]


def _about(rows: Sequence[dict[str, Any]], results: dict[str, Any]) -> str:
    row = rows[0]
    count = row["folds"]["count"]
    transductive = f" ({TRANSDUCTIVE})" if row["normalise"] == "speaker" else ""
    if scaled := [one["model"] for one in rows if one.get("normalise_statistics") == "speaker"]:
        transductive += f"; normalise_statistics speaker in {', '.join(dict.fromkeys(scaled))} ({TRANSDUCTIVE})"
    levels = f"; levels by {row['binning']}" if row["binning"] else ""
    published = " Differences are in points, one's own minus the paper's." if is_published_corpus(results) else ""
    return (
        f"{row['n']} utterances of {len(row['classes'])} classes; {row['protocol']},"
        f" {count} {'fold' if count == 1 else 'folds'}; normalise {row['normalise']}{transductive}{levels};"
        f" {row['precision']}. Per cent, {_means_of(results)[0]}.{published}"
    )


def _means_of(results: dict[str, Any]) -> tuple[str, str]:
    """What is named first, and what behind it."""
    both = ("pooled over folds", "mean over folds ± deviation")
    return both if results["settings"]["average"] == "pooled" else both[::-1]


def _dimensions(results: dict[str, Any], subset: str) -> Iterator[Table]:
    """Table 2 as the paper prints it, for both F-measures: each dimension, and their mean."""
    columns = (*DIMENSIONS, "mean")
    rows = [*results["rows"], *({**mean, "target": "mean"} for mean in results["means"])]
    of = {(row["target"], line_name(row, results)): row for row in rows if row["subset"] == subset}
    quoted = {(one["target"], one["model"]): one for one in results["quoted"] if one["subset"] == subset}
    for place, (heading, key) in enumerate(f_measures(results)):
        beside = is_published_corpus(results) and place == 0
        lines = []
        for name in (name for target, name in of if target == "mean"):
            among = [of[column, name] for column in columns]
            entries = [Entry(percent(headline(row, key, results))) for row in among]
            if beside:
                entries += [Entry(percent((row["published"] or {}).get("f"))) for row in among]
                entries.append(_beside(among[-1], key, "f", results)[1])
            lines.append(Line(name, tuple(entries), told=among[-1]["uses_true_label"]))
        for model in (model for target, model in quoted if target == "mean" and beside):
            printed = (Entry(percent(quoted.get((column, model), {}).get("f"))) for column in columns)
            lines.append(Line(model, (*(Entry("") for _ in columns), *printed, Entry("")), quoted=True))
        yield Table(
            key=f"dimensions-{subset}-{key}",
            title=f"{heading} over the dimensions, {subset}",
            caption=f"Per cent, {_means_of(results)[0]}, and the plain mean of the three.{UNKNOWN_F if beside else ''}",
            behind="",
            header=("model", *columns, *((*(f"paper {column}" for column in columns), "diff.") if beside else ())),
            lines=tuple(lines),
        )
