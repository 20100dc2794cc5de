"""An ensemble's members: the cells, each under settings of its own, whose posteriors are averaged.

Over segments of each span (`ensemble.spans`), a discriminant reads statistics of what an autoencoder, principal
components or nothing makes of them; what stands beside (`ensemble.beside`) is read by a discriminant and by a support
vector machine. Each reads so few and so different things that their errors differ.
"""

from collections.abc import Iterator
from typing import NamedTuple

from emovae.grid import Cell, Context
from emovae.kinds import ENSEMBLES, PRINCIPAL, SHARED
from emovae.seeds import seed_for


class Member(NamedTuple):
    """A cell of the grid that another experiment would have: its settings, and the cell."""

    context: Context
    cell: Cell


def members_of(context: Context, cell: Cell) -> list[Member]:
    """The members of an ensemble, each of which is computed as if it stood alone.

    Args:
        context: what all cells share.
        cell: one of `kinds.ENSEMBLES`.
    """
    return [*_over_spans(context, cell), *_beside(context, cell)]


def _over_spans(context: Context, cell: Cell) -> Iterator[Member]:
    """A machine for each span, and for each autoencoder where one learns by chance; the first has the cell's seed."""
    model, asked = ENSEMBLES[cell.model], context.experiment.ensemble
    latent = cell.latent if model in (*SHARED, *PRINCIPAL) else None
    for span in asked.spans:
        there = context._replace(experiment=context.experiment.model_copy(update={"segments": span}))
        for place in range(asked.autoencoders if model in SHARED else 1):
            seed = seed_for(cell.seed, "ensemble", str(place)) if place else cell.seed
            yield Member(there, cell._replace(model=model, latent=latent, seed=seed))


def _beside(context: Context, cell: Cell) -> Iterator[Member]:
    for read in context.experiment.ensemble.beside:
        for machine in ("LDA", "SVM"):
            yield Member(context, cell._replace(model=f"{read}-{machine}", latent=None))
