"""Honest rows beside the learned ones: what a table shows before any autoencoder has learned anything."""

from emovae.baselines import functionals_svm, majority, principal, speaker_oracle

__all__ = ["functionals_svm", "majority", "principal", "speaker_oracle"]
