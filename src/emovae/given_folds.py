"""Folds that others have made, as roles of a corpus's utterances; `folds_file` reads what they wrote.

What a fold does not name has no part in it: neither is it tested, nor does anything learn from it, with labels or
without.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from emovae.config import Experiment
from emovae.errors import ConfigError, ProtocolError
from emovae.files import fingerprint
from emovae.heldout import few
from emovae.naming import Named, meant
from emovae.settings import Protocol
from emovae.utterance import Utterance

TRAIN, VALIDATION, TEST = "train", "validation", "test"


class Entry(NamedTuple):
    """What a file says of one utterance in one fold.

    Attributes:
        where: its place in the file, for messages.
        names: what it calls the utterance, see `naming`.
        fold: the fold.
        role: `train`, `validation` or `test`; None where it is tested in its fold and learned from in all others.
    """

    where: str
    names: tuple[str, ...]
    fold: str
    role: str | None


class GivenFold(NamedTuple):
    """One fold: its name, and the role of each utterance in it, by id."""

    name: str
    roles: Mapping[str, str]


class GivenFolds(NamedTuple):
    """A published division of a corpus.

    Attributes:
        file: the name of its file, without the folder.
        folds: in the order of their names.
        notices: how much of the corpus it names, and how.
        digest: a name of exactly these folds, in whatever form, order and words they were written.
    """

    file: str
    folds: tuple[GivenFold, ...]
    notices: tuple[str, ...]
    digest: str

    def stated_in(self, experiment: Experiment) -> Experiment:
        """The experiment with these folds in place of its own, for all targets.

        Raises:
            ConfigError: for the configuration of a run on other given folds.
        """
        for protocol in (experiment.protocol, experiment.dimensional_protocol):
            if protocol.kind == "given" and protocol.digest != self.digest:
                raise ConfigError(
                    f"{experiment.name} is the configuration of a run on {protocol.split}, digest {protocol.digest},"
                    f" and {self.file} holds other folds, digest {self.digest}; give --folds the file of that run, or"
                    " run the experiment file that the configuration came from"
                )
        stated = {"kind": "given", "split": self.file, "digest": self.digest}
        both = {name: getattr(experiment, name) for name in ("protocol", "dimensional_protocol")}
        return experiment.model_copy(update={name: one.model_copy(update=stated) for name, one in both.items()})


def require_stated(given: GivenFolds | None, protocol: Protocol) -> None:
    """Makes sure that a protocol and the folds that are given, if any, go together.

    Raises:
        ProtocolError: where they don't.
    """
    if given is None and protocol.kind == "given":
        raise ProtocolError(
            f"the folds are those of a file, {protocol.split}, digest {protocol.digest}; give it with --folds"
        )
    if given is not None and (protocol.kind, protocol.digest) != ("given", given.digest):
        raise ProtocolError(
            f"the folds of {given.file} are given, and the protocol is {protocol.split or protocol.kind}; run what"
            " `GivenFolds.stated_in` makes of the experiment"
        )


def given_folds(file: str, entries: Sequence[Entry], utterances: Sequence[Utterance]) -> GivenFolds:
    """Holds a published division against a corpus.

    Args:
        file: the name of its file, without the folder.
        entries: what it says.
        utterances: all of the corpus.

    Raises:
        ProtocolError: for names that mean no utterance or several, an utterance with two roles in a fold, a fold that
            tests nothing or learns from nothing; the message says how many there are, which, and what to do.

    >>> entries = [Entry("line 2", ("old/a.wav",), "1", "train"), Entry("line 3", ("b",), "1", "test")]
    >>> given_folds("split.csv", entries, [Utterance(id=name, audio=None, speaker="ann") for name in "abc"]).folds
    (GivenFold(name='fold 1', roles={'a': 'train', 'b': 'test'}),)
    """
    known = meant(file, [Named(entry.names, entry.where) for entry in entries], utterances)
    folds = _folds(file, entries, [one.id for one in known])
    _require_sides(file, folds)
    digest = fingerprint([[fold.name, dict(fold.roles)] for fold in folds])
    count = len({one.id for one in known})
    by_path = len({one.id for one in known if one.by_path})
    how = f", {by_path} of them by the name of the recording" if by_path else ""
    notices = [
        f"the folds are those of {file}, digest {digest}: {len(folds)} {'fold' if len(folds) == 1 else 'folds'} of"
        f" {count} utterances, all found in the corpus{how}"
    ]
    if left := len(utterances) - count:
        notices.append(
            f"{file} does not name {left} of the {len(utterances)} utterances of the corpus; they were left out"
        )
    tested = Counter(member for fold in folds for member, role in fold.roles.items() if role == TEST)
    if again := [times for times in tested.values() if times > 1]:
        notices.append(
            f"{file} tests {len(again)} of {len(tested)} utterances more than once, {sum(again)} times in all; each"
            " time counts as an utterance of its own"
        )
    if never := count - len(tested):
        notices.append(f"{file} never tests {never} of the {count} utterances that it names")
    return GivenFolds(file, folds, tuple(notices), digest)


def _folds(file: str, entries: Sequence[Entry], members: Sequence[str]) -> tuple[GivenFold, ...]:
    """The folds, once it is known who is meant."""
    roles: dict[str, dict[str, str]] = {}
    twice: dict[tuple[str, str], str] = {}
    for entry, member in zip(entries, members, strict=True):
        fold, role = _fold_name(entry.fold), entry.role or TEST
        before = roles.setdefault(fold, {}).setdefault(member, role)
        if before != role:
            twice.setdefault((fold, member), f"{member} is of {before} and of {role} in {fold} ({entry.where})")
    if twice:
        raise ProtocolError(
            f"{file} gives two roles in one fold to {len(twice)} utterances: {few(list(twice.values()))}; leave one"
            " role of each"
        )
    in_turn = [member for entry, member in zip(entries, members, strict=True) if entry.role is None]
    for fold in {_fold_name(entry.fold) for entry in entries if entry.role is None}:
        for member in in_turn:
            roles[fold].setdefault(member, TRAIN)
    return tuple(GivenFold(name, roles[name]) for name in sorted(roles, key=_natural))


def _require_sides(file: str, folds: Sequence[GivenFold]) -> None:
    lacking = []
    for fold in folds:
        held = list(fold.roles.values())
        counts = {role: held.count(role) for role in (TRAIN, VALIDATION, TEST)}
        if not counts[TRAIN] or not counts[TEST]:
            lacking.append(f"{fold.name} has " + ", ".join(f"{count} of {role}" for role, count in counts.items()))
    if lacking:
        raise ProtocolError(
            f"{len(lacking)} of {len(folds)} folds in {file} have nothing to learn from or nothing to test:"
            f" {'; '.join(lacking[:5])}; give each fold utterances of {TRAIN} and of {TEST}"
        )


def _fold_name(written: str) -> str:
    """One name for the same fold in all spellings.

    >>> _fold_name("1"), _fold_name("Fold_1"), _fold_name("Session1")
    ('fold 1', 'fold 1', 'fold Session1')
    """
    return f"fold {re.sub(r'^fold[ _.-]*(?=.)', '', written.strip(), flags=re.IGNORECASE)}"


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts `fold 2` before `fold 10`, by how long a number is: one of thousands of digits has no value in Python."""
    parts = re.split(r"(\d+)", name)
    return [(len(part.lstrip("0")), part.lstrip("0")) if part.isdecimal() else (-1, part) for part in parts]
