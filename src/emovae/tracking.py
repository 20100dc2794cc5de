"""Curves and results go to a board where people already look (`--track`), see `boards`.

A cell is a run of its own, with a curve for each figure of each stage; a line of the table is one too, with its
figures. What was finished before is told at the start, so that a run which goes on shows all of it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any

from emovae.boards import Board, first_line, refused
from emovae.cells import result_of
from emovae.comparison import line_name
from emovae.config import Experiment
from emovae.grid import Cell, Context, cells_of
from emovae.metrics import Scores
from emovae.stages import Step
from emovae.watcher import Watcher
from emovae.workers import Job


class Tracker(Watcher):
    """Tells a board what a run learns. A board that fails later than at the start stops hearing, and the run goes on.

    Args:
        board: see `boards.open_board`.
        experiment: what is run.
        warn: is given one sentence where the board fails.
    """

    def __init__(self, board: Board, experiment: Experiment, warn: Callable[[str], None]) -> None:
        self.board, self.experiment, self.warn, self.hears = board, experiment, warn, True

    def __enter__(self) -> "Tracker":
        try:
            self.board.begin(self.experiment.name, self.experiment.model_dump(mode="json", exclude={"published"}))
        except Exception as error:
            raise refused(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._tell(partial(self.board.end, well=kind is None))

    def planned(self, context: Context, jobs: Sequence[Job], _finished: int) -> None:
        """Tells the curves of all cells that were finished before."""
        self.context = context
        waiting = {cell for job in jobs for cell in job}
        for cell in cells_of(context):
            if cell not in waiting:
                self._tell(partial(self._retell, cell))

    def step(self, step: Step) -> None:
        """Tells an epoch."""
        self._tell(partial(self.board.point, self._name(step.cell), step.stage, step.epoch, step.losses))

    def done(self, job: Job) -> None:
        """Closes the runs of a job."""
        for cell in job:
            self._tell(partial(self.board.close, self._name(cell)))

    def finished(self, results: dict[str, Any]) -> None:
        """Tells the figures of every line of the table."""
        for row in results["rows"]:
            run = _safe(f"results/{line_name(row, results)} {row['target']} {row['subset']}")
            if not self.board.knows(run):
                self._tell(partial(self._row, run, row))

    def _row(self, run: str, row: Mapping[str, Any]) -> None:
        self.board.point(run, "result", 0, {name: row[name] for name in Scores._fields})
        self.board.close(run)

    def _retell(self, cell: Cell) -> None:
        run, result = self._name(cell), result_of(self.context, cell)
        if result is None or self.board.knows(run):
            return
        for stage, curve in (("autoencoder", result.autoencoder_curve), ("classifier", result.classifier_curve)):
            for epoch, figures in enumerate(curve):
                self.board.point(run, stage, epoch, figures)
        self.board.close(run)

    def _name(self, cell: Cell) -> str:
        return _safe("/".join(self.context.name(cell)))

    def _tell(self, what: Callable[[], None]) -> None:
        if not self.hears:
            return
        try:
            what()
        except Exception as error:  # whatever a server or its client may raise
            self.hears = False
            self.warn(f"tracking stopped ({type(error).__name__}: {first_line(error)}); the run itself goes on")


def _safe(name: str) -> str:
    """A name that any file system and any server takes."""
    return re.sub(r"[^\w./ -]+", "_", name).strip()
