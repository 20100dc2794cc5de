import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from emovae.autoencoders import AE, CVAE, VAE, Latent, Network, build
from emovae.autoencoders.mlp import divergences, reparameterised, squared_distance
from emovae.config import CONDITIONED
from emovae.settings import Autoencoder

VALUES, CLASSES = 800, 4
SMALL = Autoencoder(hidden=(7, 5), latent=3, activation="tanh")
MODELS = ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM")


def drawn_from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_hot(*classes: int, count: int = CLASSES) -> Tensor:
    return torch.eye(count)[list(classes)]


def shapes(layers: nn.Module) -> list[tuple[int, int]]:
    """Inputs and outputs of the fully connected layers, in order."""
    return [(layer.in_features, layer.out_features) for layer in layers.modules() if isinstance(layer, nn.Linear)]


def weights(network: nn.Module) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


# Eq. 2


def test_the_divergence_is_the_one_that_torch_distributions_computes() -> None:
    generator = drawn_from(0)
    mean, log_variance = torch.randn(2, 50, 128, generator=generator, dtype=torch.float64)
    standard = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    torch.testing.assert_close(divergences(Latent(mean, log_variance)).sum(-1), kl_divergence(posterior, standard))


def test_the_divergence_of_a_hand_worked_case() -> None:
    # KL[N(m, s2) || N(0, 1)] = (m2 + s2 - 1 - ln s2) / 2. For m = 1, s2 = 1: 1/2. For m = 2, s2 = e: (4 + e - 2) / 2.
    latent = Latent(torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    assert divergences(latent).sum(-1).tolist() == pytest.approx([0.5 + (2 + math.e) / 2, 0.0], rel=1e-6)


def test_the_divergence_from_a_prior_is_the_one_that_torch_distributions_computes() -> None:
    mean, log_variance, centre, log_spread = torch.randn(4, 50, 128, generator=drawn_from(0), dtype=torch.float64)
    prior, posterior = Normal(centre, (0.5 * log_spread).exp()), Normal(mean, (0.5 * log_variance).exp())
    found = divergences(Latent(mean, log_variance), Latent(centre, log_spread))
    torch.testing.assert_close(found, kl_divergence(posterior, prior))


def test_the_divergence_from_a_prior_of_a_hand_worked_case() -> None:
    # KL[N(m, s2) || N(p, t2)] = ln(t / s) + (s2 + (m - p)2) / (2 t2) - 1/2, with m = 1, s2 = 1, p = 3, t2 = e:
    # 1/2 + (1 + 4) / (2 e) - 1/2.
    latent, prior = Latent(torch.ones(1, 1), torch.zeros(1, 1)), Latent(3 * torch.ones(1, 1), torch.ones(1, 1))
    assert divergences(latent, prior).item() == pytest.approx(5 / (2 * math.e), rel=1e-6)
    assert divergences(prior, prior).item() == 0.0


def test_the_standard_gaussian_named_as_a_prior_changes_nothing() -> None:
    mean, log_variance = torch.randn(2, 9, 5, generator=drawn_from(0))
    standard = Latent(torch.zeros(9, 5), torch.zeros(9, 5))
    latent = Latent(mean, log_variance)
    torch.testing.assert_close(divergences(latent, standard), divergences(latent))


def test_the_divergence_draws_a_prior_to_its_gaussians() -> None:
    mean, log_variance = torch.randn(2, 400, 3, generator=drawn_from(0))
    centre, log_spread = (torch.zeros(3, requires_grad=True) for _ in range(2))
    optimiser = torch.optim.Adam([centre, log_spread], 0.05)
    for _ in range(400):
        optimiser.zero_grad()
        told = Latent(centre.expand(400, -1), log_spread.expand(400, -1))
        torch.autograd.backward(divergences(Latent(mean, log_variance), told).mean())
        optimiser.step()
    # The best Gaussian for a mixture of Gaussians has its mean and its variance.
    torch.testing.assert_close(centre.detach(), mean.mean(0), rtol=1e-3, atol=1e-3)
    variance = log_variance.exp().mean(0) + mean.var(0, unbiased=False)
    torch.testing.assert_close(log_spread.detach().exp(), variance, rtol=1e-3, atol=1e-3)


def test_the_squared_distance_is_summed_over_values_and_kept_apart_for_each_segment() -> None:
    segments = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.5]])
    reconstructed = torch.tensor([[0.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    torch.testing.assert_close(squared_distance(segments, reconstructed), torch.tensor([14.0, 4.25]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_squared_distances_gradient_is_autograds(dtype: torch.dtype) -> None:
    segments, weights = (torch.randn(*shape, generator=drawn_from(1)) for shape in ((7, 30), (7,)))
    ours, theirs = (torch.randn(7, 30, generator=drawn_from(2)).to(dtype).detach().requires_grad_() for _ in range(2))
    torch.autograd.backward((squared_distance(segments.to(dtype), ours) * weights).sum())
    squares = (segments.to(dtype).float() - theirs).square()
    torch.autograd.backward((squares.sum(-1) * weights).sum())
    assert ours.grad is not None
    assert theirs.grad is not None
    assert ours.grad.dtype == dtype
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=0)


def test_a_variational_autoencoder_tells_both_terms_of_one_draw() -> None:
    network = VAE(12, SMALL, drawn_from(1))
    segments = torch.randn(6, 12, generator=drawn_from(2))
    mean, log_variance = network.encode(segments)
    latent = mean + (0.5 * log_variance).exp() * torch.randn(6, 3, generator=drawn_from(3))
    distance = nn.functional.mse_loss(network.decoder(latent), segments, reduction="none").sum(1)
    terms = network(segments, None, drawn_from(3))
    torch.testing.assert_close(terms.reconstruction, distance)
    torch.testing.assert_close(terms.divergence, divergences(Latent(mean, log_variance)).sum(-1))
    assert not torch.equal(terms.reconstruction, network(segments, None, drawn_from(4)).reconstruction)


@pytest.mark.parametrize("condition_decoder", [True, False])
def test_a_conditional_one_tells_both_terms_of_one_draw(condition_decoder: bool) -> None:
    settings = SMALL.model_copy(update={"condition_decoder": condition_decoder})
    network = CVAE(12, CLASSES, settings, drawn_from(1))
    segments, told = torch.randn(4, 12, generator=drawn_from(2)), one_hot(0, 1, 2, 3)
    mean, log_variance = network.encode(segments, told)
    latent = mean + (0.5 * log_variance).exp() * torch.randn(4, 3, generator=drawn_from(3))
    decoded = network.decoder(torch.cat([latent, told], 1) if condition_decoder else latent)
    terms = network(segments, told, drawn_from(3))
    torch.testing.assert_close(terms.reconstruction, nn.PairwiseDistance(eps=0)(decoded, segments).square())
    torch.testing.assert_close(terms.divergence, divergences(Latent(mean, log_variance)).sum(-1))


def test_an_autoencoder_has_no_divergence_and_no_noise() -> None:
    network = AE(12, SMALL, drawn_from(1))
    segments = torch.randn(6, 12, generator=drawn_from(2))
    first, second = network(segments, None, drawn_from(3)), network(segments, None, drawn_from(4))
    torch.testing.assert_close(
        first.reconstruction, (network.decoder(network.encode(segments)) - segments).square().sum(1)
    )
    assert torch.equal(first.reconstruction, second.reconstruction)
    assert first.divergence.tolist() == [0.0] * 6


# Layers (section 4.3)


def test_the_layers_are_800_512_256_128_and_back() -> None:
    back = [(128, 256), (256, 512), (512, 800)]
    vae = VAE(VALUES, Autoencoder(), drawn_from(0))
    assert shapes(vae.encoder) == [(800, 512), (512, 256)]
    assert shapes(vae.mean) == shapes(vae.log_variance) == [(256, 128)]
    assert shapes(vae.decoder) == back
    ae = AE(VALUES, Autoencoder(), drawn_from(0))
    assert shapes(ae) == [(800, 512), (512, 256), (256, 128), *back]


def test_an_autoencoder_and_a_variational_one_differ_only_in_the_gaussian_layer() -> None:
    ae, vae = AE(VALUES, Autoencoder(), drawn_from(0)), VAE(VALUES, Autoencoder(), drawn_from(0))
    apart = {name: tensor.shape for name, tensor in ae.state_dict().items() if not name.startswith("code.")}
    of_vae = {name: tensor.shape for name, tensor in vae.state_dict().items()}
    shared = {name: shape for name, shape in of_vae.items() if not name.startswith(("mean.", "log_variance."))}
    assert apart == shared
    assert str(ae.encoder) == str(vae.encoder)
    assert str(ae.decoder) == str(vae.decoder)


@pytest.mark.parametrize(("condition_decoder", "read"), [(True, 128 + CLASSES), (False, 128)])
def test_a_conditional_one_reads_the_class_beside_the_segment_and_beside_z(condition_decoder: bool, read: int) -> None:
    network = CVAE(VALUES, CLASSES, Autoencoder(condition_decoder=condition_decoder), drawn_from(0))
    assert shapes(network.encoder) == [(800 + CLASSES, 512), (512, 256)]
    assert shapes(network.decoder) == [(read, 256), (256, 512), (512, 800)]


def test_the_class_that_a_conditional_encoder_is_told_moves_its_gaussian() -> None:
    network = CVAE(12, CLASSES, SMALL, drawn_from(0))
    segments = torch.randn(1, 12, generator=drawn_from(1)).expand(CLASSES, -1)
    mean, log_variance = network.encode(segments, one_hot(0, 1, 2, 3))
    for parameter in (mean.tolist(), log_variance.tolist()):
        assert len({tuple(row) for row in parameter}) == CLASSES


@pytest.mark.parametrize("model", MODELS)
def test_every_hidden_layer_has_the_chosen_activation_and_the_outermost_are_linear(model: str) -> None:
    network = build(model, 12, CLASSES, SMALL, drawn_from(0))
    assert [type(layer) for layer in network.encoder] == [nn.Linear, nn.Tanh] * 2
    assert [type(layer) for layer in network.decoder] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]


def test_an_autoencoder_without_hidden_layers_is_two_linear_maps() -> None:
    assert shapes(AE(12, SMALL.model_copy(update={"hidden": ()}), drawn_from(0))) == [(12, 3), (3, 12)]


# Randomness


def test_a_draw_has_the_mean_and_the_variance_of_its_gaussian() -> None:
    draws, variance = 200_000, torch.tensor([0.25, 4.0, 1.0])
    mean = torch.tensor([1.0, -2.0, 0.0])
    latent = Latent(mean.expand(draws, -1), variance.log().expand(draws, -1))
    sample = reparameterised(latent, drawn_from(0))
    # Five standard errors: of the mean, s / sqrt(n); of the variance, s2 sqrt(2 / n).
    assert ((sample.mean(0) - mean).abs() < 5 * (variance / draws).sqrt()).all()
    assert ((sample.var(0) - variance).abs() < 5 * variance * math.sqrt(2 / draws)).all()
    assert abs(float(torch.corrcoef(sample.T)[0, 1])) < 5 / math.sqrt(draws)


def test_the_loss_of_a_draw_reaches_mean_and_variance() -> None:
    network = VAE(12, SMALL, drawn_from(0))
    terms = network(torch.randn(5, 12, generator=drawn_from(1)), None, drawn_from(2))
    torch.autograd.backward(terms.reconstruction.sum())
    for layer in (network.mean, network.log_variance):
        assert layer.weight.grad is not None
        assert layer.weight.grad.abs().max() > 0


@pytest.mark.parametrize("model", MODELS)
def test_the_same_generator_gives_the_same_weights_and_another_gives_others(model: str) -> None:
    def built(seed: int) -> Network:
        return build(model, 12, CLASSES, SMALL, drawn_from(seed))

    assert weights(built(3)) == weights(built(3))
    same = [name for name, tensor in weights(built(3)).items() if tensor == weights(built(4))[name]]
    assert all(name.endswith("bias") or name.startswith("prior") for name in same)


@pytest.mark.parametrize("model", MODELS)
def test_building_and_running_ask_no_global_generator(model: str) -> None:
    of_torch, of_numpy = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002
    network = build(model, 12, CLASSES, SMALL, drawn_from(0))
    network(torch.ones(4, 12), one_hot(0, 1, 2, 3) if model in CONDITIONED else None, drawn_from(1))
    assert torch.equal(torch.get_rng_state(), of_torch)
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], of_numpy)  # noqa: NPY002


@pytest.mark.parametrize("model", MODELS)
def test_fresh_weights_spread_activations_and_have_no_offset(model: str) -> None:
    state = build(model, VALUES, CLASSES, Autoencoder(), drawn_from(0)).state_dict()
    for name, tensor in state.items():
        if name.endswith("bias") or name.startswith("prior"):
            assert not tensor.any()
        else:
            assert abs(float(tensor.mean())) < 5 * float(tensor.std()) / math.sqrt(tensor.numel())
            assert 0.3 < float(tensor.std()) * math.sqrt(tensor.shape[1]) < 1.6


def test_a_model_without_an_autoencoder_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no autoencoder for majority"):
        build("majority", 12, CLASSES, SMALL, drawn_from(0))
