"""Processes that are given items: all of them once, a few at a time, and nothing left of those that were stopped."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from emovae.apart import apart
from emovae.errors import EmovaeError
from emovae.files import written_whole

KILLED = EmovaeError("a worker process was killed")
PATIENCE_S = 60


def squared(item: int) -> int:
    return item * item


def odd_alone(item: int) -> int:
    if item % 2 == 0:
        raise EmovaeError(f"{item} is even")
    return item


def killed_at(last: int, item: int) -> int:
    if item == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def half_written(folder: Path, item: int) -> None:
    with written_whole(folder / str(item)) as stream:
        stream.write(b"half")
        stream.flush()
        if item:
            time.sleep(PATIENCE_S)


def told(item: int, made: int) -> tuple[int, int]:
    return item, made


def test_every_item_is_done_once_and_told_with_what_was_made_of_it() -> None:
    assert sorted(apart(2, squared, range(9), told, killed=KILLED)) == [(n, n * n) for n in range(9)]
    assert list(apart(2, squared, (), told, killed=KILLED)) == []


def test_items_are_asked_for_only_when_there_is_room() -> None:
    asked, done = list[int](), 0

    def items() -> Iterator[int]:
        for item in range(12):
            asked.append(item)
            yield item

    for _ in apart(2, squared, items(), told, killed=KILLED, most=3):
        done += 1
        assert len(asked) <= done + 3
    assert done == len(asked) == 12


def test_what_is_raised_there_is_raised_here_and_nobody_is_left() -> None:
    with pytest.raises(EmovaeError, match="2 is even"):
        list(apart(2, odd_alone, (1, 3, 2), told, killed=KILLED))
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed_is_told_as_asked() -> None:
    with pytest.raises(EmovaeError, match="a worker process was killed") as found:
        list(apart(2, partial(killed_at, 1), range(3), told, killed=KILLED))
    assert found.value is KILLED


def test_who_stops_early_waits_for_nothing_and_finds_no_half_of_a_file(tmp_path: Path) -> None:
    begin = time.monotonic()
    (tmp_path / ".another.1.part").touch()
    work = partial(half_written, tmp_path)
    with closing(apart(2, work, (0, 1, 2), lambda item, _: item, killed=KILLED, folder=tmp_path)) as done:
        assert next(done) == 0
        while len(list(tmp_path.glob(".[12].*.part"))) < 2:
            assert time.monotonic() < begin + PATIENCE_S / 2
            time.sleep(0.02)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".another.1.part", "0"]
    assert time.monotonic() < begin + PATIENCE_S
    assert not multiprocessing.active_children()


def test_it_works_in_a_thread_that_may_change_no_signal() -> None:
    done = list[tuple[int, int]]()
    thread = Thread(target=lambda: done.extend(apart(2, squared, range(2), told, killed=KILLED)))
    before = signal.getsignal(signal.SIGINT)
    thread.start()
    thread.join()
    assert sorted(done) == [(0, 0), (1, 1)]
    assert signal.getsignal(signal.SIGINT) == before
