"""Who watches the processes that try inputs: one that dies or hangs is a finding and not an end.

An input that takes too long is ended with its process, tried once more, since the machine may have been busy, and then
is a finding.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from fuzz.target import TARGETS, Target
from fuzz.worker import (
    ACCEPTED,
    BOARD,
    DIED,
    NUMBER,
    PEAK,
    REFUSED,
    SLOWEST,
    STARTED,
    UNPREPARED,
    Bounds,
    Finding,
    Task,
    Terms,
    work,
)

AT_ONCE = 1500
"""Inputs of a task."""
LOOKS_S = 0.2
BOUNDS = Bounds()
TOO_LONG = "takes more than"
Found = Callable[[Finding, Path], None]
"""Is told of a finding, and of the folder with its input."""


@dataclass
class Tally:
    """What came of a target's inputs: how many were refused and taken, the slowest in seconds, the most bytes more."""

    refused: int = 0
    accepted: int = 0
    slowest_s: float = 0.0
    peak_bytes: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    def tell(self, finding: Finding, folder: Path, found: Found) -> None:
        """A finding, and the folder of the process that made it."""
        self.findings.append(finding)
        found(finding, folder)

    def add(self, board: Any) -> None:
        """What a process has written on its board; it is wiped."""
        self.refused += int(board[REFUSED])
        self.accepted += int(board[ACCEPTED])
        self.slowest_s = max(self.slowest_s, board[SLOWEST])
        self.peak_bytes = max(self.peak_bytes, board[PEAK])
        board[:] = [0.0] * BOARD


@dataclass
class _Worker:
    """A process, the line to it, its board, its folder, and what it is at."""

    process: Any
    line: Connection
    board: Any
    folder: Path
    task: Task | None = None


def watch(
    wanted: Mapping[str, int],
    seed: int,
    folder: Path,
    jobs: int,
    found: Found,
    targets: Mapping[str, Target] = TARGETS,
    bounds: Bounds = BOUNDS,
) -> dict[str, Tally]:
    """Tries all inputs.

    Args:
        wanted: how many of each target.
        seed: of the inputs.
        folder: with `seeds/`; each process has a folder of its own beside it.
        jobs: processes at once.
        found: is told of each finding.
        targets: by their names.
        bounds: what an input may take.

    Raises:
        RuntimeError: where a target cannot be prepared.
    """
    terms = Terms(dict(targets), folder / "seeds", seed, bounds)
    tasks = deque(_tasks(wanted))
    tallies = {name: Tally() for name in wanted}
    again: set[tuple[str, int]] = set()
    workers = [_started(folder, terms) for _ in range(min(jobs, len(tasks)))]
    while tasks or any(worker.task for worker in workers):
        for worker in workers:
            if worker.task is None and tasks:
                worker.task = tasks.popleft()
                worker.line.send(worker.task)
        wait([each for worker in workers for each in (worker.line, worker.process.sentinel)], LOOKS_S)
        for place, worker in enumerate(workers):
            if worker.task is None:
                continue
            tally = tallies[worker.task.target]
            ended = _heard(worker, tally, found, bounds.slowest_s)
            if ended is None:
                continue
            if ended:
                workers[place] = _started(folder, terms)
                number = int(worker.board[NUMBER])
                first = number  # it is tried once more
                if not ended.startswith(TOO_LONG) or (worker.task.target, number) in again:
                    tally.tell(Finding(worker.task.target, number, ended), worker.folder, found)
                    first += 1
                again.add((worker.task.target, number))
                tasks += [worker.task._replace(first=first)] if first < worker.task.last else []
            tally.add(worker.board)
            worker.task = None
    for worker in workers:
        with suppress(OSError):
            worker.line.send(None)
        worker.process.join(bounds.slowest_s)
        worker.process.kill()
    return tallies


def _tasks(wanted: Mapping[str, int]) -> Iterator[Task]:
    for name, count in wanted.items():
        for first in range(0, count, AT_ONCE):
            yield Task(name, first, min(first + AT_ONCE, count))


def _heard(worker: _Worker, tally: Tally, found: Found, slowest_s: float) -> str | None:
    """None while a task goes on, "" when it is done, and what went wrong where its process has ended or was ended."""
    try:
        while worker.line.poll():
            said = worker.line.recv()
            if said is None:
                return ""
            if said.number == UNPREPARED:
                raise RuntimeError(f"{said.target} cannot be prepared: {said.what}")
            tally.tell(said, worker.folder, found)
            worker.line.send(None)  # the input may go
    except (EOFError, OSError):
        worker.process.join(slowest_s)
    if not worker.process.is_alive():
        died = worker.folder / DIED
        text = died.read_text(errors="replace") if died.exists() else ""
        return f"the process ended with {worker.process.exitcode}\n{text}"
    started = worker.board[STARTED]
    if started and time.monotonic() - started > slowest_s:
        worker.process.kill()
        worker.process.join()
        return f"{TOO_LONG} {slowest_s:g} s"
    return None


def _started(folder: Path, terms: Terms) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    board = context.Array("d", BOARD, lock=False)
    own = folder / f"process-{time.monotonic_ns()}"
    own.mkdir()
    process = context.Process(target=work, args=(theirs, board, own, terms), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours, board, own)
