"""Arrays in memory and in files: the same values, no name left behind, memory that comes back."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from emovae import cache
from emovae.errors import OutputError
from emovae.frames import CorpusFrames
from emovae.room import ARRAYS, IN_MEMORY, Room, let_go, machine_bytes, shared_room

linux = pytest.mark.skipif(sys.platform != "linux", reason="what is asked of the system here is Linux's")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_an_array_within_the_limit_lies_in_memory_and_leaves_the_folder_alone(tmp_path: Path) -> None:
    inside = Room(400, tmp_path / "never made").empty(10, 10)
    assert inside.shape == (10, 10)
    assert inside.untyped_storage().filename is None
    assert IN_MEMORY.empty(1000, 1000, torch.bfloat16).dtype == torch.bfloat16
    assert not (tmp_path / "never made").exists()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_larger_one_lies_in_a_file_that_has_no_name(tmp_path: Path, dtype: torch.dtype) -> None:
    beyond = Room(10, tmp_path / "arrays").empty(300, 800, dtype)
    assert beyond.untyped_storage().filename is not None
    assert list((tmp_path / "arrays").iterdir()) == []
    values = torch.randn(300, 800).to(dtype)
    beyond[:] = values
    let_go(beyond)
    assert torch.equal(beyond, values)


@linux
def test_what_is_let_go_is_no_memory_of_the_process_any_more(tmp_path: Path) -> None:
    beyond = Room(10, tmp_path).empty(100, 2**20)  # 400 MiB
    beyond.fill_(1.5)
    full = resident_bytes()
    let_go(beyond[3:5])  # any part of it speaks for the whole
    assert full - resident_bytes() > 300 * 2**20
    assert bool((beyond[::7, ::1001] == 1.5).all())


@linux
def test_frames_that_are_read_one_after_the_other_take_little_memory(tmp_path: Path) -> None:
    rows = np.ones((2**19, 80), np.float32)  # 160 MiB
    cache.keep(tmp_path, "frames", 80, [rows], {})
    spans = np.array([[start, start + 2**14] for start in range(0, 2**19, 2**14)])
    frames = CorpusFrames(folder=tmp_path, key="frames", utterances=(), spans=spans, left_out=(), digest="")
    before = resident_bytes()
    total = sum(float(some.sum(dtype=np.float64)) for some in map(frames.of, range(len(spans))))
    assert total == rows.size
    assert resident_bytes() - before < 20 * 2**20


def test_letting_go_of_arrays_in_memory_loses_nothing() -> None:
    tensor, array = torch.arange(12.0).view(3, 4), np.arange(12, dtype=np.float32)
    let_go(tensor, torch.from_numpy(array), torch.empty(0))
    assert tensor.sum() == 66
    assert array.sum() == 66


def test_a_disk_without_the_place_is_told_with_the_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "taken"
    folder.write_text("a file")
    with pytest.raises(OutputError, match=r"no place for 0\.0 GiB .* raise --memory"):
        Room(0, folder).empty(10, 10)

    def full(_handle: int, _start: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"no place for 4\.0 GiB .*No space left on device; .*--cache"):
        Room(0, tmp_path / "arrays").empty(2**20, 2**10)
    assert list((tmp_path / "arrays").iterdir()) == []


def test_memory_is_shared_among_processes_and_their_arrays(tmp_path: Path) -> None:
    assert shared_room(2.0, 4, tmp_path) == Room(2**31 // 4 // ARRAYS, tmp_path)
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < machine_bytes() <= whole
    assert shared_room(None, 1, tmp_path).most_bytes == int(machine_bytes() / 2 / ARRAYS)


@linux
def test_a_process_that_is_killed_leaves_no_file(tmp_path: Path) -> None:
    code = (
        "import os, signal; from pathlib import Path; from emovae.room import Room;"
        f"Room(0, Path({str(tmp_path)!r})).empty(100, 100).fill_(1); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert list(tmp_path.iterdir()) == []
