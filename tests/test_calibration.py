"""Uncertainty of predictions: against scikit-learn, SciPy, predictors whose calibration is known, and by hand."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.special
import scipy.stats
import sklearn.calibration
import sklearn.metrics
from numpy.typing import NDArray

from emovae.calibration import (
    BINS,
    FLOOR,
    TEMPERATURES,
    adaptive_ece,
    brier,
    ece,
    entropy,
    fit_temperature,
    is_right,
    nll,
    reliability,
    tempered,
)

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Figure = Callable[[Floats | NDArray[np.float32], Labels], float]

FIGURES: list[Figure] = [nll, brier, ece, adaptive_ece, fit_temperature]


def some_case(seed: int, count: int = 200, classes: int = 4) -> tuple[Floats, Labels]:
    """Probabilities and labels; right more often where sure, but not as often as said."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (count, classes))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([generator.choice(classes, p=row) for row in chances])
    sharper = chances**2
    return sharper / sharper.sum(axis=1, keepdims=True), labels


def sure(confidence: float, right: int, wrong: int) -> tuple[Floats, Labels]:
    """Somebody who is always equally sure of class 0, of two, and right so many times."""
    return np.tile([confidence, 1 - confidence], (right + wrong, 1)), np.array([0] * right + [1] * wrong)


CASES = [
    some_case(seed, count, classes) for seed, (count, classes) in enumerate([(200, 4), (31, 2), (1000, 7), (9, 3)])
]


def test_the_likelihood_is_scikit_learns() -> None:
    for probabilities, labels in CASES:
        theirs = sklearn.metrics.log_loss(labels, probabilities, labels=np.arange(probabilities.shape[1]))
        assert nll(probabilities, labels) == pytest.approx(theirs, abs=1e-9)


def test_briers_score_is_the_sum_of_scikit_learns_over_the_classes() -> None:
    for probabilities, labels in CASES:
        theirs = sum(
            sklearn.metrics.brier_score_loss(labels == place, probabilities[:, place], pos_label=True)
            for place in range(probabilities.shape[1])
        )
        assert brier(probabilities, labels) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("bins", [1, 5, BINS])
def test_bins_of_equal_width_are_those_of_scikit_learns_calibration_curve(bins: int) -> None:
    for probabilities, labels in CASES:
        shown = [one for one in reliability(probabilities, labels, bins) if one.n]
        accuracy, confidence = sklearn.calibration.calibration_curve(
            is_right(probabilities, labels), probabilities.max(axis=1), n_bins=bins
        )
        assert [one.confidence for one in shown] == pytest.approx(confidence.tolist(), abs=1e-9)
        assert [one.accuracy for one in shown] == pytest.approx(accuracy.tolist(), abs=1e-9)


@pytest.mark.parametrize("bins", [1, 4, 14, 21])
def test_bins_of_equal_mass_are_those_of_scikit_learns_calibration_curve_where_they_divide(bins: int) -> None:
    probabilities, labels = some_case(20, count=84)
    accuracy, confidence = sklearn.calibration.calibration_curve(
        is_right(probabilities, labels), probabilities.max(axis=1), n_bins=bins, strategy="quantile"
    )
    shown = reliability(probabilities, labels, bins, equal_mass=True)
    assert [one.n for one in shown] == [84 // bins] * bins
    assert [one.confidence for one in shown] == pytest.approx(confidence.tolist(), abs=1e-9)
    assert [one.accuracy for one in shown] == pytest.approx(accuracy.tolist(), abs=1e-9)


def test_bins_of_equal_width_lie_side_by_side_the_empty_ones_too() -> None:
    for probabilities, labels in CASES:
        bins = reliability(probabilities, labels)
        assert len(bins) == BINS
        assert (bins[0].low, bins[-1].high) == (0, 1)
        assert all(one.high == other.low for one, other in itertools.pairwise(bins))
        assert sum(one.n for one in bins) == len(labels)
        assert any(one.n == 0 for one in bins)
        for one in bins:
            assert (one.confidence is None) == (one.accuracy is None) == (one.n == 0)
            assert one.confidence is None or one.low < one.confidence <= one.high


def test_bins_of_equal_mass_are_as_full_as_each_other_give_or_take_one() -> None:
    for probabilities, labels in CASES:
        bins = reliability(probabilities, labels, equal_mass=True)
        counts = [one.n for one in bins]
        assert len(bins) == min(BINS, len(labels))
        assert max(counts) - min(counts) <= 1
        assert sum(counts) == len(labels)
        assert all(one.high < other.low for one, other in itertools.pairwise(bins))


def test_equal_confidences_stay_in_one_bin_of_equal_mass() -> None:
    """Of 10 at 0.6, 0.7 and 0.8 in two bins: the middle one of the 0.7 is number 5 of 10."""
    probabilities, labels = (
        np.concatenate(parts) for parts in zip(sure(0.6, 2, 0), sure(0.7, 3, 2), sure(0.8, 0, 3), strict=True)
    )
    bins = reliability(probabilities, labels, bins=2, equal_mass=True)
    assert [(one.low, one.high, one.n) for one in bins] == [(0.6, 0.7, 7), (0.8, 0.8, 3)]
    assert [one.accuracy for one in bins] == pytest.approx([5 / 7, 0], abs=1e-12)
    assert len(reliability(*sure(0.7, 5, 5), equal_mass=True)) == 1


def test_a_confidence_at_an_end_belongs_to_the_bin_below() -> None:
    assert [one.n for one in reliability(*sure(0.75, 1, 0), bins=4)] == [0, 0, 1, 0]
    assert [one.n for one in reliability(*sure(1.0, 1, 0), bins=4)] == [0, 0, 0, 1]


@pytest.mark.parametrize("calibration_error", [ece, adaptive_ece])
@pytest.mark.parametrize("right", [0, 3, 9, 10])
def test_who_is_always_equally_sure_errs_by_sureness_minus_accuracy(calibration_error: Figure, right: int) -> None:
    assert calibration_error(*sure(0.9, right, 10 - right)) == pytest.approx(abs(0.9 - right / 10), abs=1e-12)


def test_errors_of_calibration_worked_by_hand() -> None:
    """Four at 0.55, all right, six at 0.95, three right: 0.4 * 0.45 + 0.6 * 0.45."""
    probabilities, labels = (np.concatenate(pair) for pair in zip(sure(0.55, 4, 0), sure(0.95, 3, 3), strict=True))
    assert ece(probabilities, labels) == pytest.approx(0.45, abs=1e-12)
    assert adaptive_ece(probabilities, labels, bins=2) == pytest.approx(0.45, abs=1e-12)
    assert ece(probabilities, labels, bins=1) == pytest.approx(abs(0.4 * 0.55 + 0.6 * 0.95 - 0.7), abs=1e-12)


def test_equal_masses_see_what_one_wide_bin_averages_away() -> None:
    """Half at 0.94, always right, half at 0.99, right in 9 of 10: within one bin of 15, but not of equal mass."""
    probabilities, labels = (np.concatenate(pair) for pair in zip(sure(0.94, 10, 0), sure(0.99, 9, 1), strict=True))
    assert ece(probabilities, labels) == pytest.approx(abs(0.965 - 0.95), abs=1e-12)
    assert adaptive_ece(probabilities, labels) == pytest.approx((0.06 + 0.09) / 2, abs=1e-12)


def test_the_order_of_utterances_changes_nothing() -> None:
    generator = np.random.default_rng(3)
    probabilities, labels = some_case(4)
    probabilities = np.round(probabilities * 8) / 8 + 1e-9  # tied
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    order = generator.permutation(len(labels))
    for figure in FIGURES:
        assert figure(probabilities[order], labels[order]) == pytest.approx(figure(probabilities, labels), abs=1e-7)


def test_entropies_are_scipys() -> None:
    draws = np.random.default_rng(6).dirichlet([0.3] * 5, (3, 20))
    draws[0, 0] = [0, 0, 1, 0, 0]
    assert entropy(draws) == pytest.approx(scipy.stats.entropy(draws, axis=-1), abs=1e-12)
    assert entropy(np.full(4, 0.25)) == pytest.approx(math.log(4))


@pytest.mark.parametrize(("confidence", "right"), [(0.9, 7), (0.6, 9), (0.99, 6), (0.7, 7)])
def test_the_temperature_of_who_is_always_equally_sure_is_a_ratio_of_logits(confidence: float, right: int) -> None:
    """Best is to be as sure as right: logit(sureness) / T = logit(accuracy)."""
    wanted = scipy.special.logit(confidence) / scipy.special.logit(right / 10)
    assert fit_temperature(*sure(confidence, right, 10 - right)) == pytest.approx(wanted, rel=1e-6)


def test_the_temperature_undoes_a_temperature() -> None:
    probabilities, labels = some_case(8, 400)
    fitted = fit_temperature(probabilities, labels)
    assert fitted == pytest.approx(2, rel=0.2)  # `some_case` squares the true chances
    assert fit_temperature(tempered(probabilities, 3), labels) == pytest.approx(fitted / 3, rel=1e-6)
    assert fit_temperature(tempered(probabilities, fitted), labels) == pytest.approx(1, rel=1e-6)


def test_no_temperature_near_the_fitted_one_is_likelier() -> None:
    for probabilities, labels in CASES:
        fitted = fit_temperature(probabilities, labels)
        best = nll(tempered(probabilities, fitted), labels)
        for factor in (0.5, 0.98, 1.02, 2):
            assert nll(tempered(probabilities, fitted * factor), labels) > best


def test_a_temperature_changes_no_mind_and_1_changes_nothing() -> None:
    probabilities, _ = CASES[0]
    assert tempered(probabilities, 1) == pytest.approx(probabilities, abs=1e-12)
    for temperature in (0.1, 0.5, 4, 50):
        after = tempered(probabilities, temperature)
        assert after.argmax(axis=1).tolist() == probabilities.argmax(axis=1).tolist()
        assert after.sum(axis=1) == pytest.approx(np.ones(len(after)))
        assert (entropy(after) > entropy(probabilities)).all() == (temperature > 1)


def test_certainty_that_errs_is_taken_back_and_certainty_that_never_errs_is_not() -> None:
    probabilities, labels = sure(1.0, 3, 1)
    fitted = fit_temperature(probabilities, labels)
    assert fitted == pytest.approx(TEMPERATURES[1], rel=1e-3)
    assert nll(tempered(probabilities, fitted), labels) < nll(probabilities, labels)
    assert fit_temperature(*sure(0.8, 4, 0)) == pytest.approx(TEMPERATURES[0], rel=1e-3)
    assert fit_temperature(*sure(0.8, 1, 3)) == pytest.approx(TEMPERATURES[1], rel=1e-3)


def test_a_probability_of_0_costs_what_the_smallest_float_costs() -> None:
    probabilities, labels = sure(1.0, 1, 1)
    assert nll(probabilities, labels) == pytest.approx(-math.log(FLOOR) / 2)
    assert -math.log(FLOOR) == pytest.approx(126 * math.log(2))
    assert brier(probabilities, labels) == 1
    assert ece(probabilities, labels) == 0.5


def test_one_utterance_is_enough() -> None:
    probabilities, labels = sure(0.75, 1, 0)
    assert nll(probabilities, labels) == pytest.approx(-math.log(0.75))
    assert brier(probabilities, labels) == pytest.approx(2 * 0.25**2)
    assert ece(probabilities, labels) == adaptive_ece(probabilities, labels) == 0.25


def test_classes_that_nobody_shows_count_as_predictions_do() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.6, 0.4, 0.0]])
    labels = np.array([0, 0])
    assert nll(probabilities, labels) == pytest.approx(-math.log(0.3) / 2)
    assert brier(probabilities, labels) == pytest.approx((0.25 + 0.09 + 0.04 + 0.16 + 0.16) / 2)
    assert ece(probabilities, labels) == pytest.approx(0.45)


def test_float32_is_taken_as_it_comes_though_it_does_not_sum_to_1() -> None:
    probabilities, labels = CASES[2]
    single = probabilities.astype(np.float32)
    for figure in FIGURES:
        assert figure(single, labels) == pytest.approx(figure(probabilities, labels), rel=1e-4)
    above = np.array([[np.nextafter(np.float32(1), np.float32(2)), 0]], np.float32)
    assert entropy(above).tolist() == [0]
    assert reliability(above, np.array([0]))[-1].n == 1


BAD = [
    (np.array([0.5, 0.5]), np.array([0]), r"probabilities have shape \(2,\), labels \(1,\)"),
    (np.array([[0.5, 0.5]]), np.array([0, 1]), r"labels \(2,\); wanted are \[utterance, class\]"),
    (np.zeros((0, 2)), np.zeros(0, np.int64), "one utterance at least"),
    (np.array([[0.5, 0.5]]), np.array([2]), "label 2 is outside the 2 classes, 0 to 1"),
    (np.array([[0.5, 0.5]]), np.array([-1]), "label -1 is outside"),
    (np.array([[0.5, 0.5]]), np.array([0.0]), "labels are float64"),
    (np.array([[0.5, 0.4]]), np.array([0]), "sum to 0.9"),
    (np.array([[1.5, -0.5]]), np.array([0]), r"between -0.5 and 1.5; wanted is 0 to 1"),
    (np.array([[1.0005, -0.0005]]), np.array([0]), r"between -0.0005 and 1.0005"),
    (np.array([[math.nan, 0.5]]), np.array([0]), "wanted is 0 to 1"),
]


@pytest.mark.parametrize("figure", [is_right, reliability, *FIGURES])
@pytest.mark.parametrize(("probabilities", "labels", "told"), BAD)
def test_what_is_no_prediction_is_refused(figure: Figure, probabilities: Floats, labels: Labels, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        figure(probabilities, labels)


def test_what_cannot_be_asked_is_refused() -> None:
    probabilities, labels = CASES[0]
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: ece(probabilities, labels, bins=0), "bins is 0; take one at least"),
        (lambda: tempered(probabilities, 0), "temperature is 0; it has to be above 0"),
        (lambda: tempered(probabilities, math.inf), "temperature is inf"),
        (lambda: entropy(np.array(0.5)), r"wanted is \[..., class\]"),
    ]
    for ask, told in refused:
        with pytest.raises(ValueError, match=told):
            ask()
