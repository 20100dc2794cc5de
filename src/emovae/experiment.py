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
from emovae.files import clear_begun, json_for_people, require_writable, write_bytes
from emovae.frames import CorpusFrames, corpus_frames
from emovae.given_folds import GivenFolds
from emovae.grid import Cell, Context, cells_of
from emovae.locks import held
from emovae.machine import Machine, gpu_bytes, resolve_precision
from emovae.predictions import predictions
from emovae.results import results
from emovae.room import shared_room
from emovae.segments import least_frames
from emovae.stages import Listener
from emovae.sums import write_sums
from emovae.tables import markdown
from emovae.targets import mapping_of
from emovae.tasks import Task, notices_of, subsets_of, tasks_of
from emovae.together import learn_together
from emovae.unfinished import unfinished
from emovae.values import values_parquet
from emovae.views import write_views
from emovae.watcher import Watcher
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
    machine = Machine(device, resolve_precision(experiment.precision, device))
    experiment = experiment.model_copy(update={"precision": machine.precision})
    require_writable(out)
    require_writable(cache)
    folder = out / "cells" if cells_in is None else cells_in
    with held(folder, watcher.notice):
        for place in (out, out / "figures", folder):
            clear_begun(place)
        able, left_out = without_missing(experiment)
        context = _context(able, corpus, cache, folder, machine, given, watcher, jobs)
        cells = list(cells_of(context))
        open_cells = unfinished(context, cells, watcher.notice)
        waiting = jobs_of(context, open_cells)
        watcher.planned(context, waiting, len(cells) - len(open_cells))
        processes = max(1, min(jobs, len(waiting)))
        room = shared_room(memory_gib, processes, cache / "arrays")
        compute = elsewhere or partial(_here, processes)
        with closing(compute(context._replace(machine=machine._replace(room=room)), waiting, watcher.step)) as finished:
            for job in finished:
                watcher.done(job)
        told = (*_notices(experiment, corpus, context.tasks, given), *left_out)
        content = results(context, corpus.name, cells, told, mapping_of(experiment, corpus))
        _write(out, experiment, content, context, cells)
        watcher.finished(content)
        return Outcome(content, len(open_cells), context.frames.digest)


def _context(
    experiment: Experiment,
    corpus: Corpus,
    cache: Path,
    folder: Path,
    machine: Machine,
    given: GivenFolds | None,
    watcher: Watcher,
    jobs: int,
) -> Context:
    """What all cells share: the recordings are read, or found in the cache."""
    # Planned before anything is decoded, so that what cannot be divided is told at once.
    tasks = tasks_of(experiment, corpus, corpus.utterances, given)
    frames = frames_of(experiment, corpus, cache, watcher, jobs)
    if frames.left_out:
        tasks = tasks_of(experiment, corpus, frames.utterances, given)
    described = descriptors_of(
        experiment, corpus, frames, cache / "descriptors", threads=jobs, progress=watcher.frames, tell=watcher.notice
    )
    return Context(experiment, frames, tasks, folder, machine, described)


def frames_of(experiment: Experiment, corpus: Corpus, cache: Path, watcher: Watcher, jobs: int) -> CorpusFrames:
    """The frames that an experiment wants of a corpus, see `frames.corpus_frames`."""
    spans = experiment.ensemble.spans if experiment.ensemble.of else ()
    return corpus_frames(
        corpus,
        experiment.front_end,
        cache / "frames",
        at_least=max(map(least_frames, (experiment.segments, *spans))),
        skip=experiment.on_bad_audio == "skip",
        threads=jobs,
        progress=watcher.frames,
        tell=watcher.notice,
    )


def _here(processes: int, context: Context, jobs: Sequence[Job], listen: Listener) -> Generator[Job]:
    """Computes jobs on this machine; on a GPU, autoencoders that can learn together do so first."""
    if context.machine.device == "cuda":
        learn_together(context, [cell for job in jobs for cell in job], listen, gpu_bytes() // 2)
    yield from run_jobs(processes, context, jobs, listen)


def _notices(
    experiment: Experiment, corpus: Corpus, tasks: Sequence[Task], given: GivenFolds | None
) -> tuple[str, ...]:
    """What corpus, subsets and folds have to say."""
    _, of_subsets = subsets_of(experiment, corpus)
    return (*corpus.notices, *of_subsets, *(() if given is None else given.notices), *notices_of(tasks))


def _write(out: Path, experiment: Experiment, content: dict[str, Any], context: Context, cells: Sequence[Cell]) -> None:
    """Writes all that a run leaves beside its cells; what an earlier run with other settings left is removed."""
    named = [cell for cell in cells if not cell.continuous]
    config = tomli_w.dumps(experiment.model_dump(mode="json", exclude_none=True))
    files = {
        "config.toml": config.encode(),
        "predictions.parquet": predictions(context, named),
        "curves.parquet": curves(context, named),
        "table.md": markdown(content).encode(),
        "results.json": json_for_people(content),
        "values.parquet": values_parquet(context, cells),
    }
    for name, written in files.items():
        if written is None:
            (out / name).unlink(missing_ok=True)
        else:
            write_bytes(out / name, written)
    write_views(context, cells, out / "views.safetensors")
    write_sums(out, SUMMED)
