"""A bidirectional LSTM with connectionist temporal classification (Chernykh et al. 2017, the paper's [16]).

At every step the network names one of the classes or says nothing (the blank of Graves et al. 2006), and an utterance's
label sequence is its one emotion: somewhere it shows, and the rest may be silence. [16] decodes the labels; here the
likelihoods of all one-label sequences are compared, which gives each class a probability. [16] reads MFCC, chromagram
and properties of the spectrum; here the input is what the paper's own models see, log-mel frames (`rivals`). Width and
depth are the classifier's `hidden` and `layers`, as for the LSTM.
"""

from typing import final

import torch
from torch import Tensor, nn

from emovae.classifiers.blstm import BLSTM
from emovae.settings import Classifier


@final
class BLSTMCTC(nn.Module):
    """Classes, and last the blank, at every step.

    Args:
        features: values of a step.
        classes: how many classes.
        settings: see `BLSTM`.
        generator: draws the first weights.
    """

    def __init__(self, features: int, classes: int, settings: Classifier, generator: torch.Generator) -> None:
        super().__init__()
        self.classes = classes
        self.blstm = BLSTM(features, classes + 1, settings, generator)
        self.scale = self.blstm.scale

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Sequences [utterance, step, feature] and lengths [utterance] -> log-likelihoods [utterance, class].

        A softmax over them is the probability of each class, given that the sequence holds one label.
        """
        return one_label_log_likelihood(self.blstm(batch, lengths).log_softmax(-1), lengths).float()

    def losses(self, batch: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """Minus the log-likelihood of each utterance's one-label sequence, [utterance], in nats."""
        return self.judged(self(batch, lengths), labels)

    @staticmethod
    def judged(likelihoods: Tensor, labels: Tensor) -> Tensor:
        """The same from what was said, log-likelihoods [utterance, class]."""
        return -likelihoods.gather(1, labels[:, None]).squeeze(1)


def one_label_log_likelihood(log_probabilities: Tensor, lengths: Tensor) -> Tensor:
    """The CTC likelihood of every sequence of a single label.

    Such a label is said over a run of steps and the blank before and after it, so that with y_t(c) the probability of c
    at step t and - the blank, P(c) = sum over s < e of prod_{t <= s} y_t(-) prod_{s < t <= e} y_t(c)
    prod_{t > e} y_t(-). Sums of logarithms up to each step, D_t = sum_{u <= t} log y_u(c) / y_u(-), make that
    P(c) = prod_t y_t(-) sum_e exp(D_e) sum_{s < e} exp(-D_s), which takes no loop over the steps.

    Args:
        log_probabilities: [utterance, step, class + 1], the blank last.
        lengths: steps of each utterance, [utterance].

    Returns:
        Logarithms, float64 [utterance, class]; what stands after an end is not read.
    """
    steps = torch.arange(log_probabilities.shape[1], device=lengths.device)
    ended = (steps >= lengths[:, None])[..., None]  # [utterance, step, 1]
    # Sums over hundreds of steps take more digits than float32 has.
    said = log_probabilities.double().masked_fill(ended, 0.0)
    named, blank = said[..., :-1], said[..., -1:]
    until = (named - blank).cumsum(1)  # D_e for e from 1 on
    before = -torch.cat([torch.zeros_like(until[:, :1]), until[:, :-1]], 1)  # -D_s for s from 0 on
    runs = (until + before.logcumsumexp(1)).masked_fill(ended, -torch.inf)
    return blank.sum(1) + runs.logsumexp(1)
