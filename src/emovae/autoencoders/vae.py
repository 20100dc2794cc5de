"""The variational autoencoder (sections 3.1 and 4.3)."""

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
class VAE(nn.Module):
    """Q(z|X) is a Gaussian with diagonal covariance, P(z) the standard one, and the decoder names the mean of P(X|z).

    Args:
        values: how many values a segment has.
        settings: widths and activation.
        generator: draws the first weights.
    """

    def __init__(self, values: int, settings: Autoencoder, generator: torch.Generator) -> None:
        super().__init__()
        widths = (values, *settings.hidden)
        self.encoder = stack(widths, settings, generator)
        self.mean = linear(widths[-1], settings.latent, generator)
        self.log_variance = linear(widths[-1], settings.latent, generator)
        self.decoder = decoder(settings.latent, values, settings, generator)

    def encode(self, segments: Tensor) -> Latent:
        """Segments [segment, value] -> the parameters of Q(z|X)."""
        hidden = self.encoder(segments)
        return Latent(self.mean(hidden).float(), self.log_variance(hidden).float())

    def forward(self, segments: Tensor, _condition: None, generator: Noise) -> Terms:
        """The two terms of eq. 2 for segments [segment, value], the first estimated by one draw of z."""
        given = self.encode(segments)
        latent = reparameterised(given, generator)
        return Terms(squared_distance(segments, self.decoder(latent)), divergences(given))
