"""What a model that knows classes says of a segment's class by itself."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from scipy.stats import norm
from torch import Tensor

from emovae.autoencoders import CVAE, SSVAE, build
from emovae.evidence import (
    DRAWS,
    SEGMENTS_AT_ONCE,
    class_bounds,
    fitted_temperature,
    posterior,
    summed,
)
from emovae.examples import Examples
from emovae.machine import Machine
from emovae.segments import Segmented
from emovae.settings import Autoencoder
from emovae.training import train_autoencoder

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

VALUES, CLASSES, LATENT = 6, 3, 2
KINDS = (CVAE, SSVAE)
LINEAR = Autoencoder(hidden=(), latent=LATENT)


def drawn_from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def segmented(*lengths: int, seed: int = 2) -> Segmented:
    values = torch.randn(sum(lengths), VALUES, generator=drawn_from(seed))
    return Segmented(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def linear_network(kind: type[CVAE | SSVAE], log_variance: float) -> CVAE | SSVAE:
    """Without a hidden layer, and of the same variance everywhere: every term can be worked out."""
    network = kind(VALUES, CLASSES, LINEAR, drawn_from(0))
    with torch.no_grad():
        network.log_variance.weight.zero_()
        network.log_variance.bias.fill_(log_variance)
        network.decoder.get_parameter("0.bias").normal_(generator=drawn_from(3))
        if isinstance(network, SSVAE):
            network.prior_mean.normal_(generator=drawn_from(4))
            network.prior_log_variance.normal_(generator=drawn_from(5))
    return network


def worked_out(network: CVAE | SSVAE, segments: Tensor, kl_weight: float) -> Array:
    """The bound of each segment under each class: E|X - (Az + Bc + b)|^2 = |X - (Am + Bc + b)|^2 + sum s2 |A_k|^2."""
    state = {name: tensor.double().numpy() for name, tensor in network.state_dict().items()}
    decode, told = state["decoder.0.weight"][:, :LATENT], state["decoder.0.weight"][:, LATENT:]
    out = np.zeros((len(segments), CLASSES))
    for label in range(CLASSES):
        read = segments.double().numpy()
        centre, spread = np.zeros(LATENT), np.ones(LATENT)
        if isinstance(network, CVAE):
            read = np.hstack([read, np.tile(np.eye(CLASSES)[label], (len(read), 1))])
        else:
            centre, spread = state["prior_mean"][label], np.exp(state["prior_log_variance"][label])
        mean = read @ state["mean.weight"].T + state["mean.bias"]
        variance = np.exp(state["log_variance.bias"])
        made = mean @ decode.T + told[:, label] + state["decoder.0.bias"]
        distance = np.square(segments.double().numpy() - made).sum(1) + (variance * np.square(decode).sum(0)).sum()
        ratio = variance / spread
        divergence = 0.5 * (np.square(mean - centre) / spread + ratio - 1 - np.log(ratio)).sum(1)
        out[:, label] = -(distance + kl_weight * divergence)
    return out


# The bound


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kl_weight", [0.0, 1.0, 2.5])
def test_the_bound_is_the_one_worked_out_where_z_hardly_varies(kind: type[CVAE | SSVAE], kl_weight: float) -> None:
    network, some = linear_network(kind, -30.0), segmented(5, 2)
    found = class_bounds(network, some, CLASSES, kl_weight, 0)
    assert found.shape == (7, CLASSES)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, worked_out(network, some.values, kl_weight), rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_is_in_the_mean_over_draws_the_one_worked_out(kind: type[CVAE | SSVAE]) -> None:
    network, one = linear_network(kind, -0.5), segmented(1)
    copies = Segmented(one.values.expand(SEGMENTS_AT_ONCE, -1), np.array([0, SEGMENTS_AT_ONCE]))
    found = class_bounds(network, copies, CLASSES, 1.0, 0).double().numpy()
    error = found.std(0) / math.sqrt(SEGMENTS_AT_ONCE)
    away = np.abs(found.mean(0) - worked_out(network, one.values, 1.0)[0])
    assert (away < 5 * error).all()
    assert (error > 1e-4).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_is_minus_eq_2_averaged_over_draws_of_its_own_seed(kind: type[CVAE | SSVAE]) -> None:
    settings = Autoencoder(hidden=(7,), latent=LATENT, activation="tanh")
    network, some = kind(VALUES, CLASSES, settings, drawn_from(0)), segmented(4, 1, 6)
    found = class_bounds(network, some, CLASSES, 0.7, 5)
    for label in range(CLASSES):
        noise, told = drawn_from(5), torch.eye(CLASSES)[label].expand(11, -1)
        losses = []
        for _ in range(DRAWS):
            terms = network(some.values, told, noise)
            losses.append((terms.reconstruction + 0.7 * terms.divergence).detach())
        torch.testing.assert_close(found[:, label], -torch.stack(losses).mean(0))
    assert not torch.equal(found, class_bounds(network, some, CLASSES, 0.7, 6))


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_is_judged_under_the_same_noise(kind: type[CVAE | SSVAE]) -> None:
    """A model that makes no difference between classes names none, whatever was drawn."""
    network = kind(VALUES, CLASSES, Autoencoder(hidden=(7,), latent=LATENT, condition_decoder=False), drawn_from(0))
    if isinstance(network, CVAE):
        with torch.no_grad():
            network.encoder.get_parameter("0.weight")[:, VALUES:] = 0
    found = class_bounds(network, segmented(50), CLASSES, 1.0, 0)
    assert torch.equal(found, found[:, :1].expand(-1, CLASSES))
    assert float(found[:, 0].std()) > 0


def test_more_segments_than_are_judged_at_once_come_out_as_if_judged_part_by_part() -> None:
    network, some = linear_network(CVAE, -0.5), segmented(SEGMENTS_AT_ONCE, 40)
    whole = class_bounds(network, some, CLASSES, 1.0, 0)
    last = Segmented(some.values[SEGMENTS_AT_ONCE:], np.array([0, 40]))
    assert torch.equal(whole[SEGMENTS_AT_ONCE:], class_bounds(network, last, CLASSES, 1.0, 0))
    assert len(whole) == SEGMENTS_AT_ONCE + 40


def test_judging_asks_no_global_generator_and_leaves_no_gradient() -> None:
    before = torch.get_rng_state()
    found = class_bounds(linear_network(SSVAE, -0.5), segmented(3), CLASSES, 1.0, 0)
    assert torch.equal(torch.get_rng_state(), before)
    assert not found.requires_grad


def test_the_bounds_of_an_utterance_are_the_sums_over_its_segments() -> None:
    some = segmented(4, 1, 6)
    bounds = torch.randn(11, CLASSES, generator=drawn_from(0))
    by_hand = [bounds[:4].double().sum(0), bounds[4].double(), bounds[5:].double().sum(0)]
    np.testing.assert_allclose(summed(bounds, some.starts), np.stack(by_hand), rtol=1e-12)


# Bayes' rule


def test_bayes_rule_gives_the_posterior_that_densities_give() -> None:
    # Two Gaussians, whose log-densities stand for the bounds.
    points = np.linspace(-4, 4, 9)
    densities = np.stack([norm.pdf(points, -1, 1), norm.pdf(points, 2, 1.5)], axis=1)
    prior = np.array([0.8, 0.2])
    expected = prior * densities / (densities @ prior)[:, None]
    found = posterior(np.log(densities), prior, 1.0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_temperature_flattens_what_the_segments_say_and_not_the_prior() -> None:
    bounds, prior = np.random.default_rng(0).normal(0, 40, (50, CLASSES)), np.array([0.5, 0.3, 0.2])
    for temperature in (0.5, 1.0, 30.0):
        expected = softmax(bounds / temperature + np.log(prior), axis=1)
        np.testing.assert_allclose(posterior(bounds, prior, temperature), expected, rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(posterior(bounds, prior, 1e12), np.tile(prior, (50, 1)), rtol=1e-5)


def test_sums_over_long_utterances_neither_overflow_nor_vanish() -> None:
    found = posterior(np.array([[-1e6, -1e6 - 1.0, -2e6], [-3e7, -1e7, -2e7]]), np.full(3, 1 / 3), 1.0)
    np.testing.assert_allclose(found[0], softmax([0.0, -1.0, -1e6]), rtol=1e-5)
    assert found[1].tolist() == [0.0, 1.0, 0.0]


def test_rows_sum_to_one_and_a_class_without_a_prior_is_never_named() -> None:
    generator = np.random.default_rng(0)
    bounds = generator.normal(0, 100, (500, CLASSES))
    bounds[:, 1] += 500  # of all the most likely, were it not impossible
    prior = np.array([0.4, 0.0, 0.6])
    found = posterior(bounds, prior, 3.0)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
    assert not found[:, 1].any()
    assert (posterior(bounds, np.full(3, 1 / 3), 3.0).argmax(1) == 1).mean() > 0.9


# The temperature


def planted(count: int, temperature: float, prior: Array, seed: int = 0) -> tuple[Array, Labels]:
    """Bounds, and labels that are drawn from the posterior at this temperature."""
    generator = np.random.default_rng(seed)
    bounds = -1000 + generator.normal(0, 3 * temperature, (count, len(prior)))
    chances = softmax(bounds / temperature + np.log(prior), axis=1)
    labels = (generator.random(count)[:, None] > chances.cumsum(1)).sum(1)
    return bounds, labels.astype(np.int64)


def loss(bounds: Array, prior: Array, labels: Labels, temperature: float) -> float:
    logs = log_softmax(bounds / temperature + np.log(prior), axis=1)
    return -float(logs[np.arange(len(labels)), labels].mean())


UNEVEN = np.array([0.5, 0.3, 0.2])


@pytest.mark.parametrize("temperature", [0.3, 1.0, 25.0, 4000.0])
def test_the_temperature_that_labels_were_drawn_at_is_found_again(temperature: float) -> None:
    bounds, labels = planted(20_000, temperature, UNEVEN)
    assert fitted_temperature(bounds, UNEVEN, labels) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("seed", range(6))
def test_the_temperature_is_the_best_of_a_fine_grid(seed: int) -> None:
    # A few dozen utterances of all kinds of sizes, a third of them with a label that nothing says.
    generator = np.random.default_rng(seed)
    bounds, labels = planted(30, float(10 ** generator.uniform(-1, 4)), UNEVEN, seed)
    bounds *= np.exp(generator.normal(0, 1, (30, 1)))
    labels[:10] = generator.integers(0, 3, 10)
    grid = np.geomspace(1e-2, 1e6, 8001)
    losses = [loss(bounds, UNEVEN, labels, float(point)) for point in grid]
    found = fitted_temperature(bounds, UNEVEN, labels)
    assert loss(bounds, UNEVEN, labels, found) <= min(losses) + 1e-6
    assert found == pytest.approx(float(grid[int(np.argmin(losses))]), rel=0.01)


def test_the_more_labels_agree_with_the_bounds_the_colder_it_gets() -> None:
    bounds, _ = planted(300, 10.0, np.full(3, 1 / 3))
    best, worst = bounds.argmax(1), bounds.argmin(1)
    fitted = [
        fitted_temperature(bounds, np.full(3, 1 / 3), np.where(np.arange(300) < agreeing, best, worst))
        for agreeing in (180, 210, 240, 270, 297)
    ]
    assert fitted == sorted(fitted, reverse=True)
    assert len(set(fitted)) == 5


def test_who_is_always_right_and_who_is_always_wrong_end_at_the_ends() -> None:
    bounds, _ = planted(100, 10.0, np.full(3, 1 / 3))
    right, wrong = (
        fitted_temperature(bounds, np.full(3, 1 / 3), labels) for labels in (bounds.argmax(1), bounds.argmin(1))
    )
    assert 1e-2 <= right < 0.2
    assert 5e5 < wrong <= 1e6


def test_a_label_that_the_prior_rules_out_does_not_spoil_what_the_others_say() -> None:
    bounds, labels = planted(2000, 5.0, UNEVEN)
    prior = np.array([0.5, 0.5, 0.0])
    among = labels < 2
    expected = fitted_temperature(bounds[among], prior, labels[among])
    assert fitted_temperature(bounds, prior, labels) == expected
    assert fitted_temperature(bounds[~among], prior, labels[~among]) == 1.0


# Together


@pytest.mark.parametrize("model", ["CVAE-LSTM", "SSVAE-LSTM"])
def test_a_trained_model_names_the_class_of_others_by_its_bounds_far_above_chance(model: str) -> None:
    def spoken(count: int, seed: int) -> tuple[Segmented, Labels]:
        """Utterances of three segments that lie around their class's centre."""
        labels = np.random.default_rng(seed).integers(0, CLASSES, count)
        centres = 2 * torch.randn(CLASSES, VALUES, generator=drawn_from(77))
        values = centres[np.repeat(labels, 3)] + torch.randn(3 * count, VALUES, generator=drawn_from(seed))
        return Segmented(values, np.arange(0, 3 * count + 1, 3)), labels

    def examples(some: Segmented, labels: Labels) -> Examples:
        return Examples(some.values, torch.eye(CLASSES)[np.repeat(labels, 3)])

    settings = Autoencoder(hidden=(16,), latent=LATENT, batch_size=32, learning_rate=0.01, epochs=20, stop="epochs")
    network = build(model, VALUES, CLASSES, settings, drawn_from(0))
    assert isinstance(network, CVAE | SSVAE)
    (train, known), (stopping, of_stopping), (tested, true) = (spoken(150, seed) for seed in range(3))
    train_autoencoder(
        network, examples(train, known), examples(stopping, of_stopping), settings, 0, Machine(), lambda *_: None
    )
    prior = np.bincount(known, minlength=CLASSES) / len(known)
    bounds = [summed(class_bounds(network, some, CLASSES, 1.0, 0), some.starts) for some in (stopping, tested)]
    temperature = fitted_temperature(bounds[0], prior, of_stopping)
    said = posterior(bounds[1], prior, temperature)
    assert (said.argmax(1) == true).mean() > 0.8
    assert loss(bounds[1], prior, true, temperature) < loss(bounds[1], prior, true, 1e6) - 0.3
