"""Figure 2 of the paper: how the figures change with the number of latent features."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emovae.comparison import is_published_corpus, line_name, model_name
from emovae.figures.style import Look, legend, new

GREYS = tuple((colour, dashes) for colour in ("#555555", "#A0A0A0") for dashes in ("-", "--", ":", "-."))


def over_sizes(
    rows: Sequence[dict[str, Any]],
    key: str,
    printed: str,
    heading: str,
    results: dict[str, Any],
    looks: Mapping[tuple[str, str | None], Look],
) -> Figure:
    """A figure, pooled over folds, against the latent size, line by line; the band spans the seeds.

    Args:
        rows: rows or means of the results, of one target and subset.
        key: which figure.
        printed: the key of the paper's.
        heading: what the figure is called.
        results: the content of `results.json`.
        looks: see `style.looks_of`.
    """
    figure = new(3.0)
    axes = figure.add_subplot()
    names = []
    learned = [row for row in rows if row["latent"]]
    for model, condition in dict.fromkeys((row["model"], row["test_condition"]) for row in learned):
        among = [row for row in learned if (row["model"], row["test_condition"]) == (model, condition)]
        names.append(model_name(model, condition, told=among[0]["uses_true_label"]))
        _line(axes, sorted(among, key=lambda row: int(row["latent"])), key, names[-1], looks[model, condition])
    if is_published_corpus(results):
        _printed(axes, learned, printed, looks)
    for place, row in enumerate(row for row in rows if not row["latent"]):
        colour, dashes = GREYS[place % len(GREYS)]
        names.append(line_name(row, results))
        axes.axhline(100 * row[key], color=colour, lw=1, ls=dashes, label=names[-1])
    sizes = sorted({row["latent"] for row in learned})
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set(xlabel="latent features", ylabel=f"{heading}, %")
    legend(figure, names)
    return figure


def _line(axes: Axes, rows: Sequence[dict[str, Any]], key: str, name: str, look: Look) -> None:
    sizes = [row["latent"] for row in rows]
    shares = [100 * row[key] for row in rows]
    axes.plot(sizes, shares, color=look.colour, marker=look.marker, ls=look.dashes, lw=1.5, ms=5, label=name)
    if len(rows[0]["per_seed"]) > 1:
        seeds = [[100 * one[key] for one in row["per_seed"]] for row in rows]
        lowest, highest = [min(one) for one in seeds], [max(one) for one in seeds]
        axes.fill_between(sizes, lowest, highest, color=look.colour, alpha=0.15, lw=0)


def _printed(
    axes: Axes, rows: Sequence[dict[str, Any]], printed: str, looks: Mapping[tuple[str, str | None], Look]
) -> None:
    """The paper's points, once a model, as marks of their own: large and hollow, in the shape of the model's line."""
    points = {
        row["model"]: (row["latent"], 100 * row["published"][printed], looks[row["model"], row["test_condition"]])
        for row in rows
        if printed in (row["published"] or {})
    }
    for model, (size, share, look) in points.items():
        (mark,) = axes.plot([size], [share], marker=look.marker, ms=9, ls="none", label=f"{model}, paper")
        mark.set(markerfacecolor="none", markeredgecolor=look.colour, markeredgewidth=1.8)
