"""Figures of a report, one function each; each gives a matplotlib `Figure` and needs no window and no global state.

They are to be read on paper without colour too: every line has its own marker and dashes, every cell its number.
"""

from emovae.figures.confusion import confusion
from emovae.figures.latents import embedded, scattered
from emovae.figures.learning import learning
from emovae.figures.sizes import over_sizes
from emovae.figures.spectra import drawn_segments, reconstructions
from emovae.figures.style import Drawing, Look, drawing, looks_of, styled
from emovae.figures.trust import reliability, risk_coverage

__all__ = [
    "Drawing",
    "Look",
    "confusion",
    "drawing",
    "drawn_segments",
    "embedded",
    "learning",
    "looks_of",
    "over_sizes",
    "reconstructions",
    "reliability",
    "risk_coverage",
    "scattered",
    "styled",
]
