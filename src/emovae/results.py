"""Finished cells become rows: what `results.json` holds.

The four plain figures of a row are pooled over folds and averaged over seeds. Mean and deviation over folds are given
beside them, each figured seed by seed and then averaged.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emovae.cells import result_of
from emovae.config import Experiment
from emovae.files import fingerprint
from emovae.grid import Cell, Context, is_learned
from emovae.judged import Judged, judge, lines_of
from emovae.metrics import Scores, confusion_matrix, recalls, scores
from emovae.tasks import Task

SCHEMA = 1


def results(context: Context, corpus: str, cells: Sequence[Cell], notices: Sequence[str]) -> dict[str, Any]:
    """The content of `results.json`. It holds no time, host or path.

    Args:
        context: what the cells share.
        corpus: its name.
        cells: all of the grid, finished.
        notices: what a reader should know.
    """
    plans = [task.plan.fingerprint for task in context.tasks]
    return {
        "schema": SCHEMA,
        "experiment": context.experiment.name,
        "corpus": corpus,
        "utterances": len(context.frames.utterances),
        "fingerprint": plans[0] if len(plans) == 1 else fingerprint(plans),
        "preset": context.experiment.preset,
        "notices": list(notices),
        "left_out": [{"utterance": problem.utterance, "why": problem.why} for problem in context.frames.left_out],
        "settings": context.experiment.model_dump(mode="json", exclude={"published", "published_for"}),
        "plans": [_plan(context, task) for task in context.tasks],
        "rows": [_row(context, *row, among) for row, among in lines_of(cells).items()],
    }


def _plan(context: Context, task: Task) -> dict[str, Any]:
    """Who is in each fold, and how many utterances of each class every side shows."""

    def side(members: Sequence[int]) -> dict[str, Any]:
        shown = Counter(str(task.labels[member]) for member in members)
        return {
            "speakers": sorted({context.frames.utterances[member].speaker for member in members}),
            "classes": {name: shown[name] for name in task.classes},
        }

    folds = [
        {"name": fold.name, **{role: side(getattr(fold, role)) for role in ("train", "validation", "test")}}
        for fold in task.plan.folds
    ]
    return {"target": task.target, "subset": task.subset, "protocol": task.plan.protocol, "folds": folds}


def _row(context: Context, model: str, task_place: int, condition: str | None, cells: Sequence[Cell]) -> dict[str, Any]:
    experiment, task = context.experiment, context.tasks[task_place]
    seeds = sorted({cell.seed for cell in cells})
    judged = [judge(context, cell) for cell in cells]
    by_seed = {seed: [one for one in judged if one.cell.seed == seed] for seed in seeds}
    pooled = {seed: np.sum([_confusion(task, one) for one in among], axis=0) for seed, among in by_seed.items()}
    per_seed = {seed: scores(confusion) for seed, confusion in pooled.items()}
    return {
        "model": model,
        "subset": task.subset,
        "target": task.target,
        "protocol": task.plan.protocol,
        "normalise": experiment.normalise,
        "features": _features(model, experiment),
        "binning": None if task.target == "emotion" else experiment.binning,
        "test_condition": condition,
        "uses_true_label": condition == "oracle",
        "precision": context.machine.precision,
        "n": int(pooled[seeds[0]].sum()),
        "classes": list(task.classes),
        "seeds": len(seeds),
        **_mean(list(per_seed.values()))._asdict(),
        "recall": _recall(task, list(pooled.values())),
        "folds": _over_folds(task, list(by_seed.values())),
        "per_seed": [{"seed": seed, **one._asdict()} for seed, one in per_seed.items()],
        "confusion": np.sum(list(pooled.values()), axis=0).tolist(),
        "fingerprint": task.plan.fingerprint,
        "threshold_reached": _threshold_reached(context, cells),
        "published": _published(experiment, model, task),
    }


def _features(model: str, experiment: Experiment) -> str:
    baseline = {"majority": "none", "functionals-SVM": "functionals of log-mel frames", "AE-LSTM": "code"}
    return baseline.get(model, experiment.features)


def _confusion(task: Task, judged: Judged) -> NDArray[np.int64]:
    return confusion_matrix(judged.true, judged.predicted, task.classes)


def _mean(among: Sequence[Scores]) -> Scores:
    return Scores(*np.mean(among, axis=0).tolist())


def _recall(task: Task, pooled: Sequence[NDArray[np.int64]]) -> dict[str, float | None]:
    """Recall of each class, averaged over seeds; None for a class that nobody who was tested shows."""
    shares = np.mean([recalls(confusion) for confusion in pooled], axis=0).tolist()
    return {name: None if np.isnan(share) else share for name, share in zip(task.classes, shares, strict=True)}


def _over_folds(task: Task, seeds: Sequence[Sequence[Judged]]) -> dict[str, Any]:
    """Mean and sample deviation over folds (none for a single one), seed by seed and averaged; absent classes."""
    each = [[scores(_confusion(task, one)) for one in folds] for folds in seeds]
    several = len(each[0]) > 1
    absent = {
        task.plan.folds[one.cell.fold].name: missing
        for one in seeds[0]
        if (missing := sorted(set(task.classes) - set(one.true)))
    }
    return {
        "count": len(each[0]),
        "mean": _mean([_mean(folds) for folds in each])._asdict(),
        "std": _mean([Scores(*np.std(folds, axis=0, ddof=1).tolist()) for folds in each])._asdict()
        if several
        else None,
        "absent_classes": absent,
    }


def _threshold_reached(context: Context, cells: Sequence[Cell]) -> dict[str, int] | None:
    """In how many trainings the autoencoder came below the threshold; None where it stops by another rule."""
    settings = context.experiment.autoencoder
    if settings.stop != "threshold" or not is_learned(cells[0]):
        return None
    curves = [result.autoencoder_curve for cell in cells if (result := result_of(context, cell)) is not None]
    reached = sum(curve[-1]["reconstruction"] < settings.threshold for curve in curves)
    return {"reached": reached, "trainings": len(curves)}


def _published(experiment: Experiment, model: str, task: Task) -> dict[str, Any] | None:
    for printed in experiment.published:
        if (printed.model, printed.subset, printed.target) == (model, task.subset, task.target):
            figures = {"wa": printed.wa, "ua": printed.ua}
            shares = {name: round(value / 100, 6) for name, value in figures.items() if value is not None}
            return {"corpus": experiment.published_for, **shares}
    return None
