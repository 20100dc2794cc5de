"""The autoencoder: the VAE's layers with a fully connected one in place of the Gaussian (section 4.3)."""

from typing import final

import torch
from torch import Tensor, nn

from emovae.autoencoders.mlp import Noise, Terms, decoder, linear, squared_distance, stack
from emovae.settings import Autoencoder


@final
class AE(nn.Module):
    """800 - 512 - 256 - 128 - 256 - 512 - 800.

    Args:
        values: how many values a segment has.
        settings: widths and activation.
        generator: draws the first weights.
    """

    def __init__(self, values: int, settings: Autoencoder, generator: torch.Generator) -> None:
        super().__init__()
        widths = (values, *settings.hidden)
        self.encoder = stack(widths, settings, generator)
        self.code = linear(widths[-1], settings.latent, generator)
        self.decoder = decoder(settings.latent, values, settings, generator)

    def encode(self, segments: Tensor) -> Tensor:
        """Segments [segment, value] -> their codes [segment, latent]: points, without a variance."""
        code: Tensor = self.code(self.encoder(segments))
        return code.float()

    def forward(self, segments: Tensor, _condition: None, _generator: Noise) -> Terms:
        """The reconstruction term of eq. 2 for segments [segment, value]; the divergence is zero."""
        code = self.encode(segments)
        return Terms(squared_distance(segments, self.decoder(code)), torch.zeros_like(code))
