"""Who is on two sides of a fold, told by number and name.

Folds that are made here share nobody unless their name says so. Those that others have made may, and are run as they
are: whoever reads the figures has to know.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from emovae.heldout import few
from emovae.utterance import Utterance


class Sides(NamedTuple):
    """The sides of a fold, as indices into the corpus.

    Attributes:
        fold: its name.
        learning: all that anything learns from.
        stopping: what stops the learning.
        tested: what is judged.
    """

    fold: str
    learning: Sequence[int]
    stopping: Sequence[int]
    tested: Sequence[int]


def speakers_mixed(utterances: Sequence[Utterance], folds: Sequence[Sides]) -> bool:
    """Whether somebody who is tested is learned from too, or stops the learning, in any fold."""
    return any(
        _speakers(utterances, fold.tested) & _speakers(utterances, [*fold.learning, *fold.stopping]) for fold in folds
    )


def sessions_kept_apart(utterances: Sequence[Utterance], folds: Sequence[Sides]) -> bool:
    """Whether all sessions are known, and none that is tested is on another side, in any fold."""
    used = {place for fold in folds for side in fold[1:] for place in side}
    return all(utterances[place].session is not None for place in used) and not any(
        _sessions(utterances, fold.tested) & _sessions(utterances, [*fold.learning, *fold.stopping]) for fold in folds
    )


def shared(utterances: Sequence[Utterance], fold: Sides) -> Iterator[str]:
    """A sentence for each pair of sides that share speakers, and for sessions that are tested and not alone.

    Args:
        utterances: the corpus.
        fold: its sides.
    """
    learning, stopping, tested = (_speakers(utterances, side) for side in (fold.learning, fold.stopping, fold.tested))
    for others, what in ((learning, "learned from, too"), (stopping, "among those who stop the learning")):
        if both := tested & others:
            theirs = sum(utterances[place].speaker in both for place in fold.tested)
            told = _counted(fold.fold, both, tested, "tested speakers", what)
            yield f"{told}, with {theirs} of the {len(fold.tested)} tested utterances"
    if both := stopping & learning:
        yield _counted(fold.fold, both, stopping, "speakers who stop the learning", "learned from, too")
    sessions = _sessions(utterances, fold.tested)
    if both := sessions & _sessions(utterances, [*fold.learning, *fold.stopping]):
        theirs = sum(utterances[place].session in both for place in fold.tested)
        told = _counted(fold.fold, both, sessions, "tested sessions", "on another side, too")
        yield f"{told}, with {theirs} of the {len(fold.tested)} tested utterances"


def _counted(fold: str, both: set[str], among: set[str], what: str, where: str) -> str:
    """How many of how many, and who.

    >>> _counted("fold 1", {"ann"}, {"ann", "bob"}, "tested speakers", "learned from, too")
    'fold 1: 1 of the 2 tested speakers is learned from, too (ann)'
    """
    return (
        f"{fold}: {len(both)} of the {len(among)} {what} {'is' if len(both) == 1 else 'are'} {where}"
        f" ({few(sorted(both))})"
    )


def _speakers(utterances: Sequence[Utterance], members: Sequence[int]) -> set[str]:
    return {utterances[member].speaker for member in members}


def _sessions(utterances: Sequence[Utterance], members: Sequence[int]) -> set[str]:
    return {session for member in members if (session := utterances[member].session) is not None}
