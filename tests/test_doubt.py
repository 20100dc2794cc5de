"""What a model says when it is asked several times."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from emovae import doubt, latents
from emovae.classifiers import LSTMClassifier
from emovae.config import Features
from emovae.doubt import Answers, averaged, drawn, posterior_answers
from emovae.latents import Sequences
from emovae.machine import Machine
from emovae.outputs import predict
from emovae.settings import Classifier

LATENT, CLASSES, BESIDE = 3, 4, 2
LENGTHS = (5, 1, 9, 5, 2)
CPU = Machine()
FEATURES: tuple[Features, ...] = get_args(Features)


def drawn_from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def latent_of(*lengths: int, log_variance: float | None = None) -> Sequences:
    """Mean and log-variance of every step; the same log-variance everywhere where one is given."""
    values = torch.randn(sum(lengths), 2 * LATENT, generator=drawn_from(1))
    if log_variance is not None:
        values[:, LATENT:] = log_variance
    return Sequences(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def width_of(features: Features) -> int:
    return LATENT if features in ("mean", "sample") else 2 * LATENT


def classifier(inputs: int) -> LSTMClassifier:
    """With weights so large that a draw matters, and a scale that is not the plain one."""
    network = LSTMClassifier(inputs, CLASSES, Classifier(hidden=6), drawn_from(2))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(4)
    network.scale.fit(0.5 + 2 * torch.randn(100, inputs, generator=drawn_from(3)))
    return network.eval()


def asked(
    features: Features = "mean+log_variance",
    draws: int = 7,
    seed: int = 0,
    latent: Sequences | None = None,
    machine: Machine = CPU,
) -> Answers:
    some = latent_of(*LENGTHS) if latent is None else latent
    return posterior_answers(classifier(width_of(features)), some, features, None, draws, drawn_from(seed), machine)


# Averages


def test_the_answers_are_the_mean_of_the_probabilities_and_of_their_entropies() -> None:
    said = np.random.default_rng(0).dirichlet(np.ones(CLASSES), (5, 6)).astype(np.float32)
    one_by_one = iter(said)
    answers = averaged(lambda: next(one_by_one), 5)
    assert answers.probabilities.dtype == answers.expected_entropy.dtype == np.float32
    np.testing.assert_allclose(answers.probabilities, said.mean(0), rtol=1e-6)
    np.testing.assert_allclose(answers.expected_entropy, entropy(said, axis=2).mean(0), rtol=1e-6)


def test_the_doubt_that_draws_add_is_the_mutual_information_of_draw_and_class() -> None:
    """Of a table of joint chances, scikit-learn's figure is an independent one: counts of draw and class."""
    counts = np.random.default_rng(7).integers(0, 9, (4, 3, 5))
    counts[:, :, 0] += 36 - counts.sum(axis=2)  # as many of each draw, since draws are equally likely
    one_by_one = iter((counts / 36).astype(np.float32))
    answers = averaged(lambda: next(one_by_one), 4)
    found = entropy(answers.probabilities, axis=1) - answers.expected_entropy
    wanted = [mutual_info_score(None, None, contingency=counts[:, utterance]) for utterance in range(3)]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_asking_once_gives_what_was_said() -> None:
    said = np.array([[0.2, 0.8], [1.0, 0.0]], np.float32)
    answers = averaged(lambda: said, 1)
    assert np.array_equal(answers.probabilities, said)
    np.testing.assert_allclose(answers.expected_entropy, entropy(said, axis=1), atol=1e-7)


# Draws of z


@pytest.mark.parametrize("features", FEATURES)
def test_a_draw_stands_in_place_of_the_mean_and_beside_what_the_classifier_reads_else(features: Features) -> None:
    latent = latent_of(4, 2)
    found = drawn(latent, features, drawn_from(5))
    mean, log_variance = latent.values[:, :LATENT], latent.values[:, LATENT:]
    sample = mean + torch.randn(6, LATENT, generator=drawn_from(5)) * torch.sqrt(torch.exp(log_variance))
    torch.testing.assert_close(found.values[:, :LATENT], sample)
    beside = {"mean+variance": torch.exp(log_variance), "mean+log_variance": log_variance}
    expected = beside.get(features, torch.zeros(6, 0))
    torch.testing.assert_close(found.values[:, LATENT:], expected)
    assert found.starts is latent.starts


def test_draws_have_the_mean_and_the_variance_of_the_gaussian() -> None:
    count = 100_000
    values = torch.tensor([[1.0, -2.0, 0.0, math.log(0.25), math.log(4.0), 0.0]]).expand(count, -1)
    sample = drawn(Sequences(values, np.arange(count + 1)), "sample", drawn_from(0)).values.double()
    variance = torch.tensor([0.25, 4.0, 1.0], dtype=torch.float64)
    assert ((sample.mean(0) - values[0, :LATENT]).abs() < 5 * (variance / count).sqrt()).all()
    assert ((sample.var(0) - variance).abs() < 5 * variance * math.sqrt(2 / count)).all()


@pytest.mark.parametrize("features", FEATURES)
def test_a_gaussian_without_width_draws_its_mean_so_that_all_draws_say_what_one_pass_says(features: Features) -> None:
    narrow = latent_of(*LENGTHS, log_variance=-80.0)
    beside = {"mean+variance": narrow.values[:, LATENT:].exp(), "mean+log_variance": narrow.values[:, LATENT:]}
    read = torch.cat([narrow.values[:, :LATENT], beside.get(features, torch.zeros(sum(LENGTHS), 0))], 1)
    once = predict(classifier(width_of(features)), Sequences(read, narrow.starts), CPU)
    answers = asked(features, latent=narrow)
    np.testing.assert_allclose(answers.probabilities, once, rtol=1e-5)
    np.testing.assert_allclose(answers.expected_entropy, entropy(once, axis=1), rtol=1e-5)


# All draws of like utterances together


def by_hand(features: Features, draws: int, seed: int, beside: torch.Tensor | None = None) -> NDArray[np.float32]:
    """[draw, utterance, class]: utterances from short to long, and each draw of each a pass of its own."""
    latent, width = latent_of(*LENGTHS), max(LENGTHS)
    order = np.argsort(LENGTHS, kind="stable")
    network = classifier(width_of(features) + (0 if beside is None else BESIDE))
    noise = torch.randn(draws, 1, width, LATENT, generator=drawn_from(seed))
    said = np.zeros((draws, len(LENGTHS), CLASSES), np.float32)
    for place in order:
        span = slice(latent.starts[place], latent.starts[place + 1])
        mean, log_variance = latent.values[span].chunk(2, -1)
        for draw in range(draws):
            sample = mean + noise[draw, 0, : LENGTHS[place]] * (0.5 * log_variance).exp()
            rest = {"mean+variance": [log_variance.exp()], "mean+log_variance": [log_variance]}.get(features, [])
            told = [] if beside is None else [beside[span]]
            read = Sequences(torch.cat([sample, *rest, *told], 1), np.array([0, LENGTHS[place]]))
            said[draw, place] = predict(network, read, CPU)[0]
    return said


@pytest.mark.parametrize("features", FEATURES)
def test_draws_together_say_what_each_says_by_itself(features: Features) -> None:
    said = by_hand(features, 7, 3)
    answers = asked(features, 7, 3)
    np.testing.assert_allclose(answers.probabilities, said.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(answers.expected_entropy, entropy(said, axis=2).mean(0), rtol=1e-4)
    assert answers.probabilities.dtype == answers.expected_entropy.dtype == np.float32
    assert said.std(0).max() > 0.02  # the draws differ


def test_what_stands_beside_the_latents_is_the_same_in_every_draw() -> None:
    beside = torch.randn(sum(LENGTHS), BESIDE, generator=drawn_from(9))
    said = by_hand("mean+variance", 5, 3, beside)
    answers = posterior_answers(
        classifier(2 * LATENT + BESIDE), latent_of(*LENGTHS), "mean+variance", beside, 5, drawn_from(3), CPU
    )
    np.testing.assert_allclose(answers.probabilities, said.mean(0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("bound", ["steps", "draws"])
def test_draws_that_come_in_parts_are_in_distribution_those_that_come_one_by_one(
    bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws, latent, network = 1500, latent_of(*LENGTHS), classifier(2 * LATENT)
    if bound == "steps":
        monkeypatch.setattr(latents, "STEPS_AT_ONCE", 400)
    else:
        monkeypatch.setattr(doubt, "DRAWS_AT_ONCE", 400)
    found = asked(draws=draws, seed=0)
    noise = drawn_from(1)
    said = np.stack([predict(network, drawn(latent, "mean+log_variance", noise), CPU) for _ in range(draws)])
    # Five standard errors of both sides.
    error = math.sqrt(2 / draws) * said.std(0)
    assert (np.abs(found.probabilities - said.mean(0)) < 5 * error).all()
    each = entropy(said, axis=2)
    assert (np.abs(found.expected_entropy - each.mean(0)) < 5 * math.sqrt(2 / draws) * each.std(0)).all()
    np.testing.assert_allclose(found.probabilities.sum(1), 1, rtol=1e-5)


def test_more_draws_than_come_at_once_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    # One utterance, and sixteens of numbers, as they are drawn: so the noise of two halves is that of the whole.
    one = latent_of(4)
    whole = asked(draws=8, latent=one)
    monkeypatch.setattr(doubt, "DRAWS_AT_ONCE", 4)
    parts = asked(draws=8, latent=one)
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, rtol=1e-5)
    np.testing.assert_allclose(parts.expected_entropy, whole.expected_entropy, rtol=1e-5)


def test_the_draws_are_decided_by_their_generator_and_no_global_one_is_asked() -> None:
    before = torch.get_rng_state()
    first, again, other = (asked(seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.probabilities, again.probabilities)
    assert np.array_equal(first.expected_entropy, again.expected_entropy)
    assert not np.isclose(first.probabilities, other.probabilities, rtol=1e-6).any()
    assert torch.equal(torch.get_rng_state(), before)


def test_what_draws_disagree_in_is_never_negative_and_grows_with_the_gaussians_width() -> None:
    greatest = []
    for log_variance in (-80.0, -2.0, 2.0):
        answers = asked("mean", 200, latent=latent_of(*LENGTHS, log_variance=log_variance))
        mutual = entropy(answers.probabilities, axis=1) - answers.expected_entropy
        assert (mutual > -1e-6).all()
        greatest.append(float(mutual.max()))
    assert greatest[0] < 1e-6
    assert greatest[1] > 1e-4
    assert greatest[2] > 5 * greatest[1]


def test_draws_in_bfloat16_stay_close_to_float32_and_are_not_the_same() -> None:
    exact, rough = asked(), asked(machine=Machine(precision="bfloat16"))
    assert not np.array_equal(exact.probabilities, rough.probabilities)
    np.testing.assert_allclose(rough.probabilities, exact.probabilities, atol=0.03)
