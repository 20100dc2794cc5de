"""A grid becomes cells; cells become results.

>>> from emovae.config import resolve
>>> resolve({"name": "mine", "models": ["VAE-LSTM"], "seeds": 3}).seeds
3
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w

from emovae.cells import Step, result_of
from emovae.config import Experiment, Target
from emovae.corpora import Corpus
from emovae.errors import ConfigError, CorpusError
from emovae.files import require_writable, write_bytes, write_json
from emovae.folds import plan_folds
from emovae.frames import corpus_frames
from emovae.grid import Cell, Context, Task
from emovae.labels import DIMENSIONS, FOUR_CLASSES, LEVELS, level
from emovae.machine import Machine
from emovae.results import predictions, results
from emovae.segments import least_frames
from emovae.tables import markdown
from emovae.utterance import Utterance
from emovae.workers import Job, jobs_of, run_jobs

WHOLE = "complete"
"""The name of a corpus's subset that is all of it."""


class Outcome(NamedTuple):
    """What a run made: the content of `results.json`, and how many of its cells were computed this time."""

    results: dict[str, Any]
    computed: int


class Watcher:
    """Is told how a run goes on, and says nothing; a shell overrides what it wants to show."""

    def frames(self, done: int, of: int) -> None:
        """So many recordings have become frames."""

    def planned(self, context: Context, jobs: Sequence[Job], finished: int) -> None:
        """These jobs are to be done; so many cells were found finished."""

    def step(self, step: Step) -> None:
        """A cell has learned for an epoch."""

    def done(self, job: Job) -> None:
        """A job is done."""


def run(
    experiment: Experiment,
    corpus: Corpus,
    out: Path,
    cache: Path,
    watcher: Watcher | None = None,
    *,
    jobs: int = 1,
    device: str = "cpu",
) -> Outcome:
    """Runs an experiment and writes `results.json`, `table.md`, `predictions.parquet` and `config.toml`.

    Args:
        experiment: the configuration as resolved.
        corpus: what to run it on.
        out: the run folder; finished cells in it are not run again.
        cache: where frames are kept, for this run and for others.
        watcher: is told how it goes on; None for silence.
        jobs: how many processes.
        device: `cpu` or `cuda`.

    Raises:
        EmovaeError: what a person can mend, before anything long has begun wherever that is possible.
    """
    watcher = Watcher() if watcher is None else watcher
    require_writable(out)
    require_writable(cache)
    names, notices = subsets_of(experiment, corpus)
    frames = corpus_frames(
        corpus,
        experiment.front_end,
        cache / "frames",
        at_least=least_frames(experiment.segments),
        skip=experiment.on_bad_audio == "skip",
        threads=jobs,
        progress=watcher.frames,
    )
    tasks = tuple(
        task_of(experiment, frames.utterances, target, subset) for target in experiment.targets for subset in names
    )
    context = Context(experiment, frames, tasks, out / "cells", Machine(device, experiment.precision))
    cells = list(cells_of(context))
    open_cells = [cell for cell in cells if result_of(context, cell) is None]
    waiting = jobs_of(context, open_cells)
    watcher.planned(context, waiting, len(cells) - len(open_cells))
    for job in run_jobs(context, waiting, max(1, min(jobs, len(waiting))), watcher.step):
        watcher.done(job)
    content = results(context, corpus.name, cells, (*corpus.notices, *notices))
    _write(out, experiment, content, predictions(context, cells))
    return Outcome(content, len(open_cells))


def _write(out: Path, experiment: Experiment, content: dict[str, Any], told: bytes) -> None:
    write_bytes(out / "config.toml", tomli_w.dumps(experiment.model_dump(mode="json", exclude_none=True)).encode())
    write_bytes(out / "predictions.parquet", told)
    write_bytes(out / "table.md", markdown(content).encode())
    write_json(out / "results.json", content)


def subsets_of(experiment: Experiment, corpus: Corpus) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The subsets to run, and what to say of them: a corpus that is not divided is taken whole.

    Raises:
        ConfigError: for a subset that a divided corpus does not have.
    """
    known = sorted({utterance.subset for utterance in corpus.utterances if utterance.subset is not None})
    if not known:
        if experiment.subsets == (WHOLE,):
            return (WHOLE,), ()
        return (WHOLE,), (
            f"{corpus.name} has no subsets, so the whole of it stands for {', '.join(experiment.subsets)}",
        )
    if unknown := [name for name in experiment.subsets if name not in (*known, WHOLE)]:
        raise ConfigError(f"{corpus.name} has no subset {unknown[0]}; it has {', '.join([*known, WHOLE])}")
    return experiment.subsets, ()


def task_of(experiment: Experiment, utterances: Sequence[Utterance], target: Target, subset: str) -> Task:
    """Labels, conditions and folds of one target on one subset.

    Raises:
        ConfigError: for a class that the corpus does not have.
        CorpusError: where it has no such label at all.
        ProtocolError: when it cannot be divided as asked.
    """
    emotions = tuple(utterance.emotion for utterance in utterances)
    labels = tuple(_label(experiment, utterance, target) for utterance in utterances)
    found = {label for label in labels if label is not None}
    if not found:
        raise CorpusError(f"no utterance has a label for {target}; choose another target, or another corpus")
    wanted = set(experiment.classes) if experiment.classes and target == "emotion" else found
    if lacking := wanted - found:
        raise ConfigError(f"classes: no utterance is labelled {min(lacking)}; there are {', '.join(sorted(found))}")
    inside = tuple(
        label if label in wanted and subset in (WHOLE, utterance.subset) else None
        for label, utterance in zip(labels, utterances, strict=True)
    )
    told = inside if experiment.condition == "target" or target == "emotion" else emotions
    return Task(
        target=target,
        subset=subset,
        classes=_ordered({label for label in inside if label is not None}, target),
        labels=inside,
        condition_classes=_ordered({label for label in told if label is not None}, target),
        condition_labels=told,
        plan=plan_folds(utterances, inside, experiment.protocol),
    )


def _label(experiment: Experiment, utterance: Utterance, target: Target) -> str | None:
    if experiment.utterances == "four-class" and utterance.emotion not in FOUR_CLASSES:
        return None
    if target == "emotion":
        return utterance.emotion
    value: float | None = getattr(utterance, DIMENSIONS[target])
    return None if value is None else level(value, experiment.binning)


def _ordered(classes: set[str], target: Target) -> tuple[str, ...]:
    """Levels from low to high, names by the alphabet."""
    if target != "emotion" and classes <= set(LEVELS):
        return tuple(name for name in LEVELS if name in classes)
    return tuple(sorted(classes))


def cells_of(context: Context) -> Iterator[Cell]:
    """The grid, in the order of the table: task by task, baselines before models."""
    experiment = context.experiment
    for place, task in enumerate(context.tasks):
        for model in (*experiment.baselines, *experiment.models):
            conditions = experiment.test_condition if model == "CVAE-LSTM" else (None,)
            for condition in conditions:
                for seed in range(experiment.seed, experiment.seed + experiment.seeds):
                    for fold in range(len(task.plan.folds)):
                        yield Cell(model, place, fold, seed, condition)
