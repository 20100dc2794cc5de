"""Against openSMILE called directly; what is missing or odd is told."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import opensmile
import pytest
import soundfile
from numpy.typing import NDArray

from emovae.audio import SAMPLE_RATE_HZ
from emovae.corpora import Corpus, open_corpus
from emovae.corpora.corpus import Voice
from emovae.descriptors import COLUMNS, LEAST_SAMPLES, Level, corpus_descriptors, descriptors_of
from emovae.errors import AudioError
from emovae.frames import CorpusFrames, corpus_frames
from emovae.handfuls import HANDFUL
from emovae.presets import resolve
from emovae.settings import FrontEnd

READS: tuple[Level, ...] = ("low_level", "functionals")
NAMES = {"low_level": "LowLevelDescriptors", "functionals": "Functionals"}


def smile(level: Level) -> Any:
    feature_level = getattr(opensmile.FeatureLevel, NAMES[level])
    return opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=feature_level)


def framed(corpus: Corpus, folder: Path) -> CorpusFrames:
    return corpus_frames(corpus, FrontEnd(), folder, at_least=1)


def sounding(waveforms: Sequence[NDArray[np.float32]]) -> Corpus:
    """The first utterances of the synthetic corpus with other sounds."""
    corpus = open_corpus("synthetic:40")
    utterances = corpus.utterances[: len(waveforms)]
    sound = {utterance.id: waveform for utterance, waveform in zip(utterances, waveforms, strict=True)}
    voice = Voice(lambda utterance: sound[utterance.id], lambda utterance: f"{sound[utterance.id].sum()}")
    return replace(corpus, utterances=utterances, voice=voice)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    corpus, folder = open_corpus("synthetic:40"), tmp_path_factory.mktemp("recorded")
    utterances = []
    for utterance in corpus.utterances[:4]:
        place = folder / f"{utterance.id}.wav"
        soundfile.write(place, corpus.waveform(utterance), SAMPLE_RATE_HZ)
        utterances.append(replace(utterance, audio=place))
    return replace(corpus, utterances=tuple(utterances), voice=None)


@pytest.mark.parametrize("level", READS)
def test_the_descriptors_are_those_that_opensmile_reads_from_the_file(
    recorded: Corpus, level: Level, tmp_path: Path
) -> None:
    found = corpus_descriptors(recorded, framed(recorded, tmp_path), level, tmp_path)
    assert found.utterances == recorded.utterances
    for place, utterance in enumerate(recorded.utterances):
        expected = smile(level).process_file(str(utterance.audio)).to_numpy()
        assert expected.shape[1] == COLUMNS[level]
        assert np.array_equal(found.of(place), expected)
    assert {len(found.of(place)) for place in range(4)} == {1} or level == "low_level"


@pytest.mark.slow
@pytest.mark.parametrize("level", READS)
def test_any_number_of_threads_gives_the_same_rows_and_nothing_is_computed_twice(level: Level, tmp_path: Path) -> None:
    corpus = open_corpus("synthetic:40")
    frames = framed(corpus, tmp_path)
    told: list[int] = []
    alone = corpus_descriptors(corpus, frames, level, tmp_path / "a", progress=lambda done, _of: told.append(done))
    together = corpus_descriptors(corpus, frames, level, tmp_path / "b", threads=3)
    assert np.array_equal(alone.values, together.values)
    assert (alone.digest, alone.key) == (together.digest, together.key)
    assert told == [*range(HANDFUL, 40, HANDFUL), 40]
    corpus_descriptors(corpus, frames, level, tmp_path / "a", progress=lambda done, _of: told.append(done))
    assert told[-1:] == [40]
    assert len(told) == 3


def test_the_rows_are_those_of_the_utterances_that_are_kept(recorded: Corpus, tmp_path: Path) -> None:
    frames = framed(recorded, tmp_path)
    some = replace(frames, utterances=frames.utterances[2:0:-1], spans=frames.spans[2:0:-1])
    whole, part = (corpus_descriptors(recorded, one, "functionals", tmp_path) for one in (frames, some))
    assert part.utterances == some.utterances
    assert np.array_equal(np.concatenate([part.of(0), part.of(1)]), whole.values[[2, 1]])
    assert part.digest != whole.digest


def test_samples_at_full_scale_do_not_overflow(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ).astype(np.float32)
    loud, less = np.clip(1.5 * tone, -1, 1), np.clip(1.5 * tone, -0.999, 0.999)
    corpus = sounding([loud, less])
    found = corpus_descriptors(corpus, framed(corpus, tmp_path), "low_level", tmp_path)
    # openSMILE alone would turn +1 into -1, and so make quite another sound of it.
    np.testing.assert_allclose(found.of(0), found.of(1), rtol=0.02, atol=0.3)
    overflown = smile("low_level").process_signal(loud, SAMPLE_RATE_HZ).to_numpy()
    assert np.abs(overflown - found.of(1)).max() > 10


@pytest.mark.parametrize("level", READS)
def test_short_recordings_are_filled_with_silence_and_silence_has_descriptors(level: Level, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 400).astype(np.float32)
    corpus = sounding([noise, np.zeros(SAMPLE_RATE_HZ, np.float32)])
    found = corpus_descriptors(corpus, framed(corpus, tmp_path), level, tmp_path)
    filled = np.concatenate([noise, np.zeros(LEAST_SAMPLES - 400, np.float32)])
    assert np.array_equal(found.of(0), smile(level).process_signal(filled, SAMPLE_RATE_HZ).to_numpy())
    assert np.isfinite(found.values).all()


def test_a_descriptor_that_is_no_number_is_told_with_its_recording(
    recorded: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, bad = opensmile.Smile.process_signal, recorded.waveform(recorded.utterances[2])

    def odd(self: Any, signal: NDArray[np.float32], sampling_rate: int) -> Any:
        rows = real(self, signal, sampling_rate)
        if len(signal) == len(bad) and np.allclose(signal, bad, atol=1e-3):
            rows.iloc[0, 3] = np.nan
        return rows

    monkeypatch.setattr(opensmile.Smile, "process_signal", odd)
    with pytest.raises(AudioError, match="1 of 4 recordings of synthetic cannot be used") as caught:
        corpus_descriptors(recorded, framed(recorded, tmp_path), "functionals", tmp_path)
    assert str(recorded.utterances[2].audio) in str(caught.value)
    assert "1 eGeMAPS descriptors of 88 that are no finite numbers" in str(caught.value)


def test_only_what_a_model_of_the_experiment_reads_is_computed(recorded: Corpus, tmp_path: Path) -> None:
    frames = framed(recorded, tmp_path)
    for models, levels in (
        ({"baselines": ["majority"], "rivals": ["ACNN-MFCC"]}, (False, False)),
        ({"baselines": ["eGeMAPS-SVM"], "rivals": []}, (False, True)),
        ({"baselines": [], "rivals": ["eGeMAPS-LSTM", "ACNN-eGeMAPS"]}, (True, False)),
    ):
        found = descriptors_of(resolve({"name": "x", **models}), recorded, frames, tmp_path)
        assert tuple(one is not None for one in found) == levels


WITHOUT = """
import sys
sys.modules["opensmile"] = None  # an import of it fails, as where it is not installed
from pathlib import Path
from emovae.corpora import open_corpus
from emovae.errors import ConfigError
from emovae.experiment import run
from emovae.presets import load, resolve
tiny = {
    "name": "tiny", "models": [], "baselines": ["majority", "eGeMAPS-SVM"], "rivals": ["ACNN-eGeMAPS"],
    "protocol": {"kind": "speakers", "folds": 2},
    "published": [{"model": "ACNN-eGeMAPS", "wa": 54.78}], "published_for": "somewhere",
}
out, corpus = Path(sys.argv[1]), open_corpus("synthetic:40")
results = run(resolve(tiny), corpus, out, out / "cache").results
print([row["model"] for row in results["rows"]], [row["model"] for row in results["quoted"]])
print(*results["notices"], sep="\\n")
print(load(out / "config.toml") == resolve(tiny))
try:
    run(resolve({**tiny, "baselines": ["eGeMAPS-SVM"]}), corpus, out, out / "cache")
except ConfigError as error:
    print(error)
"""


@pytest.mark.slow
def test_without_opensmile_its_models_are_left_out_and_that_is_told_with_remedy_and_licence(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, *notices, written, nothing = done.stdout.splitlines()
    assert rows == "['majority'] ['ACNN-eGeMAPS']"
    assert "eGeMAPS-SVM, ACNN-eGeMAPS were left out: openSMILE is not installed" in notices[-1]
    assert "pip install 'emovae[egemaps]'" in notices[-1]
    assert "no commercial product" in notices[-1]
    assert written == "True"  # the configuration says what was asked for
    assert "nothing of tiny is left to run" in nothing


@pytest.mark.slow
def test_nothing_imports_opensmile_before_it_is_needed() -> None:
    code = "import sys, emovae.experiment; print('opensmile' in sys.modules, 'audinterface' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
