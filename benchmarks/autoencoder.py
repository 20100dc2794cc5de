"""The paper's VAE learns, beside pythae's trainer and beside what the processor multiplies in float32."""

import contextlib
import io
import logging
import math
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import mean, median, stdev
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from pythae.data.datasets import BaseDataset
from pythae.trainers import BaseTrainer, BaseTrainerConfig

from benchmarks.measure import Paired, Row, faster, spelt, spread, timed
from benchmarks.pythae_vae import in_pythae
from emovae.autoencoders import VAE
from emovae.corpora import open_corpus
from emovae.examples import Examples
from emovae.frames import corpus_frames
from emovae.machine import Machine, resolve_precision
from emovae.normalise import fit
from emovae.segments import segment
from emovae.settings import Autoencoder, FrontEnd, Segments
from emovae.training import autoencoder_loss, train_autoencoder

UTTERANCES, HELD_OUT, EPOCHS = 1500, 0.2, 5
SETTINGS = Autoencoder(epochs=EPOCHS, stop="epochs")
VALUES = 800
SEEDS = 24
"""For the mean of held-out losses: single trainings differ by 1.5 %."""
PYTHAE = "pythae's BaseTrainer"
MOST_ABOVE = 0.5
"""Per cent of the peer's held-out loss."""
SQUARE = 2048
"""Rows of the matrices whose float32 product is timed."""


Way = Callable[[int], VAE]
Losses = dict[str, list[float]]


class Sides(NamedTuple):
    """Segments to learn from, and others."""

    train: Examples
    held_out: Examples


def segments_of_voices() -> Sides:
    """Normalised segments of synthetic voices, the last fifth of the utterances held out."""
    with TemporaryDirectory() as cache:
        frames = corpus_frames(open_corpus(f"synthetic:{UTTERANCES}"), FrontEnd(), Path(cache), at_least=10)
        edge = round(UTTERANCES * (1 - HELD_OUT))
        normaliser = fit(frames, range(edge), "train")
        sides = (range(edge), range(edge, UTTERANCES))
        return Sides(*(Examples(segment(normaliser, side, Segments()).values, None) for side in sides))


def fresh(seed: int) -> VAE:
    """The same first weights whenever it is called with the same seed."""
    return VAE(VALUES, SETTINGS, torch.Generator().manual_seed(seed))


def by_emovae(sides: Sides, precision: str, seed: int) -> VAE:
    """Five epochs by our loop."""
    network = fresh(seed)
    train_autoencoder(network, *sides, SETTINGS, seed, Machine(precision=precision), _silent)
    return network


def as_kept(sides: Sides, precision: str) -> Sides:
    """Segments in the type that a cell keeps them in."""
    return Sides(*(Examples(side.segments.to(Machine(precision=precision).kept), None) for side in sides))


def by_pythae(sides: Sides, seed: int) -> VAE:
    """Five epochs by pythae's trainer, its progress bars thrown away."""
    network = fresh(seed)
    model = in_pythae(network, VALUES, SETTINGS.latent)
    with TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        settings = BaseTrainerConfig(
            folder,
            per_device_train_batch_size=SETTINGS.batch_size,
            per_device_eval_batch_size=4096,
            num_epochs=EPOCHS,
            learning_rate=SETTINGS.learning_rate,
            seed=seed,
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
    logging.disable(logging.WARNING)  # pythae tells every epoch
    sides = segments_of_voices()
    segments = EPOCHS * len(sides.train.segments)
    fast = resolve_precision("auto", "cpu")
    precisions = sorted({fast, "float32"})
    ways: dict[str, Way] = {name: partial(by_emovae, as_kept(sides, name), name) for name in precisions}
    ways[PYTHAE] = partial(by_pythae, sides)
    losses: Losses = {name: [] for name in ways}
    for threads in (1, 2):
        torch.set_num_threads(threads)
        taken = _in_turns(ways, sides, rounds, losses)
        for precision in precisions:
            what = f"VAE training in {precision}, batch {SETTINGS.batch_size}, {threads} thread{'s' * (threads > 1)}"
            pairs = Paired(taken[precision], taken[PYTHAE])
            yield faster(what, PYTHAE, pairs, segments, "segments", 2.2 if precision != "float32" else None)
            if precision == fast:
                yield _beside_products(what, len(sides.train.segments), taken[fast])
    _in_turns(ways, sides, SEEDS - len(losses[fast]) - 1, losses)
    for precision in precisions:
        yield _as_good(precision, losses[precision], losses[PYTHAE])
    yield _side_by_side(fast, len(sides.train.segments), rounds)


def _in_turns(ways: Mapping[str, Way], sides: Sides, rounds: int, losses: Losses) -> dict[str, list[float]]:
    """Seconds of each way in each round, the first not counted; adds the held-out loss of each, a seed more each."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            network = way(len(losses[name]))
            taken = time.perf_counter() - start
            losses[name].append(autoencoder_loss(network, sides.held_out, SETTINGS.kl_weight, 1, Machine()))
            if number:
                seconds[name].append(taken)
    return seconds


def _as_good(precision: str, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    """Whether the held-out loss is the peer's; one training differs from the next by more than both ways do."""
    above = 100 * (mean(ours) / mean(theirs) - 1)
    error = 100 * math.sqrt(sum((stdev(some) / mean(some)) ** 2 / len(some) for some in (ours, theirs)))
    return Row(
        f"VAE's held-out loss after {EPOCHS} epochs in {precision}, mean over {len(ours)} seeds, per cent above",
        PYTHAE,
        f"{mean(ours):.2f}",
        f"{mean(theirs):.2f}",
        above,
        above - error,
        above + error,
        f"at most {MOST_ABOVE:g}",
        above <= MOST_ABOVE,
        "from .. to: a standard error",
    )


def _beside_products(what: str, segments: int, seconds: Sequence[float]) -> Row:
    """The rate of multiplication that training amounts to; what is held out after each epoch is not counted."""
    operations = 6 * EPOCHS * segments * sum(weight.numel() for weight in fresh(0).parameters() if weight.ndim == 2)
    rate = products_per_second()
    figure, lowest, highest = spread([operations / one / rate for one in seconds])
    return Row(
        what,
        f"float32 products of {SQUARE} x {SQUARE}, as many threads",
        f"{spelt(operations / median(seconds) / 1e9)} GFLOP/s, 6 for a weight and segment",
        f"{spelt(rate / 1e9)} GFLOP/s",
        figure,
        lowest,
        highest,
        "at least 1.5",
        figure >= 1.5,
    )


def _side_by_side(precision: str, segments: int, rounds: int) -> Row:
    """As cells learn: two processes, a thread each."""
    torch.set_num_threads(2)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), _begin, (precision,)) as pool:
        list(pool.map(_learn, range(2)))
        seconds = [timed(lambda: list(pool.map(_learn, range(2)))) for _ in range(rounds)]
    return _beside_products(f"two VAEs at once in {precision}, a process and a thread each", 2 * segments, seconds)


def _begin(precision: str) -> None:
    global _sides, _precision
    torch.set_num_threads(1)
    _sides, _precision = as_kept(segments_of_voices(), precision), precision


def _learn(seed: int) -> None:
    by_emovae(_sides, _precision, seed)


_sides: Sides
_precision: str


def _silent(_epoch: int, _losses: object) -> None:
    pass
