"""Statistics over time against the standard library's and SciPy's."""

import statistics
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats

from emovae.functionals import QUANTILES, STATISTICS, functionals


def by_hand(column: list[float]) -> list[float]:
    """One feature's statistics, from the standard library and SciPy."""
    quantiles = [
        float(scipy.stats.mstats.mquantiles(column, [share], alphap=1, betap=1)[0]) for share in (0.1, 0.5, 0.9)
    ]
    steps = [abs(after - before) for before, after in pairwise(column)]
    return [
        statistics.fmean(column),
        statistics.pstdev(column),
        *quantiles,
        statistics.fmean(steps) if steps else 0.0,
    ]


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 101])
@pytest.mark.parametrize("features", [1, 5])
def test_every_statistic_is_the_standard_librarys(rows: int, features: int) -> None:
    sequence = np.random.default_rng(rows).normal(-3, 2, (rows, features)).astype(np.float32)
    vector = functionals(sequence)
    assert vector.dtype == np.float32
    assert vector.shape == (6 * features,)
    for feature in range(features):
        told = by_hand([float(value) for value in sequence[:, feature]])
        assert vector[feature::features] == pytest.approx(told, abs=1e-5)


def test_the_names_are_in_the_order_of_the_values() -> None:
    assert QUANTILES == (0.1, 0.5, 0.9)
    assert STATISTICS == (
        "mean",
        "deviation",
        "quantile 0.1",
        "quantile 0.5",
        "quantile 0.9",
        "mean absolute difference",
    )
    ramp = np.arange(11, dtype=np.float32)[:, None]
    told = dict(zip(STATISTICS, functionals(ramp).tolist(), strict=True))
    assert told == pytest.approx(
        {
            "mean": 5,
            "deviation": 10**0.5,
            "quantile 0.1": 1,
            "quantile 0.5": 5,
            "quantile 0.9": 9,
            "mean absolute difference": 1,
        }
    )


def test_statistic_by_statistic_the_features_lie_beside_each_other() -> None:
    sequence = np.array([[0, 10], [2, 10]], np.float32)
    assert functionals(sequence) == pytest.approx([1, 10, 1, 0, 0.2, 10, 1, 10, 1.8, 10, 2, 0])


def test_one_row_has_no_deviation_and_no_movement() -> None:
    assert functionals(np.array([[4, -1]], np.float32)) == pytest.approx([4, -1, 0, 0, 4, -1, 4, -1, 4, -1, 0, 0])


def test_only_the_movement_depends_on_the_order() -> None:
    sequence = np.random.default_rng(2).standard_normal((30, 4)).astype(np.float32)
    ordered = np.sort(sequence, axis=0)
    assert functionals(ordered)[:20] == pytest.approx(functionals(sequence)[:20], abs=1e-6)
    assert (functionals(ordered)[20:] < functionals(sequence)[20:]).all()
