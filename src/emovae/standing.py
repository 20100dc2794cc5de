"""How far a result stands: intervals, spread over seeds and speakers, which lines can be told apart, whom it serves.

Another sample of people is what a result is generalised to, so speakers are what is drawn again, never utterances.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emovae.grid import Context
from emovae.judged import Judged
from emovae.metrics import confusion_matrix, scores
from emovae.paired import as_family, compare
from emovae.seeds import seed_for
from emovae.statistics import intervals, over_seeds, over_speakers, speaker_ua
from emovae.tasks import Task

Counts = NDArray[np.int64]
"""[seed, speaker, true class, predicted class], speakers by the alphabet."""

GROUPED_BY = ("gender", "language")


def by_speaker(context: Context, task: Task, judged: Sequence[Judged]) -> Counts:
    """The confusions of each speaker, all folds of a line together."""
    utterances, speakers = context.frames.utterances, _speakers(context, judged)
    seeds = sorted({one.cell.seed for one in judged})
    counts = np.zeros((len(seeds), len(speakers), len(task.classes), len(task.classes)), np.int64)
    for one in judged:
        who = np.searchsorted(speakers, [utterances[member].speaker for member in one.members])
        for speaker, true, said in zip(who.tolist(), one.true, one.predicted, strict=True):
            counts[seeds.index(one.cell.seed), speaker, task.classes.index(true), task.classes.index(said)] += 1
    return counts


def standing(context: Context, task: Task, judged: Sequence[Judged], counts: Counts) -> dict[str, Any]:
    """What a row says of its own certainty: `intervals` of 95 %, `over_seeds`, `over_speakers`, `groups`.

    Args:
        context: what the cells share.
        task: of the line.
        judged: all its cells.
        counts: see `by_speaker`.
    """
    found = intervals(counts, seed_for(0, "bootstrap"))
    speakers, each = _speakers(context, judged), speaker_ua(counts).tolist()
    return {
        "intervals": {name: None if one is None else [one.low, one.high] for name, one in found.items()},
        "over_seeds": {name: one._asdict() for name, one in over_seeds(counts).items()},
        "over_speakers": {**over_speakers(counts)._asdict(), "each": dict(zip(speakers, each, strict=True))},
        "groups": _groups(context, task, judged),
    }


def comparisons(tasks: Sequence[Task], lines: Mapping[int, Mapping[int, Counts]]) -> list[dict[str, Any]]:
    """Every pair of lines of a task, compared over speakers; those that are told the true label are none's equal.

    Args:
        tasks: all tasks.
        lines: place of a task -> place of a row in the results -> its counts; without those that are told.
    """
    told = []
    for place, counts in lines.items():
        pairs = list(combinations(counts, 2))
        if not pairs:
            continue
        found = [compare(counts[first], counts[second]) for first, second in pairs]
        told.append(
            {
                "target": tasks[place].target,
                "subset": tasks[place].subset,
                "speakers": found[0].speakers,
                "pairs": [
                    {
                        "first": first,
                        "second": second,
                        "difference": one.difference,
                        "p": one.p,
                        "smallest_p": one.smallest,
                        "corrected_p": corrected.p,
                        "smallest_corrected_p": corrected.smallest,
                    }
                    for (first, second), one, corrected in zip(pairs, found, as_family(found), strict=True)
                ],
            }
        )
    return told


def _speakers(context: Context, judged: Sequence[Judged]) -> list[str]:
    return sorted({context.frames.utterances[member].speaker for one in judged for member in one.members})


def _groups(context: Context, task: Task, judged: Sequence[Judged]) -> dict[str, Any]:
    """The figures of each gender and language apart, mean over seeds, where the corpus tells of two at least."""
    utterances = context.frames.utterances
    told: dict[str, Any] = {}
    for kind in GROUPED_BY:
        names = {getattr(utterances[member], kind) for one in judged for member in one.members} - {None}
        if len(names) > 1:
            told[kind] = {name: _of_group(context, task, judged, kind, name) for name in sorted(names)}
    return told


def _of_group(context: Context, task: Task, judged: Sequence[Judged], kind: str, name: str) -> dict[str, Any]:
    pooled: dict[int, NDArray[np.int64]] = {}  # [true class, predicted class]
    for one in judged:
        among = [getattr(context.frames.utterances[member], kind) == name for member in one.members]
        pairs = [pair for pair, inside in zip(zip(one.true, one.predicted, strict=True), among, strict=True) if inside]
        counts = confusion_matrix([true for true, _ in pairs], [said for _, said in pairs], task.classes)
        pooled[one.cell.seed] = pooled.get(one.cell.seed, 0) + counts
    each = [scores(counts) for counts in pooled.values()]
    return {
        "n": int(next(iter(pooled.values())).sum()),
        "classes": int((next(iter(pooled.values())).sum(axis=1) > 0).sum()),
        "wa": float(np.mean([one.wa for one in each])),
        "ua": float(np.mean([one.ua for one in each])),
    }
