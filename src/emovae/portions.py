"""What an autoencoder learns from, in as many portions as there are processes: each takes whole utterances in a row.

A portion comes block by block, so that who holds it has it once, and who sends it never has much of it.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch

from emovae.config import CONDITIONED
from emovae.encoders import members_of
from emovae.examples import Examples
from emovae.grid import Cell, Context
from emovae.room import Room, let_go
from emovae.segments import frames_per_segment, segment_count

BLOCK_BYTES = 2**25
"""Of segments that travel at once, or a single utterance's."""

Block = tuple[int, ...]


class Side(NamedTuple):
    """What one process holds of those who are learned from, or of those who stop the learning.

    Attributes:
        rows: how many segments.
        values: how many a segment has.
        classes: how many a condition has; None where nobody is told any.
        kept: the type of the segments.
        blocks: utterances, in the order of their segments.
    """

    rows: int
    values: int
    classes: int | None
    kept: torch.dtype
    blocks: tuple[Block, ...]


class Portion(NamedTuple):
    """What one process holds."""

    train: Side
    validation: Side


def portions(context: Context, cell: Cell, processes: int, block_bytes: int = BLOCK_BYTES) -> list[Portion]:
    """What each of several processes holds of a cell's segments; nearly as many as every other.

    Raises:
        ProtocolError: see `encoders.members_of`.
    """
    train, validation = (_sides(context, cell, side, processes, block_bytes) for side in members_of(context, cell))
    return [Portion(*both) for both in zip(train, validation, strict=True)]


def _sides(context: Context, cell: Cell, members: Sequence[int], processes: int, block_bytes: int) -> list[Side]:
    settings, spans = context.experiment.segments, context.frames.spans
    values = frames_per_segment(settings) * context.experiment.front_end.columns
    classes = len(context.tasks[cell.task].condition_classes) if cell.model in CONDITIONED else None
    kept = context.machine.kept
    counts = np.array([segment_count(int(stop - start), settings) for start, stop in spans[list(members)].tolist()])
    ends = np.cumsum(counts)
    # An utterance belongs to the process in whose equal part of all segments its middle lies.
    owners = ((2 * ends - counts) * processes // (2 * ends[-1])).tolist()
    sides = []
    for process in range(processes):
        own = [place for place, owner in enumerate(owners) if owner == process]
        begun = (ends[own] - counts[own]) * values * kept.itemsize // block_bytes
        grouped = groupby(zip(begun.tolist(), own, strict=True), key=lambda pair: pair[0])
        blocks = tuple(tuple(members[place] for _, place in block) for _, block in grouped)
        sides.append(Side(int(counts[own].sum()), values, classes, kept, blocks))
    return sides


def gathered(side: Side, room: Room, fetch: Callable[[Block], Examples]) -> Examples:
    """A side, block by block.

    Args:
        side: what to gather.
        room: where the segments are to lie.
        fetch: the examples of utterances.

    Raises:
        OutputError: when there is no room for them.
    """
    segments = room.empty(side.rows, side.values, side.kept)
    told = None if side.classes is None else torch.empty(side.rows, side.classes)
    start = 0
    for block in side.blocks:
        some = fetch(block)
        stop = start + len(some.segments)
        segments[start:stop] = some.segments
        if told is not None and some.conditions is not None:
            told[start:stop] = some.conditions
        let_go(segments)
        start = stop
    return Examples(segments, told)
