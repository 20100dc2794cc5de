"""What a machine without an autoencoder reads: a row of statistics over time for each utterance."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from emovae import normalise
from emovae.baselines import principal
from emovae.functionals import functionals
from emovae.grid import Cell, Context, lag_in, reads_statistics, scale_members
from emovae.kinds import CEPSTRAL, CUT, PROSODIC
from emovae.latents import Sequences, merged
from emovae.machines import Vectors
from emovae.mfcc import moving
from emovae.normalise import Normaliser
from emovae.prosodic import prosodic
from emovae.segments import segment

LEAST_DEVIATION = 1e-3
"""In the units of openSMILE's descriptors, of which jitter and the slopes of the spectrum vary by hundredths."""


def vectors_of(context: Context, cell: Cell) -> Vectors:
    """What gives the functionals of utterances as the cell's machine reads them.

    Those of prosody are of what was measured, whatever `normalise` says. Those of eGeMAPS are one row an utterance,
    which can be normalised over a speaker, and not over itself; the machine scales its input by the training side in
    any case.

    Args:
        context: what all cells share.
        cell: one of `kinds.ALONE` without an autoencoder.
    """
    how = context.experiment.normalise
    if cell.model == "eGeMAPS-SVM":
        how = "speaker" if how == "speaker" else "none"
        scaled = normalise.fit(context.rows(cell), (), how, least_deviation=LEAST_DEVIATION)
        return lambda members: np.concatenate(list(scaled.each(members)))
    bands, learned_from = context.experiment.front_end.bands, scale_members(context, cell)
    if cell.model in PROSODIC:
        return lambda members: np.stack([prosodic(context.frames.of(member)[:, bands:]) for member in members])
    if cell.model in CEPSTRAL:
        cepstra = normalise.fit(context.frames, learned_from, how, read=lambda frames: moving(frames[:, :bands]))
        return lambda members: np.stack([functionals(rows) for rows in cepstra.each(members)])
    normaliser = normalise.fit(context.frames, learned_from, how)
    if cell.model in CUT:
        read = segments_reader(context, cell, normaliser)
        return lambda members: read(members).values.numpy()
    return lambda members: np.stack([functionals(rows[:, :bands]) for rows in normaliser.each(members)])


def segments_reader(context: Context, cell: Cell, normaliser: Normaliser) -> Callable[[Sequence[int]], Sequences]:
    """Segments as they are, or their principal components, learned from what an autoencoder would learn from."""
    experiment = context.experiment
    components = None
    if cell.latent is not None:
        seen = segment(normaliser, scale_members(context, cell), experiment.segments, context.machine.room)
        components = principal.Components(seen.values.numpy(), cell.latent)

    def read(members: Sequence[int]) -> Sequences:
        segmented = segment(normaliser, members, experiment.segments, context.machine.room)
        values = segmented.values
        if components is not None:
            values = torch.from_numpy(components.of(values.numpy()))
        steps = Sequences(values, segmented.starts)
        return merged(steps, lag_in(context, cell)) if reads_statistics(context, cell) else steps

    return read
