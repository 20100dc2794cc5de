"""The command line as people type it: every test starts the installed `emovae` and reads what it says and leaves."""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emovae.corpora import READERS
from emovae.presets import load
from processes import EMOVAE

SMOKE = Path(__file__).parents[1] / "experiments" / "smoke.toml"
WRITTEN = {
    "results.json",
    "table.md",
    "predictions.parquet",
    "curves.parquet",
    "views.safetensors",
    "config.toml",
    "run.json",
    "report.html",
    "table.tex",
    "audit.json",
    "SHA256SUMS",
}
PATIENCE_S = 180

BASELINES = ("--set", "models=[]", "--set", 'baselines=["majority"]')
"""A run without an autoencoder: the quickest there is."""

INTERRUPTED = """
name = "long"
models = ["AE-LSTM", "VAE-LSTM"]
baselines = ["majority"]
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

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(**variables: str) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name != "EMOVAE_CACHE"}, **variables}


def emovae(*words: str | Path, cwd: Path | None = None, **variables: str) -> Ended:
    done = subprocess.run(
        [EMOVAE, *words],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        cwd=cwd,
        env=environment(**variables),
        timeout=PATIENCE_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def leftovers(folder: Path) -> list[Path]:
    """Unfinished files."""
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]


def results_in(folder: Path) -> list[Path]:
    return [path for name in WRITTEN for path in folder.rglob(name)]


def told(ended: Ended, *words: str) -> str:
    """The one message of an error that a person can mend."""
    assert "Traceback" not in ended.err, ended.err
    assert ended.code == 2, ended
    assert not ended.out
    assert ended.err.count("emovae: ") == 1
    message = ended.err.partition("emovae: ")[2]
    assert not [word for word in words if word not in message], message
    return message


def refused(tmp_path: Path, *options: str | Path, says: Iterable[str], experiment: Path = SMOKE) -> str:
    """The same of a run, which must leave nothing behind."""
    place = ("--out", tmp_path / "out", "--cache", tmp_path / "cache", "--jobs", "1")
    before = set(results_in(tmp_path))
    message = told(emovae("run", experiment, *place, *options, cwd=tmp_path), *says)
    assert set(results_in(tmp_path)) == before
    assert not leftovers(tmp_path)
    return message


def tone(number: int, seconds: float = 0.4, rate_hz: int = 16_000, channels: int = 1) -> NDArray[np.float32]:
    """Each number another sound, [frame, channel]."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(number).standard_normal(time_s.size)
    sound = 0.3 * np.sin(2 * np.pi * (150 + 20 * number) * time_s) + 0.03 * noise
    return np.repeat(sound[:, None], channels, axis=1).astype(np.float32)


def table(root: Path, rows: Iterable[tuple[str, str, str]]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    lines = ["path,label,speaker", *(",".join(row) for row in rows)]
    (root / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def folder(root: Path, speakers: Sequence[str] = "abcd", labels: Sequence[str] = ("anger", "sadness")) -> Path:
    """A folder of two short recordings of each label by each speaker: `a_anger_0.wav` is the first."""
    rows = [(f"{who}_{label}_{take}.wav", label, who) for who in speakers for label in labels for take in range(2)]
    table(root, rows)
    for number, (name, _, _) in enumerate(rows):
        soundfile.write(root / name, tone(number), 16_000)
    return root


def experiment(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


# What comes at once


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["run", "--help"], 0),
        (["audit", "--help"], 0),
        (["--version"], 0),
        (["corpora"], 0),
        (["run"], 2),
        (["run", SMOKE, "--jobs", "none"], 2),
        (["run", "nope.toml"], 2),
        (["run", SMOKE, "--set", "seeds=many"], 2),
        (["run", SMOKE, "--corpus", "nope"], 2),
        (["run", SMOKE, "--folds", "nope.csv"], 2),
        (["run", SMOKE, "--set", 'variants=[{name="a", set={sedes=2}}]'], 2),
        (["audit"], 2),
        (["audit", "nope"], 2),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_help_and_errors_of_arguments_come_without_torch(tmp_path: Path, words: list[str | Path], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", EMOVAE, *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        timeout=PATIENCE_S,
        check=False,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert done.returncode == code
    assert "click" in imported
    assert not imported & {"torch", "sklearn"}
    assert words != ["--help"] or "pydantic" not in imported
    assert not list(tmp_path.iterdir())


def test_help_names_every_command() -> None:
    ended = emovae("--help")
    assert ended.code == 0
    assert not ended.err
    for command in ("quickstart", "corpora", "check", "audit", "synthesize", "run", "report", "cache"):
        assert re.search(rf"^  {command} ", ended.out, re.MULTILINE)
    assert emovae("-h") == ended


def test_the_help_of_run_names_every_option() -> None:
    ended = emovae("run", "--help")
    assert ended.code == 0
    named = set(re.findall(r"^  (--[a-z]+)", ended.out, re.MULTILINE))
    assert named == {
        *("--corpus", "--reader", "--out", "--preset", "--seeds", "--folds", "--jobs", "--device", "--track"),
        *("--memory", "--set", "--cluster", "--cache"),
    }


def test_the_help_of_audit_names_every_option() -> None:
    ended = emovae("audit", "--help")
    assert ended.code == 0
    named = set(re.findall(r"^  (--[a-z]+)", ended.out, re.MULTILINE))
    assert named == {"--reader", "--mapping", "--json", "--jobs", "--cache"}


def test_the_version_is_the_packages() -> None:
    ended = emovae("--version")
    assert ended.code == 0
    assert re.search(r"\b\d+\.\d+\.\d+\b", ended.out)


def test_corpora_tells_of_every_reader_what_it_expects_its_licence_and_where_to_get_it() -> None:
    ended = emovae("corpora")
    assert ended.code == 0
    assert not ended.err
    for reader in READERS:
        place = ended.out.index(f"{reader.name}: {reader.title}\n")
        for told_of in (reader.expects, reader.licence, reader.source):
            assert told_of in ended.out[place:]
    assert "synthetic:N" in ended.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Usage: emovae"),
        (["frobnicate"], "No such command 'frobnicate'"),
        (["run"], "Missing argument 'EXPERIMENT'"),
        (["run", SMOKE, "--frob"], "No such option '?--frob"),
        (["run", SMOKE, "--seeds", "0"], "'--seeds': 0 is not in the range x>=1"),
        (["run", SMOKE, "--seeds", "two"], "'--seeds': 'two' is not a valid integer"),
        (["run", SMOKE, "--jobs", "0"], "'--jobs': 0 is not in the range x>=1"),
        (["run", SMOKE, "--device", "tpu"], "'--device': 'tpu' is not one of 'auto', 'cpu', 'cuda'"),
        (["run", SMOKE, "--out"], "'--out' requires an argument"),
        (["run", SMOKE, "more"], "unexpected extra argument"),
    ],
)
def test_a_wrong_argument_is_told_and_ends_with_2(tmp_path: Path, words: list[str | Path], says: str) -> None:
    ended = emovae(*words, cwd=tmp_path)
    assert ended.code == 2
    assert re.search(says, ended.out + ended.err)
    assert "Traceback" not in ended.err
    assert not list(tmp_path.iterdir())


# Experiment files and --set


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('name = "a"\nnormalize = "none"\n', ["unknown key normalize", "did you mean normalise?"]),
        ('name = "a"\n[autoencoder]\nlatnt = 3\n', ["unknown key autoencoder.latnt", "did you mean latent?"]),
        ('name = "a"\nseeds = "20"\n', ["seeds = '20'", "integer"]),
        ('name = "a"\npreset = "papper"\n', ["no preset 'papper'", "default, paper"]),
        ("seeds = 2\n", ["key name is missing"]),
        ('name = "a"\nseeds = \n', ["not valid TOML", "line 2"]),
        (b"\x7fELF\x02\x01\xff\x00", ["not valid TOML", "0xff"]),
    ],
)
def test_a_wrong_experiment_file_is_told_by_file_key_and_remedy(
    tmp_path: Path, text: str | bytes, says: list[str]
) -> None:
    refused(tmp_path, experiment=experiment(tmp_path, text), says=["mine.toml", *says])


def test_an_experiment_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    refused(tmp_path, experiment=tmp_path / "nope.toml", says=["nope.toml: No such file", "check the path"])


def test_a_folder_is_told_to_be_no_experiment_file(tmp_path: Path) -> None:
    refused(tmp_path, experiment=tmp_path, says=[str(tmp_path), "Is a directory"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--set", "autoencoder.latnt=3"], ["unknown key autoencoder.latnt", "did you mean latent?"]),
        (["--set", "autoencoder.latent=many"], ["autoencoder.latent = 'many'", "integer"]),
        (["--set", "autoencoder.kl_weight=nan"], ["autoencoder.kl_weight = nan"]),
        (["--set", "autoencoder.kl_weight=inf"], ["autoencoder.kl_weight = inf"]),
        (["--set", "autoencoder.epochs=0"], ["autoencoder.epochs = 0", "greater than 0"]),
        (["--set", "normalise"], ["'normalise'", "key=value"]),
        (["--preset", "papper"], ["no preset 'papper'", "default, paper"]),
    ],
)
def test_a_wrong_setting_is_told_by_key_and_remedy(tmp_path: Path, options: list[str], says: list[str]) -> None:
    refused(tmp_path, *options, says=says)


# Corpora that cannot be read


@pytest.mark.parametrize("where", ["nope", "loop", "x" * 300, "table.csv/deeper"])
def test_a_missing_folder_is_told_by_its_path(tmp_path: Path, where: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "table.csv").touch()
    refused(tmp_path, "--corpus", where, says=[where, "check the path"])


def test_a_folder_that_no_reader_knows_is_told_with_what_each_expects(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    message = refused(tmp_path, "--corpus", "mine", says=["mine", "docs/own-corpus.md"])
    assert not [reader.name for reader in READERS if f"{reader.name}: {reader.expects}" not in message]


def test_an_unknown_reader_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    says = ["'nope'", *(reader.name for reader in READERS)]
    refused(tmp_path, "--corpus", table(tmp_path / "mine", []), "--reader", "nope", says=says)


def test_a_reader_that_does_not_fit_is_told_with_one_that_would(tmp_path: Path) -> None:
    says = ["reader nemo does not fit", "mine", "data.tsv", "--reader table would fit"]
    refused(tmp_path, "--corpus", table(tmp_path / "mine", []), "--reader", "nemo", says=says)


@pytest.mark.parametrize("count", ["", "1", "many"])
def test_a_wrong_number_of_synthetic_utterances_is_told_with_an_example(tmp_path: Path, count: str) -> None:
    refused(tmp_path, "--corpus", f"synthetic:{count}", says=[f"'synthetic:{count}'", "such as synthetic:400"])


def test_a_table_that_names_audio_which_is_not_there_tells_how_many_and_the_first(tmp_path: Path) -> None:
    root = folder(tmp_path / "mine")
    (root / "b_anger_1.wav").unlink()
    (root / "c_anger_1.wav").unlink()
    refused(tmp_path, "--corpus", root, says=["2 of the 16", "b_anger_1.wav", "line 7", "take the rows out"])


@pytest.mark.parametrize("text", ["", "path,label,speaker\n"])
def test_an_empty_table_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "table.csv").write_text(text)
    refused(tmp_path, "--corpus", tmp_path / "table.csv", says=["table.csv has no row", "one row per recording"])


def test_a_class_that_is_called_like_a_column_of_the_predictions_is_told(tmp_path: Path) -> None:
    root = folder(tmp_path / "mine", labels=["fold", "sadness"])
    refused(tmp_path, "--corpus", root, says=["table.csv", "column fold", "rename that class"])


# Recordings that cannot be used


def broken(root: Path) -> Path:
    """Five of sixteen recordings that cannot be used, each in another way."""
    folder(root)
    (root / "a_anger_0.wav").write_bytes(b"")
    whole = (root / "b_anger_0.wav").read_bytes()
    (root / "b_anger_0.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(root / "c_anger_0.wav", np.zeros(16_000), 16_000)
    unheard = tone(1)
    unheard[100:200] = np.nan
    soundfile.write(root / "d_anger_0.wav", unheard, 16_000, subtype="FLOAT")
    (root / "a_sadness_0.wav").write_text("This is a letter.\n" * 100)
    return root


@pytest.mark.slow
def test_recordings_that_cannot_be_used_are_told_by_file_and_trouble_and_how_to_go_on(tmp_path: Path) -> None:
    message = refused(tmp_path, "--corpus", broken(tmp_path / "mine"), says=["5 of 16 recordings of mine"])
    lines = message.splitlines()
    for name, trouble in {
        "a_anger_0.wav": "is empty: 0 bytes",
        "b_anger_0.wav": "is cut",
        "c_anger_0.wav": "is silent",
        "d_anger_0.wav": "NaN or infinity in 100 of",
        "a_sadness_0.wav": "cannot be decoded",
    }.items():
        (line,) = [line for line in lines if name in line]
        assert trouble in line
        assert str(tmp_path / "mine") in line
        assert "--set on_bad_audio=skip" in line
    assert len(lines) == 1 + 5


@pytest.mark.slow
def test_a_recording_shorter_than_a_segment_is_told_with_its_frames_and_two_remedies(tmp_path: Path) -> None:
    root = folder(tmp_path / "mine")
    soundfile.write(root / "b_sadness_0.wav", tone(2, seconds=0.08), 16_000)
    says = ["1 of 16", "b_sadness_0.wav has 6 frames, and one segment needs 10"]
    refused(tmp_path, "--corpus", root, says=[*says, "segments.short=pad", "on_bad_audio=skip"])


@pytest.mark.slow
def test_a_broken_recording_is_told_by_where_it_lies_now_when_its_folder_has_moved(tmp_path: Path) -> None:
    root = folder(tmp_path / "before")
    (root / "a_anger_0.wav").write_bytes(b"")
    refused(tmp_path, "--corpus", root, says=[str(root / "a_anger_0.wav")])
    root = root.rename(tmp_path / "after")
    refused(tmp_path, "--corpus", root, says=[str(root / "a_anger_0.wav")])


@pytest.fixture(scope="module")
def skipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that left six broken recordings out."""
    place = tmp_path_factory.mktemp("skipped")
    root = broken(place / "mine")
    soundfile.write(root / "b_sadness_0.wav", tone(2, seconds=0.08), 16_000)
    options = ("--set", "on_bad_audio=skip", "--corpus", root, "--out", place / "out", "--cache", place / "cache")
    ended = emovae("run", SMOKE, *BASELINES, *options, "--jobs", "1")
    assert ended.code == 0, ended.err
    return place / "out"


def test_broken_recordings_are_left_out_on_demand_and_listed(skipped: Path) -> None:
    results = read(skipped / "results.json")
    assert results["utterances"] == 10
    assert {one["utterance"] for one in results["left_out"]} == {
        "a_anger_0.wav",
        "b_anger_0.wav",
        "c_anger_0.wav",
        "d_anger_0.wav",
        "a_sadness_0.wav",
        "b_sadness_0.wav",
    }
    assert all(one["why"] for one in results["left_out"])
    assert all(row["n"] == 10 for row in results["rows"])
    assert "6" in (skipped / "table.md").read_text(encoding="utf-8")


def test_what_is_left_out_is_told_without_the_folder_of_this_machine(skipped: Path) -> None:
    for name in ("results.json", "table.md"):
        assert str(skipped.parent) not in (skipped / name).read_text(encoding="utf-8")


# Corpora that cannot be divided


@pytest.mark.slow
def test_a_class_with_one_speaker_is_told_with_the_speaker_and_a_remedy(tmp_path: Path) -> None:
    root = folder(tmp_path / "mine")
    text = (root / "table.csv").read_text().replace("anger_0.wav,anger,c", "anger_0.wav,joy,c")
    (root / "table.csv").write_text(text)
    refused(tmp_path, "--corpus", root, says=["class happiness", "one speaker only (c)", "classes=[...]"])


@pytest.mark.slow
def test_fewer_speakers_than_folds_are_told_with_their_numbers_and_a_remedy(tmp_path: Path) -> None:
    says = ["5 speakers are needed", "there are 4 (a, b, c, d)", "protocol.folds=4"]
    refused(tmp_path, "--corpus", folder(tmp_path / "mine"), "--set", "protocol.folds=5", says=says)


@pytest.mark.slow
def test_another_preset_for_a_configuration_as_run_is_no_mere_name(tmp_path: Path) -> None:
    done = emovae("run", SMOKE, "--corpus", "synthetic:40", "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    assert done.code == 0
    as_run = ("run", tmp_path / "out" / "config.toml", "--corpus", "synthetic:40", "--cache", tmp_path / "cache")
    again = emovae(*as_run, "--preset", "paper", "--out", tmp_path / "paper")
    assert again.code == 2
    assert "states every setting" in again.err
    same = emovae(*as_run, "--out", tmp_path / "same")
    assert same.code == 0
    for name in ("results.json", "predictions.parquet", "table.md"):
        assert (tmp_path / "same" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


@pytest.mark.slow
def test_one_speaker_alone_is_not_told_to_take_the_folds_that_just_failed(tmp_path: Path) -> None:
    message = refused(tmp_path, "--corpus", folder(tmp_path / "mine", speakers="a"), says=["speaker", "a"])
    assert "protocol.folds=2" not in message


@pytest.mark.slow
def test_a_class_that_nobody_shows_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    options = ("--set", 'classes=["anger", "joy"]')
    refused(tmp_path, "--corpus", folder(tmp_path / "mine"), *options, says=["classes", "joy", "anger, sadness"])


@pytest.mark.slow
def test_a_held_out_share_that_lacks_a_class_still_gives_a_result(tmp_path: Path) -> None:
    options = ("--set", "protocol.kind=held-out-random", "--set", "protocol.share=0.06", *BASELINES)
    place = ("--out", tmp_path / "out", "--cache", tmp_path / "cache", "--jobs", "1")
    ended = emovae("run", SMOKE, "--corpus", folder(tmp_path / "mine"), *options, *place)
    assert ended.code == 0, ended.err
    (row,) = read(tmp_path / "out" / "results.json")["rows"]
    assert row["n"] == 1


# Folders that cannot be written


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "where"),
    [
        ("--out", "/dev/null/x"),
        ("--out", "file"),
        ("--out", "y" * 300),
        ("--cache", "/proc/x"),
        ("--cache", "file/x"),
    ],
)
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_computed(
    tmp_path: Path, option: str, where: str
) -> None:
    (tmp_path / "file").write_text("mine")
    says = [where, "give a folder you can write to"]
    refused(tmp_path, "--corpus", "synthetic:8", option, where, says=says)
    assert (tmp_path / "file").read_text() == "mine"
    assert not list(tmp_path.rglob("*.f32"))


@pytest.mark.slow
def test_the_home_of_nobody_is_told_to_be_no_place_for_a_cache(tmp_path: Path) -> None:
    refused(tmp_path, "--corpus", "synthetic:8", "--cache", "~nobody-of-this-name/x", says=["~nobody-of-this-name"])


# Runs that end well


MIXED = (("wav", 16_000, 1), ("flac", 44_100, 2), ("ogg", 22_050, 1), ("mp3", 48_000, 2), ("wav", 8_000, 3))


class Run(NamedTuple):
    """A run that ended well, and where."""

    place: Path
    command: tuple[str, ...]
    ended: Ended


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The smoke experiment on a folder of many kinds of files, in the default run folder."""
    place = tmp_path_factory.mktemp("mixed")
    rows = []
    for number in range(16):
        ending, rate_hz, channels = MIXED[number % len(MIXED)]
        name = f"{number:02}.{ending}"
        rows.append((name, ("anger", "sadness")[number % 2], "abcd"[number // 4]))
        (place / "Meine Stimmen").mkdir(exist_ok=True)
        soundfile.write(place / "Meine Stimmen" / name, tone(number, rate_hz=rate_hz, channels=channels), rate_hz)
    table(place / "Meine Stimmen", rows)
    command = ("run", str(SMOKE), "--corpus", "Meine Stimmen", "--cache", "kept", "--jobs", "1")
    return Run(place, command, emovae(*command, cwd=place))


def test_smoke_runs_on_wav_flac_ogg_and_mp3_of_any_rate_and_channels(mixed: Run) -> None:
    assert mixed.ended.code == 0, mixed.ended.err
    out = mixed.place / "runs" / "smoke-Meine Stimmen"
    assert {path.name for path in out.iterdir()} == WRITTEN | {"cells", "figures", ".cells.lock"}
    assert not leftovers(mixed.place)
    results = read(out / "results.json")
    assert (results["experiment"], results["corpus"], results["utterances"]) == ("smoke", "Meine Stimmen", 16)
    assert results["left_out"] == []
    assert [(row["model"], row["test_condition"], row["n"]) for row in results["rows"]] == [
        ("majority", None, 16),
        ("functionals-SVM", None, 16),
        ("segments-LSTM", None, 16),
        ("AE-LSTM", None, 16),
        ("VAE-LSTM", None, 16),
        ("CVAE-LSTM", "oracle", 16),
        ("CVAE-LSTM", "marginal", 16),
    ]


def test_the_table_goes_to_standard_output_and_everything_else_to_standard_error(mixed: Run) -> None:
    out = mixed.place / "runs" / "smoke-Meine Stimmen"
    assert mixed.ended.out.strip() == (out / "table.md").read_text(encoding="utf-8").strip()
    assert "14 cells to compute, 0 finished before" in mixed.ended.err
    assert "[14/14]" in mixed.ended.err
    assert "\x1b" not in mixed.ended.out + mixed.ended.err


def test_the_config_that_a_run_leaves_is_the_experiment_that_it_ran(mixed: Run) -> None:
    assert load(mixed.place / "runs" / "smoke-Meine Stimmen" / "config.toml") == load(SMOKE)


def test_times_hosts_and_paths_are_in_run_json_and_nowhere_else(mixed: Run) -> None:
    out = mixed.place / "runs" / "smoke-Meine Stimmen"
    facts = read(out / "run.json")
    assert facts["seconds"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", facts["finished"])
    assert facts["host"] == platform.node()
    assert facts["command"][1:] == list(mixed.command)
    assert (facts["computed"], facts["jobs"], facts["device"]) == (14, 1, "cpu")
    assert {"emovae", "torch", "numpy"} <= facts["versions"].keys()
    personal = [re.escape(str(mixed.place)), rf"\b{re.escape(platform.node())}\b", r"\d{4}-\d\d-\d\d", r"\d\d:\d\d"]
    for name in WRITTEN - {"run.json"}:
        text = (out / name).read_bytes().decode("latin-1")
        assert not [
            pattern for pattern in personal if name.endswith(("json", "md", "toml")) and re.search(pattern, text)
        ]
        assert str(mixed.place) not in text


@pytest.mark.slow
def test_the_same_command_again_computes_nothing_and_writes_the_same(mixed: Run, tmp_path: Path) -> None:
    place = shutil.copytree(mixed.place, tmp_path / "copy")
    assert emovae(*mixed.command, cwd=place).out == mixed.ended.out
    before, after = (where / "runs" / "smoke-Meine Stimmen" for where in (mixed.place, place))
    for name in WRITTEN - {"run.json"}:
        assert (before / name).read_bytes() == (after / name).read_bytes()
    assert read(after / "run.json")["computed"] == 0
    assert (before / "audit.json").stat().st_mtime_ns == (after / "audit.json").stat().st_mtime_ns


@pytest.mark.slow
def test_an_audit_that_was_changed_by_hand_is_asked_for_again(mixed: Run, tmp_path: Path) -> None:
    place = shutil.copytree(mixed.place, tmp_path / "copy")
    audit = place / "runs" / "smoke-Meine Stimmen" / "audit.json"
    untouched = audit.read_bytes()
    audit.write_bytes(untouched.replace(b'"speakers": 4', b'"speakers": 5'))
    assert audit.read_bytes() != untouched
    assert emovae(*mixed.command, cwd=place).code == 0
    assert audit.read_bytes() == untouched


@pytest.mark.slow
def test_with_little_memory_the_results_are_the_same_and_no_array_is_left(mixed: Run, tmp_path: Path) -> None:
    place = shutil.copytree(mixed.place, tmp_path / "copy")
    ended = emovae(*mixed.command, "--out", "again", "--memory", "0.0001", cwd=place)
    assert ended.out == mixed.ended.out
    for name in WRITTEN - {"run.json"}:
        assert (place / "again" / name).read_bytes() == (place / "runs" / "smoke-Meine Stimmen" / name).read_bytes()
    assert list((place / "kept" / "arrays").iterdir()) == []  # made, and left empty


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def _empty_object(path: Path) -> None:
    path.write_text("{}\n")


def _other_shape(path: Path) -> None:
    path.write_text('{"probabilities": [[1.0]], "curve": []}\n')


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("json", _tear),
        pytest.param("json", _empty_object, marks=pytest.mark.slow),
        pytest.param("json", _other_shape, marks=pytest.mark.slow),
        pytest.param("safetensors", _tear, marks=pytest.mark.slow),
    ],
)
def test_a_damaged_cell_is_told_and_computed_again(
    mixed: Run, tmp_path: Path, kind: str, spoil: Callable[[Path], None]
) -> None:
    place = shutil.copytree(mixed.place, tmp_path / "copy")
    out = place / "runs" / "smoke-Meine Stimmen"
    if kind == "safetensors":  # read only for a cell that is not finished
        for cell in (out / "cells").glob("*.json"):
            cell.unlink()
    for damaged in (out / "cells").glob(f"*.{kind}"):
        spoil(damaged)
    ended = emovae(*mixed.command, cwd=place)
    assert ended.code == 0, ended.err
    assert "is damaged" in ended.err
    assert "is computed again" in ended.err
    whole = mixed.place / "runs" / "smoke-Meine Stimmen" / "results.json"
    assert (out / "results.json").read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_names_with_blanks_and_letters_of_any_script_seeds_and_presets(tmp_path: Path) -> None:
    folder(tmp_path / "мои голоса ✓", labels=["гнев", "joy|ful"])
    where = ("--corpus", "мои голоса ✓/", "--out", "mit Lücke/ü", "--cache", "çache")
    ended = emovae(
        "run", SMOKE, *where, "--seeds", "2", "--preset", "paper", *BASELINES, "--jobs", "9999", cwd=tmp_path
    )
    assert ended.code == 0, ended.err
    results = read(tmp_path / "mit Lücke" / "ü" / "results.json")
    assert results["corpus"] == "мои голоса ✓"
    assert (results["preset"], results["settings"]["features"]) == ("paper", "mean+variance")
    (row,) = results["rows"]
    assert (row["seeds"], row["classes"]) == (2, ["joy|ful", "гнев"])
    assert [one["seed"] for one in row["per_seed"]] == [0, 1]
    assert not leftovers(tmp_path)
    (head,) = [line for line in ended.out.splitlines() if line.startswith("| recall")]
    assert len(re.findall(r"(?<!\\)\|", head)) == 4, "a bar in a class's name adds a column to the table"


@linux
@pytest.mark.slow
@pytest.mark.parametrize("option", ["--corpus", "--out"])
def test_a_path_that_is_no_unicode_gives_a_result_or_a_message(tmp_path: Path, option: str) -> None:
    odd, root = tmp_path / os.fsdecode(b"caf\xe9"), folder(tmp_path / "mine")
    if option == "--corpus":
        root = root.rename(odd)
    out = odd if option == "--out" else tmp_path / "out"
    ended = emovae("run", SMOKE, *BASELINES, "--corpus", root, "--out", out, "--cache", tmp_path / "c", "--jobs", "1")
    assert "Traceback" not in ended.err, ended.err
    assert ended.code in (0, 2)
    assert not leftovers(tmp_path)


@pytest.mark.slow
@linux
def test_a_speaker_called_like_markup_does_no_harm_on_a_terminal(tmp_path: Path) -> None:
    import pty  # noqa: PLC0415 - not on every system

    root = folder(tmp_path / "mine")
    text = (root / "table.csv").read_text()
    (root / "table.csv").write_text(re.sub(",a$", ",[/red]", text, flags=re.MULTILINE))
    place = ("--out", tmp_path / "out", "--cache", tmp_path / "cache", "--jobs", "1")
    models = ("--set", 'models=["AE-LSTM"]', "--set", "baselines=[]")
    ours, theirs = pty.openpty()
    command: list[str | Path] = [EMOVAE, "run", SMOKE, "--corpus", root, *place, *models]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment(TERM="xterm"))
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 4096):
            seen += chunk
    except OSError:  # what Linux says when the other side has closed
        pass
    os.close(ours)
    assert running.wait(PATIENCE_S) == 0, seen.decode()


# Ctrl-C


def group_of(leader: int) -> dict[int, str]:
    """The living processes of a group: number -> command."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, _, group = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state != "Z":
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has ended meanwhile
            continue
    return found


def wait_until(true: Callable[[], object], running: "subprocess.Popen[str] | None" = None) -> bool:
    """Whether it came true in time, and while the process was running."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and (running is None or running.poll() is None):
        if true():
            return True
        time.sleep(0.002)
    return bool(true())


def ctrl_c(leader: int) -> None:
    """What a terminal does: the whole group is told."""
    os.killpg(leader, signal.SIGINT)


def workers_of(leader: int) -> list[int]:
    return [number for number, command in group_of(leader).items() if "spawn_main" in command]


def stopped(
    command: Sequence[str | Path], when: Callable[[int], object], stop: Callable[[int], object] = ctrl_c
) -> Ended:
    """Starts a command and stops it at a moment; none of its processes may outlive it."""
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    )
    try:
        assert wait_until(lambda: when(running.pid), running), running.communicate()
        stop(running.pid)
        running.wait(PATIENCE_S / 2)
        time.sleep(1)  # for those whose queue has closed
        orphans = group_of(running.pid)
    finally:
        for process in group_of(running.pid):
            os.kill(process, signal.SIGKILL)
    out, err = running.communicate()
    assert not orphans
    return Ended(running.returncode, out, err)


def interrupted(ended: Ended) -> None:
    assert ended.code == 130
    assert not ended.out
    assert "Traceback" not in ended.err, ended.err
    assert "KeyboardInterrupt" not in ended.err, ended.err
    assert ended.err.count("interrupted; finished cells are kept") == 1


def long_run(place: Path, jobs: int) -> list[str | Path]:
    where = ("--corpus", "synthetic:16", "--out", place / "out", "--cache", place / "cache")
    return [EMOVAE, "run", experiment(place, INTERRUPTED), *where, "--jobs", str(jobs)]


def contents(out: Path) -> Mapping[str, bytes]:
    return {name: (out / name).read_bytes() for name in WRITTEN - {"run.json"}}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """What a run writes that nobody disturbs."""
    place = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(long_run(place, 1), check=True, capture_output=True, env=environment(), timeout=PATIENCE_S)
    return contents(place / "out")


@pytest.mark.slow
@linux
@pytest.mark.parametrize("jobs", [1, 2])
def test_after_ctrl_c_the_same_command_goes_on_and_ends_as_if_nothing_had_been(
    tmp_path: Path, undisturbed: Mapping[str, bytes], jobs: int
) -> None:
    command, out = long_run(tmp_path, jobs), tmp_path / "out"
    interrupted(stopped(command, lambda _: any((out / "cells").glob("*.json"))))
    assert not leftovers(tmp_path)
    assert not results_in(tmp_path)
    finished = {path.name: path.read_bytes() for path in (out / "cells").glob("*.json")}
    assert 0 < len(finished) < 6
    again = emovae(*command[1:])
    assert again.code == 0, again.err
    assert f"{6 - len(finished)} cells to compute, {len(finished)} finished before" in again.err
    assert read(out / "run.json")["computed"] == 6 - len(finished)
    assert contents(out) == undisturbed
    assert {name: (out / "cells" / name).read_bytes() for name in finished} == finished


@pytest.mark.slow
@linux
def test_ctrl_c_while_recordings_become_frames_leaves_no_half_of_them(tmp_path: Path) -> None:
    where = ("--corpus", "synthetic:4000", "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    frames = tmp_path / "cache" / "frames"
    interrupted(stopped([EMOVAE, "run", SMOKE, *where, "--jobs", "2"], lambda _: leftovers(frames)))
    assert not leftovers(tmp_path)
    assert not results_in(tmp_path)
    assert [path.suffix for path in frames.iterdir()] == [".lock"]


@pytest.mark.slow
@linux
def test_ctrl_c_while_workers_still_start_is_one_message_too(tmp_path: Path) -> None:
    def half_way_up(leader: int) -> bool:
        maps = [(Path("/proc") / str(number) / "maps").read_text() for number in workers_of(leader)]
        return any("_multiarray_umath" in mapped for mapped in maps)

    def workers_first(leader: int) -> None:  # nobody promises an order within a group
        for worker in workers_of(leader):
            os.kill(worker, signal.SIGINT)
        time.sleep(0.3)
        os.kill(leader, signal.SIGINT)

    interrupted(stopped(long_run(tmp_path, 2), half_way_up, workers_first))
    assert not leftovers(tmp_path)


@linux
@pytest.mark.slow
def test_ctrl_c_while_a_worker_writes_leaves_no_half_a_file(tmp_path: Path) -> None:
    large = ("--set", "autoencoder.hidden=[3000, 2000]", "--set", "autoencoder.epochs=1")
    interrupted(stopped([*long_run(tmp_path, 2), *large], lambda _: leftovers(tmp_path / "out")))
    assert not leftovers(tmp_path)


@linux
@pytest.mark.slow
def test_a_run_that_is_told_to_end_takes_its_workers_along(tmp_path: Path) -> None:
    """What `kill`, `timeout`, Docker and Slurm send."""
    out = tmp_path / "out"
    endless = ("--set", "classifier.epochs=5000", "--set", "classifier.patience=5000")
    command = [*long_run(tmp_path, 2), *endless]
    begun = lambda _leader: any((out / "cells").glob("*.safetensors"))  # noqa: E731
    ended = stopped(command, begun, lambda leader: os.kill(leader, signal.SIGTERM))
    assert ended.code != 0
    assert not leftovers(tmp_path)
