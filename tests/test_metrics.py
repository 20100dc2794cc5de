"""The four figures against scikit-learn's, absent classes among them."""

import math

import numpy as np
import pytest
import sklearn.metrics

from emovae.metrics import confusion_matrix, recalls, scores

CLASSES = ("anger", "happiness", "neutral", "sadness", "boredom")


def random_case(seed: int) -> tuple[list[str], list[str]]:
    """True and predicted labels of 1 to 60 utterances; some classes are never true, some never predicted."""
    generator = np.random.default_rng(seed)
    count = int(generator.integers(1, 60))
    shown = generator.permutation(CLASSES)[: generator.integers(1, 6)]
    guessed = generator.permutation(CLASSES)[: generator.integers(1, 6)]
    true = [str(name) for name in generator.choice(shown, count)]
    copied = generator.random(count) < generator.random()
    return true, [name if copy else str(generator.choice(guessed)) for name, copy in zip(true, copied, strict=True)]


CASES = [random_case(seed) for seed in range(120)]


def test_the_random_cases_show_every_kind_of_absence() -> None:
    assert any(set(true) == set(CLASSES) for true, _ in CASES)
    assert any(len(set(true)) == 1 for true, _ in CASES)
    assert any(set(predicted) - set(true) for true, predicted in CASES)
    assert any(set(true) - set(predicted) for true, predicted in CASES)


def test_the_confusion_matrix_is_scikit_learns() -> None:
    for true, predicted in CASES:
        theirs = sklearn.metrics.confusion_matrix(true, predicted, labels=CLASSES)
        assert confusion_matrix(true, predicted, CLASSES).tolist() == theirs.tolist()


def test_wa_is_scikit_learns_accuracy() -> None:
    for true, predicted in CASES:
        theirs = sklearn.metrics.accuracy_score(true, predicted)
        assert scores(confusion_matrix(true, predicted, CLASSES)).wa == pytest.approx(theirs, abs=1e-12)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.filterwarnings("ignore:A single label was found in 'y_true':UserWarning")
def test_ua_is_scikit_learns_balanced_accuracy() -> None:
    for true, predicted in CASES:
        theirs = sklearn.metrics.balanced_accuracy_score(true, predicted)
        assert scores(confusion_matrix(true, predicted, CLASSES)).ua == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_f_measures_are_scikit_learns_over_the_classes_that_are_shown(average: str) -> None:
    for true, predicted in CASES:
        theirs = sklearn.metrics.f1_score(true, predicted, labels=sorted(set(true)), average=average, zero_division=0)
        ours = scores(confusion_matrix(true, predicted, CLASSES))
        assert getattr(ours, f"{average}_f1") == pytest.approx(theirs, abs=1e-12)


def test_recalls_are_scikit_learns_and_no_number_for_an_absent_class() -> None:
    for true, predicted in CASES:
        theirs = sklearn.metrics.recall_score(true, predicted, labels=CLASSES, average=None, zero_division=np.nan)
        assert recalls(confusion_matrix(true, predicted, CLASSES)) == pytest.approx(theirs, abs=1e-12, nan_ok=True)


def test_a_case_worked_by_hand() -> None:
    """Three of class a, of whom one is taken for b; one of b, right. F1: a 4/5, b 2/3."""
    ours = scores(np.array([[2, 1, 0], [0, 1, 0], [0, 0, 0]]))
    assert ours.wa == pytest.approx(3 / 4)
    assert ours.ua == pytest.approx((2 / 3 + 1) / 2)
    assert ours.macro_f1 == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert ours.weighted_f1 == pytest.approx((3 * 4 / 5 + 2 / 3) / 4)


def test_a_class_that_is_never_shown_changes_no_figure_but_costs_those_taken_for_it() -> None:
    without = scores(np.array([[2, 1], [0, 1]]))
    assert scores(np.array([[2, 1, 0], [0, 1, 0], [0, 0, 0]])) == without
    assert scores(np.array([[2, 0, 1], [0, 1, 0], [0, 0, 0]])).ua == without.ua


def test_rows_are_what_is_true_and_columns_what_is_said() -> None:
    assert confusion_matrix(["b", "b", "b"], ["a", "a", "b"], ["a", "b"]).tolist() == [[0, 0], [2, 1]]
    assert confusion_matrix(["b", "b", "b"], ["a", "a", "b"], ["b", "a"]).tolist() == [[1, 2], [0, 0]]


def test_a_label_outside_the_classes_is_refused() -> None:
    with pytest.raises(KeyError, match="fear"):
        confusion_matrix(["anger"], ["fear"], CLASSES)


@pytest.mark.parametrize("predicted", [["a"], ["a", "b"], ["a"] * 4])
def test_lists_of_different_length_are_refused(predicted: list[str]) -> None:
    with pytest.raises((ValueError, IndexError)):
        confusion_matrix(["a", "b", "a"], predicted, ["a", "b"])


def test_nothing_to_score_is_told() -> None:
    nothing = confusion_matrix([], [], CLASSES)
    assert nothing.sum() == 0
    assert all(math.isnan(share) for share in recalls(nothing))
    with pytest.raises(ValueError, match="counts no utterance"):
        scores(nothing)


def test_perfect_is_one_and_all_wrong_is_zero() -> None:
    assert scores(np.diag([3, 1, 4])) == (1, 1, 1, 1)
    assert scores(np.array([[0, 3], [2, 0]])) == (0, 0, 0, 0)
