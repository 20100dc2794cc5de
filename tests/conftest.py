import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from emovae.config import Experiment
from emovae.corpora import Corpus, open_corpus
from emovae.experiment import Outcome, run
from emovae.final import Means, train_final
from emovae.locks import held
from emovae.presets import resolve
from emovae.trained import TrainedModel
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


@dataclass(frozen=True)
class Ran:
    """The tiny experiment, run once for all tests that only read what it wrote."""

    experiment: Experiment
    corpus: Corpus
    out: Path
    cache: Path
    outcome: Outcome


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
    return train_final(resolve(keys), small_corpus, Means(cache, Watcher()), fold="1")


@pytest.fixture(scope="session")
def ran(small_corpus: Corpus, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    experiment, out = resolve(TINY), tmp_path_factory.mktemp("tiny") / "out"
    return Ran(experiment, small_corpus, out, cache, run(experiment, small_corpus, out, cache))


@pytest.fixture
def one_ray() -> Iterator[None]:
    """Keeps tests that start Ray apart: to end one on a machine is to end all."""
    with held(Path(tempfile.gettempdir()) / "emovae-tests-ray"):
        yield
