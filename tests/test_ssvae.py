"""The semi-supervised autoencoder: a prior and a decoder that know classes, an encoder that does not."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from emovae.autoencoders import SSVAE, VAE, build
from emovae.autoencoders.mlp import Terms
from emovae.examples import Examples
from emovae.machine import Machine
from emovae.settings import Autoencoder
from emovae.training import train_autoencoder

VALUES, CLASSES, LATENT = 12, 4, 3
SETTINGS = Autoencoder(hidden=(7, 5), latent=LATENT, activation="tanh")


def drawn_from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_hot(*classes: int) -> Tensor:
    return torch.eye(CLASSES)[list(classes)]


def segments(count: int, seed: int = 2) -> Tensor:
    return torch.randn(count, VALUES, generator=drawn_from(seed))


def ssvae(**changes: object) -> SSVAE:
    """With weights so large that class and segment matter, and priors that lie apart."""
    network = SSVAE(VALUES, CLASSES, SETTINGS.model_copy(update=changes), drawn_from(1))
    generator = drawn_from(5)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(2)
        network.prior_mean.normal_(generator=generator)
        network.prior_log_variance.normal_(0, 0.7, generator=generator)
    return network


def prior_of(network: SSVAE, *classes: int) -> "Independent[Normal]":
    places = list(classes)
    deviation = (0.5 * network.prior_log_variance[places]).exp()
    return Independent(Normal(network.prior_mean[places], deviation), 1)


def posterior_of(network: SSVAE, some: Tensor) -> "Independent[Normal]":
    mean, log_variance = network.encode(some)
    return Independent(Normal(mean, (0.5 * log_variance).exp()), 1)


# What knows the class


def test_the_encoder_reads_the_segment_alone_and_the_decoder_reads_the_class_beside_z() -> None:
    network = build("SSVAE-LSTM", 800, CLASSES, Autoencoder(), drawn_from(0))
    told = [(layer.in_features, layer.out_features) for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert told == [(800, 512), (512, 256), (256, 128), (256, 128), (128 + CLASSES, 256), (256, 512), (512, 800)]
    without = SSVAE(800, CLASSES, Autoencoder(condition_decoder=False), drawn_from(0))
    assert without.decoder.get_parameter("0.weight").shape == (256, 128)


def test_every_class_begins_as_the_standard_gaussian_so_that_eq_2_is_the_vaes() -> None:
    settings = SETTINGS.model_copy(update={"condition_decoder": False})
    network, vae = SSVAE(VALUES, CLASSES, settings, drawn_from(1)), VAE(VALUES, settings, drawn_from(1))
    some = segments(6)
    for label in range(CLASSES):
        mine, theirs = network(some, one_hot(*[label] * 6), drawn_from(3)), vae(some, None, drawn_from(4))
        torch.testing.assert_close(mine.divergences, theirs.divergences)


def test_a_labelled_segment_has_the_terms_of_its_class() -> None:
    network, some, classes = ssvae(), segments(4), (2, 0, 3, 3)
    noise = drawn_from(3)
    terms = network(some, one_hot(*classes), noise)
    torch.testing.assert_close(
        terms.divergence, kl_divergence(posterior_of(network, some), prior_of(network, *classes))
    )
    # Wherever z was drawn, the decoder was told the class: the distance is that of the same z under it, and no other.
    again = drawn_from(3)
    torch.multinomial(one_hot(*classes), 1, generator=again)
    mean, log_variance = network.encode(some)
    latent = mean + (0.5 * log_variance).exp() * torch.randn(4, LATENT, generator=again)
    decoded = network.decoder(torch.cat([latent, one_hot(*classes)], 1))
    torch.testing.assert_close(terms.reconstruction, nn.PairwiseDistance(eps=0)(decoded, some).square())


def test_a_decoder_that_is_told_no_class_leaves_it_to_the_prior() -> None:
    network, some = ssvae(condition_decoder=False), segments(5)
    first, second = (network(some, one_hot(*[label] * 5), drawn_from(3)) for label in (0, 1))
    assert torch.equal(first.reconstruction, second.reconstruction)
    assert not torch.isclose(first.divergence, second.divergence).any()


def test_a_labelled_segment_teaches_the_prior_of_its_class_and_no_other() -> None:
    network = ssvae()
    torch.autograd.backward(network(segments(6), one_hot(1, 1, 3, 1, 3, 1), drawn_from(0)).divergence.sum())
    for parameter in (network.prior_mean, network.prior_log_variance):
        assert parameter.grad is not None
        assert parameter.grad.abs().sum(1).gt(0).tolist() == [False, True, False, True]


# A segment whose class is not known


DRAWS = 60_000


def many(network: SSVAE, weights: Tensor, seed: int) -> Terms:
    """The terms of one segment, as often as there are draws."""
    with torch.no_grad():
        terms: Terms = network(segments(1).expand(DRAWS, -1), weights.expand(DRAWS, -1), drawn_from(seed))
    return terms


@pytest.mark.parametrize("weights", [(0.25, 0.25, 0.25, 0.25), (0.1, 0.0, 0.2, 0.7)])
def test_the_terms_over_drawn_classes_are_in_the_mean_those_of_the_classes_by_their_weights(
    weights: tuple[float, ...],
) -> None:
    network = ssvae()
    of_class = [many(network, torch.eye(CLASSES)[label], 10 + label) for label in range(CLASSES)]
    unlabelled = many(network, torch.tensor(weights), 9)
    for name in ("reconstruction", "divergence"):
        parts = [getattr(terms, name).double() for terms in of_class]
        found = getattr(unlabelled, name).double()
        expected = sum(weight * part.mean() for weight, part in zip(weights, parts, strict=True))
        # Five standard errors of both sides.
        errors = [weight * part.std() / math.sqrt(DRAWS) for weight, part in zip(weights, parts, strict=True)]
        error = math.hypot(*map(float, errors), float(found.std()) / math.sqrt(DRAWS))
        assert abs(float(found.mean() - expected)) < 5 * error
        # And that says something: the classes lie apart, and another mean of them would not do.
        alike = sum(part.mean() for part in parts) / CLASSES
        assert max(abs(float(expected - part.mean())) for part in parts) > 20 * error
        assert len(set(weights)) == 1 or abs(float(expected - alike)) > 10 * error


def test_classes_are_drawn_as_often_as_they_weigh_and_one_without_weight_never() -> None:
    network, weights = ssvae(), torch.tensor([0.5, 0.0, 0.2, 0.3])
    exact = kl_divergence(posterior_of(network, segments(1)), prior_of(network, *range(CLASSES))).detach()
    which = (many(network, weights, 0).divergence[:, None] - exact).abs()
    assert float(which.amin(1).max()) < 1e-4
    shares = torch.bincount(which.argmin(1), minlength=CLASSES) / DRAWS
    assert shares[1] == 0
    error = (weights * (1 - weights) / DRAWS).sqrt()
    assert ((shares - weights).abs() <= 5 * error).all()


def test_all_weight_on_one_class_is_that_class_exactly() -> None:
    network, some = ssvae(), segments(7)
    noise = [drawn_from(4), drawn_from(4)]
    told = network(some, one_hot(*[2] * 7), noise[0])
    almost = network(some, torch.tensor([[0.0, 0.0, 1.0, 0.0]]).expand(7, -1), noise[1])
    assert torch.equal(told.reconstruction, almost.reconstruction)
    assert torch.equal(told.divergences, almost.divergences)


# Learning


def test_the_same_generators_give_the_same_terms_and_no_global_one_is_asked() -> None:
    before = torch.get_rng_state()
    weights = torch.full((9, CLASSES), 1 / CLASSES)
    first, again, other = (ssvae()(segments(9), weights, drawn_from(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.reconstruction, again.reconstruction)
    assert not torch.equal(first.reconstruction, other.reconstruction)
    assert torch.equal(torch.get_rng_state(), before)


def spoken(count: int, seed: int, known: float) -> tuple[Examples, Tensor]:
    """Segments around a centre of their class; so large a share of them tell it."""
    generator = drawn_from(seed)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    centres = 2 * torch.randn(CLASSES, VALUES, generator=drawn_from(77))
    told = torch.rand(count, generator=generator) < known
    weights = torch.where(told[:, None], torch.eye(CLASSES)[labels], 1 / CLASSES)
    return Examples(centres[labels] + torch.randn(count, VALUES, generator=generator), weights), labels


def test_where_few_tell_their_class_the_priors_still_come_to_lie_where_the_classes_are() -> None:
    settings = Autoencoder(hidden=(16,), latent=2, batch_size=32, learning_rate=0.01, epochs=40, stop="epochs")
    network = SSVAE(VALUES, CLASSES, settings, drawn_from(0))
    (train, _), (held_out, labels) = spoken(400, 0, 0.3), spoken(200, 1, 1.0)
    curve = train_autoencoder(network, train, held_out, settings, 0, Machine(), lambda _epoch, _losses: None)
    assert curve[-1]["validation"] < 0.7 * curve[0]["validation"]
    with torch.inference_mode():
        mean = network.encode(held_out.segments).mean
        nearest = torch.cdist(mean, network.prior_mean).argmin(1)
    assert float((nearest == labels).double().mean()) > 0.8
