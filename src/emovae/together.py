"""Before cells are computed on a GPU, their autoencoders learn in stacks; what a cell does later finds them finished.

A stack holds one model of one shape, of any folds and seeds. Its segments lie in the GPU's memory, once for each fold.
"""

from collections.abc import Iterator, Sequence
from typing import get_args

from emovae import normalise
from emovae.encoders import encoder_place, examples_of, fresh_network, keep_encoder
from emovae.examples import Examples
from emovae.grid import Cell, Context, autoencoder_members, encoder_model, is_learned, scale_members, seed_of
from emovae.keys import autoencoder_key
from emovae.material import autoencoder_listener
from emovae.segments import frames_per_segment, segment_count
from emovae.stacks import Member, Stackable, train_stacked
from emovae.stages import Listener

MEMBER_BYTES = 2**26
"""What a network of the paper's widths takes as it learns: weights, gradients, moments, the best so far, a batch."""


def stacks_of(context: Context, cells: Sequence[Cell], most_bytes: int) -> Iterator[list[Cell]]:
    """Cells whose autoencoders are still to be trained and can learn side by side, one for each autoencoder.

    Args:
        context: what all cells share.
        cells: any.
        most_bytes: of segments and networks in one stack; a single cell may have more.
    """
    shapes: dict[object, list[Cell]] = {}
    named = {autoencoder_key(context, cell): cell for cell in cells if is_learned(cell) and cell.model != "SSVAE-LSTM"}
    for cell in named.values():
        if all(autoencoder_members(context, cell)) and not encoder_place(context, cell).exists():
            conditioned = len(context.tasks[cell.task].condition_classes) if cell.model == "CVAE-LSTM" else 0
            shapes.setdefault((encoder_model(cell), cell.latent, conditioned), []).append(cell)
    for alike in shapes.values():
        yield from _divided(context, alike, most_bytes)


def _divided(context: Context, cells: Sequence[Cell], most_bytes: int) -> Iterator[list[Cell]]:
    stack, sides, taken = list[Cell](), set[tuple[int, int]](), 0
    for cell in sorted(cells, key=_side):
        size = MEMBER_BYTES + (0 if _side(cell) in sides else _bytes(context, cell))
        if stack and taken + size > most_bytes:
            yield stack
            stack, sides, taken = [], set(), 0
            size = MEMBER_BYTES + _bytes(context, cell)
        stack.append(cell)
        sides.add(_side(cell))
        taken += size
    yield stack


def _side(cell: Cell) -> tuple[int, int]:
    """What says which segments a model learns from."""
    return cell.task, cell.fold


def _bytes(context: Context, cell: Cell) -> int:
    settings, spans = context.experiment.segments, context.frames.spans
    members = [member for side in autoencoder_members(context, cell) for member in side]
    count = sum(segment_count(int(stop - start), settings) for start, stop in spans[members].tolist())
    width = frames_per_segment(settings) * context.experiment.front_end.columns
    return count * width * context.machine.kept.itemsize


def learn_together(context: Context, cells: Sequence[Cell], listen: Listener, most_bytes: int) -> None:
    """Trains the autoencoders of cells in stacks, and keeps them where each cell looks for its own.

    Args:
        context: what all cells share.
        cells: any; those whose autoencoders are finished, or cannot be stacked, are passed over.
        listen: is told every epoch.
        most_bytes: of segments in one stack.

    Raises:
        EmovaeError: when training diverges or the folder cannot be written.
    """
    for stack in stacks_of(context, cells, most_bytes):
        sides: dict[tuple[int, int], tuple[Examples, Examples]] = {}
        for cell in stack:
            if _side(cell) not in sides:
                how = normalise.fit(context.frames, scale_members(context, cell), context.experiment.normalise)
                train, validation = examples_of(context, cell, how)
                sides[_side(cell)] = train.on(context.machine.device), validation.on(context.machine.device)
        members = [_member(context, cell, sides[_side(cell)], listen) for cell in stack]
        curves = train_stacked(members, context.autoencoder(stack[0]), context.machine)
        for cell, member, curve in zip(stack, members, curves, strict=True):
            keep_encoder(context, cell, member.network, curve, member.validation)


def _member(context: Context, cell: Cell, sides: tuple[Examples, Examples], listen: Listener) -> Member:
    network = fresh_network(context, cell)
    assert isinstance(network, get_args(Stackable))
    seed = seed_of(context, cell, "autoencoder")
    return Member(network, *sides, seed, autoencoder_listener(context, cell, listen))
