"""Who is learned from, who stops the learning, who is judged (`heldout` has the protocols).

No speaker is on two sides unless the name says so. Within the training side, whole speakers are set apart for early
stopping. Folds don't depend on the seed of an experiment, so that seeds can be compared.
"""

from collections.abc import Sequence
from contextlib import suppress

from emovae.errors import ProtocolError
from emovae.given_folds import GivenFolds, require_stated
from emovae.given_plan import given_plan
from emovae.heldout import APART, MIXED, SESSION_OUT, Row, Speech, Strata, held_out, sessions_apart
from emovae.plan import Fold, Plan, plan_of, stopping_speakers
from emovae.settings import Protocol
from emovae.utterance import Utterance

__all__ = ["Fold", "Plan", "plan_folds"]


def plan_folds(
    utterances: Sequence[Utterance],
    labels: Sequence[str | None],
    protocol: Protocol,
    strata: Strata | None = None,
    setting: str = "protocol",
    given: GivenFolds | None = None,
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
        given: the folds that others have made, where the protocol is `given`.

    Raises:
        ProtocolError: for fewer groups than folds, a class that only one held-out group shows, or no speakers to
            spare for validation; for folds that are given and not here, or that leave the task no side; the message
            names them and what would do.
    """
    require_stated(given, protocol)
    rows = [
        Row(place, utterance.speaker, label)
        for place, (utterance, label) in enumerate(zip(utterances, labels, strict=True))
        if label is not None
    ]
    if len({row.label for row in rows}) < 2:
        found = ", ".join(sorted({row.label for row in rows})) or "none"
        raise ProtocolError(f"{len(rows)} utterances with classes: {found}; a task needs two classes at least")
    speech = Speech(utterances, [[] if label is None else [label] for label in labels] if strata is None else strata)
    if given is not None:
        return given_plan(given, rows, speech, labels, protocol.validation)
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
    return plan_of(name, folds, speech.utterances, labels)


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
    remedy = "record more speakers of each class, or use fewer classes"
    stopping = stopping_speakers(others, speech, beside, share, name, remedy)
    in_task = {row.place for row in rows}
    return Fold(
        name=name,
        train=tuple(row.place for row in others if row.speaker not in stopping),
        validation=tuple(row.place for row in others if row.speaker in stopping),
        test=tuple(sorted(tested)),
        extra=tuple(i for i in beside if i not in in_task and utterances[i].speaker not in stopping),
        aside=tuple(i for i in beside if i not in in_task and utterances[i].speaker in stopping),
    )
