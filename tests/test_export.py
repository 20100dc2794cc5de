"""A model as an ONNX file must say of each waveform what the model says of it alone, and need no torch for it."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
from click.testing import CliRunner

from conftest import one_network
from emovae.answers import Answers
from emovae.assembly import save
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.card import model_card
from emovae.corpora import Corpus, open_corpus
from emovae.errors import ConfigError, OutputError
from emovae.export import content_of, export
from emovae.files import fingerprint
from emovae.final import Means, train_final
from emovae.portable import AT_ONCE_SAMPLES, INPUTS, OUTPUTS, PortableModel, load_portable, opened
from emovae.presets import resolve
from emovae.shells.cli import cli
from emovae.trained import TrainedModel
from emovae.watcher import Watcher

Make = Callable[..., TrainedModel]
ROOT = Path(__file__).parents[1]
CORPORA = os.environ.get("EMOVAE_CORPORA")
LENGTHS_S = (0.01, 0.0249, 0.025, 0.08, 0.115, 0.125, 0.2, 0.21, 1.0, 3.3, 7.77)
TOLERANCE = 1e-4

SETTINGS: tuple[tuple[str, ...], ...] = (
    ("AE-LSTM",),
    ("VAE-LSTM",),
    ("CVAE-LSTM",),
    ("SSVAE-LSTM",),
    ("CVAE-LSTM", "marginal_weights=prior", "autoencoder.hidden=[]"),
    ("CVAE-LSTM", "features=mean+variance", "autoencoder.activation=elu"),
    ("AE-LSTM", "autoencoder.hidden=[]", "segments.tail=drop"),
    ("VAE-LSTM", "segments.tail=drop", "features=mean"),
    ("VAE-LSTM", "segments.step_ms=30", "normalise=utterance"),
    ("VAE-LSTM", "segments.step_ms=40", "segments.tail=drop", "normalise=none"),
    ("VAE-LSTM", "segments.step_ms=250", "classifier.layers=3", "autoencoder.activation=tanh"),
    ("VAE-LSTM", "segments.length_ms=120", "segments.stride_ms=30"),
    ("VAE-LSTM", "segments.length_ms=120", "segments.stride_ms=30", "segments.step_ms=50", "segments.tail=drop"),
    ("VAE-LSTM", "segments.length_ms=60", "classifier.scale_inputs=false", "classifier.layers=1"),
    ("VAE-LSTM", "merge=statistics"),
    ("CVAE-LSTM", "merge=statistics", "features=mean"),
    ("VAE-LSTM", "front_end={bands=40,low_hz=100,high_hz=4000,triangles='hz'}"),
)


@pytest.fixture(scope="session")
def make(small_corpus: Corpus, cache: Path, tiny: dict[str, Any]) -> Make:
    def made(model: str = "VAE-LSTM", *assignments: str) -> TrainedModel:
        keys = {**tiny, "models": [model], "baselines": [], "test_condition": ["marginal"], "seeds": 1}
        return one_network(
            train_final(resolve(keys, None, assignments), small_corpus, Means(cache, Watcher()), fold="1")
        )

    return made


@pytest.fixture(scope="session")
def speech(small_corpus: Corpus) -> Waveform:
    return np.concatenate([small_corpus.waveform(utterance) for utterance in small_corpus.utterances[:12]])


@dataclass(frozen=True)
class Kept:
    model: TrainedModel
    folder: Path
    file: Path


@pytest.fixture(scope="session")
def kept(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    model, place = make(), tmp_path_factory.mktemp("portable")
    save(model, place / "model", model_card(model))
    export(model, place / "model.onnx")
    return Kept(model, place / "model", place / "model.onnx")


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory, speech: Waveform) -> Path:
    place = tmp_path_factory.mktemp("sounds")
    for number, samples in enumerate((1_000, 16_000, 50_000, 90_001)):
        soundfile.write(place / f"{number}.wav", speech[:samples], SAMPLE_RATE_HZ)
    return place


def predicted(model: Path, sounds: Path, form: str) -> str:
    done = CliRunner().invoke(cli, ["predict", str(model), str(sounds), "--format", form])
    assert done.exit_code == 0, done.exception
    return done.stdout


def asked(portable: PortableModel, waveforms: list[Waveform]) -> Answers:
    """All in one padded batch, as another program may ask."""
    lengths = np.array([len(one) for one in waveforms], np.int64)
    batch = np.stack([np.pad(one, (0, lengths.max() - len(one))) for one in waveforms])
    return Answers(*portable.session.run(list(OUTPUTS), dict(zip(INPUTS, (batch, lengths), strict=True))))


def each_alone(model: TrainedModel, waveforms: list[Waveform]) -> Answers:
    alone = [model.answer([one]) for one in waveforms]
    return Answers(*(np.concatenate(each) for each in zip(*alone, strict=True)))


def assert_says(found: Answers, expected: Answers) -> None:
    np.testing.assert_allclose(found.probabilities, expected.probabilities, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(found.said, expected.said, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(found.strangeness, expected.strangeness, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
def test_each_row_of_a_padded_batch_says_what_the_model_says_of_it_alone(
    settings: tuple[str, ...], make: Make, speech: Waveform
) -> None:
    model = make(*settings)
    portable = opened(content_of(model), Path("model.onnx"))
    starts = range(0, 16_000, 1_000)
    waveforms = [
        speech[start : start + round(seconds * SAMPLE_RATE_HZ)]
        for start, seconds in zip(starts, LENGTHS_S, strict=False)
    ]
    expected = each_alone(model, waveforms)
    assert len({tuple(row.round(3)) for row in expected.said}) > len(waveforms) // 2  # else lengths would not show
    assert_says(asked(portable, waveforms), expected)
    assert_says(portable.answer(waveforms), expected)


def test_company_of_any_length_changes_nothing(kept: Kept, speech: Waveform) -> None:
    long = np.resize(speech, AT_ONCE_SAMPLES + 160_000)
    waveforms = [speech[:100], long, *(speech[start : start + 20_000] for start in range(0, 50_000, 1_000))]
    assert_says(load_portable(kept.file).answer(waveforms), each_alone(kept.model, waveforms))


def test_what_lies_beyond_a_length_is_never_heard(kept: Kept, speech: Waveform) -> None:
    portable = load_portable(kept.file)
    given = {"waveform": speech[None, :20_000].copy(), "length": np.array([9_999])}
    expected = portable.answer([speech[:9_999]])
    given["waveform"][:, 9_999:] = np.nan
    assert_says(Answers(*portable.session.run(list(OUTPUTS), given)), expected)


def test_no_waveform_is_refused(kept: Kept) -> None:
    with pytest.raises(ValueError, match="there is no utterance to answer about"):
        load_portable(kept.file).answer([])


def test_the_file_tells_what_the_model_tells(kept: Kept) -> None:
    portable, model = load_portable(kept.file), kept.model
    assert (portable.classes, portable.least_samples) == (model.classes, model.least_samples)
    assert list(portable.confidences) == list(model.confidences)
    assert portable.card.startswith("---\nlibrary_name: emovae")
    onnx.checker.check_model(onnx.load(kept.file), full_check=True)


def test_a_file_that_says_something_else_is_not_written(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(kept.model, temperature=kept.model.temperature * 1.5)
    monkeypatch.setattr("emovae.export.content_of", lambda _model: kept.file.read_bytes())
    with pytest.raises(OutputError, match=r"m\.onnx is not written: on trial waveforms its answers differ by 0"):
        export(other, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(CORPORA is None, reason="EMOVAE_CORPORA names no folder of real corpora")
def test_two_hundred_recordings_of_real_speech_up_to_a_minute_are_judged_alike(kept: Kept) -> None:
    corpus = open_corpus(str(Path(str(CORPORA)) / "emotale"))
    speech = np.concatenate([corpus.waveform(utterance) for utterance in corpus.utterances[::3]])
    generator = np.random.default_rng(0)
    lengths = (np.geomspace(0.2, 60, 200) * SAMPLE_RATE_HZ).astype(np.int64)
    starts = generator.integers(0, len(speech) - lengths)
    waveforms = [speech[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    expected = each_alone(kept.model, waveforms)
    assert_says(load_portable(kept.file).answer(waveforms), expected)


# At the command line


def test_predictions_of_a_folder_and_of_its_file_are_the_same(kept: Kept, sounds: Path) -> None:
    rows = [list(csv.DictReader(predicted(place, sounds, "csv").splitlines())) for place in (kept.folder, kept.file)]
    assert len(rows[0]) == len(rows[1]) == 4
    for one, other in zip(*rows, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            if name.startswith(("p_", "confidence", "entropy", "strangeness")):
                assert float(value) == pytest.approx(float(other[name]), abs=TOLERANCE)
            else:
                assert value == other[name]


def test_a_folder_becomes_a_file_that_is_known_by_its_name(kept: Kept, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["export", str(kept.folder), "--onnx", str(tmp_path / "m.onnx")])
    assert done.exit_code == 0, done.exception
    assert f"{tmp_path / 'm.onnx'} says what {kept.folder} says" in done.stdout
    assert load_portable(tmp_path / "m.onnx").classes == kept.model.classes
    refused = CliRunner().invoke(cli, ["export", str(kept.folder), "--onnx", str(tmp_path / "m.bin")])
    assert isinstance(refused.exception, ConfigError)
    assert "does not end with .onnx" in str(refused.exception)


def test_a_file_is_asked_without_torch(kept: Kept, sounds: Path) -> None:
    asks = (
        "import sys; sys.modules.update(dict.fromkeys(('torch', 'scipy', 'sklearn', 'matplotlib', 'pyarrow', 'onnx')));"
        f"from emovae.shells.cli import cli; cli(['predict', {str(kept.file)!r}, {str(sounds)!r}, '--format', 'jsonl'])"
    )
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [json.loads(row)["error"] for row in done.stdout.splitlines()] == [""] * 4


@pytest.mark.slow
def test_an_environment_with_the_pinned_packages_alone_answers(kept: Kept, sounds: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "-r",
        ROOT / "requirements" / "onnx.txt",
        ROOT,
    ]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(pip, check=True, cwd=tmp_path, env=environment)
    asks: list[str | Path] = [python.with_name("emovae"), "predict", kept.file, sounds, "--format", "csv"]
    done = subprocess.run(asks, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == predicted(kept.file, sounds, "csv")
    for package in ("torch", "scipy", "sklearn", "onnx"):
        found = subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False, env=environment)
        assert b"ModuleNotFoundError" in found.stderr


def test_without_onnxruntime_a_person_is_told_what_to_install(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"need onnxruntime, which is not installed: pip install 'emovae\[onnx\]'"):
        load_portable(kept.file)


# Files that are none


def changed(content: bytes, change: Callable[[Any], None]) -> bytes:
    model = onnx.load_from_string(content)
    change(model)
    return bytes(model.SerializeToString())


def retold(content: bytes, *, sign: bool = False, **facts: Any) -> bytes:
    def retell(model: Any) -> None:
        (entry,) = model.metadata_props
        told = {**json.loads(entry.value), **facts}
        told["signed"] = fingerprint({k: v for k, v in told.items() if k != "signed"}, 64) if sign else told["signed"]
        entry.value = json.dumps(told)

    return changed(content, retell)


def _outside(model: Any) -> None:
    tensor = model.graph.initializer[-1]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _foreign(model: Any) -> None:
    model.graph.node[0].domain = "com.microsoft"


def _nested(model: Any) -> None:
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("body", onnx.GraphProto(name="inner")))


def _function(model: Any) -> None:
    model.functions.add(name="own", domain="own")


SPOILT: tuple[tuple[Callable[[bytes], bytes], str], ...] = (
    (lambda _: b"", "it holds 0 graphs and not one"),
    (lambda _: b"no model at all", "it is no ONNX file"),
    (lambda content: content[:5_000], "it is no ONNX file, or cut"),
    (lambda content: content[:-1], "it is no ONNX file, or cut"),
    (lambda content: content.replace(b"LSTM", b"LSTN", 1), "edited or damaged: its checksum is not"),
    (lambda content: retold(content, classes=["a", "b"]), "edited or damaged: its checksum is not"),
    (lambda content: retold(content, sign=True, classes=["a", "b"]), "onnxruntime cannot compute it"),
    (lambda content: retold(content, format=2), "it is of format 2, and this emovae knows 1; install a newer one"),
    (lambda content: retold(content, format="x"), "its metadata are not what emovae wrote"),
    (lambda content: changed(content, lambda model: model.metadata_props.pop()), "did not write it"),
    (lambda content: changed(content, _outside), "its weights lie in another file"),
    (lambda content: changed(content, _foreign), "it needs operators of com.microsoft"),
    (lambda content: changed(content, _nested), "it holds graphs within its graph"),
    (lambda content: changed(content, _function), "it holds functions of its own"),
)


@pytest.mark.parametrize(("spoil", "why"), SPOILT)
def test_a_file_that_is_no_model_of_ours_is_refused(
    spoil: Callable[[bytes], bytes], why: str, kept: Kept, tmp_path: Path
) -> None:
    place = tmp_path / "m.onnx"
    place.write_bytes(spoil(kept.file.read_bytes()))
    with pytest.raises(OutputError, match=r"m\.onnx is no ONNX model that can be used: .*" + why):
        load_portable(place)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for place, why in ((tmp_path / "none.onnx", "No such file"), (tmp_path, "it is no plain file")):
        with pytest.raises(OutputError, match=why):
            load_portable(place)
