import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emovae.baselines import functionals_lda, functionals_svm, majority, speaker_oracle
from emovae.baselines.principal import Components

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


# Principal components


def mixed(count: int, values: int = 12, seed: int = 0) -> Values:
    """Correlated values, each with an offset of its own."""
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(values, values)) * np.geomspace(3, 0.1, values)[:, None]
    return (5 + generator.normal(size=(count, values)) @ mixing).astype(np.float32)


def test_components_are_those_of_the_singular_value_decomposition_up_to_sign() -> None:
    train, test = mixed(300), mixed(40, seed=1)
    centre = train.astype(np.float64).mean(0)
    _, _, directions = np.linalg.svd(train - centre, full_matrices=False)
    expected = (test - centre) @ directions[:5].T
    found = Components(train, 5).of(test)
    assert found.dtype == np.float32
    signs = np.sign((found * expected).sum(0))
    np.testing.assert_allclose(found, signs * expected, rtol=1e-3, atol=1e-3)


def test_what_components_leave_falls_with_every_one_of_them_to_nothing() -> None:
    train = mixed(300)
    centred = train.astype(np.float64) - train.astype(np.float64).mean(0)
    total, singular = np.square(centred).sum(), np.linalg.svd(centred, compute_uv=False)
    left = [total - np.square(Components(train, count).of(train).astype(np.float64)).sum() for count in range(1, 13)]
    np.testing.assert_allclose(left, [np.square(singular[count:]).sum() for count in range(1, 13)], atol=1e-3 * total)
    assert left == sorted(left, reverse=True)
    assert abs(left[-1]) < 1e-5 * total


@pytest.mark.parametrize(("segments", "values", "count"), [(300, 12, 12), (5, 12, 5), (300, 3, 3)])
def test_there_are_no_more_components_than_segments_and_values(segments: int, values: int, count: int) -> None:
    assert Components(mixed(segments, values), 128).of(mixed(7, values, seed=1)).shape == (7, count)


def test_components_of_what_never_moves_are_still_numbers() -> None:
    assert np.isfinite(Components(np.full((30, 12), 0.3, np.float32), 4).of(mixed(7))).all()


def test_components_do_not_depend_on_who_is_tested() -> None:
    fitted, test = Components(mixed(300), 4), mixed(40, seed=1)
    np.testing.assert_allclose(fitted.of(test[:1]), fitted.of(test)[:1], rtol=1e-5, atol=1e-5)


# The speaker's own classes


def test_the_speaker_oracle_names_the_class_shares_of_each_speaker() -> None:
    generator = np.random.default_rng(0)
    speakers, labels = generator.choice(["ann", "bob", "cai"], 60).tolist(), generator.integers(0, 3, 60)
    found = speaker_oracle.probabilities(speakers, labels, 4)
    assert found.dtype == np.float32
    assert found.shape == (60, 4)
    for place, speaker in enumerate(speakers):
        own = [label for label, name in zip(labels, speakers, strict=True) if name == speaker]
        assert found[place].tolist() == pytest.approx([own.count(label) / len(own) for label in range(4)], rel=1e-6)


def test_the_speaker_oracle_is_always_right_where_each_speaker_shows_one_class_and_else_as_often_as_can_be() -> None:
    speakers, labels = ["ann", "bob", "ann", "cai", "bob"], np.array([2, 0, 2, 1, 0])
    assert speaker_oracle.probabilities(speakers, labels, 3).argmax(1).tolist() == labels.tolist()
    alone = np.array([1, 1, 0, 1, 2])
    assert (speaker_oracle.probabilities(["ann"] * 5, alone, 3).argmax(1) == alone).mean() == 0.6


# The discriminant


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("wide", [1, 40])
def test_the_discriminant_is_scikit_learns(classes: int, wide: int) -> None:
    train, labels, test, _ = wine(classes)
    noise = np.random.default_rng(1)
    train, test = (
        np.hstack([side, *(side + noise.normal(0, 9, side.shape) for _ in range(wide - 1))]) for side in (train, test)
    )
    train[:, 3] = test[:, 3] = 7  # what never differs
    analysis = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    theirs = make_pipeline(StandardScaler(), analysis).fit(train, labels).predict_proba(test)
    found = functionals_lda.probabilities(train.astype(np.float32), labels, test.astype(np.float32), classes)
    np.testing.assert_allclose(found, theirs, atol=1e-4)


def test_a_dead_value_whose_last_digits_differ_says_nothing() -> None:
    train, labels, test, _ = wine(3)
    asked = np.hstack([test, np.full((len(test), 1), 1000)]).astype(np.float32)
    still = np.hstack([train, np.full((len(train), 1), 1000)]).astype(np.float32)
    expected = functionals_lda.probabilities(still, labels, asked, 3)
    label_in_last_digit = np.float32(1000) + labels[:, None] * np.spacing(np.float32(1000))
    dead = np.hstack([train, label_in_last_digit]).astype(np.float32)
    np.testing.assert_allclose(functionals_lda.probabilities(dead, labels, asked, 3), expected, atol=1e-6)
    nothing = functionals_lda.probabilities(np.zeros((6, 4), np.float32), np.array([0, 0, 0, 0, 1, 1]), asked[:, :4], 2)
    np.testing.assert_allclose(nothing, np.tile([[2 / 3, 1 / 3]], (len(asked), 1)), rtol=1e-6)


def test_a_class_with_one_row_spreads_as_all_rows_do() -> None:
    train, labels, test, _ = wine(2)
    labels[:] = 0
    labels[5] = 2
    found = functionals_lda.probabilities(train, labels, test, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert (found[:, 1] == 0).all()
    assert np.isfinite(found).all()
    alone = functionals_lda.probabilities(train[4:6], labels[4:6], test, 3)
    assert np.isfinite(alone).all()
