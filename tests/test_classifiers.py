import pytest
import torch
from torch import Tensor

from emovae.classifiers import LSTMClassifier
from emovae.config import Classifier

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
    network.fit_scale(steps)
    torch.testing.assert_close(network.input_mean, steps.mean(0))
    torch.testing.assert_close(network.input_deviation[:2], steps[:, :2].std(0, unbiased=False))
    assert network.input_deviation[2] > 0  # a feature that never moves divides nothing by zero
    assert {"input_mean", "input_deviation"} <= set(network.state_dict())


def test_a_learned_scale_is_what_the_layers_see() -> None:
    batch, lengths = batch_of(6, 1, 4)
    plain, scaled = classifier(), classifier()
    scaled.fit_scale(10 + 4 * torch.randn(100, FEATURES, generator=drawn_from(1)))
    restored = batch * scaled.input_deviation + scaled.input_mean
    torch.testing.assert_close(scaled(restored, lengths), plain(batch, lengths), rtol=1e-4, atol=1e-5)


def test_inputs_stay_as_they_are_where_no_scale_is_asked_for() -> None:
    network = classifier(scale_inputs=False)
    network.fit_scale(5 + torch.randn(100, FEATURES, generator=drawn_from(1)))
    assert network.input_mean.tolist() == [0.0] * FEATURES
    assert network.input_deviation.tolist() == [1.0] * FEATURES


def test_the_same_generator_gives_the_same_weights_and_no_global_one_is_asked() -> None:
    before = torch.get_rng_state()
    first, again, other = (dict(classifier(seed).named_parameters()) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)
    assert max(float(tensor.detach().abs().max()) for tensor in first.values()) <= 5**-0.5
