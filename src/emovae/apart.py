"""Processes of this machine that are given items to work at, and end at once when whoever asked is stopped."""

import multiprocessing
import signal
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any, TypeVar

from emovae.errors import EmovaeError
from emovae.files import clear_begun

Item = TypeVar("Item")
Made = TypeVar("Made")
Told = TypeVar("Told")


def apart(
    processes: int,
    make: Callable[[Item], Made],
    items: Iterable[Item],
    told: Callable[[Item, Made], Told],
    *,
    killed: EmovaeError,
    folder: Path | None = None,
    most: int | None = None,
) -> Generator[Told]:
    """Gives items to processes, and yields what comes of each, in whatever order.

    Args:
        processes: how many at once.
        make: is called with an item in one of them; travels there by pickle, as do items and what it makes.
        items: asked for as they are given out.
        told: is called here with an item and what was made of it; what it returns is yielded.
        killed: raised where a process was killed from outside.
        folder: where `make` writes; a file that it has begun when all is stopped is removed. None for nowhere here.
        most: how many items may be given out and not done; None for all.

    Raises:
        EmovaeError: `killed`, or what `make` raised.
    """
    others = multiprocessing.active_children()
    # Spawned, since a forked child of a process that has used torch's threads may hang.
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin, (make,))
    rest, waiting, ended = iter(items), dict[Future[Any], Item](), False
    try:
        while True:
            with _born_deaf_to_interrupts():
                for item in islice(rest, None if most is None else most - len(waiting)):
                    waiting[pool.submit(_made, item)] = item
            if not waiting:
                ended = True
                return
            for done in wait_for(waiting, return_when=FIRST_COMPLETED).done:
                yield told(waiting.pop(done), done.result())
    except BrokenProcessPool as error:
        raise killed from error
    finally:
        if not ended:
            _end_at_once(set(multiprocessing.active_children()) - set(others), folder)
        pool.shutdown(cancel_futures=True)


def _end_at_once(workers: Collection[BaseProcess], folder: Path | None) -> None:
    """Kills workers, whatever they are at, and removes the files that they had begun."""
    for worker in workers:
        worker.kill()
    for worker in workers:
        wait([worker.sentinel])
    if folder is not None:
        for worker in workers:
            clear_begun(folder, f"*.{worker.pid}")


@contextmanager
def _born_deaf_to_interrupts() -> Iterator[None]:
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


_make: Callable[[Any], Any]


def _begin(make: Callable[[Any], Any]) -> None:
    """Sets a worker up."""
    global _make  # noqa: PLW0603 - a worker has one thing to do
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _make = make


def _made(item: Any) -> Any:
    return _make(item)
