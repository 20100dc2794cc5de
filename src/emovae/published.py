"""What the paper prints, beside what was run: its figures for a line, its means, its quoted studies."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from emovae.config import Experiment, Published
from emovae.judged import Line
from emovae.labels import DIMENSIONS
from emovae.metrics import Scores
from emovae.tasks import Task

PAPER_LATENT = 128
"""The latent size of all that the paper prints in figures (section 5.3)."""
MEAN_OVER = ("model", "subset", "test_condition", "latent", "uses_true_label")


def mean_of(among: Sequence[Scores]) -> Scores:
    """The plain mean of each figure."""
    return Scores(*np.mean(among, axis=0).tolist())


def printed_for(experiment: Experiment, line: Line, task: Task) -> dict[str, float] | None:
    """The figures that the paper prints for a line."""
    for printed in experiment.published:
        if (printed.model, printed.subset, printed.target) == (line.model, task.subset, task.target) and _is_of_size(
            printed, line.latent, experiment
        ):
            return _shares(printed)
    return None


def _is_of_size(printed: Published, latent: int | None, experiment: Experiment) -> bool:
    """Among several latent sizes, a printed figure without one belongs to the paper's own."""
    if latent is None or (printed.latent is None and len(experiment.latent_sizes) < 2):
        return True
    return latent == (printed.latent or PAPER_LATENT)


def _shares(printed: Published) -> dict[str, float]:
    figures = {"wa": printed.wa, "ua": printed.ua, "f": printed.f}
    return {name: round(value / 100, 6) for name, value in figures.items() if value is not None}


def means(rows: Sequence[dict[str, Any]], experiment: Experiment) -> list[dict[str, Any]]:
    """The plain mean of each line over arousal, power and valence (Table 2's last column), where all three were run."""
    lines: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        if row["target"] in DIMENSIONS:
            lines.setdefault(tuple(row[key] for key in MEAN_OVER), []).append(row)
    printed_means = [one for one in experiment.published if one.target == "mean"]

    def printed(model: str, subset: str, latent: int | None) -> dict[str, float] | None:
        named = (one for one in printed_means if (one.model, one.subset) == (model, subset))
        return next((_shares(one) for one in named if _is_of_size(one, latent, experiment)), None)

    return [
        {
            **dict(zip(MEAN_OVER, line, strict=True)),
            **mean_of([Scores(*(row[name] for name in Scores._fields)) for row in among])._asdict(),
            "folds": {"mean": mean_of([Scores(**row["folds"]["mean"]) for row in among])._asdict()},
            "per_seed": _mean_of_seeds(among),
            "published": printed(line[0], line[1], line[3]),
        }
        for line, among in lines.items()
        if len(among) == len(DIMENSIONS)
    ]


def _mean_of_seeds(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    each = zip(*(row["per_seed"] for row in rows), strict=True)
    return [
        {
            "seed": among[0]["seed"],
            **mean_of([Scores(*(one[name] for name in Scores._fields)) for one in among])._asdict(),
        }
        for among in each
    ]


def quoted(experiment: Experiment) -> list[dict[str, Any]]:
    """What the paper prints of models that the experiment does not run."""
    run = {*experiment.baselines, *experiment.rivals, *experiment.models}
    return [
        {"model": one.model, "subset": one.subset, "target": one.target, **_shares(one)}
        for one in experiment.published
        if one.model not in run
    ]


def nearest_size(sizes: Collection[int]) -> int | None:
    """The latent size that is shown where there is room for one: that nearest to the paper's; None of none.

    >>> nearest_size({32, 64, 512}), nearest_size(())
    (64, None)
    """
    return min(sizes, key=lambda size: (abs(size - PAPER_LATENT), size), default=None)
