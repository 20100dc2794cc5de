"""How far the probabilities that were said can be believed, and whether doubt falls on what is wrong: as a table."""

from collections.abc import Iterator, Sequence
from typing import Any

from emovae.comparison import Entry, Line, Table, line_name, percent

WAYS = ("prediction", "posterior", "dropout", "ensemble")
"""To a probability, see `trust`."""


def believed(rows: Sequence[dict[str, Any]], results: dict[str, Any], name: str, key: str) -> Table:
    """The table of a task, with a line for each way to a probability of each row.

    Args:
        rows: of the task, from `results`.
        results: content of `results.json`.
        name: of the task, for people.
        key: of the task, for the table's.
    """
    voted = any(row["trust"]["prediction"]["votes"] for row in rows)
    lines = [
        Line(
            f"{line_name(row, results)}, {way}" if way != "prediction" else line_name(row, results),
            tuple(_trusted(row["trust"][way], voted=voted)),
            told=row["uses_true_label"],
        )
        for row in rows
        for way in WAYS
        if way in row["trust"]
    ]
    by_votes = (
        "; JS: mean Jensen-Shannon divergence from the raters' votes for these classes in nats, after the temperature;"
        " rank corr.: Spearman's, of the predicted entropy with that of all votes"
    )
    return Table(
        key=f"trust-{key}",
        title=f"How far the probabilities can be believed: {name}",
        caption=(
            "A line for each way to a probability: what the model says once, averaged over draws of the latents"
            " (posterior) or of dropped units (dropout), or over seeds (ensemble). NLL in nats, Brier summed over"
            f" classes, ECE over 15 bins in per cent, adaptive ECE over 15 of like count; T: the temperature that the"
            " validation speakers set, and the figures with it. AURC, in per cent, and the accuracy of the 80 % that is"
            " least doubtful by entropy; AURC by what the draws or seeds disagree in (mutual information)"
            f"{by_votes if voted else ''}."
        ),
        behind="",
        header=(
            *("model", "NLL", "Brier", "ECE", "ad. ECE", "T", "NLL, T", "ECE, T"),
            *("AURC", "at 80 %", "AURC, MI"),
            *(("JS", "rank corr.") if voted else ()),
        ),
        lines=tuple(lines),
    )


def _trusted(figures: dict[str, Any], *, voted: bool) -> Iterator[Entry]:
    yield Entry(_number(figures["nll"]))
    yield Entry(_number(figures["brier"]))
    yield Entry(percent(figures["ece"]))
    yield Entry(percent(figures["adaptive_ece"]))
    yield Entry(_number(figures.get("temperature")))
    yield Entry(_number(figures.get("tempered_nll")))
    yield Entry(percent(figures.get("tempered_ece")))
    yield Entry(percent(figures["entropy"]["aurc"]))
    yield Entry(percent(figures["entropy"]["accuracy_at_80"]))
    yield Entry(percent(figures["mutual_information"]["aurc"]) if "mutual_information" in figures else "")
    if voted:
        votes = figures["votes"] or {}
        yield Entry(_number(votes.get("jensen_shannon")))
        yield Entry(_number(votes.get("entropy_correlation")))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
