"""Many cells at once: in this process, or in processes that share the cached frames, one thread each.

The same function runs a cell either way, so results don't depend on how many run at once.
"""

import multiprocessing
import signal
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from threading import Thread, current_thread, main_thread

from emovae.cells import run_cell
from emovae.errors import EmovaeError
from emovae.grid import Cell, Context, autoencoder_key, cell_key, is_learned
from emovae.stages import Listener, Step

Job = tuple[Cell, ...]
"""Cells computed one after the other, because they share an autoencoder (or, for a baseline, the very result)."""


def jobs_of(context: Context, cells: Sequence[Cell]) -> list[Job]:
    """Groups cells by what they share; the longest work, the CVAE's, comes first."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        shared = autoencoder_key(context, cell) if is_learned(cell) else cell_key(context, cell)
        groups.setdefault(shared, []).append(cell)
    cost = {"majority": 2, "speaker-oracle": 2, "functionals-SVM": 1, "eGeMAPS-SVM": 1}
    return sorted((tuple(group) for group in groups.values()), key=lambda job: (cost.get(job[0].model, 0), -len(job)))


def run_jobs(processes: int, context: Context, jobs: Sequence[Job], listen: Listener) -> Generator[Job]:
    """Runs jobs and yields each when it is done.

    Args:
        processes: how many at once; 1 runs them here.
        context: what all cells share.
        jobs: see `jobs_of`.
        listen: is told every epoch, in a thread of its own when there are several processes.

    Raises:
        EmovaeError: what a cell raised, or that a worker was killed. Finished cells are kept.
    """
    if processes == 1:
        for job in jobs:
            for cell in job:
                run_cell(context, cell, listen)
            yield job
        return
    # Spawned, since a forked child of a process that has used torch's threads may hang.
    spawn = multiprocessing.get_context("spawn")
    steps: SimpleQueue[Step | None] = spawn.SimpleQueue()
    teller = Thread(target=_tell, args=(steps, listen), daemon=True)
    teller.start()
    yield from _run_apart(context, jobs, processes, spawn, steps)
    # Only after a good end: a worker that was killed may hold the queue's lock for ever, and the teller is a daemon.
    steps.put(None)
    teller.join()


def _run_apart(
    context: Context,
    jobs: Sequence[Job],
    processes: int,
    spawn: SpawnContext,
    steps: "SimpleQueue[Step | None]",
) -> Iterator[Job]:
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(processes, spawn, _begin, (context, steps))
    finished = False
    try:
        with born_deaf_to_interrupts():
            waiting: dict[Future[None], Job] = {pool.submit(_run_here, job): job for job in jobs}
        for future in as_completed(waiting):
            future.result()
            yield waiting[future]
        finished = True
    except BrokenProcessPool as error:
        raise EmovaeError(
            "a worker process was killed, most likely for want of memory, or since the disk of --cache went away; use"
            " --jobs 1 or a machine with more, or another --cache. Finished cells are kept, and the same command goes"
            " on from them"
        ) from error
    finally:
        if not finished:
            end_at_once(set(multiprocessing.active_children()) - set(others), context.folder)
        pool.shutdown(cancel_futures=True)


def end_at_once(workers: Collection[BaseProcess], folder: Path) -> None:
    """Kills workers, whatever they are at, and removes the files that they had begun."""
    for worker in workers:
        worker.kill()
    for worker in workers:
        wait([worker.sentinel])
    for worker in workers:
        for begun in folder.glob(f".*.{worker.pid}.part"):
            begun.unlink(missing_ok=True)


@contextmanager
def born_deaf_to_interrupts() -> Iterator[None]:
    """Ctrl-C reaches the whole group of processes, and the first one decides what to do.

    Workers start inside the block and inherit its deafness, which they need before they run any code of their own.
    """
    if current_thread() is not main_thread():  # only the main thread may change this, and only it is interrupted
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(steps: "SimpleQueue[Step | None]", listen: Listener) -> None:
    while (step := steps.get()) is not None:
        listen(step)


_context: Context
_listen: Callable[[Step], None]


def _begin(context: Context, steps: "SimpleQueue[Step | None]") -> None:
    """Sets a worker up."""
    global _context, _listen
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _context, _listen = context, steps.put


def _run_here(job: Job) -> None:
    for cell in job:
        run_cell(_context, cell, _listen)
