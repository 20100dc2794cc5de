"""The cells of a run on a real Ray cluster of two machines, played by two nodes on this one."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from conftest import Machines
from processes import PATIENCE_S, begun, ended

pytestmark = [
    pytest.mark.slow,
    # Ray's own
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]
WRITTEN = ("results.json", "table.md", "predictions.parquet", "curves.parquet", "views.safetensors", "report.html")
EXPERIMENT = """
name = "apart"
models = ["AE-LSTM", "VAE-LSTM", "CVAE-LSTM"]
baselines = ["majority", "functionals-SVM", "segments-LSTM"]
test_condition = ["oracle", "marginal"]
seeds = 3
[protocol]
kind = "speakers"
folds = 2
[autoencoder]
hidden = [64]
latent = 8
epochs = 6
[classifier]
hidden = 8
epochs = 6
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """What the run writes without a cluster."""
    place = tmp_path_factory.mktemp("alone")
    ended(started(place))
    return contents(place)


def started(place: Path, *more: str, **variables: str) -> subprocess.Popen[str]:
    (place / "apart.toml").write_text(EXPERIMENT)
    where = ["--corpus", "synthetic:40", "--out", "out", "--cache", "cache"]
    return begun("run", "apart.toml", *where, *more, cwd=place, beside=variables)


def contents(place: Path) -> Mapping[str, bytes]:
    return {name: (place / "out" / name).read_bytes() for name in WRITTEN}


def test_a_cluster_gives_the_same_bytes(tmp_path: Path, cluster: Machines, alone: Mapping[str, bytes]) -> None:
    ended(started(tmp_path, "--cluster", cluster.address))
    assert contents(tmp_path) == alone
    assert "; 0 cells to compute" in ended(started(tmp_path, "--cluster", cluster.address))


def test_a_machine_that_is_lost_in_the_middle_costs_time_and_nothing_else(
    tmp_path: Path, cluster: Machines, alone: Mapping[str, bytes]
) -> None:
    run = started(tmp_path, "--cluster", cluster.address)
    end = time.monotonic() + PATIENCE_S
    while not (done := list(tmp_path.glob("out/cells/*.json"))):
        assert time.monotonic() < end
        assert run.poll() is None
        time.sleep(0.05)
    before = {path: path.stat().st_mtime_ns for path in done}
    cluster.cluster.remove_node(cluster.second, allow_graceful=False)
    said = ended(run)
    assert "0 cells to compute" not in said
    assert {path: path.stat().st_mtime_ns for path in done} == before
    assert contents(tmp_path) == alone


def test_what_a_cell_finds_wrong_is_told_as_it_is_here(tmp_path: Path, cluster: Machines) -> None:
    wrong = ("--set", "autoencoder.learning_rate=1e30")
    ways: tuple[tuple[str, ...], ...] = ((), ("--cluster", cluster.address))
    told = [ended(started(tmp_path, *wrong, *way), 2).splitlines()[-1] for way in ways]
    assert told[0] == told[1]
    assert told[0].startswith("emovae: ")


@pytest.mark.usefixtures("one_ray")
def test_where_no_cluster_is_a_person_is_told_how_to_start_one(tmp_path: Path) -> None:
    said = ended(started(tmp_path, "--cluster", "auto", RAY_ADDRESS=""), 2)
    assert "emovae: there is no Ray cluster at 'auto'" in said
    assert "ray start --head" in said
