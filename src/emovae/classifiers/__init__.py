"""What reads an utterance's sequence of latents and names its class."""

from emovae.classifiers.lstm import LSTMClassifier

__all__ = ["LSTMClassifier"]
