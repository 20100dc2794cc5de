"""A recognizer must be what scikit-learn expects of an estimator, and say what the model itself says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import emovae
from emovae import logmel
from emovae.answers import told
from emovae.assembly import load
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import Corpus
from emovae.errors import AudioError, ConfigError
from emovae.estimators import Recognizer
from emovae.logmel import log_mel
from emovae.trained import TrainedModel
from emovae.transformers import LogMel
from emovae.vae_features import VAEFeatures

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


# What scikit-learn expects

EXEMPT = {
    "check_estimators_dtypes": "one of its rows of whole numbers is all zeros, which is silence and no recording",
}
EXEMPT_RECOGNIZER = {
    **EXEMPT,
    "check_methods_subset_invariance": "recordings are asked about together, and float32 rounds with the company: 1e-6",
}
LOUD = 60.0  # the checks' numbers are no sound of full scale 1


@pytest.mark.slow
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        LogMel(full_scale=LOUD),
        VAEFeatures(latent=2, hidden=(4,), epochs=1, full_scale=LOUD),
        Recognizer(settings=(*SMALL, "segments.short=pad"), full_scale=LOUD),
    ],
    expected_failed_checks=lambda estimator: EXEMPT_RECOGNIZER if isinstance(estimator, Recognizer) else EXEMPT,
)
def test_scikit_learns_own_checks_pass(estimator: Any, check: Any) -> None:
    check(estimator)


def test_features_behind_a_grid_search_are_learned_without_those_who_are_asked_about(
    sounds: list[Waveform], labels: list[str], speakers: list[str]
) -> None:
    features = VAEFeatures(hidden=(16,), epochs=2)
    pipeline = make_pipeline(LogMel(), features, StandardScaler(), LogisticRegression())
    search = GridSearchCV(pipeline, {"vaefeatures__latent": [2, 4]}, cv=GroupKFold(2), error_score="raise")
    search.fit(sounds, labels, groups=speakers)
    assert set(search.predict(sounds)) <= set(labels)
    best = search.best_estimator_[:2]
    assert best.transform(sounds[:3]).shape == (3, 6 * search.best_params_["vaefeatures__latent"])
    assert len(best[-1].get_feature_names_out()) == 6 * search.best_params_["vaefeatures__latent"]


def test_a_recognizer_is_searched_with_its_speakers(
    sounds: list[Waveform], labels: list[str], speakers: list[str]
) -> None:
    grid = {"settings": [(*SMALL, "features=mean"), (*SMALL, "normalise=utterance")]}
    search = GridSearchCV(Recognizer(), grid, cv=GroupKFold(2), error_score="raise", refit=False)
    search.fit(sounds, labels, groups=speakers)
    assert len(search.cv_results_["mean_test_score"]) == 2


def test_frames_are_those_of_the_front_end_in_an_array_as_in_a_list(sounds: list[Waveform]) -> None:
    expected = [log_mel(one, logmel.LogMel()) for one in sounds[:3]]
    for found, truth in zip(LogMel().fit_transform(sounds[:3]), expected, strict=True):
        np.testing.assert_array_equal(found, truth)
    rows = np.stack([one[:16_000] for one in sounds[:3]])
    whole = np.round(rows * 32_768).clip(-32_768, 32_767).astype(np.int16)
    found = LogMel(full_scale=32_768).fit_transform(whole)
    assert found.shape == (3, 98, 80)
    loud = np.stack([one[:98] for one in expected])
    np.testing.assert_allclose(found[loud > -5], loud[loud > -5], rtol=0, atol=0.05)


def test_frames_waveforms_and_files_give_the_same_features(sounds: list[Waveform], tmp_path: Path) -> None:
    features = VAEFeatures(latent=2, hidden=(8,), epochs=2).fit(sounds[:8])
    soundfile.write(tmp_path / "a.wav", sounds[0], SAMPLE_RATE_HZ, "FLOAT")
    truth = features.transform(sounds[:1])
    np.testing.assert_array_equal(features.transform([tmp_path / "a.wav"]), truth)
    np.testing.assert_array_equal(features.transform(LogMel().fit_transform(sounds[:1])), truth)
    again = VAEFeatures(latent=2, hidden=(8,), epochs=2).fit(LogMel().fit_transform(sounds[:8]))
    np.testing.assert_array_equal(again.transform(sounds[:1]), truth)
    with pytest.raises(ValueError, match=r"shape \(9, 40\); wanted is \[frame, 80\]"):
        features.transform([np.zeros((9, 40), np.float32)])
    with pytest.raises(ValueError, match="one recording, and another has to stop the learning"):
        clone(features).fit(sounds[:1])


def test_an_autoencoder_that_learned_reconstructs_better_than_one_that_did_not(sounds: list[Waveform]) -> None:
    curve = VAEFeatures(latent=4, hidden=(32,), epochs=6, learning_rate=0.01).fit(sounds).curve_
    assert curve[-1]["reconstruction"] < 0.8 * curve[0]["reconstruction"]


def test_labels_keep_their_type_and_others_are_refused(sounds: list[Waveform], speakers: list[str]) -> None:
    numbers = np.arange(len(sounds)) % 2
    fitted = Recognizer(settings=SMALL).fit(sounds, numbers, groups=speakers)
    assert fitted.predict(sounds[:2]).dtype == numbers.dtype
    assert isinstance(fitted.model_, TrainedModel)
    with pytest.raises(ValueError, match="y has one class, 1, and nothing can be told apart"):
        Recognizer().fit(sounds, np.ones(len(sounds), int))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        Recognizer().fit(sounds, numbers[:-1])
    with pytest.raises(ValueError, match="one recording, and several are asked for"):
        Recognizer().fit("a.wav", ["anger"])


def test_a_model_that_is_none_is_answered_with_those_that_there_are() -> None:
    sounds, labels = [np.zeros(16000, np.float32)] * 2, ["a", "b"]
    with pytest.raises(ConfigError, match=r"no model 'VEA-LSTM' to fit; there are AE-LSTM, .*VAE-ensemble"):
        Recognizer("VEA-LSTM").fit(sounds, labels)
    with pytest.raises(ConfigError, match="the preset best is of ensembles, and AE-LSTM is none"):
        Recognizer("AE-LSTM", "best").fit(sounds, labels)
