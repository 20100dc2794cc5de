"""The same two LSTM layers with one linear unit in place of the classes: a value, such as arousal from 1 to 5."""

from typing import final

import torch
from torch import Tensor, nn

from emovae.classifiers.lstm import LSTMClassifier
from emovae.classifiers.scale import InputScale
from emovae.settings import Classifier


@final
class LSTMRegressor(nn.Module):
    """Reads a sequence to its end and projects the last hidden state on one value.

    Args:
        features: values of a step.
        settings: as for `LSTMClassifier`.
        generator: draws the first weights.
        typical: the value that it says before it has learned anything, such as the mean of the training side.
    """

    classes = 1
    typical: Tensor

    def __init__(self, features: int, settings: Classifier, generator: torch.Generator, typical: float) -> None:
        super().__init__()
        self.reader = LSTMClassifier(features, 1, settings, generator)
        self.register_buffer("typical", torch.tensor(typical))

    @property
    def scale(self) -> InputScale:
        """What the input is brought to."""
        return self.reader.scale

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Sequences [utterance, step, feature] and their lengths [utterance] -> values [utterance, 1]."""
        values: Tensor = self.reader(batch, lengths) + self.typical
        return values

    def losses(self, batch: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """The squared error of each utterance, [utterance]."""
        return self.judged(self(batch, lengths), labels)

    @staticmethod
    def judged(values: Tensor, labels: Tensor) -> Tensor:
        """The same from what was said, values [utterance, 1]."""
        return (values.squeeze(1) - labels).square()
