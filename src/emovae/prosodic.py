"""Statistics of an utterance's melody, loudness and rhythm, in the units in which they were measured."""

import numpy as np
from numpy.typing import NDArray

from emovae.prosody import COLUMNS, is_voiced

MELODY_QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
LOUDNESS_QUANTILES = (0.1, 0.5, 0.9)
LEAP = 0.2
"""From one frame to the next a voice does not change by more than this, in natural logarithms of F0: 3.5 semitones."""
SUNG_RANGE = 4.0
"""Nats of energy below the loudest frame; the pitch of what is softer, voiced though it is, is less sure."""
SPOKEN_RANGE = 5.0
"""Nats of energy below the loudest frame; what is softer is a pause."""
STATISTICS = (
    *("melody mean", "melody deviation", *(f"melody quantile {share:g}" for share in MELODY_QUANTILES)),
    *("melody step mean", "melody step deviation"),
    *("loudness mean", "loudness deviation", *(f"loudness quantile {share:g}" for share in LOUDNESS_QUANTILES)),
    *("loudness step mean", "voiced share", "voiced run mean", "voiced run deviation", "log frames"),
    *("voicing mean", "voiced runs per frame"),
)


def prosodic(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """What `STATISTICS` names, in that order.

    Voiced is here what `prosody` says is and what is loud besides. Melody is ln F0 over voiced frames (over all, where
    none is), its steps those between voiced neighbours that are no leap; loudness is the energy in nats over frames
    that are spoken; a voiced run is as many frames as follow each other. What has nothing to be figured of is 0.

    Args:
        rows: [frame, 3 x N], as `front_end.prosody` has them: N times ln F0, N times the strength of voicing, N times
            the energy in nats. One frame at least.

    Returns:
        [23].

    >>> tone = np.tile(np.array([[5.0, 0.9, -3.0]], np.float32), (10, 1))
    >>> found = dict(zip(STATISTICS, prosodic(tone).tolist(), strict=True))
    >>> found["melody mean"], found["voiced share"], found["voiced run mean"]
    (5.0, 1.0, 10.0)
    """
    melody, strength, energy = (rows[:, place].astype(np.float64) for place in _columns(rows.shape[1]))
    voiced = is_voiced(strength, energy) & (energy > energy.max() - SUNG_RANGE)
    steps = np.abs(np.diff(melody))[voiced[1:] & voiced[:-1]]
    steps = steps[steps < LEAP]
    sung, loud = (melody[voiced] if voiced.any() else melody), energy[energy > energy.max() - SPOKEN_RANGE]
    ends = np.flatnonzero(np.diff(np.concatenate([[0], voiced.astype(np.int8), [0]])))
    runs = ends[1::2] - ends[::2]
    told = [
        *(sung.mean(), sung.std(), *np.quantile(sung, MELODY_QUANTILES)),
        *_mean_and_deviation(steps),
        *(loud.mean(), loud.std(), *np.quantile(loud, LOUDNESS_QUANTILES)),
        *(_mean_and_deviation(np.abs(np.diff(energy)))[0], voiced.mean(), *_mean_and_deviation(runs)),
        *(np.log(len(rows)), _mean_and_deviation(strength[voiced])[0], len(runs) / len(rows)),
    ]
    return np.array(told, np.float32)


def _columns(width: int) -> range:
    return range(0, width, width // COLUMNS)


def _mean_and_deviation(values: NDArray[np.floating] | NDArray[np.integer]) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if len(values) else (0.0, 0.0)
