import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from emovae.classifiers import BLSTMCTC, AttentiveCNN, FramewiseBLSTM, LSTMClassifier, SequenceClassifier
from emovae.classifiers.attentive_cnn import KERNEL_FRAMES, POOL, STRIDE_FRAMES
from emovae.classifiers.blstm import BLSTM
from emovae.classifiers.blstm_ctc import one_label_log_likelihood
from emovae.classifiers.blstm_elm import UNITS, machine_of
from emovae.classifiers.dropout import StepwiseDropout
from emovae.settings import Classifier

FEATURES, CLASSES = 3, 4
SETTINGS = Classifier(hidden=5, layers=2, scale_inputs=True)


def drawn_from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def classifier(seed: int = 0, **changes: object) -> LSTMClassifier:
    return LSTMClassifier(FEATURES, CLASSES, SETTINGS.model_copy(update=changes), drawn_from(seed))


def batch_of(*lengths: int, padding: float = 0.0) -> tuple[Tensor, Tensor]:
    steps = torch.randn(len(lengths), max(lengths), FEATURES, generator=drawn_from(9))
    for row, length in enumerate(lengths):
        steps[row, length:] = padding
    return steps, torch.tensor(lengths)


def by_hand(network: LSTMClassifier, sequence: Tensor) -> Tensor:
    """The LSTM's equations, step by step, for one sequence [step, feature] -> logits [class]."""
    weights = network.lstm.state_dict()
    for layer in range(network.lstm.num_layers):
        hidden = memory = torch.zeros(network.lstm.hidden_size)
        outputs = []
        for step in sequence:
            gates = weights[f"weight_ih_l{layer}"] @ step + weights[f"bias_ih_l{layer}"]
            gates = gates + weights[f"weight_hh_l{layer}"] @ hidden + weights[f"bias_hh_l{layer}"]
            write, keep, candidate, read = gates.chunk(4)
            memory = torch.sigmoid(keep) * memory + torch.sigmoid(write) * torch.tanh(candidate)
            hidden = torch.sigmoid(read) * torch.tanh(memory)
            outputs.append(hidden)
        sequence = torch.stack(outputs)
    return network.projection.weight.detach() @ sequence[-1]


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_logits_are_those_of_the_equations_worked_step_by_step(layers: int) -> None:
    network = classifier(layers=layers)
    batch, lengths = batch_of(6, 1, 4)
    logits = network(batch, lengths).detach()
    for row, length in enumerate(lengths):
        torch.testing.assert_close(logits[row], by_hand(network, batch[row, :length]), rtol=1e-5, atol=1e-6)


@torch.inference_mode()
def test_padding_and_company_never_change_the_logits_of_an_utterance() -> None:
    network = classifier()
    batch, lengths = batch_of(6, 1, 4)
    together = network(batch, lengths)
    for padding in (100.0, -1e6):
        assert torch.equal(network(*batch_of(6, 1, 4, padding=padding)), together)
    longer = torch.cat([batch, torch.full((3, 50, FEATURES), 7.0)], 1)
    torch.testing.assert_close(network(longer, lengths), together)
    for row, length in enumerate(lengths):
        alone = network(batch[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(alone[0], together[row])


@torch.inference_mode()
def test_the_last_step_of_an_utterance_counts() -> None:
    network = classifier()
    batch, lengths = batch_of(6, 1, 4)
    before = network(batch, lengths)
    batch[2, 3] += 1.0
    after = network(batch, lengths)
    assert torch.equal(after[:2], before[:2])
    assert not torch.allclose(after[2], before[2])


def test_the_projection_is_q_equals_w_x_without_an_offset() -> None:
    network = classifier()
    assert network.projection.bias is None
    assert network.projection.weight.shape == (CLASSES, 5)


def test_the_classifier_has_two_layers_that_read_forward_only() -> None:
    network = LSTMClassifier(256, CLASSES, Classifier(), drawn_from(0))
    assert network.lstm.num_layers == 2
    assert not network.lstm.bidirectional


def test_the_scale_is_learned_from_the_training_steps() -> None:
    steps = 5 + 3 * torch.randn(1000, FEATURES, generator=drawn_from(1))
    steps[:, 2] = 7.0
    network = classifier()
    network.scale.fit(steps)
    torch.testing.assert_close(network.scale.mean, steps.mean(0))
    torch.testing.assert_close(network.scale.deviation[:2], steps[:, :2].std(0, unbiased=False))
    assert network.scale.deviation[2] > 0  # a feature that never moves divides nothing by zero
    assert {"scale.mean", "scale.deviation"} <= set(network.state_dict())


def test_a_learned_scale_is_what_the_layers_see() -> None:
    batch, lengths = batch_of(6, 1, 4)
    plain, scaled = classifier(), classifier()
    scaled.scale.fit(10 + 4 * torch.randn(100, FEATURES, generator=drawn_from(1)))
    restored = batch * scaled.scale.deviation + scaled.scale.mean
    torch.testing.assert_close(scaled(restored, lengths), plain(batch, lengths), rtol=1e-4, atol=1e-5)


def test_inputs_stay_as_they_are_where_no_scale_is_asked_for() -> None:
    network = classifier(scale_inputs=False)
    network.scale.fit(5 + torch.randn(100, FEATURES, generator=drawn_from(1)))
    assert network.scale.mean.tolist() == [0.0] * FEATURES
    assert network.scale.deviation.tolist() == [1.0] * FEATURES


def test_the_same_generator_gives_the_same_weights_and_no_global_one_is_asked() -> None:
    before = torch.get_rng_state()
    first, again, other = (dict(classifier(seed).named_parameters()) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)
    assert max(float(tensor.detach().abs().max()) for tensor in first.values()) <= 5**-0.5


# Dropped units


def test_the_same_units_are_dropped_at_every_step_and_others_in_every_utterance() -> None:
    dropout, values = StepwiseDropout(0.4, 0), 1 + torch.rand(50, 7, 20, generator=drawn_from(0))
    found = dropout(values)
    dropped = found == 0
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert len({tuple(row) for row in dropped[:, 0].tolist()}) == 50
    torch.testing.assert_close(found[~dropped], values[~dropped] / 0.6)


def test_dropping_keeps_the_expectation_and_drops_the_share_that_was_asked_for() -> None:
    count = 40_000
    found = StepwiseDropout(0.3, 0)(torch.full((count, 5), 2.0))
    assert sorted(set(found.unique().tolist())) == pytest.approx([0.0, 2 / 0.7])
    deviation = (2 / 0.7) * (0.3 * 0.7) ** 0.5  # of one value
    assert ((found.mean(0) - 2.0).abs() < 5 * deviation / count**0.5).all()
    assert abs(float((found == 0).double().mean()) - 0.3) < 5 * (0.21 / found.numel()) ** 0.5


def test_nothing_is_dropped_outside_training_or_at_a_rate_of_zero() -> None:
    values = torch.rand(4, 3, 5, generator=drawn_from(0))
    assert StepwiseDropout(0.9, 0).eval()(values) is values
    assert StepwiseDropout(0.0, 0).train()(values) is values


def test_a_seed_decides_what_is_dropped_and_no_global_generator_is_asked() -> None:
    before, values = torch.get_rng_state(), torch.ones(9, 3, 5)
    first, again, other = (StepwiseDropout(0.5, seed) for seed in (0, 0, 1))
    one, two = first(values), first(values)
    assert torch.equal(one, again(values))
    assert not torch.equal(one, two)
    assert not torch.equal(one, other(values))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_classifier_drops_inputs_and_last_units_in_training_and_none_when_asked() -> None:
    network, (batch, lengths) = classifier(dropout=0.5), batch_of(6, 1, 4)
    plain = classifier()
    network.eval()
    assert torch.equal(network(batch, lengths), plain(batch, lengths))
    network.train()
    said = torch.stack([network(batch, lengths) for _ in range(20)])
    assert len({tuple(row) for row in said[:, 0].tolist()}) > 10
    dropped = drawn_from(drawn_from(0).initial_seed())
    inputs = (torch.rand(3, 1, FEATURES, generator=dropped) >= 0.5) * 2.0
    outputs = (torch.rand(3, 5, generator=dropped) >= 0.5) * 2.0
    states, _ = plain.lstm(batch * inputs)
    expected = plain.projection(states[torch.arange(3), lengths - 1] * outputs)
    torch.testing.assert_close(said[0], expected)


def test_an_utterance_says_the_same_under_dropped_units_however_it_is_padded() -> None:
    batch, lengths = batch_of(6, 1, 4)
    longer = torch.cat([batch, torch.full((3, 50, FEATURES), 7.0)], 1)
    first, second = (classifier(dropout=0.5).train()(some, lengths) for some in (batch, longer))
    torch.testing.assert_close(first, second)


# All networks alike

KINDS = [LSTMClassifier, AttentiveCNN, BLSTMCTC, FramewiseBLSTM]
LENGTHS = (1, KERNEL_FRAMES - 1, KERNEL_FRAMES, KERNEL_FRAMES + STRIDE_FRAMES * POOL, 40, 2)
"""Shorter than a kernel, as long, as long as no whole pool, and long enough for several."""


def network_of(kind: Callable[..., SequenceClassifier], seed: int = 0) -> SequenceClassifier:
    network = kind(FEATURES, CLASSES, SETTINGS, drawn_from(seed))
    network.scale.fit(5 + 3 * torch.randn(100, FEATURES, generator=drawn_from(1)))
    return network


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", [0.0, 100.0, -1e6])
def test_neither_padding_nor_company_changes_what_any_network_says_or_learns(
    kind: Callable[..., SequenceClassifier], padding: float
) -> None:
    network, labels = network_of(kind), torch.arange(len(LENGTHS)) % CLASSES
    batch, lengths = batch_of(*LENGTHS, padding=padding)
    longer = torch.cat([batch, torch.full((len(LENGTHS), 33, FEATURES), padding)], 1)
    together, losses = network(longer, lengths), network.losses(longer, lengths, labels)
    torch.autograd.backward(losses.sum())
    learned = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    network.zero_grad()
    for row, length in enumerate(lengths):
        alone = (batch[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(network(*alone)[0], together[row], rtol=1e-5, atol=1e-5)
        loss = network.losses(*alone, labels[row : row + 1])
        torch.testing.assert_close(loss[0], losses[row], rtol=1e-5, atol=1e-5)
        torch.autograd.backward(loss.sum())
    assert len(learned) == len(list(network.parameters()))
    for before, parameter in zip(learned, network.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_every_network_hears_the_whole_utterance(kind: Callable[..., SequenceClassifier]) -> None:
    network = network_of(kind)
    batch, lengths = batch_of(KERNEL_FRAMES + 5 * STRIDE_FRAMES)
    before = network(batch, lengths)
    for step in (0, KERNEL_FRAMES, batch.shape[1] - 1):
        changed = batch.clone()
        changed[0, step] += 100.0
        assert not torch.allclose(network(changed, lengths), before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_decides_the_weights_of_any_network_and_no_global_generator_is_asked(
    kind: Callable[..., SequenceClassifier],
) -> None:
    before = torch.get_rng_state()
    first, again, other = (dict(network_of(kind, seed).named_parameters()) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)
    assert all(0 < float(tensor.detach().abs().max()) <= 1 for tensor in first.values())


@pytest.mark.parametrize("kind", [LSTMClassifier, AttentiveCNN])
def test_the_loss_is_the_cross_entropy_of_the_logits(kind: Callable[..., SequenceClassifier]) -> None:
    network, labels = network_of(kind), torch.tensor([0, 3, 1])
    batch, lengths = batch_of(6, 1, 4)
    by_hand = -network(batch, lengths).softmax(1)[torch.arange(3), labels].log()
    torch.testing.assert_close(network.losses(batch, lengths, labels), by_hand)


# The attentive convolutional network


@torch.inference_mode()
def test_the_attentive_network_is_its_equations_worked_window_by_window() -> None:
    network = AttentiveCNN(FEATURES, CLASSES, SETTINGS, drawn_from(0))
    frames = torch.randn(KERNEL_FRAMES + 7 * STRIDE_FRAMES + 1, FEATURES, generator=drawn_from(2))
    kernels, offsets = network.convolution.weight, network.convolution.bias
    assert offsets is not None
    found = []
    for start in range(0, len(frames) - KERNEL_FRAMES + 1, STRIDE_FRAMES):
        window = frames[start : start + KERNEL_FRAMES].T  # [feature, frame]
        found.append(((kernels * window).sum((1, 2)) + offsets).clamp_min(0))
    assert len(found) == 8
    pooled = [torch.stack(found[start : start + POOL]).amax(0) for start in range(0, 8, POOL)]
    scores = np.exp([float(network.attention.weight[0] @ step) for step in pooled])
    summed = sum(step * float(share) for step, share in zip(pooled, scores / scores.sum(), strict=True))
    expected = network.projection.weight @ summed + network.projection.bias
    torch.testing.assert_close(network(frames[None], torch.tensor([len(frames)]))[0], expected)


@torch.inference_mode()
def test_attention_sums_to_one_over_the_real_steps_and_is_nowhere_else() -> None:
    network = AttentiveCNN(FEATURES, CLASSES, SETTINGS, drawn_from(0))
    pooled, steps = network.patterns(*batch_of(*LENGTHS))
    weights = network.weights(pooled, steps)
    kernels = [1 + max(0, length - KERNEL_FRAMES) // STRIDE_FRAMES for length in LENGTHS]
    assert steps.tolist() == [-(-count // POOL) for count in kernels]
    torch.testing.assert_close(weights.sum(1), torch.ones(len(LENGTHS)))
    for row, step in enumerate(steps):
        assert (weights[row, :step] > 0).all()
        assert not weights[row, step:].any()
    assert len(set(weights[4, : steps[4]].tolist())) > 1  # and is no mere mean


# Bidirectional layers


@pytest.mark.parametrize("layers", [1, 2])
@torch.inference_mode()
def test_both_directions_are_those_of_pytorchs_own_layer_on_packed_sequences(layers: int) -> None:
    settings = SETTINGS.model_copy(update={"layers": layers, "scale_inputs": False})
    network = BLSTM(FEATURES, 3, settings, drawn_from(0))
    own = nn.LSTM(FEATURES, 5, layers, batch_first=True, bidirectional=True)
    weights = own.state_dict()
    for layer, (onward, back) in enumerate(zip(network.forwards, network.backwards, strict=True)):
        for name, tensor in onward.state_dict().items():
            weights[name.replace("_l0", f"_l{layer}")].copy_(tensor)
        for name, tensor in back.state_dict().items():
            weights[name.replace("_l0", f"_l{layer}_reverse")].copy_(tensor)
    batch, lengths = batch_of(6, 1, 4)
    packed = pack_padded_sequence(batch, lengths, batch_first=True, enforce_sorted=False)
    states, _ = pad_packed_sequence(own(packed)[0], batch_first=True)
    said = network(batch, lengths)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(said[row, :length], network.projection(states[row, :length]))


# Connectionist temporal classification


def log_probabilities(utterances: int, steps: int, seed: int = 0) -> Tensor:
    """Of four classes and the blank."""
    return (3 * torch.randn(utterances, steps, CLASSES + 1, generator=drawn_from(seed))).log_softmax(-1)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_likelihood_of_one_label_is_the_sum_over_all_paths_that_spell_it(steps: int) -> None:
    said = log_probabilities(1, steps)
    by_hand = torch.zeros(CLASSES, dtype=torch.float64)
    for path in itertools.product(range(CLASSES + 1), repeat=steps):
        spelled = [name for name, _ in itertools.groupby(path) if name != CLASSES]
        if len(spelled) == 1:
            by_hand[spelled[0]] += said[0, range(steps), path].double().sum().exp()
    found = one_label_log_likelihood(said, torch.tensor([steps]))
    torch.testing.assert_close(found[0], by_hand.log())
    assert 0 < float(found.exp().sum()) < 1 + 1e-12  # of all label sequences, those of one label


def test_the_likelihood_and_its_gradient_are_those_of_pytorchs_own_loss_however_long() -> None:
    lengths = torch.tensor([400, 1, 37])
    logits = (3 * torch.randn(3, 400, CLASSES + 1, generator=drawn_from(0), dtype=torch.float64)).requires_grad_()
    said = logits.log_softmax(-1)
    for label in range(CLASSES):
        targets, ones = torch.full((3, 1), label), torch.ones(3, dtype=torch.int64)
        found = one_label_log_likelihood(said, lengths)[:, label]
        expected = -nn.functional.ctc_loss(said.mT.movedim(2, 0), targets, lengths, ones, CLASSES, reduction="none")
        torch.testing.assert_close(found, expected)
        gradients = [torch.autograd.grad(score.sum(), logits, retain_graph=True)[0] for score in (found, expected)]
        torch.testing.assert_close(*gradients)
        assert not gradients[0][1, 1:].any()


def test_the_loss_of_an_utterance_is_minus_the_likelihood_of_its_emotion() -> None:
    network = BLSTMCTC(FEATURES, CLASSES, SETTINGS, drawn_from(0))
    batch, lengths = batch_of(6, 1, 4)
    labels = torch.tensor([2, 0, 3])
    assert network.blstm.projection.out_features == CLASSES + 1
    expected = -network(batch, lengths)[torch.arange(3), labels]
    assert torch.equal(network.losses(batch, lengths, labels), expected)


# The extreme learning machine


@torch.inference_mode()
def test_the_statistics_are_greatest_least_mean_and_share_above_a_fifth_of_every_class() -> None:
    network = FramewiseBLSTM(FEATURES, CLASSES, SETTINGS, drawn_from(0))
    with torch.no_grad():
        network.blstm.projection.weight.mul_(20)  # so that some steps show a class and some do not
    batch, lengths = batch_of(6, 1, 4)
    said = network.blstm(batch, lengths).softmax(-1).numpy()
    found = network.statistics(batch, lengths).numpy()
    for row, length in enumerate(lengths.tolist()):
        real = said[row, :length]
        expected = np.concatenate([real.max(0), real.min(0), real.mean(0), (real > 0.2).mean(0)])
        np.testing.assert_allclose(found[row], expected, rtol=1e-5)
    assert 0 < found[0, 12:].max() <= 1
    np.testing.assert_allclose(network(batch, lengths).exp().numpy(), found[:, 8:12], rtol=1e-5)


def test_every_step_is_taught_its_utterances_label() -> None:
    network, labels = FramewiseBLSTM(FEATURES, CLASSES, SETTINGS, drawn_from(0)), torch.tensor([2, 0, 3])
    batch, lengths = batch_of(6, 1, 4)
    said = network.blstm(batch, lengths).log_softmax(-1)
    by_hand = [-said[row, : lengths[row], labels[row]].mean() for row in range(3)]
    torch.testing.assert_close(network.losses(batch, lengths, labels), torch.stack(by_hand))


def taught(count: int = 200) -> tuple[Tensor, Tensor]:
    inputs = torch.rand(count, 16, generator=drawn_from(3))
    return inputs, (inputs[:, 0] > 0.3).long() + (inputs[:, 1] > 0.6).long()


@pytest.mark.parametrize("ridge", [1.0, 1e-6])
def test_the_machines_output_weights_are_those_of_ridge_regression(ridge: float) -> None:
    inputs, labels = taught()
    weights = torch.tensor([1.0, 2.5, 0.5])
    machine = machine_of(inputs, labels, weights, drawn_from(0), ridge)
    units, targets = machine.units(inputs).numpy(), np.eye(3)[labels]
    assert units.shape == (200, UNITS)
    ours = Ridge(alpha=ridge, fit_intercept=False).fit(units, targets, sample_weight=weights.numpy()[labels])
    np.testing.assert_allclose(machine.units(inputs).numpy() @ machine.output.numpy(), ours.predict(units), atol=1e-4)
    root = np.sqrt(weights.numpy()[labels])[:, None].astype(np.float64)
    stacked = np.concatenate([units * root, np.sqrt(ridge) * np.eye(UNITS)])
    plain, *_ = np.linalg.lstsq(stacked, np.concatenate([targets * root, np.zeros((UNITS, 3))]), rcond=None)
    np.testing.assert_allclose(machine.output.numpy(), plain, rtol=1e-3, atol=1e-4)


def test_the_machine_learns_and_its_hidden_units_are_the_generators() -> None:
    inputs, labels = taught(3000)
    first, again, other = (machine_of(inputs, labels, torch.ones(3), drawn_from(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.output, again.output)
    assert not torch.equal(first.units.weights, other.units.weights)
    assert float(first.units.weights.abs().max()) <= 1
    unseen = torch.rand(100, 16, generator=drawn_from(4))
    true = (unseen[:, 0] > 0.3).long() + (unseen[:, 1] > 0.6).long()
    probabilities = first.probabilities(unseen)
    assert float((probabilities.argmax(1) == true).double().mean()) > 0.7
    torch.testing.assert_close(probabilities.sum(1), torch.ones(100))
