"""What a model that knows classes says of a segment's class by itself: the evidence lower bound under each of them.

Bayes' rule makes a classifier of it, P(c|X) in proportion to P(c) times the product over segments of exp(ELBO / T). The
segments of an utterance are far from independent, and the squared distance of eq. 2 is no calibrated likelihood, so the
sum is divided by a temperature T, which is fitted to the speakers who stop the learning.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from torch import Tensor

from emovae.autoencoders import CVAE, SSVAE
from emovae.room import let_go
from emovae.segments import Segmented

DRAWS = 4
"""Of z, to estimate the first term of eq. 2; the same for every class, so that their difference is little disturbed."""
SEGMENTS_AT_ONCE = 4096
LOG_TEMPERATURES = np.linspace(math.log(1e-2), math.log(1e6), 40)


@torch.inference_mode()
def class_bounds(network: CVAE | SSVAE, segmented: Segmented, classes: int, kl_weight: float, seed: int) -> Tensor:
    """The evidence lower bound (minus eq. 2) of each segment under each class, float32 [segment, class] on the CPU.

    Args:
        network: its device is where it is computed.
        segmented: what to judge.
        classes: how many there are.
        kl_weight: as in training.
        seed: of the draws of z.
    """
    device = next(network.parameters()).device
    out: list[Tensor] = []
    for start in range(0, len(segmented.values), SEGMENTS_AT_ONCE):
        values = segmented.values[start : start + SEGMENTS_AT_ONCE].to(device)
        bounds = values.new_zeros(len(values), classes)
        for label, one_hot in enumerate(torch.eye(classes, device=device)):
            noise = torch.Generator(device).manual_seed(seed)
            for _ in range(DRAWS):
                terms = network(values, one_hot.expand(len(values), -1), noise)
                bounds[:, label] -= (terms.reconstruction + kl_weight * terms.divergence) / DRAWS
        out.append(bounds.cpu())
        let_go(segmented.values)
    return torch.cat(out)


def summed(bounds: Tensor, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The bounds of each utterance, [utterance, class]."""
    return np.add.reduceat(bounds.numpy().astype(np.float64), starts[:-1], axis=0)


def posterior(bounds: NDArray[np.float64], prior: NDArray[np.float64], temperature: float) -> NDArray[np.float32]:
    """P(c|X) of each utterance, float32 [utterance, class].

    Args:
        bounds: [utterance, class], see `summed`.
        prior: P(c), [class].
        temperature: what bounds are divided by.

    >>> posterior(np.array([[-10.0, -10.0], [-10.0, -12.0]]), np.array([0.5, 0.5]), 2.0).round(3).tolist()
    [[0.5, 0.5], [0.7310000061988831, 0.26899999380111694]]
    """
    return np.asarray(softmax(_logits(bounds, prior, temperature), axis=1), np.float32)


def fitted_temperature(bounds: NDArray[np.float64], prior: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature of the highest likelihood of these labels, between 0.01 and a million.

    Labels that the prior rules out are impossible at every temperature and say nothing of it; where all are, it is 1.

    Args:
        bounds: [utterance, class].
        prior: P(c), [class].
        labels: the class of each utterance, [utterance].
    """
    possible = prior[labels] > 0
    if not possible.any():
        return 1.0
    bounds, labels = bounds[possible], labels[possible]

    def loss(log_temperature: float) -> float:
        of_class = log_softmax(_logits(bounds, prior, math.exp(log_temperature)), axis=1)
        return -float(of_class[np.arange(len(labels)), labels].mean())

    # The loss may have more than one valley: the best of a coarse grid, then the bottom of that valley.
    best = int(np.argmin([loss(point) for point in LOG_TEMPERATURES]))
    around = LOG_TEMPERATURES[[max(best - 1, 0), min(best + 1, len(LOG_TEMPERATURES) - 1)]].tolist()
    return math.exp(float(minimize_scalar(loss, bounds=around, method="bounded").x))


def _logits(bounds: NDArray[np.float64], prior: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):  # a class that nobody shows is never named
        log_prior = np.log(prior)
    centred: NDArray[np.float64] = bounds - bounds.max(axis=1, keepdims=True)
    return centred / temperature + log_prior
