"""`emovae predict` on a folder of many short files: how much memory ten times as many take, and how fast they go."""

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from benchmarks.log_mel import minute_of_speech
from benchmarks.measure import Row, spelt
from benchmarks.prediction import untaught
from emovae.assembly import save
from emovae.audio import SAMPLE_RATE_HZ
from emovae.export import export

FEW, MANY = 1_000, 10_000
SHORTEST_S, LONGEST_S = 1.0, 3.0
MOST_GROWTH = 1.1
# The parent's own memory would count as the child's in what the system tells when it has ended.
_CODE = """
import atexit, pathlib, sys

def tell():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM:")), file=sys.stderr)

atexit.register(tell)
from emovae.shells.cli import main
main()
"""


class Taken(NamedTuple):
    """What a command took: its most memory in MiB, and seconds."""

    mib: float
    seconds: float


def rows(_rounds: int) -> Iterator[Row]:
    """The memory of ten times as many files in proportion, of a model folder and of an ONNX file."""
    with tempfile.TemporaryDirectory() as root:
        place, model = Path(root), untaught()
        save(model, place / "m", "")
        export(model, place / "m.onnx")
        write_files(place / "few", FEW)
        write_files(place / "many", MANY)
        for how, name in (("torch", "m"), ("onnxruntime", "m.onnx")):
            few, many = (told_of(place / name, place / which, place / "out.csv") for which in ("few", "many"))
            growth = many.mib / few.mib
            yield Row(
                f"emovae predict, {MANY:,} files of {SHORTEST_S:g} to {LONGEST_S:g} s, {how}",
                f"the memory of {FEW:,}",
                f"{spelt(many.mib)} MiB, {spelt(MANY / many.seconds)} files/s",
                f"{spelt(few.mib)} MiB",
                growth,
                growth,
                growth,
                f"under {MOST_GROWTH:g}",
                growth < MOST_GROWTH,
                "a row for each file, in order",
            )


def write_files(folder: Path, count: int) -> None:
    """Parts of a minute of speech as 16-bit WAV files of all lengths between the shortest and the longest."""
    folder.mkdir()
    generator, speech = np.random.default_rng(count), minute_of_speech()
    for number in range(count):
        samples = round(generator.uniform(SHORTEST_S, LONGEST_S) * SAMPLE_RATE_HZ)
        first = generator.integers(len(speech) - samples)
        soundfile.write(folder / f"{number:05}.wav", speech[first : first + samples], SAMPLE_RATE_HZ, "PCM_16")


def told_of(model: Path, folder: Path, out: Path) -> Taken:
    """What `emovae predict` takes for a folder.

    Raises:
        ValueError: where not every file has one row, in order and without an error.
    """
    taken = taken_by(["predict", str(model), str(folder), "--format", "csv", "--out", str(out)])
    with out.open(encoding="utf-8", newline="") as stream:
        found = [(row["file"], row["error"]) for row in csv.DictReader(stream)]
    if found != [(str(path), "") for path in sorted(folder.iterdir())]:
        raise ValueError(f"{folder} has {len(list(folder.iterdir())):,} files, and {len(found):,} rows are not theirs")
    return taken


def taken_by(words: Sequence[str]) -> Taken:
    """Runs emovae as a process of its own, on Linux.

    Raises:
        CalledProcessError: when it fails.
    """
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _CODE, *words], stderr=subprocess.PIPE, text=True, check=True)
    return Taken(int(done.stderr.split()[-1]) / 1024, time.perf_counter() - start)
