"""Two loops: an autoencoder learns to reconstruct, a classifier learns to name.

Both draw their batches by index from tensors, which lie in memory or in files (see `room`), and take every random
number from the generators they are given.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emovae.autoencoders import Network
from emovae.classifiers import LSTMRegressor, SequenceReader
from emovae.company import ALONE, Company
from emovae.course import Best, Course, Epoch, OnEpoch, diverged
from emovae.examples import Examples, Labelled
from emovae.latents import batches_of_like_length, within_memory
from emovae.machine import Machine
from emovae.optimiser import adam
from emovae.outputs import held_out
from emovae.seeds import seed_for
from emovae.settings import Autoencoder, Classifier


def train_autoencoder(
    network: Network,
    train: Examples,
    validation: Examples,
    settings: Autoencoder,
    seed: int,
    machine: Machine,
    on_epoch: OnEpoch,
    company: Company = ALONE,
) -> list[Epoch]:
    """Minimises eq. 2: the squared distance summed over a segment's values, plus `kl_weight` times KL in nats.

    With `kl_warmup` the weight grows in equal steps from zero through so many epochs; with `free_bits` a latent feature
    whose mean KL over a batch is below so many nats is not pressed any further (Kingma et al. 2016, "Improved
    variational inference with inverse autoregressive flow", appendix C.8). `Course` says when it ends. In company each
    process has a part of the segments, and all end with the same weights and the same curve.

    Returns:
        The learning curve: `reconstruction` and `divergence` of training, `validation` the held-out loss, each the
        mean over segments; in the last epoch `DIVERGED`, where the loss of the one after was not finite.

    Raises:
        EmovaeError: when the loss is not finite before there is an epoch to go back to.
    """
    optimiser, course = adam(network, settings, machine), Course(settings, on_epoch)
    shuffle = torch.Generator().manual_seed(seed_for(seed, "shuffle"))
    noise = torch.Generator(machine.device).manual_seed(seed_for(seed, "noise"))
    train, validation = train.on(machine.device), validation.on(machine.device)
    goes_on = True
    while goes_on:
        learned = _learn_once(
            network, train, optimiser.step, settings, course.kl_weight, shuffle, noise, machine, company
        )
        held_out_loss = autoencoder_loss(network, validation, settings.kl_weight, seed, machine, company=company)
        goes_on = course.goes_on(learned, held_out_loss, optimiser.weights())
    optimiser.finish()
    return course.end(network)


def _learn_once(
    network: Network,
    train: Examples,
    move: Callable[[], object],
    settings: Autoencoder,
    kl_weight: float,
    shuffle: torch.Generator,
    noise: torch.Generator,
    machine: Machine,
    company: Company = ALONE,
) -> tuple[float, float]:
    """One epoch, in which `move` follows the gradients and forgets them; the mean over segments of both terms."""
    totals = torch.zeros(2, device=machine.device)
    count = company.count(train)
    order = torch.randperm(count, generator=shuffle).to(machine.device)
    for batch in company.batches(train, order, settings.batch_size, noise):
        with machine.autocast():
            terms = network(*batch.rows, batch.noise)
        apart = company.mean(terms.divergences, batch.whole)
        distance = company.share(terms.reconstruction, batch.whole)
        torch.autograd.backward(distance + kl_weight * apart.clamp_min(settings.free_bits).sum())
        company.add_gradients(network)
        move()
        totals += torch.stack([terms.reconstruction.detach().sum(), apart.detach().sum() * len(batch.rows[0])])
    reconstruction, divergence = (company.total(totals) / count).tolist()
    return reconstruction, divergence


@torch.inference_mode()
def autoencoder_loss(
    network: Network,
    examples: Examples,
    kl_weight: float,
    seed: int,
    machine: Machine,
    size: int = 1024,
    company: Company = ALONE,
) -> float:
    """Eq. 2 on given examples, mean over segments, with the same noise whenever it is called with the same seed."""
    noise = torch.Generator(machine.device).manual_seed(seed_for(seed, "held-out noise"))
    total = torch.zeros((), dtype=torch.float64, device=machine.device)
    examples = examples.on(machine.device)
    for block in company.blocks(examples, size, noise):
        with machine.autocast():
            terms = network(*block.rows, block.noise)
        total += (terms.reconstruction + kl_weight * terms.divergence).sum()
    return float(company.total(total)) / company.count(examples)


def train_classifier(
    network: SequenceReader,
    train: Labelled,
    validation: Labelled,
    settings: Classifier,
    seed: int,
    machine: Machine,
    on_epoch: OnEpoch,
) -> list[Epoch]:
    """Minimises a classifier's losses; keeps the weights of the epoch that did best on held-out speakers (section 4.3).

    Returns:
        The learning curve: `loss` of training, `validation` the held-out loss, `accuracy` the held-out accuracy (not of
        a regressor).

    Raises:
        EmovaeError: when the loss is no longer finite.
    """
    network.scale.fit(train.sequences.values)
    optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate, fused=True)
    shuffle = torch.Generator().manual_seed(seed_for(seed, "shuffle"))
    weights = _utterance_weights(network, train.labels, settings).to(machine.device)
    best, curve = Best(), list[Epoch]()
    for epoch in range(settings.epochs):
        total = torch.zeros((), device=machine.device)
        network.train()
        for members in batches_of_like_length(train.sequences.lengths, settings.batch_size, shuffle):
            optimiser.zero_grad()
            weight = weights[members].sum()
            for part in within_memory(train.sequences.lengths, members):
                with machine.autocast():
                    losses = network.losses(*train.batch(part, machine.device))
                loss = (losses * weights[part]).sum() / weight
                torch.autograd.backward(loss)
                total += loss.detach() * len(members)
            optimiser.step()
        network.eval()
        told = held_out(network, validation, machine)
        mean_loss = float(total) / len(train.labels)
        if not math.isfinite(mean_loss + told["validation"]):
            raise diverged(mean_loss + told["validation"], "classifier", epoch)
        curve.append({"loss": mean_loss, **told})
        on_epoch(epoch, curve[-1])
        best.see(epoch, told["validation"], network.state_dict())
        if epoch - best.epoch >= settings.patience:
            break
    network.load_state_dict(best.weights)
    return curve


def class_weights(labels: NDArray[np.int64], classes: int, settings: Classifier) -> Tensor:
    """All ones, or each class's weight so that all classes together weigh the same (`balanced`), [class]."""
    if settings.class_weights == "none":
        return torch.ones(classes)
    counts = np.bincount(labels, minlength=classes)
    return torch.tensor(len(labels) / (classes * np.maximum(counts, 1)), dtype=torch.float32)


def _utterance_weights(
    network: SequenceReader, labels: NDArray[np.int64] | NDArray[np.float32], settings: Classifier
) -> Tensor:
    if isinstance(network, LSTMRegressor):
        return torch.ones(len(labels))
    numbers = labels.astype(np.int64)
    return class_weights(numbers, network.classes, settings)[numbers]
