"""What is fuzzed, how much of all inputs each target takes, and how an input is made: from target, seed and number."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import NamedTuple

Ask = Callable[[Random, Path], None]
"""Makes an input in an empty folder and gives it to emovae."""


class Target(NamedTuple):
    """Where a target is prepared, and its share of all inputs."""

    module: str
    function: str
    share: float


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "audio": Target("fuzz.audio", "prepared", 0.27),
        "models": Target("fuzz.models", "prepared", 0.08),
        "ensembles": Target("fuzz.models", "prepared_ensembles", 0.04),
        "onnx": Target("fuzz.graphs", "prepared", 0.06),
        "tables": Target("fuzz.tables", "prepared", 0.2),
        "settings": Target("fuzz.settings", "prepared", 0.14),
        "runs": Target("fuzz.runs", "prepared", 0.09),
        "report": Target("fuzz.runs", "prepared_report", 0.0005),
        "databases": Target("fuzz.databases", "prepared", 0.0495),
        "archives": Target("fuzz.databases", "prepared_archives", 0.05),
        "json": Target("fuzz.runs", "prepared_plain", 0.02),
    }
)


def prepared(name: str, seeds: Path, targets: Mapping[str, Target] = TARGETS) -> Ask:
    """What asks for inputs of a target; `seeds` is the folder that `seeds.make` filled."""
    target = targets[name]
    ask: Ask = getattr(import_module(target.module), target.function)(seeds)
    return ask


def chance_of(name: str, seed: int, number: int) -> Random:
    """The chance that makes an input, always the same."""
    return Random(f"{name} {seed} {number}")


def counts(names: list[str], inputs: int) -> dict[str, int]:
    """How many inputs each target takes, one at least, `inputs` together or a few more.

    >>> sum(counts(list(TARGETS), 100_000).values())
    100000
    """
    whole = sum(TARGETS[name].share for name in names)
    return {name: max(1, round(inputs * TARGETS[name].share / whole)) for name in names}
