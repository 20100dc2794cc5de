"""Good bytes, texts and values become broken ones, and the same chance makes the same ones again."""

import json
import re
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

NUMBERS = (
    *(0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF),
    *(2**63 - 1, 2**63, 2**64 - 1),
)
FLOATS = (float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-45)
HEADER_BYTES = 96
"""Most of what a decoder believes stands here, so half of all changes are made here."""
LONGEST_BYTES = 2**20
DEEP = "@deep:"
"""A text that becomes so many brackets within each other, which no encoder would write."""
DEPTHS = (50, 300, 900, 1100, 3000, 100_000)
TEXTS = (
    *("", " ", "x", "nan", "inf", "-1", "0", "1e999", "0x10", "007", "\0", "\ud800", "\u2028", "\ufeff", "e\u0301"),
    *("../../../etc/passwd", "/etc/passwd", "C:\\x", "~", "*", "a" * 300, "y" * 20_000, '"', "'", ",", ";", "\t"),
    *("a,b", 'a"b', "a\nb", "a\r\nb", "None", "true", "{{ 7 * 7 }}", "%s%n", "<script>", "😀", "٣", "1_0", "١٢"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 10**400),
    *(0.5, -0.0, 1e-320, 1e308, -1e308, *FLOATS[:3]),
    *([], {}, [[]], [None], {"": {}}, [0] * 1000, {"a": [{"b": None}]}),
)

Bytes = Sequence[bytes]


def mutated(chance: Random, content: bytes, others: Bytes = ()) -> bytes:
    """A few changes to some bytes; `others` may be spliced in."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        content = chance.choice(WAYS)(chance, content, others)[:LONGEST_BYTES]
    return content


def _place(chance: Random, content: bytes) -> int:
    size = len(content)
    return chance.randrange(min(size, HEADER_BYTES) if chance.random() < 0.5 else size) if size else 0


def _span(chance: Random, content: bytes) -> tuple[int, int]:
    first = _place(chance, content)
    return first, min(len(content), first + chance.choice((1, 2, 4, 8, 64, 1024, 65_536)))


def _written(content: bytes, place: int, new: bytes) -> bytes:
    return content[:place] + new + content[place + len(new) :]


def _flip(chance: Random, content: bytes, _: Bytes) -> bytes:
    place = _place(chance, content)
    return _written(content, place, bytes([content[place] ^ 1 << chance.randrange(8)])) if content else content


def _number(chance: Random, content: bytes, _: Bytes) -> bytes:
    width = chance.choice((1, 2, 4, 8))
    number = chance.choice(NUMBERS) % 2 ** (8 * width)
    return _written(content, _place(chance, content), number.to_bytes(width, chance.choice(("little", "big"))))


def _float(chance: Random, content: bytes, _: Bytes) -> bytes:
    return _written(content, _place(chance, content), struct.pack(chance.choice("fd"), chance.choice(FLOATS)))


def _cut(chance: Random, content: bytes, _: Bytes) -> bytes:
    return content[: _place(chance, content)]


def _without(chance: Random, content: bytes, _: Bytes) -> bytes:
    first, last = _span(chance, content)
    return content[:first] + content[last:]


def _again(chance: Random, content: bytes, _: Bytes) -> bytes:
    first, last = _span(chance, content)
    return content[:last] + content[first:last] * chance.choice((1, 2, 100)) + content[last:]


def _random(chance: Random, content: bytes, _: Bytes) -> bytes:
    place, new = _place(chance, content), chance.randbytes(chance.choice((1, 4, 32, 500)))
    return content[:place] + new + content[place:] if chance.random() < 0.5 else _written(content, place, new)


def _spliced(chance: Random, content: bytes, others: Bytes) -> bytes:
    other = chance.choice(others) if others else content
    return content[: _place(chance, content)] + other[_place(chance, other) :]


def _only_random(chance: Random, content: bytes, _: Bytes) -> bytes:
    return content[: chance.choice((0, 4, 12))] + chance.randbytes(chance.choice((0, 1, 16, 300)))


WAYS: tuple[Callable[[Random, bytes, Bytes], bytes], ...] = (
    *(_flip, _flip, _number, _number, _number, _number, _float),
    *(_cut, _without, _again, _random, _spliced, _only_random),
)


def value(chance: Random) -> Any:
    """Something that stands where nobody expects it."""
    kind = chance.random()
    if kind < 0.05:
        return f"{DEEP}{chance.choice(DEPTHS)}"
    return chance.choice(TEXTS) if kind < 0.45 else chance.choice(VALUES)


def spoilt(chance: Random, whole: Any) -> Any:
    """A JSON value with some of its places, at any depth, changed, missing or doubled."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        whole = _spoilt_once(chance, whole)
    return whole


def _spoilt_once(chance: Random, whole: Any) -> Any:
    if not isinstance(whole, dict | list) or not whole or chance.random() < 0.15:
        return value(chance)
    if isinstance(whole, dict):
        key = chance.choice(list(whole))
        match chance.randrange(8):
            case 0:
                return {name: held for name, held in whole.items() if name != key}
            case 1:
                return {**whole, chance.choice(TEXTS): value(chance)}
            case _:
                return {**whole, key: _spoilt_once(chance, whole[key])}
    place = chance.randrange(len(whole))
    match chance.randrange(6):
        case 0:
            return whole[:place] + whole[place + 1 :]
        case 1:
            return [*whole, *whole]
        case _:
            return [*whole[:place], _spoilt_once(chance, whole[place]), *whole[place + 1 :]]


def as_json(whole: Any) -> bytes:
    """The text of a value, deep ones and those that JSON does not know included."""
    return deepened(json.dumps(whole, ensure_ascii=True)).encode()


def deepened(text: str) -> str:
    """Brackets in place of the marks that stand for them."""
    return re.sub(rf'"{DEEP}(\d+)"', lambda found: "[" * int(found[1]) + "]" * int(found[1]), text)


def retold(chance: Random, text: str, words: Sequence[str]) -> str:
    """A text with some of its words, numbers and marks replaced, doubled or gone."""
    parts = re.findall(r"\w+|\s+|.", text)
    for _ in range(chance.choice((1, 1, 2, 5))):
        place = chance.randrange(len(parts)) if parts else 0
        new = chance.choice((chance.choice(words), chance.choice(TEXTS), "", "[" * chance.choice(DEPTHS)))
        parts[place : place + chance.choice((0, 1, 1, 3))] = [new] * chance.choice((1, 1, 1, 2))
    return "".join(parts)


def encoded(text: str) -> bytes:
    """UTF-8, half characters included."""
    return text.encode(errors="surrogatepass")
