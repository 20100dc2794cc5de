"""Statistics over time in a graph, of padded rows that each have their own length."""

from typing import NamedTuple

import numpy as np

from emovae.functionals import QUANTILES
from emovae.graph import Graph


class Rows(NamedTuple):
    """Sequences of several rows, padded.

    Attributes:
        values: [row, time, value].
        counts: how many of a row are its own, int64 [row].
        most: of any row, int64 [1].
    """

    values: str
    counts: str
    most: str


class Moments(NamedTuple):
    """Mean and deviation of each value over time, float64 [row, value]."""

    mean: str
    deviation: str


def mean_and_deviation(graph: Graph, rows: Rows) -> Moments:
    """What each row tells of itself; summed in float64, as a long one would be off in float32."""
    own, values = _own(graph, rows), graph.cast(rows.values, np.float64)
    count = graph.op("Unsqueeze", graph.cast(rows.counts, np.float64), graph.whole(1))
    mean = graph.op("Div", _total(graph, values, own), count)
    apart = graph.op("Sub", values, graph.op("Unsqueeze", mean, graph.whole(1)))
    squares = _total(graph, graph.op("Mul", apart, apart), own)
    return Moments(mean, graph.op("Sqrt", graph.op("Div", squares, count)))


def functionals(graph: Graph, rows: Rows) -> Rows:
    """Each row as one step, the statistics of `functionals`."""
    mean, deviation = mean_and_deviation(graph, rows)
    quantiles = _quantiles(graph, rows)
    told = graph.op("Concat", mean, deviation, *quantiles, _movement(graph, rows), axis=1)
    step = graph.op("Unsqueeze", graph.cast(told, np.float32), graph.whole(1))
    return Rows(step, graph.op("Min", rows.counts, graph.whole(1)), graph.whole(1))


def _quantiles(graph: Graph, rows: Rows) -> list[str]:
    """Each between the two nearest values, as its share has it; what is no row's own is sorted behind all."""
    beyond = graph.constant(np.inf)
    own = graph.op("Greater", _own(graph, rows), graph.constant(0.5, np.float64))
    values = graph.op("Where", own, rows.values, beyond)
    ordered = graph.op("TopK", values, rows.most, axis=1, largest=0, after=1)
    ends = graph.op("Sub", graph.cast(rows.counts, np.float64), graph.constant(1, np.float64))
    found = []
    for share in QUANTILES:
        place = graph.op("Mul", ends, graph.constant(share, np.float64))
        sides = [graph.op(kind, place) for kind in ("Floor", "Ceil")]
        low, high = (_at(graph, ordered, rows, graph.cast(side, np.int64)) for side in sides)
        part = graph.op("Unsqueeze", graph.op("Sub", place, sides[0]), graph.whole(1))
        found.append(graph.op("Add", low, graph.op("Mul", graph.op("Sub", high, low), part)))
    return found


def _at(graph: Graph, ordered: str, rows: Rows, places: str) -> str:
    """The values at a place of each row, float64 [row, value]."""
    number = graph.up_to(graph.size(rows.counts, 0))
    pairs = graph.op("Concat", *(graph.op("Unsqueeze", each, graph.whole(1)) for each in (number, places)), axis=1)
    return graph.cast(graph.op("GatherND", ordered, pairs), np.float64)


def _movement(graph: Graph, rows: Rows) -> str:
    """The mean absolute difference between neighbours, float64 [row, value]; 0 where there are none."""
    values, inner = graph.cast(rows.values, np.float64), graph.op("Sub", rows.most, graph.whole(1))
    before = graph.op("Slice", values, graph.whole(0), inner, graph.whole(1))
    after = graph.op("Slice", values, graph.whole(1), rows.most, graph.whole(1))
    pairs = Rows(before, graph.op("Sub", rows.counts, graph.whole(1)), inner)
    total = _total(graph, graph.op("Abs", graph.op("Sub", after, before)), _own(graph, pairs))
    count = graph.cast(graph.op("Max", pairs.counts, graph.whole(1)), np.float64)
    return graph.op("Div", total, graph.op("Unsqueeze", count, graph.whole(1)))


def _own(graph: Graph, rows: Rows) -> str:
    """1 where a row is within its length, 0 beyond, float64 [row, time, 1]."""
    time = graph.op("Unsqueeze", graph.up_to(rows.most), graph.whole(0))
    return graph.op(
        "Unsqueeze",
        graph.cast(graph.op("Less", time, graph.op("Unsqueeze", rows.counts, graph.whole(1))), np.float64),
        graph.whole(2),
    )


def _total(graph: Graph, values: str, own: str) -> str:
    return graph.op("ReduceSum", graph.op("Mul", values, own), graph.whole(1), keepdims=0)
