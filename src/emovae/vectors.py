"""What a machine without an autoencoder reads: a row of statistics over time for each utterance."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from emovae import normalise
from emovae.baselines import principal
from emovae.config import Experiment
from emovae.functionals import functionals
from emovae.grid import Cell, Context, lag_in, reads_statistics, scale_members
from emovae.kinds import CEPSTRAL, CUT, PROSODIC
from emovae.latents import Sequences, merged
from emovae.machines import Several
from emovae.mfcc import moving
from emovae.normalise import Normaliser
from emovae.prosodic import prosodic
from emovae.segments import segment
from emovae.voices import cut_in_voice, in_voice, normalised_in_voice

Rows = NDArray[np.float32]

LEAST_DEVIATION = 1e-3
"""In the units of openSMILE's descriptors, of which jitter and the slopes of the spectrum vary by hundredths."""


class StepsReader(Protocol):
    """What gives the segments of utterances, in a voice (see `voices`)."""

    def __call__(self, members: Sequence[int], voice: int = 0) -> Sequences:
        """A step for each segment."""


def rows_of(contexts: Sequence[Context], cell: Cell) -> Several:
    """What gives the statistics of utterances as the machines of a cell read them.

    Those of prosody are of what was measured, whatever `normalise` says. Those of eGeMAPS are one row an utterance,
    which can be normalised over a speaker, and not over itself; the machine scales its input by the training side in
    any case.

    Args:
        contexts: one for each machine; they differ in `statistics` alone.
        cell: one of `kinds.ALONE` without an autoencoder.
    """
    context = contexts[0]
    experiment = context.experiment
    how = experiment.normalise
    if cell.model == "eGeMAPS-SVM":
        how = "speaker" if how == "speaker" else "none"
        scaled = normalise.fit(context.rows(cell), (), how, least_deviation=LEAST_DEVIATION)
        return lambda members, _: [np.concatenate(list(scaled.each(members)))]
    if cell.model in PROSODIC:
        return partial(_prosodic, context)
    bands, learned_from = experiment.front_end.bands, scale_members(context, cell)
    if cell.model in CUT:
        read = _steps_reader(context, cell, normalise.fit(context.frames, learned_from, how))
        lags = [lag_in(one, cell) for one in contexts]
        return lambda members, voice: _merged(read(members, voice), lags)
    made = moving if cell.model in CEPSTRAL else normalise.as_they_are
    scaled = normalise.fit(context.frames, learned_from, how, read=lambda frames: made(frames[:, :bands]))
    return partial(_functionals, experiment, scaled)


def _prosodic(context: Context, members: Sequence[int], voice: int) -> list[Rows]:
    frames, bands = in_voice(context.frames, voice, context.experiment.front_end), context.experiment.front_end.bands
    return [np.stack([prosodic(frames.of(member)[:, bands:]) for member in members])]


def _functionals(experiment: Experiment, normaliser: Normaliser, members: Sequence[int], voice: int) -> list[Rows]:
    return [np.stack([functionals(rows) for rows in normalised_in_voice(normaliser, voice, experiment).each(members)])]


def _merged(steps: Sequences, lags: Sequence[int]) -> list[Rows]:
    return [merged(steps, lag).values.numpy() for lag in lags]


def segments_reader(context: Context, cell: Cell, normaliser: Normaliser) -> Callable[[Sequence[int]], Sequences]:
    """Segments as they are, or their principal components, in their order or as statistics over time."""
    steps = _steps_reader(context, cell, normaliser)
    if not reads_statistics(context, cell):
        return steps
    return lambda members: merged(steps(members), lag_in(context, cell))


def _steps_reader(context: Context, cell: Cell, normaliser: Normaliser) -> StepsReader:
    """Segments as they are, or their principal components, learned from what an autoencoder would learn from."""
    experiment = context.experiment
    components = None
    if cell.latent is not None:
        seen = segment(normaliser, scale_members(context, cell), experiment.segments, context.machine.room)
        components = principal.Components(seen.values.numpy(), cell.latent)

    def read(members: Sequence[int], voice: int = 0) -> Sequences:
        there = normalised_in_voice(normaliser, voice, experiment)
        segmented = segment(there, members, cut_in_voice(experiment.segments, voice), context.machine.room)
        values = segmented.values
        if components is not None:
            values = torch.from_numpy(components.of(values.numpy()))
        return Sequences(values, segmented.starts)

    return read
