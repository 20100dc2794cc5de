"""How far two raters, or a model and its raters, agree on values: Lin's concordance, with an interval over speakers."""

import numpy as np
from numpy.typing import NDArray

from emovae.statistics import RESAMPLES, Interval, drawn_speakers, half_width, require_interval


def concordance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Lin's concordance correlation coefficient (1989), with the moments of the population (divided by n).

    2 cov / (var + var + (difference of means)²): 1 for equal values, lower for another scale or place. It is 0 where
    one of the two never changes, and not a number where both are one and the same constant: nothing is there to agree.

    Args:
        first: [item].
        second: [item].

    Raises:
        ValueError: for vectors of different lengths, empty, or with values that are not finite.

    >>> round(concordance(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0])), 6)
    0.571429
    """
    if first.ndim != 1 or first.shape != second.shape or not first.size:
        raise ValueError(f"shapes {first.shape} and {second.shape}; concordance is of two vectors of one length")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a value is not finite; leave out what nobody rated")
    x, y = first.astype(np.float64), second.astype(np.float64)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan") if np.ptp(np.concatenate([x, y])) == 0 else 0.0
    apart = x.mean() - y.mean()
    return float(2 * np.mean((x - x.mean()) * (y - y.mean())) / (x.var() + y.var() + apart**2))


def concordance_interval(
    true: NDArray[np.float64],
    said: NDArray[np.float64],
    speakers: NDArray[np.str_],
    seed: int,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval | None:
    """A bootstrap interval over speakers of the CCC, mean over seeds, as `statistics.intervals` has them.

    The scale without ends is Fisher's, artanh CCC. A resample draws the same speakers for all seeds.

    Args:
        true: [item].
        said: [seed, item].
        speakers: who said each, [item].
        seed: of the draws.
        level: between 0 and 1.
        resamples: how many, `statistics.FEWEST` at least.

    Returns:
        None for a single speaker, and where the CCC is not between -1 and 1.

    Raises:
        ValueError: as `concordance`, and for a level or a number of resamples that gives no interval.
    """
    require_interval(level, resamples)
    names, who = np.unique(speakers, return_inverse=True)
    figure = float(np.mean([concordance(true, one) for one in said]))
    if len(names) == 1 or not abs(figure) < 1:
        return None
    times = drawn_speakers(len(names), seed, resamples)
    drawn = np.mean([_resampled(true, one, who, times) for one in said], axis=0)
    step = half_width(float(np.nanstd(drawn)), len(names), level) / (1 - figure**2)
    return Interval(float(np.tanh(np.arctanh(figure) - step)), float(np.tanh(np.arctanh(figure) + step)))


def _resampled(
    true: NDArray[np.float64], said: NDArray[np.float64], who: NDArray[np.int64], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The CCC of each resample; sums are all that it needs, so a resample adds those of the speakers that it draws."""
    parts = np.stack([np.ones_like(true), true, said, true**2, said**2, true * said])
    sums = np.stack([np.bincount(who, part, times.shape[1]) for part in parts], axis=1)
    n, x, y, xx, yy, xy = (times @ sums).T
    apart = 2 * (xy / n - x * y / n**2)
    with np.errstate(invalid="ignore"):  # one in which nothing differs has no CCC, and does not count
        drawn: NDArray[np.float64] = apart / (xx / n - (x / n) ** 2 + yy / n - (y / n) ** 2 + ((x - y) / n) ** 2)
    return drawn
