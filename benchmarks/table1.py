"""The whole of Table 1 on a corpus with IEMOCAP's counts and lengths, from a cold cache, and the same command again.

It takes most of an hour on two cores. A folder given in EMOVAE_BENCH_IEMOCAP stands for the synthetic corpus.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch

from benchmarks.measure import Row, spelt

EXPERIMENT = Path(__file__).with_suffix(".toml")
MINUTES, GIB, AGAIN_S, GPU_MINUTES = 90, 4, 10, 3
POLLS_S = 0.5


class Cost(NamedTuple):
    """What a command took: seconds, and the most memory that it and its children held at once, in GiB."""

    seconds: float
    gib: float


def cost_of(command: list[str]) -> Cost:
    """Runs a command to its end; what children share is counted once (proportional set size).

    Raises:
        CalledProcessError: when it fails.
    """
    start, most = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        ended = threading.Event()

        def watch() -> None:
            nonlocal most
            while not ended.wait(POLLS_S):
                most = max(most, sum(_held(one) for one in _family(process.pid)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        code = process.wait()
        ended.set()
        watcher.join()
    if code:
        raise subprocess.CalledProcessError(code, command)
    return Cost(time.perf_counter() - start, most / 2**20)


def _family(first: int) -> Iterator[int]:
    yield first
    for children in Path(f"/proc/{first}/task").glob("*/children"):
        try:
            listed = children.read_text(encoding="utf-8").split()
        except OSError:  # it has ended
            continue
        for child in listed:
            yield from _family(int(child))


def _held(process: int) -> int:
    """Proportional set size in KiB."""
    try:
        told = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:  # it has ended
        return 0
    return int(next((line.split()[1] for line in told.splitlines() if line.startswith("Pss:")), "0"))


def rows(_rounds: int) -> Iterator[Row]:
    """Time, memory, and the time of a second run; a GPU's row where there is a GPU."""
    emovae = str(Path(sys.executable).with_name("emovae"))
    given = os.environ.get("EMOVAE_BENCH_IEMOCAP")
    with TemporaryDirectory() as root:
        corpus = given or f"{root}/corpus"
        if not given:
            subprocess.run([emovae, "synthesize", "iemocap", corpus, "--scale", "1.0"], check=True)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        what = f"Table 1, 45 cells and oracle, 20 + 20 epochs, IEMOCAP's size, {device}"
        command = [emovae, "run", str(EXPERIMENT), "--corpus", corpus, "--device", device]
        command += ["--cache", f"{root}/cache", "--out", f"{root}/out"]
        first = cost_of(command)
        yield _limit(what, "from a cold cache", first.seconds / 60, "min", MINUTES if device == "cpu" else GPU_MINUTES)
        yield _limit(what, "memory of all processes", first.gib, "GiB", GIB)
        yield _limit(what, "the same command again", cost_of(command).seconds, "s", AGAIN_S)
    if device == "cpu":
        yield Row(
            "the same on one H100", "after frames; GPU busy over 60 %", "no GPU at hand", "", None, None, None,
            f"under {GPU_MINUTES} min",
        )  # fmt: skip


def _limit(what: str, against: str, figure: float, unit: str, most: float) -> Row:
    return Row(what, against, f"{spelt(figure)} {unit}", "", figure, figure, figure, f"under {most:g}", figure < most)
