"""Who learns a network: one process that holds all rows, or several that hold a part each and add up what they find.

Several draw the very batches that one would: each computes the loss of those rows of a batch that it holds, under the
noise that one process would draw for them, divided by the rows of the whole batch. The gradients of all add up to that
of the batch before each step, so that all have the same weights after it. How the rows are shared out, evenly or not,
changes only the order in which numbers are added.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed, nn

from emovae.autoencoders import Noise, Share
from emovae.examples import Examples
from emovae.room import let_go


class Batch(NamedTuple):
    """What is learned from at once: the rows of it that lie here, and how many it has everywhere.

    Attributes:
        rows: segments [row, value] and conditions [row, class] or None.
        noise: what draws for these rows.
        whole: rows of the whole batch.
    """

    rows: tuple[Tensor, Tensor | None]
    noise: Noise
    whole: int


class Alone:
    """One process. Everything is here, and nobody is asked."""

    def count(self, examples: Examples) -> int:
        """How many examples there are."""
        return len(examples.segments)

    def batches(self, examples: Examples, order: Tensor, size: int, noise: torch.Generator) -> Iterator[Batch]:
        """Those of an order, so many at once."""
        for rows in examples.batches(torch.split(order, size), size):
            yield Batch(rows, noise, len(rows[0]))

    def blocks(self, examples: Examples, size: int, noise: torch.Generator) -> Iterator[Batch]:
        """All in their order, so many at once."""
        for rows in examples.blocks(size):
            yield Batch(rows, noise, len(rows[0]))

    def share(self, values: Tensor, _whole: int) -> Tensor:
        """What values [row] here add to the mean over the whole batch."""
        return values.mean()

    def mean(self, values: Tensor, _whole: int) -> Tensor:
        """The mean of values [row, feature] over the whole batch, [feature]."""
        return values.mean(0)

    def add_gradients(self, network: nn.Module) -> None:
        """Makes each gradient that of the whole batch."""

    def total(self, values: Tensor) -> Tensor:
        """The sum over processes."""
        return values


class Several:
    """The processes of torch's default group, of which this is one: each holds the rows after those of the one before.

    All must call the same methods in the same order. A process may hold no row of a batch, or none at all.
    """

    def __init__(self) -> None:
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()

    def count(self, examples: Examples) -> int:
        """How many examples all processes hold."""
        return self._span(examples)[1]

    def batches(self, examples: Examples, order: Tensor, size: int, noise: torch.Generator) -> Iterator[Batch]:
        """As `Alone.batches` of all examples, the rows here of each."""
        first, _ = self._span(examples)
        parts = torch.split(order, size)
        here = [((part >= first) & (part < first + len(examples.segments))).nonzero().squeeze(1) for part in parts]
        held = (part[places] - first for part, places in zip(parts, here, strict=True))
        for part, places, rows in zip(parts, here, examples.batches(held, size), strict=True):
            yield Batch(rows, Share(noise, len(part), places), len(part))

    def blocks(self, examples: Examples, size: int, noise: torch.Generator) -> Iterator[Batch]:
        """As `Alone.blocks` of all examples, the rows here of each."""
        first, whole = self._span(examples)
        for start in range(0, whole, size):
            stop, last = min(start + size, whole), first + len(examples.segments)
            low, high = (min(max(place, first), last) for place in (start, stop))
            some = slice(low - first, high - first)
            told = None if examples.conditions is None else examples.conditions[some]
            share = Share(noise, stop - start, torch.arange(low - start, high - start, device=noise.device))
            yield Batch((examples.segments[some], told), share, stop - start)
            let_go(examples.segments)

    def share(self, values: Tensor, whole: int) -> Tensor:
        """As `Alone.share`."""
        return values.sum() / whole

    def mean(self, values: Tensor, whole: int) -> Tensor:
        """As `Alone.mean`; its gradient is that of the rows here."""
        summed: Tensor = _SummedUp.apply(values.sum(0))  # type: ignore[no-untyped-call]
        return summed / whole

    def add_gradients(self, network: nn.Module) -> None:
        """As `Alone.add_gradients`: in one message, and in float32 whatever the gradients are."""
        gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
        together = self.total(torch.cat([gradient.float().flatten() for gradient in gradients]))
        parts = torch.split(together, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def total(self, values: Tensor) -> Tensor:
        """As `Alone.total`, the same to the bit in each process."""
        summed = values.detach().clone()
        distributed.all_reduce(summed)
        return summed

    def _span(self, examples: Examples) -> tuple[int, int]:
        """How many rows those before this process hold, and how many there are."""
        held = torch.zeros(self.size, dtype=torch.int64, device=examples.segments.device)
        held[self.rank] = len(examples.segments)
        counts = self.total(held).tolist()
        return sum(counts[: self.rank]), sum(counts)


class _SummedUp(torch.autograd.Function):
    """A sum over processes. Each adds the gradient of its own part, and these are added up with all others."""

    @staticmethod
    def forward(_ctx: Any, values: Tensor) -> Tensor:
        summed = values.clone()
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


Company = Alone | Several
ALONE = Alone()
