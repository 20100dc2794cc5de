"""An attentive convolutional network over frames (Neumann and Vu 2017, the paper's [24]).

As there: one layer of convolution whose kernels span all features and slide over time, a rectifier, max pooling over
time, attention, and a softmax, alpha_i = exp(w.x_i) / sum_j exp(w.x_j) and x = sum_i alpha_i x_i. Its sizes are
this package's own, since the paper at hand does not tell them: as many kernels as the classifier's `hidden`, of 100 ms
every 30 ms, pooled by threes. There is no dropout; held-out speakers stop the learning, as for every model here. [24]
also learns from ratings of arousal and valence beside the emotion; this is its single view.
"""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emovae.classifiers.scale import InputScale
from emovae.settings import Classifier

KERNEL_FRAMES = 10
STRIDE_FRAMES = 3
POOL = 3


@final
class AttentiveCNN(nn.Module):
    """Sees an utterance as short patterns, and weighs how much each tells.

    Args:
        features: values of a frame.
        classes: how many classes.
        settings: `hidden` is the number of kernels; and whether the input is scaled.
        generator: draws the first weights, uniform within 1 / sqrt(inputs of a unit).
    """

    def __init__(self, features: int, classes: int, settings: Classifier, generator: torch.Generator) -> None:
        super().__init__()
        self.classes = classes
        self.scale = InputScale(features, learned=settings.scale_inputs)
        # Made without numbers, so that no global generator is asked for any.
        convolution = nn.Conv1d(features, settings.hidden, KERNEL_FRAMES, STRIDE_FRAMES, device="meta")
        self.convolution = convolution.to_empty(device="cpu")
        self.attention = nn.Linear(settings.hidden, 1, bias=False, device="meta").to_empty(device="cpu")
        self.projection = nn.Linear(settings.hidden, classes, device="meta").to_empty(device="cpu")
        for layer, inputs in (
            (self.convolution, features * KERNEL_FRAMES),
            (self.attention, settings.hidden),
            (self.projection, settings.hidden),
        ):
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -(inputs**-0.5), inputs**-0.5, generator=generator)

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Frames [utterance, frame, feature] and their numbers [utterance] -> logits [utterance, class]."""
        pooled, steps = self.patterns(batch, lengths)
        weights = self.weights(pooled, steps)
        logits: Tensor = self.projection((weights[..., None] * pooled).sum(1))
        return logits.float()

    def losses(self, batch: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """The cross-entropy of each utterance, [utterance]."""
        return self.judged(self(batch, lengths), labels)

    @staticmethod
    def judged(logits: Tensor, labels: Tensor) -> Tensor:
        """The same from what was said, logits [utterance, class]."""
        return F.cross_entropy(logits, labels, reduction="none")

    def patterns(self, batch: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What convolution and pooling find, [utterance, step, kernel], and how many steps are real, [utterance].

        An utterance shorter than a kernel is filled with zeros, which is the mean of a scaled input. Frames at the end
        that fill no kernel are not read; kernels that fill no pool are pooled among themselves.
        """
        found = self.scale(batch) * _within(lengths, batch.shape[1])[..., None]
        found = F.pad(found.mT, (0, max(0, KERNEL_FRAMES - batch.shape[1])))
        found = self.convolution(found).relu()
        kernels = 1 + torch.div((lengths - KERNEL_FRAMES).clamp_min(0), STRIDE_FRAMES, rounding_mode="floor")
        # Zero is the least that a rectifier leaves, so a zero after the end is never the greatest of a pool.
        found = found * _within(kernels, found.shape[2])[:, None]
        found = F.max_pool1d(found, POOL, ceil_mode=True).mT
        return found, torch.div(kernels + POOL - 1, POOL, rounding_mode="floor")

    def weights(self, pooled: Tensor, steps: Tensor) -> Tensor:
        """How much attention each step has, [utterance, step], 1 in all and none after the end."""
        scores: Tensor = self.attention(pooled).squeeze(-1).float()
        return scores.masked_fill(~_within(steps, pooled.shape[1]), -torch.inf).softmax(1)


def _within(lengths: Tensor, steps: int) -> Tensor:
    """Which steps lie before the end of their utterance, [utterance, step]."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]
