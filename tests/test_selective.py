"""The risk among those that are kept: against its formulas, and all orders of ties."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from emovae.selective import accuracy_at, aurc, risk_coverage

Floats = NDArray[np.float64]


def some_doubts(seed: int, count: int = 40) -> tuple[Floats, NDArray[np.bool_]]:
    """Doubts in tenths, hence tied, and who is right, less often where in doubt."""
    generator = np.random.default_rng(seed)
    doubt = generator.integers(0, 11, count) / 10
    return doubt, generator.random(count) > doubt


def test_the_risk_of_ties_is_the_mean_over_all_their_orders() -> None:
    doubt = np.array([0.1, 0.3, 0.3, 0.3, 0.5, 0.5])
    right = np.array([True, False, True, True, False, True])
    risks = []
    for middle, last in itertools.product(itertools.permutations([1, 2, 3]), itertools.permutations([4, 5])):
        wrong = ~right[[0, *middle, *last]]
        risks.append(np.cumsum(wrong) / np.arange(1, 7))
    found = risk_coverage(doubt, right)
    assert found.risk == pytest.approx(np.mean(risks, axis=0), abs=1e-12)
    assert found.coverage == pytest.approx(np.arange(1, 7) / 6)
    assert aurc(doubt, right) == pytest.approx(np.mean(risks), abs=1e-12)


def test_without_ties_it_is_the_plain_sum_of_errors_from_the_surest_on() -> None:
    generator = np.random.default_rng(1)
    doubt, right = generator.permutation(50) / 7, generator.random(50) < 0.7
    kept = sorted(range(50), key=lambda place: doubt[place])
    risks = [sum(not right[place] for place in kept[: count + 1]) / (count + 1) for count in range(50)]
    assert risk_coverage(doubt, right).risk == pytest.approx(risks, abs=1e-12)


def test_areas_of_the_best_the_worst_and_no_doubt_are_their_formulas() -> None:
    """Of n with e errors, told last, first, or not at all: the mean of (k - n + e) / k, of min(1, e / k), and e / n."""
    n, e = 25, 7
    right = np.arange(n) < n - e
    order = np.arange(n, dtype=float)
    assert aurc(order, right) == pytest.approx(sum((k - n + e) / k for k in range(n - e + 1, n + 1)) / n, abs=1e-12)
    assert aurc(-order, right) == pytest.approx(sum(min(1, e / k) for k in range(1, n + 1)) / n, abs=1e-12)
    assert aurc(np.zeros(n), right) == pytest.approx(e / n, abs=1e-12)


def test_only_the_order_of_doubts_counts() -> None:
    doubt, right = some_doubts(2)
    assert risk_coverage(np.exp(3 * doubt) - 5, right).risk == pytest.approx(risk_coverage(doubt, right).risk)


@pytest.mark.parametrize(
    ("coverage", "kept"), [(0.8, 8), (0.81, 9), (1.0, 10), (0.1, 1), (0.01, 1), (0.3, 3), (0.7, 7), (0.6, 6)]
)
def test_accuracy_at_a_coverage_is_that_of_the_fewest_that_reach_it(coverage: float, kept: int) -> None:
    right = np.array([True, False, True, True, False, True, False, False, True, False])
    assert accuracy_at(np.arange(10.0), right, coverage) == pytest.approx(right[:kept].mean(), abs=1e-12)


def test_a_coverage_that_is_whole_in_utterances_keeps_no_one_more() -> None:
    """0.29 * 100 is 28.999999999999996, and 0.07 * 100 is 7.000000000000001."""
    right = np.arange(100) < 7
    assert accuracy_at(np.arange(100.0), right, 0.07) == 1
    assert accuracy_at(np.arange(100.0), right, 0.29) == pytest.approx(7 / 29, abs=1e-12)


def test_the_order_of_utterances_changes_no_area() -> None:
    doubt, right = some_doubts(5, 200)
    order = np.random.default_rng(5).permutation(200)
    for area in (aurc, accuracy_at):
        assert area(doubt[order], right[order]) == pytest.approx(area(doubt, right), abs=1e-12)


def test_one_utterance_is_a_curve() -> None:
    assert aurc(np.zeros(1), np.array([False])) == 1
    assert accuracy_at(np.zeros(1), np.array([True])) == 1


def test_what_has_no_risk_is_refused() -> None:
    doubt, right = some_doubts(13)
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: accuracy_at(doubt, right, 0), "coverage is 0; keep a share above 0"),
        (lambda: accuracy_at(doubt, right, 80), "coverage is 80"),
        (lambda: risk_coverage(doubt, right[1:]), r"doubt has shape \(40,\), right \(39,\)"),
        (lambda: aurc(doubt[:0], right[:0]), r"doubt has shape \(0,\)"),
        (lambda: aurc(np.append(doubt[1:], math.nan), right), "1 of 40 doubts are no number"),
        (lambda: aurc(doubt, right.astype(np.float64)), "right is float64"),
    ]
    for ask, told in refused:
        with pytest.raises(ValueError, match=told):
            ask()
