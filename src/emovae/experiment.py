"""A grid becomes cells; cells become results.

>>> from emovae.presets import resolve
>>> resolve({"name": "mine", "models": ["VAE-LSTM"], "seeds": 3}).seeds
3
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w

from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.curves import curves
from emovae.descriptors import descriptors_of, without_missing
from emovae.files import clear_begun, require_writable, write_bytes, write_json
from emovae.frames import CorpusFrames, corpus_frames
from emovae.given_folds import GivenFolds
from emovae.grid import Context, cells_of
from emovae.locks import held
from emovae.machine import Machine, gpu_bytes, resolve_precision
from emovae.predictions import predictions
from emovae.results import results
from emovae.room import shared_room
from emovae.segments import least_frames
from emovae.stages import Listener, Step
from emovae.sums import write_sums
from emovae.tables import markdown
from emovae.targets import mapping_of
from emovae.tasks import notices_of, subsets_of, tasks_of
from emovae.together import learn_together
from emovae.unfinished import unfinished
from emovae.values import values_parquet
from emovae.views import write_views
from emovae.workers import Job, jobs_of, run_jobs

SUMMED = (
    "config.toml",
    "curves.parquet",
    "predictions.parquet",
    "results.json",
    "values.parquet",
    "views.safetensors",
)
"""What a run writes that never changes, however often it runs again."""
Run = Callable[[Context, Sequence[Job], Listener], Generator[Job]]
"""Computes jobs and yields each when it is done, see `workers.run_jobs`."""


class Outcome(NamedTuple):
    """What a run made.

    Attributes:
        results: the content of `results.json`.
        computed: how many of its cells were computed this time.
        recordings: a name of exactly the audio that it used.
    """

    results: dict[str, Any]
    computed: int
    recordings: str


class Watcher:
    """Is told how a run goes on, and says nothing; a shell overrides what it wants to show."""

    def notice(self, text: str) -> None:
        """Something that a person should know: a damaged file, another process that is waited for."""

    def frames(self, done: int, of: int) -> None:
        """So many recordings have become frames."""

    def planned(self, context: Context, jobs: Sequence[Job], finished: int) -> None:
        """These jobs are to be done; so many cells were found finished."""

    def step(self, step: Step) -> None:
        """A cell has learned for an epoch."""

    def done(self, job: Job) -> None:
        """A job is done."""

    def finished(self, results: dict[str, Any]) -> None:
        """All is done; the content of `results.json`."""


class Several(Watcher):
    """Tells several watchers, one after the other."""

    def __init__(self, *watchers: Watcher) -> None:
        self.watchers = watchers

    def notice(self, text: str) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.notice(text)

    def frames(self, done: int, of: int) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.frames(done, of)

    def planned(self, context: Context, jobs: Sequence[Job], finished: int) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.planned(context, jobs, finished)

    def step(self, step: Step) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.step(step)

    def done(self, job: Job) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.done(job)

    def finished(self, results: dict[str, Any]) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.finished(results)


def run(
    experiment: Experiment,
    corpus: Corpus,
    out: Path,
    cache: Path,
    watcher: Watcher | None = None,
    *,
    jobs: int = 1,
    device: str = "cpu",
    memory_gib: float | None = None,
    given: GivenFolds | None = None,
    cells_in: Path | None = None,
    elsewhere: Run | None = None,
) -> Outcome:
    """Runs an experiment and writes its results.

    `results.json`, `table.md`, `predictions.parquet` and `config.toml`; `values.parquet` of a regression head; for a
    report, `curves.parquet` and, where there is an autoencoder, `views.safetensors`.

    Args:
        experiment: the configuration as resolved.
        corpus: what to run it on.
        out: the run folder; finished cells in it are not run again.
        cache: where frames are kept, for this run and for others.
        watcher: is told how it goes on; None for silence.
        jobs: how many processes.
        device: `cpu` or `cuda`.
        memory_gib: what segments and latents may take in all processes together, before they lie in files; None for
            half of what the machine has.
        given: the folds that others have made, where the experiment's protocols are `given`.
        cells_in: where finished cells lie; None for `out/cells`.
        elsewhere: computes jobs in other places; None for processes of this machine.

    Raises:
        EmovaeError: what a person can mend, before anything long has begun wherever that is possible.
    """
    watcher = Watcher() if watcher is None else watcher
    experiment = experiment.model_copy(update={"precision": resolve_precision(experiment.precision, device)})
    require_writable(out)
    require_writable(cache)
    folder = out / "cells" if cells_in is None else cells_in
    with held(folder, watcher.notice):
        for place in (out, out / "figures", folder):
            clear_begun(place)
        return _run(experiment, corpus, out, cache, folder, watcher, jobs, device, memory_gib, given, elsewhere)


def _run(
    experiment: Experiment,
    corpus: Corpus,
    out: Path,
    cache: Path,
    folder: Path,
    watcher: Watcher,
    jobs: int,
    device: str,
    memory_gib: float | None,
    given: GivenFolds | None,
    elsewhere: Run | None,
) -> Outcome:
    able, left_out = without_missing(experiment)
    _, notices = subsets_of(experiment, corpus)
    # Planned before anything is decoded, so that what cannot be divided is told at once.
    tasks = tasks_of(experiment, corpus, corpus.utterances, given)
    frames = frames_of(experiment, corpus, cache, watcher, jobs)
    if frames.left_out:
        tasks = tasks_of(experiment, corpus, frames.utterances, given)
    described = descriptors_of(
        able, corpus, frames, cache / "descriptors", threads=jobs, progress=watcher.frames, tell=watcher.notice
    )
    context = Context(able, frames, tasks, folder, Machine(device, experiment.precision), described)
    cells = list(cells_of(context))
    open_cells = unfinished(context, cells, watcher.notice)
    waiting = jobs_of(context, open_cells)
    watcher.planned(context, waiting, len(cells) - len(open_cells))
    processes = max(1, min(jobs, len(waiting)))
    room = shared_room(memory_gib, processes, cache / "arrays")
    _compute(context._replace(machine=context.machine._replace(room=room)), waiting, processes, watcher, elsewhere)
    divided = (*(() if given is None else given.notices), *notices_of(tasks))
    told = (*corpus.notices, *notices, *divided, *left_out)
    content = results(context, corpus.name, cells, told, mapping_of(experiment, corpus))
    named = [cell for cell in cells if not cell.continuous]
    _write(out, experiment, content, predictions(context, named), curves(context, named))
    if (told_values := values_parquet(context, cells)) is not None:
        write_bytes(out / "values.parquet", told_values)
    else:  # an earlier run with other settings may have left one
        (out / "values.parquet").unlink(missing_ok=True)
    write_views(context, cells, out / "views.safetensors")
    write_sums(out, SUMMED)
    watcher.finished(content)
    return Outcome(content, len(open_cells), frames.digest)


def frames_of(experiment: Experiment, corpus: Corpus, cache: Path, watcher: Watcher, jobs: int) -> CorpusFrames:
    """The frames that an experiment wants of a corpus, see `frames.corpus_frames`."""
    return corpus_frames(
        corpus,
        experiment.front_end,
        cache / "frames",
        at_least=least_frames(experiment.segments),
        skip=experiment.on_bad_audio == "skip",
        threads=jobs,
        progress=watcher.frames,
        tell=watcher.notice,
    )


def _compute(context: Context, jobs: Sequence[Job], processes: int, watcher: Watcher, elsewhere: Run | None) -> None:
    if context.machine.device == "cuda" and elsewhere is None:
        learn_together(context, [cell for job in jobs for cell in job], watcher.step, gpu_bytes() // 2)
    compute = elsewhere or partial(run_jobs, processes)
    with closing(compute(context, jobs, watcher.step)) as finished:
        for job in finished:
            watcher.done(job)


def _write(out: Path, experiment: Experiment, content: dict[str, Any], told: bytes, learned: bytes) -> None:
    write_bytes(out / "config.toml", tomli_w.dumps(experiment.model_dump(mode="json", exclude_none=True)).encode())
    write_bytes(out / "predictions.parquet", told)
    write_bytes(out / "curves.parquet", learned)
    write_bytes(out / "table.md", markdown(content).encode())
    write_json(out / "results.json", content)
