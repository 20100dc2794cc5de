"""A microphone in earnest: a sound server whose only input hears what its only output plays."""

import ctypes.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from emovae.assembly import save
from emovae.trained import TrainedModel
from processes import EMOVAE

MISSING = [name for name in ("pulseaudio", "pactl", "paplay") if shutil.which(name) is None]
if ctypes.util.find_library("portaudio") is None:
    MISSING.append("libportaudio2")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)}: not installed; see .ci/run for the packages"),
]
RATE_HZ = 44_100
PATIENCE_S = 60
RECORD = """
import sys, numpy as np
from emovae.microphone import microphone

with microphone() as inbox:
    print(inbox.rate_hz, flush=True)
    samples = np.concatenate([next(inbox.chunks(lambda: False)).samples for _ in range(60)])
np.save(sys.argv[1], samples)
print(inbox.lost_s, inbox.dropped)
"""


class Room(NamedTuple):
    """A sound server, and the environment of those who hear and speak there."""

    server: subprocess.Popen[bytes]
    env: Mapping[str, str]


@contextmanager
def opened() -> Iterator[Room]:
    with tempfile.TemporaryDirectory(prefix="pa") as folder:  # a socket's path must be short
        env = {**os.environ, "XDG_RUNTIME_DIR": folder, "HOME": folder, "PULSE_SERVER": f"unix:{folder}/native"}
        server = subprocess.Popen(
            [
                *(
                    "pulseaudio",
                    "-n",
                    "--daemonize=no",
                    "--exit-idle-time=-1",
                    "--use-pid-file=no",
                    "--disable-shm=yes",
                ),
                *("-L", f"module-native-protocol-unix socket={folder}/native auth-anonymous=1"),
                *("-L", f"module-null-sink sink_name=speaker rate={RATE_HZ} channels=1"),
            ],
            env=env,
            stderr=subprocess.DEVNULL,
        )
        try:
            until = time.monotonic() + PATIENCE_S
            while subprocess.run(["pactl", "info"], env=env, capture_output=True, check=False).returncode:
                assert server.poll() is None
                assert time.monotonic() < until
                time.sleep(0.1)
            yield Room(server, env)
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def room() -> Iterator[Mapping[str, str]]:
    with opened() as room:
        yield room.env


@pytest.fixture(scope="module")
def place(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("microphone")
    save(model, place / "m", "")
    noise = np.random.default_rng(1).normal(0, 0.1, RATE_HZ)
    noise[: RATE_HZ // 5] = 0  # a server may cut off the beginning of what is played
    soundfile.write(place / "noise.wav", noise.clip(-1, 1), RATE_HZ, "PCM_16")
    return place


def rest_of(hearing: subprocess.Popen[str]) -> tuple[str, str]:
    """The rest of both outputs; `communicate` forgets what was read ahead of the last line."""
    assert hearing.stdout is not None
    assert hearing.stderr is not None
    told = hearing.stdout.read(), hearing.stderr.read()
    hearing.wait(PATIENCE_S)
    return told


def test_what_is_played_is_recorded_sample_for_sample(room: Mapping[str, str], place: Path) -> None:
    words = [sys.executable, "-c", RECORD, str(place / "heard.npy")]
    with subprocess.Popen(words, env=room, stdout=subprocess.PIPE, text=True) as recording:
        assert recording.stdout is not None
        assert recording.stdout.readline().strip() == str(RATE_HZ)
        subprocess.run(["paplay", place / "noise.wav"], env=room, check=True, timeout=PATIENCE_S)
        assert recording.stdout.readline().split() == ["0.0", "0"]
    found, played = np.load(place / "heard.npy"), soundfile.read(place / "noise.wav", dtype="float32")[0]
    told, truth = found[np.flatnonzero(found)[0] :], played[np.flatnonzero(played)[0] :]
    assert np.abs(told[: len(truth)] - truth).max() <= 2**-15


def test_speech_is_told_while_it_is_heard_and_ctrl_c_is_a_good_end(room: Mapping[str, str], place: Path) -> None:
    words = f"{EMOVAE} predict {place / 'm'} --microphone --window 1s --hop 0.2s --format jsonl".split()
    with subprocess.Popen(words, env=room, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as hearing:
        assert hearing.stdout is not None
        rows = [json.loads(hearing.stdout.readline()) for _ in range(3)]
        assert {row["flags"] for row in rows} == {"silent"}
        with subprocess.Popen(["paplay", place / "noise.wav"], env=room):
            while rows[-1]["label"] is None:
                rows.append(json.loads(hearing.stdout.readline()))
                assert rows[-1]["end"] < 30
        hearing.send_signal(signal.SIGINT)
        rest, errors = rest_of(hearing)
    rows += map(json.loads, rest.splitlines())
    assert hearing.returncode == 0, errors
    assert f"heard {rows[-1]['end']:.1f} s" in errors
    assert [row["end"] for row in rows] == sorted(row["end"] for row in rows)


def test_it_ends_by_itself_after_some_seconds(room: Mapping[str, str], place: Path) -> None:
    out = place / "rows.csv"
    words: list[str | Path] = [EMOVAE, "predict", place / "m", "--microphone", "--seconds", "1.2s", "--out", str(out)]
    done = subprocess.run(words, env=room, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert "heard 1.2 s" in done.stderr
    assert [line.split(",")[2] for line in out.read_text().splitlines()] == ["end", "0.5", "1.0", "1.2"]


def test_a_device_that_goes_away_is_an_error_and_what_was_said_before_is_whole(place: Path) -> None:
    words = f"{EMOVAE} predict {place / 'm'} --microphone --window 1s --format json".split()
    with (
        opened() as room,
        subprocess.Popen(words, env=room.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as hearing,
    ):
        assert hearing.stdout is not None
        begun = "".join(hearing.stdout.readline() for _ in range(2))
        room.server.kill()
        rest, errors = rest_of(hearing)
    assert hearing.returncode == 2, errors
    assert "gave no sound for 5 s; connect it" in errors
    rows = json.loads(begun + rest)
    assert f"heard {rows[-1]['end']:.1f} s" in errors
