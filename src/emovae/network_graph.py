"""The networks of a trained model in a graph: what its encoder gives of segments, and what its classifier says."""

from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from emovae.autoencoders import AE, CVAE
from emovae.graph import Array, Graph
from emovae.padded_rows import Rows
from emovae.trained import TrainedModel

TINY = float(np.finfo(np.float32).tiny)
ACTIVATIONS: dict[type[nn.Module], str] = {nn.ReLU: "Relu", nn.Tanh: "Tanh", nn.ELU: "Elu"}


class Told(NamedTuple):
    """Of `classes` the places of those that weigh anything; a layer that is told a class reads it last."""

    among: Array
    classes: int


def latents_of(graph: Graph, model: TrainedModel, segments: Rows) -> Rows:
    """What the classifier reads of each segment; of a CVAE the mixture over classes.

    Args:
        graph: is written on.
        model: whose encoder it is.
        segments: values [row, segment, frame x band].

    Returns:
        Values [row, segment, feature], as many of each row as there were.
    """
    encoder, features = model.encoder, model.settings.features
    if isinstance(encoder, AE):
        hidden = _stack(graph, segments.values, encoder.encoder)
        return segments._replace(values=_linear(graph, hidden, encoder.code))
    if isinstance(encoder, CVAE):
        assert model.weights is not None
        mean, log_variance = _mixture(graph, encoder, segments.values, model.weights)
    else:
        hidden = _stack(graph, segments.values, encoder.encoder)
        mean, log_variance = (_linear(graph, hidden, layer) for layer in (encoder.mean, encoder.log_variance))
    if features == "mean":
        return segments._replace(values=mean)
    beside = graph.op("Exp", log_variance) if features == "mean+variance" else log_variance
    return segments._replace(values=graph.op("Concat", mean, beside, axis=-1))


def said_of(graph: Graph, model: TrainedModel, sequences: Rows) -> str:
    """The classifier's probabilities, [row, class].

    Args:
        graph: is written on.
        model: whose classifier it is.
        sequences: values [row, step, feature].
    """
    reader, values = model.reader, sequences.values
    if reader.scale.learned:
        centred = graph.op("Sub", values, graph.constant(_array(reader.scale.mean)))
        values = graph.op("Div", centred, graph.constant(_array(reader.scale.deviation)))
    steps = graph.op("Transpose", values, perm=[1, 0, 2])
    counts = graph.cast(sequences.counts, np.int32)
    layers, last = reader.lstm.num_layers, ""
    for layer in range(layers):
        given = [graph.constant(weights) for weights in _lstm_weights(reader.lstm, layer)]
        named = {"hidden_size": reader.lstm.hidden_size}
        if layer < layers - 1:
            states = graph.op("LSTM", steps, *given, counts, **named)
            steps = graph.op("Squeeze", states, graph.whole(1))
        else:
            last = graph.op("LSTM", steps, *given, counts, before=1, **named)
    last = graph.op("Squeeze", last, graph.whole(0))
    logits = graph.op("MatMul", last, graph.constant(_array(reader.projection.weight).T))
    return graph.op("Softmax", logits, axis=-1)


def _mixture(graph: Graph, encoder: CVAE, segments: str, weights: Array) -> tuple[str, str]:
    """Mean and log-variance of the mixture of Q(z|X, c), classes along a first axis of their own on the way."""
    told = Told(np.flatnonzero(weights), len(weights))
    hidden = _stack(graph, segments, encoder.encoder, told)
    first = None if len(encoder.encoder) else told
    mean, log_variance = (_linear(graph, hidden, layer, first) for layer in (encoder.mean, encoder.log_variance))
    share = graph.constant(weights[told.among].reshape(-1, 1, 1, 1))

    def mixed(value: str) -> str:
        return graph.op("ReduceSum", graph.op("Mul", share, value), graph.whole(0), keepdims=0)

    centre = mixed(mean)
    apart = graph.op("Sub", mean, centre)
    variance = mixed(graph.op("Add", graph.op("Exp", log_variance), graph.op("Mul", apart, apart)))
    return centre, graph.op("Log", graph.op("Max", variance, graph.constant(TINY)))


def _stack(graph: Graph, values: str, layers: nn.Sequential, told: Told | None = None) -> str:
    """Linear layers and activations; the first is told each of some classes, where any are given."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            values, told = _linear(graph, values, layer, told), None
        else:
            values = graph.op(ACTIVATIONS[type(layer)], values)
    return values


def _linear(graph: Graph, values: str, layer: nn.Linear, told: Told | None = None) -> str:
    """A layer; one that is told classes gives [class, ...]: the same product, and an offset for each."""
    weight, offset = _array(layer.weight), _array(layer.bias)
    if told is not None:
        weight, classes = np.split(weight, [-told.classes], axis=1)
        offset = (offset + classes.T[told.among])[:, None, None]
    return graph.op("Add", graph.op("MatMul", values, graph.constant(weight.T)), graph.constant(offset))


def _lstm_weights(lstm: nn.LSTM, layer: int) -> list[Array]:
    """W, R and both offsets, [1, ...], gates in ONNX's order: input, output, forget, cell; torch has i, f, c, o."""

    def ordered(name: str) -> Array:
        first, forget, cell, output = np.split(_array(getattr(lstm, f"{name}_l{layer}")), 4)
        return np.concatenate([first, output, forget, cell])[None]

    return [
        ordered("weight_ih"),
        ordered("weight_hh"),
        np.concatenate([ordered("bias_ih"), ordered("bias_hh")], axis=1),
    ]


def _array(tensor: Tensor) -> Array:
    values: Array = tensor.detach().cpu().numpy()
    return values
