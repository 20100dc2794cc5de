"""Finished cells become rows: what `results.json` holds.

The four plain figures of a row are pooled over folds and averaged over seeds. Mean and deviation over folds are given
beside them, each figured seed by seed and then averaged.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emovae.config import Experiment
from emovae.course import DIVERGED
from emovae.files import fingerprint
from emovae.grid import Cell, Context, is_learned, is_told
from emovae.judged import Judged, Line, judge, lines_of
from emovae.kinds import CUT, ENSEMBLES, MACHINES, SHARED
from emovae.labels import LabelMapping
from emovae.metrics import Scores, confusion_matrix, recalls, scores
from emovae.published import mean_of, means, printed_for, quoted
from emovae.standing import Counts, by_speaker, comparisons, standing
from emovae.tasks import Task
from emovae.trust import trust
from emovae.values import continuous

SCHEMA = 4
FEATURES = {
    "majority": "none",
    "functionals-SVM": "functionals of log-mel frames",
    "functionals-LDA": "functionals of log-mel frames",
    "eGeMAPS-SVM": "eGeMAPS functionals",
    "speaker-oracle": "true labels of the speaker",
    "segments-LSTM": "segments",
    "PCA-LSTM": "principal components",
    "PCA-SVM": "functionals of principal components",
    "PCA-LDA": "functionals of principal components",
    "segments-SVM": "functionals of segments",
    "segments-LDA": "functionals of segments",
    "prosody-SVM": "functionals of prosody",
    "prosody-LDA": "functionals of prosody",
    "cepstra-SVM": "functionals of cepstra and their slopes",
    "cepstra-LDA": "functionals of cepstra and their slopes",
    "AE-LSTM": "code",
    "AE-SVM": "functionals of code",
    "AE-LDA": "functionals of code",
    "ACNN-logmel": "log-mel frames",
    "ACNN-MFCC": "MFCC",
    "ACNN-eGeMAPS": "eGeMAPS low-level descriptors",
    "BLSTM-CTC": "log-mel frames, means over 100 ms",
    "BLSTM-ELM": "log-mel frames, means over 100 ms",
    "eGeMAPS-LSTM": "eGeMAPS low-level descriptors, means over 100 ms",
}
"""What a model reads; the variational ones read what the setting `features` says."""


def results(
    context: Context, corpus: str, cells: Sequence[Cell], notices: Sequence[str], mapping: LabelMapping
) -> dict[str, Any]:
    """The content of `results.json`. It holds no time, host or path.

    Args:
        context: what the cells share.
        corpus: its name.
        cells: all of the grid, finished.
        notices: what a reader should know.
        mapping: the label mapping that was applied.
    """
    rows, lines = [], dict[int, dict[int, Counts]]()
    named = [cell for cell in cells if not cell.continuous]
    for place, (line, among) in enumerate(lines_of(named).items()):
        judged, task = [judge(context, cell) for cell in among], context.tasks[line.task]
        counts = by_speaker(context, task, judged)
        stands = {**standing(context, task, judged, counts), "trust": trust(context, task, judged, mapping)}
        rows.append({**_row(context, line, judged), **stands})
        if not is_told(among[0]):
            lines.setdefault(line.task, {})[place] = counts
    plans = [task.plan.fingerprint for task in context.tasks]
    return {
        "schema": SCHEMA,
        "experiment": context.experiment.name,
        "corpus": corpus,
        "utterances": len(context.frames.utterances),
        "fingerprint": plans[0] if len(plans) == 1 else fingerprint(plans),
        "preset": context.experiment.preset,
        "mapping": mapping,
        "notices": list(notices),
        "left_out": [{"utterance": problem.utterance, "why": problem.why} for problem in context.frames.left_out],
        "settings": context.experiment.model_dump(mode="json", exclude={"published", "published_for"}),
        "plans": [_plan(context, task) for task in context.tasks],
        "rows": rows,
        "means": means(rows, context.experiment),
        "comparisons": comparisons(context.tasks, lines),
        "continuous": continuous(context, cells),
        "published_for": context.experiment.published_for,
        "quoted": quoted(context.experiment),
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


def _row(context: Context, line: Line, judged: Sequence[Judged]) -> dict[str, Any]:
    experiment, task = context.experiment, context.tasks[line.task]
    seeds = sorted({one.cell.seed for one in judged})
    by_seed = {seed: [one for one in judged if one.cell.seed == seed] for seed in seeds}
    pooled = {seed: np.sum([_confusion(task, one) for one in among], axis=0) for seed, among in by_seed.items()}
    per_seed = {seed: scores(confusion) for seed, confusion in pooled.items()}
    return {
        "model": line.model,
        "latent": line.latent,
        "subset": task.subset,
        "target": task.target,
        "protocol": task.plan.protocol,
        "normalise": experiment.normalise,
        "normalise_statistics": experiment.normalise_statistics if line.model in MACHINES else None,
        "features": _features(experiment, line.model),
        "binning": None if task.target == "emotion" else experiment.binning,
        "test_condition": line.test_condition,
        "uses_true_label": is_told(judged[0].cell),
        "precision": context.machine.precision,
        "n": int(pooled[seeds[0]].sum()),
        "classes": list(task.classes),
        "seeds": len(seeds),
        **mean_of(list(per_seed.values()))._asdict(),
        "recall": _recall(task, list(pooled.values())),
        "folds": _over_folds(task, list(by_seed.values())),
        "per_seed": [{"seed": seed, **one._asdict()} for seed, one in per_seed.items()],
        "confusion": np.sum(list(pooled.values()), axis=0).tolist(),
        "fingerprint": task.plan.fingerprint,
        "threshold_reached": _threshold_reached(context, judged),
        "diverged": _diverged(judged),
        "use": _use(judged),
        "published": printed_for(experiment, line, task),
    }


def _features(experiment: Experiment, model: str) -> str:
    if model in ENSEMBLES:
        return " + ".join((_features(experiment, ENSEMBLES[model]), *experiment.ensemble.beside))
    functionals = "functionals of " if model in SHARED else ""
    moving = ", differences over 150 ms" if experiment.statistics == "movement" and model in (*CUT, *SHARED) else ""
    return FEATURES.get(model, f"{functionals}{experiment.features}") + moving


def _confusion(task: Task, judged: Judged) -> NDArray[np.int64]:
    return confusion_matrix(judged.true, judged.predicted, task.classes)


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
        "mean": mean_of([mean_of(folds) for folds in each])._asdict(),
        "std": mean_of([Scores(*np.std(folds, axis=0, ddof=1).tolist()) for folds in each])._asdict()
        if several
        else None,
        "absent_classes": absent,
    }


def _use(judged: Sequence[Judged]) -> dict[str, float | None] | None:
    """Active features and KL in nats, the mean over trainings; None without an autoencoder."""
    uses = [one.result.use for one in judged if one.result.use is not None]
    if not uses:
        return None
    kl = [nats for use in uses if (nats := use["divergence"]) is not None]
    active = [features for use in uses if (features := use["active"]) is not None]
    return {"active": float(np.mean(active)), "kl_nats": float(np.mean(kl)) if kl else None}


def _diverged(judged: Sequence[Judged]) -> int:
    """In how many trainings the autoencoder's loss ceased to be finite."""
    return sum(DIVERGED in curve[-1] for curve in (one.result.autoencoder_curve for one in judged) if curve)


def _threshold_reached(context: Context, judged: Sequence[Judged]) -> dict[str, int] | None:
    """In how many trainings the autoencoder came below the threshold; None where it stops by another rule."""
    settings = context.experiment.autoencoder
    if settings.stop != "threshold" or not is_learned(judged[0].cell):
        return None
    reached = sum(one.result.autoencoder_curve[-1]["reconstruction"] < settings.threshold for one in judged)
    return {"reached": reached, "trainings": len(judged)}
