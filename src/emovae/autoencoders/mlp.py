"""What all autoencoders share: fully connected layers, and weights drawn from a generator given by hand."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from emovae.settings import Autoencoder

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU}


class Latent(NamedTuple):
    """The Gaussian that a variational encoder names for each segment.

    Attributes:
        mean: [segment, latent].
        log_variance: [segment, latent].
    """

    mean: Tensor
    log_variance: Tensor


class Terms(NamedTuple):
    """The two terms of eq. 2, one value a segment.

    Attributes:
        reconstruction: squared distance |X - X^|^2, summed over the segment's values, [segment].
        divergences: what each latent feature adds to KL[Q(z|X) || P(z)], in nats, [segment, latent]; zero for the
            autoencoder.
    """

    reconstruction: Tensor
    divergences: Tensor

    @property
    def divergence(self) -> Tensor:
        """KL[Q(z|X) || P(z)] in nats, [segment]."""
        return self.divergences.sum(-1)


def linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A layer with PyTorch's usual weights, uniform within 1 / sqrt(inputs), and offsets of zero."""
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def stack(widths: Sequence[int], settings: Autoencoder, generator: torch.Generator) -> nn.Sequential:
    """Layers of these widths, an activation after each."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [linear(inputs, outputs, generator), ACTIVATIONS[settings.activation]()]
    return nn.Sequential(*layers)


def decoder(inputs: int, values: int, settings: Autoencoder, generator: torch.Generator) -> nn.Sequential:
    """The encoder's widths in reverse, and a linear layer to the segment's values."""
    hidden = settings.hidden[::-1]
    return nn.Sequential(
        *stack((inputs, *hidden), settings, generator),
        linear(hidden[-1] if hidden else inputs, values, generator),
    )


def squared_distance(segments: Tensor, reconstructed: Tensor) -> Tensor:
    """|X - X^|^2 of each segment, [segment]; Latif et al. (2018), eq. 2, first term; only X^ is learned from."""
    distance: Tensor = _SquaredDistance.apply(reconstructed, segments)  # type: ignore[no-untyped-call]
    return distance


class _SquaredDistance(torch.autograd.Function):
    """Its gradient in one product; autograd's own way writes as many values four times as often."""

    @staticmethod
    def forward(ctx: Any, reconstructed: Tensor, segments: Tensor) -> Tensor:
        # Float32 whatever the products were: 800 squares in bfloat16 would keep eight bits of a loss.
        apart = segments.to(torch.float32, copy=True).sub_(reconstructed)
        ctx.save_for_backward(apart)
        ctx.dtype = reconstructed.dtype
        distance: Tensor = torch.linalg.vector_norm(apart, dim=-1).square()
        return distance

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (apart,) = ctx.saved_tensors
        return torch.mul(apart, -2 * gradient.unsqueeze(-1), out=torch.empty_like(apart, dtype=ctx.dtype)), None


def divergences(latent: Latent, prior: Latent | None = None) -> Tensor:
    """What each feature adds to KL[Q(z|X) || P(z)] in nats, [segment, latent]; its sum is eq. 2, second term.

    Args:
        latent: Q(z|X).
        prior: P(z), of the same shape; the standard Gaussian where there is none.

    >>> divergences(Latent(torch.ones(1, 128), torch.zeros(1, 128))).sum().item()
    64.0
    """
    mean, log_variance = latent
    if prior is None:
        return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)
    apart = log_variance - prior.log_variance
    far = (mean - prior.mean).square() * (-prior.log_variance).exp()
    return 0.5 * (far + apart.exp() - 1.0 - apart)


class Generators(NamedTuple):
    """Of each network of a stack (see `stacks`) what draws its noise, and for how many segments of the batch."""

    each: Sequence[torch.Generator]
    segments: Sequence[int]


class Share(NamedTuple):
    """What draws the noise of a batch whose rows do not all lie here (see `company`).

    Attributes:
        generator: draws for the whole batch, so that a row's noise is the same wherever the row lies.
        rows: of the whole batch.
        here: which of them lie here, int64 [row here].
    """

    generator: torch.Generator
    rows: int
    here: Tensor


Noise: TypeAlias = torch.Generator | Generators | Share


def reparameterised(latent: Latent, generator: Noise) -> Tensor:
    """Z = mean + delta * deviation, delta drawn from N(0, 1) (section 4.3), of the shape of both."""
    mean, log_variance = latent
    if isinstance(generator, Generators):
        noise = torch.zeros_like(mean)
        for place, (one, segments) in enumerate(zip(*generator, strict=True)):
            noise[place, :segments].normal_(generator=one)
    elif isinstance(generator, Share):
        whole = mean.new_empty(generator.rows, mean.shape[1]).normal_(generator=generator.generator)
        noise = whole[generator.here]
    else:
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
    return mean + noise * (0.5 * log_variance).exp()
