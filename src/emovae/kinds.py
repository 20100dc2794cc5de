"""The names that commands choose among; a module of its own, so that help comes without pydantic."""

from typing import Literal

Model = Literal["AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM"]
Target = Literal["emotion", "arousal", "power", "valence"]
