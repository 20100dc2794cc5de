"""What is drawn must be what NumPy says of each column in a loop, and the frames those of the front-end."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from emovae.audio import SAMPLE_RATE_HZ
from emovae.corpora import Corpus
from emovae.drawing import columns_of, log_mel, shades, wave_of
from emovae.logmel import LogMel, log_mels
from emovae.settings import FrontEnd


@pytest.mark.parametrize(("samples", "columns"), [(1, 1), (5, 5), (1199, 1199), (1201, 1200), (100_003, 1200)])
def test_each_column_of_the_wave_has_its_extremes_and_every_sample_is_in_one(samples: int, columns: int) -> None:
    waveform = np.random.default_rng(0).normal(size=samples).astype(np.float32)
    found = wave_of(waveform)
    edges = [place * samples // columns for place in range(columns + 1)]
    parts = [waveform[start:stop] for start, stop in pairwise(edges)]
    assert found.low.tolist() == [part.min() for part in parts]
    assert found.high.tolist() == [part.max() for part in parts]


@pytest.mark.parametrize(("frames", "together"), [(1, 1), (1200, 1), (1201, 2), (4799, 4)])
def test_a_column_is_the_mean_of_its_frames(frames: int, together: int) -> None:
    values = np.random.default_rng(0).normal(size=(frames, 3)).astype(np.float32)
    found = columns_of(values)
    expected = [values[start : start + together].mean(axis=0) for start in range(0, frames, together)]
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    assert found.hop_s == pytest.approx(0.01 * together)


def test_what_nobody_knows_counts_for_nothing_and_stays_unknown_where_it_is_all() -> None:
    values = np.array([[1.0], [np.nan], [np.nan], [np.nan], [4.0], [6.0]], np.float32)
    np.testing.assert_array_equal(columns_of(values, most=3).values, [[1.0], [np.nan], [5.0]])


def test_shades_go_from_the_least_to_the_greatest_and_nothing_is_the_background() -> None:
    values = np.array([[-9.0, -2.0, 0.0, 2.0, 9.0, np.nan]], np.float32)
    assert shades(values, -2.0, 2.0).tolist() == [[0, 0, 128, 255, 255, 0]]


@pytest.mark.parametrize("seconds", [0.001, 0.025, 0.9, 60.0])
def test_the_frames_are_those_of_the_front_end(seconds: float, small_corpus: Corpus) -> None:
    speech = np.tile(small_corpus.waveform(small_corpus.utterances[0]), 40)[: round(seconds * SAMPLE_RATE_HZ)]
    padded = np.pad(speech, (0, max(0, 400 - len(speech))))
    found = log_mel(speech, FrontEnd())
    np.testing.assert_allclose(found, log_mels([padded], LogMel())[0], atol=2e-3)


def test_drawing_needs_no_torch() -> None:
    code = "import sys, emovae.drawing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
