"""Lin's concordance: against NumPy's moments and by hand."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats

from emovae.concordance import concordance, concordance_interval


def test_concordance_worked_by_hand() -> None:
    """Means 2.5 and 3, variances 5/4 and 2, covariance 3/2: 3 / (5/4 + 2 + 1/4)."""
    first, second = np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 3, 5])
    assert concordance(first, second) == pytest.approx(6 / 7, abs=1e-12)


def test_concordance_is_pearsons_correlation_shrunk_by_scale_and_place() -> None:
    """Lin (1989): r times 2 / (v + 1/v + u²), with v the ratio of deviations and u the shift in units of both."""
    generator = np.random.default_rng(15)
    first = generator.normal(3, 2, 50)
    second = first / 2 + generator.normal(1, 1, 50)
    v = first.std() / second.std()
    u = (first.mean() - second.mean()) / math.sqrt(first.std() * second.std())
    wanted = scipy.stats.pearsonr(first, second).statistic * 2 / (v + 1 / v + u**2)
    assert concordance(first, second) == pytest.approx(float(wanted), abs=1e-12)
    assert concordance(second, first) == pytest.approx(float(wanted), abs=1e-12)


def test_equal_values_concord_and_opposite_ones_discord() -> None:
    values = np.array([-1.0, 0, 2, -1])
    assert concordance(values, values) == pytest.approx(1)
    assert concordance(values, -values) == pytest.approx(-1)


def test_a_constant_concords_with_nothing_and_with_itself_it_is_no_number() -> None:
    constant, values = np.full(3, 0.1), np.array([0.1, 0.2, 0.3])
    assert concordance(constant, values) == concordance(values, constant) == 0
    assert concordance(constant, constant + 1) == 0
    assert math.isnan(concordance(constant, constant))


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ([1.0], [1.0, 2], r"shapes \(1,\) and \(2,\)"),
        ([], [], "two vectors"),
        ([1.0, math.nan], [1.0, 2], "not finite"),
    ],
)
def test_values_that_cannot_concord_are_refused(first: list[float], second: list[float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        concordance(np.array(first), np.array(second))


def test_the_interval_is_that_of_a_plain_bootstrap_over_speakers_of_the_mean_over_seeds() -> None:
    generator = np.random.default_rng(1)
    speakers = np.repeat([f"s{number}" for number in range(12)], 20)
    true = generator.normal(3, 1, 240)
    said = 0.7 * true + generator.normal(0.9, 0.5, (2, 240)) + np.repeat(generator.normal(0, 0.3, 12), 20)
    found = concordance_interval(true, said, speakers, seed=3)
    assert found is not None
    drawn = []
    for _ in range(2000):
        places = np.concatenate([np.arange(20) + 20 * one for one in generator.integers(0, 12, 12)])
        drawn.append(np.mean([concordance(true[places], one[places]) for one in said]))
    figure = np.mean([concordance(true, one) for one in said])
    step = 2.200985 * np.std(drawn) * np.sqrt(12 / 11) / (1 - figure**2)  # t of 11 degrees of freedom at 0.975
    assert [found.low, found.high] == pytest.approx(np.tanh(np.arctanh(figure) + np.array([-step, step])), abs=0.01)
    assert found.low < figure < found.high


def test_a_single_speaker_and_a_perfect_or_meaningless_agreement_have_no_interval() -> None:
    values, three = np.array([1.0, 2.0, 3.0]), np.array(["a", "b", "c"])
    assert concordance_interval(values, values[None, ::-1].copy(), np.array(["a"] * 3), seed=0) is None
    assert concordance_interval(values, values[None], three, seed=0) is None
    assert concordance_interval(np.ones(3), np.ones((1, 3)), three, seed=0) is None


def test_resamples_in_which_nothing_differs_do_not_count() -> None:
    """Two speakers who each rate all alike: one drawn twice has no CCC, and no warning comes of it."""
    true, said = np.array([1.0, 1.0, 2.0, 2.0]), np.array([[1.0, 1.0, 3.0, 3.0]])
    found = concordance_interval(true, said, np.array(["a", "a", "b", "b"]), seed=0)
    assert found is not None
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("asked", "told"), [({"level": 2.0}, "level is 2.0"), ({"resamples": 1}, "resamples is 1")])
def test_an_interval_that_is_none_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        concordance_interval(np.arange(3.0), np.ones((1, 3)), np.array(["a", "b", "c"]), seed=0, **asked)
