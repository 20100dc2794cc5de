"""Where utterances lie in the latent space."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from emovae.figures.style import COLOURS, MARKERS, new, readable

FEW = 200
"""Fewer points have room to be larger."""
FEWEST = 5
"""Fewer points have no neighbourhoods to keep."""
MOST_NAMES = 16
SHORT_NAME = 9
"""Four such names stand beside one another in a legend, and two longer ones."""
PERPLEXITY = 30


def embedded(latents: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """A t-SNE of utterance latents [utterance, latent] -> [utterance, 2], the same each time; None for too few."""
    if len(latents) < FEWEST or not np.ptp(latents, axis=0).any():
        return None
    perplexity = min(PERPLEXITY, (len(latents) - 1) / 3)
    # One thread, since several would add in any order.
    with threadpool_limits(1):
        points: NDArray[np.float32] = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(
            np.asarray(latents, np.float64)
        )
    return points


def scattered(points: NDArray[np.float32], names: Sequence[str], title: str) -> Figure:
    """Points [utterance, 2], each name in its own colour and shape; the rarest of many names share a grey one."""
    figure = new(4.2)
    axes = figure.add_subplot()
    common = sorted(set(names), key=lambda name: (-names.count(name), name))[:MOST_NAMES]
    of_name = np.array(names, object)
    others = ~np.isin(of_name, np.array(common, object))
    if others.any():
        axes.scatter(points[others, 0], points[others, 1], s=10, c="#BBBBBB", marker=".", label="others")
    size = 32 if len(points) < FEW else 16
    for place, name in enumerate(sorted(common)):
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        among = points[of_name == name]
        label = readable(name, 14)
        axes.scatter(among[:, 0], among[:, 1], s=size, c=colour, marker=marker, lw=0.4, edgecolors="white", label=label)
    axes.set_title(title)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    columns = 4 if max(map(len, common)) <= SHORT_NAME else 2
    figure.legend(loc="outside lower center", ncols=columns, handletextpad=0.1, columnspacing=1, markerscale=1.3)
    return figure
