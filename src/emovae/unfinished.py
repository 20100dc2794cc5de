"""What of a grid is still to be computed; what a failing disk has spoilt is found here, and set aside."""

from collections.abc import Sequence
from itertools import chain

from emovae import weights
from emovae.cells import result_of, result_place
from emovae.encoders import encoder_place
from emovae.ensembles import with_autoencoder
from emovae.errors import DamagedError
from emovae.grid import Cell, Context
from emovae.locks import Tell
from emovae.sealed import set_aside


def unfinished(context: Context, cells: Sequence[Cell], tell: Tell) -> list[Cell]:
    """The cells without a sound result; for who holds the lock of their folder.

    Args:
        context: what all cells share.
        cells: the grid.
        tell: is told of each damaged file. A result goes with the autoencoder that it was read from.
    """
    encoders = {cell: [encoder_place(*one) for one in with_autoencoder(context, cell)] for cell in cells}
    lost = set()
    for place in dict.fromkeys(chain.from_iterable(encoders.values())):
        try:
            weights.kept(place)
        except DamagedError as error:
            tell(set_aside(place, error))
            lost.add(place)
    for cell, places in encoders.items():
        if not lost.isdisjoint(places):
            result_place(context, cell).unlink(missing_ok=True)
    return [cell for cell in cells if _is_open(context, cell, tell)]


def _is_open(context: Context, cell: Cell, tell: Tell) -> bool:
    try:
        return result_of(context, cell) is None
    except DamagedError as error:
        tell(set_aside(result_place(context, cell), error))
        return True
