"""The semi-supervised reading of the conditional autoencoder: Q(z|X), P(z|c) and P(X|z, c).

The encoder sees the segment alone, so a tested utterance needs no class; what a class is, the prior and the decoder
learn. A segment without a class is learned from, too, under classes drawn by their weights: Kingma et al. (2014),
"Semi-supervised learning with deep generative models", with the prior of the classes in place of a learned Q(c|X).
"""

from typing import final

import torch
from torch import Tensor, nn

from emovae.autoencoders.mlp import (
    Latent,
    Share,
    Terms,
    decoder,
    divergences,
    linear,
    reparameterised,
    squared_distance,
    stack,
)
from emovae.settings import Autoencoder


@final
class SSVAE(nn.Module):
    """A VAE whose prior is a Gaussian for each class, and whose decoder reads z with the class.

    Args:
        values: how many values a segment has.
        classes: how many values a condition has.
        settings: widths, activation, and whether the decoder is told the class.
        generator: draws the first weights.
    """

    def __init__(self, values: int, classes: int, settings: Autoencoder, generator: torch.Generator) -> None:
        super().__init__()
        widths = (values, *settings.hidden)
        self.condition_decoder = settings.condition_decoder
        self.encoder = stack(widths, settings, generator)
        self.mean = linear(widths[-1], settings.latent, generator)
        self.log_variance = linear(widths[-1], settings.latent, generator)
        told = classes if settings.condition_decoder else 0
        self.decoder = decoder(settings.latent + told, values, settings, generator)
        # Every class begins as the standard Gaussian.
        self.prior_mean = nn.Parameter(torch.zeros(classes, settings.latent))
        self.prior_log_variance = nn.Parameter(torch.zeros(classes, settings.latent))

    def encode(self, segments: Tensor) -> Latent:
        """Segments [segment, value] -> the parameters of Q(z|X)."""
        hidden = self.encoder(segments)
        return Latent(self.mean(hidden).float(), self.log_variance(hidden).float())

    def forward(self, segments: Tensor, condition: Tensor, generator: torch.Generator | Share) -> Terms:
        """The two terms of eq. 2 for segments [segment, value] and weights of their classes [segment, class].

        The first is estimated by one draw of z, the second is KL[Q(z|X) || P(z|c)]; where no class has all the weight,
        one is drawn.
        """
        drawn = _drawn(condition, generator)
        given = self.encode(segments)
        latent = reparameterised(given, generator)
        if self.condition_decoder:
            latent = torch.cat([latent, torch.eye(condition.shape[1], device=condition.device)[drawn]], -1)
        prior = Latent(self.prior_mean[drawn], self.prior_log_variance[drawn])
        return Terms(squared_distance(segments, self.decoder(latent)), divergences(given, prior))


def _drawn(condition: Tensor, generator: torch.Generator | Share) -> Tensor:
    """A class for each row of weights [segment, class], [segment]."""
    if not isinstance(generator, Share):
        return torch.multinomial(condition, 1, generator=generator).squeeze(1)
    # As `multinomial` draws one: the class whose exponential time, at its weight as the rate, is the first.
    times = condition.new_empty(generator.rows, condition.shape[1]).exponential_(generator=generator.generator)
    return (condition / times[generator.here]).argmax(1)
