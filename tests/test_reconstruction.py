"""What an autoencoder makes of a segment, and how far that is from it."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emovae.autoencoders import AE, CVAE, SSVAE, VAE, Network, build
from emovae.latents import conditions
from emovae.reconstruction import SEGMENTS_AT_ONCE, decoded, reconstructed, reconstruction_errors
from emovae.segments import Segmented
from emovae.settings import Autoencoder

VALUES, CLASSES, LATENT = 12, 4, 3
SETTINGS = Autoencoder(hidden=(7,), latent=LATENT, activation="tanh")
MODELS = ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM")


def drawn_from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network_of(model: str, **changes: object) -> Network:
    """With weights so large that classes matter."""
    network = build(model, VALUES, CLASSES, SETTINGS.model_copy(update=changes), drawn_from(0))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    return network


def segmented(*lengths: int) -> Segmented:
    values = torch.randn(sum(lengths), VALUES, generator=drawn_from(7))
    return Segmented(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def by_hand(network: Network, segment: Tensor, weights: NDArray[np.float32]) -> Tensor:
    """One segment [value] at the mean of its Gaussian: encoder, mean, decoder, in their own words."""
    if isinstance(network, AE):
        return network.decoder(network.code(network.encoder(segment)))  # type: ignore[no-any-return]
    if isinstance(network, VAE):
        return network.decoder(network.mean(network.encoder(segment)))  # type: ignore[no-any-return]
    made = torch.zeros(VALUES)
    for label, weight in enumerate(weights.tolist()):
        told = torch.eye(CLASSES)[label]
        read = torch.cat([segment, told]) if isinstance(network, CVAE) else segment
        mean = network.mean(network.encoder(read))
        latent = torch.cat([mean, told]) if network.condition_decoder else mean
        made = made + weight * network.decoder(latent)
    return made


WEIGHTS = np.array([[0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 1.0, 0.0], [0.6, 0.1, 0.0, 0.3]], np.float32)


@pytest.mark.parametrize("model", MODELS)
@torch.no_grad()
def test_the_errors_are_those_of_a_loop_over_utterances_and_their_segments(model: str) -> None:
    network, some = network_of(model), segmented(4, 1, 6)
    expected = []
    for place in range(3):
        mine = some.values[some.starts[place] : some.starts[place + 1]]
        distances = [float((one - by_hand(network, one, WEIGHTS[place])).square().sum()) for one in mine]
        expected.append(np.mean(distances))
    found = reconstruction_errors(network, some, WEIGHTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert len(set(found.tolist())) == 3


@pytest.mark.parametrize("condition_decoder", [True, False])
@pytest.mark.parametrize("model", ["CVAE-LSTM", "SSVAE-LSTM"])
@torch.no_grad()
def test_one_class_with_all_the_weight_gives_the_distance_of_a_draw_without_noise(
    model: str, condition_decoder: bool
) -> None:
    """The terms of eq. 2, with a Gaussian so narrow that every draw of z is its mean."""
    network, some = network_of(model, condition_decoder=condition_decoder), segmented(3, 2, 1)
    assert isinstance(network, CVAE | SSVAE)
    network.log_variance.weight.zero_()
    network.log_variance.bias.fill_(-80.0)
    told = conditions([2, 0, 3], CLASSES, oracle=True)
    terms = network(some.values, torch.from_numpy(np.repeat(told, [3, 2, 1], axis=0)), drawn_from(0))
    sums = np.add.reduceat(terms.reconstruction.double().numpy(), some.starts[:-1])
    np.testing.assert_allclose(reconstruction_errors(network, some, told), sums / [3, 2, 1], rtol=1e-5)


@torch.no_grad()
def test_what_is_reconstructed_under_several_classes_is_their_mean_by_weight() -> None:
    network, values = network_of("CVAE-LSTM"), segmented(5).values
    of_class = [reconstructed(network, values, torch.eye(CLASSES)[[label] * 5]) for label in range(CLASSES)]
    mixed = reconstructed(network, values, torch.tensor([[0.5, 0.0, 0.2, 0.3]]).expand(5, -1))
    torch.testing.assert_close(mixed, 0.5 * of_class[0] + 0.2 * of_class[2] + 0.3 * of_class[3])
    assert not torch.allclose(of_class[0], of_class[1])


@torch.no_grad()
def test_a_decoder_is_told_the_class_where_it_reads_one() -> None:
    latent, told = torch.randn(2, LATENT, generator=drawn_from(1)), torch.eye(CLASSES)[[1, 3]]
    telling, silent = network_of("SSVAE-LSTM"), network_of("SSVAE-LSTM", condition_decoder=False)
    torch.testing.assert_close(decoded(telling, latent, told), telling.decoder(torch.cat([latent, told], 1)))
    torch.testing.assert_close(decoded(silent, latent, told), silent.decoder(latent))
    plain = network_of("VAE-LSTM")
    torch.testing.assert_close(decoded(plain, latent, told), plain.decoder(latent))


@pytest.mark.parametrize("model", MODELS)
def test_reconstruction_is_the_same_each_time_and_asks_no_generator(model: str) -> None:
    before, network, some = torch.get_rng_state(), network_of(model), segmented(4, 1, 6)
    first, again = (reconstruction_errors(network, some, WEIGHTS) for _ in range(2))
    assert np.array_equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("model", ["AE-LSTM", "CVAE-LSTM"])
def test_an_utterance_longer_than_is_read_at_once_is_reconstructed_whole(model: str) -> None:
    network, some = network_of(model), segmented(3, SEGMENTS_AT_ONCE, 5)
    found = reconstruction_errors(network, some, WEIGHTS)
    for place in range(3):
        start, stop = some.starts[place], some.starts[place + 1]
        alone = Segmented(some.values[start:stop], np.array([0, stop - start]))
        np.testing.assert_allclose(reconstruction_errors(network, alone, WEIGHTS[[place]])[0], found[place], rtol=1e-5)


def identity() -> AE:
    """What gives back every segment whose last values are zero."""
    network = AE(VALUES, Autoencoder(hidden=(), latent=LATENT), drawn_from(0))
    with torch.no_grad():
        for layer in (network.code, network.decoder[0]):
            assert isinstance(layer, nn.Linear)
            layer.weight.copy_(torch.eye(*layer.weight.shape))
    return network


def test_what_is_like_the_training_speech_is_reconstructed_and_what_is_not_is_found_out() -> None:
    values = torch.zeros(4, VALUES)
    values[:, :LATENT] = torch.randn(4, LATENT, generator=drawn_from(0))
    values[2:, LATENT] = 3.0  # where the code does not reach
    found = reconstruction_errors(identity(), Segmented(values, np.array([0, 2, 4])), None)
    np.testing.assert_allclose(found, [0.0, 9.0], atol=1e-9)
