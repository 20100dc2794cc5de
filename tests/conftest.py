import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from xdist.scheduler import LoadFileScheduling

from emovae.config import Experiment
from emovae.corpora import Corpus, open_corpus
from emovae.experiment import Outcome, run
from emovae.final import Means, train_final
from emovae.locks import held
from emovae.presets import resolve
from emovae.trained import TrainedModel
from emovae.trained_ensemble import Trained
from emovae.watcher import Watcher

TINY: dict[str, Any] = {
    "name": "tiny",
    "models": ["AE-LSTM", "VAE-LSTM", "CVAE-LSTM"],
    "baselines": ["majority", "functionals-SVM"],
    "test_condition": ["oracle", "marginal"],
    "seeds": 2,
    "protocol": {"kind": "speakers", "folds": 2},
    "dimensional_protocol": {"kind": "speakers", "folds": 2},
    "autoencoder": {"hidden": [16], "latent": 4, "epochs": 2, "batch_size": 64},
    "classifier": {"hidden": 8, "epochs": 2, "batch_size": 8, "learning_rate": 0.01},
}

NODE = {"num_cpus": 1, "object_store_memory": 100_000_000}
"""A machine of a Ray cluster, with one processor core."""
RAY = ("test_archive_apart", "test_cluster", "test_data_parallel", "test_slurm")
"""The files whose tests take `one_ray`."""


@dataclass(frozen=True)
class Ran:
    """The tiny experiment, run once for all tests that only read what it wrote."""

    experiment: Experiment
    corpus: Corpus
    out: Path
    cache: Path
    outcome: Outcome


class Machines(NamedTuple):
    """A Ray cluster of a head with one processor core, and another node."""

    cluster: Any
    second: Any

    @property
    def address(self) -> str:
        return str(self.cluster.address)


class RayTogether(LoadFileScheduling):  # type: ignore[misc]
    """A file's tests go to one worker, and all that start Ray to the same, so that none waits for another's Ray."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "ray" if Path(file).stem in RAY else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> RayTogether | None:
    return RayTogether(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """The networks here are too small for two threads to be worth their meeting."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny() -> dict[str, Any]:
    """An experiment's keys, as small as a grid with everything in it can be."""
    return TINY


def one_network(trained: Trained) -> TrainedModel:
    """What was trained, which is no ensemble."""
    assert isinstance(trained, TrainedModel)
    return trained


@pytest.fixture(scope="session")
def small_corpus() -> Corpus:
    return open_corpus("synthetic:40")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def model(small_corpus: Corpus, cache: Path, tiny: dict[str, Any]) -> TrainedModel:
    """A VAE-LSTM of the first fold's training side; to be read, not changed."""
    keys = {**tiny, "models": ["VAE-LSTM"], "baselines": [], "test_condition": ["marginal"], "seeds": 1}
    return one_network(train_final(resolve(keys), small_corpus, Means(cache, Watcher()), fold="1"))


@pytest.fixture(scope="session")
def ran(small_corpus: Corpus, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    experiment, out = resolve(TINY), tmp_path_factory.mktemp("tiny") / "out"
    return Ran(experiment, small_corpus, out, cache, run(experiment, small_corpus, out, cache))


@pytest.fixture
def one_ray() -> Iterator[None]:
    """Keeps tests that start Ray apart: to end one on a machine is to end all."""
    with held(Path(tempfile.gettempdir()) / "emovae-tests-ray"):
        yield


@pytest.fixture
def second_cores() -> int:
    """How many processor cores the second machine of a cluster has."""
    return 1


@pytest.fixture
def cluster(one_ray: None, second_cores: int) -> Iterator[Machines]:
    """A real Ray cluster of two machines, played by two nodes on this one."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - only where it is asked for

    whole: Any = Cluster
    made = whole(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    yield Machines(made, made.add_node(**{**NODE, "num_cpus": second_cores}))
    made.shutdown()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in memory, of 1 MB until it is mounted anew."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a file system here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)
