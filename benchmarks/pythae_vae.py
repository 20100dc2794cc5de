"""Our VAE as a model of pythae's, with our loss."""

from typing import Any

import pythae.models
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import Tensor

from emovae.autoencoders import VAE


class Encoder(BaseEncoder):  # type: ignore[misc]
    """Our encoder for pythae."""

    def __init__(self, network: VAE) -> None:
        super().__init__()
        self.network = network

    def forward(self, segments: Tensor) -> ModelOutput:
        """Q(z|X)."""
        mean, log_variance = self.network.encode(segments)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):  # type: ignore[misc]
    """Our decoder for pythae."""

    def __init__(self, network: VAE) -> None:
        super().__init__()
        self.layers = network.decoder

    def forward(self, latent: Tensor) -> ModelOutput:
        """The mean of P(X|z)."""
        return ModelOutput(reconstruction=self.layers(latent))


class WholeSquares(pythae.models.VAE):  # type: ignore[misc]
    """Pythae's VAE with eq. 2 as its loss: its own halves the squared error."""

    def loss_function(self, recon_x: Tensor, x: Tensor, mu: Tensor, log_var: Tensor, z: Tensor) -> Any:
        """Squared distance, plus KL, and both alone; means over the batch."""
        _, half, divergence = super().loss_function(recon_x, x, mu, log_var, z)
        return 2 * half + divergence, 2 * half, divergence


def in_pythae(network: VAE, values: int, latent: int) -> WholeSquares:
    """Our network as a model of pythae's."""
    return WholeSquares(pythae.models.VAEConfig((values,), latent), Encoder(network), Decoder(network))
