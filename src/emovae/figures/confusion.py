"""Who is taken for whom."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from emovae.comparison import line_name
from emovae.figures.style import NOTE, new, readable

DARK = 0.55
"""Shares from here on are printed in white."""
MANY = 9
"""So many classes leave no room for two numbers in a cell."""


def confusion(row: dict[str, Any], results: dict[str, Any]) -> Figure:
    """The confusion matrix of a row of the results: shares of each true class, and counts over all seeds."""
    counts = np.array(row["confusion"])
    tested = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(tested, 1)
    names = [readable(name, 14) for name in row["classes"]]
    size = max(3.4, 1.2 + 0.5 * len(names))
    figure = new(size, size + 0.3)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (true, said), share in np.ndenumerate(shares):
        # A class that nobody who was tested shows has counts but no shares.
        per_cent = f"{100 * share:.0f} %" if tested[true, 0] else "–"
        text = per_cent if len(names) > MANY else f"{per_cent}\n{counts[true, said]}"
        colour = "white" if share > DARK else "black"
        axes.text(said, true, text, ha="center", va="center", color=colour, fontsize=8 if len(names) < MANY else 6)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="named", ylabel="true")
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    title = line_name(row, results)
    axes.set_title(f"{title}\n{NOTE}" if row["uses_true_label"] else title, fontsize=9)
    return figure
