"""A trained model as one graph, from waveforms to probabilities: each step as `trained` computes it, row by row.

Rows of a batch are padded, and each has its own length: frames, segments and steps beyond it are computed for company
and never read. The transform is a product with cosines and sines; a row's segments are gathered from its frames, and
all of a batch are encoded in one product.
"""

from typing import Any

import numpy as np

from emovae.calibration import FLOOR
from emovae.graph import Array, Graph
from emovae.logmel import BINS, DFT_POINTS, ENERGY_FLOOR, HOP_MS, HOP_SAMPLES, WINDOW_SAMPLES, LogMel, filter_bank
from emovae.network_graph import latents_of, said_of
from emovae.normalise import LEAST_DEVIATION
from emovae.padded_rows import Rows, functionals, mean_and_deviation
from emovae.portable import INPUTS, OUTPUTS
from emovae.segments import span_of, stride_of
from emovae.settings import FrontEnd, Segments
from emovae.trained import TrainedModel


def whole_graph(model: TrainedModel) -> Any:
    """The ONNX model of a trained model, without metadata.

    Raises:
        ConfigError: when onnx is not installed.
    """
    graph, settings = Graph(), model.settings
    frames = _log_mel(graph, settings.front_end)
    strangeness = _strangeness(graph, model, frames)
    sequences = latents_of(graph, model, _segments(graph, _scaled(graph, model, frames), settings.segments))
    if settings.merge == "statistics":
        sequences = functionals(graph, sequences)
    said = said_of(graph, model, sequences)
    of_classes, of_rows = (np.float32, ("batch", "class")), (np.float32, ("batch",))
    answers = (
        (_tempered(graph, said, model.temperature), of_classes),
        (said, of_classes),
        (strangeness, of_rows),
    )
    inputs = ((np.float32, ("batch", "sample")), (np.int64, ("batch",)))
    return graph.model(
        settings.models[0], dict(zip(INPUTS, inputs, strict=True)), dict(zip(OUTPUTS, answers, strict=True))
    )


def _log_mel(graph: Graph, front_end: FrontEnd) -> Rows:
    """The frames of waveforms; of those below 25 ms one, filled up with silence."""
    waveform, length = INPUTS
    lasting = graph.op("Max", length, graph.whole(WINDOW_SAMPLES))
    beyond = graph.op("Sub", lasting, graph.whole(WINDOW_SAMPLES))
    counts = graph.op("Add", graph.op("Div", beyond, graph.whole(HOP_SAMPLES)), graph.whole(1))
    most = graph.op("ReduceMax", counts, axes=[0], keepdims=1)
    # Hops of 160 samples: a frame is two of them and the first half of a third.
    hops = graph.op("Add", most, graph.whole(2))
    wanted = graph.op("Mul", hops, graph.whole(HOP_SAMPLES))
    batch = graph.size(waveform, 0)
    silence = graph.op("Expand", graph.constant(0.0), graph.op("Concat", batch, wanted, axis=0))
    long = graph.op("Concat", waveform, silence, axis=1)
    samples = graph.op("Slice", long, graph.whole(0), wanted, graph.whole(1))
    own = graph.op("Less", graph.op("Unsqueeze", graph.up_to(wanted), graph.whole(0)), _column(graph, length))
    samples = graph.op("Where", own, samples, graph.constant(0.0))
    blocks = graph.op("Reshape", samples, graph.op("Concat", batch, hops, graph.whole(HOP_SAMPLES), axis=0))
    parts = [
        graph.op("Slice", blocks, graph.whole(first), graph.op("Add", most, graph.whole(first)), graph.whole(1))
        for first in range(3)
    ]
    half = graph.whole(WINDOW_SAMPLES - 2 * HOP_SAMPLES)
    parts[2] = graph.op("Slice", parts[2], graph.whole(0), half, graph.whole(2))
    cut = graph.op("Concat", *parts, axis=2)
    filters = filter_bank(front_end)
    reached = filters.sum(axis=1) > 0
    spectrum = graph.op("MatMul", cut, graph.constant(_transform(front_end, reached)))
    power = graph.op("Mul", spectrum, spectrum)
    energy = graph.op("MatMul", power, graph.constant(np.concatenate([filters[reached]] * 2)))
    return Rows(graph.op("Log", graph.op("Max", energy, graph.constant(ENERGY_FLOOR))), counts, most)


def _transform(front_end: FrontEnd, reached: Array) -> Array:
    """Window and DFT as a matrix [sample, part]: the real parts of the bins that are reached, then the imaginary."""
    window = LogMel(front_end).window[:WINDOW_SAMPLES].double().numpy()
    angles = 2 * np.pi / DFT_POINTS * np.outer(np.arange(WINDOW_SAMPLES), np.arange(BINS)[reached])
    basis: Array = np.concatenate([np.cos(angles), np.sin(angles)], axis=1) * window[:, None]
    return basis


def _strangeness(graph: Graph, model: TrainedModel, frames: Rows) -> str:
    """See `familiarity`, [row]."""
    spectrum = graph.op("Concat", *mean_and_deviation(graph, frames), axis=1)
    apart = graph.op("Sub", spectrum, graph.constant(model.usual.mean, np.float64))
    white = graph.op("MatMul", apart, graph.constant(model.usual.whitening, np.float64))
    distance = graph.op("Sqrt", graph.op("ReduceSum", graph.op("Mul", white, white), graph.whole(1), keepdims=0))
    return graph.cast(graph.op("Div", distance, graph.constant(model.usual.limit, np.float64)), np.float32)


def _scaled(graph: Graph, model: TrainedModel, frames: Rows) -> Rows:
    """Frames as the encoder wants them."""
    if model.settings.normalise == "utterance":
        mean, deviation = mean_and_deviation(graph, frames)
        deviation = graph.op("Max", deviation, graph.constant(LEAST_DEVIATION, np.float64))
        scale = [graph.op("Unsqueeze", graph.cast(each, np.float32), graph.whole(1)) for each in (mean, deviation)]
    elif model.scale is not None:
        scale = [graph.constant(each) for each in model.scale]
    else:
        return frames
    return frames._replace(values=graph.op("Div", graph.op("Sub", frames.values, scale[0]), scale[1]))


def _segments(graph: Graph, frames: Rows, settings: Segments) -> Rows:
    """Segments [row, segment, frame x band], as `segments.cut` has them; short utterances are filled up."""
    length, step = span_of(settings), settings.step_ms // HOP_MS
    beyond = graph.op("Max", graph.op("Sub", frames.counts, graph.whole(length)), graph.whole(0))
    if settings.tail == "drop":
        counts = graph.op("Add", graph.op("Div", beyond, graph.whole(step)), graph.whole(1))
    else:
        to_the_end = graph.op("Add", _parts(graph, beyond, step), graph.whole(1))
        counts = graph.op("Min", to_the_end, _parts(graph, frames.counts, step))
    most = graph.op("ReduceMax", counts, axes=[0], keepdims=1)
    starts = graph.op("Mul", graph.up_to(most), graph.whole(step))
    taken = np.arange(0, length, stride_of(settings))
    within = graph.op("Add", _column(graph, starts), graph.constant(taken, np.int64))  # [segment, frame]
    last = graph.op("Sub", frames.counts, graph.whole(1))
    places = graph.op("Min", within, graph.op("Unsqueeze", last, graph.whole(1, 2)))  # [row, segment, frame]
    rows = graph.op("Mul", graph.up_to(graph.size(frames.counts, 0)), frames.most)
    places = graph.op("Add", places, graph.op("Unsqueeze", rows, graph.whole(1, 2)))
    bands = graph.size(frames.values, 2)
    flat = graph.op("Reshape", frames.values, graph.op("Concat", graph.whole(-1), bands, axis=0))
    cut = graph.op("Gather", flat, places, axis=0)
    return Rows(graph.op("Reshape", cut, graph.whole(0, 0, -1)), counts, most)


def _parts(graph: Graph, counts: str, size: int) -> str:
    """How many parts of a size are begun."""
    return graph.op("Div", graph.op("Add", counts, graph.whole(size - 1)), graph.whole(size))


def _tempered(graph: Graph, said: str, temperature: float) -> str:
    """See `calibration.tempered`."""
    shares = graph.op("Max", graph.cast(said, np.float64), graph.constant(FLOOR, np.float64))
    logs = graph.op("Div", graph.op("Log", shares), graph.constant(temperature, np.float64))
    return graph.cast(graph.op("Softmax", logs, axis=-1), np.float32)


def _column(graph: Graph, value: str) -> str:
    return graph.op("Unsqueeze", value, graph.whole(1))
