"""The distance must be scikit-learn's, and set noise and a telephone's band apart from clean speech."""

import numpy as np
import pytest
import scipy.signal
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import Corpus, open_corpus
from emovae.familiarity import USUAL, Familiarity, fit, spectrum
from emovae.logmel import LogMel, log_mels

FRONT_END = LogMel()


def frames_of(waveforms: list[Waveform]) -> list[NDArray[np.float32]]:
    return log_mels(waveforms, FRONT_END)


def drawn(count: int, seed: int) -> list[NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(count, 1, 3)) @ generator.normal(size=(3, 5))
    return [(centre + generator.normal(size=(20, 5))).astype(np.float32) for centre in centres]


def test_the_distance_is_that_of_scikit_learns_covariance() -> None:
    train, others = drawn(60, 0), drawn(30, 1)
    found, reference = fit(train, others), LedoitWolf().fit(np.stack([spectrum(one) for one in train]))
    distances = np.sqrt(reference.mahalanobis(np.stack([spectrum(one) for one in others])))
    assert [found.distance(one) for one in others] == pytest.approx(distances, rel=1e-4)
    assert found.limit == pytest.approx(np.quantile(distances, USUAL), rel=1e-4)
    assert found.strangeness(others[0]) == pytest.approx(distances[0] / found.limit, rel=1e-4)


def test_a_spectrum_is_mean_and_deviation_over_time() -> None:
    frames = np.array([[0, 2], [4, 2]], np.float32)
    assert spectrum(frames).tolist() == [2, 2, 2, 0]


@pytest.fixture(scope="module")
def voices() -> Corpus:
    return open_corpus("synthetic:240")


@pytest.fixture(scope="module")
def usual(voices: Corpus) -> Familiarity:
    heard = frames_of([voices.waveform(one) for one in voices.utterances[:200]])
    return fit(heard[:150], heard[150:])


def test_noise_and_a_telephones_band_are_unlike_and_other_utterances_are_not(
    voices: Corpus, usual: Familiarity
) -> None:
    clean = [voices.waveform(one) for one in voices.utterances[200:]]
    generator = np.random.default_rng(0)
    noisy = [one + 0.1 * one.std() * generator.standard_normal(len(one)).astype(np.float32) for one in clean]
    band = scipy.signal.butter(6, (300, 3400), "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    narrow = [scipy.signal.sosfilt(band, one).astype(np.float32) for one in clean]
    shares = [np.mean([usual.strangeness(one) > 1 for one in frames_of(some)]) for some in (clean, noisy, narrow)]
    assert shares[0] < 0.2
    assert shares[1] > 0.9
    assert shares[2] > 0.9


def test_bands_that_are_copies_of_each_other_do_not_count_twice() -> None:
    train, others = drawn(60, 0), drawn(30, 1)
    twice = [[np.concatenate([one, one], axis=1) for one in some] for some in (train, others)]
    found = fit(*twice)
    assert np.isfinite([found.strangeness(one) for one in twice[1]]).all()
    alike = [np.ones((9, 5), np.float32)] * 3
    assert fit(alike, alike).strangeness(alike[0]) == 0
