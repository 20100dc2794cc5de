"""A recognizer must be what scikit-learn expects of an estimator, and say what the model itself says."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.base import clone

import emovae
from emovae.answers import told
from emovae.assembly import load
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import Corpus
from emovae.errors import AudioError
from emovae.estimators import Recognizer

SMALL = (
    "autoencoder.hidden=[16]",
    "autoencoder.latent=4",
    "autoencoder.epochs=2",
    "classifier.hidden=8",
    "classifier.epochs=2",
)


@pytest.fixture(scope="module")
def sounds(small_corpus: Corpus) -> list[Waveform]:
    return [small_corpus.waveform(one) for one in small_corpus.utterances]


@pytest.fixture(scope="module")
def labels(small_corpus: Corpus) -> list[str]:
    return [str(one.emotion) for one in small_corpus.utterances]


@pytest.fixture(scope="module")
def speakers(small_corpus: Corpus) -> list[str]:
    return [one.speaker for one in small_corpus.utterances]


@pytest.fixture(scope="module")
def fitted(sounds: list[Waveform], labels: list[str], speakers: list[str]) -> Recognizer:
    return Recognizer(settings=SMALL).fit(sounds, labels, groups=speakers)


@pytest.fixture(scope="module")
def folder(fitted: Recognizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("estimators") / "model"
    fitted.save(place)
    return place


def test_what_is_public_can_be_imported() -> None:
    for name in emovae.__all__:
        assert getattr(emovae, name).__name__
    assert emovae.Recognizer is Recognizer


def test_a_model_folder_answers_about_one_recording_and_about_several(
    folder: Path, sounds: list[Waveform], tmp_path: Path
) -> None:
    recognizer, model = Recognizer.load(folder), load(folder)
    expected = told(model, sounds[:3])
    assert recognizer.predict(sounds[0], sample_rate_hz=SAMPLE_RATE_HZ) == told(model, sounds[:1])[0]
    paths = [tmp_path / f"{place}.wav" for place in range(3)]
    for path, sound in zip(paths, sounds, strict=False):
        soundfile.write(path, sound, SAMPLE_RATE_HZ, "FLOAT")
    assert recognizer.predict(paths[0]) == recognizer.predict(str(paths[0])) == told(model, sounds[:1])[0]
    for several in (paths, [str(path) for path in paths], np.array([str(path) for path in paths]), sounds[:3]):
        assert recognizer.predict(several).tolist() == [one.label for one in expected]
        shares = recognizer.predict_proba(several)
        by_name = [[one.probabilities[str(name)] for name in recognizer.classes_] for one in expected]
        np.testing.assert_allclose(shares, by_name, rtol=0, atol=1e-6)


def test_a_saved_recognizer_says_the_same_and_knows_how_it_was_trained(
    folder: Path, fitted: Recognizer, sounds: list[Waveform], labels: list[str], speakers: list[str]
) -> None:
    read = Recognizer.load(folder)
    np.testing.assert_array_equal(read.predict_proba(sounds[:4]), fitted.predict_proba(sounds[:4]))
    assert set(read.settings) == set(SMALL)
    again = clone(read).fit(sounds, labels, groups=speakers)
    np.testing.assert_array_equal(again.predict_proba(sounds[:4]), fitted.predict_proba(sounds[:4]))
    assert "Nobody has estimated it" in (folder / "README.md").read_text()


def test_one_waveform_without_a_rate_is_told_the_ways_out(fitted: Recognizer, sounds: list[Waveform]) -> None:
    with pytest.raises(ValueError, match="give sample_rate_hz, such as 16000"):
        fitted.predict(sounds[0])
    with pytest.raises(AudioError, match="is silent"):
        fitted.predict(np.zeros(9000, np.float32), sample_rate_hz=SAMPLE_RATE_HZ)
