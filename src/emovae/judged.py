"""Finished cells, read again: who was tested and what was said of them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from emovae.cells import finished
from emovae.grid import Cell, Context
from emovae.stages import CellResult


class Judged(NamedTuple):
    """One fold of one seed: who was tested and what was said of them.

    Attributes:
        cell: which cell.
        members: the tested utterances.
        true: the class of each.
        predicted: the class of highest probability.
        result: all that the cell left.
    """

    cell: Cell
    members: tuple[int, ...]
    true: list[str]
    predicted: list[str]
    result: CellResult


class Line(NamedTuple):
    """What a line of the table is about: fields as in `grid.Cell`."""

    model: str
    task: int
    test_condition: str | None
    latent: int | None


def lines_of(cells: Sequence[Cell]) -> dict[Line, list[Cell]]:
    """The lines of the table, in the order of the grid, each with its cells."""
    lines: dict[Line, list[Cell]] = {}
    for cell in cells:
        lines.setdefault(Line(cell.model, cell.task, cell.test_condition, cell.latent), []).append(cell)
    return lines


class _OfACell(Protocol):
    @property
    def cell(self) -> Cell: ...


T = TypeVar("T", bound=_OfACell)


def by_seed(among: Sequence[T]) -> dict[int, list[T]]:
    """What is told of some cells, seed by seed, in the order in which the seeds first come."""
    seeds: dict[int, list[T]] = {}
    for one in among:
        seeds.setdefault(one.cell.seed, []).append(one)
    return seeds


def judge(context: Context, cell: Cell) -> Judged:
    """Reads what a finished cell said.

    Raises:
        ValueError: when it is not finished.
    """
    task, members = context.tasks[cell.task], context.fold(cell).test
    result = finished(context, cell)
    predicted = [task.classes[place] for place in result.probabilities.argmax(axis=1)]
    true = [str(task.labels[member]) for member in members]
    return Judged(cell, members, true, predicted, result)
