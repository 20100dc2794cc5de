"""A bidirectional LSTM and an extreme learning machine (Lee and Tashev 2015, the paper's [17], after Han et al., [30]).

The network says of every step which emotion it shows; the statistics of what it said go to the machine, which names the
utterance. As in [30] every step is taught its utterance's label. ([17] lets some steps show nothing and finds out
which; `blstm_ctc` does so here.) The statistics are those of [30]: of every class the greatest, least and mean
probability, and the share of steps above 0.2. [17] reads low-level features and MFCC with their derivatives; here the
input is what the paper's own models see, log-mel frames (`rivals`). The machine has 120 random units as in [30]; what
it does not tell is as usual since Huang et al. 2006: inputs at zero mean and unit deviation, sigmoid units, weights and
offsets uniform in -1..1, one-hot targets, and output weights by least squares, with a ridge of 1 that is not tuned.
"""

from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emovae.classifiers.blstm import BLSTM
from emovae.classifiers.scale import InputScale
from emovae.settings import Classifier

SHOWN = 0.2
"""Above this probability a step shows a class."""
STATISTICS = 4
UNITS = 120
RIDGE = 1.0


@final
class FramewiseBLSTM(nn.Module):
    """Classes at every step.

    Args:
        features: values of a step.
        classes: how many classes.
        settings: see `BLSTM`.
        generator: draws the first weights.
    """

    def __init__(self, features: int, classes: int, settings: Classifier, generator: torch.Generator) -> None:
        super().__init__()
        self.classes = classes
        self.blstm = BLSTM(features, classes, settings, generator)
        self.scale = self.blstm.scale

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Sequences [utterance, step, feature] and lengths [utterance] -> logits [utterance, class].

        They are the logarithm of the mean probability over the steps, which decides when the learning stops; the
        machine decides what is predicted.
        """
        mean = self.statistics(batch, lengths)[:, 2 * self.classes : 3 * self.classes]
        return mean.clamp_min(torch.finfo(mean.dtype).tiny).log()

    def losses(self, batch: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """The mean cross-entropy over the steps of each utterance, [utterance]."""
        logits = self.blstm(batch, lengths)
        each = F.cross_entropy(logits.mT, labels[:, None].expand(logits.shape[:2]), reduction="none")
        return each.masked_fill(_ended(logits, lengths), 0.0).sum(1) / lengths

    def statistics(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """What the machine reads: greatest, least, mean, and share above 0.2, [utterance, 4 x class]."""
        logits = self.blstm(batch, lengths)
        said, ended = logits.softmax(-1), _ended(logits, lengths)[..., None]
        count = lengths[:, None]
        return torch.cat(
            [
                said.masked_fill(ended, 0.0).amax(1),
                said.masked_fill(ended, 1.0).amin(1),
                said.masked_fill(ended, 0.0).sum(1) / count,
                (said > SHOWN).masked_fill(ended, False).sum(1) / count,
            ],
            1,
        )


class RandomUnits(NamedTuple):
    """A layer that is drawn and never learned.

    Attributes:
        scale: of the inputs.
        weights: float64 [input, unit].
        offsets: float64 [unit].
    """

    scale: InputScale
    weights: Tensor
    offsets: Tensor

    def __call__(self, inputs: Tensor) -> Tensor:
        """Inputs [utterance, input] -> float64 [utterance, unit], in 0..1."""
        scaled: Tensor = self.scale(inputs.double())
        return (scaled @ self.weights + self.offsets).sigmoid()


class ExtremeLearningMachine(NamedTuple):
    """One hidden layer of random units whose output weights alone are learned.

    Attributes:
        units: the hidden layer.
        output: float64 [unit, class].
    """

    units: RandomUnits
    output: Tensor

    def probabilities(self, inputs: Tensor) -> Tensor:
        """Inputs [utterance, input] -> float32 [utterance, class].

        A softmax over the outputs: their order is the machine's, their size is no calibrated probability.
        """
        return (self.units(inputs) @ self.output).softmax(1).float()


def machine_of(
    inputs: Tensor, labels: Tensor, weights: Tensor, generator: torch.Generator, ridge: float = RIDGE
) -> ExtremeLearningMachine:
    """Draws the hidden units, and learns the output weights from one-hot targets by weighted ridge regression.

    B = (H' W H + ridge I)^-1 H' W T, all in float64.

    Args:
        inputs: [utterance, input].
        labels: the class of each, int64 [utterance].
        weights: of the classes, [class].
        generator: draws hidden weights and offsets.
        ridge: how strongly large output weights are punished.
    """
    scale = InputScale(inputs.shape[1], learned=True).double()
    scale.fit(inputs.double())
    drawn = 2 * torch.rand(inputs.shape[1] + 1, UNITS, generator=generator, dtype=torch.float64) - 1
    units = RandomUnits(scale, drawn[:-1], drawn[-1])
    said = units(inputs)
    weighted = said.mT * weights.double()[labels]
    targets = F.one_hot(labels, len(weights)).double()
    output = torch.linalg.solve(weighted @ said + ridge * torch.eye(UNITS, dtype=torch.float64), weighted @ targets)
    return ExtremeLearningMachine(units, output)


def _ended(logits: Tensor, lengths: Tensor) -> Tensor:
    """Which steps lie after the end of their utterance, [utterance, step]."""
    return torch.arange(logits.shape[1], device=lengths.device) >= lengths[:, None]
