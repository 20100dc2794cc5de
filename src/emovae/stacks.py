"""Autoencoders of one shape learn side by side, as one network with a dimension more: on a GPU one is as quick as many.

Each has segments, an order of batches and noise of its own, draws them as it would alone, and moves only at its own
steps; so what it learns does not depend on its company, but for the order in which a processor adds.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from emovae.autoencoders import AE, CVAE, VAE, Generators
from emovae.course import Course, Epoch, OnEpoch
from emovae.examples import Examples
from emovae.machine import Machine
from emovae.seeds import seed_for
from emovae.settings import Autoencoder
from emovae.training import autoencoder_loss

Stackable = AE | VAE | CVAE
"""An SSVAE draws classes, and learns alone."""


class Member(NamedTuple):
    """One that learns: see `train_autoencoder`."""

    network: Stackable
    train: Examples
    validation: Examples
    seed: int
    on_epoch: OnEpoch


class StackedLinear(nn.Module):
    """A layer of several networks: [network, segment, input] -> [network, segment, output]."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, values: Tensor) -> Tensor:
        """Each network's own products."""
        return torch.baddbmm(self.bias.unsqueeze(1), values, self.weight.mT)


def stacked(networks: Sequence[Stackable]) -> Stackable:
    """Networks of one shape as one, whose arrays have a dimension more before their own.

    The weights are shared: from here on those of each network are a part of the stack's.
    """
    stack = copy.deepcopy(networks[0])
    for name, layer in list(stack.named_modules()):
        if isinstance(layer, nn.Linear):
            theirs = [network.get_submodule(name) for network in networks]
            together = StackedLinear([one for one in theirs if isinstance(one, nn.Linear)])
            above, _, last = name.rpartition(".")
            setattr(stack.get_submodule(above), last, together)
            for place, one in enumerate(theirs):
                one.weight.data, one.bias.data = together.weight.data[place], together.bias.data[place]
    return stack


def train_stacked(members: Sequence[Member], settings: Autoencoder, machine: Machine) -> list[list[Epoch]]:
    """What `train_autoencoder` does, for all members at once.

    Returns:
        The learning curve of each.

    Raises:
        EmovaeError: as `train_autoencoder`, for any of them.
    """
    networks = [member.network.to(machine.device) for member in members]
    stack = _Stack(members, settings, machine)
    courses = [Course(settings, member.on_epoch) for member in members]
    learning = list(range(len(members)))
    while learning:
        # All that still learn are in the same epoch.
        learned = stack.learn_once(learning, courses[learning[0]].kl_weight)
        for place in list(learning):
            loss = autoencoder_loss(
                networks[place], stack.validation[place], settings.kl_weight, members[place].seed, machine
            )
            if not courses[place].goes_on(learned[place], loss, networks[place].state_dict()):
                learning.remove(place)
    for network, course in zip(networks, courses, strict=True):
        for weight in network.parameters():
            weight.data = weight.data.clone()
        course.end(network)
    return [course.curve for course in courses]


class _Stack:
    """The networks as one, and what each of them draws from."""

    def __init__(self, members: Sequence[Member], settings: Autoencoder, machine: Machine) -> None:
        self.settings, self.machine = settings, machine
        self.networks = [member.network for member in members]
        self.network = stacked(self.networks)
        self.train = [member.train.on(machine.device) for member in members]
        self.validation = [member.validation.on(machine.device) for member in members]
        seeds = [member.seed for member in members]
        self.shuffles = [torch.Generator().manual_seed(seed_for(seed, "shuffle")) for seed in seeds]
        self.noises = [torch.Generator(machine.device).manual_seed(seed_for(seed, "noise")) for seed in seeds]
        self.weights = list(zip(*(one.parameters() for one in (self.network, *self.networks)), strict=True))
        parts = [part for _, *parts in self.weights for part in parts]
        self.adam = torch.optim.Adam(parts, settings.learning_rate, settings.betas, settings.epsilon, fused=True)

    def learn_once(self, learning: Sequence[int], kl_weight: float) -> list[tuple[float, float]]:
        """One epoch of those that still learn; the mean terms of eq. 2 of each (zero of others)."""
        orders: list[Sequence[Tensor]] = [()] * len(self.networks)
        for place in learning:
            order = torch.randperm(len(self.train[place].segments), generator=self.shuffles[place])
            orders[place] = torch.split(order.to(self.machine.device), self.settings.batch_size)
        totals = torch.zeros(2, len(orders), device=self.machine.device)
        for number in range(max(map(len, orders))):
            totals += self._step([order[number] if number < len(order) else None for order in orders], kl_weight)
        sizes = torch.tensor([len(some.segments) for some in self.train], device=self.machine.device)
        reconstruction, divergence = (totals / sizes).tolist()
        return list(zip(reconstruction, divergence, strict=True))

    def _step(self, batches: Sequence[Tensor | None], kl_weight: float) -> Tensor:
        """One step of each network that has a batch; sums over its segments of both terms, [term, network]."""
        segments, conditions, counts = self._gathered(batches)
        with self.machine.autocast():
            terms = self.network(segments, conditions, Generators(self.noises, counts))
        sizes = torch.tensor(counts, device=self.machine.device)
        real = torch.arange(self.settings.batch_size, device=self.machine.device) < sizes.unsqueeze(1)
        distance = torch.where(real, terms.reconstruction, 0.0).sum(1)
        apart = torch.where(real.unsqueeze(2), terms.divergences, 0.0).sum(1)
        each = sizes.clamp_min(1)
        pressed = (apart / each.unsqueeze(1)).clamp_min(self.settings.free_bits).sum(1)
        torch.autograd.backward((distance / each + kl_weight * pressed).sum())
        self._move(counts)
        return torch.stack([distance.detach(), apart.detach().sum(1)])

    def _gathered(self, batches: Sequence[Tensor | None]) -> tuple[Tensor, Tensor | None, list[int]]:
        """Segments and conditions [network, segment, value], zeros beyond the end of a batch, and its length."""
        shape, some = (len(batches), self.settings.batch_size), self.train[0]
        segments = some.segments.new_zeros(*shape, some.segments.shape[1])
        conditions = None if some.conditions is None else some.conditions.new_zeros(*shape, some.conditions.shape[1])
        for place, members in enumerate(batches):
            if members is not None:
                values, told = self.train[place].batch(members)
                segments[place, : len(members)] = values
                if conditions is not None and told is not None:
                    conditions[place, : len(members)] = told
        return segments, conditions, [0 if members is None else len(members) for members in batches]

    def _move(self, counts: Sequence[int]) -> None:
        """A step of Adam for each network that had a batch: it skips a weight without a gradient."""
        for together, *parts in self.weights:
            gradient, together.grad = together.grad, None
            for part, count, one in zip(parts, counts, gradient if gradient is not None else (), strict=True):
                part.grad = one if count else None
        self.adam.step()
