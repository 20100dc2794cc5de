"""What follows for the numbers: how they differ between two ways to divide a corpus, and between two normalisations.

A support vector machine on functionals of log-mel frames learns on the folds that an experiment would have, and on as
many folds of random utterances. It reaches what the baseline `functionals-SVM` reaches there.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae import normalise
from emovae.audited import Answer, Figures, percent
from emovae.baselines import functionals_svm
from emovae.chance import Dependence
from emovae.config import Normalise
from emovae.corpora import Corpus
from emovae.errors import ProtocolError
from emovae.folds import Fold
from emovae.frames import CorpusFrames
from emovae.functionals import functionals
from emovae.labels import LabelMapping
from emovae.metrics import Scores, confusion_matrix, scores
from emovae.presets import resolve
from emovae.seeds import seed_for
from emovae.tasks import Task, tasks_of

GROUPS = 5
LITTLE = 0.02
"""Two figures that differ by less are said to be alike."""
SPLIT = "does a random split differ from one that keeps speakers whole?"
NORMALISATION = "would normalising over each speaker erase the emotion?"


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The emotions of a corpus, to be told with whole speakers held out, and with random utterances.

    Attributes:
        apart: None where the speakers cannot be divided.
        mixed: the same.
        why: why they cannot.
    """

    apart: Task | None = None
    mixed: Task | None = None
    why: str = ""


MOST_LEARNED, MOST_TESTED = 5000, 2000
"""Of more utterances so many of each side are taken: what the machine costs grows with their square."""


class Reached(NamedTuple):
    """What the machine reaches.

    Attributes:
        protocol: how speakers are held out.
        apart: with whole speakers held out.
        mixed: with random utterances held out.
        per_speaker: as `apart`, with frames normalised over each speaker.
        some: whether there were more utterances than are taken.
    """

    protocol: str
    apart: Scores
    mixed: Scores
    per_speaker: Scores
    some: bool = False


def divided(corpus: Corpus, frames: CorpusFrames, mapping: LabelMapping) -> Splits:
    """Divides the utterances of the frames; by sessions where there are such, else into groups of speakers."""
    count = len({utterance.speaker for utterance in frames.utterances})

    def task(**protocol: str | int) -> Task:
        experiment = resolve({"name": "audit", "mapping": mapping, "protocol": protocol})
        return tasks_of(experiment, corpus, frames.utterances)[0]

    try:
        try:
            apart = task(kind="session")
        except ProtocolError:
            apart = task(kind="speakers", folds=max(2, min(GROUPS, count)))
        return Splits(apart=apart, mixed=task(kind="random", folds=len(apart.plan.folds)))
    except ProtocolError as error:
        return Splits(why=str(error).partition("; ")[0])


def reached(frames: CorpusFrames, apart: Task, mixed: Task, jobs: int = 1) -> Reached:
    """What the machine reaches; `jobs` machines learn at once.

    It scales what it reads by the training side, so the frames need no scale of the training side before.
    """
    sides = [[_sides(fold) for fold in task.plan.folds] for task in (apart, mixed)]
    needed = sorted({member for folds in sides for fold in folds for side in fold for member in side})
    plain, per_speaker = (_vectors(frames, needed, how) for how in ("none", "speaker"))
    with ThreadPoolExecutor(jobs) as pool:
        learned = [
            [pool.submit(_confusion, task, fold, np.array(needed), vectors) for fold in folds]
            for task, folds, vectors in (
                (apart, sides[0], plain),
                (mixed, sides[1], plain),
                (apart, sides[0], per_speaker),
            )
        ]
        whole, random, scaled = (scores(np.sum([one.result() for one in folds], 0)) for folds in learned)
    some = any(len(train) == MOST_LEARNED or len(test) == MOST_TESTED for folds in sides for train, test in folds)
    return Reached(apart.plan.protocol, whole, random, scaled, some)


def _sides(fold: Fold) -> tuple[list[int], list[int]]:
    """Who is learned from and who is tested; of many some, by lot and always the same."""
    return _some(learned_from(fold), MOST_LEARNED), _some(fold.test, MOST_TESTED)


def _some(members: Sequence[int], most: int) -> list[int]:
    if len(members) <= most:
        return list(members)
    # At equal distances one class might be all that is met: corpora are listed in many an order.
    chosen = np.random.default_rng(seed_for(0, "audit")).choice(len(members), most, replace=False)
    return [members[place] for place in sorted(chosen.tolist())]


def learned_from(fold: Fold) -> tuple[int, ...]:
    """The machine stops at nothing, so it learns from the speakers set apart for that, too."""
    return (*fold.train, *fold.validation)


def _vectors(frames: CorpusFrames, members: Sequence[int], how: Normalise) -> NDArray[np.float32]:
    """Functionals of each of these utterances, [member, value]."""
    return np.stack([functionals(rows) for rows in normalise.fit(frames, (), how).each(members)])


def _confusion(
    task: Task, sides: tuple[list[int], list[int]], members: NDArray[np.int64], vectors: NDArray[np.float32]
) -> NDArray[np.int64]:
    train, test = sides
    learned, asked = (vectors[np.searchsorted(members, side)] for side in sides)
    found = functionals_svm.probabilities(learned, task.numbers(train), asked, len(task.classes))
    named = [task.classes[place] for place in found.argmax(axis=1)]
    return confusion_matrix([str(task.labels[place]) for place in test], named, task.classes)


def split(told: Reached) -> Answer:
    """How a random split differs from one that keeps speakers whole."""
    gap = told.mixed.ua - told.apart.ua
    if gap >= LITTLE:
        meaning = f": {_points(gap)} of the first come of having heard the same people, and their sessions, before."
    elif gap <= -LITTLE:
        meaning = f": having heard the same people before gains nothing, and loses {_points(-gap)}."
    else:
        meaning = ": no difference to speak of."
    most = f"at most {MOST_LEARNED:,} utterances of a fold to learn from and {MOST_TESTED:,} to test"
    taken = f" (with {most})" if told.some else ""
    sentence = (
        f"A support vector machine on functionals{taken} reaches UA {percent(told.mixed.ua)} where random utterances"
        f" are held out, and {percent(told.apart.ua)} where whole speakers are ({told.protocol}){meaning}"
    )
    figures: Figures = {
        "random_wa": told.mixed.wa,
        "random_ua": told.mixed.ua,
        "speakers_whole_wa": told.apart.wa,
        "speakers_whole_ua": told.apart.ua,
        "gap_wa": told.mixed.wa - told.apart.wa,
        "gap_ua": gap,
    }
    return Answer("split", SPLIT, None, sentence, figures)


def normalisation(told: Reached, on_speaker: Dependence) -> Answer:
    """Whether normalising over each speaker would erase the emotion.

    Args:
        told: what the machine reaches.
        on_speaker: how much of the emotion the speaker tells.
    """
    between = f"{percent(on_speaker.share)} of the emotion lies between speakers"
    moves = f"takes the same machine from UA {percent(told.apart.ua)} to {percent(told.per_speaker.ua)}"
    if on_speaker.found is None:
        sentence = (
            f"This cannot be said, with so few utterances of each speaker: it {moves}, and may take the emotion away"
            " with the voice; leave it out."
        )
    elif on_speaker.found:
        sentence = f"It would: {between}, and that is what it removes. It {moves}; leave it out."
    else:
        sentence = (
            f"No: {between}, so it takes the voices away and leaves the emotion. It {moves}; but it does look at the"
            " recordings of the people tested."
        )
    figures: Figures = {
        "share_between_speakers": on_speaker.share,
        "normalise_train_ua": told.apart.ua,
        "normalise_speaker_ua": told.per_speaker.ua,
        "change_ua": told.per_speaker.ua - told.apart.ua,
    }
    return Answer("normalisation", NORMALISATION, None, sentence, figures)


def undivided(why: str) -> tuple[Answer, Answer]:
    """The two answers where speakers cannot be held out, and why."""
    sentence = f"This cannot be said, as speakers cannot be held out: {why}."
    return Answer("split", SPLIT, None, sentence, {}), Answer("normalisation", NORMALISATION, None, sentence, {})


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
