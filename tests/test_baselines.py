import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_wine
from sklearn.dummy import DummyClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emovae.baselines import functionals_svm, majority

Values = NDArray[np.float32]
Labels = NDArray[np.int64]


def wine(classes: int) -> tuple[Values, Labels, Values, Labels]:
    """Every other row to learn from, the others to test; only the first of the three classes."""
    values, labels = load_wine(return_X_y=True)
    values, labels = values[labels < classes].astype(np.float32), labels[labels < classes].astype(np.int64)
    # A scale that differs from column to column is what the machine has to put right; noise makes errors happen.
    values += np.random.default_rng(0).normal(0, 2 * values.std(0), values.shape).astype(np.float32)
    return values[::2], labels[::2], values[1::2], labels[1::2]


def machine(train: Values, labels: Labels, test: Values, *, break_ties: bool) -> Labels:
    scaler = StandardScaler().fit(train)
    fitted = SVC(break_ties=break_ties).fit(scaler.transform(train), labels)
    predicted: Labels = fitted.predict(scaler.transform(test))
    return predicted


def test_the_majority_names_the_class_shares_of_the_training_side() -> None:
    _, labels, test, _ = wine(3)
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(labels), 1)), labels)
    found = majority.probabilities(labels, 3, len(test))
    np.testing.assert_allclose(found, dummy.predict_proba(np.zeros((len(test), 1))), rtol=1e-6)
    assert set(found.argmax(1)) == {int(np.bincount(labels).argmax())}


def test_the_majority_gives_a_class_that_nobody_showed_no_chance() -> None:
    assert majority.probabilities(np.array([0, 2, 2]), 4, 2).tolist() == [pytest.approx([1 / 3, 0, 2 / 3, 0])] * 2


def test_the_machine_predicts_what_scikit_learn_predicts() -> None:
    train, labels, test, true = wine(3)
    found = functionals_svm.probabilities(train, labels, test, 3)
    expected = machine(train, labels, test, break_ties=True)
    assert np.array_equal(found.argmax(1), expected)
    assert 0.4 < (expected == true).mean() < 1  # neither chance nor an easy case
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)


def test_a_machine_of_two_classes_predicts_what_scikit_learn_predicts() -> None:
    train, labels, test, true = wine(2)
    found = functionals_svm.probabilities(train, labels, test, 2)
    expected = machine(train, labels, test, break_ties=False)
    assert np.array_equal(found.argmax(1), expected)
    assert 0.5 < (expected == true).mean() < 1
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("present", [2, 3])
def test_a_class_that_the_training_side_lacks_has_its_column_and_no_chance(present: int) -> None:
    train, labels, test, _ = wine(present)
    moved = np.array([0, 2, 3])[labels]  # class 1 of four is shown by nobody
    found = functionals_svm.probabilities(train, moved, test, 4)
    assert not found[:, 1].any()
    expected = machine(train, moved, test, break_ties=present > 2)
    assert np.array_equal(found.argmax(1), expected)


def test_the_machine_does_not_mind_the_scale_of_a_functional() -> None:
    train, labels, test, _ = wine(3)
    scale = np.array([10.0 ** (place % 5) for place in range(train.shape[1])], np.float32)
    before = functionals_svm.probabilities(train, labels, test, 3)
    after = functionals_svm.probabilities(train * scale, labels, test * scale, 3)
    np.testing.assert_allclose(after, before, atol=1e-4)
