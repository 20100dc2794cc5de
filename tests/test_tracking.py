import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import Ran
from emovae.boards import TensorBoard, open_board
from emovae.config import Experiment
from emovae.errors import ConfigError
from emovae.experiment import run
from emovae.grid import cells_of
from emovae.presets import resolve
from emovae.tracking import Tracker
from emovae.watcher import Several

pytest.importorskip("tensorboard")
pytest.importorskip("mlflow")

FIGURES = ("wa", "ua", "macro_f1", "weighted_f1")


@pytest.fixture
def experiment(tiny: dict[str, Any]) -> Experiment:
    return resolve(
        {**tiny, "seeds": 1, "models": ["VAE-LSTM"], "baselines": ["majority"], "test_condition": ["marginal"]}
    )


def curves_of(folder: Path) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Run -> curve -> (epoch, value), read back by TensorBoard itself."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415

    runs = {}
    for place in sorted({path.parent for path in folder.rglob("events.out.*")}):
        events = EventAccumulator(str(place))
        events.Reload()
        runs[place.relative_to(folder).as_posix()] = {
            tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
        }
    return runs


def tracked(ran: Ran, experiment: Experiment, out: Path) -> dict[str, Any]:
    told: list[str] = []
    with Tracker(open_board("tensorboard", out), experiment, told.append) as tracker:
        outcome = run(experiment, ran.corpus, out, ran.cache, Several(tracker))
    assert told == []
    return outcome.results


def test_tensorboard_has_a_curve_for_each_figure_of_each_stage(
    ran: Ran, experiment: Experiment, tmp_path: Path
) -> None:
    results = tracked(ran, experiment, tmp_path)
    runs = curves_of(tmp_path / "tensorboard")
    learned = {name: curves for name, curves in runs.items() if name.startswith("VAE-LSTM")}
    assert len(learned) == 2  # one for each fold
    for curves in learned.values():
        names = [
            "VAE/reconstruction",
            "VAE/divergence",
            "VAE/validation",
            "LSTM/loss",
            "LSTM/validation",
            "LSTM/accuracy",
        ]
        assert sorted(curves) == sorted(names)
        assert [epoch for epoch, _ in curves["VAE/reconstruction"]] == [0, 1]
    for row in results["rows"]:
        (told,) = [runs[name] for name in runs if name.startswith(f"results/{row['model']}")]
        assert {name: points[0][0] for name, points in told.items()} == {f"result/{name}": 0 for name in FIGURES}
        assert all(told[f"result/{name}"][0][1] == pytest.approx(row[name], abs=1e-6) for name in FIGURES)


def test_what_was_finished_before_is_told_once_and_not_again(ran: Ran, experiment: Experiment, tmp_path: Path) -> None:
    run(experiment, ran.corpus, tmp_path, ran.cache)
    tracked(ran, experiment, tmp_path)
    before = {name: curves for name, curves in curves_of(tmp_path / "tensorboard").items() if "results" not in name}
    assert len(before) == 2
    tracked(ran, experiment, tmp_path)
    after = {name: curves for name, curves in curves_of(tmp_path / "tensorboard").items() if "results" not in name}
    assert after == before


def test_tracking_changes_no_result(ran: Ran, experiment: Experiment, tmp_path: Path) -> None:
    tracked(ran, experiment, tmp_path / "tracked")
    run(experiment, ran.corpus, tmp_path / "plain", ran.cache)
    for name in ("results.json", "predictions.parquet", "table.md"):
        assert (tmp_path / "tracked" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


class Failing(TensorBoard):
    """A disk that is full from the first point on."""

    def point(self, *_point: object) -> None:
        raise OSError("no space left")


def test_a_board_that_fails_later_is_told_once_and_the_run_goes_on(
    ran: Ran, experiment: Experiment, tmp_path: Path
) -> None:
    told: list[str] = []
    with Tracker(Failing(tmp_path / "board"), experiment, told.append) as tracker:
        outcome = run(experiment, ran.corpus, tmp_path, ran.cache, tracker)
    assert told == ["tracking stopped (OSError: no space left); the run itself goes on"]
    assert len(outcome.results["rows"]) == 2


def test_a_board_that_cannot_begin_stops_the_run_before_it_learns(
    ran: Ran, experiment: Experiment, tmp_path: Path
) -> None:
    (tmp_path / "tensorboard").write_text("in the way")
    with pytest.raises(ConfigError, match=r"--track: OutputError: .*leave --track out"):
        tracked(ran, experiment, tmp_path)
    assert not list((tmp_path / "cells").glob("*"))


def emovae(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from emovae.shells.cli import main; main()", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=300
    )


ASKED = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient()
place = client.get_experiment_by_name("tracked")
runs = client.search_runs([place.experiment_id])
told = [
    {"name": run.info.run_name, "status": run.info.status, "parent": run.data.tags.get("mlflow.parentRunId"),
     "params": run.data.params,
     "metrics": {key: [[m.step, m.value] for m in client.get_metric_history(run.info.run_id, key)]
                 for key in run.data.metrics}}
    for run in runs
]
print(json.dumps(told))
"""

EXPERIMENT = """
name = "tracked"
models = ["AE-LSTM"]
baselines = ["majority"]
[protocol]
kind = "speakers"
folds = 2
[autoencoder]
hidden = [8]
latent = 4
epochs = 2
[classifier]
hidden = 4
epochs = 2
"""


@pytest.mark.slow
def test_mlflow_has_the_settings_the_curves_and_the_figures(tmp_path: Path) -> None:
    import json  # noqa: PLC0415

    (tmp_path / "mine.toml").write_text(EXPERIMENT)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    options = ("--corpus", "synthetic:40", "--out", "out", "--cache", "cache", "--jobs", "1", "--track", "mlflow")
    ended = emovae("run", "mine.toml", *options, folder=tmp_path, MLFLOW_TRACKING_URI=uri)
    assert ended.returncode == 0, ended.stderr
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri}
    asked = subprocess.run([sys.executable, "-c", ASKED], env=environment, capture_output=True, text=True, check=True)
    runs = json.loads(asked.stdout)
    assert {run["status"] for run in runs} == {"FINISHED"}
    (parent,) = [run for run in runs if run["parent"] is None]
    assert parent["params"]["autoencoder.latent"] == "4"
    learned = [run for run in runs if run["name"].startswith("AE-LSTM")]
    assert len(learned) == 2
    assert all([step for step, _ in run["metrics"]["AE/reconstruction"]] == [0, 1] for run in learned)
    rows = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    for row in rows:
        (told,) = [run for run in runs if run["name"].startswith(f"results/{row['model']}")]
        assert told["metrics"]["result/ua"] == [[0, pytest.approx(row["ua"])]]


@pytest.mark.slow
@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "foo://x", "./mlruns"])
def test_an_mlflow_that_cannot_be_had_is_told_before_anything_is_computed(tmp_path: Path, uri: str) -> None:
    (tmp_path / "mine.toml").write_text(EXPERIMENT)
    options = ("--corpus", "synthetic:40", "--out", "out", "--cache", "cache", "--track", "mlflow")
    ended = emovae("run", "mine.toml", *options, folder=tmp_path, MLFLOW_TRACKING_URI=uri)
    assert ended.returncode == 2
    assert "emovae: --track: " in ended.stderr
    assert "leave --track out" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "package"), [("tensorboard", "tensorboard"), ("mlflow", "mlflow")])
def test_an_extra_that_is_not_installed_is_named(tmp_path: Path, name: str, package: str) -> None:
    (tmp_path / "mine.toml").write_text(EXPERIMENT)
    blocked = f"import sys; sys.modules[{package!r}] = None; from emovae.shells.cli import main; main()"
    arguments = ("run", "mine.toml", "--corpus", "synthetic:40", "--out", "out", "--cache", "cache", "--track", name)
    ended = subprocess.run(
        [sys.executable, "-c", blocked, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 2
    assert f"pip install 'emovae[{name}]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_every_learned_cell_has_a_name_of_its_own(ran: Ran) -> None:
    from emovae.workers import jobs_of  # noqa: PLC0415

    seen: list[str] = []

    class Listening(Tracker):
        def planned(self, context: Any, jobs: Any, _finished: int) -> None:
            self.context = context
            seen.extend(self._name(cell) for cell in cells_of(context))
            assert jobs == jobs_of(context, [])

    run(
        ran.experiment,
        ran.corpus,
        ran.out,
        ran.cache,
        Listening(TensorBoard(ran.out / "none"), ran.experiment, seen.append),
    )
    assert len(set(seen)) == len(seen) > 10
