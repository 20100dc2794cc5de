"""Two LSTM layers with tanh, a projection, and a softmax (sections 3.2 and 4.3)."""

from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emovae.classifiers.dropout import StepwiseDropout
from emovae.classifiers.scale import InputScale
from emovae.settings import Classifier

State = tuple[Tensor, Tensor]
"""Hidden state and cell of each layer, [layer, utterance, unit] each."""


class Read(NamedTuple):
    """What is said after some steps of a sequence, logits [class], and the state in which they leave the layers."""

    logits: Tensor
    state: State


@final
class LSTMClassifier(nn.Module):
    """Reads a sequence to its end and projects the last hidden state on the classes, Q = Wx (section 3.2).

    Args:
        features: values of a step.
        classes: how many classes.
        settings: width, depth, whether the input is brought to zero mean and unit deviation, and the share of inputs
            and of last units that is dropped in training.
        generator: draws the first weights, uniform within 1 / sqrt(width).
    """

    def __init__(self, features: int, classes: int, settings: Classifier, generator: torch.Generator) -> None:
        super().__init__()
        self.classes = classes
        self.scale = InputScale(features, learned=settings.scale_inputs)
        # Made without numbers, so that no global generator is asked for any.
        lstm = nn.LSTM(features, settings.hidden, settings.layers, batch_first=True, device="meta")
        self.lstm = lstm.to_empty(device="cpu")
        self.projection = nn.Linear(settings.hidden, classes, bias=False, device="meta").to_empty(device="cpu")
        reach = settings.hidden**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -reach, reach, generator=generator)
        self.dropout = StepwiseDropout(settings.dropout, generator.initial_seed())

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Sequences [utterance, step, feature] and their lengths [utterance] -> logits [utterance, class].

        What lies after an utterance's end is never read: the layers run forward in time, and the state is taken at
        the last step.
        """
        states, _ = self.lstm(self.dropout(self.scale(batch)))
        last = states[torch.arange(len(lengths), device=states.device), lengths - 1]
        logits: Tensor = self.projection(self.dropout(last))
        return logits.float()

    def onward(self, steps: Tensor, state: State | None) -> Read:
        """Goes on reading one sequence where it was left: steps [step, feature], one at least, after a state.

        The logits are those of `forward` on all that was read.
        """
        states, after = self.lstm(self.dropout(self.scale(steps[None])), state)
        return Read(self.projection(self.dropout(states[:, -1]))[0].float(), after)

    def losses(self, batch: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """The cross-entropy of each utterance, [utterance]."""
        return self.judged(self(batch, lengths), labels)

    @staticmethod
    def judged(logits: Tensor, labels: Tensor) -> Tensor:
        """The same from what was said, logits [utterance, class]."""
        return F.cross_entropy(logits, labels, reduction="none")
