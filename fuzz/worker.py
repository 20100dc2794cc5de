"""A process that tries inputs one after the other, and says on a board in shared memory which one it has begun."""

import faulthandler
import logging
import os
import re
import resource
import shutil
import sys
import time
import traceback
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from emovae.errors import EmovaeError
from fuzz.target import Ask, Target, chance_of, prepared

ADDRESSES_BYTES = 2**32
"""Beyond so much more than it had the system gives a process nothing, and the input that asked for it is a finding."""
OUT_OF_MEMORY = re.compile(r"MemoryError|can't allocate|bad_alloc|malloc of|Unable to allocate|Failed to allocate")
NUMBER, STARTED, REFUSED, ACCEPTED, SLOWEST, PEAK, BOARD = range(7)
UNPREPARED = -1
"""The number of the finding that a target cannot be prepared."""
DIED = "died.txt"
"""What the system says when a process dies, in its folder."""
INPUT = "input"
"""The folder in a process's own in which its input lies."""


class Task(NamedTuple):
    """Inputs of a target, from the first to before the last."""

    target: str
    first: int
    last: int


class Finding(NamedTuple):
    """An input that was neither taken nor refused."""

    target: str
    number: int
    what: str


class Bounds(NamedTuple):
    """What an input may take: seconds, and bytes over what the process had before the first input of a task."""

    slowest_s: float = 5.0
    most_bytes: int = 2**30


class Terms(NamedTuple):
    """What all processes share: the targets, where their seeds lie, the seed of the inputs, and their bounds."""

    targets: dict[str, Target]
    seeds: Path
    seed: int
    bounds: Bounds


class Asked(NamedTuple):
    """What came of an input: why it was refused, or what went wrong, if either."""

    refused: str = ""
    wrong: str = ""


def work(line: Connection, board: Any, own: Path, terms: Terms) -> None:
    """Takes tasks until one is None; findings go out, and so does what keeps a target from being prepared.

    Args:
        line: to who watches.
        board: `BOARD` numbers that both see.
        own: a folder.
        terms: what all processes share.
    """
    _quiet(own)
    asks: dict[str, Ask] = {}
    while (task := line.recv()) is not None:
        try:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            ask = asks[task.target] = asks.get(task.target) or prepared(task.target, terms.seeds, terms.targets)
        except Exception:
            line.send(Finding(task.target, UNPREPARED, traceback.format_exc()))
            return
        _tried(task, ask, line, board, own, terms)
        line.send(None)


def _tried(task: Task, ask: Ask, line: Connection, board: Any, own: Path, terms: Terms) -> None:
    """The inputs of a task."""
    ask_one(ask, task.target, terms.seed, -1, own / INPUT)  # what is imported late counts for no input
    before = _anew()
    limit = _status("VmSize") + ADDRESSES_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    for number in range(task.first, task.last):
        began = time.monotonic()
        board[NUMBER], board[STARTED] = number, began
        asked = ask_one(ask, task.target, terms.seed, number, own / INPUT)
        board[STARTED] = 0.0
        what, grown = asked.wrong, _status("VmHWM") - before
        board[PEAK], board[SLOWEST] = max(board[PEAK], grown), max(board[SLOWEST], time.monotonic() - began)
        if grown > terms.bounds.most_bytes:
            what = f"takes {grown / 2**30:.2f} GiB, and {terms.bounds.most_bytes / 2**30:g} are the most"
            before = _anew()
        if what:
            line.send(Finding(task.target, number, what))
            line.recv()  # until then the input stays where it is
        else:
            board[REFUSED if asked.refused else ACCEPTED] += 1


def ask_one(ask: Ask, target: str, seed: int, number: int, place: Path) -> Asked:
    """Makes an input in a folder, which is emptied before, and tries it."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        ask(chance_of(target, seed, number), place)
    except EmovaeError as error:
        if OUT_OF_MEMORY.search(f"{error} {error.__cause__!r}"):
            return Asked(wrong=traceback.format_exc())  # it asked before it knew
        return Asked(refused=f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        raise
    except BaseException:  # a panic of Rust, or an exit, are findings too
        return Asked(wrong=traceback.format_exc())
    return Asked()


def _anew() -> int:
    """Forgets the peak of this process; what it has now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmHWM")


def _status(name: str) -> int:
    """A figure of this process in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def _quiet(own: Path) -> None:
    """What libraries say of broken input goes nowhere; what they say when they die goes to a file."""
    faulthandler.enable((own / DIED).open("w"))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stderr.fileno())
    os.dup2(nowhere, sys.stdout.fileno())
    logging.disable()
    warnings.simplefilter("ignore")
