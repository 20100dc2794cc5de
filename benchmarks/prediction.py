"""What a model says of one recording of 5 s, warm and on one thread, in milliseconds, beside openSMILE's eGeMAPS."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import opensmile
import torch

from benchmarks.log_mel import minute_of_speech
from benchmarks.measure import Paired, Row, paired, spelt, spread
from benchmarks.one_recording import SECONDS, TIMES
from emovae.answers import Model, told
from emovae.audio import SAMPLE_RATE_HZ
from emovae.autoencoders import VAE
from emovae.classifiers import LSTMClassifier
from emovae.config import Experiment
from emovae.export import content_of
from emovae.familiarity import Familiarity
from emovae.machine import one_thread
from emovae.normalise import Scale
from emovae.portable import opened
from emovae.trained import TrainedModel

TORCH_MS, ONNX_MS = 25.0, 15.0


NOBODY = {
    "corpus": "nobody",
    "target": "emotion",
    "fold": "everyone",
    "speakers": 0,
    "hours": 0.0,
    "utterances": 0,
    "validation_utterances": 0,
    "classes": {},
    "notices": [],
}


def untaught() -> TrainedModel:
    """A model of the paper's size with random weights, which costs what a trained one costs."""
    settings = Experiment(name="untaught", models=("VAE-LSTM",))
    bands, generator = settings.front_end.bands, torch.Generator().manual_seed(0)
    return TrainedModel(
        settings=settings,
        classes=("anger", "happiness", "neutral", "sadness"),
        encoder=VAE(800, settings.autoencoder, generator).eval(),
        reader=LSTMClassifier(2 * settings.autoencoder.latent, 4, settings.classifier, generator).eval(),
        usual=Familiarity(np.zeros(2 * bands, np.float32), np.eye(2 * bands, dtype=np.float32), 1.0),
        scale=Scale(np.zeros(bands, np.float32), np.ones(bands, np.float32)),
        weights=None,
        temperature=1.0,
        facts={"confidences": [0.0, 1.0], "estimate": None, "training": NOBODY},
    )


def rows(rounds: int) -> Iterator[Row]:
    """Milliseconds of torch and of onnxruntime."""
    waveform, model = minute_of_speech()[: SECONDS * SAMPLE_RATE_HZ], untaught()
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    portable = opened(content_of(model), Path("untaught.onnx"))

    def theirs() -> None:
        for _ in range(TIMES):
            smile.process_signal(waveform, SAMPLE_RATE_HZ)

    ways: list[tuple[str, Model, float]] = [("torch", model, TORCH_MS), ("onnxruntime", portable, ONNX_MS)]
    for how, asked, most_ms in ways:

        def ours(asked: Model = asked) -> None:
            for _ in range(TIMES):
                told(asked, [waveform])

        with one_thread():
            yield _row(how, paired(ours, theirs, rounds), most_ms)


def _row(how: str, pairs: Paired, most_ms: float) -> Row:
    figure, lowest, highest = spread([seconds * 1000 / TIMES for seconds in pairs.ours])
    beside = spread([seconds * 1000 / TIMES for seconds in pairs.theirs])[0]
    return Row(
        f"prediction of a recording of {SECONDS} s, warm, one core, {how}",
        "openSMILE eGeMAPS functionals",
        f"{spelt(figure)} ms",
        f"{spelt(beside)} ms",
        figure,
        lowest,
        highest,
        f"under {most_ms:g} ms",
        figure < most_ms,
    )
