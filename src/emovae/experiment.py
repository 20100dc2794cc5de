"""A grid becomes cells; cells become results.

>>> from emovae.presets import resolve
>>> resolve({"name": "mine", "models": ["VAE-LSTM"], "seeds": 3}).seeds
3
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w

from emovae.cells import Step, result_of
from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.files import require_writable, write_bytes, write_json
from emovae.frames import corpus_frames
from emovae.grid import Context, cells_of
from emovae.machine import Machine
from emovae.predictions import predictions
from emovae.results import results
from emovae.segments import least_frames
from emovae.tables import markdown
from emovae.tasks import Task, subsets_of, task_of
from emovae.utterance import Utterance
from emovae.workers import Job, jobs_of, run_jobs


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
    # Planned before anything is decoded, so that what cannot be divided is told at once.
    tasks = _tasks(experiment, corpus.utterances, names)
    frames = corpus_frames(
        corpus,
        experiment.front_end,
        cache / "frames",
        at_least=least_frames(experiment.segments),
        skip=experiment.on_bad_audio == "skip",
        threads=jobs,
        progress=watcher.frames,
    )
    if frames.left_out:
        tasks = _tasks(experiment, frames.utterances, names)
    context = Context(experiment, frames, tasks, out / "cells", Machine(device, experiment.precision))
    cells = list(cells_of(context))
    open_cells = [cell for cell in cells if result_of(context, cell) is None]
    waiting = jobs_of(context, open_cells)
    watcher.planned(context, waiting, len(cells) - len(open_cells))
    with closing(run_jobs(context, waiting, max(1, min(jobs, len(waiting))), watcher.step)) as finished:
        for job in finished:
            watcher.done(job)
    content = results(context, corpus.name, cells, (*corpus.notices, *notices))
    _write(out, experiment, content, predictions(context, cells))
    return Outcome(content, len(open_cells))


def _tasks(experiment: Experiment, utterances: Sequence[Utterance], subsets: Sequence[str]) -> tuple[Task, ...]:
    return tuple(task_of(experiment, utterances, target, subset) for target in experiment.targets for subset in subsets)


def _write(out: Path, experiment: Experiment, content: dict[str, Any], told: bytes) -> None:
    write_bytes(out / "config.toml", tomli_w.dumps(experiment.model_dump(mode="json", exclude_none=True)).encode())
    write_bytes(out / "predictions.parquet", told)
    write_bytes(out / "table.md", markdown(content).encode())
    write_json(out / "results.json", content)
