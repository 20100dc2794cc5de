"""Dependence against scikit-learn's figures, and chance against what a corpus of rooms and people does to it."""

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import adjusted_mutual_info_score, balanced_accuracy_score, mutual_info_score
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from emovae.chance import (
    LEAST_SHARE,
    MOST_P,
    SHUFFLES,
    Codes,
    Dependence,
    Recognition,
    crossed,
    dependence,
    numbered,
    recognition,
    shuffles,
)
from emovae.groups import speaker_groups


def drawn(seed: int, things: int, labels: int, count: int, share: float = 0.0) -> tuple[list[str], list[str]]:
    """Things and labels that go together in a share of all cases, and else by chance."""
    generator = np.random.default_rng(seed)
    thing = generator.integers(things, size=count)
    label = np.where(generator.random(count) < share, thing % labels, generator.integers(labels, size=count))
    return [f"t{one}" for one in thing], [f"l{one}" for one in label]


@pytest.mark.parametrize(("things", "labels", "share"), [(2, 2, 0.0), (7, 4, 0.3), (60, 4, 0.9), (3, 5, 1.0)])
def test_the_bits_are_scikit_learns(things: int, labels: int, share: float) -> None:
    thing, label = drawn(1, things, labels, 150, share)
    told = dependence(thing, label)
    assert told.bits == pytest.approx(mutual_info_score(thing, label) / np.log(2), abs=1e-9)
    assert told.entropy_bits == pytest.approx(mutual_info_score(label, label) / np.log(2), abs=1e-9)


@pytest.mark.parametrize(("things", "count"), [(4, 80), (40, 80), (10, 400)])
def test_chance_is_what_the_hypergeometric_model_expects(things: int, count: int) -> None:
    thing, label = drawn(2, things, 4, count, 0.5)
    expected = expected_mutual_information(contingency_matrix(thing, label, sparse=True), count) / np.log(2)
    assert dependence(thing, label).chance_bits == pytest.approx(expected, rel=0.1)  # three standard errors


def test_the_share_is_the_adjusted_mutual_information() -> None:
    thing, label = drawn(3, 12, 4, 240, 0.4)
    # The label has the lesser entropy, so "min" puts the same figure under the line.
    expected = adjusted_mutual_info_score(thing, label, average_method="min")
    assert dependence(thing, label).share == pytest.approx(expected, abs=0.01)
    assert 0.1 < expected < 0.5


def test_what_each_utterance_has_for_itself_tells_nothing_beyond_chance() -> None:
    _, label = drawn(4, 2, 4, 60)
    told = dependence([f"file {number}" for number in range(60)], label)
    assert told.bits == pytest.approx(told.entropy_bits)
    assert (told.share, told.p, told.found) == (0.0, 1.0, None)


def test_a_label_that_never_varies_is_told_by_nothing() -> None:
    told = dependence(["a", "b"] * 10, ["x"] * 20)
    assert (told.bits, told.entropy_bits, told.share, told.found) == (0.0, 0.0, 0.0, None)


def test_p_is_right_as_often_as_it_says() -> None:
    found = [dependence(*drawn(seed, 5, 3, 60)).p for seed in range(120)]
    assert 0.02 < np.mean(np.array(found) <= 0.1) < 0.19  # 0.1, and three standard errors
    assert min(found) >= 1 / (1 + SHUFFLES)


@pytest.mark.parametrize(
    ("share", "p", "found"),
    [(0.06, 0.005, True), (0.04, 0.005, False), (0.06, 0.02, False), (LEAST_SHARE, MOST_P, True)],
)
def test_found_is_what_is_large_and_not_by_chance(share: float, p: float, found: bool) -> None:
    assert Dependence(bits=2 * share + 1e-12, chance_bits=0.0, entropy_bits=2.0, p=p).found == found
    assert Recognition(ua=0.25 + 0.75 * share + 1e-12, chance_ua=0.25, p=p).found == found


def test_shuffled_labels_are_the_same_labels_and_the_same_each_time() -> None:
    labels = numbered(["a", "b", "b", "c"] * 5)
    for who in (None, ["ann", "bob"] * 10):
        once, again = (list(shuffles(labels, who)) for _ in range(2))
        assert len(once) == SHUFFLES
        assert all(Counter(one.tolist()) == Counter(labels.tolist()) for one in once)
        assert all(np.array_equal(one, two) for one, two in zip(once, again, strict=True))
        assert len({one.tobytes() for one in once}) > SHUFFLES / 2


def test_speakers_of_one_size_exchange_their_labels_whole() -> None:
    speakers = [f"s{place % 6}" for place in range(60)]
    labels = numbered([f"l{place % 6 // 2}" if place < 48 else "rare" for place in range(60)])
    who = numbered(speakers)

    def held(labels: Codes) -> list[list[int]]:
        return sorted(crossed(who, labels).tolist())

    assert all(held(one) == held(labels) for one in shuffles(labels, speakers))
    assert any(not np.array_equal(crossed(who, one), crossed(who, labels)) for one in shuffles(labels, speakers))


def rooms(seed: int) -> tuple[list[str], list[str], list[str]]:
    """Twelve people of one emotion each, who have eight utterances each in one of three rooms; all of that by lot."""
    generator = np.random.default_rng(seed)
    emotions, room = generator.permutation([0, 1, 2] * 4), generator.integers(3, size=12)
    people = np.repeat(np.arange(12), 8)
    return (
        [f"room {one}" for one in room[people]],
        [f"emotion {one}" for one in emotions[people]],
        [f"person {one}" for one in people],
    )


def test_a_room_for_each_person_is_not_taken_for_a_room_for_each_emotion() -> None:
    plainly, by_person = [], []
    for seed in range(60):
        room, emotion, person = rooms(seed)
        plainly.append(bool(dependence(room, emotion).found))
        by_person.append(bool(dependence(room, emotion, person).found))
    assert np.mean(plainly) > 0.5  # what who counts utterances would find
    assert np.mean(by_person) <= 0.05


def test_a_room_for_each_emotion_is_found_where_enough_people_were_in_it() -> None:
    _, emotion, person = rooms(0)
    assert dependence([one.replace("emotion", "room") for one in emotion], emotion, person).found


def spoken(seed: int, shift: float) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """Values that a label shifts, by eight speakers who shift them, too."""
    generator = np.random.default_rng(seed)
    labels, speakers = generator.integers(3, size=120), np.arange(120) % 8
    values = generator.standard_normal((120, 4)) + 2 * generator.standard_normal((8, 4))[speakers]
    values[:, 0] += shift * labels
    return values, [f"l{one}" for one in labels], [f"s{one}" for one in speakers]


def test_the_recogniser_is_judged_as_scikit_learn_would_judge_it() -> None:
    values, labels, speakers = spoken(5, 3.0)
    groups = speaker_groups(speakers, [str(one) for one in numbered(labels)], 5)
    fold_of = {name: number for number, group in enumerate(groups) for name in group}
    predicted = cross_val_predict(
        LinearDiscriminantAnalysis(), values, labels, cv=PredefinedSplit([fold_of[name] for name in speakers])
    )
    told = recognition(values, labels, speakers, LinearDiscriminantAnalysis)
    assert told.ua == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert told.found
    assert told.chance_ua == pytest.approx(1 / 3, abs=0.03)


def test_values_that_follow_the_speaker_alone_tell_nothing_of_others() -> None:
    told = recognition(*spoken(6, 0.0), LinearDiscriminantAnalysis)
    assert not told.found
    assert told.p > 0.05


def test_where_one_class_is_left_to_learn_from_it_is_named() -> None:
    values = np.arange(20, dtype=float)[:, None]
    told = recognition(values, ["a"] * 10 + ["b"] * 10, ["ann"] * 10 + ["bob"] * 10, LinearDiscriminantAnalysis)
    assert told.ua == 0.0
    assert not told.found


def test_a_single_class_is_no_finding() -> None:
    told = recognition(np.zeros((8, 1)), ["a"] * 8, ["ann", "bob"] * 4, LinearDiscriminantAnalysis)
    assert (told.ua, told.gain, told.found) == (1.0, 0.0, None)
