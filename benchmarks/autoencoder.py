"""The paper's VAE learns, beside pythae's trainer and beside what the processor multiplies in float32."""

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE as PythaeVAE
from pythae.models import VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor

from benchmarks.measure import Row, faster, paired, spelt, spread, timed
from emovae.autoencoders import VAE
from emovae.config import Autoencoder, FrontEnd, Segments
from emovae.corpora import open_corpus
from emovae.frames import corpus_frames
from emovae.machine import Machine, resolve_precision
from emovae.normalise import fit
from emovae.segments import segment
from emovae.training import Examples, autoencoder_loss, train_autoencoder

UTTERANCES, HELD_OUT, EPOCHS = 1500, 0.2, 5
SETTINGS = Autoencoder(epochs=EPOCHS, stop="epochs")
VALUES = 800
ELBO_TOLERANCE = 0.005
SQUARE = 2048
"""Rows of the matrices whose float32 product is timed."""


class Sides(NamedTuple):
    """Segments to learn from, and others."""

    train: Examples
    held_out: Examples


class Encoder(BaseEncoder):  # type: ignore[misc]
    """Our encoder for pythae."""

    def __init__(self, network: VAE) -> None:
        super().__init__()
        self.network = network

    def forward(self, segments: Tensor) -> ModelOutput:
        """Q(z|X)."""
        mean, log_variance = self.network.encode(segments)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):  # type: ignore[misc]
    """Our decoder for pythae."""

    def __init__(self, network: VAE) -> None:
        super().__init__()
        self.layers = network.decoder

    def forward(self, latent: Tensor) -> ModelOutput:
        """The mean of P(X|z)."""
        return ModelOutput(reconstruction=self.layers(latent))


class WholeSquares(PythaeVAE):  # type: ignore[misc]
    """Pythae's VAE with eq. 2 as its loss: its own halves the squared error."""

    def loss_function(self, recon_x: Tensor, x: Tensor, mu: Tensor, log_var: Tensor, z: Tensor) -> Any:
        """Squared distance, plus KL, and both alone; means over the batch."""
        _, half, divergence = super().loss_function(recon_x, x, mu, log_var, z)
        return 2 * half + divergence, 2 * half, divergence


def segments_of_voices() -> Sides:
    """Normalised segments of synthetic voices, the last fifth of the utterances held out."""
    with TemporaryDirectory() as cache:
        frames = corpus_frames(open_corpus(f"synthetic:{UTTERANCES}"), FrontEnd(), Path(cache), at_least=10)
        edge = round(UTTERANCES * (1 - HELD_OUT))
        normaliser = fit(frames, range(edge), "train")
        sides = (range(edge), range(edge, UTTERANCES))
        return Sides(*(Examples(segment(normaliser, side, Segments()).values, None) for side in sides))


def fresh() -> VAE:
    """The same first weights whenever it is called."""
    return VAE(VALUES, SETTINGS, torch.Generator().manual_seed(0))


def by_emovae(sides: Sides, precision: str) -> VAE:
    """Five epochs by our loop."""
    network = fresh()
    train_autoencoder(network, sides.train, sides.held_out, SETTINGS, 0, Machine(precision=precision), _silent)
    return network


def by_pythae(sides: Sides) -> VAE:
    """Five epochs by pythae's trainer, its progress bars thrown away."""
    network = fresh()
    model = WholeSquares(VAEConfig((VALUES,), SETTINGS.latent), Encoder(network), Decoder(network))
    with TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        settings = BaseTrainerConfig(
            folder,
            per_device_train_batch_size=SETTINGS.batch_size,
            per_device_eval_batch_size=4096,
            num_epochs=EPOCHS,
            learning_rate=SETTINGS.learning_rate,
            no_cuda=True,
        )
        datasets = (BaseDataset(side.segments, torch.zeros(len(side.segments))) for side in sides)
        BaseTrainer(model, *datasets, settings).train()
    return network


def products_per_second() -> float:
    """Float32 operations a second in products of square matrices, two for each multiplication and its sum."""
    one, other = torch.randn(2, SQUARE, SQUARE)
    torch.mm(one, other)
    return 2 * SQUARE**3 / min(timed(lambda: torch.mm(one, other)) for _ in range(10))


def rows(rounds: int) -> Iterator[Row]:
    """Both precisions beside pythae, and the faster one beside the rate of products; on one thread and on two."""
    logging.getLogger("pythae").setLevel(logging.ERROR)
    sides = segments_of_voices()
    precision = resolve_precision("auto", "cpu")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        yield from _on_threads(sides, precision, threads, rounds)


def _on_threads(sides: Sides, precision: str, threads: int, rounds: int) -> Iterator[Row]:
    seen = EPOCHS * len(sides.train.segments)
    truth = _elbo(by_pythae(sides), sides)
    for ours in dict.fromkeys((precision, "float32")):
        off = _elbo(by_emovae(sides, ours), sides) / truth - 1
        pairs = paired(lambda ours=ours: by_emovae(sides, ours), lambda: by_pythae(sides), rounds)  # type: ignore[misc]
        what = f"VAE training in {ours}, batch {SETTINGS.batch_size}, {threads} thread{'s' * (threads > 1)}"
        check = f"held-out loss {100 * off:+.2f} %" + ("" if off <= ELBO_TOLERANCE else ": NOT EQUAL")
        yield faster(what, "pythae's BaseTrainer", pairs, seen, "segments", 2.2 if ours != "float32" else None, check)
        if ours == precision:
            yield _beside_products(what, seen, pairs.ours, rounds)


def _beside_products(what: str, seen: int, seconds: list[float], rounds: int) -> Row:
    weights = sum(weight.numel() for weight in fresh().parameters() if weight.ndim == 2)
    rate = median(products_per_second() for _ in range(rounds))
    figure, lowest, highest = spread([6 * weights * seen / one / rate for one in seconds])
    operations = 6 * weights * seen / median(seconds) / 1e9
    return Row(
        what,
        f"float32 products of {SQUARE} x {SQUARE}",
        f"{spelt(operations)} GFLOP/s, 6 for a weight and segment",
        f"{spelt(rate / 1e9)} GFLOP/s",
        figure,
        lowest,
        highest,
        "at least 1.5",
        figure >= 1.5,
    )


def _elbo(network: VAE, sides: Sides) -> float:
    return autoencoder_loss(network, sides.held_out, SETTINGS.kl_weight, 1, Machine())


def _silent(_epoch: int, _losses: object) -> None:
    pass
