"""How one cell is computed: one model, fold, seed and test condition, from frames to probabilities of who is tested."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from emovae import recognition, rivals
from emovae.ensembles import Member, members_of
from emovae.files import damaged
from emovae.grid import Cell, Context, is_learned, is_network
from emovae.keys import cell_key
from emovae.kinds import ENSEMBLES
from emovae.machine import give_memory_back, one_thread
from emovae.sealed import read_sealed, write_sealed
from emovae.settings import Segments
from emovae.stages import Averaged, CellResult, Listener, Step


def result_of(context: Context, cell: Cell) -> CellResult | None:
    """The finished result of a cell, or None.

    Raises:
        OutputError: when its file is damaged.
    """
    place = result_place(context, cell)
    try:
        state = place.stat()
    except FileNotFoundError:
        return None
    return _read(place, (state.st_mtime_ns, state.st_size, state.st_ino))


@lru_cache(maxsize=4096)
def _read(place: Path, _state: tuple[int, ...]) -> CellResult:
    """Reads a cell's file, and again only when it has changed: each line of a table asks for its cells anew."""
    return read_result(place)


def read_result(place: Path) -> CellResult:
    """Reads a cell's file.

    Raises:
        OutputError: when it is damaged or cannot be read.
    """
    kept = read_sealed(place)
    try:
        return _from_json(kept)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise damaged(place, f"{type(error).__name__}: {error}") from error


def finished(context: Context, cell: Cell) -> CellResult:
    """The result of a cell that has one.

    Raises:
        OutputError: when its file is damaged.
        ValueError: when it is not finished.
    """
    result = result_of(context, cell)
    if result is None:
        raise ValueError(f"cell {cell} is not finished")
    return result


def run_cell(context: Context, cell: Cell, listen: Listener) -> None:
    """Computes a cell and writes its result, with one thread; a finished one is left as it is.

    Raises:
        EmovaeError: when training diverges or the folder cannot be written.
    """
    if result_of(context, cell) is not None:
        return
    # NumPy's products, too: principal components would differ in their last digits with the number of cores.
    with one_thread(), threadpool_limits(1):
        result = _computed(context, cell, listen)
    give_memory_back()
    write_sealed(result_place(context, cell), {"cell": cell._asdict(), **_as_json(result)})


def result_place(context: Context, cell: Cell) -> Path:
    """The file of a cell's result."""
    return context.folder / f"{cell_key(context, cell)}.json"


def _computed(context: Context, cell: Cell, listen: Listener) -> CellResult:
    if is_learned(cell):
        return recognition.recognise(context, cell, listen)
    if cell.model in ENSEMBLES:
        return CellResult(_together(members_of(context, cell), listen), [], [])
    if not is_network(cell):
        return CellResult(rivals.baseline(context, cell), [], [])
    epochs = context.experiment.classifier.epochs
    return rivals.network(context, cell, lambda epoch, losses: listen(Step(cell, cell.model, epoch, epochs, losses)))


def _together(members: Sequence[Member], listen: Listener) -> NDArray[np.float32]:
    """What members say by their shares; those that read the same segments in the same way read them once."""
    alike = dict[tuple[Segments, Cell], list[int]]()
    for place, (there, cell, _) in enumerate(members):
        alike.setdefault((there.experiment.segments, cell), []).append(place)
    said = dict[int, NDArray[np.float32]]()
    for (_, cell), places in alike.items():
        contexts = [members[place].context for place in places]
        each = (
            recognition.said_by_machines(contexts, cell, listen)
            if is_learned(cell)
            else rivals.said_by_machines(contexts, cell)
        )
        said |= dict(zip(places, each, strict=True))
    weighted = [members[place].share * said[place] for place in range(len(members))]
    found: NDArray[np.float32] = np.sum(weighted, axis=0, dtype=np.float32)
    return found


def _as_json(result: CellResult) -> dict[str, Any]:
    def plain(value: object) -> object:
        return value.tolist() if isinstance(value, np.ndarray) else value

    averaged = {
        way: {name: plain(value) for name, value in said._asdict().items()} for way, said in result.averaged.items()
    }
    return {name: plain(value) for name, value in result._asdict().items()} | {"averaged": averaged}


def _from_json(kept: dict[str, Any]) -> CellResult:
    def array(value: Any) -> Any:
        return None if value is None else np.asarray(value, np.float32)

    averaged = {
        way: Averaged(**{name: array(said[name]) for name in Averaged._fields})
        for way, said in kept["averaged"].items()
    }
    return CellResult(
        probabilities=array(kept["probabilities"]),
        classifier_curve=kept["classifier_curve"],
        autoencoder_curve=kept["autoencoder_curve"],
        validation=array(kept["validation"]),
        averaged=averaged,
        reconstruction=array(kept["reconstruction"]),
        use=kept["use"],
    )
