"""What a division of a corpus is, whoever made it: folds, and the name and fingerprint under which results are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from emovae.errors import ProtocolError
from emovae.files import fingerprint
from emovae.groups import choose_speakers
from emovae.heldout import Row, Speech, can_be_spared, few, said_by
from emovae.utterance import Utterance


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One division of a corpus. All members are indices into its utterances, ascending.

    Attributes:
        name: what is held out.
        train: what classifiers learn from.
        validation: for early stopping; whole speakers of the training side, unless the folds are given with it.
        test: what is judged.
        extra: utterances outside the task (another subset, another emotion) of people who are neither tested nor
            stop the learning; an autoencoder may learn from them, a CVAE from those whose condition is known. Where
            speakers are mixed, only those who stop the learning are kept out. In given folds: what is given to learn
            from and is outside the task.
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
        notices: what a reader should know of these folds.
    """

    protocol: str
    folds: tuple[Fold, ...]
    fingerprint: str
    notices: tuple[str, ...] = ()


def plan_of(
    protocol: str,
    folds: tuple[Fold, ...],
    utterances: Sequence[Utterance],
    labels: Sequence[str | None],
    notices: tuple[str, ...] = (),
) -> Plan:
    """A plan of these folds, with its fingerprint."""
    return Plan(protocol, folds, fingerprint([_identity(fold, utterances, labels) for fold in folds]), notices)


def stopping_speakers(
    rows: Sequence[Row], speech: Speech, beside: Sequence[int], share: float, fold: str, remedy: str
) -> set[str]:
    """Whole speakers, about `share` of the rows and of each class, that leave every class something to learn from.

    Args:
        rows: what could be learned from, within the task.
        speech: the corpus.
        beside: the same in the whole corpus, task or no task.
        share: between 0 and 1.
        fold: its name, for the message.
        remedy: what to do where nobody can be spared.

    Raises:
        ProtocolError: where nobody can be spared.
    """
    chosen = choose_speakers(*speech.counted(beside), share)
    if not can_be_spared(rows, said_by(rows, chosen)):
        chosen = choose_speakers([row.speaker for row in rows], [row.label for row in rows], share)
    if not chosen:
        speakers = sorted({row.speaker for row in rows})
        raise ProtocolError(
            f"when {fold} is tested, the {len(speakers)} training speakers ({few(speakers)}) cannot spare one for"
            f" early stopping without losing a class; {remedy}"
        )
    return set(chosen)


def _identity(fold: Fold, utterances: Sequence[Utterance], labels: Sequence[str | None]) -> list[object]:
    def ids(members: Sequence[int]) -> list[list[str | None]]:
        return [[utterances[index].id, labels[index]] for index in members]

    roles = {role: ids(getattr(fold, role)) for role in ("train", "validation", "test", "extra")}
    if fold.aside:
        roles["aside"] = ids(fold.aside)
    return [fold.name, roles]
