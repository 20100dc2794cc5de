"""How all figures look, and how one becomes files: the same bytes for the same content."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from PIL import Image

from emovae.comparison import MARK

WIDTH_IN = 4.0
"""Of a panel: what a telephone shows at full size."""
LEGEND_LINE_IN = 0.18
DPI = 160
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
"""Okabe and Ito's, which colour-blind people can tell apart; grey stands for yellow, which white paper swallows."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "p")
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 1)))
NOTE = f"{MARK} is told the true label: an upper bound"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "legend.fontsize": 8,
    "legend.frameon": False,
    "svg.hashsalt": "emovae",
    "text.parse_math": False,
}


class Look(NamedTuple):
    """How a line is told from the others, with colour and without."""

    colour: str
    marker: str
    dashes: Any


class Drawing(NamedTuple):
    """A finished figure.

    Attributes:
        name: of its files, without ending.
        alt: says what is to be seen, for those who do not see it.
        svg: the content of NAME.svg.
        png: the content of NAME.png.
        dense: it holds pictures or a thousand points, so that a page is smaller with the PNG.
    """

    name: str
    alt: str
    svg: bytes
    png: bytes
    dense: bool


def look(place: int) -> Look:
    """The look of the line at this place."""
    return Look(COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)], DASHES[place % len(DASHES)])


def looks_of(results: dict[str, Any]) -> dict[tuple[str, str | None], Look]:
    """Model and test condition -> a look that is the same in all figures of a run; the paper's models come first."""
    names = dict.fromkeys((row["model"], row["test_condition"]) for row in results["rows"])
    learned = {(row["model"], row["test_condition"]) for row in results["rows"] if row["latent"]}
    return {name: look(place) for place, name in enumerate(sorted(names, key=lambda name: name not in learned))}


@contextmanager
def styled() -> Iterator[None]:
    """Inside, figures are drawn in this house's style, whatever a person's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def new(height_in: float = 3.0, width_in: float = WIDTH_IN) -> Figure:
    """An empty figure."""
    return Figure(figsize=(width_in, height_in), layout="constrained")


def drawing(name: str, alt: str, draw: Callable[[], Figure], *, dense: bool = False) -> Drawing:
    """Draws a figure, and makes its files; they hold no date and no version."""
    with styled():
        figure = draw()
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
        figure.set_layout_engine("none")  # it has been laid out, and to do so takes longest
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return Drawing(name, alt, svg.getvalue(), _small(png.getvalue()), dense)


def _small(png: bytes) -> bytes:
    """The same picture with at most 256 colours, which takes a third of the place."""
    sink = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            sink, "png", dpi=(DPI, DPI)
        )
    return sink.getvalue()


@cache
def _known_characters() -> frozenset[int]:
    """What the font that comes with matplotlib can draw."""
    font = FT2Font(str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")))
    return frozenset(font.get_charmap())


def readable(text: str, most: int = 24) -> str:
    """A name from a person's own files as a figure can show it: in one line, not too long.

    >>> readable("  very    angry "), readable("喜")
    ('very angry', 'U+559C')
    """
    known = "".join(
        character if ord(character) in _known_characters() and character.isprintable() else f"U+{ord(character):04X}"
        for character in " ".join(text.split())
    )
    return known if len(known) <= most else f"{known[: most - 1]}…"


def legend(figure: Figure, names: Iterable[str], columns: int = 2) -> None:
    """A legend under the figure, which grows by it, with the note where a line is told the true label."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    lines = -(-len(labels) // columns)
    figure.set_figheight(figure.get_figheight() + LEGEND_LINE_IN * lines)
    title = NOTE if any(MARK in name for name in names) else None
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, title=title, title_fontsize=8)
