"""What a model says when it is asked several times: draws of the latents, or of the classifier's own units.

The paper names it as the advantage of a VAE that it knows how uncertain it is. Two ways of asking: z is drawn from
Q(z|X) in place of its mean; or units are dropped as in training (Gal and Ghahramani 2016, "Dropout as a Bayesian
approximation"). Either way the probabilities are averaged, and what the draws disagree in is the mutual information of
class and draw: entropy of the mean less the mean of entropies.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import entr
from torch import Tensor

from emovae.autoencoders.mlp import Latent, reparameterised
from emovae.classifiers import LSTMClassifier
from emovae.config import Features
from emovae.latents import Sequences, beside_z, padded, within_memory
from emovae.machine import Machine

DRAWS_AT_ONCE = 32


class Answers(NamedTuple):
    """Over all draws.

    Attributes:
        probabilities: their mean, float32 [utterance, class].
        expected_entropy: the mean of their entropies, in nats, float32 [utterance].
    """

    probabilities: NDArray[np.float32]
    expected_entropy: NDArray[np.float32]


def averaged(ask: Callable[[], NDArray[np.float32]], draws: int) -> Answers:
    """Asks so many times for probabilities [utterance, class].

    >>> sure = iter([np.eye(2, dtype=np.float32)[[0]], np.eye(2, dtype=np.float32)[[1]]])
    >>> [answer.tolist() for answer in averaged(lambda: next(sure), 2)]
    [[[0.5, 0.5]], [0.0]]
    """
    first = ask().astype(np.float64)
    total, entropy = first, entr(first).sum(axis=1)
    for _ in range(draws - 1):
        said = ask().astype(np.float64)
        total = total + said
        entropy = entropy + entr(said).sum(axis=1)
    return Answers(np.asarray(total / draws, np.float32), np.asarray(entropy / draws, np.float32))


def drawn(latent: Sequences, features: Features, generator: torch.Generator) -> Sequences:
    """Sequences as a classifier reads them, with a draw of z in place of its mean.

    Args:
        latent: mean and log-variance of Q(z|X) beside one another, [step, 2 * latent].
        features: what the classifier reads; for `sample` the draw alone.
        generator: draws.
    """
    given = Latent(*latent.values.chunk(2, -1))
    sample = reparameterised(given, generator)
    return Sequences(torch.cat([sample, *beside_z(given.log_variance, features)], -1), latent.starts)


@torch.inference_mode()
def posterior_answers(
    network: LSTMClassifier,
    latent: Sequences,
    features: Features,
    beside: Tensor | None,
    draws: int,
    generator: torch.Generator,
    machine: Machine,
) -> Answers:
    """What a classifier says under draws of z: of each utterance in distribution `averaged` over `drawn`, and sooner.

    Utterances of like length are read together under many draws; they share the draws' noise, as what is said of one
    does not depend on another; and what all draws share is made once.

    Args:
        network: the classifier, on the machine's device.
        latent: mean and log-variance of Q(z|X) beside one another, [step, 2 * latent].
        features: what the classifier reads, see `drawn`.
        beside: what it reads besides, [step, value], or None.
        draws: how many.
        generator: draws.
        machine: where, and how exactly, to compute.
    """
    mean, log_variance = latent.values.chunk(2, -1)
    rest = [*beside_z(log_variance, features), *([] if beside is None else [beside])]
    read = Sequences(torch.cat([mean, (0.5 * log_variance).exp(), *rest], -1), latent.starts)
    width, everyone = mean.shape[1], np.arange(len(read.lengths))
    total, entropy = torch.zeros(len(everyone), network.classes).double(), torch.zeros(len(everyone)).double()
    # A quarter of the steps that are read at once elsewhere: these stay near the processor.
    for members in within_memory(read.lengths * (4 * min(draws, DRAWS_AT_ONCE)), everyone):
        batch, lengths = padded(read, members)
        mean, deviation, told = torch.split(batch, [width, width, batch.shape[2] - 2 * width], -1)
        for first in range(0, draws, DRAWS_AT_ONCE):
            count = min(DRAWS_AT_ONCE, draws - first)
            noise = torch.randn(count, 1, *mean.shape[1:], generator=generator)
            steps = torch.cat([torch.addcmul(mean, noise, deviation), told.expand(count, *told.shape)], -1)
            with machine.autocast():
                logits = network(steps.flatten(0, 1).to(machine.device), lengths.repeat(count).to(machine.device))
            said = logits.double().softmax(-1).cpu().unflatten(0, (count, len(members)))
            total[members] += said.sum(0)
            entropy[members] += torch.special.entr(said).sum((0, 2))
    return Answers((total / draws).float().numpy(), (entropy / draws).float().numpy())
