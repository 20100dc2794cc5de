"""The names that commands choose among; a module of its own, so that help comes without pydantic."""

from typing import Literal, get_args

Portable = Literal["AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM"]
"""Models that can be taken along."""
Model = Literal[Portable, "AE-SVM", "VAE-SVM", "AE-LDA", "VAE-LDA"]
"""All that have an autoencoder."""
SHARED = {"AE-SVM": "AE-LSTM", "VAE-SVM": "VAE-LSTM", "AE-LDA": "AE-LSTM", "VAE-LDA": "VAE-LSTM"}
"""Machines that read latents -> the model whose autoencoder they share, file and seed."""
PRINCIPAL = ("PCA-SVM", "PCA-LDA")
"""Machines that read principal components."""
Bare = Literal["segments-SVM", "segments-LDA"]
CUT = (*PRINCIPAL, *get_args(Bare))
"""Machines that read segments without an autoencoder."""
Prosodic = Literal["prosody-SVM", "prosody-LDA"]
PROSODIC = get_args(Prosodic)
"""Machines that read what `front_end.prosody` has put behind the bands, and nothing else."""
Cepstral = Literal["cepstra-SVM", "cepstra-LDA"]
CEPSTRAL = get_args(Cepstral)
"""Machines that read cepstral coefficients and how they move."""
ALONE = ("functionals-SVM", "functionals-LDA", "eGeMAPS-SVM", *CUT, *PROSODIC, *CEPSTRAL, *SHARED)
"""Support vector machines and discriminants, which read statistics over time, whatever `merge` says."""
Ensembled = Literal["segments", "PCA", "AE", "VAE"]
ENSEMBLES = {f"{read}-ensemble": f"{read}-LDA" for read in ("segments", "PCA", "AE", "VAE")}
"""Machines together -> what reads the segments among them, see `ensembles`."""
GRADUATES = (*get_args(Portable), "AE-ensemble", "VAE-ensemble")
"""What `emovae train` and a `Recognizer` train, to be taken along."""
USUAL = {"best": "VAE-ensemble"}
"""What a preset trains where no model is named."""
ORDINARY = "VAE-LSTM"
"""What the other presets train there."""
MACHINES = (*ALONE, *ENSEMBLES)
"""All that `normalise_statistics` is for."""
Beside = Literal["prosody", "cepstra"]
Target = Literal["emotion", "arousal", "power", "valence"]
