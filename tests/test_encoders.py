"""The trained autoencoder of a cell, and what its latent space is used for."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from emovae.autoencoders import AE, CVAE, SSVAE, VAE, Network, build
from emovae.corpora import Corpus
from emovae.course import Epoch
from emovae.encoders import ACTIVE_VARIANCE, Encoder, encoded, encoder_of, kept_encoder, use_of
from emovae.errors import OutputError, ProtocolError
from emovae.examples import Examples
from emovae.frames import corpus_frames
from emovae.grid import Cell, Context, autoencoder_members, cells_of, scale_members
from emovae.keys import autoencoder_key
from emovae.machine import Machine
from emovae.normalise import fit
from emovae.presets import resolve
from emovae.settings import Autoencoder
from emovae.tasks import tasks_of
from emovae.training import autoencoder_loss

VALUES, CLASSES, LATENT = 12, 3, 4
LINEAR = Autoencoder(hidden=(), latent=LATENT)
MODELS = ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM")


def drawn_from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def segments(count: int) -> Tensor:
    return torch.randn(count, VALUES, generator=drawn_from(2))


def examples(count: int, *, told: bool) -> Examples:
    labels = torch.randint(CLASSES, (count,), generator=drawn_from(3))
    return Examples(segments(count), torch.eye(CLASSES)[labels] if told else None)


def vae() -> VAE:
    """Without a hidden layer, its Gaussians the standard ones whatever is read."""
    network = VAE(VALUES, LINEAR, drawn_from(0))
    with torch.no_grad():
        for layer in (network.mean, network.log_variance):
            layer.weight.zero_()
            layer.bias.zero_()
    return network


# What the latent space is used for


def test_a_collapsed_space_has_no_active_feature_and_no_divergence() -> None:
    use = use_of(vae(), examples(300, told=False), "cpu")
    assert use.active == 0
    assert use.divergence == pytest.approx(0.0, abs=1e-9)


def test_a_feature_far_from_zero_that_never_moves_is_not_active() -> None:
    network = vae()
    with torch.no_grad():
        network.mean.bias.fill_(1000.0)
    assert use_of(network, examples(300, told=False), "cpu").active == 0


@pytest.mark.parametrize("moving", range(LATENT + 1))
def test_the_features_that_move_with_the_segment_are_counted(moving: int) -> None:
    network = vae()
    with torch.no_grad():
        network.mean.weight[:moving] = torch.eye(LATENT, VALUES)[:moving]
        network.mean.bias.copy_(torch.tensor([5.0, -3.0, 0.0, 100.0]))
    assert use_of(network, examples(300, told=False), "cpu").active == moving


def test_a_feature_is_active_from_the_variance_on_that_is_named() -> None:
    network, values = vae(), segments(500)
    spread = values.double()[:, :LATENT].var(0, unbiased=False).sqrt()
    with torch.no_grad():  # the deviations are 0.9, 0.99, 1.01 and 1.1 of the bound's
        scale = torch.tensor([0.9, 0.99, 1.01, 1.1]) * ACTIVE_VARIANCE**0.5 / spread
        network.mean.weight[:, :LATENT] = torch.diag(scale.float())
    assert use_of(network, Examples(values, None), "cpu").active == 2


@pytest.mark.parametrize("model", MODELS)
@torch.no_grad()
def test_use_is_what_numpy_and_torch_distributions_find_however_many_come_at_once(model: str) -> None:
    settings = Autoencoder(hidden=(7,), latent=LATENT, activation="tanh")
    network, told = build(model, VALUES, CLASSES, settings, drawn_from(0)), model in ("CVAE-LSTM", "SSVAE-LSTM")
    some = examples(60, told=told)
    if isinstance(network, SSVAE):
        network.prior_mean.normal_(generator=drawn_from(8))
    mean = encoded(network, some.segments, some.conditions).double().numpy()
    expected: float | None = None
    if isinstance(network, CVAE):
        assert some.conditions is not None
        latent = network.encode(some.segments, some.conditions)
    elif not isinstance(network, AE):
        latent = network.encode(some.segments)
    if not isinstance(network, AE):
        prior = Normal(torch.zeros(60, LATENT), torch.ones(60, LATENT))
        if isinstance(network, SSVAE):
            assert some.conditions is not None
            prior = Normal(network.prior_mean[some.conditions.argmax(1)], torch.ones(60, LATENT))
        given = Normal(latent.mean, (0.5 * latent.log_variance).exp())
        expected = float(kl_divergence(given, prior).sum(1).mean())
    for size in (7, 60, 4096):
        use = use_of(network, some, "cpu", size)
        assert use.active == int((mean.var(0) >= ACTIVE_VARIANCE).sum()) > 0
        assert use.divergence == (None if expected is None else pytest.approx(expected, rel=1e-5))


@pytest.mark.parametrize("model", MODELS)
@torch.no_grad()
def test_what_is_encoded_is_the_code_or_the_mean(model: str) -> None:
    settings = Autoencoder(hidden=(7,), latent=LATENT, activation="tanh")
    network, some = build(model, VALUES, CLASSES, settings, drawn_from(0)), examples(5, told=True)
    assert some.conditions is not None
    read = torch.cat([some.segments, some.conditions], 1) if model == "CVAE-LSTM" else some.segments
    last = network.code if isinstance(network, AE) else network.mean
    torch.testing.assert_close(encoded(network, some.segments, some.conditions), last(network.encoder(read)))


# Trained once, kept and found again


Make = Callable[..., Context]


@pytest.fixture
def context_of(small_corpus: Corpus, cache: Path, tiny: dict[str, Any], tmp_path: Path) -> Make:
    """Makes the world of a tiny experiment of all four models, changed by assignments and keys."""

    def make(*assignments: str, **keys: Any) -> Context:
        experiment = resolve({**tiny, "models": list(MODELS), "baselines": [], "seeds": 1, **keys}, None, assignments)
        frames = corpus_frames(small_corpus, experiment.front_end, cache / "frames", at_least=10)
        tasks = tasks_of(experiment, small_corpus, frames.utterances)
        return Context(experiment, frames, tasks, tmp_path, Machine())

    return make


def cell_of(context: Context, model: str) -> Cell:
    return next(cell for cell in cells_of(context) if cell.model == model)


def trained(context: Context, model: str) -> tuple[Encoder, list[int]]:
    """The encoder, and the epochs that were told."""
    cell, told = cell_of(context, model), list[int]()
    normaliser = fit(context.frames, scale_members(context, cell), context.experiment.normalise)

    def tell(epoch: int, _losses: Epoch) -> None:
        told.append(epoch)

    return encoder_of(context, cell, normaliser, tell), told


def same(first: Network, second: Network) -> bool:
    left, right = first.state_dict(), second.state_dict()
    return list(left) == list(right) and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("model", MODELS)
def test_an_autoencoder_is_trained_once_and_found_again_whole(context_of: Make, tmp_path: Path, model: str) -> None:
    context = context_of()
    cell = cell_of(context, model)
    assert kept_encoder(context, cell) is None
    first, told = trained(context, model)
    assert told == [0, 1]
    assert [place.name for place in tmp_path.iterdir()] == [f"{autoencoder_key(context, cell)}.safetensors"]
    again, told_again = trained(context, model)
    kept = kept_encoder(context, cell)
    assert told_again == []
    assert kept is not None
    for found in (again, kept):
        assert same(found.network, first.network)
        assert found.curve == first.curve
        assert found.use == first.use
    assert (first.use.divergence is None) == (model == "AE-LSTM")
    assert 0 <= first.use.active <= context.autoencoder(cell).latent


def test_the_use_is_measured_on_who_stops_the_learning(context_of: Make) -> None:
    context = context_of()
    cell = cell_of(context, "VAE-LSTM")
    encoder, _ = trained(context, "VAE-LSTM")
    assert isinstance(encoder.network, VAE)
    normaliser = fit(context.frames, scale_members(context, cell), context.experiment.normalise)
    _, stopping = autoencoder_members(context, cell)
    assert not set(stopping) & set(context.fold(cell).test)
    frames = [normaliser.of(member) for member in stopping]
    padded = [np.concatenate([one, np.repeat(one[-1:], -len(one) % 10, axis=0)]) for one in frames]
    values = torch.from_numpy(np.concatenate([one.reshape(-1, 800) for one in padded]))
    with torch.inference_mode():
        mean, log_variance = encoder.network.encode(values)
        standard = Normal(torch.zeros_like(mean), torch.ones_like(mean))
        divergence = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), standard).sum(1).mean()
    assert encoder.use.divergence == pytest.approx(float(divergence), rel=1e-4)
    assert encoder.use.active == int((mean.var(0, unbiased=False) >= ACTIVE_VARIANCE).sum())


def test_the_curve_ends_with_the_held_out_loss_of_the_kept_weights(context_of: Make) -> None:
    context = context_of()
    encoder, _ = trained(context, "SSVAE-LSTM")
    assert len(encoder.curve) == 2
    assert set(encoder.curve[0]) == {"reconstruction", "divergence", "validation"}
    some = Examples(torch.randn(50, 800, generator=drawn_from(0)), torch.eye(4)[torch.arange(50) % 4])
    kept = kept_encoder(context, cell_of(context, "SSVAE-LSTM"))
    assert kept is not None
    first, again = (autoencoder_loss(one.network, some, 1.0, 0, Machine()) for one in (encoder, kept))
    assert first == again


def broken(place: Path, how: str) -> None:
    content = place.read_bytes()
    weights = safetensors.torch.load(content)
    with safetensors.safe_open(place, "pt") as kept:
        told = json.loads(kept.metadata()["told"])
    name = next(iter(weights))
    match how:
        case "truncated":
            place.write_bytes(content[:-100])
        case "emptied":
            place.write_bytes(b"")
        case "no safetensors":
            place.write_bytes(b"{}" * 50)
        case "a tensor is missing":
            del weights[name]
        case "a tensor has another shape":
            weights[name] = weights[name][:-1].clone()
        case "the curve is missing":
            del told["curve"]
        case "the use is of something else":
            told["use"] = {"active": 1, "speed": 2}
    if how.startswith(("a tensor", "the ")):
        place.write_bytes(safetensors.torch.save(weights, {"told": json.dumps(told)}))
    if how == "nothing is told":
        place.write_bytes(safetensors.torch.save(weights))


@pytest.mark.parametrize(
    "how",
    [
        "truncated",
        "emptied",
        "no safetensors",
        "a tensor is missing",
        "a tensor has another shape",
        "the curve is missing",
        "the use is of something else",
        "nothing is told",
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(context_of: Make, tmp_path: Path, how: str) -> None:
    context = context_of()
    trained(context, "VAE-LSTM")
    (place,) = tmp_path.iterdir()
    broken(place, how)
    for look in (lambda: kept_encoder(context, cell_of(context, "VAE-LSTM")), lambda: trained(context, "VAE-LSTM")):
        with pytest.raises(OutputError, match=rf"(?s){place.name} is damaged .*; the `emovae run` command"):
            look()
    place.unlink()
    assert trained(context, "VAE-LSTM")[1] == [0, 1]


def unnamed(context: Context, members: set[int]) -> Context:
    """The same, where nobody knows what these are to be told."""
    tasks = tuple(
        replace(
            task,
            condition_labels=tuple(
                None if member in members else label for member, label in enumerate(task.condition_labels)
            ),
        )
        for task in context.tasks
    )
    return context._replace(tasks=tasks)


@pytest.mark.parametrize("side", ["train", "validation"])
def test_a_cvae_that_nobody_can_be_told_a_class_of_is_refused_and_the_others_are_not(
    context_of: Make, side: str
) -> None:
    plain = context_of()
    fold = plain.fold(cell_of(plain, "CVAE-LSTM"))
    context = unnamed(plain, set(getattr(fold, side)))
    with pytest.raises(ProtocolError, match=rf"CVAE-LSTM, {fold.name}: nobody .* use --set condition=target"):
        trained(context, "CVAE-LSTM")
    for model in ("VAE-LSTM", "SSVAE-LSTM"):
        assert len(trained(context, model)[0].curve) == 2


def test_only_what_a_model_is_told_is_in_the_name_of_its_file(context_of: Make) -> None:
    plain = context_of()
    fold = plain.tasks[0].plan.folds[0]

    def keys(context: Context) -> dict[str, str]:
        return {model: autoencoder_key(context, cell_of(context, model)) for model in MODELS}

    before = keys(plain)
    assert len(set(before.values())) == 4
    tested, learned = keys(unnamed(plain, set(fold.test))), keys(unnamed(plain, {fold.train[0]}))
    assert tested == before
    assert [model for model in MODELS if learned[model] != before[model]] == ["CVAE-LSTM", "SSVAE-LSTM"]
    for assignment in ("autoencoder.kl_warmup=1", "autoencoder.free_bits=0.1", "normalise=none"):
        assert not set(keys(context_of(assignment)).values()) & set(before.values())
    for assignment in ("classifier.dropout=0.5", "draws=3", "marginal_weights=prior", "features=mean"):
        assert keys(context_of(assignment)) == before


def test_the_semi_supervised_one_learns_from_those_without_a_class_and_the_cvae_does_not(context_of: Make) -> None:
    plain = context_of()
    fold = plain.tasks[0].plan.folds[0]
    some = set(fold.train[:5])
    context = unnamed(plain, some)
    members = {model: autoencoder_members(context, cell_of(context, model))[0] for model in MODELS}
    assert members["SSVAE-LSTM"] == members["VAE-LSTM"] == members["AE-LSTM"] == list(fold.train)
    assert members["CVAE-LSTM"] == [member for member in fold.train if member not in some]


def test_it_learns_on_the_layer_sizes_of_the_cell(context_of: Make) -> None:
    context = context_of(latent_sizes=[3, 6])
    widths = set()
    for cell in cells_of(context):
        if cell.model == "VAE-LSTM" and cell.fold == 0:
            normaliser = fit(context.frames, scale_members(context, cell), "train")
            network = encoder_of(context, cell, normaliser, lambda _epoch, _losses: None).network
            assert isinstance(network, VAE)
            assert isinstance(network.encoder[0], nn.Linear)
            widths.add((network.encoder[0].in_features, network.mean.out_features, cell.latent))
    assert widths == {(800, 3, 3), (800, 6, 6)}


def test_what_a_cvaes_mean_owes_to_the_class_that_it_is_told_is_no_active_feature() -> None:
    """An encoder that hears nothing of the segment and knows the class by heart has a collapsed space."""
    generator = torch.Generator().manual_seed(0)
    network = CVAE(20, 3, Autoencoder(hidden=(8,), latent=4), generator)
    examples = Examples(torch.randn(60, 20, generator=generator), torch.eye(3)[torch.arange(60) % 3])
    assert use_of(network, examples, "cpu").active > 0
    with torch.no_grad():
        first = next(one for one in network.modules() if isinstance(one, torch.nn.Linear))
        first.weight[:, :20] = 0
        network.mean.weight.mul_(50)
    assert use_of(network, examples, "cpu").active == 0
