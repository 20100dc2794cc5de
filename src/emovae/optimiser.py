"""Adam for an autoencoder, and a faster one for products in bfloat16.

Autocast rounds all weights anew at each step and widens all gradients, and each time they pass through the processor's
caches. `RoundedAdam` keeps the rounded weights in the network and the exact ones beside it, and rounds and widens what
it has at hand. What is learned is the same: to the bit where the widths fill vectors of sixteen, as usual ones do.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from emovae.machine import Machine
from emovae.settings import Autoencoder

AT_ONCE = 100_000
"""Weights moved at once: with gradient and moments they fit into a second cache of 2 MiB."""


class PlainAdam:
    """PyTorch's own."""

    def __init__(self, network: nn.Module, settings: Autoencoder) -> None:
        self.network = network
        self.adam = torch.optim.Adam(
            network.parameters(), settings.learning_rate, settings.betas, settings.epsilon, fused=True
        )

    def step(self) -> None:
        """Moves the weights, and forgets their gradients."""
        self.adam.step()
        self.adam.zero_grad()

    def weights(self) -> Mapping[str, Tensor]:
        """The float32 weights by their names; the next step changes them."""
        return self.network.state_dict()

    def finish(self) -> None:
        """The network has its weights already."""


class _Place(NamedTuple):
    """Where a weight lies among all of them."""

    name: str
    weight: nn.Parameter
    span: slice


class _Part(NamedTuple):
    """Consecutive weights that are moved together, each array [weight].

    Attributes:
        gradients: for each parameter with a share: itself, the share, and where its gradient is widened to.
        exact: float32.
        gradient: float32.
        means: of the gradient.
        squares: of the gradient, their mean.
        rounded: those of linear layers, as the network has them.
    """

    gradients: list[tuple[nn.Parameter, slice, Tensor]]
    exact: Tensor
    gradient: Tensor
    means: Tensor
    squares: Tensor
    rounded: Tensor


class RoundedAdam:
    """Adam (Kingma and Ba 2015) on the CPU. Until `finish`, linear layers of the network are bfloat16.

    Args:
        network: what learns; each weight must have a share in the loss.
        settings: the length of a step and the decay of both moments.
    """

    def __init__(self, network: nn.Module, settings: Autoencoder) -> None:
        self.settings = settings
        rounded = {
            id(weight) for layer in network.modules() if isinstance(layer, nn.Linear) for weight in layer.parameters()
        }
        named = sorted(network.named_parameters(), key=lambda each: id(each[1]) not in rounded)
        self.places, start = list[_Place](), 0
        for name, weight in named:
            self.places.append(_Place(name, weight, slice(start, start := start + weight.numel())))
        self.exact = torch.cat([weight.detach().flatten() for _, weight in named])
        self.rounded = self.exact[: sum(weight.numel() for _, weight in named if id(weight) in rounded)].bfloat16()
        for place in self.places:
            held = self.rounded if id(place.weight) in rounded else self.exact
            place.weight.data = held[place.span].view_as(place.weight)
        moments, gradient = torch.zeros(2, start), torch.empty(min(start, AT_ONCE))
        self.parts = [self._part(first, moments, gradient) for first in range(0, start, AT_ONCE)]
        self.steps = torch.zeros(())

    def _part(self, first: int, moments: Tensor, gradient: Tensor) -> _Part:
        end = min(first + AT_ONCE, len(self.exact))
        gradients = list[tuple[nn.Parameter, slice, Tensor]]()
        for place in self.places:
            low, high = max(first, place.span.start), min(end, place.span.stop)
            if low < high:
                share = slice(low - place.span.start, high - place.span.start)
                gradients.append((place.weight, share, gradient[low - first : high - first]))
        span = slice(first, end)
        means, squares = moments[:, span]
        return _Part(gradients, self.exact[span], gradient[: end - first], means, squares, self.rounded[span])

    @torch.no_grad()
    def step(self) -> None:
        """Moves the weights, and forgets their gradients."""
        self.steps += 1
        for part in self.parts:
            self._move(part)
        for place in self.places:
            place.weight.grad = None

    def _move(self, part: _Part) -> None:
        for weight, share, widened in part.gradients:
            assert weight.grad is not None
            widened.copy_(weight.grad.view(-1)[share])
        # What `torch.optim.Adam(fused=True)` calls, without its round through Python.
        torch._fused_adam_(
            [part.exact],
            [part.gradient],
            [part.means],
            [part.squares],
            [],
            [self.steps],
            lr=self.settings.learning_rate,
            beta1=self.settings.betas[0],
            beta2=self.settings.betas[1],
            weight_decay=0.0,
            eps=self.settings.epsilon,
            amsgrad=False,
            maximize=False,
        )
        part.rounded.copy_(part.exact[: len(part.rounded)])

    def weights(self) -> Mapping[str, Tensor]:
        """The float32 weights by their names; the next step changes them."""
        return {place.name: self.exact[place.span].view_as(place.weight) for place in self.places}

    def finish(self) -> None:
        """Gives the network its exact weights."""
        for place in self.places:
            place.weight.data = self.exact[place.span].view_as(place.weight).clone()


Adam = PlainAdam | RoundedAdam


def adam(network: nn.Module, settings: Autoencoder, machine: Machine) -> Adam:
    """The faster of both on a machine."""
    rounded = machine.precision == "bfloat16" and machine.device == "cpu"
    return RoundedAdam(network, settings) if rounded else PlainAdam(network, settings)
