"""The conditional variational autoencoder (section 3.1): Q(z|X, c) and P(X|z, c)."""

from typing import final

import torch
from torch import Tensor, nn

from emovae.autoencoders.mlp import (
    Latent,
    Noise,
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
class CVAE(nn.Module):
    """A VAE whose encoder reads the segment with its class beside it, and whose decoder reads z with the class.

    The formula conditions both; the text concatenates the class at the encoder only, which is
    `condition_decoder = false`.

    Args:
        values: how many values a segment has.
        classes: how many values a condition has.
        settings: widths, activation, and whether the decoder is told the class.
        generator: draws the first weights.
    """

    def __init__(self, values: int, classes: int, settings: Autoencoder, generator: torch.Generator) -> None:
        super().__init__()
        widths = (values + classes, *settings.hidden)
        self.condition_decoder = settings.condition_decoder
        self.encoder = stack(widths, settings, generator)
        self.mean = linear(widths[-1], settings.latent, generator)
        self.log_variance = linear(widths[-1], settings.latent, generator)
        told = classes if settings.condition_decoder else 0
        self.decoder = decoder(settings.latent + told, values, settings, generator)

    def encode(self, segments: Tensor, condition: Tensor) -> Latent:
        """Segments [segment, value] and their classes, one-hot [segment, class] -> the parameters of Q(z|X, c)."""
        hidden = self.encoder(torch.cat([segments, condition.to(segments.dtype)], -1))
        return Latent(self.mean(hidden).float(), self.log_variance(hidden).float())

    def forward(self, segments: Tensor, condition: Tensor, generator: Noise) -> Terms:
        """The two terms of eq. 2 for segments and classes as in `encode`, the first estimated by one draw of z."""
        given = self.encode(segments, condition)
        latent = reparameterised(given, generator)
        if self.condition_decoder:
            latent = torch.cat([latent, condition], -1)
        return Terms(squared_distance(segments, self.decoder(latent)), divergences(given))
