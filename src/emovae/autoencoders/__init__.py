"""The ways to a latent space. A new one is a file here and a name in `kinds.Portable`."""

from itertools import pairwise
from typing import TypeAlias, get_args

import torch

from emovae.autoencoders.ae import AE
from emovae.autoencoders.cvae import CVAE
from emovae.autoencoders.mlp import Generators, Latent, Noise, Share, Terms
from emovae.autoencoders.ssvae import SSVAE
from emovae.autoencoders.vae import VAE
from emovae.config import CONDITIONED
from emovae.kinds import Portable
from emovae.settings import Autoencoder

__all__ = [
    "AE",
    "CVAE",
    "SSVAE",
    "VAE",
    "Generators",
    "Latent",
    "Network",
    "Noise",
    "Share",
    "Terms",
    "build",
    "weights_in",
]

Network: TypeAlias = AE | VAE | CVAE | SSVAE


def weights_in(model: str, values: int, classes: int, settings: Autoencoder) -> int:
    """How many weights an autoencoder's layers have at least, without making any; arguments as for `build`."""
    told = classes if model in CONDITIONED and settings.condition_decoder else 0
    inwards = (values + (classes if model == "CVAE-LSTM" else 0), *settings.hidden, settings.latent)
    outwards = (settings.latent + told, *settings.hidden[::-1], values)
    priors = classes * settings.latent if model == "SSVAE-LSTM" else 0
    return priors + sum(inputs * outputs for inputs, outputs in (*pairwise(inwards), *pairwise(outwards)))


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
    raise ValueError(f"there is no autoencoder for {model}; the models are {', '.join(get_args(Portable))}")
