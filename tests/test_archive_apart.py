"""An archive made by a real Ray cluster, and one in a store of objects that speaks as S3 does."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import soundfile

from conftest import Machines
from emovae.archive import open_archive
from emovae.assembly import save
from emovae.audio import SAMPLE_RATE_HZ
from emovae.corpora import Corpus
from emovae.places import Location
from emovae.trained import TrainedModel
from processes import EMOVAE
from test_archive import PATIENCE_S, shards
from test_embed import model

__all__ = ["model"]
pytestmark = [
    pytest.mark.slow,
    # Ray's and the S3 client's own
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]
UTTERANCES, SHARD = 400, 40
BUCKET = "archives"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive as one process of this machine makes it."""
    out = tmp_path_factory.mktemp("alone") / "out"
    ended(started(out, "--jobs", "1"))
    return out


def started(out: object, *more: str, utterances: int = UTTERANCES) -> subprocess.Popen[str]:
    asked = ["cache", "--corpus", f"synthetic:{utterances}", "--shard", str(SHARD), "--out", str(out), *more]
    return subprocess.Popen(
        [str(EMOVAE), *asked],
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def ended(run: subprocess.Popen[str], status: int = 0) -> str:
    said, _ = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == status, said
    return said


def until_sealed(out: Path, run: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not list(out.glob("shard-*.json")):
        assert time.monotonic() < end
        assert run.poll() is None
        time.sleep(0.02)


def at_work() -> list[int]:
    """The processes in which the cluster of this test makes a shard just now."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (place / "cmdline").read_bytes().startswith(b"ray::sent") and os.getpid() in ancestors(place.name):
                found.append(int(place.name))
    return found


def ancestors(process: str) -> Iterator[int]:
    while process != "0":
        (line,) = (one for one in Path("/proc", process, "status").read_text().splitlines() if one.startswith("PPid:"))
        process = line.split()[1]
        yield int(process)


def test_workers_that_are_killed_on_the_way_cost_time_and_nothing_else(
    tmp_path: Path, cluster: Machines, alone: Path
) -> None:
    out = tmp_path / "out"
    run = started(out, "--cluster", cluster.address)
    until_sealed(out, run)
    killed, end = 0, time.monotonic() + PATIENCE_S
    while killed < 2:
        assert run.poll() is None, "it was done before enough workers were killed"
        assert time.monotonic() < end
        for process in at_work()[:1]:
            os.kill(process, signal.SIGKILL)
            killed += 1
        time.sleep(1)
    ended(run)
    assert shards(out) == shards(alone)
    ids = [one.id for one in open_archive(str(out)).frames()]
    assert len(ids) == len(set(ids)) == UTTERANCES
    assert "10 finished before" in ended(started(out, "--cluster", cluster.address))


def test_a_command_that_is_killed_goes_on_after_a_machine_was_lost(
    tmp_path: Path, cluster: Machines, alone: Path
) -> None:
    out = tmp_path / "out"
    run = started(out, "--cluster", cluster.address)
    until_sealed(out, run)
    run.kill()
    run.communicate()
    known = {path: path.stat().st_mtime_ns for path in out.glob("shard-*.json")}
    run = started(out, "--cluster", cluster.address)
    time.sleep(1)
    cluster.cluster.remove_node(cluster.second, allow_graceful=False)
    assert f"{len(known)} finished before" in ended(run)
    assert known.items() <= {path: path.stat().st_mtime_ns for path in out.glob("shard-*.json")}.items()
    assert shards(out) == shards(alone)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_ten_times_the_recordings_take_no_more_memory(tmp_path: Path, cluster: Machines, elsewhere: bool) -> None:
    way = ("--cluster", cluster.address) if elsewhere else ("--jobs", "1")

    def largest_mib(utterances: int) -> float:
        run = started(tmp_path / str(utterances), *way, utterances=utterances)
        assert run.stdout is not None
        said = run.stdout.read()
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        assert run.returncode == 0, said
        return used.ru_maxrss / 1024

    few, many = largest_mib(200), largest_mib(2_000)
    archive = sum(path.stat().st_size for path in (tmp_path / "2000").glob("*.parquet")) / 2**20
    assert archive > 80
    assert many - few < archive / 4, f"{few:.0f} MiB for 200 recordings, {many:.0f} for 2,000"


def test_features_made_on_a_cluster_are_those_of_one_machine(
    tmp_path: Path, cluster: Machines, model: TrainedModel, small_corpus: Corpus
) -> None:
    save(model, tmp_path / "m", "")
    (tmp_path / "sounds").mkdir()
    for utterance in small_corpus.utterances:
        soundfile.write(tmp_path / "sounds" / f"{utterance.id}.wav", small_corpus.waveform(utterance), SAMPLE_RATE_HZ)
    asked = [str(EMOVAE), "embed", "m", "sounds", "--shard", "9", "--out"]
    ways: list[tuple[str, ...]] = [("here", "--jobs", "1"), ("there", "--cluster", cluster.address)]
    told = []
    for out, *way in ways:
        done = subprocess.run(
            [*asked, out, *way], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=True
        )
        told.append(done.stdout)
    assert told[0] == told[1]
    assert shards(tmp_path / "here") == shards(tmp_path / "there")


# A store of objects


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on this machine that speaks as S3 does, with a bucket; the URL of the bucket."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL
    )
    told = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "who",
        "AWS_SECRET_ACCESS_KEY": "what",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        _answering(port)
        _files().mkdir(BUCKET)
        yield f"s3://{BUCKET}"
    server.kill()
    server.wait()


def _answering(port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise AssertionError("the server does not come up")


def _files() -> Any:
    import s3fs  # noqa: PLC0415

    return s3fs.S3FileSystem(skip_instance_cache=True)


def objects(url: str) -> Mapping[str, bytes]:
    place = Location(url)
    return {name: place.read(name) or b"" for name in sorted(place.names())}


def test_a_store_of_objects_holds_the_same_bytes_and_a_torn_one_is_made_again(store: str, alone: Path) -> None:
    url = f"{store}/here"
    ended(started(url, "--jobs", "2"))
    assert objects(url) == shards(alone)
    whole = {one.id: one.values.tobytes() for one in open_archive(str(alone)).frames()}
    assert {one.id: one.values.tobytes() for one in open_archive(url).frames()} == whole
    _files().pipe_file(f"{url}/shard-00003.parquet", b"torn")
    _files().rm_file(f"{url}/shard-00005.json")
    said = ended(started(url, "--jobs", "1"))
    assert "8 finished before" in said
    assert "shard-00003.parquet is damaged" in said
    assert objects(url) == shards(alone)


def test_the_machines_of_a_cluster_send_their_shards_to_the_store_themselves(
    store: str, alone: Path, cluster: Machines
) -> None:
    url = f"{store}/cluster"
    run = started(url, "--cluster", cluster.address)
    while not at_work():
        assert run.poll() is None
        time.sleep(0.05)
    time.sleep(2)
    for process in at_work()[:1]:
        os.kill(process, signal.SIGKILL)
    ended(run)
    assert objects(url) == shards(alone)


def test_a_bucket_that_is_not_there_is_told(store: str) -> None:
    said = ended(started("s3://nowhere/frames", "--jobs", "1", utterances=8), 2)
    assert "emovae: cannot write s3://nowhere/frames/plan.json: " in said
    assert "check that the bucket or folder exists" in said
    assert "Traceback" not in said
