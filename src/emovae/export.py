"""A trained model becomes one ONNX file, held against the model itself before it is written."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.card import model_card
from emovae.errors import OutputError
from emovae.files import write_bytes
from emovae.portable import KEY, opened, signed
from emovae.trained import TrainedModel
from emovae.whole_graph import whole_graph

TOLERANCE = 1e-4
CHECKED_S = (0.01, 0.3, 1.0, 2.345, 5.0)
"""Lengths in seconds of the waveforms by which it is checked, and 1 % above as many more."""


def export(model: TrainedModel, out: Path) -> float:
    """Writes a model as an ONNX file; the greatest difference from the model that was found on trial waveforms.

    Args:
        model: what is to be written.
        out: the file.

    Raises:
        ConfigError: when onnx or onnxruntime is not installed.
        OutputError: when the file does not say what the model says, or cannot be written.
    """
    content = content_of(model)
    portable = opened(content, out)
    says, expected = portable.answer(trials()), model.answer(trials())
    found = max(
        float(np.abs(says.probabilities - expected.probabilities).max()),
        float(np.abs(says.said - expected.said).max()),
        float(np.abs(says.strangeness - expected.strangeness).max()),
    )
    if not found <= TOLERANCE:
        raise OutputError(
            f"{out} is not written: on trial waveforms its answers differ by {found:.1g} from the model's, and"
            f" {TOLERANCE:g} is the most; install another onnxruntime, or keep to the model folder"
        )
    write_bytes(out, content)
    return found


def content_of(model: TrainedModel) -> bytes:
    """The ONNX file of a model.

    Raises:
        ConfigError: when onnx is not installed.
    """
    whole = whole_graph(model)
    facts = {
        "emovae": version("emovae"),
        "model": model.settings.models[0],
        "classes": list(model.classes),
        "confidences": list(model.confidences),
        "least_samples": model.least_samples,
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "card": model_card(model),
    }
    text = signed(facts, whole.SerializeToString())
    whole.metadata_props.add(key=KEY, value=text)
    content: bytes = whole.SerializeToString()
    return content


def trials() -> Sequence[Waveform]:
    """Waveforms of differing lengths: noise whose colour and loudness change as speech's do."""
    generator = np.random.default_rng(0)
    found = []
    for seconds in (*CHECKED_S, *(1.01 * each for each in CHECKED_S)):
        samples = round(seconds * SAMPLE_RATE_HZ)
        noise = generator.standard_normal(samples)
        coloured = np.convolve(noise, np.exp(-np.arange(64) / generator.uniform(1, 20)))[:samples]
        loud = 0.05 * (1.1 + np.sin(np.arange(samples) / SAMPLE_RATE_HZ * generator.uniform(5, 30)))
        found.append((coloured * loud / np.abs(coloured).max()).astype(np.float32))
    return found
