import librosa
import numpy as np

from emovae.mfcc import mfcc

FRAMES = np.random.default_rng(0).normal(-5, 3, (20, 80)).astype(np.float32)


def test_the_cepstra_are_librosas() -> None:
    theirs = librosa.feature.mfcc(S=FRAMES.T, n_mfcc=13, dct_type=2, norm="ortho").T
    np.testing.assert_allclose(mfcc(FRAMES), theirs, rtol=1e-5, atol=1e-5)
    assert mfcc(FRAMES).dtype == np.float32


def test_the_cepstra_are_their_sum_of_cosines() -> None:
    band = np.arange(80) + 0.5
    rows = [np.sqrt((1 if k == 0 else 2) / 80) * np.cos(np.pi * k * band / 80) for k in range(13)]
    np.testing.assert_allclose(mfcc(FRAMES), FRAMES.astype(np.float64) @ np.stack(rows).T, rtol=1e-4, atol=1e-4)


def test_loudness_moves_the_first_coefficient_alone() -> None:
    louder = mfcc(FRAMES + 2) - mfcc(FRAMES)
    np.testing.assert_allclose(louder[:, 0], 2 * np.sqrt(80), rtol=1e-5)
    np.testing.assert_allclose(louder[:, 1:], 0, atol=1e-4)
