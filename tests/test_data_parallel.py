"""One autoencoder learned by several workers of a real Ray cluster of two machines, played by two nodes on this one."""

import re
import subprocess
import time
from pathlib import Path

import pytest
import torch

from conftest import NODE, Machines
from emovae import weights
from emovae.weights import Weights
from processes import begun, ended

pytestmark = [
    pytest.mark.slow,
    # Ray's own
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]
EQUAL = 1e-4
"""What a loss may differ by, relative to it."""
SETTINGS = (
    "precision=float32",
    "autoencoder.hidden=[64]",
    "autoencoder.latent=8",
    "autoencoder.batch_size=60",
    "autoencoder.epochs=6",
    "classifier.hidden=8",
    "classifier.epochs=2",
)


@pytest.fixture
def second_cores() -> int:
    return 2


def started(place: Path, out: str, model: str, *more: str) -> subprocess.Popen[str]:
    """`emovae train`, with a relative cache of its own."""
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    where = ["--corpus", "synthetic:40", "--out", out, "--cache", f"cache {out}", "--no-estimate"]
    return begun("train", "--model", model, *where, *settings, *more, cwd=place)


def learned(place: Path, out: str) -> Weights:
    """The autoencoder that a command has kept in its cache."""
    (only,) = place.glob(f"cache {out}/models/*/cells/*.safetensors")
    kept = weights.kept(only)
    assert kept is not None
    return kept


def numbers(kept: Weights) -> torch.Tensor:
    return torch.tensor([list(epoch.values()) for epoch in kept.told["curve"]], dtype=torch.float64)


def assert_alike(one: Weights, other: Weights) -> None:
    torch.testing.assert_close(numbers(other), numbers(one), rtol=EQUAL, atol=1e-7)
    for name, tensor in one.tensors.items():
        torch.testing.assert_close(other.tensors[name], tensor, rtol=1e-3, atol=1e-4)
    assert other.told["use"]["active"] == one.told["use"]["active"]


def held(said: str) -> list[int]:
    """How many segments to learn from each worker tells."""
    return [int(rows) for rows in re.findall(r"^worker \d of \d: (\d+) segments to learn from", said, re.MULTILINE)]


@pytest.mark.parametrize(("model", "workers"), [("ae-lstm", 2), ("vae-lstm", 2), ("vae-lstm", 3), ("cvae-lstm", 2)])
def test_several_workers_learn_what_one_process_does_from_a_portion_each(
    model: str, workers: int, tmp_path: Path, cluster: Machines
) -> None:
    ended(started(tmp_path, "one", model))
    said = ended(started(tmp_path, "several", model, "--cluster", cluster.address, "--workers", str(workers)))
    assert_alike(learned(tmp_path, "one"), learned(tmp_path, "several"))
    rows = held(said)
    assert len(rows) == workers
    assert max(rows) < 1.2 * sum(rows) / workers
    again = ended(started(tmp_path, "several", model, "--cluster", cluster.address, "--workers", str(workers)))
    assert held(again) == []  # it is learned already


def test_one_worker_learns_the_same_bits_as_this_process(tmp_path: Path, cluster: Machines) -> None:
    ended(started(tmp_path, "one", "vae-lstm"))
    ended(started(tmp_path, "there", "vae-lstm", "--cluster", cluster.address, "--workers", "1"))
    for name in ("model.safetensors", "model.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_a_worker_that_is_lost_is_told_and_the_same_command_begins_anew(tmp_path: Path, cluster: Machines) -> None:
    cluster.cluster.remove_node(cluster.second)
    second = cluster.cluster.add_node(**NODE)
    settings = ("--set", "autoencoder.epochs=2000", "--set", "autoencoder.stop=epochs")
    there = ("--cluster", cluster.address, "--workers", "2")
    run = started(tmp_path, "several", "vae-lstm", *settings, *there)
    assert run.stderr is not None
    while "worker" not in run.stderr.readline():
        assert run.poll() is None
    time.sleep(2)
    cluster.cluster.remove_node(second, allow_graceful=False)
    said = ended(run, 2)
    assert re.search(r"emovae: worker \d.*; nothing of the autoencoder is kept, and the same command", said), said
    assert not list(tmp_path.glob("cache several/models/*/cells/*.safetensors"))
    cluster.cluster.add_node(**NODE)
    ended(started(tmp_path, "several", "vae-lstm", *there))
    assert len(learned(tmp_path, "several").told["curve"]) == 6


def test_what_all_workers_find_wrong_is_told_as_it_is_here(tmp_path: Path, cluster: Machines) -> None:
    wrong = ("--set", "autoencoder.learning_rate=1e30")
    ways: tuple[tuple[str, ...], ...] = ((), ("--cluster", cluster.address, "--workers", "2"))
    told = [ended(started(tmp_path, "out", "vae-lstm", *wrong, *way), 2).splitlines()[-1] for way in ways]
    assert "training diverged" in told[0]
    assert re.sub(r"loss is \S+", "", told[0]) == re.sub(r"loss is \S+", "", told[1])


def test_a_cluster_that_is_too_small_is_told_at_once(tmp_path: Path, cluster: Machines) -> None:
    said = ended(started(tmp_path, "out", "vae-lstm", "--cluster", cluster.address, "--workers", "4"), 2)
    assert "--workers 4 asks for as many processor cores, and the cluster has 3" in said
