"""Curves and results go where people already look: TensorBoard, or an MLflow server (`--track`).

A cell is a run of its own, with a curve for each figure of each stage; a line of the table is one too, with its
figures. What was finished before is told at the start, so that a run which goes on shows all of it.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from emovae.cells import result_of
from emovae.comparison import line_name
from emovae.config import Experiment
from emovae.errors import ConfigError
from emovae.files import require_writable
from emovae.grid import Cell, Context, cells_of
from emovae.metrics import Scores
from emovae.stages import Step
from emovae.watcher import Watcher
from emovae.workers import Job

Figures = Mapping[str, float]


class Board(Protocol):
    """A place for curves."""

    def knows(self, run: str) -> bool:
        """Whether the run was told already, by an earlier command."""

    def begin(self, experiment: str, settings: Mapping[str, Any]) -> None:
        """All that follows belongs to this experiment."""

    def point(self, run: str, stage: str, epoch: int, figures: Figures) -> None:
        """One epoch of a run."""

    def close(self, run: str) -> None:
        """The run is complete."""

    def end(self, *, well: bool) -> None:
        """Nothing follows."""


class Tracker(Watcher):
    """Tells a board what a run learns. A board that fails later than at the start stops hearing, and the run goes on.

    Args:
        board: see `open_board`.
        experiment: what is run.
        warn: is given one sentence where the board fails.
    """

    def __init__(self, board: Board, experiment: Experiment, warn: Callable[[str], None]) -> None:
        self.board, self.experiment, self.warn, self.hears = board, experiment, warn, True

    def __enter__(self) -> "Tracker":
        try:
            self.board.begin(self.experiment.name, self.experiment.model_dump(mode="json", exclude={"published"}))
        except Exception as error:
            raise _refused(error) from error
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
            self.warn(f"tracking stopped ({type(error).__name__}: {_first_line(error)}); the run itself goes on")


class TensorBoard:
    """Event files under a folder: `tensorboard --logdir FOLDER` shows them."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra

        self.folder, self.writer = folder, SummaryWriter
        self.open: dict[str, SummaryWriter] = {}

    def knows(self, run: str) -> bool:
        """Whether the run has a folder."""
        return (self.folder / run).exists()

    def begin(self, _experiment: str, _settings: Mapping[str, Any]) -> None:
        """Makes the folder, and tries it."""
        require_writable(self.folder)

    def point(self, run: str, stage: str, epoch: int, figures: Figures) -> None:
        """Adds a point to each curve."""
        if run not in self.open:
            self.open[run] = self.writer(str(self.folder / run))
        for name, value in figures.items():
            self.open[run].add_scalar(f"{stage}/{name}", value, epoch)

    def close(self, run: str) -> None:
        """Closes the run's file."""
        if run in self.open:
            self.open.pop(run).close()

    def end(self, *, well: bool) -> None:  # noqa: ARG002
        """Closes what is open."""
        for run in list(self.open):
            self.close(run)


class MLflow:
    """An MLflow server or database, as `MLFLOW_TRACKING_URI` names it: one run, and one within it for each cell."""

    def __init__(self) -> None:
        # A server that is not there should be told within seconds; who wants to wait for it says so by these names.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        from mlflow import MlflowClient  # noqa: PLC0415 - an extra
        from mlflow.entities import Metric, Param  # noqa: PLC0415

        self.client, self.metric, self.param = MlflowClient(), Metric, Param
        self.runs: dict[str, str] = {}

    def knows(self, _run: str) -> bool:
        """Every command has a run of its own."""
        return False

    def begin(self, experiment: str, settings: Mapping[str, Any]) -> None:
        """Opens the experiment and its run."""
        found = self.client.get_experiment_by_name(experiment)
        self.place = found.experiment_id if found else self.client.create_experiment(experiment)
        self.parent = self.client.create_run(self.place, run_name=experiment).info.run_id
        params = [self.param(key, str(value)[:500]) for key, value in _flat(settings)]
        for start in range(0, len(params), 100):  # a server takes no more at once
            self.client.log_batch(self.parent, params=params[start : start + 100])

    def point(self, run: str, stage: str, epoch: int, figures: Figures) -> None:
        """Logs the figures of an epoch."""
        if run not in self.runs:
            tags = {"mlflow.parentRunId": self.parent}
            self.runs[run] = self.client.create_run(self.place, tags=tags, run_name=run).info.run_id
        metrics = [self.metric(f"{stage}/{name}", value, 0, epoch) for name, value in figures.items()]
        self.client.log_batch(self.runs[run], metrics=metrics)

    def close(self, run: str) -> None:
        """Marks the run as finished."""
        if run in self.runs:
            self.client.set_terminated(self.runs.pop(run))

    def end(self, *, well: bool) -> None:
        """Marks what is open, and the whole, as finished or failed."""
        status = "FINISHED" if well else "FAILED"
        for run in (*self.runs.values(), *([self.parent] if hasattr(self, "parent") else [])):
            self.client.set_terminated(run, status)


def open_board(name: str, out: Path) -> Board:
    """A board by its name; TensorBoard's files go to `out/tensorboard`.

    Raises:
        ConfigError: where its package is not installed.
    """
    try:
        return TensorBoard(out / "tensorboard") if name == "tensorboard" else MLflow()
    except ImportError as error:
        raise ConfigError(f"--track {name} needs an extra ({error}); pip install 'emovae[{name}]'") from error
    except Exception as error:  # whatever a client may raise of an address that it cannot use
        raise _refused(error) from error


def _refused(error: Exception) -> ConfigError:
    why = f"{type(error).__name__}: {_first_line(error)}"
    return ConfigError(f"--track: {why}; mend the place that it names, or leave --track out")


def _safe(name: str) -> str:
    """A name that any file system and any server takes."""
    return re.sub(r"[^\w./ -]+", "_", name).strip()


def _flat(settings: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in settings.items():
        pairs += _flat(value, f"{above}{key}.") if isinstance(value, Mapping) else [(above + key, value)]
    return pairs


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "no reason given")
