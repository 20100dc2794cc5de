"""An ensemble's members: the cells, each under settings of its own, whose posteriors are averaged.

Over segments of each span (`ensemble.spans`), a discriminant reads statistics of what an autoencoder, principal
components or nothing makes of them; what stands beside (`ensemble.beside`) is read by discriminants of its own. All
that read segments have half the say, and all that stands beside has the other half.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from emovae.grid import Cell, Context, is_learned
from emovae.kinds import ENSEMBLES, PRINCIPAL, SHARED
from emovae.seeds import seed_for


class Member(NamedTuple):
    """A cell of the grid that another experiment would have.

    Attributes:
        context: with its settings.
        cell: the cell there.
        share: of its posterior in the mean.
    """

    context: Context
    cell: Cell
    share: float


def members_of(context: Context, cell: Cell) -> list[Member]:
    """The members of an ensemble, each of which is computed as if it stood alone.

    Args:
        context: what all cells share.
        cell: one of `kinds.ENSEMBLES`.
    """
    over, beside = list(_over_spans(context, cell)), list(_beside(context, cell))
    half = 0.5 if beside else 1.0
    return [
        *(Member(*one, half / len(over)) for one in over),
        *(Member(*one, half / len(beside)) for one in beside),
    ]


def with_autoencoder(context: Context, cell: Cell) -> list[tuple[Context, Cell]]:
    """The cell itself where it has an autoencoder, those members of an ensemble that have one, or nobody."""
    each = [member[:2] for member in members_of(context, cell)] if cell.model in ENSEMBLES else [(context, cell)]
    return [(there, one) for there, one in each if is_learned(one)]


def _over_spans(context: Context, cell: Cell) -> Iterator[tuple[Context, Cell]]:
    """A machine for each span, statistics, and autoencoder where chance is in one; the first has the cell's seed."""
    model, asked = ENSEMBLES[cell.model], context.experiment.ensemble
    latent = cell.latent if model in (*SHARED, *PRINCIPAL) else None
    for span, statistics in product(asked.spans, asked.statistics):
        settings = context.experiment.model_copy(update={"segments": span, "statistics": statistics})
        for place in range(asked.autoencoders if model in SHARED else 1):
            seed = seed_for(cell.seed, "ensemble", place) if place else cell.seed
            yield context._replace(experiment=settings), cell._replace(model=model, latent=latent, seed=seed)


def _beside(context: Context, cell: Cell) -> Iterator[tuple[Context, Cell]]:
    for read in context.experiment.ensemble.beside:
        yield context, cell._replace(model=f"{read}-LDA", latent=None)
