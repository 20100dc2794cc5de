"""Just enough of an ONNX file's bytes to know what it would make onnxruntime do, before that sees it.

An ONNX file is a protocol buffer: fields of a number and a kind, some of which hold fields again. What emovae writes
needs no operators of others, no functions, no graphs within graphs, no files beside it and no large whole numbers; what
has them is refused.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

VARINT, EIGHT_BYTES, HELD, FOUR_BYTES = 0, 1, 2, 5
MODEL_GRAPH, MODEL_OPSETS, MODEL_METADATA, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 8, 14, 20, 25
GRAPH_NODES, GRAPH_TENSORS, GRAPH_SPARSE = 1, 5, 15
NODE_ATTRIBUTES, NODE_DOMAIN = 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS = 5, 10
ATTRIBUTE_GRAPHS_OR_SPARSE = (6, 11, 22, 23)
TENSOR_KIND, TENSOR_WHOLE, TENSOR_RAW, TENSOR_ELSEWHERE = 2, (5, 7, 11), 9, (13, 14)
FLOAT32, INT64, FLOAT64 = 1, 7, 11
LARGEST_NUMBER = 2**24
"""Constants are places, counts and widths: a larger one would only make onnxruntime take memory for as much."""
KEY, VALUE, OPSET_DOMAIN = 1, 2, 1
OWN_DOMAINS = (b"", b"ai.onnx")


class Field(NamedTuple):
    """A field of a message: its number, and its content, or its value where that is a whole number."""

    number: int
    content: memoryview
    value: int


class Told(NamedTuple):
    """What a file holds.

    Attributes:
        graph: the bytes of its graph.
        metadata: its texts by their keys.
    """

    graph: memoryview
    metadata: dict[str, str]


def told(content: bytes) -> Told:
    """Reads an ONNX file.

    Raises:
        ValueError: for what is none, or holds what it need not.
    """
    graphs, metadata = list[memoryview](), dict[str, str]()
    for number, value, _ in _fields(memoryview(content)):
        match number:
            case _ if number == MODEL_GRAPH:
                graphs.append(value)
            case _ if number == MODEL_OPSETS:
                _require_own(_texts(value, OPSET_DOMAIN))
            case _ if number == MODEL_METADATA:
                (key,), (text,) = _texts(value, KEY), _texts(value, VALUE)
                metadata[key.decode()] = text.decode()
            case _ if number in (MODEL_TRAINING, MODEL_FUNCTIONS):
                raise ValueError("it holds functions of its own, or training")
    if len(graphs) != 1:
        raise ValueError(f"it holds {len(graphs)} graphs and not one")
    _look_at_graph(graphs[0])
    return Told(graphs[0], metadata)


def _look_at_graph(graph: memoryview) -> None:
    for number, value, _ in _fields(graph):
        if number == GRAPH_NODES:
            _look_at_node(value)
        elif number == GRAPH_TENSORS:
            _look_at_tensor(value)
        elif number == GRAPH_SPARSE:
            raise ValueError("it holds sparse weights")


def _look_at_node(node: memoryview) -> None:
    _require_own(_texts(node, NODE_DOMAIN))
    for number, attribute, _ in _fields(node):
        if number != NODE_ATTRIBUTES:
            continue
        for held, value, _ in _fields(attribute):
            if held in ATTRIBUTE_GRAPHS_OR_SPARSE:
                raise ValueError("it holds graphs within its graph, or sparse weights")
            if held in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
                _look_at_tensor(value)


def _look_at_tensor(tensor: memoryview) -> None:
    fields = list(_fields(tensor))
    if any(one.number in TENSOR_ELSEWHERE for one in fields):
        raise ValueError("its weights lie in another file")
    kinds = [one.value for one in fields if one.number == TENSOR_KIND]
    if (
        len(kinds) != 1
        or kinds[0] not in (FLOAT32, INT64, FLOAT64)
        or any(one.number in TENSOR_WHOLE for one in fields)
    ):
        raise ValueError("its constants are of a kind, or written in a way, that emovae does not write")
    if kinds[0] == INT64:
        for one in fields:
            _require_small(one.content if one.number == TENSOR_RAW else memoryview(b""))


def _require_small(raw: memoryview) -> None:
    if len(raw) % 8:
        raise ValueError("its constants are cut")
    for (value,) in struct.iter_unpack("<q", raw):
        if abs(value) > LARGEST_NUMBER:
            raise ValueError(f"it holds the constant {value:,}, and {LARGEST_NUMBER:,} is the largest that it may need")


def _require_own(domains: list[bytes]) -> None:
    if foreign := [domain for domain in domains if domain not in OWN_DOMAINS]:
        raise ValueError(f"it needs operators of {foreign[0].decode(errors='backslashreplace')}")


def _texts(message: memoryview, wanted: int) -> list[bytes]:
    return [bytes(one.content) for one in _fields(message) if one.number == wanted]


def _fields(message: memoryview) -> Iterator[Field]:
    """Each field; the content of a number is empty."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        start, value = place, 0
        if kind == VARINT:
            value, place = _varint(message, place)
            start = place
        elif kind == HELD:
            size, start = _varint(message, place)
            place = start + size
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            place += 8 if kind == EIGHT_BYTES else 4
        else:
            raise ValueError("it is no ONNX file")
        if place > len(message) or number == 0:
            raise ValueError("it is no ONNX file, or cut")
        yield Field(number, message[start:place], value)


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where the next field begins."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        value, place = value | (byte & 0x7F) << shift, place + 1
        if byte < 0x80:
            return value, place
    raise ValueError("it is no ONNX file, or cut")
