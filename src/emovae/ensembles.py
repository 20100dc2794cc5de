"""An ensemble's members: the cells, each under settings of its own, whose posteriors are averaged.

Over segments of each span (`ensemble.spans`), a discriminant reads statistics of what an autoencoder, principal
components or nothing makes of them; what stands beside (`ensemble.beside`) is read by discriminants of its own. See
`seats` for who they are.
"""

from typing import NamedTuple

from emovae.grid import Cell, Context, is_learned
from emovae.kinds import ENSEMBLES, PRINCIPAL, SHARED
from emovae.seats import Seat, seats_of
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
    return [_member(context, cell, seat) for seat in seats_of(context.experiment, cell.model)]


def with_autoencoder(context: Context, cell: Cell) -> list[tuple[Context, Cell]]:
    """The cell itself where it has an autoencoder, those members of an ensemble that have one, or nobody."""
    each = [member[:2] for member in members_of(context, cell)] if cell.model in ENSEMBLES else [(context, cell)]
    return [(there, one) for there, one in each if is_learned(one)]


def _member(context: Context, cell: Cell, seat: Seat) -> Member:
    """The cell of a seat; the first autoencoder over each span has the ensemble's own seed."""
    if seat.segments is None:
        return Member(context, cell._replace(model=seat.model, latent=None), seat.share)
    settings = context.experiment.model_copy(update={"segments": seat.segments, "statistics": seat.statistics})
    latent = cell.latent if seat.model in (*SHARED, *PRINCIPAL) else None
    seed = seed_for(cell.seed, "ensemble", seat.place) if seat.place else cell.seed
    return Member(
        context._replace(experiment=settings), cell._replace(model=seat.model, latent=latent, seed=seed), seat.share
    )
