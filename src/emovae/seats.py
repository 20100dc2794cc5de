"""Who sits in an ensemble: what each member reads, and how much its word counts."""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from emovae.config import Experiment
from emovae.kinds import ENSEMBLES, SHARED
from emovae.settings import Segments, Statistics

MOVEMENT_MS = 150
"""Between what is compared to see how latents move: longer than a phone, shorter than most words."""


class Seat(NamedTuple):
    """A member of an ensemble.

    Attributes:
        model: the machine and what it reads, such as `VAE-LDA` or `prosody-LDA`.
        share: of its posterior in the mean.
        segments: how its segments are cut; None for who reads none.
        statistics: what it has statistics of.
        place: which of the autoencoders over these segments it reads.
    """

    model: str
    share: float
    segments: Segments | None = None
    statistics: Statistics = "values"
    place: int = 0


def seats_of(experiment: Experiment, model: str) -> list[Seat]:
    """The members of an ensemble: those that read segments have half the say, those beside them the other half.

    Args:
        experiment: its settings.
        model: one of `kinds.ENSEMBLES`.
    """
    over, beside = list(_over_spans(experiment, ENSEMBLES[model])), experiment.ensemble.beside
    half = 0.5 if beside else 1.0
    return [
        *(seat._replace(share=half / len(over)) for seat in over),
        *(Seat(f"{read}-LDA", half / len(beside)) for read in beside),
    ]


def _over_spans(experiment: Experiment, model: str) -> Iterator[Seat]:
    """A machine for each span, statistics, and autoencoder where chance is in one."""
    asked = experiment.ensemble
    for span, statistics in product(asked.spans, asked.statistics):
        for place in range(asked.autoencoders if model in SHARED else 1):
            yield Seat(model, 1.0, span, statistics, place)


def chosen(experiment: Experiment) -> str:
    """The model of an experiment that has one, an ensemble among them."""
    return (*experiment.models, *(f"{read}-ensemble" for read in experiment.ensemble.of))[0]


def named(model: str) -> dict[str, Any]:
    """The settings of an experiment that has this model alone.

    >>> named("VAE-ensemble")
    {'models': [], 'ensemble': {'of': ['VAE']}}
    """
    if model in ENSEMBLES:
        return {"models": [], "ensemble": {"of": [model.removesuffix("-ensemble")]}}
    return {"models": [model], "ensemble": {"of": []}}


def lag_of(segments: Segments, statistics: Statistics) -> int:
    """How many segments apart is what statistics are of the difference of; 0 where they are of values.

    >>> lag_of(Segments(step_ms=50), "movement")
    3
    """
    return 0 if statistics == "values" else max(1, round(MOVEMENT_MS / segments.step_ms))
