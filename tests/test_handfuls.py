"""Handfuls of recordings: their size, their order, and how far threads run ahead."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emovae.handfuls import HANDFUL, HANDFUL_BYTES, ahead, handfuls
from emovae.utterance import Utterance


def utterance(name: str, audio: Path | None = None) -> Utterance:
    return Utterance(id=name, audio=audio, speaker="s")


def test_small_recordings_go_by_sixteen_and_the_rest_is_a_handful_too() -> None:
    everyone = [utterance(str(place)) for place in range(2 * HANDFUL + 3)]
    found = list(handfuls(everyone))
    assert [len(some) for some in found] == [HANDFUL, HANDFUL, 3]
    assert [one for some in found for one in some] == everyone
    assert list(handfuls([])) == []


def test_long_recordings_go_alone_and_one_that_is_missing_does_no_harm(tmp_path: Path) -> None:
    sizes = {"small": 10, "half": HANDFUL_BYTES // 2, "other half": HANDFUL_BYTES // 2, "huge": 3 * HANDFUL_BYTES}
    for name, size in sizes.items():
        with (tmp_path / name).open("wb") as stream:
            stream.truncate(size)
    some = [utterance(name, tmp_path / name) for name in (*sizes, "missing", "small")]
    assert [[one.id for one in handful] for handful in handfuls(some)] == [
        ["small", "half"],
        ["other half"],
        ["huge"],
        ["missing", "small"],
    ]


def test_results_come_in_order_and_never_more_ahead_than_asked() -> None:
    begun, lock = 0, threading.Lock()

    def work(number: int) -> int:
        nonlocal begun
        with lock:
            begun += 1
        time.sleep(0.001 * (number % 3))
        return number

    with ThreadPoolExecutor(3) as pool:
        for read, number in enumerate(ahead(pool, work, range(40), 4)):
            assert number == read
            assert begun <= read + 1 + 4
    assert begun == 40


def test_an_error_of_the_work_reaches_who_reads() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("the third")
        return number

    with ThreadPoolExecutor(2) as pool:
        results = ahead(pool, work, range(9), 2)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="the third"):
            next(results)
