"""Bidirectional LSTM layers that say something at every step: the body of two rivals."""

from typing import final

import torch
from torch import Tensor, nn

from emovae.classifiers.scale import InputScale
from emovae.settings import Classifier


@final
class BLSTM(nn.Module):
    """Reads a sequence in both directions and projects the states of every step.

    Each layer is two LSTMs, of which one reads every sequence from its own end: padding comes after the end for both,
    so neither state ever passes through it. (PyTorch's packed sequences do the same in twice the time, on a processor.)

    Args:
        features: values of a step.
        outputs: values said of a step.
        settings: width of each direction, depth, and whether the input is scaled.
        generator: draws the first weights, uniform within 1 / sqrt(width), as for the LSTM.
    """

    def __init__(self, features: int, outputs: int, settings: Classifier, generator: torch.Generator) -> None:
        super().__init__()
        self.scale = InputScale(features, learned=settings.scale_inputs)
        widths = [features] + [2 * settings.hidden] * (settings.layers - 1)
        self.forwards, self.backwards = (nn.ModuleList(_lstm(width, settings) for width in widths) for _ in range(2))
        # Made without numbers, so that no global generator is asked for any.
        self.projection = nn.Linear(2 * settings.hidden, outputs, device="meta").to_empty(device="cpu")
        reach = settings.hidden**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -reach, reach, generator=generator)

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Sequences [utterance, step, feature], lengths [utterance] -> logits [utterance, step, output].

        What stands after an end means nothing.
        """
        states = self.scale(batch)
        for onward, back in zip(self.forwards, self.backwards, strict=True):
            read_back, _ = back(turned(states, lengths))
            states = torch.cat([onward(states)[0], turned(read_back, lengths)], -1)
        logits: Tensor = self.projection(states)
        return logits.float()


def turned(batch: Tensor, lengths: Tensor) -> Tensor:
    """Each sequence of a batch [utterance, step, value] from its end to its beginning; padding stays where it is."""
    steps, ends = torch.arange(batch.shape[1], device=batch.device), lengths[:, None]
    order = torch.where(steps < ends, ends - 1 - steps, steps)
    return batch.gather(1, order[..., None].expand_as(batch))


def _lstm(features: int, settings: Classifier) -> nn.LSTM:
    return nn.LSTM(features, settings.hidden, batch_first=True, device="meta").to_empty(device="cpu")
