"""An archive in shards holds every utterance once, whatever happened on the way, and the same wherever it was made."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from click.testing import CliRunner, Result

from emovae.archive import open_archive
from emovae.corpora import open_corpus
from emovae.errors import ConfigError, DamagedError, OutputError
from emovae.frame_shards import FrameWork, planned_frames
from emovae.frames import corpus_frames
from emovae.places import Location, place_of
from emovae.settings import FrontEnd
from emovae.shards import Weighed, planned
from emovae.shells.cli import cli
from emovae.shells.spreading import Asked, sent
from processes import EMOVAE

PATIENCE_S = 300
SMALL = ("--corpus", "synthetic:40", "--shard", "16", "--jobs", "1")


def cached(out: object, *more: str) -> Result:
    return CliRunner().invoke(cli, ["cache", *SMALL, "--out", str(out), *more])


def made(out: object, *more: str) -> str:
    result = cached(out, *more)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def shards(out: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("[!.]*"))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive as it is made at once."""
    out = tmp_path_factory.mktemp("whole") / "out"
    made(out)
    return out


def test_an_archive_holds_every_utterance_once_and_the_frames_that_a_run_learns_from(
    whole: Path, tmp_path: Path
) -> None:
    corpus = open_corpus("synthetic:40")
    known = corpus_frames(corpus, FrontEnd(), tmp_path, at_least=1)
    found = list(open_archive(str(whole)).frames())
    assert [one.id for one in found] == [utterance.id for utterance in corpus.utterances]
    for place, (one, utterance) in enumerate(zip(found, corpus.utterances, strict=True)):
        np.testing.assert_array_equal(one.values, known.of(place))
        assert one.values.dtype == np.float32
        assert one.recording == corpus.digest(utterance)
        assert one.labels["speaker"] == utterance.speaker
        assert one.labels["arousal"] == utterance.arousal


def test_any_reader_of_parquet_reads_a_shard(whole: Path) -> None:
    table = pq.read_table(whole / "shard-00000.parquet", columns=["id", "emotion", "frames"])
    first = next(open_archive(str(whole)).frames())
    assert table.num_rows == 16
    assert table["emotion"][0].as_py() == "anger"
    assert table["frames"][0].as_py() == first.values.tolist()


def test_what_is_finished_is_not_made_again(whole: Path, tmp_path: Path) -> None:
    told = made(tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("[!.]*")}
    again = made(tmp_path / "out")
    assert "3 finished before" in again
    assert "[" not in again
    assert again.splitlines()[-1] == told.splitlines()[-1]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("[!.]*")} == before
    assert shards(tmp_path / "out") == shards(whole)


@pytest.mark.parametrize(
    ("torn", "reason"), [("shard-00001.parquet", "its seal says"), ("shard-00001.json", "damaged")]
)
def test_a_torn_shard_is_told_and_made_again_and_no_other(whole: Path, tmp_path: Path, torn: str, reason: str) -> None:
    out = tmp_path / "out"
    made(out)
    content = (out / torn).read_bytes()
    (out / torn).write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedError, match="shard-00001"):
        list(open_archive(str(out)).frames())
    said = made(out)
    assert "2 finished before" in said
    assert reason in said
    assert "made again" in said
    assert shards(out) == shards(whole)


def test_one_changed_bit_is_found(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(out)
    shard = out / "shard-00002.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DamagedError, match=r"shard-00002\.parquet is damaged"):
        list(open_archive(str(out)).frames())
    assert "2 finished before" in made(out)
    assert shards(out) == shards(whole)


def test_an_archive_that_is_not_finished_says_so_in_place_of_ending_early(tmp_path: Path) -> None:
    made(tmp_path / "out")
    (tmp_path / "out" / "shard-00002.json").unlink()
    read = open_archive(str(tmp_path / "out")).frames()
    with pytest.raises(DamagedError, match=r"shard-00002\.parquet has no seal"):
        list(read)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--set", "front_end.bands=40"), "front_end was"),
        (("--corpus", "synthetic:48"), "recordings was 40 and is 48"),
        (("--corpus", "synthetic:40:channel"), "corpus was synthetic and is synthetic-channel"),
    ],
)
def test_another_archive_is_not_written_over(tmp_path: Path, more: Sequence[str], why: str) -> None:
    made(tmp_path / "out")
    before = shards(tmp_path / "out")
    result = cached(tmp_path / "out", *more)
    assert isinstance(result.exception, ConfigError)
    assert why in str(result.exception)
    assert "give --out another place" in str(result.exception)
    assert shards(tmp_path / "out") == before


def test_shards_of_another_size_are_made_anew_and_hold_the_same(tmp_path: Path, whole: Path) -> None:
    made(tmp_path / "out")
    made(tmp_path / "out", "--shard", "30")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.parquet")) == [
        "shard-00000.parquet",
        "shard-00001.parquet",
    ]
    assert held(tmp_path / "out") == held(whole)


def test_settings_that_no_frame_has_are_refused(tmp_path: Path) -> None:
    result = cached(tmp_path / "out", "--set", "seeds=3")
    assert isinstance(result.exception, ConfigError)
    assert "begin with front_end." in str(result.exception)


def held(where: object) -> list[tuple[str, bytes]]:
    return [(one.id, one.values.tobytes()) for one in open_archive(str(where)).frames()]


# Recordings


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of eight recordings, of which one is torn and one is silent."""
    corpus = open_corpus("synthetic:8")
    lines = ["path,emotion,speaker"]
    for place, utterance in enumerate(corpus.utterances):
        soundfile.write(tmp_path / f"{place}.wav", corpus.waveform(utterance) * (place != 5), 16_000)
        lines.append(f"{place}.wav,{utterance.emotion},{utterance.speaker}")
    (tmp_path / "2.wav").write_bytes(b"RIFF....")
    listed = tmp_path / "labels.csv"
    listed.write_text("\n".join(lines) + "\n")
    return listed


def of_table(table: Path, out: Path) -> Result:
    return CliRunner().invoke(cli, ["cache", "--corpus", str(table), "--shard", "3", "--jobs", "1", "--out", str(out)])


def test_a_bad_recording_is_told_and_not_an_end(table: Path, tmp_path: Path) -> None:
    result = of_table(table, tmp_path / "out")
    assert result.exit_code == 1, (result.output, result.exception)
    assert "6 utterances" in result.output
    assert "2 unusable" in result.output
    archive = open_archive(str(tmp_path / "out"))
    good, bad = [one.id for one in archive.frames()], [name for name, _ in archive.problems()]
    assert bad == ["2.wav", "5.wav"]
    assert sorted(good + bad) == [f"{place}.wav" for place in range(8)]
    assert str(tmp_path) not in (tmp_path / "out" / "shard-00000.json").read_text()


def test_a_recording_that_is_mended_costs_its_shard_alone(table: Path, tmp_path: Path) -> None:
    of_table(table, tmp_path / "out")
    corpus = open_corpus("synthetic:8")
    for place in (2, 5):
        soundfile.write(tmp_path / f"{place}.wav", corpus.waveform(corpus.utterances[place]), 16_000)
    result = of_table(table, tmp_path / "out")
    assert result.exit_code == 0, (result.output, result.exception)
    assert "3 shards; 1 finished before" in result.output
    assert "recordings that have changed" in result.output
    assert len(list(open_archive(str(tmp_path / "out")).frames())) == 8


def test_shards_of_long_recordings_have_fewer_of_them() -> None:
    sizes = [2**25, 2**25, 1, 2**27, 1, 1, 1]
    plan = planned({}, range(7), lambda place: Weighed(str(place), sizes[place], None), most=2)
    assert [shard.items for shard in plan.shards] == [(0, 1), (2,), (3,), (4, 5), (6,)]


def test_a_recording_that_is_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="a is given twice"):
        planned({}, "aba", lambda name: Weighed(name, 0, None))


def test_a_machine_that_does_not_see_the_recordings_is_an_end_and_no_bad_recording(table: Path) -> None:
    corpus = open_corpus(str(table))
    work = FrameWork(corpus.name, corpus.voice, FrontEnd())
    (shard,) = planned_frames(corpus, work, 1_000).shards
    asked = Asked(shard, None, version("emovae"), table.parent, table.parent / "0.wav")
    assert sent(work, asked).error is None
    elsewhere = sent(work, asked._replace(seen=table.parent / "elsewhere" / "0.wav"))
    assert isinstance(elsewhere.error, ConfigError)
    assert "elsewhere/0.wav; put the recordings on a disk that all machines see" in str(elsewhere.error)
    assert "install the same" in str(sent(work, asked._replace(version="0.0.1")).error)


# Processes and kills


def started(out: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(EMOVAE), "cache", "--corpus", "synthetic:400", "--shard", "40", "--out", str(out), *more],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def until_sealed(out: Path, run: subprocess.Popen[str], most: int = 1) -> None:
    end = time.monotonic() + PATIENCE_S
    while len(list(out.glob("shard-*.json"))) < most:
        assert time.monotonic() < end
        assert run.poll() is None
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_and_told_to_end_it_goes_on_and_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    alone = started(tmp_path / "alone", "--jobs", "1")
    said, _ = alone.communicate(timeout=PATIENCE_S)
    assert alone.returncode == 0, said
    out, known = tmp_path / "out", dict[Path, int]()
    for ending in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        run = started(out, "--jobs", "2")
        until_sealed(out, run, len(known) + 1)
        os.killpg(run.pid, ending)
        told, _ = run.communicate(timeout=PATIENCE_S)
        if ending != signal.SIGKILL:
            assert "finished shards are kept" in told
            assert not list(out.glob(".*.part"))
        known = {path: path.stat().st_mtime_ns for path in out.glob("shard-*.json")}
    run = started(out, "--jobs", "2")
    told, _ = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, told
    assert f"{len(known)} finished before" in told
    assert known.items() <= {path: path.stat().st_mtime_ns for path in out.glob("shard-*.json")}.items()
    assert told.splitlines()[-1] == said.splitlines()[-1]
    assert shards(out) == shards(tmp_path / "alone")


@pytest.mark.slow
def test_on_a_full_disk_the_need_is_told_and_the_same_command_goes_on_later(small_disk: Path, whole: Path) -> None:
    result = cached(small_disk / "out")
    assert isinstance(result.exception, OutputError)
    assert "No space left on device; it needs" in str(result.exception)
    assert not list((small_disk / "out").glob(".*.part"))
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    made(small_disk / "out")
    assert shards(small_disk / "out") == shards(whole)


# Locations


def test_a_location_that_fsspec_knows_holds_the_same_bytes(whole: Path) -> None:
    said = made("memory://some/frames")
    assert "memory://some/frames: 40 recordings in 3 shards" in said
    place = Location("memory://some/frames")
    assert {name: place.read(name) for name in place.names()} == shards(whole)
    assert held(place) == held(whole)
    assert "3 finished before" in made("memory://some/frames")
    place.write("shard-00001.parquet", b"torn")
    assert "2 finished before" in made("memory://some/frames")
    assert held(place) == held(whole)


def test_a_location_that_nobody_knows_is_told() -> None:
    with pytest.raises(ConfigError, match=r"nowhere://frames cannot be reached: .*nowhere.*; pip install"):
        place_of("nowhere://frames")
