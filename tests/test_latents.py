from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from emovae.autoencoders import AE, CVAE, VAE
from emovae.config import Features
from emovae.functionals import functionals
from emovae.latents import (
    SEGMENTS_AT_ONCE,
    STEPS_AT_ONCE,
    Sequences,
    batches_of_like_length,
    conditions,
    latent_sequences,
    merged,
    mixture,
    padded,
    within_memory,
)
from emovae.room import IN_MEMORY, Room
from emovae.segments import Segmented
from emovae.settings import Autoencoder

VALUES, LATENT, CLASSES = 12, 3, 4
SETTINGS = Autoencoder(hidden=(7,), latent=LATENT, activation="tanh")


def drawn_from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def cvae(seed: int = 0) -> CVAE:
    """With weights so large that the classes' Gaussians lie apart."""
    network = CVAE(VALUES, CLASSES, SETTINGS, drawn_from(seed))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    return network


def segmented(*lengths: int) -> Segmented:
    values = torch.randn(sum(lengths), VALUES, generator=drawn_from(7))
    return Segmented(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def sequences(*lengths: int, width: int = 2) -> Sequences:
    """Values that tell utterance and step, none of them zero."""
    rows = [
        [100.0 * (place + 1) + step + column / 10 for column in range(width)]
        for place, length in enumerate(lengths)
        for step in range(length)
    ]
    return Sequences(torch.tensor(rows), np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


# Conditions


def test_the_oracle_is_told_the_class_and_nothing_else() -> None:
    assert conditions([2, 0], 3, oracle=True).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_who_has_no_class_is_told_every_class_alike_by_the_oracle_too() -> None:
    assert conditions([None, 1], 4, oracle=True).tolist() == [[0.25] * 4, [0, 1, 0, 0]]


def test_the_marginal_condition_does_not_depend_on_the_class() -> None:
    assert conditions([2, None, 0], 4, oracle=False).tolist() == [[0.25] * 4] * 3


def test_a_prior_stands_in_for_equal_weights_and_never_for_a_class_that_is_told() -> None:
    prior = np.array([0.5, 0.3, 0.2])
    assert conditions([2, None], 3, oracle=False, prior=prior).tolist() == [pytest.approx([0.5, 0.3, 0.2])] * 2
    assert conditions([2, None], 3, oracle=True, prior=prior).tolist() == [[0, 0, 1], pytest.approx([0.5, 0.3, 0.2])]


@pytest.mark.parametrize("oracle", [True, False])
def test_the_weights_of_every_utterance_sum_to_one(oracle: bool) -> None:
    for prior in (None, np.array([0.7, 0.0, 0.3])):
        weights = conditions([0, None, 2, 1, None], 3, oracle=oracle, prior=prior)
        assert weights.dtype == np.float32
        np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-6)


# The mixture over classes


def test_one_class_with_all_the_weight_gives_the_gaussian_of_that_class() -> None:
    network, segments = cvae(), torch.randn(9, VALUES, generator=drawn_from(1))
    told = torch.eye(CLASSES)[[0, 1, 2, 3, 3, 2, 1, 0, 0]]
    given, mixed = network.encode(segments, told), mixture(network, segments, told)
    torch.testing.assert_close(mixed.mean, given.mean)
    torch.testing.assert_close(mixed.log_variance, given.log_variance, rtol=1e-4, atol=1e-4)


def test_one_class_with_all_the_weight_keeps_a_narrow_gaussian_far_from_zero_as_it_is() -> None:
    network = cvae()
    with torch.no_grad():
        network.mean.bias.fill_(10.0)
        network.log_variance.bias.fill_(-8.0)
    segments, told = torch.randn(9, VALUES, generator=drawn_from(1)), torch.eye(CLASSES)[[0] * 9]
    given, mixed = network.encode(segments, told), mixture(network, segments, told)
    torch.testing.assert_close(mixed.log_variance, given.log_variance, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("weights", [(0.25, 0.25, 0.25, 0.25), (0.7, 0.0, 0.1, 0.2)])
def test_the_mixture_has_the_moments_of_draws_from_it(weights: tuple[float, ...]) -> None:
    network, segment, draws = cvae(), torch.randn(1, VALUES, generator=drawn_from(1)), 400_000
    mean, log_variance = mixture(network, segment, torch.tensor([weights]))
    chosen = torch.multinomial(torch.tensor(weights), draws, replacement=True, generator=drawn_from(2))
    of_class = network.encode(segment.expand(CLASSES, -1), torch.eye(CLASSES))
    noise = torch.randn(draws, LATENT, generator=drawn_from(3))
    sample = (of_class.mean[chosen] + (0.5 * of_class.log_variance[chosen]).exp() * noise).detach()
    away = sample - sample.mean(0)
    error_of_mean, error_of_variance = sample.std(0) / draws**0.5, away.square().std(0) / draws**0.5
    assert ((mean[0] - sample.mean(0)).abs() < 5 * error_of_mean).all()
    assert ((log_variance[0].exp() - sample.var(0)).abs() < 5 * error_of_variance).all()
    # The classes lie apart, so the mean of their variances would be no answer.
    among = torch.tensor(weights) @ of_class.log_variance.exp()
    assert ((among - sample.var(0)).abs() > 5 * error_of_variance).any()


def test_the_marginal_condition_treats_the_classes_alike_whatever_their_order() -> None:
    network, segments = cvae(), torch.randn(5, VALUES, generator=drawn_from(1))
    uniform = torch.full((5, CLASSES), 1 / CLASSES)
    before = mixture(network, segments, uniform)
    with torch.no_grad():
        read = network.encoder.get_parameter("0.weight")
        read[:, VALUES:] = read[:, VALUES:].roll(1, dims=1).clone()
    after = mixture(network, segments, uniform)
    torch.testing.assert_close(after.mean, before.mean)
    torch.testing.assert_close(after.log_variance, before.log_variance)


# Features


@pytest.mark.parametrize("features", get_args(Features))
def test_an_autoencoder_gives_its_code_whatever_the_features(features: Features) -> None:
    network, some = AE(VALUES, SETTINGS, drawn_from(0)), segmented(3, 2)
    found = latent_sequences(network, some, None, features, drawn_from(1))
    torch.testing.assert_close(found.values, network.encode(some.values).detach())
    assert found.lengths.tolist() == [3, 2]


def of_gaussian(mean: Tensor, log_variance: Tensor, features: Features, noise: Tensor) -> Tensor:
    match features:
        case "mean":
            return mean
        case "mean+variance":
            return torch.hstack([mean, torch.exp(log_variance)])
        case "mean+log_variance":
            return torch.hstack([mean, log_variance])
        case "sample":
            return mean + torch.sqrt(torch.exp(log_variance)) * noise


@pytest.mark.parametrize(
    ("features", "width"), [("mean", 3), ("mean+variance", 6), ("mean+log_variance", 6), ("sample", 3)]
)
def test_features_are_the_named_parameters_of_the_gaussian(features: Features, width: int) -> None:
    network, some = VAE(VALUES, SETTINGS, drawn_from(0)), segmented(3, 2)
    found = latent_sequences(network, some, None, features, drawn_from(1))
    mean, log_variance = network.encode(some.values)
    noise = torch.randn(5, LATENT, generator=drawn_from(1))
    assert found.values.shape == (5, width)
    assert not found.values.requires_grad
    torch.testing.assert_close(found.values, of_gaussian(mean, log_variance, features, noise).detach())


def test_every_segment_of_an_utterance_is_told_the_condition_of_its_utterance() -> None:
    network, some = cvae(), segmented(3, 1, 2)
    told = conditions([1, 3, 0], CLASSES, oracle=True)
    found = latent_sequences(network, some, told, "mean", drawn_from(0))
    by_hand = network.encode(some.values, torch.eye(CLASSES)[[1, 1, 1, 3, 0, 0]]).mean
    torch.testing.assert_close(found.values, by_hand.detach())


def test_more_segments_than_are_encoded_at_once_come_out_as_if_encoded_together() -> None:
    network, some = cvae(), segmented(SEGMENTS_AT_ONCE - 3, 10, 5)
    told = conditions([1, 3, 0], CLASSES, oracle=True)
    found = latent_sequences(network, some, told, "mean", drawn_from(0))
    repeated = torch.eye(CLASSES)[[1] * (SEGMENTS_AT_ONCE - 3) + [3] * 10 + [0] * 5]
    torch.testing.assert_close(found.values, network.encode(some.values, repeated).mean.detach())


def test_merged_sequences_are_the_functionals_of_each_utterance() -> None:
    before = Sequences(torch.randn(10, 3, generator=drawn_from(0)), np.array([0, 4, 5, 10]))
    after = merged(before)
    assert after.lengths.tolist() == [1, 1, 1]
    values = before.values.numpy()
    by_hand = [functionals(values[:4]), functionals(values[4:5]), functionals(values[5:])]
    assert np.array_equal(after.values.numpy(), np.stack(by_hand))
    np.testing.assert_allclose(after.values[2, :3], values[5:].mean(0), rtol=1e-5)


# Some of many


@pytest.mark.parametrize("chosen", [[3, 0, 1], [2], [1, 1, 3], [0, 1, 2, 3]])
def test_some_sequences_are_those_asked_for_in_the_order_asked_for(chosen: list[int]) -> None:
    whole = sequences(4, 1, 6, 2)
    some = whole.of(np.array(chosen))
    assert some.lengths.tolist() == [[4, 1, 6, 2][place] for place in chosen]
    assert some.starts[0] == 0
    assert some.starts.dtype == np.int64
    for place, member in enumerate(chosen):
        mine = some.values[some.starts[place] : some.starts[place + 1]]
        assert torch.equal(mine, whole.values[whole.starts[member] : whole.starts[member + 1]])


def test_some_of_some_are_some_of_the_whole() -> None:
    whole = sequences(4, 1, 6, 2)
    again = whole.of(np.array([3, 2, 0])).of(np.array([2, 1]))
    assert torch.equal(again.values, whole.of(np.array([0, 2])).values)
    assert np.array_equal(again.starts, whole.of(np.array([0, 2])).starts)


# Batches


def lengths_of_speech(count: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(5, 100, count)


@pytest.mark.parametrize(("count", "size"), [(1, 8), (8, 8), (9, 8), (1000, 32)])
def test_batches_hold_every_utterance_once_and_are_no_larger_than_asked(count: int, size: int) -> None:
    batches = list(batches_of_like_length(lengths_of_speech(count), size, drawn_from(0)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(count))
    assert all(0 < len(batch) <= size for batch in batches)


def test_batches_hold_utterances_of_like_length() -> None:
    lengths = lengths_of_speech(1000)
    spread = [np.ptp(lengths[batch]) for batch in batches_of_like_length(lengths, 32, drawn_from(0))]
    # A batch of 32 taken blindly from 5..99 spans nearly all of it.
    assert np.mean(spread) < 15


def test_parts_of_a_batch_hold_everyone_once_and_one_long_recording_has_no_company() -> None:
    lengths = np.array([20] * 900 + [6000])
    parts = list(within_memory(lengths, np.arange(901)[::-1]))
    assert sorted(np.concatenate(parts).tolist()) == list(range(901))
    assert all(len(part) * lengths[part].max() <= STEPS_AT_ONCE for part in parts)
    assert parts[-1].tolist() == [900]


def test_a_recording_beyond_all_bounds_is_still_read_whole() -> None:
    (part,) = within_memory(np.array([10 * STEPS_AT_ONCE]), np.array([0]))
    assert part.tolist() == [0]


def test_another_generator_gives_other_company_and_another_order() -> None:
    lengths = lengths_of_speech(1000)

    def batches(seed: int) -> list[list[int]]:
        return [batch.tolist() for batch in batches_of_like_length(lengths, 32, drawn_from(seed))]

    assert batches(0) == batches(0)
    assert batches(0) != batches(1)
    assert not {frozenset(batch) for batch in batches(0)} & {frozenset(batch) for batch in batches(1)}
    starts = [lengths[batch[0]] for batch in batches(0)]
    assert starts != sorted(starts)


def test_a_padded_batch_gives_every_sequence_back_and_zeros_after_it() -> None:
    some = sequences(4, 1, 6, 2)
    batch, lengths = padded(some, np.array([3, 0, 1]))
    assert lengths.tolist() == [2, 4, 1]
    assert batch.shape == (3, 4, 2)
    for row, (member, length) in enumerate(zip([3, 0, 1], lengths.tolist(), strict=True)):
        start, stop = some.starts[member], some.starts[member + 1]
        assert torch.equal(batch[row, :length], some.values[start:stop])
        assert not batch[row, length:].any()


def test_latents_in_a_file_are_those_in_memory(tmp_path: Path) -> None:
    network, some = cvae(), segmented(SEGMENTS_AT_ONCE - 3, 10, 5)
    told = conditions([1, 3, 0], CLASSES, oracle=True)
    beside, inside = (
        latent_sequences(network, some, told, "mean+log_variance", drawn_from(0), room)
        for room in (Room(0, tmp_path), IN_MEMORY)
    )
    assert beside.values.untyped_storage().filename is not None
    assert torch.equal(beside.values, inside.values)
    for one, other in zip(padded(beside, np.array([2, 1])), padded(inside, np.array([2, 1])), strict=True):
        assert torch.equal(one, other)


def test_movement_is_the_difference_to_so_many_steps_before() -> None:
    steps = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
    both = Sequences(torch.from_numpy(steps), np.array([0, 9, 12]))
    found = merged(both, 3).values.numpy()
    np.testing.assert_allclose(found[0], functionals(steps[3:9] - steps[:6]), rtol=1e-6)
    np.testing.assert_array_equal(found[1], np.zeros(18))  # three steps have none three steps before
    np.testing.assert_array_equal(merged(both, 0).values, merged(both).values)
