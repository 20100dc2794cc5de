"""Values in place of levels: what a regression head says of arousal, power and valence, and how far people agree.

The figure is Lin's concordance correlation coefficient (CCC), the field's usual: pooled over folds, mean over seeds.
"""

import io
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from emovae.cells import finished
from emovae.concordance import concordance, concordance_interval
from emovae.grid import Cell, Context, is_told
from emovae.judged import Line, by_seed, lines_of
from emovae.labels import DIMENSIONS
from emovae.seeds import seed_for
from emovae.tasks import Task
from emovae.utterance import Utterance

FEWEST_SHARED = 30
"""Utterances that two raters have to have in common, for their agreement to be told."""

Array = NDArray[np.float64]


class Valued(NamedTuple):
    """What a fold of a seed said: the tested utterances, their values, and what was said of them."""

    cell: Cell
    members: tuple[int, ...]
    true: Array
    said: Array


def valued(context: Context, cells: Sequence[Cell]) -> dict[Line, list[Valued]]:
    """What every finished continuous cell said, line by line.

    Raises:
        ValueError: when one is not finished.
    """
    lines: dict[Line, list[Valued]] = {}
    for line, among in lines_of([cell for cell in cells if cell.continuous]).items():
        for cell in among:
            members = context.fold(cell).test
            true = context.tasks[cell.task].values_of(members).astype(np.float64)
            said = finished(context, cell).probabilities[:, 0].astype(np.float64)
            lines.setdefault(line, []).append(Valued(cell, members, true, said))
    return lines


def continuous(context: Context, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """A row for each line, and behind those of a task one for the people who rated it."""
    lines = valued(context, cells)
    rows = [_row(context, line, among) for line, among in lines.items()]
    places = dict.fromkeys(line.task for line in lines)
    people = [human_agreement(context.tasks[place], context.frames.utterances) for place in places]
    return [*rows, *(one for one in people if one is not None)]


def _row(context: Context, line: Line, among: Sequence[Valued]) -> dict[str, Any]:
    seeds = by_seed(among)
    first, *_ = seeds.values()  # the others are of the same utterances in the same order
    true = np.concatenate([one.true for one in first])
    said = np.stack([np.concatenate([one.said for one in folds]) for folds in seeds.values()])
    speakers = np.array([context.frames.utterances[member].speaker for one in first for member in one.members])
    ends = concordance_interval(true, said, speakers, seed_for(0, "bootstrap"))
    each = {seed: concordance(true, one) for seed, one in zip(seeds, said, strict=True)}
    task = context.tasks[line.task]
    return {
        "target": task.target,
        "subset": task.subset,
        "model": line.model,
        "test_condition": line.test_condition,
        "latent": line.latent,
        "uses_true_label": is_told(among[0].cell),
        "n": len(true),
        "seeds": len(seeds),
        "ccc": float(np.mean(list(each.values()))),
        "rmse": float(np.mean(np.sqrt(np.mean(np.square(said - true), axis=1)))),
        "interval": None if ends is None else list(ends),
        "per_seed": [{"seed": seed, "ccc": one} for seed, one in each.items()],
    }


def human_agreement(task: Task, utterances: Sequence[Utterance]) -> dict[str, Any] | None:
    """The CCC of two raters, the mean over all pairs with enough in common; None where the corpus tells of none.

    A single rater against another is the measure of one person's hearing, and lower than what a mean of several would
    reach; the speaker's own rating is left out.
    """
    field = DIMENSIONS[task.target]
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for label, utterance in zip(task.labels, utterances, strict=True):
        given = [(vote.rater, getattr(vote, field)) for vote in utterance.votes if not vote.self_report]
        heard = sorted((rater, value) for rater, value in given if value is not None)
        for (one, first), (other, second) in combinations(heard, 2) if label is not None else ():
            pairs[one, other].append((first, second))
    enough = {raters: np.array(both) for raters, both in pairs.items() if len(both) >= FEWEST_SHARED}
    each = {" and ".join(raters): concordance(both[:, 0], both[:, 1]) for raters, both in sorted(enough.items())}
    each = {raters: ccc for raters, ccc in each.items() if np.isfinite(ccc)}  # two who never differ have no CCC
    if not each:
        return None
    return {
        "target": task.target,
        "subset": task.subset,
        "model": "people",
        "test_condition": None,
        "latent": None,
        "uses_true_label": False,
        "n": max(map(len, enough.values())),
        "pairs": each,
        "ccc": float(np.mean(list(each.values()))),
    }


def values_parquet(context: Context, cells: Sequence[Cell]) -> bytes | None:
    """The content of `values.parquet`: every value that was said, one row each; None where there is none."""
    lines = [
        {
            "utterance": context.frames.utterances[member].id,
            "speaker": context.frames.utterances[member].speaker,
            "fold": context.tasks[one.cell.task].plan.folds[one.cell.fold].name,
            "seed": one.cell.seed,
            "model": one.cell.model,
            "test_condition": one.cell.test_condition,
            "latent": one.cell.latent,
            "uses_true_label": is_told(one.cell),
            "subset": context.tasks[one.cell.task].subset,
            "target": context.tasks[one.cell.task].target,
            "value": true,
            "predicted": said,
        }
        for among in valued(context, cells).values()
        for one in among
        for member, true, said in zip(one.members, one.true.tolist(), one.said.tolist(), strict=True)
    ]
    if not lines:
        return None
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(lines), sink, compression="zstd")
    return sink.getvalue()
