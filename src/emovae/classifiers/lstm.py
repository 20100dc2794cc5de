"""Two LSTM layers with tanh, a projection, and a softmax (sections 3.2 and 4.3)."""

from typing import final

import torch
from torch import Tensor, nn

from emovae.config import Classifier

LEAST_DEVIATION = 1e-6


@final
class LSTMClassifier(nn.Module):
    """Reads a sequence to its end and projects the last hidden state on the classes, Q = Wx (section 3.2).

    Args:
        features: values of a step.
        classes: how many classes.
        settings: width, depth, and whether the input is brought to zero mean and unit deviation.
        generator: draws the first weights, uniform within 1 / sqrt(width).
    """

    input_mean: Tensor
    input_deviation: Tensor

    def __init__(self, features: int, classes: int, settings: Classifier, generator: torch.Generator) -> None:
        super().__init__()
        self.scale_inputs = settings.scale_inputs
        self.register_buffer("input_mean", torch.zeros(features))
        self.register_buffer("input_deviation", torch.ones(features))
        # Made without numbers, so that no global generator is asked for any.
        lstm = nn.LSTM(features, settings.hidden, settings.layers, batch_first=True, device="meta")
        self.lstm = lstm.to_empty(device="cpu")
        self.projection = nn.Linear(settings.hidden, classes, bias=False, device="meta").to_empty(device="cpu")
        reach = settings.hidden**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -reach, reach, generator=generator)

    def fit_scale(self, values: Tensor) -> None:
        """Learns the input's scale from the training steps [step, feature], where the settings ask for it."""
        if self.scale_inputs:
            self.input_mean.copy_(values.mean(0))
            self.input_deviation.copy_(values.std(0, correction=0).clamp_min(LEAST_DEVIATION))

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Sequences [utterance, step, feature] and their lengths [utterance] -> logits [utterance, class].

        What lies after an utterance's end is never read: the layers run forward in time, and the state is taken at
        the last step.
        """
        states, _ = self.lstm((batch - self.input_mean) / self.input_deviation if self.scale_inputs else batch)
        last = states[torch.arange(len(lengths), device=states.device), lengths - 1]
        logits: Tensor = self.projection(last)
        return logits.float()
