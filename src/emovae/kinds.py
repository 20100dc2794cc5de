"""The names that commands choose among; a module of its own, so that help comes without pydantic."""

from typing import Literal

Portable = Literal["AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM"]
"""Models that can be taken along."""
Model = Literal[Portable, "AE-SVM", "VAE-SVM", "AE-LDA", "VAE-LDA"]
"""All that have an autoencoder."""
SHARED = {"AE-SVM": "AE-LSTM", "VAE-SVM": "VAE-LSTM", "AE-LDA": "AE-LSTM", "VAE-LDA": "VAE-LSTM"}
"""Machines that read latents -> the model whose autoencoder they share, file and seed."""
PRINCIPAL = ("PCA-SVM", "PCA-LDA")
"""Machines that read principal components."""
MACHINES = ("functionals-SVM", "functionals-LDA", "eGeMAPS-SVM", *PRINCIPAL, *SHARED)
"""Support vector machines and discriminants, which read statistics over time, whatever `merge` says."""
Target = Literal["emotion", "arousal", "power", "valence"]
