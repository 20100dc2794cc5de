"""Who is learned from, who stops the learning, who is judged (`heldout` has the protocols).

No speaker is on two sides unless the name says so. Within the training side, whole speakers are set apart for early
stopping. Folds don't depend on the seed of an experiment, so that seeds can be compared.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from emovae.config import Protocol
from emovae.errors import ProtocolError
from emovae.files import fingerprint
from emovae.groups import choose_speakers
from emovae.heldout import (
    APART,
    MIXED,
    SESSION_OUT,
    Row,
    Speech,
    Strata,
    can_be_spared,
    few,
    held_out,
    said_by,
    sessions_apart,
)
from emovae.utterance import Utterance


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One division of a corpus. All members are indices into its utterances, ascending.

    Attributes:
        name: what is held out.
        train: what classifiers learn from.
        validation: whole speakers of the training side, for early stopping.
        test: what is judged.
        extra: utterances outside the task (another subset, another emotion) of people who are neither tested nor
            stop the learning; an autoencoder may learn from them, a CVAE from those whose condition is known. Where
            speakers are mixed, only those who stop the learning are kept out.
        aside: the same of the people who stop the learning; they may stop an autoencoder.
    """

    name: str
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    extra: tuple[int, ...]
    aside: tuple[int, ...] = ()


class Plan(NamedTuple):
    """All folds of one task.

    Attributes:
        protocol: its name in the results.
        folds: see `Fold`.
        fingerprint: hash of the ids, labels and roles; two results are comparable when it is the same.
    """

    protocol: str
    folds: tuple[Fold, ...]
    fingerprint: str


def plan_folds(
    utterances: Sequence[Utterance],
    labels: Sequence[str | None],
    protocol: Protocol,
    strata: Strata | None = None,
    setting: str = "protocol",
) -> Plan:
    """Divides a corpus for one task.

    Args:
        utterances: the whole corpus.
        labels: the task's label of each utterance; None leaves it out of the task.
        protocol: what is held out.
        strata: the labels of each utterance in all tasks that should share their folds, so that what one of them
            learns without labels serves the others; None for this task alone. A task that cannot be divided as the
            others are is divided alone.
        setting: the name of the protocol in the configuration, for messages.

    Raises:
        ProtocolError: for fewer groups than folds, a class that only one held-out group shows, or no speakers to
            spare for validation; the message names them and what would do.
    """
    rows = [
        Row(place, utterance.speaker, label)
        for place, (utterance, label) in enumerate(zip(utterances, labels, strict=True))
        if label is not None
    ]
    if len({row.label for row in rows}) < 2:
        found = ", ".join(sorted({row.label for row in rows})) or "none"
        raise ProtocolError(f"{len(rows)} utterances with classes: {found}; a task needs two classes at least")
    speech = Speech(utterances, [[] if label is None else [label] for label in labels] if strata is None else strata)
    name, tested = held_out(speech, rows, protocol, setting)
    if MIXED not in name and name != SESSION_OUT and sessions_apart(speech, [test for _, test in tested]):
        with suppress(ProtocolError):  # too few speakers may be left to learn from
            return _plan(name + APART, tested, rows, speech, labels, protocol)
    return _plan(name, tested, rows, speech, labels, protocol)


def _plan(
    name: str,
    tested: Sequence[tuple[str, Sequence[Row]]],
    rows: Sequence[Row],
    speech: Speech,
    labels: Sequence[str | None],
    protocol: Protocol,
) -> Plan:
    folds = tuple(_fold(what, test, rows, speech, protocol.validation, name) for what, test in tested)
    return Plan(name, folds, fingerprint([_identity(fold, speech.utterances, labels) for fold in folds]))


def _fold(
    name: str,
    test: Sequence[Row],
    rows: Sequence[Row],
    speech: Speech,
    share: float,
    protocol: str,
) -> Fold:
    utterances = speech.utterances
    tested = {row.place for row in test}
    shut_out = set() if MIXED in protocol else {utterances[index].speaker for index in tested}
    apart = protocol == SESSION_OUT or protocol.endswith(APART)
    sessions = {utterances[index].session for index in tested} if apart else set()
    beside = [
        index
        for index, utterance in enumerate(utterances)
        if index not in tested and utterance.speaker not in shut_out and utterance.session not in sessions
    ]
    left = set(beside)
    others = [row for row in rows if row.place in left]
    if lacking := {row.label for row in test} - {row.label for row in others}:
        raise ProtocolError(f"when {name} is tested, no class {min(lacking)} is left to learn from; use fewer folds")
    stopping = _validation_speakers(others, speech, beside, share, name)
    in_task = {row.place for row in rows}
    return Fold(
        name=name,
        train=tuple(row.place for row in others if row.speaker not in stopping),
        validation=tuple(row.place for row in others if row.speaker in stopping),
        test=tuple(sorted(tested)),
        extra=tuple(i for i in beside if i not in in_task and utterances[i].speaker not in stopping),
        aside=tuple(i for i in beside if i not in in_task and utterances[i].speaker in stopping),
    )


def _validation_speakers(
    rows: Sequence[Row], speech: Speech, beside: Sequence[int], share: float, fold: str
) -> set[str]:
    """Whole speakers, about `share` of the rows and of each class, that leave every class something to learn from."""
    chosen = choose_speakers(*speech.counted(beside), share)
    if not can_be_spared(rows, said_by(rows, chosen)):
        chosen = choose_speakers([row.speaker for row in rows], [row.label for row in rows], share)
    if not chosen:
        speakers = sorted({row.speaker for row in rows})
        raise ProtocolError(
            f"when {fold} is tested, the {len(speakers)} training speakers ({few(speakers)}) cannot spare one for"
            " early stopping without losing a class; record more speakers of each class, or use fewer classes"
        )
    return set(chosen)


def _identity(fold: Fold, utterances: Sequence[Utterance], labels: Sequence[str | None]) -> list[object]:
    def ids(members: Sequence[int]) -> list[list[str | None]]:
        return [[utterances[index].id, labels[index]] for index in members]

    roles = {role: ids(getattr(fold, role)) for role in ("train", "validation", "test", "extra")}
    if fold.aside:
        roles["aside"] = ids(fold.aside)
    return [fold.name, roles]
