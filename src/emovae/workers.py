"""Many cells at once: in this process, or in processes that share the cached frames, one thread each.

The same function runs a cell either way, so results don't depend on how many run at once.
"""

import math
import multiprocessing
from collections.abc import Generator, Sequence
from functools import partial
from multiprocessing.queues import SimpleQueue
from threading import Thread

import numpy as np

from emovae.apart import apart
from emovae.cells import run_cell
from emovae.errors import EmovaeError
from emovae.grid import Cell, Context, is_learned
from emovae.keys import autoencoder_key, cell_key
from emovae.kinds import ALONE, SHARED
from emovae.segments import frames_per_segment, segment_count
from emovae.stages import Listener, Step
from emovae.voices import TEMPO

Job = tuple[Cell, ...]
"""Cells computed one after the other, because they share an autoencoder (or, for a baseline, the very result)."""


def jobs_of(context: Context, cells: Sequence[Cell]) -> list[Job]:
    """Groups cells by what they share; the longest work, the CVAE's, comes first."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        shared = autoencoder_key(context, cell) if is_learned(cell) else cell_key(context, cell)
        groups.setdefault(shared, []).append(cell)
    cheap = {"majority": 2, "speaker-oracle": 2} | {model: 1 for model in ALONE if model not in SHARED}
    return sorted((tuple(group) for group in groups.values()), key=lambda job: (cheap.get(job[0].model, 0), -len(job)))


def run_jobs(processes: int, context: Context, jobs: Sequence[Job], listen: Listener) -> Generator[Job]:
    """Runs jobs and yields each when it is done.

    Args:
        processes: how many at once; 1 runs them here, unless their arrays lie in files: the system ends a process
            whose file goes away, and there must be one left to tell.
        context: what all cells share.
        jobs: see `jobs_of`.
        listen: is told every epoch, in a thread of its own when there are several processes.

    Raises:
        EmovaeError: what a cell raised, or that a worker was killed. Finished cells are kept.
    """
    if processes == 1 and _in_memory(context):
        for job in jobs:
            _run(context, listen, job)
            yield job
        return
    # Spawned, as its readers and writers are.
    steps: SimpleQueue[Step | None] = multiprocessing.get_context("spawn").SimpleQueue()
    teller = Thread(target=_tell, args=(steps, listen), daemon=True)
    teller.start()
    killed = EmovaeError(
        "a worker process was killed, most likely for want of memory, or since the disk of --cache went away; use"
        " --jobs 1 or a machine with more, or another --cache. Finished cells are kept, and the same command goes"
        " on from them"
    )
    run = partial(_run, context, steps.put)
    yield from apart(processes, run, jobs, lambda job, _: job, killed=killed, folder=context.folder)
    # Only after a good end: a worker that was killed may hold the queue's lock for ever, and the teller is a daemon.
    steps.put(None)
    teller.join()


def _in_memory(context: Context) -> bool:
    """Whether no segments of a cell can need a file."""
    asked, lengths = context.experiment, np.diff(context.frames.spans)[:, 0].tolist()
    spans = (asked.segments, *(asked.ensemble.spans if asked.ensemble.of else ()))
    slowest = 1 + TEMPO if asked.voices else 1.0
    lengths = [math.ceil(slowest * length) for length in lengths]
    most = max(frames_per_segment(span) * sum(segment_count(length, span) for length in lengths) for span in spans)
    return context.machine.room.holds(most * context.frames.columns * np.dtype(np.float32).itemsize)


def _run(context: Context, listen: Listener, job: Job) -> None:
    for cell in job:
        run_cell(context, cell, listen)


def _tell(steps: "SimpleQueue[Step | None]", listen: Listener) -> None:
    while (step := steps.get()) is not None:
        listen(step)
