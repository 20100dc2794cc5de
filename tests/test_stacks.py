"""Side by side, each network must learn what it would alone, whatever its company."""

import math
from collections.abc import Sequence
from typing import get_args

import pytest
import torch
from torch import Tensor

from emovae.autoencoders import build
from emovae.config import CONDITIONED
from emovae.course import DIVERGED, Epoch
from emovae.errors import EmovaeError
from emovae.examples import Examples
from emovae.machine import Machine, one_thread
from emovae.settings import Autoencoder
from emovae.stacks import Member, Stackable, stacked, train_stacked
from emovae.training import train_autoencoder

VALUES, CLASSES, CPU = 20, 3, Machine()
MODELS = ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM")
SETTINGS = Autoencoder(hidden=(16, 8), latent=4, batch_size=32, learning_rate=0.01, epochs=6, patience=1)
SIZES = (200, 96, 31, 130)
"""Whole batches and broken ones, few and many."""


def drawn_from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def examples(model: str, count: int, seed: int) -> Examples:
    generator = drawn_from(seed)
    mixing = torch.randn(3, VALUES, generator=drawn_from(99))
    causes = torch.randn(count, 3, generator=generator)
    segments = causes @ mixing + 0.3 * torch.randn(count, VALUES, generator=generator)
    told = torch.eye(CLASSES)[torch.randint(CLASSES, (count,), generator=generator)]
    return Examples(segments, told if model in CONDITIONED else None)


def member(model: str, seed: int, settings: Autoencoder = SETTINGS, scale: float = 1.0) -> Member:
    network = build(model, VALUES, CLASSES, settings, drawn_from(seed))
    assert isinstance(network, get_args(Stackable))
    train, validation = examples(model, SIZES[seed], seed), examples(model, 40, 10 + seed)
    return Member(
        network, train._replace(segments=scale * train.segments), validation, seed, lambda _epoch, _losses: None
    )


def alone(one: Member, settings: Autoencoder = SETTINGS, machine: Machine = CPU) -> list[Epoch]:
    return train_autoencoder(one.network, one.train, one.validation, settings, one.seed, machine, one.on_epoch)


def weights(one: Member) -> dict[str, Tensor]:
    return one.network.state_dict()


def assert_alike(found: Sequence[Epoch], expected: Sequence[Epoch], rel: float) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert dict(one) == pytest.approx(dict(other), rel=rel, abs=1e-5)


@pytest.mark.parametrize("changes", [{}, {"kl_warmup": 2, "free_bits": 0.2, "kl_weight": 2.0}, {"stop": "epochs"}])
@pytest.mark.parametrize("model", MODELS)
def test_each_learns_what_it_would_alone(model: str, changes: dict[str, object]) -> None:
    settings = Autoencoder.model_validate({**SETTINGS.model_dump(), **changes})
    together = [member(model, seed, settings) for seed in range(4)]
    curves = train_stacked(together, settings, CPU)
    for found, curve, one in zip(together, curves, (member(model, seed, settings) for seed in range(4)), strict=True):
        assert_alike(curve, alone(one, settings), rel=1e-4)
        for name, weight in weights(one).items():
            torch.testing.assert_close(weights(found)[name], weight, rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("model", MODELS)
def test_each_learns_on_a_gpu_what_it_would_alone_there(model: str) -> None:
    together, gpu = [member(model, seed) for seed in range(4)], Machine("cuda")
    curves = train_stacked(together, SETTINGS, gpu)
    for curve, one in zip(curves, (member(model, seed) for seed in range(4)), strict=True):
        one.network.to("cuda")
        assert_alike(curve, alone(one, machine=gpu), rel=1e-3)


def test_they_end_at_different_epochs() -> None:
    settings = SETTINGS.model_copy(update={"epochs": 60, "learning_rate": 0.05})
    curves = train_stacked([member("AE-LSTM", seed, settings) for seed in range(4)], settings, CPU)
    assert len({len(curve) for curve in curves}) > 1


@pytest.mark.parametrize("model", MODELS)
def test_company_changes_nothing(model: str) -> None:
    learned = []
    with one_thread():
        for company in (1, 3):
            one, other = member(model, 0), member(model, company)
            curve = train_stacked([one, other], SETTINGS, CPU)[0]
            learned.append((curve, {name: weight.numpy().tobytes() for name, weight in weights(one).items()}))
    assert learned[0] == learned[1]


def test_in_bfloat16_it_stays_close() -> None:
    half = Machine(precision="bfloat16")
    one, other = member("VAE-LSTM", 0), member("VAE-LSTM", 0)
    curves = train_stacked([one, member("VAE-LSTM", 1)], SETTINGS, half)
    assert_alike(curves[0], alone(other, machine=half), rel=0.02)


@pytest.mark.parametrize("model", MODELS)
def test_a_stack_says_what_its_networks_say(model: str) -> None:
    members = [member(model, seed) for seed in range(3)]
    segments = torch.randn(3, 7, VALUES, generator=drawn_from(5))
    told = [torch.eye(CLASSES)[[0, 1, 2, 0, 1, 2, 0]]] if model in CONDITIONED else []
    expected = [one.network.encode(some, *told) for one, some in zip(members, segments, strict=True)]
    stack = stacked([one.network for one in members])
    found = stack.encode(segments, *(some.expand(3, -1, -1) for some in told))
    for place, one in enumerate(expected):
        for mine, theirs in zip(found, one, strict=True) if isinstance(found, tuple) else [(found, one)]:
            torch.testing.assert_close(mine[place], theirs)


def test_afterwards_each_has_weights_of_its_own() -> None:
    members = [member("VAE-LSTM", seed) for seed in range(2)]
    train_stacked(members, SETTINGS, CPU)
    places = [weight.untyped_storage().data_ptr() for one in members for weight in one.network.parameters()]
    assert len(set(places)) == len(places)
    assert sum(weight.untyped_storage().nbytes() for weight in members[0].network.parameters()) == 4 * sum(
        weight.numel() for weight in members[0].network.parameters()
    )


def test_one_that_diverges_goes_back_and_leaves_the_other_alone() -> None:
    wild, calm = member("VAE-LSTM", 0), member("VAE-LSTM", 3)

    def spoilt(epoch: int, _losses: Epoch) -> None:
        if epoch == 1:
            wild.train.segments.fill_(math.nan)

    settings = SETTINGS.model_copy(update={"stop": "epochs"})
    curve, other = train_stacked([wild._replace(on_epoch=spoilt), calm], settings, CPU)
    assert [DIVERGED in epoch for epoch in curve] == [False, True]
    assert curve[1][DIVERGED] == 3
    assert all(weight.isfinite().all() for weight in weights(wild).values())
    assert_alike(other, alone(member("VAE-LSTM", 3), settings), rel=1e-4)


def test_a_loss_that_is_no_number_at_once_is_an_error() -> None:
    with pytest.raises(EmovaeError, match=r"training diverged; lower autoencoder\.learning_rate"):
        train_stacked([member("AE-LSTM", 0), member("AE-LSTM", 1, scale=math.inf)], SETTINGS, CPU)
