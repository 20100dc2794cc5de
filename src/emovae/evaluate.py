"""A trained model is asked about a labelled corpus: another language, or one's own test set."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.answers import LEAST_KNOWN, Answers, are_known
from emovae.asked import Asked
from emovae.audio import Waveform
from emovae.corpora import Corpus
from emovae.errors import AudioError
from emovae.everyone import EVERYONE
from emovae.extraction import Problem, where
from emovae.handfuls import ahead, handfuls
from emovae.marks import mark, parted
from emovae.trained_ensemble import Heard, Trained, TrainedEnsemble
from emovae.utterance import Utterance


class Evaluation(NamedTuple):
    """What a model says of a corpus.

    Attributes:
        utterances: those that it could be asked about.
        labels: of each, in the model's words.
        answers: what is said of each.
        short: how many were filled up to a segment.
        failed: the recordings that could not be used.
        temperature: of what was said, see `answers.Answers`.
        temperature_alone: of those judged by themselves where others are judged on scales of their own; None where all
            are judged alike.
        notices: what a reader should know.
    """

    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    answers: Answers
    short: int
    failed: tuple[Problem, ...]
    temperature: float
    temperature_alone: float | None
    notices: tuple[str, ...]


class _Heard(NamedTuple):
    """A recording, or why there is none; without a label it is heard for its speaker's scale alone."""

    utterance: Utterance
    label: str | None
    waveform: Waveform | None
    problem: Problem | None = None
    mark: str = ""


def evaluated(
    model: Trained,
    corpus: Corpus,
    asked: Asked,
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    *,
    by_speaker: bool = False,
) -> Evaluation:
    """Asks a model about utterances, a handful in memory for each thread and two more.

    Args:
        model: who is asked.
        corpus: whence the sound comes.
        asked: which of its utterances.
        threads: how many recordings are decoded at once.
        progress: called with the recordings done and their number.
        by_speaker: whether an ensemble that has learned that judges people on scales of their own, which all that they
            say in the corpus sets.

    Raises:
        AudioError: when no recording can be used.
    """
    labels = dict(zip((utterance.id for utterance in asked.utterances), asked.labels, strict=True))
    people = model if by_speaker and isinstance(model, TrainedEnsemble) else None
    wanted = _of_their_speakers(corpus, asked) if people else asked.utterances
    told, failed, short, unheard = list[_Heard](), list[Problem](), 0, 0
    parts, kept = list[Answers](), list[Heard]()
    with ThreadPoolExecutor(threads) as pool:
        for some in ahead(pool, partial(_decoded, corpus, labels), handfuls(wanted), threads + 1):
            waveforms = [one.waveform for one in some if one.waveform is not None]
            if waveforms and people:
                kept.append(people.keep(waveforms))
            elif waveforms:
                parts.append(model.answer(waveforms))
            lengths = [len(one.waveform) for one in some if one.waveform is not None and one.label is not None]
            short += sum(length < model.least_samples for length in lengths)
            told += [one._replace(waveform=None) for one in some if one.problem is None]
            failed += [one.problem for one in some if one.problem is not None and one.label is not None]
            unheard += sum(one.problem is not None and one.label is None for one in some)
            progress(len(told) + len(failed) + unheard, len(wanted))
    tested = [one for one in told if one.label is not None]
    if not tested:
        raise AudioError(
            f"none of the {len(asked.utterances):,} recordings of {corpus.name} can be used: {failed[0].where}"
            f" {failed[0].why}"
        )
    speakers = [one.utterance.speaker for one in told]
    answers = people.answer_people(kept, speakers) if people else _joined(parts)
    places = [place for place, one in enumerate(told) if one.label is not None]
    known = are_known(speakers)[places] if people else np.zeros(len(places), bool)
    temperature, temperature_alone = _temperatures(model, known)
    return Evaluation(
        utterances=tuple(one.utterance for one in tested),
        labels=tuple(one.label for one in tested if one.label is not None),
        answers=answers.of(places),
        short=short,
        failed=tuple(failed),
        temperature=temperature,
        temperature_alone=temperature_alone,
        notices=(
            *_of_training(model, corpus, tested),
            *(_of_scales(tested, known) if people else ()),
            *([f"{unheard:,} recordings that are not asked about cannot be read, and set no scale"] if unheard else ()),
            *corpus.notices,
            *asked.notices,
        ),
    )


def _of_their_speakers(corpus: Corpus, asked: Asked) -> list[Utterance]:
    """All that the speakers of those that are asked about say: unlabelled speech sets a scale, too."""
    speakers = {utterance.speaker for utterance in asked.utterances}
    return [utterance for utterance in corpus.utterances if utterance.speaker in speakers]


def _temperatures(model: Trained, known: NDArray[np.bool_]) -> tuple[float, float | None]:
    """That of what was said; where only some are known, that of these, and that of the others."""
    if not known.any() or not isinstance(model, TrainedEnsemble) or model.by_speaker is None:
        return model.temperature, None
    return model.by_speaker.temperature, None if known.all() else model.temperature


def _decoded(corpus: Corpus, labels: dict[str, str], some: Sequence[Utterance]) -> list[_Heard]:
    return [_heard(corpus, utterance, labels.get(utterance.id)) for utterance in some]


def _heard(corpus: Corpus, utterance: Utterance, label: str | None) -> _Heard:
    try:
        return _Heard(utterance, label, corpus.waveform(utterance), mark=mark(corpus, utterance))
    except AudioError as error:
        place = where(utterance)
        why = str(error).removeprefix(f"{place} ")
        return _Heard(utterance, label, None, Problem(utterance.id, place, why))


def _joined(parts: Sequence[Answers]) -> Answers:
    columns: list[NDArray[np.float64]] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Answers(columns[0], columns[1].astype(np.float32), columns[2])


def _of_scales(tested: Sequence[_Heard], known: NDArray[np.bool_]) -> Iterator[str]:
    """How many are judged on a scale of their own."""
    speakers = [one.utterance.speaker for one in tested]
    people = len({name for name, is_known in zip(speakers, known, strict=True) if is_known})
    yield (
        f"{people:,} of the {len(set(speakers)):,} speakers are judged on a scale that all their recordings here set,"
        f" the tested ones, too; {(~known).sum():,} recordings are judged by themselves, of people with fewer than"
        f" {LEAST_KNOWN}"
    )


def _of_training(model: Trained, corpus: Corpus, told: Sequence[_Heard]) -> Iterator[str]:
    """A warning where the model has heard who is tested, or may have."""
    training = model.facts["training"]
    known = parted(training.get("recordings") or "")
    again = [one for one in told if one.mark in known]
    if again:
        people, speakers = {one.utterance.speaker for one in again}, {one.utterance.speaker for one in told}
        yield (
            f"{len(again):,} of the {len(told):,} recordings are such as the model learned from, and {len(people):,} of"
            f" the {len(speakers):,} speakers people whom it has heard: their figures say nothing of others"
        )
    elif training["corpus"] == corpus.name:
        fold = training["fold"]
        but = "" if fold == EVERYONE else f", unless {fold} holds them out"
        yield (
            f"the model was trained on a corpus of the name {corpus.name}, too: if it is this one, these figures are of"
            f" people whom it has heard{but}, and say nothing of others"
        )
