"""The names that commands choose among; a module of its own, so that help comes without pydantic."""

from typing import Literal

Portable = Literal["AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM"]
"""Models that can be taken along."""
Model = Literal[Portable, "AE-SVM", "VAE-SVM"]
"""All that have an autoencoder."""
SHARED = {"AE-SVM": "AE-LSTM", "VAE-SVM": "VAE-LSTM"}
"""Machines that read latents -> the model whose autoencoder they share, file and seed."""
Target = Literal["emotion", "arousal", "power", "valence"]
