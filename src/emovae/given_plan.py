"""Folds that others have made, as a plan of one task: taken as they are, and it is told what they share.

| what is found                                                       | the protocol's name            |
|---------------------------------------------------------------------|--------------------------------|
| somebody who is tested is learned from or stops the learning, too   | `5-given-folds-speakers-mixed` |
| nobody, and all sessions are known and kept apart                   | `5-given-folds-sessions-apart` |
| nobody                                                              | `5-given-folds`                |
"""

from collections.abc import Sequence

from emovae.errors import ProtocolError
from emovae.given_folds import TEST, TRAIN, VALIDATION, GivenFold, GivenFolds
from emovae.heldout import APART, MIXED, Row, Speech, few, said_by
from emovae.plan import Fold, Plan, plan_of, stopping_speakers
from emovae.sharing import Sides, sessions_kept_apart, shared, speakers_mixed


def given_plan(
    given: GivenFolds, rows: Sequence[Row], speech: Speech, labels: Sequence[str | None], share: float
) -> Plan:
    """The plan of a task on given folds.

    Args:
        given: the folds.
        rows: the task's utterances.
        speech: the corpus.
        labels: the task's label of each of its utterances, or None.
        share: of each training side, in whole speakers, for early stopping where a fold sets nothing aside for that.

    Raises:
        ProtocolError: for a fold that leaves the task nothing to test or to learn from, a class that is tested and not
            learned from, or nobody to spare for early stopping.
    """
    utterances = speech.utterances
    folds = tuple(_fold(one, rows, speech, share, given.file) for one in given.folds)
    sides = [_sides(fold, one) for fold, one in zip(folds, given.folds, strict=True)]
    name = f"{len(folds)}-given-{'fold' if len(folds) == 1 else 'folds'}"
    if speakers_mixed(utterances, sides):
        name += f"-{MIXED}"
    elif sessions_kept_apart(utterances, sides):
        name += APART
    return plan_of(name, folds, utterances, labels, tuple(told for one in sides for told in shared(utterances, one)))


def _sides(fold: Fold, given: GivenFold) -> Sides:
    """All that is on each side; whoever was not given to stop the learning is of the training side."""
    learning, stopping = (*fold.train, *fold.extra), (*fold.validation, *fold.aside)
    if VALIDATION not in given.roles.values():
        learning, stopping = (*learning, *stopping), ()
    return Sides(fold.name, learning, stopping, fold.test)


def _fold(given: GivenFold, rows: Sequence[Row], speech: Speech, share: float, file: str) -> Fold:
    role_of = [given.roles.get(utterance.id) for utterance in speech.utterances]
    train, stopping, test = ([row for row in rows if role_of[row.place] == role] for role in (TRAIN, VALIDATION, TEST))
    _require_learnable(given.name, train, test, file)
    spared: set[str] = set()
    if not stopping:
        beside = [place for place, role in enumerate(role_of) if role == TRAIN]
        remedy = f"give some utterances of {given.name} the role {VALIDATION} in {file}"
        spared = stopping_speakers(train, speech, beside, share, given.name, remedy)
        stopping = said_by(train, [*spared])
        train = [row for row in train if row.speaker not in spared]
    in_task = {row.place for row in rows}
    others = [place for place, role in enumerate(role_of) if role in (TRAIN, VALIDATION) and place not in in_task]
    stops = {place for place in others if role_of[place] == VALIDATION or speech.utterances[place].speaker in spared}
    return Fold(
        name=given.name,
        train=tuple(row.place for row in train),
        validation=tuple(row.place for row in stopping),
        test=tuple(row.place for row in test),
        extra=tuple(place for place in others if place not in stops),
        aside=tuple(place for place in others if place in stops),
    )


def _require_learnable(name: str, train: Sequence[Row], test: Sequence[Row], file: str) -> None:
    learned = sorted({row.label for row in train})
    if not test or len(learned) < 2:
        raise ProtocolError(
            f"{name} of {file} has {len(test)} utterances of the task to test, and {len(train)} to learn from, of"
            f" {', '.join(learned) or 'no class'}; a fold needs some of each, and two classes: leave out the subset or"
            " target that lacks them (--set subsets=..., targets=...), or take the fold out of the file"
        )
    if lacking := sorted({row.label for row in test} - set(learned)):
        concerned = sum(row.label in lacking for row in test)
        raise ProtocolError(
            f"{name} of {file} tests {concerned} utterances of {few(lacking)} and has none to learn from; leave that"
            " class out with --set 'classes=[...]', or mend the file"
        )
