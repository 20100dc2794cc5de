"""How one cell is computed: one model, fold, seed and test condition, from frames to probabilities of who is tested."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emovae import rivals
from emovae.calibration import distributions
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
    try:
        state = place.stat()
    except FileNotFoundError:
        return None
    columns = 1 if cell.continuous else len(context.tasks[cell.task].classes)
    wanted, stopped = ((len(side), columns) for side in (context.fold(cell).test, context.fold(cell).validation))
    return _read(place, (state.st_mtime_ns, state.st_size, state.st_ino), wanted, stopped, shares=not cell.continuous)


@lru_cache(maxsize=4096)
def _read(
    place: Path, _state: tuple[int, ...], wanted: tuple[int, int], stopped: tuple[int, int], *, shares: bool
) -> CellResult:
    """Reads a cell's file, and again only when it has changed: each line of a table asks for its cells anew."""
    kept = read_json(place)
    try:
        result = _from_json(kept)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise damaged(place, f"{type(error).__name__}: {error}") from error
    if wrong := next(_wrong(result, wanted, stopped, shares=shares), None):
        raise damaged(place, wrong)
    return result


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


def _wrong(result: CellResult, tested: tuple[int, int], stopped: tuple[int, int], *, shares: bool) -> Iterator[str]:
    """What a cell's file says that no cell leaves; `tested` and `stopped` are shapes of probabilities."""
    arrays: list[tuple[str, NDArray[np.float32] | None, tuple[int, ...]]] = [
        ("probabilities", result.probabilities, tested),
        ("validation", result.validation, stopped),
        ("reconstruction", result.reconstruction, tested[:1]),
    ]
    for way, said in result.averaged.items():
        arrays += [(f"{way} test", said.test, tested), (f"{way} validation", said.validation, stopped)]
        arrays += [(f"{way} entropy", said.expected_entropy, tested[:1])]
    for name, values, shape in arrays:
        if values is None:
            continue
        if values.shape != shape:
            yield f"{name} of shape {values.shape}, not {shape}"
        elif not np.isfinite(values).all():
            yield f"{np.sum(~np.isfinite(values))} of the {name} are no numbers"
        elif shares and len(shape) == 2:
            try:
                distributions(values)
            except ValueError as error:
                yield f"{name}: {error}"
    if result.use is not None and set(result.use) != {"active", "divergence"}:
        yield f"use of {', '.join(result.use) or 'nothing'}"
    for curve in (result.classifier_curve, result.autoencoder_curve):
        if not isinstance(curve, list) or not all(isinstance(epoch, dict) and epoch for epoch in curve):
            yield "a learning curve that is none"


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
