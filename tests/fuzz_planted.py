"""A target that misbehaves at certain numbers, so that what watches over targets can be tested."""

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from emovae.errors import AudioError

KEPT: list[bytearray] = []


def prepared(seeds: Path) -> Callable[[Random, Path], None]:
    """What asks for one input; which one, its chance tells."""
    known = {Random(f"planted 0 {number}").random(): number for number in range(-1, 12)}

    def ask(chance: Random, place: Path) -> None:
        number = known[chance.random()]
        (place / "number").write_text(str(number), encoding="ascii")
        match number:
            case 1 | 2:
                raise AudioError("refused as it should be")
            case 3:
                raise ZeroDivisionError
            case 5:
                time.sleep(60)
            case 7:
                ctypes.string_at(0)
            case 9:
                KEPT.append(bytearray(b"x" * 2**27))

    return ask
