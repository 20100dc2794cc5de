"""How far a line's probabilities can be believed, and whether its doubt falls on what is wrong.

Ways to a probability: `prediction`, what the model says once; `posterior` and `dropout`, averaged over draws (`doubt`);
`ensemble`, averaged over the seeds, where these differ at all. Each is judged as it is, and with a temperature that the
fold's own validation speakers set. Scores of doubt: the `entropy` of a way's probabilities; the `mutual information` of
class and draw (or seed), what its draws disagree in; and the `reconstruction` error of the autoencoder.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae import calibration
from emovae.grid import Context
from emovae.judged import Judged, by_seed
from emovae.labels import LabelMapping
from emovae.selective import accuracy_at, aurc, risk_coverage
from emovae.tasks import Task
from emovae.votes import Votes, doubt_correlation, jensen_shannon, votes_of

CURVE_POINTS = 50

Array = NDArray[np.float64]


class Said(NamedTuple):
    """What one way says of one fold of one seed; see `stages.Averaged`. No validation where nothing was stopped."""

    members: tuple[int, ...]
    labels: NDArray[np.int64]
    test: Array
    expected_entropy: Array | None
    validation: Array | None
    validation_labels: NDArray[np.int64]


def trust(context: Context, task: Task, judged: Sequence[Judged], mapping: LabelMapping) -> dict[str, Any]:
    """The figures of each way, and of each score of doubt; means over seeds of what is pooled over folds.

    Args:
        context: what the cells share.
        task: of the line.
        judged: all its cells.
        mapping: of labels, which the raters' votes go through, too.
    """
    folds_of = by_seed(judged)
    seeds = [_ways(context, task, folds) for folds in folds_of.values()]
    heard = context.frames.utterances if task.target == "emotion" else ()
    tested = {member for one in folds_of[next(iter(folds_of))] for member in one.members} if heard else ()
    found = {member: votes_of(heard[member], tuple(task.classes), mapping) for member in tested}
    votes = {member: one for member, one in found.items() if one is not None}
    told = {way: _mean([_figures(ways[way], votes) for ways in seeds]) for way in seeds[0]}
    alone = [ways["prediction"] for ways in seeds]
    if _differ(alone):
        told["ensemble"] = _figures(_ensemble(alone), votes)
    if all(one.result.reconstruction is not None for one in judged):
        told["reconstruction"] = _mean([_by_reconstruction(folds) for folds in folds_of.values()])
    return told


def _ways(context: Context, task: Task, folds: Sequence[Judged]) -> dict[str, list[Said]]:
    ways: dict[str, list[Said]] = {}
    for one in folds:
        stopped = task.numbers(context.fold(one.cell).validation)
        labels = task.numbers(one.members)
        result = one.result
        validation = None if result.validation is None else result.validation.astype(np.float64)
        said = Said(one.members, labels, result.probabilities.astype(np.float64), None, validation, stopped)
        ways.setdefault("prediction", []).append(said)
        for way, averaged in result.averaged.items():
            test, expected, held_out = (np.asarray(values, np.float64) for values in averaged)
            ways.setdefault(way, []).append(Said(one.members, labels, test, expected, held_out, stopped))
    return ways


def _differ(seeds: Sequence[Sequence[Said]]) -> bool:
    pairs = (zip(folds, seeds[0], strict=True) for folds in seeds[1:])
    return any(not np.array_equal(one.test, first.test) for folds in pairs for one, first in folds)


def _ensemble(seeds: Sequence[Sequence[Said]]) -> list[Said]:
    """The seeds' probabilities averaged, fold by fold; their disagreement is the ensemble's."""
    out = []
    for folds in zip(*seeds, strict=True):
        expected = np.mean([calibration.entropy(one.test) for one in folds], axis=0)
        held_out = [one.validation for one in folds if one.validation is not None]
        validation = np.mean(held_out, axis=0) if len(held_out) == len(folds) else None
        test = np.mean([one.test for one in folds], axis=0)
        out.append(folds[0]._replace(test=test, expected_entropy=expected, validation=validation))
    return out


def _figures(folds: Sequence[Said], votes: Mapping[int, Votes]) -> dict[str, Any]:
    labels = np.concatenate([one.labels for one in folds])
    said = np.concatenate([one.test for one in folds])
    figures: dict[str, Any] = {**_calibration(said, labels), "reliability": _bins(said, labels)}
    temperatures = [
        calibration.fit_temperature(one.validation, one.validation_labels)
        for one in folds
        if one.validation is not None
    ]
    if len(temperatures) == len(folds):
        # Tempered doubts: those of several folds can be ranked together only where they mean the same. Mutual
        # information is that of the draws as they are.
        said = np.concatenate([calibration.tempered(one.test, t) for one, t in zip(folds, temperatures, strict=True)])
        figures["temperature"] = float(np.exp(np.mean(np.log(temperatures))))
        figures |= {f"tempered_{name}": value for name, value in _calibration(said, labels).items()}
    right = said.argmax(axis=1) == labels
    figures["entropy"] = _doubt(calibration.entropy(said), right)
    apart = [calibration.entropy(one.test) - one.expected_entropy for one in folds if one.expected_entropy is not None]
    if len(apart) == len(folds):
        figures["mutual_information"] = _doubt(np.maximum(np.concatenate(apart), 0), right)
    figures["votes"] = _beside_votes(folds, said, votes)
    return figures


def _calibration(said: Array, labels: NDArray[np.int64]) -> dict[str, float]:
    return {
        "nll": calibration.nll(said, labels),
        "brier": calibration.brier(said, labels),
        "ece": calibration.ece(said, labels),
        "adaptive_ece": calibration.adaptive_ece(said, labels),
    }


def _bins(said: Array, labels: NDArray[np.int64]) -> list[dict[str, Any]]:
    return [one._asdict() for one in calibration.reliability(said, labels)]


def _doubt(doubt: Array, right: NDArray[np.bool_]) -> dict[str, Any]:
    curve = risk_coverage(doubt, right)
    places = np.unique(np.linspace(0, len(curve.risk) - 1, CURVE_POINTS).round().astype(int))
    return {
        "aurc": aurc(doubt, right),
        "accuracy_at_80": accuracy_at(doubt, right),
        "curve": {"coverage": curve.coverage[places].tolist(), "risk": curve.risk[places].tolist()},
    }


def _by_reconstruction(folds: Sequence[Judged]) -> dict[str, Any]:
    errors = np.concatenate([np.asarray(one.result.reconstruction, np.float64) for one in folds])
    right = np.array([true == said for one in folds for true, said in zip(one.true, one.predicted, strict=True)])
    return {"reconstruction": _doubt(errors, right)}


def _beside_votes(folds: Sequence[Said], said: Array, votes: Mapping[int, Votes]) -> dict[str, Any] | None:
    """How far what is said lies from what raters said; None where the corpus tells of no raters."""
    members = [member for one in folds for member in one.members]
    rated = [place for place, member in enumerate(members) if member in votes]
    if not rated:
        return None
    theirs = [votes[members[place]] for place in rated]
    return {
        "n": len(rated),
        "jensen_shannon": float(jensen_shannon(said[rated], np.stack([one.shares for one in theirs])).mean()),
        "entropy_correlation": doubt_correlation(
            calibration.entropy(said[rated]), np.array([one.doubt for one in theirs])
        ),
    }


def _mean(seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Figures averaged over seeds; curves and bins are those of the first."""
    return dict(_averaged(seeds))


def _averaged(seeds: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    for name, first in seeds[0].items():
        each = [one[name] for one in seeds]
        if isinstance(first, float):
            yield name, None if None in each else float(np.mean(each))
        elif isinstance(first, dict) and name != "curve":
            yield name, _mean(each)
        else:
            yield name, first
