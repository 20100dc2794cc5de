"""What is learned from, and how it comes batch by batch: segments by an autoencoder, sequences by a classifier."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emovae.latents import Sequences, padded
from emovae.room import AT_ONCE_BYTES, let_go


class Examples(NamedTuple):
    """Segments to learn from.

    Attributes:
        segments: [segment, value], float32, or bfloat16 where products are.
        conditions: float32 [segment, class], rows summing to 1, for a model that is told the class; None otherwise.
    """

    segments: Tensor
    conditions: Tensor | None

    def on(self, device: str) -> "Examples":
        """The same on a device."""
        segments = self.segments.to(device)
        if segments is not self.segments:
            let_go(self.segments)
        return Examples(segments, None if self.conditions is None else self.conditions.to(device))

    def batch(self, members: Tensor) -> tuple[Tensor, Tensor | None]:
        """Some of them, by their places."""
        some = None if self.conditions is None else self.conditions.index_select(0, members)
        return self.segments.index_select(0, members), some

    def blocks(self, size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """All of them in their order, so many at once."""
        for start in range(0, len(self.segments), size):
            some = slice(start, start + size)
            yield self.segments[some], None if self.conditions is None else self.conditions[some]
            let_go(self.segments)

    def batches(self, parts: Iterable[Tensor], size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Batches of these places, each of so many or fewer."""
        # Of a file the system maps some 64 KiB about each row that is read from it.
        row_bytes = self.segments.shape[1] * self.segments.itemsize
        many = max(1, AT_ONCE_BYTES // (size * max(row_bytes, 2**16)))
        for number, members in enumerate(parts, 1):
            yield self.batch(members)
            if number % many == 0:
                let_go(self.segments)


class Labelled(NamedTuple):
    """Sequences to learn from, and the class of each, int64 [utterance]; for a regressor its value, float32."""

    sequences: Sequences
    labels: NDArray[np.int64] | NDArray[np.float32]

    def batch(self, members: NDArray[np.int64], device: str) -> tuple[Tensor, Tensor, Tensor]:
        """Some of them on a device: padded sequences, their lengths, and what is to be learned."""
        values, lengths = padded(self.sequences, members)
        return values.to(device), lengths.to(device), torch.from_numpy(self.labels[members]).to(device)
