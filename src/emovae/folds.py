"""Who is learned from, who stops the learning, who is judged.

| kind              | what is held out                                           | name in the results                 |
|-------------------|------------------------------------------------------------|-------------------------------------|
| `session`         | each session in turn; without sessions, groups of speakers | `leave-one-session-out`             |
| `speaker`         | each speaker in turn                                       | `leave-one-speaker-out`             |
| `leave-one-out`   | each session where there is one, each speaker otherwise    | either of those                     |
| `speakers`        | groups of whole speakers, balanced by size and class       | `5-groups-of-speakers`              |
| `held-out`        | whole speakers, about a share of each class                | `10%-held-out-by-speaker`           |
| `contiguous`      | blocks of rows in the corpus's order                       | `10-contiguous-folds-speakers-mixed`|
| `random`          | shuffled rows                                              | `10-random-folds-speakers-mixed`    |
| `held-out-random` | a share of shuffled rows                                   | `10%-held-out-speakers-mixed`       |

No speaker is on two sides unless the name says so. Within the training side, whole speakers are set apart for early
stopping. Folds don't depend on the seed of an experiment, so that seeds can be compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from emovae.config import Protocol
from emovae.errors import ProtocolError
from emovae.files import fingerprint
from emovae.groups import choose_speakers, speaker_groups
from emovae.seeds import seed_for
from emovae.utterance import Utterance

SESSION_OUT = "leave-one-session-out"
MIXED = "speakers-mixed"
NAMED = 5
"""So many speakers are named in a message."""


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
    """

    name: str
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    extra: tuple[int, ...]


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


class _Row(NamedTuple):
    place: int
    speaker: str
    label: str


def plan_folds(utterances: Sequence[Utterance], labels: Sequence[str | None], protocol: Protocol) -> Plan:
    """Divides a corpus for one task.

    Args:
        utterances: the whole corpus.
        labels: the task's label of each utterance; None leaves it out of the task.
        protocol: what is held out.

    Raises:
        ProtocolError: for fewer groups than folds, a class that only one held-out group shows, or no speakers to
            spare for validation; the message names them and what would do.
    """
    rows = [
        _Row(place, utterance.speaker, label)
        for place, (utterance, label) in enumerate(zip(utterances, labels, strict=True))
        if label is not None
    ]
    if len({row.label for row in rows}) < 2:
        found = ", ".join(sorted({row.label for row in rows})) or "none"
        raise ProtocolError(f"{len(rows)} utterances with classes: {found}; a task needs two classes at least")
    name, held_out = _held_out(utterances, rows, protocol)
    folds = tuple(_fold(what, test, rows, utterances, protocol.validation, name) for what, test in held_out)
    return Plan(name, folds, fingerprint([_identity(fold, utterances, labels) for fold in folds]))


def _held_out(
    utterances: Sequence[Utterance], rows: Sequence[_Row], protocol: Protocol
) -> tuple[str, list[tuple[str, list[_Row]]]]:
    """The protocol's name, and what each fold tests."""
    kind, count = protocol.kind, protocol.folds
    names, labels = [row.speaker for row in rows], [row.label for row in rows]
    sessions = [utterances[row.place].session for row in rows]
    if kind in ("session", "leave-one-out") and any(sessions):
        return SESSION_OUT, _by_group(rows, _checked_sessions(rows, sessions), "session")
    if kind in ("speaker", "leave-one-out"):
        _check_speakers(rows, 3, "one to test, one to stop the learning, one to learn from")
        return "leave-one-speaker-out", _by_group(rows, names, "speaker")
    if kind in ("session", "speakers"):
        _check_speakers(rows, max(3, count), f"{count} groups of whole speakers")
        groups = [_said_by(rows, group) for group in speaker_groups(names, labels, count)]
        numbered = [(f"group {number} of {count}", group) for number, group in enumerate(groups, start=1)]
        return f"{count}-groups-of-speakers", numbered
    if kind == "held-out":
        _check_speakers(rows, 3, "one to test, one to stop the learning, one to learn from")
        tested = _said_by(rows, choose_speakers(names, labels, protocol.share))
        return f"{len(tested) / len(rows):.0%}-held-out-by-speaker", [("held-out speakers", tested)]
    if kind == "contiguous":
        return f"{count}-contiguous-folds-{MIXED}", list(_blocks(rows, count))
    shuffled = [rows[order] for order in np.random.default_rng(seed_for(0, "folds")).permutation(len(rows))]
    if kind == "random":
        return f"{count}-random-folds-{MIXED}", list(_blocks(shuffled, count))
    tested_rows = max(1, round(protocol.share * len(rows)))
    return f"{protocol.share:.0%}-held-out-{MIXED}", [("a random share", shuffled[:tested_rows])]


def _by_group(rows: Sequence[_Row], groups: Sequence[str], what: str) -> list[tuple[str, list[_Row]]]:
    names = sorted(set(groups))
    if len(names) < 2:
        raise ProtocolError(f"one {what} only ({names[0]}): nobody is left to learn from; use another protocol.kind")
    _check_classes(rows, groups, what)
    return [
        (f"{what} {name}", [row for row, group in zip(rows, groups, strict=True) if group == name]) for name in names
    ]


def _check_classes(rows: Sequence[_Row], groups: Sequence[str], what: str) -> None:
    for label in sorted({row.label for row in rows}):
        showing = {group for row, group in zip(rows, groups, strict=True) if row.label == label}
        if len(showing) == 1:
            raise ProtocolError(
                f"class {label} is shown by one {what} only ({showing.pop()}): when that {what} is tested, nothing"
                f" is left to learn the class from; leave it out with --set 'classes=[...]' or record more {what}s"
            )


def _checked_sessions(rows: Sequence[_Row], sessions: Sequence[str | None]) -> list[str]:
    named = [session for session in sessions if session is not None]
    if len(named) < len(rows):
        raise ProtocolError(
            f"{len(rows) - len(named)} of {len(rows)} utterances name no session; fill them in, or use"
            " --set protocol.kind=speakers"
        )
    heard: dict[str, set[str]] = {}
    for row, session in zip(rows, named, strict=True):
        heard.setdefault(row.speaker, set()).add(session)
    if several := {speaker: sorted(among) for speaker, among in heard.items() if len(among) > 1}:
        speaker, among = next(iter(several.items()))
        raise ProtocolError(
            f"{len(several)} of {len(heard)} speakers are heard in more than one session (the first is {speaker}, in"
            f" {_few(among)}), so leaving a session out would not leave its speakers out; use"
            " --set protocol.kind=speakers"
        )
    return named


def _check_speakers(rows: Sequence[_Row], count: int, use: str) -> None:
    speakers = sorted({row.speaker for row in rows})
    if len(speakers) < count:
        fewer = f", or use --set protocol.folds={len(speakers)} or fewer" if len(speakers) >= 3 else ""
        raise ProtocolError(
            f"{count} speakers are needed ({use}), and there are {len(speakers)} ({_few(speakers)}); record more{fewer}"
        )
    _check_classes(rows, [row.speaker for row in rows], "speaker")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _said_by(rows: Sequence[_Row], speakers: Sequence[str]) -> list[_Row]:
    return [row for row in rows if row.speaker in speakers]


def _blocks(rows: Sequence[_Row], count: int) -> Iterator[tuple[str, list[_Row]]]:
    if len(rows) < count:
        raise ProtocolError(f"{count} folds need {count} utterances, and there are {len(rows)}; use fewer folds")
    edges = np.linspace(0, len(rows), count + 1).round().astype(int)
    for number, (start, stop) in enumerate(pairwise(edges), start=1):
        yield f"block {number}", list(rows[start:stop])


def _fold(
    name: str,
    test: Sequence[_Row],
    rows: Sequence[_Row],
    utterances: Sequence[Utterance],
    share: float,
    protocol: str,
) -> Fold:
    tested = {row.place for row in test}
    others = [row for row in rows if row.place not in tested]
    if lacking := {row.label for row in test} - {row.label for row in others}:
        raise ProtocolError(f"when {name} is tested, no class {min(lacking)} is left to learn from; use fewer folds")
    stopping = _validation_speakers(others, share, name)
    shut_out = set() if MIXED in protocol else {utterances[index].speaker for index in tested}
    sessions = {utterances[index].session for index in tested} if protocol == SESSION_OUT else set()
    in_task = {row.place for row in rows}
    extra = (
        index
        for index, utterance in enumerate(utterances)
        if index not in in_task and utterance.speaker not in shut_out | stopping and utterance.session not in sessions
    )
    return Fold(
        name=name,
        train=tuple(row.place for row in others if row.speaker not in stopping),
        validation=tuple(row.place for row in others if row.speaker in stopping),
        test=tuple(sorted(tested)),
        extra=tuple(extra),
    )


def _validation_speakers(rows: Sequence[_Row], share: float, fold: str) -> set[str]:
    """Whole speakers, about `share` of the rows and of each class, that leave every class something to learn from."""
    chosen = choose_speakers([row.speaker for row in rows], [row.label for row in rows], share)
    if not chosen:
        speakers = sorted({row.speaker for row in rows})
        raise ProtocolError(
            f"when {fold} is tested, the {len(speakers)} training speakers ({_few(speakers)}) cannot spare one for"
            " early stopping without losing a class; record more speakers of each class, or use fewer classes"
        )
    return set(chosen)


def _identity(fold: Fold, utterances: Sequence[Utterance], labels: Sequence[str | None]) -> list[object]:
    def ids(members: Sequence[int]) -> list[list[str | None]]:
        return [[utterances[index].id, labels[index]] for index in members]

    roles = {role: ids(getattr(fold, role)) for role in ("train", "validation", "test", "extra")}
    return [fold.name, roles]
