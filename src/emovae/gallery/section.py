"""What a part of a report is, and how its figures are named."""

import re
from collections.abc import Callable
from typing import NamedTuple

from matplotlib.figure import Figure

from emovae.figures import Drawing
from emovae.files import fingerprint


class Group(NamedTuple):
    """Figures that belong together, under a heading of their own."""

    heading: str
    drawings: tuple[Drawing, ...]


class Section(NamedTuple):
    """A part of a report.

    Attributes:
        key: its anchor.
        title: its heading.
        texts: what one sees, in paragraphs.
        groups: the figures.
    """

    key: str
    title: str
    texts: tuple[str, ...]
    groups: tuple[Group, ...] = ()


def slug(*parts: object) -> str:
    """The name of a file for parts that may hold anything; a part that has to change keeps a digest of what it was.

    >>> slug("confusion", "emotion", None, "VAE-LSTM", 128), slug("reconstruction", 1, "../a b")
    ('confusion-emotion-VAE-LSTM-128', 'reconstruction-1-a-b-c14ab9')
    """
    return "-".join(_plain(str(part)) for part in parts if part is not None)


def _plain(part: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-")
    return part if plain == part else "-".join(filter(None, [plain[:40], fingerprint(part, 6)]))


def later(draw: Callable[..., Figure], *given: object, **named: object) -> Callable[[], Figure]:
    """A figure to be drawn when its turn comes."""
    return lambda: draw(*given, **named)
