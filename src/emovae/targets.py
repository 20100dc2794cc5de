"""The label of each utterance for a target, and what it counts among where speakers are divided.

Strata are a matter of the corpus, whatever else is in the grid: so a task has the same folds in every experiment, and
shares them with those that its autoencoders may serve.
"""

from collections.abc import Sequence

from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.errors import CorpusError
from emovae.kinds import Target
from emovae.labels import (
    DIMENSIONS,
    FOUR_CLASSES,
    HIGHEST_RATING,
    LOWEST_RATING,
    SLIP_IN_MEAN,
    LabelMapping,
    level,
    off_scale,
)
from emovae.utterance import Utterance

Labels = tuple[str | None, ...]
"""Of each utterance; None where it has none."""
Strata = list[list[str]]
"""Of each utterance, what it counts among."""


def mapping_of(experiment: Experiment, corpus: Corpus) -> LabelMapping:
    """The label mapping that applies: the experiment's, or the one that studies of the corpus usually take."""
    return corpus.mapping if experiment.mapping == "corpus" else experiment.mapping


def labels_of(
    experiment: Experiment, utterances: Sequence[Utterance], emotions: Sequence[str | None], target: Target
) -> Labels:
    """The label of each utterance for a target, whichever its subset.

    Args:
        experiment: binning, and whether the four classes alone are taken.
        utterances: of the corpus.
        emotions: of each, after the label mapping.
        target: `emotion`, or a dimension.

    Raises:
        CorpusError: where none has a label, or ratings are not on the scale from 1 to 5.
    """
    if target == "emotion":
        named = list(emotions)
    else:
        _require_scale(utterances, target)
        named = [_level(experiment, utterance, target) for utterance in utterances]
    known = tuple(
        None if experiment.utterances == "four-class" and emotion not in FOUR_CLASSES else name
        for name, emotion in zip(named, emotions, strict=True)
    )
    if not any(known):
        have = sorted({utterance.emotion for utterance in utterances if utterance.emotion is not None})
        if target == "emotion" and have:
            raise CorpusError(
                f"the label mapping leaves no utterance: the corpus has {', '.join(have)}; use --set mapping=raw"
            )
        raise CorpusError(f"no utterance has a label for {target}; choose another target, or another corpus")
    return known


def strata_by_emotion(
    experiment: Experiment, utterances: Sequence[Utterance], emotions: Sequence[str | None]
) -> Strata:
    """For the subsets of emotion: subset and emotion."""
    wanted: set[str | None] = set(experiment.classes) or set(emotions)
    return [
        [f"{utterance.subset or ''} {emotion}"] if emotion is not None and emotion in wanted else []
        for utterance, emotion in zip(utterances, emotions, strict=True)
    ]


def strata_by_levels(experiment: Experiment, utterances: Sequence[Utterance]) -> Strata:
    """For the dimensions: the level of each that is rated."""
    return [
        [f"{name} {found}" for name in DIMENSIONS if (found := _level(experiment, utterance, name)) is not None]
        for utterance in utterances
    ]


def _require_scale(utterances: Sequence[Utterance], target: Target) -> None:
    """Levels are of a scale from 1 to 5; a rater's slip just off it moves no level."""
    rated = [value for utterance in utterances if (value := getattr(utterance, DIMENSIONS[target])) is not None]
    outside = [value for value in rated if off_scale(value) > SLIP_IN_MEAN]
    if outside:
        raise CorpusError(
            f"{len(outside)} of {len(rated)} ratings of {target} lie outside {LOWEST_RATING:g} to {HIGHEST_RATING:g},"
            f" {outside[0]:g} first, and low, mid and high are levels of that scale; bring the ratings to it"
        )


def _level(experiment: Experiment, utterance: Utterance, dimension: str) -> str | None:
    value: float | None = getattr(utterance, DIMENSIONS[dimension])
    return None if value is None else level(value, experiment.binning)
