"""Two loops: an autoencoder learns to reconstruct, a classifier learns to name.

Both draw their batches by index from tensors, which lie in memory or in files (see `room`), and take every random
number from the generators they are given.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emovae.autoencoders import Network
from emovae.classifiers import LSTMRegressor, SequenceReader
from emovae.config import Autoencoder, Classifier
from emovae.errors import EmovaeError
from emovae.examples import Examples, Labelled
from emovae.latents import batches_of_like_length, within_memory
from emovae.machine import Machine
from emovae.optimiser import adam
from emovae.outputs import held_out
from emovae.seeds import seed_for

Epoch = Mapping[str, float]
OnEpoch = Callable[[int, Epoch], None]

DIVERGED = "diverged"
"""In the last epoch of a curve: the number of the epoch whose loss was not finite."""


class _Best:
    """The weights of the lowest held-out loss so far."""

    def __init__(self, network: nn.Module) -> None:
        self.network, self.loss, self.epoch = network, math.inf, -1
        self.state: dict[str, Tensor] = {}

    def see(self, epoch: int, loss: float, weights: Mapping[str, Tensor]) -> None:
        if loss < self.loss:
            self.loss, self.epoch = loss, epoch
            self.state = {name: weight.detach().clone() for name, weight in weights.items()}

    def restore(self) -> None:
        self.network.load_state_dict(self.state)


def train_autoencoder(
    network: Network,
    train: Examples,
    validation: Examples,
    settings: Autoencoder,
    seed: int,
    machine: Machine,
    on_epoch: OnEpoch,
) -> list[Epoch]:
    """Minimises eq. 2: the squared distance summed over a segment's values, plus `kl_weight` times KL in nats.

    With `kl_warmup` the weight grows in equal steps from zero through so many epochs, none of which is the best; with
    `free_bits` a latent feature whose mean KL over a batch is below so many nats is not pressed any further (Kingma et
    al. 2016, "Improved variational inference with inverse autoregressive flow", appendix C.8).

    It stops, as `settings.stop` says, when the mean distance of an epoch falls below the threshold (section 3.1; where
    none does, it goes back to the best epoch), when the loss on held-out speakers has not fallen for `patience` epochs
    (and goes back to the best), or after `epochs` in any case. Where the loss ceases to be finite, as it may with the
    printed betas, it stops and goes back to the best epoch before.

    Returns:
        The learning curve: `reconstruction` and `divergence` of training, `validation` the held-out loss, each the
        mean over segments; in the last epoch `DIVERGED`, where the loss of the one after was not finite.

    Raises:
        EmovaeError: when the loss is not finite before there is an epoch to go back to.
    """
    optimiser = adam(network, settings, machine)
    shuffle = torch.Generator().manual_seed(seed_for(seed, "shuffle"))
    noise = torch.Generator(machine.device).manual_seed(seed_for(seed, "noise"))
    train, validation = train.on(machine.device), validation.on(machine.device)
    best, curve = _Best(network), list[Epoch]()
    for epoch in range(settings.epochs):
        kl_weight = settings.kl_weight * min(1.0, epoch / settings.kl_warmup if settings.kl_warmup else 1.0)
        reconstruction, divergence = _learn_once(
            network, train, optimiser.step, settings, kl_weight, shuffle, noise, machine
        )
        validation_loss = autoencoder_loss(network, validation, settings.kl_weight, seed, machine)
        if not math.isfinite(reconstruction + divergence + validation_loss):
            if best.epoch < 0:
                raise _diverged(reconstruction + divergence + validation_loss, "autoencoder", epoch)
            curve[-1] = {**curve[-1], DIVERGED: epoch + 1}
            break
        curve.append({"reconstruction": reconstruction, "divergence": divergence, "validation": validation_loss})
        on_epoch(epoch, curve[-1])
        if epoch < settings.kl_warmup:
            continue
        best.see(epoch, validation_loss, optimiser.weights())
        if settings.stop == "threshold" and reconstruction < settings.threshold:
            break
        if settings.stop == "patience" and epoch - best.epoch >= settings.patience:
            break
    optimiser.finish()
    back = settings.stop == "threshold" and reconstruction >= settings.threshold
    if settings.stop == "patience" or back or DIVERGED in curve[-1]:
        best.restore()
    return curve


def _learn_once(
    network: Network,
    train: Examples,
    move: Callable[[], object],
    settings: Autoencoder,
    kl_weight: float,
    shuffle: torch.Generator,
    noise: torch.Generator,
    machine: Machine,
) -> tuple[float, float]:
    """One epoch, in which `move` follows the gradients and forgets them; the mean over segments of both terms."""
    totals = torch.zeros(2, device=machine.device)
    order = torch.randperm(len(train.segments), generator=shuffle).to(machine.device)
    for batch in train.batches(order, settings.batch_size):
        with machine.autocast():
            terms = network(*batch, noise)
        pressed = terms.divergences.mean(0).clamp_min(settings.free_bits).sum()
        loss = terms.reconstruction.mean() + kl_weight * pressed
        torch.autograd.backward(loss)
        move()
        totals += torch.stack([terms.reconstruction.detach().sum(), terms.divergence.detach().sum()])
    reconstruction, divergence = (totals / len(train.segments)).tolist()
    return reconstruction, divergence


@torch.inference_mode()
def autoencoder_loss(
    network: Network, examples: Examples, kl_weight: float, seed: int, machine: Machine, size: int = 4096
) -> float:
    """Eq. 2 on given examples, mean over segments, with the same noise whenever it is called with the same seed."""
    noise = torch.Generator(machine.device).manual_seed(seed_for(seed, "held-out noise"))
    total = torch.zeros((), dtype=torch.float64, device=machine.device)
    for block in examples.on(machine.device).blocks(size):
        with machine.autocast():
            terms = network(*block, noise)
        total += (terms.reconstruction + kl_weight * terms.divergence).sum()
    return float(total) / len(examples.segments)


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
    best, curve = _Best(network), list[Epoch]()
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
            raise _diverged(mean_loss + told["validation"], "classifier", epoch)
        curve.append({"loss": mean_loss, **told})
        on_epoch(epoch, curve[-1])
        best.see(epoch, told["validation"], network.state_dict())
        if epoch - best.epoch >= settings.patience:
            break
    best.restore()
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


def _diverged(loss: float, what: str, epoch: int) -> EmovaeError:
    return EmovaeError(
        f"the {what}'s loss is {loss} after epoch {epoch + 1}: training diverged; lower {what}.learning_rate"
    )
