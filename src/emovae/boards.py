"""Boards, where curves are looked at: TensorBoard's files, or an MLflow server."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from emovae.errors import ConfigError
from emovae.files import require_writable

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
        raise refused(error) from error


def refused(error: Exception) -> ConfigError:
    """The error to raise for a board that cannot be used, whatever its client raised."""
    why = f"{type(error).__name__}: {first_line(error)}"
    return ConfigError(f"--track: {why}; mend the place that it names, or leave --track out")


def first_line(error: Exception) -> str:
    """The first line of what an error says, for a message of one sentence."""
    return next(iter(str(error).splitlines()), "no reason given")


def _flat(settings: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in settings.items():
        pairs += _flat(value, f"{above}{key}.") if isinstance(value, Mapping) else [(above + key, value)]
    return pairs
