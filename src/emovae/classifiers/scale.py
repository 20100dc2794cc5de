"""The input of a classifier, brought to zero mean and unit deviation."""

from typing import final

import torch
from torch import Tensor, nn

from emovae.room import let_go

LEAST_DEVIATION = 1e-6
STEPS_AT_ONCE = 16_384


@final
class InputScale(nn.Module):
    """Mean and deviation of each feature, learned from the training steps.

    Args:
        features: values of a step.
        learned: False leaves the input as it is.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, *, learned: bool) -> None:
        super().__init__()
        self.learned = learned
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))

    def fit(self, values: Tensor) -> None:
        """Learns the scale from the training steps [step, feature], where it is to be learned."""
        if self.learned:
            mean = _sums(values, torch.zeros_like(self.mean), 1) / len(values)
            self.mean.copy_(mean)
            self.deviation.copy_((_sums(values, mean, 2) / len(values)).sqrt().clamp_min(LEAST_DEVIATION))

    def forward(self, batch: Tensor) -> Tensor:
        """[..., feature] -> the same, scaled."""
        return (batch - self.mean) / self.deviation if self.learned else batch


def _sums(values: Tensor, mean: Tensor, power: int) -> Tensor:
    """The sums over steps of the distance from a mean to that power, float64 [feature], block by block."""
    total = torch.zeros_like(mean, dtype=torch.float64)
    for block in torch.split(values, STEPS_AT_ONCE):
        total += (block.to(mean.device).double() - mean).pow(power).sum(0)
        let_go(values)
    return total
