"""Rounded weights in the network, exact ones beside: what is learned must be autocast's and PyTorch's."""

import pytest
import torch
from torch import Tensor, nn

from emovae import optimiser
from emovae.autoencoders import Network, build
from emovae.config import CONDITIONED
from emovae.machine import Machine
from emovae.optimiser import Adam, PlainAdam, RoundedAdam, adam
from emovae.settings import Autoencoder

VALUES, CLASSES, STEPS = 64, 3, 20
SETTINGS = Autoencoder(hidden=(64, 32), latent=32, learning_rate=0.01, betas=(0.8, 0.95), epsilon=1e-6)
ODD = SETTINGS.model_copy(update={"hidden": (17, 9), "latent": 5})
MODELS = ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM")
HALF = Machine(precision="bfloat16")


def fresh(model: str, settings: Autoencoder = SETTINGS) -> Network:
    return build(model, VALUES, CLASSES, settings, torch.Generator().manual_seed(0))


def learned(model: str, kind: type[Adam], steps: int = STEPS, settings: Autoencoder = SETTINGS) -> tuple[Network, Adam]:
    network = fresh(model, settings)
    moved, generator = kind(network, settings), torch.Generator().manual_seed(1)
    for _ in range(steps):
        segments = torch.randn(32, VALUES, generator=generator).bfloat16()
        condition = torch.eye(CLASSES)[torch.randint(CLASSES, (32,), generator=generator)]
        with HALF.autocast():
            terms = network(segments, condition if model in CONDITIONED else None, generator)
        torch.autograd.backward(terms.reconstruction.mean() + terms.divergence.mean())
        moved.step()
    return network, moved


@pytest.mark.parametrize("at_once", [1024, 100_000])
@pytest.mark.parametrize("model", MODELS)
def test_what_is_learned_is_autocasts_to_the_bit(model: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimiser, "AT_ONCE", at_once)
    (plain, _), (network, rounded) = learned(model, PlainAdam), learned(model, RoundedAdam)
    expected = plain.state_dict()
    assert rounded.weights().keys() == expected.keys()
    assert all(torch.equal(weight, expected[name]) for name, weight in rounded.weights().items())
    rounded.finish()
    assert all(torch.equal(weight, expected[name]) for name, weight in network.state_dict().items())
    assert not any(torch.equal(weight, expected[name]) for name, weight in fresh(model).state_dict().items())


@pytest.mark.parametrize("at_once", [7, 100, 100_000])
@pytest.mark.parametrize("model", MODELS)
def test_weights_that_fill_no_vector_of_the_processor_may_differ_in_their_last_bit(
    model: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimiser, "AT_ONCE", at_once)
    (plain, _), (_, rounded) = (learned(model, kind, settings=ODD) for kind in (PlainAdam, RoundedAdam))
    expected = plain.state_dict()
    for name, weight in rounded.weights().items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-6, atol=1e-7)


def test_while_it_learns_linear_layers_are_rounded_and_other_weights_are_not() -> None:
    network, moved = learned("SSVAE-LSTM", RoundedAdam)
    linear = [weight for layer in network.modules() if isinstance(layer, nn.Linear) for weight in layer.parameters()]
    assert {weight.dtype for weight in linear} == {torch.bfloat16}
    assert network.get_parameter("prior_mean").dtype == torch.float32
    exact = moved.weights()
    assert all(torch.equal(weight, exact[name].to(weight.dtype)) for name, weight in network.state_dict().items())


def test_after_the_end_weights_are_the_networks_own() -> None:
    network, moved = learned("VAE-LSTM", RoundedAdam, steps=1)
    moved.finish()
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    assert len({weight.untyped_storage().data_ptr() for weight in network.parameters()}) == 14
    assert all(weight.grad is None for weight in network.parameters())


def test_it_stands_in_where_products_are_bfloat16_on_a_processor() -> None:
    assert isinstance(adam(fresh("VAE-LSTM"), SETTINGS, HALF), RoundedAdam)
    assert isinstance(adam(fresh("VAE-LSTM"), SETTINGS, Machine()), PlainAdam)


def test_plain_adam_forgets_gradients_after_a_step() -> None:
    network, _ = learned("VAE-LSTM", PlainAdam, steps=1)
    assert all(weight.grad is None for weight in network.parameters())


def by_hand(weight: float, gradients: list[float]) -> float:
    """Adam as algorithm 1 of Kingma and Ba (2015) has it."""
    first = second = 0.0
    decay, decay_of_squares = SETTINGS.betas
    for step, gradient in enumerate(gradients, 1):
        first = decay * first + (1 - decay) * gradient
        second = decay_of_squares * second + (1 - decay_of_squares) * gradient**2
        unbiased, spread = first / (1 - decay**step), second / (1 - decay_of_squares**step)
        weight -= SETTINGS.learning_rate * unbiased / (spread**0.5 + SETTINGS.epsilon)
    return weight


@pytest.mark.parametrize("kind", [PlainAdam, RoundedAdam])
def test_a_weight_moves_as_adams_first_algorithm_says(kind: type[Adam]) -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 0.5)
    moved = kind(layer, SETTINGS)
    gradients = [0.25, -1.0, 3.0, 0.5]
    for gradient in gradients:
        layer.weight.grad = torch.full((1, 1), gradient, dtype=layer.weight.dtype)
        moved.step()
    found: Tensor = moved.weights()["weight"]
    assert found.item() == pytest.approx(by_hand(0.5, gradients), rel=1e-6)
