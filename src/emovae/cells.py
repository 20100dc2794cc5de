"""How one cell is computed: one model, fold, seed and test condition, from frames to probabilities of who is tested."""

from pathlib import Path
from typing import Any

import numpy as np

from emovae import rivals
from emovae.files import damaged, read_json, write_json
from emovae.grid import Cell, Context, cell_key, is_learned, is_network
from emovae.machine import give_memory_back, one_thread
from emovae.recognition import recognise
from emovae.stages import Averaged, CellResult, Listener, Step


def result_of(context: Context, cell: Cell) -> CellResult | None:
    """The finished result of a cell, or None.

    Raises:
        OutputError: when its file is damaged.
    """
    place = _place(context, cell)
    if not place.exists():
        return None
    kept = read_json(place)
    columns = 1 if cell.continuous else len(context.tasks[cell.task].classes)
    wanted = (len(context.fold(cell).test), columns)
    try:
        result = _from_json(kept)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise damaged(place, f"{type(error).__name__}: {error}") from error
    if result.probabilities.shape != wanted:
        raise damaged(place, f"probabilities of shape {result.probabilities.shape}, not {wanted}")
    return result


def run_cell(context: Context, cell: Cell, listen: Listener) -> None:
    """Computes a cell and writes its result, with one thread; a finished one is left as it is.

    Raises:
        EmovaeError: when training diverges or the folder cannot be written.
    """
    if result_of(context, cell) is not None:
        return
    with one_thread():
        result = _computed(context, cell, listen)
    give_memory_back()
    write_json(_place(context, cell), {"cell": cell._asdict(), **_as_json(result)})


def _place(context: Context, cell: Cell) -> Path:
    return context.folder / f"{cell_key(context, cell)}.json"


def _computed(context: Context, cell: Cell, listen: Listener) -> CellResult:
    if is_learned(cell):
        return recognise(context, cell, listen)
    if not is_network(cell):
        return CellResult(rivals.baseline(context, cell), [], [])
    epochs = context.experiment.classifier.epochs
    return rivals.network(context, cell, lambda epoch, losses: listen(Step(cell, cell.model, epoch, epochs, losses)))


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
