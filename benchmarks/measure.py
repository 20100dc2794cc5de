"""Two ways to the same result take turns, and the ratio of their times is told with its spread."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch

from emovae.machine import resolve_precision

Work = Callable[[], object]

PEERS = ("torch", "numpy", "librosa", "kaldi-native-fbank", "pythae", "opensmile")


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        what: what emovae does.
        against: the peer, or what else it is held against.
        ours: what was measured of emovae, in words with its unit.
        theirs: the same of the peer.
        figure: the ratio, or another figure; the median of the rounds; None where nothing could be measured.
        lowest: the least of the rounds.
        highest: the greatest of the rounds.
        bound: what is asked for.
        within: whether that was reached; None where nothing is asked for.
        check: how it was seen that both did the same.
    """

    what: str
    against: str
    ours: str
    theirs: str
    figure: float | None
    lowest: float | None
    highest: float | None
    bound: str = ""
    within: bool | None = None
    check: str = ""


class Paired(NamedTuple):
    """Seconds of both ways, one pair a round."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours is, round by round."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]


def timed(work: Work) -> float:
    """Seconds that a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(ours: Work, theirs: Work, rounds: int) -> Paired:
    """Each once unmeasured, then in turn."""
    ours(), theirs()
    return Paired(*map(list, zip(*((timed(ours), timed(theirs)) for _ in range(rounds)), strict=True)))


def faster(
    what: str, against: str, pairs: Paired, amount: float, unit: str, at_least: float | None = None, check: str = ""
) -> Row:
    """The row of a comparison: `amount` of work in `unit` was done in each round, by both."""
    ratios = pairs.ratios
    figure = median(ratios)
    return Row(
        what,
        against,
        f"{spelt(amount / median(pairs.ours))} {unit}/s",
        f"{spelt(amount / median(pairs.theirs))} {unit}/s",
        figure,
        min(ratios),
        max(ratios),
        "" if at_least is None else f"at least {at_least:g}",
        None if at_least is None else figure >= at_least,
        check,
    )


def spelt(figure: float | None) -> str:
    """Three figures, without an exponent; nothing of what was not measured.

    >>> spelt(1234.5), spelt(0.01234), spelt(None)
    ('1,230', '0.0123', '')
    """
    if figure is None:
        return ""
    rounded = float(f"{figure:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:g}"


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    known: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "bfloat16": [name for name in ("avx512_bf16", "amx_bf16") if known.get(name)],
        "precision": resolve_precision("auto", "cpu"),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: number for name in PEERS if (number := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """Maker, family and model where the system tells them: a virtual machine's name for its processor says little."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    number = ", ".join(f"{part} {told[part]}" for part in ("cpu family", "model", "stepping") if part in told)
    return f"{told.get('model name', platform.machine())} ({number})"


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, least and greatest."""
    return median(values), min(values), max(values)
