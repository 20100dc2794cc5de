"""Who is judged: the protocols.

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
| `given`           | what a file says, see `given_folds`                        | `5-given-folds`, with what is found |

Where speakers are held out and their sessions can be, too, nothing else of these is learned from, and the name ends in
`sessions-apart`: on IEMOCAP a speaker's partner, whose voice may be heard in the speaker's recordings.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from emovae.errors import ProtocolError
from emovae.groups import choose_speakers, speaker_groups
from emovae.seeds import seed_for
from emovae.settings import Protocol
from emovae.utterance import Utterance

SESSION_OUT = "leave-one-session-out"
MIXED = "speakers-mixed"
APART = "-sessions-apart"
NAMED = 5
"""So many speakers are named in a message."""


class Row(NamedTuple):
    """One utterance of a task: its place in the corpus, its speaker, its class."""

    place: int
    speaker: str
    label: str


Strata = Sequence[Sequence[str]]
"""The kinds that each utterance counts among; speakers are divided so that every side has its share of each kind."""


class Speech(NamedTuple):
    """A whole corpus, and what each utterance counts among, task or no task."""

    utterances: Sequence[Utterance]
    strata: Strata

    def counted(self, members: Iterable[int]) -> tuple[list[str], list[str]]:
        """Speaker and stratum, once for each stratum that an utterance counts among."""
        pairs = [(self.utterances[member].speaker, name) for member in members for name in self.strata[member]]
        return [speaker for speaker, _ in pairs], [name for _, name in pairs]


def held_out(
    speech: Speech, rows: Sequence[Row], protocol: Protocol, setting: str
) -> tuple[str, list[tuple[str, list[Row]]]]:
    """The protocol's name, and the name and rows of what each fold tests.

    Args:
        speech: the corpus.
        rows: the task's utterances.
        protocol: what is held out.
        setting: the name of the protocol in the configuration, for messages.

    Raises:
        ProtocolError: see `folds.plan_folds`.
    """
    kind, count = protocol.kind, protocol.folds
    names, labels = [row.speaker for row in rows], [row.label for row in rows]
    sessions = [speech.utterances[row.place].session for row in rows]
    everyone = speech.counted(range(len(speech.utterances)))
    if kind in ("session", "leave-one-out") and any(sessions):
        return SESSION_OUT, _by_group(rows, _checked_sessions(rows, sessions, setting), "session")
    if kind in ("speaker", "leave-one-out"):
        _check_speakers(rows, 3, "one to test, one to stop the learning, one to learn from", setting)
        return "leave-one-speaker-out", _by_group(rows, names, "speaker")
    if kind in ("session", "speakers"):
        _check_speakers(rows, max(3, count), f"{count} groups of whole speakers", setting)
        groups = [said_by(rows, group) for group in speaker_groups(*everyone, count)]
        if not all(can_be_spared(rows, group) for group in groups):
            groups = [said_by(rows, group) for group in speaker_groups(names, labels, count)]
        numbered = [(f"group {number} of {count}", group) for number, group in enumerate(groups, start=1)]
        return f"{count}-groups-of-speakers", numbered
    if kind == "held-out":
        _check_speakers(rows, 3, "one to test, one to stop the learning, one to learn from", setting)
        tested = said_by(rows, choose_speakers(*everyone, protocol.share))
        if not can_be_spared(rows, tested):
            tested = said_by(rows, choose_speakers(names, labels, protocol.share))
        return f"{len(tested) / len(rows):.0%}-held-out-by-speaker", [("held-out speakers", tested)]
    if kind == "contiguous":
        return f"{count}-contiguous-folds-{MIXED}", list(_blocks(rows, count))
    shuffled = [rows[order] for order in np.random.default_rng(seed_for(0, "folds")).permutation(len(rows))]
    if kind == "random":
        return f"{count}-random-folds-{MIXED}", list(_blocks(shuffled, count))
    tested_rows = max(1, round(protocol.share * len(rows)))
    return f"{protocol.share:.0%}-held-out-{MIXED}", [("a random share", shuffled[:tested_rows])]


def sessions_apart(speech: Speech, tested: Iterable[Sequence[Row]]) -> bool:
    """Whether what else was recorded with the tested speakers can be left out of learning.

    It should be: who shares a session shares a scene, a room, and now and then a recording. It can where every speaker
    belongs to one session, and no fold's sessions are more than half of all.
    """
    sessions = {(utterance.speaker, utterance.session) for utterance in speech.utterances}
    if any(session is None for _, session in sessions) or len(dict(sessions)) < len(sessions):
        return False
    count = len({session for _, session in sessions})
    return all(2 * len({speech.utterances[row.place].session for row in rows}) <= count for rows in tested)


def can_be_spared(rows: Sequence[Row], some: Sequence[Row]) -> bool:
    """Whether there are some, and the others still show every class."""
    spared = {row.place for row in some}
    left = {row.label for row in rows if row.place not in spared}
    return bool(some) and left == {row.label for row in rows}


def _by_group(rows: Sequence[Row], groups: Sequence[str], what: str) -> list[tuple[str, list[Row]]]:
    names = sorted(set(groups))
    if len(names) < 2:
        raise ProtocolError(f"one {what} only ({names[0]}): nobody is left to learn from; use another protocol.kind")
    _check_classes(rows, groups, what)
    return [
        (f"{what} {name}", [row for row, group in zip(rows, groups, strict=True) if group == name]) for name in names
    ]


def _check_classes(rows: Sequence[Row], groups: Sequence[str], what: str) -> None:
    for label in sorted({row.label for row in rows}):
        showing = {group for row, group in zip(rows, groups, strict=True) if row.label == label}
        if len(showing) == 1:
            raise ProtocolError(
                f"class {label} is shown by one {what} only ({showing.pop()}): when that {what} is tested, nothing"
                f" is left to learn the class from; leave it out with --set 'classes=[...]' or record more {what}s"
            )


def _checked_sessions(rows: Sequence[Row], sessions: Sequence[str | None], setting: str) -> list[str]:
    named = [session for session in sessions if session is not None]
    if len(named) < len(rows):
        raise ProtocolError(
            f"{len(rows) - len(named)} of {len(rows)} utterances name no session; fill them in, or use"
            f" --set {setting}.kind=speakers"
        )
    heard: dict[str, set[str]] = {}
    for row, session in zip(rows, named, strict=True):
        heard.setdefault(row.speaker, set()).add(session)
    if several := {speaker: sorted(among) for speaker, among in heard.items() if len(among) > 1}:
        speaker, among = next(iter(several.items()))
        raise ProtocolError(
            f"{len(several)} of {len(heard)} speakers are heard in more than one session (the first is {speaker}, in"
            f" {few(among)}), so leaving a session out would not leave its speakers out; use"
            f" --set {setting}.kind=speakers"
        )
    return named


def _check_speakers(rows: Sequence[Row], count: int, use: str, setting: str) -> None:
    speakers = sorted({row.speaker for row in rows})
    if len(speakers) < count:
        fewer = f", or use --set {setting}.folds={len(speakers)} or fewer" if len(speakers) >= 3 else ""
        raise ProtocolError(
            f"{count} speakers are needed ({use}), and there are {len(speakers)} ({few(speakers)}); record more{fewer}"
        )
    _check_classes(rows, [row.speaker for row in rows], "speaker")


def few(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def said_by(rows: Sequence[Row], speakers: Sequence[str]) -> list[Row]:
    """What these speakers say."""
    return [row for row in rows if row.speaker in speakers]


def _blocks(rows: Sequence[Row], count: int) -> Iterator[tuple[str, list[Row]]]:
    if len(rows) < count:
        raise ProtocolError(f"{count} folds need {count} utterances, and there are {len(rows)}; use fewer folds")
    edges = np.linspace(0, len(rows), count + 1).round().astype(int)
    for number, (start, stop) in enumerate(pairwise(edges), start=1):
        yield f"block {number}", list(rows[start:stop])
