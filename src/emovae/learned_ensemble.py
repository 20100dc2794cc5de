"""An ensemble learns from the training side of a fold: its autoencoders first, then its two sets of discriminants.

Discriminants stop at nothing, so those that are kept learn from the validation speakers too. What these are for, the
temperature and the usual confidence, is told by others like them that learned from the training speakers alone.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae import normalise
from emovae.answers import LEAST_KNOWN, are_known
from emovae.baselines import functionals_lda
from emovae.calibration import fit_temperature
from emovae.encoders import encoder_of, encoder_place
from emovae.ensembles import with_autoencoder
from emovae.functionals import per_speaker
from emovae.grid import Cell, Context, said_by_its_speakers, scale_members
from emovae.material import autoencoder_listener
from emovae.mfcc import moving
from emovae.normalise import Normaliser, Read, Scale
from emovae.readings import Readings
from emovae.stages import Listener
from emovae.trained_ensemble import Machines
from emovae.utterance import Utterance
from emovae.voices import in_voice

AT_ONCE = 64

Array = NDArray[np.float32]


class Set(NamedTuple):
    """One set of discriminants, and what others like it say of those who stopped the autoencoders.

    Attributes:
        machines: those to be kept.
        asked: the validation utterances, as places in the corpus.
        validation: what is said of these, [utterance, class].
    """

    machines: Machines
    asked: list[int]
    validation: Array


class LearnedEnsemble(NamedTuple):
    """What has been learned.

    Attributes:
        readings: what the members read.
        alone: from statistics as they are.
        by_speaker: from statistics on the scale of who speaks; None where that is not asked for, or nothing can be
            learned so.
        why: it cannot; "" where it can, or is not asked for.
    """

    readings: Readings
    alone: Set
    by_speaker: Set | None
    why: str = ""


def learn_ensemble(context: Context, cell: Cell, listen: Listener) -> LearnedEnsemble:
    """Trains an ensemble and asks nobody who is tested.

    Args:
        context: what it is trained in.
        cell: one of `kinds.ENSEMBLES` whose members have autoencoders.
        listen: is told of each epoch.

    Raises:
        EmovaeError: when training diverges.
    """
    readings = _readings(context, cell, listen)
    fold, utterances = context.fold(cell), context.frames.utterances
    speakers = {utterances[member].speaker for side in (fold.train, fold.validation) for member in side}
    members = [member for member in said_by_its_speakers(context, cell) if utterances[member].speaker in speakers]
    if context.experiment.normalise_statistics == "none":  # nobody's unlabelled speech sets a scale
        members = sorted((*fold.train, *fold.validation))
    numbers = range(context.experiment.voices + 1)
    spoken = list(zip(*(_rows(context, readings, members, voice) for voice in numbers), strict=True))
    alone = _set(context, cell, readings, members, spoken)
    if context.experiment.normalise_statistics == "none":
        return LearnedEnsemble(readings, alone, None)
    said_by = [utterances[member].speaker for member in members]
    known = np.flatnonzero(are_known(said_by)).tolist()
    heard = [members[place] for place in known]
    if why := _lacking(context, cell, heard):
        return LearnedEnsemble(readings, alone, None, why)
    people = [said_by[place] for place in known]
    scaled = ([per_speaker(rows[known], people) for rows in voices] for voices in spoken)
    return LearnedEnsemble(readings, alone, _set(context, cell, readings, heard, scaled))


def _lacking(context: Context, cell: Cell, heard: Sequence[int]) -> str:
    """Why nothing can be learned of people from these of their utterances, as places in the corpus; "" where it can."""
    task, fold, utterances = context.tasks[cell.task], context.fold(cell), context.frames.utterances
    known = set(heard)
    train, validation = ([member for member in side if member in known] for side in (fold.train, fold.validation))
    enough = f"{LEAST_KNOWN} recordings or more, which a scale of one's own takes"
    if not validation:
        return f"none of the {_people(utterances, fold.validation)} people set apart to stop the learning has {enough}"
    unseen = set(task.numbers(fold.train).tolist()) - set(task.numbers(train).tolist())
    if unseen:
        names = ", ".join(task.classes[place] for place in sorted(unseen))
        return (
            f"nobody shows {names} of the {_people(utterances, train)} learned from (of"
            f" {_people(utterances, fold.train)}) who have {enough}"
        )
    return ""


def _people(utterances: Sequence[Utterance], members: Sequence[int]) -> int:
    return len({utterances[member].speaker for member in members})


def _readings(context: Context, cell: Cell, listen: Listener) -> Readings:
    """The ears, with trained autoencoders."""
    normaliser, bands = _scaled(context, cell), context.experiment.front_end.bands
    encoders = {
        encoder_place(there, one): encoder_of(there, one, normaliser, autoencoder_listener(there, one, listen)).network
        for there, one in {encoder_place(*each): each for each in with_autoencoder(context, cell)}.values()
    }
    cepstra = _scaled(context, cell, lambda frames: moving(frames[:, :bands]))
    return Readings(
        settings=context.experiment,
        encoders=tuple(encoders.values()),
        scale=_scale(context, normaliser),
        cepstral_scale=_scale(context, cepstra),
    )


def _scaled(context: Context, cell: Cell, read: Read = normalise.as_they_are) -> Normaliser:
    return normalise.fit(context.frames, scale_members(context, cell), context.experiment.normalise, read=read)


def _scale(context: Context, normaliser: Normaliser) -> Scale | None:
    return normaliser.scales[0] if context.experiment.normalise == "train" else None


def _rows(context: Context, readings: Readings, members: Sequence[int], voice: int) -> list[Array]:
    """What each member of the ensemble reads of these utterances in a voice (see `voices`), [utterance, value]."""
    frames = in_voice(context.frames, voice, context.experiment.front_end)
    parts = [
        readings.of([frames.of(member) for member in members[start : start + AT_ONCE]])
        for start in range(0, len(members), AT_ONCE)
    ]
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def _set(
    context: Context, cell: Cell, readings: Readings, members: Sequence[int], spoken: Iterable[Sequence[Array]]
) -> Set:
    """The discriminants of a set, one for each member of the ensemble, which has rows of utterances in each voice."""
    task, fold = context.tasks[cell.task], context.fold(cell)
    place_of = {member: place for place, member in enumerate(members)}
    train, validation = ([member for member in side if member in place_of] for side in (fold.train, fold.validation))
    sides = [[place_of[member] for member in side] for side in (train, [*train, *validation])]
    labels = [task.numbers(side) for side in (train, [*train, *validation])]
    asked, classes = sides[1][len(train) :], len(task.classes)
    said, kept = np.zeros((len(validation), classes), np.float32), []
    for seat, voices in zip(readings.seats, spoken, strict=True):
        some, all_of_them = (np.concatenate([rows[side] for rows in voices]) for side in sides)
        told = [np.tile(one, len(voices)) for one in labels]
        said += seat.share * functionals_lda.probabilities(some, told[0], voices[0][asked], classes)
        kept.append(functionals_lda.learned(all_of_them, told[1]))
    return Set(Machines(tuple(kept), fit_temperature(said, task.numbers(validation))), validation, said)
