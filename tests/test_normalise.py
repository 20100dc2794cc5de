"""Scales worked by hand and by NumPy; what is tested never moves what was learned."""

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emovae import cache
from emovae.config import Normalise
from emovae.frames import CorpusFrames
from emovae.normalise import LEAST_DEVIATION, fit
from emovae.utterance import Utterance

Rows = NDArray[np.float32]

SPEAKERS = ("ann", "bob", "ann", "cai", "bob", "cai")
EVERY_WAY: tuple[Normalise, ...] = ("none", "train", "speaker", "utterance")


def corpus_of(folder: Path, parts: list[Rows], speakers: tuple[str, ...] = SPEAKERS) -> CorpusFrames:
    cache.keep(folder, "frames", parts[0].shape[1], parts, {})
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    utterances = (Utterance(id=f"u{place}", audio=None, speaker=name) for place, name in enumerate(speakers))
    return CorpusFrames(
        folder=folder,
        key="frames",
        utterances=tuple(utterances),
        spans=np.column_stack([ends - [len(part) for part in parts], ends]),
        left_out=(),
        digest="",
    )


def speechlike(seed: int = 0) -> list[Rows]:
    """Six utterances about as loud as log-mel frames are, each with its own level."""
    generator = np.random.default_rng(seed)
    levels = generator.uniform(-12, 2, 6)
    return [
        (level + generator.uniform(0.5, 3) * generator.standard_normal((length, 4))).astype(np.float32)
        for level, length in zip(levels, (13, 40, 10, 25, 31, 18), strict=True)
    ]


def expected(parts: list[Rows], members: list[int], utterance: int) -> NDArray[np.float64]:
    """By NumPy in float64, over the frames of the members laid end to end."""
    pool = np.concatenate([parts[member] for member in members]).astype(np.float64)
    result: NDArray[np.float64] = (parts[utterance] - pool.mean(axis=0)) / pool.std(axis=0)
    return result


def test_a_case_worked_by_hand(tmp_path: Path) -> None:
    """Training band 0: 1, 3, 5, 7: mean 4, deviation sqrt(5). Band 1: 0, 0, 0, 4: mean 1, deviation sqrt(3)."""
    parts = [np.array(rows, np.float32) for rows in ([[1, 0], [3, 0]], [[100, -100]], [[5, 0], [7, 4]])]
    normaliser = fit(corpus_of(tmp_path, parts, ("ann", "bob", "cai")), [0, 2], "train")
    assert normaliser.of(0) == pytest.approx(np.array([[-3 / 5**0.5, -1 / 3**0.5], [-1 / 5**0.5, -1 / 3**0.5]]))
    assert normaliser.of(1) == pytest.approx(np.array([[96 / 5**0.5, -101 / 3**0.5]]))
    assert normaliser.of(2) == pytest.approx(np.array([[1 / 5**0.5, -1 / 3**0.5], [3 / 5**0.5, 3 / 3**0.5]]))


def test_none_leaves_the_frames_as_they_are(tmp_path: Path) -> None:
    parts = speechlike()
    normaliser = fit(corpus_of(tmp_path, parts), [0, 1], "none")
    for utterance, part in enumerate(parts):
        assert np.array_equal(normaliser.of(utterance), part)


def test_train_is_the_scale_of_the_training_frames_for_everyone(tmp_path: Path) -> None:
    parts, train = speechlike(), [4, 0, 3]
    normaliser = fit(corpus_of(tmp_path, parts), train, "train")
    for utterance in range(6):
        assert normaliser.of(utterance) == pytest.approx(expected(parts, train, utterance), abs=1e-5)


def test_train_learns_nothing_from_those_who_do_not_train(tmp_path: Path) -> None:
    parts, train = speechlike(), [0, 1, 3]
    before = fit(corpus_of(tmp_path / "before", parts), train, "train")
    others = [part if place in train else 1000 * part + 77 for place, part in enumerate(parts)]
    after = fit(corpus_of(tmp_path / "after", others), train, "train")
    for place in range(6):
        assert np.array_equal(before.scales[place].mean, after.scales[place].mean)
        assert np.array_equal(before.scales[place].deviation, after.scales[place].deviation)
    moved = fit(corpus_of(tmp_path / "moved", [part + np.float32(1) for part in parts]), train, "train")
    assert not np.array_equal(before.scales[0].mean, moved.scales[0].mean)


def test_speaker_is_the_scale_of_all_that_one_speaker_says(tmp_path: Path) -> None:
    parts = speechlike()
    normaliser = fit(corpus_of(tmp_path, parts), [0], "speaker")
    for utterance, speaker in enumerate(SPEAKERS):
        members = [place for place, name in enumerate(SPEAKERS) if name == speaker]
        assert len(members) == 2
        assert normaliser.of(utterance) == pytest.approx(expected(parts, members, utterance), abs=1e-5)


def test_utterance_is_the_scale_of_the_utterance_alone(tmp_path: Path) -> None:
    parts = speechlike()
    normaliser = fit(corpus_of(tmp_path, parts), [0], "utterance")
    for utterance in range(6):
        assert normaliser.of(utterance) == pytest.approx(expected(parts, [utterance], utterance), abs=1e-5)
        assert normaliser.of(utterance).mean(axis=0) == pytest.approx(0, abs=1e-5)
        assert normaliser.of(utterance).std(axis=0) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("how", EVERY_WAY)
def test_normalised_frames_are_float32_of_the_same_shape(tmp_path: Path, how: Normalise) -> None:
    parts = speechlike()
    normaliser = fit(corpus_of(tmp_path, parts), [0, 1], how)
    assert len(normaliser.scales) == 6
    for utterance, part in enumerate(parts):
        assert normaliser.of(utterance).dtype == np.float32
        assert normaliser.of(utterance).shape == part.shape


def test_a_small_movement_on_a_high_level_is_not_lost_in_rounding(tmp_path: Path) -> None:
    """The mean of squares less the square of the mean would lose this deviation in float32 entirely."""
    generator = np.random.default_rng(1)
    parts = [(1000 + 0.2 * generator.standard_normal((500, 2))).astype(np.float32) for _ in range(6)]
    normaliser = fit(corpus_of(tmp_path, parts), list(range(6)), "train")
    pool = np.concatenate(parts).astype(np.float64)
    assert normaliser.scales[0].deviation == pytest.approx(pool.std(axis=0), rel=1e-5)


@pytest.mark.parametrize("how", ["train", "speaker", "utterance"])
def test_a_dead_band_is_centred_and_not_blown_up(tmp_path: Path, how: Normalise) -> None:
    floor = math.log(1.19e-7)
    parts = speechlike()
    for part in parts:
        part[:, 1] = floor
        part[:, 2] = floor + 1e-6 * (np.arange(len(part)) % 2)  # what rounding makes of silence
    normaliser = fit(corpus_of(tmp_path, parts), [0, 1, 2], how)
    for utterance in range(6):
        assert np.array_equal(normaliser.of(utterance)[:, 1], np.zeros(len(parts[utterance])))
        assert np.abs(normaliser.of(utterance)[:, 2]).max() < 0.01
        assert np.isfinite(normaliser.of(utterance)).all()


def test_an_utterance_of_one_frame_becomes_zeros_under_its_own_scale(tmp_path: Path) -> None:
    parts = [np.full((1, 3), place, np.float32) for place in range(6)]
    normaliser = fit(corpus_of(tmp_path, parts), [0], "utterance")
    assert all(np.array_equal(normaliser.of(utterance), np.zeros((1, 3))) for utterance in range(6))
    assert normaliser.scales[0].deviation == pytest.approx(LEAST_DEVIATION)
