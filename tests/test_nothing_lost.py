"""Killed at any moment, on a full disk, or two at once: nothing is lost or done twice, and nothing torn is used."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from processes import PATIENCE_S, begun, ended

KILLS = 25
EXPERIMENT = """
name = "long"
models = ["AE-LSTM", "VAE-LSTM", "CVAE-LSTM"]
baselines = ["majority", "functionals-SVM"]
test_condition = ["marginal"]
seeds = 12
[protocol]
kind = "speakers"
folds = 2
[autoencoder]
hidden = [64]
latent = 8
epochs = 8
batch_size = 32
[classifier]
hidden = 8
epochs = 12
patience = 12
batch_size = 2
"""
WRITTEN = ("results.json", "table.md", "predictions.parquet", "curves.parquet", "views.safetensors", "report.html")


class Made(NamedTuple):
    """When a file was written, and which one it is."""

    when: int
    which: int


def started(place: Path, *more: str) -> subprocess.Popen[str]:
    """The run, in a group of processes of its own."""
    place.mkdir(exist_ok=True)
    (place / "long.toml").write_text(EXPERIMENT)
    where = ["--corpus", "synthetic:16", "--out", "out", "--cache", "cache"]
    return begun("run", "long.toml", *where, *more, cwd=place, group=True)


def contents(place: Path) -> Mapping[str, bytes]:
    return {name: (place / "out" / name).read_bytes() for name in WRITTEN}


def finished(place: Path) -> Mapping[str, Made]:
    found = {}
    for path in (*place.glob("out/cells/*.json"), *place.glob("out/cells/*.safetensors"), *place.glob("cache/*/*.f32")):
        state = path.stat()
        found[path.name] = Made(state.st_mtime_ns, state.st_ino)
    return found


def half_written(place: Path) -> list[Path]:
    return list(place.rglob(".*.part"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    place = tmp_path_factory.mktemp("undisturbed") / "run"
    ended(started(place))
    return contents(place)


@pytest.mark.slow
def test_a_run_that_is_killed_25_times_ends_as_if_nothing_had_been(
    tmp_path: Path, undisturbed: Mapping[str, bytes]
) -> None:
    place, drawn, known, grown = tmp_path / "run", random.Random(0), dict[str, Made](), 0
    for kill in range(KILLS):
        run = started(place, "--jobs", drawn.choice("112"))
        if kill % 3:  # every third dies wherever it has got to while it starts
            while run.poll() is None and len(finished(place)) == len(known):
                time.sleep(0.01)
        time.sleep(drawn.uniform(0, 0.4 if kill % 3 else 5))
        with suppress(ProcessLookupError):  # it was done
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        now = finished(place)
        assert known.items() <= now.items(), "something finished was computed again, or is lost"
        grown += len(now) > len(known)
        known = dict(now)
    assert grown >= 8, "the kills say little: they came before anything was done"
    ended(started(place))
    assert known.items() <= finished(place).items()
    assert contents(place) == undisturbed
    assert not half_written(place)


@pytest.mark.slow
def test_a_second_run_on_the_same_folder_waits_and_computes_nothing(
    tmp_path: Path, undisturbed: Mapping[str, bytes]
) -> None:
    place = tmp_path / "run"
    first = started(place)
    _until(place / "out" / ".cells.holder", first)
    second = started(place)
    said = ended(second)
    ended(first)
    assert f"out/cells is in use by process {first.pid} on " in said
    assert "; 0 cells to compute, " in said
    assert contents(place) == undisturbed


@pytest.mark.slow
def test_the_lock_of_a_run_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    place = tmp_path / "run"
    first = started(place)
    _until(place / "out" / ".cells.holder", first)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert "in use" not in ended(started(place))


@pytest.mark.slow
def test_what_was_torn_or_edited_is_told_and_computed_again(tmp_path: Path, undisturbed: Mapping[str, bytes]) -> None:
    place = tmp_path / "run"
    ended(started(place))
    cells, cache = place / "out" / "cells", place / "cache" / "frames"
    results, networks, frames = (
        sorted(cells.glob("*.json")),
        sorted(cells.glob("*.safetensors")),
        [*cache.glob("*.f32")],
    )
    content = json.loads(results[0].read_text())
    content["probabilities"] = content["probabilities"][::-1]
    results[0].write_text(json.dumps(content))
    results[1].write_bytes(results[1].read_bytes()[:100])
    with networks[0].open("r+b") as stream:
        stream.seek(-5, os.SEEK_END)
        stream.write(b"\xff")
    with frames[0].open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"\x00\x00\x80\x3f")
    said = ended(started(place))
    for path in (results[0], results[1], networks[0], frames[0]):
        assert f"{path.relative_to(place)} is damaged" in said
        assert path.with_name(f"{path.name}.damaged").is_file()
    assert contents(place) == undisturbed


def _until(holder: Path, run: subprocess.Popen[str]) -> None:
    """Waits until this run holds the lock."""
    end = time.monotonic() + PATIENCE_S
    while not (holder.exists() and str(run.pid) in holder.read_text()):
        assert time.monotonic() < end
        assert run.poll() is None
        time.sleep(0.02)


# A disk that is full


@pytest.mark.slow
def test_on_a_full_disk_the_file_and_its_need_are_told_and_the_run_goes_on_later(
    small_disk: Path, undisturbed: Mapping[str, bytes]
) -> None:
    place, known, told = small_disk, dict[str, Made](), []
    for kilobytes in (100, 700, 1_200, 1_700, 2_500, 200_000):
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", place], check=True)
        run = started(place)
        _, said = run.communicate(timeout=PATIENCE_S)
        if run.returncode == 0:
            break
        assert run.returncode == 2, said
        assert "No space left on device; it needs" in said
        assert "Traceback" not in said
        told.append(said)
        assert not half_written(place)
        assert known.items() <= finished(place).items()
        known = dict(finished(place))
    assert contents(place) == undisturbed
    assert any("frames" in said for said in told), told
    assert any("cells" in said for said in told), told


# Many at once

COUNTED = """
import sys
from pathlib import Path
from emovae.settings import FrontEnd
from emovae.corpora import open_corpus
from emovae.frames import corpus_frames

told = []
frames = corpus_frames(open_corpus("synthetic:40"), FrontEnd(), Path(sys.argv[1]), at_least=1,
                       progress=lambda done, of: told.append(done))
print(bool(told), frames.digest, float(frames.values.sum()))
"""


@pytest.mark.slow
def test_frames_that_go_away_under_a_run_are_told_and_the_run_goes_on_later(
    tmp_path: Path, undisturbed: Mapping[str, bytes]
) -> None:
    place = tmp_path / "run"
    run = started(place, "--jobs", "1")
    _until_some_are_finished(place, run)
    (values,) = place.glob("cache/frames/*.f32")
    os.truncate(values, 1000)
    _, said = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 2, said
    assert f"{values.relative_to(place)} cannot be read any more: " in said
    assert "bring its disk or network share back" in said
    assert "Traceback" not in said
    ended(started(place, "--jobs", "1"))
    assert contents(place) == undisturbed


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="arrays lie in files on Linux alone")
def test_mapped_arrays_that_go_away_end_a_process_and_the_one_that_is_left_tells(
    tmp_path: Path, undisturbed: Mapping[str, bytes]
) -> None:
    place = tmp_path / "run"
    run = started(place, "--jobs", "1", "--memory", "0.0001")
    _until_some_are_finished(place, run)
    for child in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split():
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            os.kill(int(child), signal.SIGBUS)  # what the system sends where a map has lost its file
    _, said = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 2, said
    assert "a worker process was killed" in said
    assert "the disk of --cache went away" in said
    assert "Traceback" not in said
    ended(started(place, "--jobs", "1", "--memory", "0.0001"))
    assert contents(place) == undisturbed


def _until_some_are_finished(place: Path, run: subprocess.Popen[str]) -> None:
    until = time.monotonic() + PATIENCE_S
    while len(list(place.glob("out/cells/*.json"))) < 3:
        assert run.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.slow
def test_of_24_processes_on_one_cache_one_computes_and_all_get_the_same(tmp_path: Path) -> None:
    asked = [sys.executable, "-c", COUNTED, str(tmp_path / "cache")]
    runs = [subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) for _ in range(24)]
    said = [run.communicate(timeout=PATIENCE_S)[0].split() for run in runs]
    assert [run.returncode for run in runs] == [0] * 24
    assert sorted(computed for computed, _, _ in said) == ["False"] * 23 + ["True"]
    assert len({(digest, total) for _, digest, total in said}) == 1
    assert len(list((tmp_path / "cache").glob("*.f32"))) == 1
