"""The ways to a latent space. A new one is a file here and a name in `config.Model`."""

from typing import TypeAlias, get_args

import torch

from emovae.autoencoders.ae import AE
from emovae.autoencoders.cvae import CVAE
from emovae.autoencoders.mlp import Generators, Latent, Terms
from emovae.autoencoders.ssvae import SSVAE
from emovae.autoencoders.vae import VAE
from emovae.config import Autoencoder
from emovae.kinds import Model

__all__ = ["AE", "CVAE", "SSVAE", "VAE", "Generators", "Latent", "Network", "Terms", "build"]

Network: TypeAlias = AE | VAE | CVAE | SSVAE


def build(model: str, values: int, classes: int, settings: Autoencoder, generator: torch.Generator) -> Network:
    """The autoencoder of a model, with fresh weights.

    Args:
        model: as the paper names it.
        values: how many values a segment has.
        classes: how many values a condition has; the AE and the VAE are told no class.
        settings: widths, activation, the decoder's condition.
        generator: draws the first weights.
    """
    match model:
        case "AE-LSTM":
            return AE(values, settings, generator)
        case "VAE-LSTM":
            return VAE(values, settings, generator)
        case "CVAE-LSTM":
            return CVAE(values, classes, settings, generator)
        case "SSVAE-LSTM":
            return SSVAE(values, classes, settings, generator)
    raise ValueError(f"there is no autoencoder for {model}; the models are {', '.join(get_args(Model))}")
