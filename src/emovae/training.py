"""Two loops: an autoencoder learns to reconstruct, a classifier learns to name.

Both read whole tensors that lie in memory, draw their batches by index, and take every random number from the
generators they are given.
"""

import copy
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emovae.autoencoders import Network
from emovae.classifiers import LSTMRegressor, SequenceReader
from emovae.config import Autoencoder, Classifier
from emovae.errors import EmovaeError
from emovae.latents import Sequences, batches_of_like_length, padded, within_memory
from emovae.machine import Machine
from emovae.seeds import seed_for

Epoch = Mapping[str, float]
OnEpoch = Callable[[int, Epoch], None]

DIVERGED = "diverged"
"""In the last epoch of a curve: the number of the epoch whose loss was not finite."""


class Examples(NamedTuple):
    """Segments to learn from.

    Attributes:
        segments: [segment, value].
        conditions: one-hot [segment, class] for a CVAE, None otherwise.
    """

    segments: Tensor
    conditions: Tensor | None

    def batch(self, members: Tensor | slice, device: str) -> tuple[Tensor, Tensor | None]:
        """Some of the examples, on the device."""
        some = None if self.conditions is None else self.conditions[members].to(device)
        return self.segments[members].to(device), some


class Labelled(NamedTuple):
    """Sequences to learn from, and the class of each, int64 [utterance]; for a regressor its value, float32."""

    sequences: Sequences
    labels: NDArray[np.int64] | NDArray[np.float32]


class _Best:
    """The weights of the lowest held-out loss so far."""

    def __init__(self, network: nn.Module) -> None:
        self.network, self.loss, self.epoch = network, math.inf, -1
        self.state: dict[str, Tensor] = {}

    def see(self, epoch: int, loss: float) -> None:
        if loss < self.loss:
            self.loss, self.epoch = loss, epoch
            self.state = copy.deepcopy(self.network.state_dict())

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
    optimiser = torch.optim.Adam(
        network.parameters(), settings.learning_rate, settings.betas, settings.epsilon, fused=True
    )
    shuffle = torch.Generator().manual_seed(seed_for(seed, "shuffle"))
    noise = torch.Generator(machine.device).manual_seed(seed_for(seed, "noise"))
    best, curve = _Best(network), list[Epoch]()
    for epoch in range(settings.epochs):
        kl_weight = settings.kl_weight * min(1.0, epoch / settings.kl_warmup if settings.kl_warmup else 1.0)
        reconstruction, divergence = _learn_once(
            network, train, optimiser, settings, kl_weight, shuffle, noise, machine
        )
        held_out = autoencoder_loss(network, validation, settings.kl_weight, seed, machine)
        if not math.isfinite(reconstruction + divergence + held_out):
            if best.epoch < 0:
                raise _diverged(reconstruction + divergence + held_out, "autoencoder", epoch)
            best.restore()
            curve[-1] = {**curve[-1], DIVERGED: epoch + 1}
            break
        curve.append({"reconstruction": reconstruction, "divergence": divergence, "validation": held_out})
        on_epoch(epoch, curve[-1])
        if epoch < settings.kl_warmup:
            continue
        best.see(epoch, held_out)
        if settings.stop == "threshold" and reconstruction < settings.threshold:
            break
        if settings.stop == "patience" and epoch - best.epoch >= settings.patience:
            break
    if settings.stop == "patience" or (settings.stop == "threshold" and reconstruction >= settings.threshold):
        best.restore()
    return curve


def _learn_once(
    network: Network,
    train: Examples,
    optimiser: torch.optim.Optimizer,
    settings: Autoencoder,
    kl_weight: float,
    shuffle: torch.Generator,
    noise: torch.Generator,
    machine: Machine,
) -> tuple[float, float]:
    """One epoch; the mean over segments of both terms of eq. 2."""
    totals = torch.zeros(2, device=machine.device)
    order = torch.randperm(len(train.segments), generator=shuffle)
    for members in torch.split(order, settings.batch_size):
        with machine.autocast():
            terms = network(*train.batch(members, machine.device), noise)
        pressed = terms.divergences.mean(0).clamp_min(settings.free_bits).sum()
        loss = terms.reconstruction.mean() + kl_weight * pressed
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        totals += torch.stack([terms.reconstruction.detach().sum(), terms.divergence.detach().sum()])
    reconstruction, divergence = (totals / len(train.segments)).tolist()
    return reconstruction, divergence


@torch.inference_mode()
def autoencoder_loss(
    network: Network, examples: Examples, kl_weight: float, seed: int, machine: Machine, size: int = 4096
) -> float:
    """Eq. 2 on given examples, mean over segments, with the same noise whenever it is called with the same seed."""
    noise = torch.Generator(machine.device).manual_seed(seed_for(seed, "held-out noise"))
    total = 0.0
    for start in range(0, len(examples.segments), size):
        with machine.autocast():
            terms = network(*examples.batch(slice(start, start + size), machine.device), noise)
        total += float((terms.reconstruction + kl_weight * terms.divergence).sum())
    return total / len(examples.segments)


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
    network.scale.fit(train.sequences.values.to(machine.device))
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
                losses = _losses(network, train, part, machine) * weights[part]
                loss = losses.sum() / weight
                torch.autograd.backward(loss)
                total += loss.detach() * len(members)
            optimiser.step()
        network.eval()
        held_out = classifier_loss(network, validation, machine)
        mean_loss = float(total) / len(train.labels)
        if not math.isfinite(mean_loss + held_out):
            raise _diverged(mean_loss + held_out, "classifier", epoch)
        curve.append({"loss": mean_loss, "validation": held_out, **_accuracy(network, validation, machine)})
        on_epoch(epoch, curve[-1])
        best.see(epoch, held_out)
        if epoch - best.epoch >= settings.patience:
            break
    best.restore()
    return curve


@torch.inference_mode()
def classifier_loss(network: SequenceReader, examples: Labelled, machine: Machine) -> float:
    """The loss on given examples, mean over utterances, each weighing the same."""
    everyone = np.arange(len(examples.labels))
    parts = within_memory(examples.sequences.lengths, everyone)
    return sum(float(_losses(network, examples, part, machine).sum()) for part in parts) / len(everyone)


def _accuracy(network: SequenceReader, examples: Labelled, machine: Machine) -> Epoch:
    if isinstance(network, LSTMRegressor):
        return {}
    return {"accuracy": float((predict(network, examples.sequences, machine).argmax(1) == examples.labels).mean())}


def predict(network: SequenceReader, sequences: Sequences, machine: Machine) -> NDArray[np.float32]:
    """The probability of every class, [utterance, class]; of a regressor the value, [utterance, 1]."""
    if isinstance(network, LSTMRegressor):
        return over(network, sequences, machine).numpy()
    return over(lambda batch, lengths: network(batch, lengths).softmax(-1), sequences, machine).numpy()


@torch.inference_mode()
def over(compute: Callable[[Tensor, Tensor], Tensor], sequences: Sequences, machine: Machine) -> Tensor:
    """What a function (batch, lengths) -> [utterance, value] says of all sequences, float32 on the CPU, in their order.

    They come in batches that fit into memory.
    """
    everyone = np.arange(len(sequences.lengths))
    parts = list(within_memory(sequences.lengths, everyone))
    out: list[Tensor] = []
    for members in parts:
        batch, lengths = padded(sequences, members)
        with machine.autocast():
            out.append(compute(batch.to(machine.device), lengths.to(machine.device)).float().cpu())
    order = np.argsort(np.concatenate(parts))
    return torch.cat(out)[order]


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


def _losses(network: SequenceReader, examples: Labelled, members: NDArray[np.int64], machine: Machine) -> Tensor:
    """The loss of each of these utterances, [utterance]."""
    batch, lengths = padded(examples.sequences, members)
    labels = torch.from_numpy(examples.labels[members])
    with machine.autocast():
        return network.losses(batch.to(machine.device), lengths.to(machine.device), labels.to(machine.device))


def _diverged(loss: float, what: str, epoch: int) -> EmovaeError:
    return EmovaeError(
        f"the {what}'s loss is {loss} after epoch {epoch + 1}: training diverged; lower {what}.learning_rate"
    )
