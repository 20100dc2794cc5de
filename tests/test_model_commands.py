"""`emovae train` and `emovae predict`, as a person types them."""

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from click.testing import CliRunner

from emovae.audio import SAMPLE_RATE_HZ
from emovae.corpora import Corpus
from emovae.errors import EmovaeError
from emovae.shells.cli import WRONG, cli

SMALL = (
    "protocol={kind='speakers',folds=2}",
    "autoencoder.hidden=[16]",
    "autoencoder.latent=4",
    "autoencoder.epochs=2",
    "classifier.hidden=8",
    "classifier.epochs=2",
)


def emovae(*words: object, stdin: bytes = b"", code: int = 0) -> tuple[str, str]:
    """In this process, as a process of its own would take seconds to begin; what `main` makes of errors, too."""
    done = CliRunner().invoke(cli, list(map(str, words)), input=stdin)
    is_told = isinstance(done.exception, EmovaeError)
    assert (WRONG if is_told else done.exit_code) == code, done.exception
    return done.stdout, f"{done.stderr}{done.exception}" if is_told else done.stderr


def small(*words: str | Path) -> list[str | Path]:
    return [*words, *(word for setting in SMALL for word in ("--set", setting))]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, small_corpus: Corpus) -> Path:
    """A trained model `m`, and a folder `sounds` of three recordings and a broken one."""
    place = tmp_path_factory.mktemp("place")
    emovae(*small("train", "--corpus", "synthetic:40", "--out", place / "m", "--cache", place / "cache"))
    (place / "sounds").mkdir()
    for number, utterance in enumerate(small_corpus.utterances[:3]):
        soundfile.write(place / "sounds" / f"{number}.wav", small_corpus.waveform(utterance), SAMPLE_RATE_HZ)
    (place / "sounds" / "broken.wav").write_bytes(b"no sound")
    return place


def good(place: Path) -> Sequence[Path]:
    return sorted(each for each in (place / "sounds").iterdir() if each.stem != "broken")


@pytest.mark.slow
def test_training_tells_what_to_expect_and_writes_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "m"
    told, _ = emovae(*small("train", "--corpus", "synthetic:40", "--out", out, "--cache", tmp_path / "cache"))
    assert "asked about 40 utterances of speakers it had not heard (2-groups-of-speakers), it names" in told
    assert sorted(each.name for each in out.iterdir()) == [
        "README.md",
        "config.json",
        "model.json",
        "model.safetensors",
    ]
    assert told.strip() in (out / "README.md").read_text(encoding="utf-8")
    # The same again finds its cells, and writes the same model.
    before = {each.name: each.read_bytes() for each in out.iterdir()}
    _, errors = emovae(*small("train", "--corpus", "synthetic:40", "--out", out, "--cache", tmp_path / "cache"))
    assert "0 cells to compute, 4 finished before" in errors
    assert {each.name: each.read_bytes() for each in out.iterdir()} == before


def test_workers_are_asked_for_together_with_their_cluster(tmp_path: Path) -> None:
    _, errors = emovae("train", "--corpus", "synthetic:40", "--out", tmp_path / "m", "--workers", 2, code=2)
    assert "--workers 2 are processes of a Ray cluster; name it with --cluster" in errors
    assert not (tmp_path / "m").exists()


def test_training_on_a_published_fold_tells_of_those_held_out(
    place: Path, tmp_path: Path, small_corpus: Corpus
) -> None:
    speakers = sorted({utterance.speaker for utterance in small_corpus.utterances})
    lines = [f"{one.id},{'a' if one.speaker in speakers[:5] else 'b'}" for one in small_corpus.utterances]
    (tmp_path / "folds.csv").write_text("\n".join(["id,fold", *lines]), encoding="utf-8")
    train = ["train", "--corpus", "synthetic:40", "--out", tmp_path / "m", "--cache", place / "cache"]
    settings = [word for setting in SMALL[1:] for word in ("--set", setting)]
    told, _ = emovae(*train, "--folds", tmp_path / "folds.csv", "--fold", "b", *settings)
    assert told.startswith("Of the 20 utterances of fold b, which it has not heard, it names")
    _, errors = emovae(*train, "--folds", tmp_path / "folds.csv", code=2)
    assert "--fold which of them; give both" in errors


def test_training_leaves_other_peoples_files_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years", encoding="utf-8")
    _, errors = emovae("train", "--corpus", "synthetic:40", "--out", tmp_path, code=2)
    assert "holds something that is no model; give --out a new or empty folder" in errors
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_model_is_replaced_only_where_that_is_said(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "m", tmp_path / "m")
    before = (tmp_path / "m" / "README.md").read_bytes()
    train = ["train", "--corpus", "synthetic:40", "--out", tmp_path / "m", "--cache", place / "cache", "--no-estimate"]
    _, errors = emovae(*train, code=2)
    assert "holds a model; say --replace to write over it" in errors
    assert (tmp_path / "m" / "README.md").read_bytes() == before
    settings = [word for setting in SMALL[1:] for word in ("--set", setting)]
    told, _ = emovae(*train, "--replace", *settings)
    assert "Nobody has estimated it" in told
    assert (tmp_path / "m" / "README.md").read_bytes() != before


def test_a_table_tells_each_recording_and_exits_with_1_for_the_broken_one(place: Path) -> None:
    told, _ = emovae("predict", place / "m", place / "sounds", code=1)
    lines = told.splitlines()
    assert len(lines) == 5
    assert "cannot be decoded: its 8 bytes begin with b'no sound'" in lines[-1]
    assert all(f"{number}.wav" in line and "%" in line for number, line in enumerate(lines[1:4]))


def test_all_forms_tell_the_same(place: Path, tmp_path: Path) -> None:
    for form in ("csv", "json", "jsonl", "parquet"):
        emovae("predict", place / "m", place / "sounds", "--out", tmp_path / f"a.{form}", code=1)
    expected = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert [each["label"] is None for each in expected] == [False, False, False, True]
    assert sum(value for name, value in expected[0].items() if name.startswith("p_")) == pytest.approx(1, abs=1e-5)
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == expected
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == expected
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [list(row) for row in rows] == [list(each) for each in expected]
    for row, each in zip(rows, expected, strict=True):
        assert {name: "" if value is None else str(value) for name, value in each.items()} == row
    told, _ = emovae("predict", place / "m", place / "sounds", "--format", "json", code=1)
    assert json.loads(told) == expected


@pytest.mark.slow
def test_standard_input_is_a_file(place: Path) -> None:
    file = good(place)[0]
    (named,) = json.loads(emovae("predict", place / "m", file, "--format", "json")[0])
    (piped,) = json.loads(emovae("predict", place / "m", "-", "--format", "json", stdin=file.read_bytes())[0])
    assert piped == {**named, "file": "-"}
    command = [str(Path(sys.executable).with_name("emovae")), "predict", str(place / "m"), "-", "--format", "json"]
    done = subprocess.run(command, input=file.read_bytes(), capture_output=True, check=True)
    assert json.loads(done.stdout) == [piped]
    (empty,) = json.loads(emovae("predict", place / "m", "-", "--format", "json", code=1)[0])
    assert (empty["file"], empty["label"]) == ("-", None)
    assert "name it once" in emovae("predict", place / "m", "-", "-", code=2)[1]
    assert empty["error"] == "is empty: 0 bytes; replace the file"


def test_a_timeline_and_abstaining(place: Path) -> None:
    told, _ = emovae("predict", place / "m", good(place)[0], "--window", "500ms", "--hop", "0.25", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(told)))
    assert [float(row["start"]) for row in rows[:3]] == [0.0, 0.25, 0.5]
    confidences = json.loads((place / "m" / "model.json").read_text(encoding="utf-8"))["facts"]["confidences"]
    told, _ = emovae("predict", place / "m", *good(place), "--reject", "0.99", "--format", "jsonl")
    for row in map(json.loads, told.splitlines()):
        assert (
            (row["label"] is None) == ("doubtful" in row["flags"]) == (row["confidence"] < np.float64(confidences[99]))
        )


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (["--hop", "1s"], "--hop 1s goes from one window to the next; give --window, or leave it away"),
        (["--hop", "0.333"], "'0.333' is no time in steps of 10 ms; write seconds or milliseconds"),
        (["--window", "0"], "'0' must be above 0; write seconds or milliseconds, such as 90s, 0.5s or 500ms"),
        (["--window", "0ms"], "'0ms' must be above 0"),
        *[
            (["--window", odd], f"'{odd}' is no length of time above 0; write seconds or milliseconds, such as 90s")
            for odd in ("soon", "2m", "1:30", "-1")
        ],
        (["--reject", "20%"], "'20%' is in percent; write 0.2"),
        (["--reject", "x%"], "'x%' is in percent; write 0.2"),
        (["--reject", "many"], "'many' is not a valid float"),
        (["--reject", "1"], "1.0 is not in the range 0<=x<1"),
        (["--channel", "up"], "'up' is not one of"),
        (["--format", "parquet"], "give --out FILE.parquet"),
        (["--reject", "0.2", "--no-temperature"], "leave --no-temperature or --reject away"),
        (["--out", "a.doc"], "--out a.doc does not say in which form"),
        (["--out", "a.xlsx"], "give --format, or end it with .csv, .json, .jsonl, .parquet, .yaml"),
        (["--out", "/proc/none/a.csv"], "cannot write /proc/none/a.csv"),
    ],
)
def test_a_wish_that_cannot_be_met_is_told(words: list[str], trouble: str, place: Path) -> None:
    _, errors = emovae("predict", place / "m", good(place)[0], *words, code=2)
    assert trouble in errors


def test_an_input_is_not_written_over(place: Path) -> None:
    file = good(place)[0]
    before = file.read_bytes()
    assert "is one of the inputs" in emovae("predict", place / "m", file, "--out", file, "--format", "csv", code=2)[1]
    assert file.read_bytes() == before


def test_no_model_and_nothing_to_hear_are_told(place: Path, tmp_path: Path) -> None:
    assert "is no folder; give a model folder" in emovae("predict", tmp_path / "x", "a.wav", code=2)[1]
    assert "no sound file there" in emovae("predict", place / "m", tmp_path, code=2)[1]
    assert "Missing argument 'INPUT...'" in emovae("predict", place / "m", code=2)[1]


@pytest.mark.parametrize(
    "words",
    [
        ("embed", "m.onnx", "a.wav", "--out", "f.parquet"),
        ("evaluate", "m.onnx", "--corpus", "synthetic:8"),
        ("push", "m.onnx", "anna/voices"),
        ("export", "m.onnx", "--onnx", "n.onnx"),
    ],
)
def test_what_an_onnx_file_cannot_do_asks_for_the_model_folder(words: tuple[str, ...]) -> None:
    _, errors = emovae(*words, code=2)
    assert "m.onnx is an ONNX file, which `emovae predict` and `serve` can ask and nothing else can use" in errors
    assert "give the model folder that it was exported from" in errors


def test_sound_between_windows_is_told_to_be_unheard(place: Path, tmp_path: Path) -> None:
    told, errors = emovae("predict", place / "m", good(place)[0], "--window", "0.2s", "--format", "csv")
    expected = "windows of 0.2 s every 0.5 s leave 0.3 s between them unheard; give --hop 0.2s or less to hear all"
    assert errors.strip() == expected
    assert [row["start"] for row in csv.DictReader(io.StringIO(told))][:2] == ["0.0", "0.5"]
    words = ("embed", place / "m", good(place)[0], "--out", tmp_path / "f.parquet", "--hop", "1s")
    assert "give --window, or leave it away" in emovae(*words, code=2)[1]
    assert expected in emovae(*words[:-2], "--window", "0.2s")[1]
    assert "unheard" not in emovae(*words[:-2], "--window", "0.5s")[1]
