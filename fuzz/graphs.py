"""ONNX files, broken, or made by somebody who signs what is broken as emovae signs what is whole."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import onnx

from emovae import wire
from emovae.errors import EmovaeError
from emovae.portable import KEY, load_portable, signed
from fuzz.models import WIDTHS, require_answers
from fuzz.mutation import as_json, mutated, spoilt, value


def prepared(seeds: Path) -> Callable[[Random, Path], None]:
    """What asks for one ONNX file."""
    good = (seeds / "model.onnx").read_bytes()
    facts = json.loads(wire.told(good).metadata[KEY])
    bare = onnx.load_from_string(good)
    del bare.metadata_props[:]
    plain = bare.SerializeToString()

    def ask(chance: Random, place: Path) -> None:
        file = place / "model.onnx"
        match chance.randrange(4):
            case 0:
                content = mutated(chance, good, [plain])
            case 1:
                content = _sealed(chance, facts, mutated(chance, plain, [good]))
            case 2:
                content = _sealed(chance, facts, _regraphed(chance, plain))
            case _:
                content = _sealed(chance, spoilt(chance, facts), plain)
        file.write_bytes(content)
        require_answers(load_portable(file))

    return ask


def _sealed(chance: Random, facts: Any, graph: bytes) -> bytes:
    """A graph with facts beside it, signed as emovae signs; unsigned where it is no graph at all."""
    try:
        facts = {name: held for name, held in facts.items() if name not in ("signed", "graph", "format")}
        text = signed(facts, graph)
    except (EmovaeError, AttributeError, TypeError, ValueError, OverflowError):
        text = as_json(facts).decode()
    entry = _held(1, KEY.encode()) + _held(2, text.encode(errors="surrogatepass"))
    entry = mutated(chance, entry) if chance.random() < 0.05 else entry
    return graph + _held(wire.MODEL_METADATA, entry)


def _held(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | wire.HELD) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _regraphed(chance: Random, content: bytes) -> bytes:
    """A graph that still is one, with other numbers, shapes, operators or names in it."""
    model: Any = onnx.load_from_string(content)
    graph = model.graph
    match chance.randrange(6):
        case 0:
            tensor = chance.choice(graph.initializer)
            shape = [chance.choice(WIDTHS) for _ in range(chance.randrange(4))]
            del tensor.dims[:]
            tensor.dims.extend(shape)
        case 1:
            tensor = chance.choice(graph.initializer)
            tensor.data_type = chance.randrange(24)
            tensor.raw_data = mutated(chance, tensor.raw_data)
        case 2:
            node = chance.choice(graph.node)
            node.op_type = chance.choice([*{each.op_type for each in graph.node}, "ConstantOfShape", "Loop", "Expand"])
        case 3:
            attributes = [one for node in graph.node for one in node.attribute if one.HasField("i") or one.ints]
            if attributes:
                one = chance.choice(attributes)
                one.i = chance.choice((-1, 0, 2**31, 2**62, -(2**63)))
                one.ints[:] = [one.i] * len(one.ints)
        case 4:
            node = chance.choice(graph.node)
            names = node.input if chance.random() < 0.5 else node.output
            if names:
                names[chance.randrange(len(names))] = chance.choice(graph.node).output[0]
        case _:
            tensor = chance.choice([one for one in graph.initializer if one.data_type == onnx.TensorProto.INT64])
            width = len(tensor.raw_data) // 8
            tensor.raw_data = struct.pack(f"<{width}q", *(chance.choice(WIDTHS) for _ in range(width)))
    if chance.random() < 0.1:
        model.producer_name = str(value(chance))[:50].encode(errors="replace").decode()
    done: bytes = model.SerializeToString()
    return done
