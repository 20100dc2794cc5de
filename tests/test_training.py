import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn

import emovae.examples
from emovae import latents, training
from emovae.autoencoders import VAE, Network, build
from emovae.classifiers import LSTMClassifier
from emovae.config import CONDITIONED
from emovae.course import DIVERGED, Epoch
from emovae.errors import EmovaeError
from emovae.examples import Examples, Labelled
from emovae.latents import Sequences
from emovae.machine import Machine, one_thread
from emovae.outputs import predict
from emovae.room import Room
from emovae.seeds import seed_for
from emovae.settings import Autoencoder, Classifier
from emovae.training import autoencoder_loss, train_autoencoder, train_classifier

VALUES, CLASSES = 20, 3
MODELS = ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM")
AUTOENCODER = Autoencoder(hidden=(16,), latent=4, batch_size=32, learning_rate=0.01, epochs=8, stop="epochs")
CLASSIFIER = Classifier(hidden=8, layers=1, batch_size=8, learning_rate=0.02, epochs=8, patience=8)
CPU = Machine()


def drawn_from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(network: nn.Module) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


def examples(count: int, seed: int) -> Examples:
    """Segments that three numbers describe, and a little noise; the first number makes the class."""
    generator = drawn_from(seed)
    causes = torch.randn(count, 3, generator=generator)
    mixing = torch.randn(3, VALUES, generator=drawn_from(99))
    segments = causes @ mixing + 0.3 * torch.randn(count, VALUES, generator=generator)
    return Examples(segments, torch.eye(CLASSES)[(causes[:, 0] > 0).long() + (causes[:, 0] > 1).long()])


TRAIN, HELD_OUT = examples(200, 0), examples(60, 1)


def silent(_epoch: int, _losses: Epoch) -> None:
    pass


def for_model(model: str, some: Examples) -> Examples:
    return some if model in CONDITIONED else Examples(some.segments, None)


def trained(
    model: str = "VAE-LSTM",
    seed: int = 0,
    machine: Machine = CPU,
    train: Examples = TRAIN,
    held_out: Examples = HELD_OUT,
    **changes: object,
) -> tuple[Network, list[Epoch]]:
    settings = Autoencoder.model_validate({**AUTOENCODER.model_dump(), **changes})
    network = build(model, VALUES, CLASSES, settings, drawn_from(0))
    train, held_out = for_model(model, train), for_model(model, held_out)
    return network, train_autoencoder(network, train, held_out, settings, seed, machine, silent)


def column(curve: Sequence[Epoch], name: str) -> list[float]:
    return [losses[name] for losses in curve]


# The autoencoder's loop


@pytest.mark.parametrize("model", MODELS)
def test_both_losses_fall(model: str) -> None:
    _, curve = trained(model)
    assert curve[-1]["reconstruction"] < 0.5 * curve[0]["reconstruction"]
    assert curve[-1]["validation"] < 0.7 * curve[0]["validation"]


@pytest.mark.parametrize("model", MODELS)
def test_the_validation_loss_is_eq_2_on_who_is_held_out(model: str) -> None:
    network, curve = trained(model, kl_weight=0.5)
    held_out, train = for_model(model, HELD_OUT), for_model(model, TRAIN)
    assert curve[-1]["validation"] == autoencoder_loss(network, held_out, 0.5, 0, CPU)
    assert curve[-1]["validation"] != pytest.approx(autoencoder_loss(network, train, 0.5, 0, CPU), rel=1e-3)


def test_the_held_out_loss_is_the_mean_over_segments_however_many_come_at_once() -> None:
    network = build("AE-LSTM", VALUES, CLASSES, AUTOENCODER, drawn_from(0))
    plain = Examples(HELD_OUT.segments, None)
    terms = network(HELD_OUT.segments, None, drawn_from(0))
    expected = float(terms.reconstruction.detach().mean())
    for size in (7, 60, 4096):
        assert autoencoder_loss(network, plain, 1.0, 0, CPU, size) == pytest.approx(expected, rel=1e-6)


def test_the_held_out_loss_weighs_the_divergence() -> None:
    network = build("VAE-LSTM", VALUES, CLASSES, AUTOENCODER, drawn_from(0))
    plain = Examples(HELD_OUT.segments, None)
    divergence = float(network(HELD_OUT.segments, None, drawn_from(0)).divergence.detach().mean())
    without, twice = (autoencoder_loss(network, plain, weight, 0, CPU) for weight in (0.0, 2.0))
    assert twice - without == pytest.approx(2 * divergence, rel=1e-3)


def test_the_steps_are_adams_on_eq_2_worked_by_hand() -> None:
    settings = AUTOENCODER.model_copy(update={"epochs": 3, "batch_size": 200, "kl_weight": 0.3, "betas": (0.8, 0.9)})
    network, by_hand = (VAE(VALUES, settings, drawn_from(0)) for _ in range(2))
    plain = for_model("VAE-LSTM", TRAIN)
    train_autoencoder(network, plain, plain, settings, 5, CPU, silent)
    shuffle, noise = drawn_from(seed_for(5, "shuffle")), drawn_from(seed_for(5, "noise"))
    parameters = list(by_hand.parameters())
    first, second = ([torch.zeros_like(parameter) for parameter in parameters] for _ in range(2))
    for step in range(1, 4):
        terms = by_hand(plain.segments[torch.randperm(200, generator=shuffle)], None, noise)
        loss = (terms.reconstruction + 0.3 * terms.divergence).mean()
        for place, gradient in enumerate(torch.autograd.grad(loss, parameters)):
            first[place] = 0.8 * first[place] + 0.2 * gradient
            second[place] = 0.9 * second[place] + 0.1 * gradient.square()
            deviation = (second[place] / (1 - 0.9**step)).sqrt() + settings.epsilon
            parameters[place].data -= settings.learning_rate * first[place] / (1 - 0.8**step) / deviation
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, by_hand.state_dict()[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_in_the_first_epoch_of_a_warm_up_the_divergence_weighs_nothing(model: str) -> None:
    warm, curve = trained(model, kl_warmup=5, epochs=6, stop="epochs")
    _, without = trained(model, kl_weight=0.0, epochs=1)
    assert curve[0]["reconstruction"] == without[0]["reconstruction"]
    assert curve[0]["divergence"] == without[0]["divergence"]
    plain, weighed = trained(model, epochs=6)
    assert (weighed[0]["divergence"] == curve[0]["divergence"]) == (model == "AE-LSTM")
    assert (weights(warm) == weights(plain)) == (model == "AE-LSTM")


def test_the_weight_of_the_divergence_grows_in_equal_steps_to_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    learn, told = training._learn_once, list[float]()

    def recorded(*arguments: Any) -> tuple[float, float]:
        told.append(arguments[4])
        return learn(*arguments)

    monkeypatch.setattr(training, "_learn_once", recorded)
    trained(kl_weight=2.0, kl_warmup=4, epochs=7)
    assert told == [0.0, 0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    told.clear()
    trained(kl_weight=2.0, epochs=3)
    assert told == [2.0, 2.0, 2.0]


def test_the_held_out_loss_is_eq_2_in_full_from_the_first_epoch_of_a_warm_up_on() -> None:
    network, curve = trained(kl_weight=2.0, kl_warmup=4, epochs=5)
    assert curve[-1]["validation"] == autoencoder_loss(network, HELD_OUT, 2.0, 0, CPU)
    _, first = trained(kl_weight=0.0, epochs=1)
    assert curve[0]["validation"] > first[0]["validation"]


@pytest.mark.parametrize("stop", ["patience", "threshold"])
def test_no_epoch_of_a_warm_up_is_the_best_or_the_last(stop: str) -> None:
    # Six examples are soon known by heart, and the loss on others rises again while it is still warming up.
    network, curve = trained(
        train=FEW,
        held_out=OTHERS,
        kl_warmup=150,
        epochs=170,
        learning_rate=0.03,
        stop=stop,
        patience=2,
        threshold=1e-6,
    )
    losses = column(curve, "validation")
    assert len(losses) > 150
    assert min(losses[:150]) < min(losses[150:])
    assert autoencoder_loss(network, OTHERS, 1.0, 0, CPU) == min(losses[150:])


def test_a_threshold_that_is_reached_in_a_warm_up_waits_for_its_end() -> None:
    _, curve = trained(stop="threshold", threshold=1e6, kl_warmup=3, epochs=8)
    assert len(curve) == 4


def test_a_feature_below_its_free_bits_is_not_pressed_and_one_above_is() -> None:
    """One step of plain descent: where the weights of a latent feature go by the divergence alone."""
    settings = AUTOENCODER.model_copy(update={"free_bits": 0.5, "batch_size": 200})
    moved = {}
    for kl_weight in (0.0, 1.0):
        network = VAE(VALUES, settings, drawn_from(0))
        with torch.no_grad():  # the first two features say much, the others nearly nothing
            network.mean.weight[:2] *= 8
            network.mean.weight[2:] *= 0.1
        spread = network(TRAIN.segments, None, drawn_from(9)).divergences.mean(0).tolist()
        assert min(spread[:2]) > 0.6
        assert max(spread[2:]) < 0.4
        descent = torch.optim.SGD(network.parameters(), 1e-3)
        plain = Examples(TRAIN.segments, None)
        training._learn_once(network, plain, descent.step, settings, kl_weight, drawn_from(1), drawn_from(2), CPU)
        moved[kl_weight] = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for layer in ("mean", "log_variance"):
        without, pressed = (moved[weight][f"{layer}.weight"] for weight in (0.0, 1.0))
        assert torch.equal(without[2:], pressed[2:])
        assert not torch.isclose(without[:2], pressed[:2], rtol=1e-6).all(1).any()


def test_free_bits_keep_features_alive_that_a_great_weight_would_still() -> None:
    def divergences_of(free_bits: float) -> Tensor:
        network, _ = trained(kl_weight=50.0, free_bits=free_bits, epochs=20)
        found: Tensor = network(HELD_OUT.segments, None, drawn_from(0)).divergences.detach().mean(0)
        return found

    still, alive = divergences_of(0.0), divergences_of(0.5)
    assert float(still.min()) < 0.1
    assert ((alive > 0.25) & (alive < 1.5)).all()


def test_the_threshold_stops_at_the_first_epoch_whose_distance_is_below_it() -> None:
    _, whole = trained()
    distances = column(whole, "reconstruction")
    assert distances == sorted(distances, reverse=True)
    # As large as the threshold is not below it.
    _, curve = trained(stop="threshold", threshold=distances[2])
    assert curve == whole[:4]
    _, curve = trained(stop="threshold", threshold=distances[2] * 1.0001)
    assert curve == whole[:3]


def test_a_threshold_that_is_never_reached_ends_with_the_epochs() -> None:
    _, curve = trained(stop="threshold", threshold=1e-9)
    assert curve == trained()[1]


FEW, OTHERS = Examples(TRAIN.segments[:6], None), Examples(HELD_OUT.segments[:6], None)


@pytest.mark.parametrize("patience", [2, 5])
def test_patience_ends_so_many_epochs_after_the_best_and_goes_back_to_it(patience: int) -> None:
    # Six examples are soon known by heart, and the loss on others rises.
    network, curve = trained(
        train=FEW, held_out=OTHERS, stop="patience", patience=patience, epochs=500, learning_rate=0.03
    )
    losses = column(curve, "validation")
    assert len(losses) == losses.index(min(losses)) + 1 + patience < 500
    assert losses[-1] > min(losses)
    assert autoencoder_loss(network, OTHERS, 1.0, 0, CPU) == min(losses)


def test_patience_goes_back_to_the_best_when_the_epochs_end_it_too() -> None:
    network, curve = trained(train=FEW, held_out=OTHERS, stop="patience", patience=500, epochs=120, learning_rate=0.03)
    losses = column(curve, "validation")
    assert len(losses) == 120
    assert losses[-1] > min(losses)
    assert autoencoder_loss(network, OTHERS, 1.0, 0, CPU) == min(losses)


def test_epochs_ends_after_so_many_and_keeps_the_last_weights() -> None:
    network, curve = trained(train=FEW, held_out=OTHERS, stop="epochs", epochs=120, learning_rate=0.03)
    losses = column(curve, "validation")
    assert len(losses) == 120
    assert autoencoder_loss(network, OTHERS, 1.0, 0, CPU) == losses[-1] > min(losses)


@pytest.mark.parametrize("model", MODELS)
def test_training_that_diverges_says_so_and_what_to_lower(model: str) -> None:
    with pytest.raises(EmovaeError, match=r"after epoch \d+: training diverged; lower autoencoder.learning_rate"):
        trained(model, learning_rate=1e12)


@pytest.mark.parametrize("stop", ["threshold", "patience", "epochs"])
def test_a_training_that_diverges_late_goes_back_to_the_best_epoch_before(
    stop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn, epochs = training._learn_once, itertools.count()

    def until_the_fourth(network: Network, *rest: Any) -> tuple[float, float]:
        told = learn(network, *rest)
        if next(epochs) == 3:
            with torch.no_grad():
                next(network.parameters()).fill_(torch.nan)
        return told

    monkeypatch.setattr(training, "_learn_once", until_the_fourth)
    network, curve = trained(stop=stop, threshold=1e-6, epochs=20)
    assert len(curve) == 3
    assert [DIVERGED in epoch for epoch in curve] == [False, False, True]
    assert curve[-1][DIVERGED] == 4
    assert autoencoder_loss(network, HELD_OUT, 1.0, 0, CPU) == min(column(curve, "validation"))


def test_a_greater_kl_weight_leaves_a_smaller_divergence() -> None:
    free, bound = trained(kl_weight=0.0)[1][-1], trained(kl_weight=100.0)[1][-1]
    assert bound["divergence"] < 0.1 * free["divergence"]
    assert bound["reconstruction"] > free["reconstruction"]


@pytest.mark.parametrize("model", MODELS)
def test_a_seed_decides_every_bit_of_the_autoencoder(model: str) -> None:
    (first, curve), (again, same_curve), (other, _) = (trained(model, seed) for seed in (0, 0, 1))
    assert weights(first) == weights(again)
    assert curve == same_curve
    assert weights(first) != weights(other)


def test_training_asks_no_global_generator() -> None:
    before = torch.get_rng_state()
    trained()
    classified()
    assert torch.equal(torch.get_rng_state(), before)


def test_every_epoch_is_told_as_it_ends() -> None:
    told: list[tuple[int, Epoch]] = []
    network = build("VAE-LSTM", VALUES, CLASSES, AUTOENCODER, drawn_from(0))
    curve = train_autoencoder(
        network,
        for_model("VAE-LSTM", TRAIN),
        for_model("VAE-LSTM", HELD_OUT),
        AUTOENCODER,
        0,
        CPU,
        lambda epoch, losses: told.append((epoch, losses)),
    )
    assert told == list(enumerate(curve))


@pytest.mark.parametrize("model", MODELS)
def test_bfloat16_stays_close_to_float32_and_is_not_the_same(model: str) -> None:
    (exact, curve), (_, rough) = trained(model), trained(model, machine=Machine(precision="bfloat16"))
    assert column(rough, "reconstruction") != column(curve, "reconstruction")
    for name in ("reconstruction", "validation"):
        assert column(rough, name) == pytest.approx(column(curve, name), rel=0.05)
    assert all(tensor.dtype == torch.float32 for tensor in exact.state_dict().values())


# The classifier's loop


def utterances(count: int, seed: int, noise: float = 1.0) -> Labelled:
    """Sequences of 3 to 9 steps whose features lean towards their class; class 0 comes twice as often."""
    generator = np.random.default_rng(seed)
    labels = np.array([0, 1, 0, 2] * count, np.int64)[:count]
    lengths = generator.integers(3, 10, count)
    leaning = np.repeat(np.eye(CLASSES)[labels], lengths, axis=0)
    values = torch.from_numpy((leaning + noise * generator.normal(size=leaning.shape)).astype(np.float32))
    return Labelled(Sequences(values, np.concatenate([[0], np.cumsum(lengths)])), labels)


LEARNED, JUDGED = utterances(60, 0), utterances(24, 1)


def classified(
    seed: int = 0,
    machine: Machine = CPU,
    learned: Labelled = LEARNED,
    judged: Labelled = JUDGED,
    **changes: object,
) -> tuple[LSTMClassifier, list[Epoch]]:
    settings = Classifier.model_validate({**CLASSIFIER.model_dump(), **changes})
    network = LSTMClassifier(CLASSES, CLASSES, settings, drawn_from(0))
    return network, train_classifier(network, learned, judged, settings, seed, machine, silent)


def held_out_loss(network: LSTMClassifier, some: Labelled = JUDGED, machine: Machine = CPU) -> float:
    scores = predict(network, some.sequences, machine).astype(np.float64)
    loss: float = log_loss(some.labels, scores / scores.sum(1, keepdims=True), labels=range(CLASSES))
    return loss


def test_the_classifier_learns_and_its_curve_tells_who_is_held_out() -> None:
    network, curve = classified(epochs=12, patience=12)
    assert curve[-1]["loss"] < 0.8 * curve[0]["loss"]
    best = min(curve, key=lambda losses: losses["validation"])
    assert held_out_loss(network) == pytest.approx(best["validation"], rel=1e-5)
    right = predict(network, JUDGED.sequences, CPU).argmax(1) == JUDGED.labels
    assert right.mean() == best["accuracy"] > 0.6


@pytest.mark.parametrize("patience", [1, 4])
def test_the_classifier_stops_so_many_epochs_after_its_best_and_goes_back_to_it(patience: int) -> None:
    # What is learned from a dozen utterances does not hold for others, and ever less the longer it is learned.
    network, curve = classified(learned=utterances(12, 0, noise=3.0), epochs=200, patience=patience, learning_rate=0.05)
    losses = column(curve, "validation")
    assert len(losses) == losses.index(min(losses)) + 1 + patience < 200
    assert losses[-1] > min(losses)
    assert held_out_loss(network) == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_a_batch_that_is_cut_to_fit_memory_teaches_the_same(
    class_weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients of parts add up to that of the whole, whatever the classes weigh."""
    (whole, curve) = classified(epochs=2, patience=5, class_weights=class_weights)
    monkeypatch.setattr(latents, "STEPS_AT_ONCE", 12)
    (parts, cut) = classified(epochs=2, patience=5, class_weights=class_weights)
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], tensor, atol=1e-5, rtol=1e-4)
    assert column(cut, "loss") == pytest.approx(column(curve, "loss"), rel=1e-5)


def test_the_classifier_ends_after_its_epochs() -> None:
    assert len(classified(epochs=3, patience=100)[1]) == 3


def test_a_classifier_that_diverges_says_so_and_what_to_lower() -> None:
    with pytest.raises(EmovaeError, match=r"classifier's loss is .*diverged; lower classifier\.learning_rate"):
        classified(learning_rate=1e38)


def test_a_seed_decides_every_bit_of_the_classifier() -> None:
    (first, curve), (again, same_curve), (other, _) = (classified(seed) for seed in (0, 0, 1))
    assert weights(first) == weights(again)
    assert curve == same_curve
    assert weights(first) != weights(other)


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_balanced_class_weights_make_all_classes_weigh_the_same(class_weights: str) -> None:
    # In one batch the first epoch's loss is that of the fresh weights, which can be worked out from outside.
    fresh = LSTMClassifier(CLASSES, CLASSES, CLASSIFIER.model_copy(update={"scale_inputs": False}), drawn_from(0))
    scores = predict(fresh, LEARNED.sequences, CPU)
    _, curve = classified(batch_size=60, epochs=1, scale_inputs=False, class_weights=class_weights)
    weight = {"none": [1.0, 1.0, 1.0], "balanced": [60 / (3 * 30), 60 / (3 * 15), 60 / (3 * 15)]}[class_weights]
    if class_weights == "balanced":
        assert weight == compute_class_weight("balanced", classes=np.arange(3), y=LEARNED.labels).tolist()
    each = np.array(weight)[LEARNED.labels]
    by_hand = (each * -np.log(scores[np.arange(60), LEARNED.labels])).sum() / each.sum()
    assert curve[0]["loss"] == pytest.approx(float(by_hand), rel=1e-5)


def test_learning_with_a_dropout_of_zero_is_to_the_last_bit_learning_without() -> None:
    (with_it, curve), without = classified(dropout=0.0), LSTMClassifier(CLASSES, CLASSES, CLASSIFIER, drawn_from(0))
    without.dropout = nn.Identity()  # type: ignore[assignment]
    assert curve == train_classifier(without, LEARNED, JUDGED, CLASSIFIER, 0, CPU, silent)
    assert weights(with_it) == weights(without)


def test_learning_with_dropped_units_is_other_learning_and_is_judged_with_none_dropped() -> None:
    (dropped, curve), (_, whole) = classified(dropout=0.4, epochs=12, patience=12), classified(epochs=12, patience=12)
    assert column(curve, "loss") != column(whole, "loss")
    assert not dropped.training
    best = min(column(curve, "validation"))
    assert held_out_loss(dropped) == held_out_loss(dropped) == pytest.approx(best, rel=1e-5)
    (again, same_curve) = classified(dropout=0.4, epochs=12, patience=12)
    assert (weights(again), same_curve) == (weights(dropped), curve)
    assert min(column(curve, "loss")) < 0.9 * curve[0]["loss"]


def test_a_class_that_the_training_side_lacks_breaks_no_balance() -> None:
    only_two = Labelled(LEARNED.sequences, np.minimum(LEARNED.labels, 1))
    _, curve = classified(learned=only_two, class_weights="balanced", epochs=2)
    assert all(np.isfinite(column(curve, "loss")))


def test_the_classifier_learns_its_scale_from_the_training_steps_only() -> None:
    network, _ = classified(epochs=1)
    torch.testing.assert_close(network.scale.mean, LEARNED.sequences.values.mean(0))
    torch.testing.assert_close(network.scale.deviation, LEARNED.sequences.values.std(0, unbiased=False))


def test_predictions_come_in_the_order_of_the_utterances_whatever_their_company() -> None:
    network, _ = classified(epochs=1)
    many = utterances(600, 2)  # more than are scored at once
    together = predict(network, many.sequences, CPU)
    np.testing.assert_allclose(together.sum(1), 1, rtol=1e-6)
    for member in (0, 1, 299, 599):
        start, stop = many.sequences.starts[member : member + 2]
        alone = Sequences(many.sequences.values[start:stop], np.array([0, stop - start]))
        np.testing.assert_allclose(predict(network, alone, CPU)[0], together[member], rtol=1e-5)


def test_a_classifier_in_bfloat16_stays_close_to_float32_and_is_not_the_same() -> None:
    exact, _ = classified(epochs=2)
    rough, _ = classified(epochs=2, machine=Machine(precision="bfloat16"))
    scores = predict(exact, JUDGED.sequences, CPU)
    roughly = predict(rough, JUDGED.sequences, Machine(precision="bfloat16"))
    assert roughly.dtype == np.float32
    assert not np.array_equal(scores, roughly)
    np.testing.assert_allclose(roughly, scores, atol=0.05)


def test_results_do_not_depend_on_the_threads_that_are_free() -> None:
    def computed(threads: int) -> dict[str, bytes]:
        torch.set_num_threads(threads)
        with one_thread():
            assert torch.get_num_threads() == 1
            network, _ = trained(epochs=1)
        assert torch.get_num_threads() == threads
        return weights(network)

    before = torch.get_num_threads()
    try:
        first, *others = (computed(threads) for threads in (1, 2))
    finally:
        torch.set_num_threads(before)
    assert all(other == first for other in others)


def test_the_threads_come_back_after_an_error_too() -> None:
    before = torch.get_num_threads()
    with pytest.raises(EmovaeError), one_thread():
        raise EmovaeError
    assert torch.get_num_threads() == before


def test_the_examples_of_a_batch_keep_their_conditions() -> None:
    def pairs(segments: Tensor, told: Tensor | None) -> set[tuple[float, int]]:
        assert told is not None
        return set(zip(segments[:, 0].tolist(), told.argmax(1).tolist(), strict=True))

    members = torch.tensor([5, 3, 150])
    everyone = [pairs(*block) for block in TRAIN.blocks(64)]
    assert pairs(*TRAIN.batch(members)) < set().union(*everyone)
    assert sum(len(block[0]) for block in TRAIN.blocks(64)) == len(TRAIN.segments)
    assert list(itertools.chain(*TRAIN.batch(members)[0][:, :1].tolist())) == TRAIN.segments[members, 0].tolist()


def in_file(folder: Path, tensor: Tensor) -> Tensor:
    mapped = Room(0, folder).empty(tensor.shape[0], tensor.shape[1], tensor.dtype)
    mapped[:] = tensor
    return mapped


@pytest.mark.parametrize("model", MODELS)
def test_segments_in_a_file_are_learned_from_as_those_in_memory(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, curve = trained(model, epochs=3)
    monkeypatch.setattr(emovae.examples, "AT_ONCE_BYTES", 100)  # let go after every batch
    beyond = (some._replace(segments=in_file(tmp_path, some.segments)) for some in (TRAIN, HELD_OUT))
    other, again = trained(model, epochs=3, train=next(beyond), held_out=next(beyond))
    assert curve == again
    assert weights(network) == weights(other)


@pytest.mark.parametrize("model", MODELS)
def test_segments_kept_in_bfloat16_are_learned_from_nearly_as_well(model: str) -> None:
    half = Machine(precision="bfloat16")
    _, curve = trained(model)
    kept = [some._replace(segments=some.segments.to(half.kept)) for some in (TRAIN, HELD_OUT)]
    _, rounded = trained(model, machine=half, train=kept[0], held_out=kept[1])
    assert rounded[-1]["validation"] == pytest.approx(curve[-1]["validation"], rel=0.03)
    with half.autocast():
        network = build(model, VALUES, CLASSES, AUTOENCODER, drawn_from(0))
        terms = network(kept[0].segments, for_model(model, kept[0]).conditions, drawn_from(0))
    assert (terms.reconstruction.dtype, terms.divergence.dtype) == (torch.float32, torch.float32)
