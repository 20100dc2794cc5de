"""Whether probabilities mean what they say, and whether doubt falls on what is wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emovae.comparison import line_name
from emovae.figures.style import Look, legend, new

FEWEST = 10
"""Utterances in a bin of a reliability diagram; the share that is right among fewer is hardly known."""


def reliability(
    rows: Sequence[dict[str, Any]], results: dict[str, Any], looks: Mapping[tuple[str, str | None], Look]
) -> Figure:
    """The share that is right against what was said of it, bin by bin; who is calibrated lies on the diagonal.

    Args:
        rows: of the results, of one target and subset.
        results: the content of `results.json`.
        looks: see `style.looks_of`.
    """
    figure = new(3.2)
    axes = figure.add_subplot()
    axes.plot([0, 100], [0, 100], color="#A0A0A0", lw=1, label="calibrated")
    for row in rows:
        bins = [one for one in row["trust"]["prediction"]["reliability"] if one["n"] >= FEWEST]
        said, right = ([one[name] for one in bins] for name in ("confidence", "accuracy"))
        _line(axes, said, right, looks[row["model"], row["test_condition"]], line_name(row, results))
    axes.set(xlabel="probability of what was said, %", ylabel="of these right, %", xlim=(0, 101), ylim=(-1, 101))
    legend(figure, [line_name(row, results) for row in rows])
    return figure


def risk_coverage(
    rows: Sequence[dict[str, Any]],
    way: str,
    score: str,
    results: dict[str, Any],
    looks: Mapping[tuple[str, str | None], Look],
) -> Figure:
    """What is wrong among those that are kept, against how many are, the most doubtful let go first.

    Args:
        rows: of the results, of one target and subset.
        way: to a probability, see `trust`.
        score: of doubt.
        results: the content of `results.json`.
        looks: see `style.looks_of`.
    """
    figure = new(3.0)
    axes = figure.add_subplot()
    for row in rows:
        curve, look = row["trust"][way][score]["curve"], looks[row["model"], row["test_condition"]]
        _line(axes, curve["coverage"], curve["risk"], look, line_name(row, results), every=8)
    axes.set(xlabel="kept, %", ylabel="of these wrong, %", xlim=(0, 101))
    axes.set_ylim(bottom=0)
    legend(figure, [line_name(row, results) for row in rows])
    return figure


def _line(axes: Axes, xs: Sequence[float], ys: Sequence[float], look: Look, name: str, every: int = 1) -> None:
    """Shares against shares, in per cent, a mark at every so many."""
    across, up = ([100 * share for share in shares] for shares in (xs, ys))
    style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "ls": look.dashes, "lw": 1.2, "ms": 4}
    axes.plot(across, up, **style, markevery=every, label=name)
