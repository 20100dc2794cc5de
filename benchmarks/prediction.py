"""What a model says of one recording of 5 s, warm and on one thread, in milliseconds, beside openSMILE's eGeMAPS."""

from collections.abc import Iterator

import numpy as np
import opensmile
import torch

from benchmarks.log_mel import minute_of_speech
from benchmarks.measure import Paired, Row, paired, spelt, spread
from benchmarks.one_recording import SECONDS, TIMES
from emovae.answers import told
from emovae.audio import SAMPLE_RATE_HZ
from emovae.autoencoders import VAE
from emovae.classifiers import LSTMClassifier
from emovae.config import Experiment
from emovae.familiarity import Familiarity
from emovae.machine import one_thread
from emovae.normalise import Scale
from emovae.trained import TrainedModel

TORCH_MS = 25.0


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
        facts={"confidences": [0.0, 1.0]},
    )


def rows(rounds: int) -> Iterator[Row]:
    """Milliseconds of torch."""
    waveform, model = minute_of_speech()[: SECONDS * SAMPLE_RATE_HZ], untaught()
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)

    def ours() -> None:
        for _ in range(TIMES):
            told(model, [waveform])

    def theirs() -> None:
        for _ in range(TIMES):
            smile.process_signal(waveform, SAMPLE_RATE_HZ)

    with one_thread():
        yield _row("torch", paired(ours, theirs, rounds), TORCH_MS)


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
