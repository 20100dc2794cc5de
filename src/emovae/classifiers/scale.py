"""The input of a classifier, brought to zero mean and unit deviation."""

from typing import final

import torch
from torch import Tensor, nn

LEAST_DEVIATION = 1e-6


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
            self.mean.copy_(values.mean(0))
            self.deviation.copy_(values.std(0, correction=0).clamp_min(LEAST_DEVIATION))

    def forward(self, batch: Tensor) -> Tensor:
        """[..., feature] -> the same, scaled."""
        return (batch - self.mean) / self.deviation if self.learned else batch
