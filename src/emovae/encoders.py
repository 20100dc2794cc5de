"""The trained autoencoder of a cell: read where it is finished, trained and kept otherwise."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from emovae import weights
from emovae.autoencoders import AE, CVAE, Network, build
from emovae.config import CONDITIONED
from emovae.course import Epoch, OnEpoch
from emovae.errors import ProtocolError
from emovae.examples import Examples
from emovae.files import damaged
from emovae.grid import Cell, Context, autoencoder_members, encoder_model, seed_of
from emovae.keys import autoencoder_key
from emovae.latents import conditions
from emovae.normalise import Normaliser
from emovae.seeds import seed_for
from emovae.segments import frames_per_segment, segment
from emovae.training import train_autoencoder

ACTIVE_VARIANCE = 0.01
"""From this variance of its mean over segments on, a latent feature is active (Burda, Grosse, Salakhutdinov 2016)."""


class Use(NamedTuple):
    """How much of the latent space says something of held-out speech; a collapsed one is seen here.

    Attributes:
        active: how many features move with the segment.
        divergence: KL[Q(z|X) || P(z)] of a segment in nats, of an SSVAE from P(z|c); None for an autoencoder.
    """

    active: int
    divergence: float | None


class Encoder(NamedTuple):
    """A trained autoencoder, its learning curve (see `training`), and what its latent space is used for."""

    network: Network
    curve: list[Epoch]
    use: Use


def kept_encoder(context: Context, cell: Cell) -> Encoder | None:
    """The finished autoencoder of a cell, on the CPU, or None.

    Raises:
        OutputError: when its file is damaged.
    """
    place = encoder_place(context, cell)
    kept = weights.kept(place)
    if kept is None:
        return None
    network = fresh_network(context, cell)
    try:
        network.load_state_dict(kept.tensors)
        return Encoder(network, kept.told["curve"], Use(**kept.told["use"]))
    except (RuntimeError, KeyError, TypeError) as error:
        raise damaged(place, error) from error


def encoder_of(context: Context, cell: Cell, normaliser: Normaliser, on_epoch: OnEpoch) -> Encoder:
    """The trained autoencoder of a cell, on the machine's device.

    Args:
        context: what all cells share.
        cell: one with an autoencoder.
        normaliser: the scale of the frames.
        on_epoch: who is told of each epoch, where it has to be trained.

    Raises:
        EmovaeError: when training diverges, nobody has a condition, or the file is damaged.
    """
    machine, settings = context.machine, context.autoencoder(cell)
    if (kept := kept_encoder(context, cell)) is not None:
        return kept._replace(network=kept.network.to(machine.device))
    train, validation = examples_of(context, cell, normaliser)
    network = fresh_network(context, cell).to(machine.device)
    curve = train_autoencoder(
        network, train, validation, settings, seed_of(context, cell, "autoencoder"), machine, on_epoch
    )
    return keep_encoder(context, cell, network, curve, validation)


def keep_encoder(context: Context, cell: Cell, network: Network, curve: list[Epoch], validation: Examples) -> Encoder:
    """Writes what has been trained for a cell, and how much of its latent space is used on held-out segments."""
    use = use_of(network, validation, context.machine.device)
    weights.keep(encoder_place(context, cell), network.state_dict(), {"curve": curve, "use": use._asdict()})
    return Encoder(network, curve, use)


@torch.inference_mode()
def use_of(network: Network, examples: Examples, device: str, size: int = 4096) -> Use:
    """Active features, of a CVAE within each class, and the mean divergence, over given examples."""
    spread, divergence = _Spread(), 0.0
    for kept, condition in examples.on(device).blocks(size):
        segments = kept.float()
        # What the mean owes to the class that a CVAE's encoder is told says nothing of the segment.
        told = condition if isinstance(network, CVAE) else None
        spread.see(encoded(network, segments, condition), torch.ones(len(segments), 1) if told is None else told)
        divergence += float(network(segments, condition, torch.Generator(device).manual_seed(0)).divergence.sum())
    active = int((spread.variance() >= ACTIVE_VARIANCE).sum())
    return Use(active, None if isinstance(network, AE) else divergence / len(examples.segments))


class _Spread:
    """Variances within classes of many rows that are seen block by block."""

    def __init__(self) -> None:
        self.shift: torch.Tensor | None = None
        self.squares = self.sums = self.counts = torch.zeros((), dtype=torch.float64)

    def see(self, rows: torch.Tensor, told: torch.Tensor) -> None:
        """Rows [row, feature] and the class of each, one-hot [row, class]."""
        some, classes = rows.double().cpu(), told.double().cpu()
        if self.shift is None:  # squares about zero would drown a narrow feature
            self.shift = some.mean(0)
        some -= self.shift
        self.squares = self.squares + some.square().sum(0)
        self.sums = self.sums + classes.T @ some
        self.counts = self.counts + classes.sum(0)

    def variance(self) -> torch.Tensor:
        """Of each feature about its class's mean, [feature]."""
        between = (self.sums.square() / self.counts.clamp_min(1).unsqueeze(1)).sum(0)
        variance: torch.Tensor = (self.squares - between) / self.counts.sum()
        return variance


def encoded(network: Network, segments: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
    """The code, or the mean of Q(z|X), of each segment, [segment, latent]."""
    if isinstance(network, AE):
        return network.encode(segments)
    if isinstance(network, CVAE):
        assert condition is not None
        return network.encode(segments, condition).mean
    return network.encode(segments).mean


def encoder_place(context: Context, cell: Cell) -> Path:
    """The file of a cell's trained autoencoder."""
    return context.folder / f"{autoencoder_key(context, cell)}.safetensors"


def fresh_network(context: Context, cell: Cell) -> Network:
    """A cell's autoencoder before it has learned, on the CPU."""
    experiment = context.experiment
    return build(
        encoder_model(cell),
        frames_per_segment(experiment.segments) * experiment.front_end.columns,
        len(context.tasks[cell.task].condition_classes),
        context.autoencoder(cell),
        torch.Generator().manual_seed(seed_for(seed_of(context, cell, "autoencoder"), "weights")),
    )


def examples_of(context: Context, cell: Cell, normaliser: Normaliser) -> tuple[Examples, Examples]:
    """What a cell's autoencoder learns from, and what stops it.

    Raises:
        ProtocolError: see `members_of`.
    """
    train, validation = members_of(context, cell)
    return examples_from(context, cell, normaliser, train), examples_from(context, cell, normaliser, validation)


def members_of(context: Context, cell: Cell) -> tuple[list[int], list[int]]:
    """The utterances that a cell's autoencoder learns from, and those that stop it.

    Raises:
        ProtocolError: when nobody of them has a condition.
    """
    train, validation = autoencoder_members(context, cell)
    if not train or not validation:
        raise ProtocolError(
            f"{cell.model}, {context.fold(cell).name}: nobody who is learned from, or nobody who stops the learning,"
            " has an emotion to condition on; use --set condition=target"
        )
    return train, validation


def examples_from(context: Context, cell: Cell, normaliser: Normaliser, members: Sequence[int]) -> Examples:
    """The segments of utterances as a cell's autoencoder learns from them."""
    machine = context.machine
    segmented = segment(normaliser, members, context.experiment.segments, machine.room, machine.kept)
    if cell.model not in CONDITIONED:
        return Examples(segmented.values, None)
    task = context.tasks[cell.task]
    told = conditions(task.condition_numbers(members), len(task.condition_classes), oracle=True)
    return Examples(segmented.values, torch.from_numpy(np.repeat(told, np.diff(segmented.starts), axis=0)))
