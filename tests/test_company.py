"""Processes that share rows out must learn what one of them learns from all."""

import multiprocessing
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, distributed
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from emovae.autoencoders import Network, build
from emovae.company import ALONE, Company, Several
from emovae.config import CONDITIONED
from emovae.course import Epoch
from emovae.examples import Examples
from emovae.machine import Machine, one_thread
from emovae.settings import Autoencoder
from emovae.training import train_autoencoder

VALUES, CLASSES = 20, 3
MODELS = ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM")
SETTINGS = Autoencoder(hidden=(16,), latent=4, batch_size=32, learning_rate=0.01, epochs=8, patience=2)
TRAIN, HELD_OUT = 210, 75
"""The last batch of an epoch has 18 rows."""
CUTS = {2: ((101, 70), (210, 75)), 3: ((70, 25), (70, 75), (210, 75))}
"""For so many processes, where the training rows and the held-out rows of each end: some hold none at all."""
EQUAL = 1e-4
"""What the losses may differ by, relative to each."""
PATIENCE = timedelta(seconds=300)
"""How long a process waits for another, on a machine that does much else."""


class Case(NamedTuple):
    """What is learned."""

    model: str
    changes: Mapping[str, Any] = MappingProxyType({})
    precision: str = "float32"


CASES = {
    **{model: Case(model) for model in MODELS},
    "the usual widths": Case("VAE-LSTM", {"hidden": (512, 256), "latent": 128, "learning_rate": 0.001, "epochs": 3}),
    "free bits": Case("VAE-LSTM", {"free_bits": 0.3}),
    "a warm-up": Case("VAE-LSTM", {"kl_warmup": 3, "stop": "epochs"}),
    "a threshold": Case("VAE-LSTM", {"stop": "threshold", "threshold": 8.0}),
    "batches of fewer rows than processes": Case("VAE-LSTM", {"batch_size": 2, "epochs": 2}),
    "bfloat16": Case("CVAE-LSTM", precision="bfloat16"),
}


class Learned(NamedTuple):
    """What one process ends with."""

    curve: list[Epoch]
    weights: dict[str, Tensor]
    told: list[int]


def examples(model: str, count: int, seed: int) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(3, VALUES, generator=torch.Generator().manual_seed(99))
    causes = torch.randn(count, 3, generator=generator)
    segments = causes @ mixing + 0.3 * torch.randn(count, VALUES, generator=generator)
    told = torch.eye(CLASSES)[torch.randint(CLASSES, (count,), generator=generator)]
    told[::5] = 1 / CLASSES  # of these nobody knows the class
    return Examples(segments, told if model in CONDITIONED else None)


def rows(some: Examples, start: int, stop: int) -> Examples:
    told = None if some.conditions is None else some.conditions[start:stop]
    return Examples(some.segments[start:stop], told)


def fresh(case: Case) -> tuple[Network, Autoencoder]:
    settings = SETTINGS.model_copy(update=case.changes)
    return build(case.model, VALUES, CLASSES, settings, torch.Generator().manual_seed(0)), settings


def learned(case: Case, company: Company = ALONE, starts: Sequence[int] = (0, 0), stops: Sequence[int] = ()) -> Learned:
    (network, settings), told = fresh(case), list[int]()
    sides = [
        rows(examples(case.model, count, seed), start, stop)
        for seed, (count, start, stop) in enumerate(
            zip((TRAIN, HELD_OUT), starts, stops or (TRAIN, HELD_OUT), strict=True)
        )
    ]
    machine = Machine(precision=case.precision)
    with one_thread():
        curve = train_autoencoder(
            network, sides[0], sides[1], settings, 3, machine, lambda epoch, _: told.append(epoch), company
        )
    return Learned(curve, dict(network.state_dict()), told)


def learn_all(rank: int, port: int, place: Path) -> None:
    """What each process does, in a group of two and in one of three."""
    met = TCPStore("127.0.0.1", port, timeout=PATIENCE)
    for size in CUTS:
        if rank < size:
            group = PrefixStore(str(size), met)
            distributed.init_process_group("gloo", None, PATIENCE, size, rank, group)
            starts = CUTS[size][rank - 1] if rank else (0, 0)
            found = {name: learned(case, Several(), starts, CUTS[size][rank]) for name, case in CASES.items()}
            torch.save(found, place / f"{size} {rank}")
            distributed.destroy_process_group()


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict[str, Learned]]]:
    """What each process has learned of each case, for so many processes."""
    place, spawn = tmp_path_factory.mktemp("company"), multiprocessing.get_context("spawn")
    # They meet here, in the process that outlives them: of a file, who leaves last may find that it is gone, and abort.
    met = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    processes = [spawn.Process(target=learn_all, args=(rank, met.port, place)) for rank in range(max(CUTS))]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return {size: [torch.load(place / f"{size} {rank}", weights_only=False) for rank in range(size)] for size in CUTS}


def numbers(curve: Sequence[Epoch]) -> Tensor:
    return torch.tensor([list(epoch.values()) for epoch in curve], dtype=torch.float64)


@pytest.mark.slow
@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize("name", CASES)
def test_processes_that_share_rows_out_learn_what_one_learns_from_all(
    name: str, size: int, apart: dict[int, list[dict[str, Learned]]]
) -> None:
    one, several = learned(CASES[name]), apart[size][0][name]
    exact = CASES[name].precision == "float32"
    torch.testing.assert_close(numbers(several.curve), numbers(one.curve), rtol=EQUAL if exact else 0.02, atol=1e-7)
    for weight, tensor in one.weights.items() if exact else ():
        torch.testing.assert_close(several.weights[weight], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize("name", CASES)
def test_all_processes_end_with_the_same_bits_and_tell_the_same_epochs(
    name: str, size: int, apart: dict[int, list[dict[str, Learned]]]
) -> None:
    first, *others = (each[name] for each in apart[size])
    for other in others:
        assert other.curve == first.curve
        assert other.told == first.told == list(range(len(first.curve)))
        assert all(torch.equal(other.weights[weight], tensor) for weight, tensor in first.weights.items())


def test_noise_of_another_process_would_be_seen() -> None:
    """The bound of these tests is far below what another draw of the same noise makes of the curve."""
    network, settings = fresh(CASES["VAE-LSTM"])
    some = examples("VAE-LSTM", TRAIN, 0), examples("VAE-LSTM", HELD_OUT, 1)
    with one_thread():
        other = train_autoencoder(network, *some, settings, 4, Machine(), lambda _epoch, _losses: None)
    assert abs(numbers(other)[0] / numbers(learned(CASES["VAE-LSTM"]).curve)[0] - 1).max() > 100 * EQUAL
