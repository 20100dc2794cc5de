"""Statistics of melody, loudness and rhythm, by hand."""

import numpy as np
import pytest

from emovae.prosodic import STATISTICS, prosodic


def rows(melody: list[float], strength: list[float], energy: list[float]) -> np.ndarray:
    return np.array([melody, strength, energy], np.float32).T


SPOKEN = rows(
    melody=[5.0, 5.0, 5.1, 5.5, 5.3, 4.0, 5.2, 5.2],
    strength=[0.9, 0.8, 0.7, 0.9, 0.1, 0.9, 0.6, 0.8],
    energy=[-3.0, -2.0, -4.0, -2.0, -2.0, -6.5, -5.5, -2.5],
)
"""Frames 4 and 5 are not counted as voiced: one is not periodic, and one more than 4 nats under the loudest."""


def test_each_statistic_is_as_worked_by_hand() -> None:
    found = dict(zip(STATISTICS, prosodic(SPOKEN).tolist(), strict=True))
    sung, loud = [5.0, 5.0, 5.1, 5.5, 5.2, 5.2], [-3.0, -2.0, -4.0, -2.0, -2.0, -6.5, -5.5, -2.5]
    expected = {
        "melody mean": np.mean(sung),
        "melody deviation": np.std(sung),
        "melody quantile 0.5": np.median(sung),
        "melody quantile 0.95": np.quantile(sung, 0.95),
        # 5.0 to 5.0, 5.0 to 5.1 and 5.2 to 5.2; 5.1 to 5.5 is a leap.
        "melody step mean": 0.1 / 3,
        "melody step deviation": np.std([0.0, 0.1, 0.0]),
        "loudness mean": np.mean(loud),
        "loudness deviation": np.std(loud),
        "loudness quantile 0.1": np.quantile(loud, 0.1),
        "loudness step mean": np.mean([1, 2, 2, 0, 4.5, 1, 3]),
        "voiced share": 6 / 8,
        "voiced run mean": 3,
        "voiced run deviation": 1,
        "log frames": np.log(8),
        "voicing mean": np.mean([0.9, 0.8, 0.7, 0.9, 0.6, 0.8]),
        "voiced runs per frame": 2 / 8,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert len(found) == len(STATISTICS) == 23


def test_columns_that_stand_there_several_times_count_once() -> None:
    np.testing.assert_array_equal(prosodic(SPOKEN.repeat(4, axis=1)), prosodic(SPOKEN))


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_where_nothing_is_voiced_or_nothing_moves_the_statistics_are_finite(frames: int) -> None:
    for strength in (0.0, 1.0):
        found = prosodic(np.tile(np.array([[5.2, strength, -20.0]], np.float32), (frames, 1)))
        assert np.isfinite(found).all()
        assert found[STATISTICS.index("voiced share")] == strength
