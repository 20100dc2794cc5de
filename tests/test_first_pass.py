"""The first of two passes: nobody is named by a classifier that learned from their own voice."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emovae.classifiers import LSTMClassifier
from emovae.errors import ProtocolError
from emovae.examples import Labelled
from emovae.first_pass import GROUPS, first_pass
from emovae.grid import Cell, Context
from emovae.latents import Sequences
from emovae.machine import Machine
from emovae.outputs import predict
from emovae.plan import Fold, Plan
from emovae.settings import Classifier
from emovae.training import train_classifier
from handmade import utterance, world

CLASSES = ("anger", "calm", "joy")
CELL = Cell("CVAE-LSTM", 0, 0, 0, "predicted", 4)
CPU = Machine()
FEATURES = 5
"""The first tells which utterance it is, the others something of its class."""


def context_of(train: str, *, unknown: Sequence[int] = (), unknown_stopping: bool = False) -> Context:
    """A world of one fold: so many training speakers as there are letters in turn, two more who stop, two tested.

    Everybody says six things, two of each class; of who is `unknown` nobody knows the class that a model is told.
    """
    speakers = [speaker for speaker in (*train, "Y", "Z", "S", "T") for _ in range(6)]
    labels = tuple(CLASSES[place % 3] for place in range(len(speakers)))
    learned = 6 * len(train)
    stopping, tested = tuple(range(learned, learned + 12)), tuple(range(learned + 12, learned + 24))
    out = {*unknown, *(stopping if unknown_stopping else ())}
    fold = Fold(name="fold", train=tuple(range(learned)), validation=stopping, test=tested, extra=())
    told = tuple(None if place in out else label for place, label in enumerate(labels))
    spoken = zip(speakers, labels, strict=True)
    context = world([utterance(place, name, label) for place, (name, label) in enumerate(spoken)], [])
    (task,) = context.tasks
    return context._replace(tasks=(replace(task, condition_labels=told, plan=Plan("by hand", (fold,), "0" * 16)),))


def sequences(members: Sequence[int]) -> Sequences:
    """Two to four steps of each, which tell the utterance in their first feature and lean to its class in others."""
    parts = []
    for member in members:
        noise = torch.randn(2 + member % 3, FEATURES, generator=torch.Generator().manual_seed(member))
        noise[:, 0] = member
        noise[:, 1 + member % 3] += 1.0
        parts.append(noise)
    return Sequences(torch.cat(parts), np.cumsum([0, *map(len, parts)], dtype=np.int64))


def members_of(some: Sequences) -> list[int]:
    return some.values[torch.from_numpy(some.starts[:-1]), 0].int().tolist()


class Lesson(NamedTuple):
    """One classifier, what it was taught, and whom it was asked of."""

    network: LSTMClassifier
    train: Labelled
    validation: Labelled
    number: str
    seed: int
    asked: list[int]


class Recorded:
    """Teaches real classifiers, small ones, and keeps what they were taught."""

    def __init__(self) -> None:
        self.lessons: list[Lesson] = []

    def __call__(self, train: Labelled, validation: Labelled, number: str, seed: int) -> LSTMClassifier:
        settings = Classifier(hidden=6, layers=1, epochs=2, learning_rate=0.05, batch_size=8)
        network = LSTMClassifier(FEATURES, len(CLASSES), settings, torch.Generator().manual_seed(seed % 1000))
        train_classifier(network, train, validation, settings, seed, CPU, lambda _epoch, _losses: None)
        asked: list[int] = []

        def hear(_network: nn.Module, read: tuple[Tensor, Tensor]) -> None:
            asked.extend(read[0][:, 0, 0].int().tolist())

        network.register_forward_pre_hook(hear)
        self.lessons.append(Lesson(network, train, validation, number, seed, asked))
        return network


def named(context: Context) -> tuple[list[Lesson], tuple[NDArray[np.int64], ...]]:
    fold, learn = context.fold(CELL), Recorded()
    sides = [sequences(side) for side in (fold.train, fold.validation, fold.test)]
    return learn.lessons, first_pass(context, CELL, sides, learn)


def speakers_of(context: Context, members: Sequence[int]) -> set[str]:
    return {context.frames.utterances[member].speaker for member in members}


def answer(lesson: Lesson, members: Sequence[int]) -> list[int]:
    found: list[int] = predict(lesson.network, sequences(members), CPU).argmax(1).tolist()
    return found


def test_nobody_who_is_learned_from_is_named_by_what_learned_from_their_speaker() -> None:
    context = context_of("ABCDE")
    train = context.fold(CELL).train
    (_, *lessons), (of_train, _, _) = named(context)
    assert len(lessons) == GROUPS
    for member in train:
        voice = context.frames.utterances[member].speaker
        (teacher,) = [one for one in lessons if voice not in speakers_of(context, members_of(one.train.sequences))]
        assert [int(of_train[train.index(member)])] == answer(teacher, [member])
    # They disagree, so that it matters who names.
    answers = [answer(lesson, train) for lesson in lessons]
    assert answers[0] != answers[1] != answers[2] != answers[0]


def test_the_groups_are_whole_speakers_and_each_is_left_out_once() -> None:
    context = context_of("ABCDEFG")
    train = context.fold(CELL).train
    lessons, _ = named(context)
    left_out = []
    for lesson in lessons[1:]:
        members = members_of(lesson.train.sequences)
        groups = speakers_of(context, members)
        left_out.append(set("ABCDEFG") - groups)
        # Everything of a speaker or nothing.
        assert members == [member for member in train if context.frames.utterances[member].speaker in groups]
    assert sorted(map(len, left_out)) == [2, 2, 3]
    assert set.union(*left_out) == set("ABCDEFG")


def test_who_stops_and_who_is_tested_is_named_by_what_learned_from_everybody() -> None:
    context = context_of("ABCDE")
    fold = context.fold(CELL)
    lessons, (_, of_validation, of_test) = named(context)
    assert members_of(lessons[0].train.sequences) == list(fold.train)
    assert of_validation.tolist() == answer(lessons[0], fold.validation)
    assert of_test.tolist() == answer(lessons[0], fold.test)
    for lesson in lessons[1:]:
        # While it learns it is judged by who stops it; it is never asked of who is tested.
        assert not set(lesson.asked) & set(fold.test)


def test_every_classifier_is_taught_the_labels_of_its_utterances_and_stopped_by_the_same_others() -> None:
    context = context_of("ABCD")
    fold = context.fold(CELL)
    lessons, _ = named(context)
    for lesson in lessons:
        assert lesson.train.labels.tolist() == [member % 3 for member in members_of(lesson.train.sequences)]
        assert members_of(lesson.validation.sequences) == list(fold.validation)
        assert lesson.validation.labels.tolist() == [member % 3 for member in fold.validation]
    assert [lesson.number for lesson in lessons] == ["1 of 4", "2 of 4", "3 of 4", "4 of 4"]
    assert len({lesson.seed for lesson in lessons}) == 4


def test_two_speakers_name_each_other() -> None:
    context = context_of("AB")
    lessons, _ = named(context)
    assert [speakers_of(context, members_of(lesson.train.sequences)) for lesson in lessons] in (
        [{"A", "B"}, {"A"}, {"B"}],
        [{"A", "B"}, {"B"}, {"A"}],
    )


def test_the_same_names_come_again_and_the_tested_labels_do_not_matter() -> None:
    first, again = (named(context_of("ABCDE"))[1] for _ in range(2))
    unknown = context_of("ABCDE", unknown=context_of("ABCDE").fold(CELL).test)
    for other in (again, named(unknown)[1]):
        for mine, theirs in zip(first, other, strict=True):
            assert np.array_equal(mine, theirs)


def test_who_has_no_class_to_be_told_teaches_nobody_and_is_yet_named_by_no_one_who_knows_their_voice() -> None:
    unknown = (0, 1, 7, 13, 20)
    context = context_of("ABCDE", unknown=unknown)
    train = context.fold(CELL).train
    (everyone, *lessons), (of_train, _, _) = named(context)
    for lesson in (everyone, *lessons):
        assert not set(members_of(lesson.train.sequences)) & set(unknown)
    for member in unknown:
        voice = context.frames.utterances[member].speaker
        (teacher,) = [one for one in lessons if voice not in speakers_of(context, members_of(one.train.sequences))]
        assert [int(of_train[train.index(member)])] == answer(teacher, [member])


def test_a_speaker_of_whom_no_class_is_known_is_named_by_what_learned_from_all_others() -> None:
    context = context_of("ABCDE", unknown=range(6))
    lessons, (of_train, _, _) = named(context)
    assert speakers_of(context, members_of(lessons[0].train.sequences)) == set("BCDE")
    assert of_train[:6].tolist() == answer(lessons[0], range(6))


def test_one_speaker_to_learn_from_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        ProtocolError, match=r"CVAE-LSTM, fold: .*predicted.* there is one speaker .*; use other"
    ) as told:
        named(context_of("A"))
    assert "fewer folds" in str(told.value)


@pytest.mark.parametrize("how", [{"unknown": range(12)}, {"unknown_stopping": True}])
def test_a_side_without_any_class_to_be_told_is_refused(how: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="nobody has an emotion to condition on; use condition=target"):
        named(context_of("AB", **how))
