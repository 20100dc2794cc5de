"""Dropout that draws from a generator of its own and drops the same units at every step."""

from typing import final

import torch
from torch import Tensor, nn


@final
class StepwiseDropout(nn.Module):
    """In training mode a unit is zero with this probability, all through a sequence, and the others are scaled up.

    The same units at every step: Gal and Ghahramani (2016), "A theoretically grounded application of dropout in
    recurrent neural networks".

    Args:
        rate: the probability.
        seed: of the draws, which no global generator is asked for.
    """

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__()
        self.rate, self.noise = rate, torch.Generator().manual_seed(seed)

    def forward(self, values: Tensor) -> Tensor:
        """Values [utterance, step, unit] or [utterance, unit]."""
        if not self.training or self.rate == 0:
            return values
        shape = (len(values), *[1] * (values.dim() - 2), values.shape[-1])
        kept = torch.rand(shape, generator=self.noise) >= self.rate
        return values * kept.to(values.device) / (1 - self.rate)
