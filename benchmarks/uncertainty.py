"""What it costs to know how sure a prediction is: many posterior draws beside one deterministic pass.

Utterances of IEMOCAP's lengths go from segments to probabilities through the full-size VAE and LSTM, with random
weights: once with the mean of Q(z|X); with every draw as a pass of its own; and with the draws of like utterances read
together, as `emovae run` does. The last two also say how much of the doubt is the draws' own. The rounds take turns,
and the medians of their ratios are told.

    python benchmarks/uncertainty.py
    python benchmarks/uncertainty.py --utterances 600 --draws 10 --threads 1
"""

import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import click
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import entr

from emovae.autoencoders import VAE
from emovae.classifiers import LSTMClassifier
from emovae.config import Autoencoder, Classifier, Features
from emovae.doubt import Answers, averaged, drawn, posterior_answers
from emovae.latents import Sequences, latent_sequences
from emovae.machine import Machine
from emovae.segments import Segmented
from emovae.training import predict

SHORTEST_S, LONGEST_S, MEAN_S = 0.6, 34.0, 4.5
SPREAD = 0.78  # of log-normal lengths
SEGMENTS_PER_SECOND = 10
VALUES, CLASSES = 800, 4
FEATURES: Features = "mean+log_variance"


class Pipeline(NamedTuple):
    """What is timed."""

    segmented: Segmented
    autoencoder: VAE
    classifier: LSTMClassifier
    machine: Machine

    def latent(self) -> Sequences:
        """Encodes all segments once."""
        unused = torch.Generator()
        return latent_sequences(self.autoencoder, self.segmented, None, FEATURES, unused)

    def once(self) -> NDArray[np.float32]:
        """One deterministic pass: probabilities [utterance, class]."""
        return predict(self.classifier, self.latent(), self.machine)

    def pass_by_pass(self, draws: int) -> Answers:
        """Every draw as a pass of its own."""
        latent, noise = self.latent(), torch.Generator().manual_seed(0)
        return averaged(lambda: predict(self.classifier, drawn(latent, FEATURES, noise), self.machine), draws)

    def together(self, draws: int) -> Answers:
        """The draws of like utterances together."""
        noise = torch.Generator().manual_seed(0)
        return posterior_answers(self.classifier, self.latent(), FEATURES, None, draws, noise, self.machine)


def lengths_like_iemocap(count: int) -> NDArray[np.int64]:
    """Segments of each utterance, log-normal and cut off at both ends."""
    seconds = np.random.default_rng(0).lognormal(np.log(MEAN_S) - SPREAD**2 / 2, SPREAD, count)
    segments: NDArray[np.int64] = np.rint(seconds.clip(SHORTEST_S, LONGEST_S) * SEGMENTS_PER_SECOND).astype(np.int64)
    return segments


def timed(compute: Callable[[], object]) -> float:
    """Seconds that a computation takes."""
    start = time.perf_counter()
    compute()
    return time.perf_counter() - start


def tell_of(pipeline: Pipeline, draws: int, rounds: int) -> None:
    """Times the three ways in turn and prints what they cost."""
    ways: dict[str, Callable[[], object]] = {
        "one deterministic pass": pipeline.once,
        f"{draws} draws, pass by pass": lambda: pipeline.pass_by_pass(draws),
        f"{draws} draws together": lambda: pipeline.together(draws),
    }
    seconds = [{name: timed(compute) for name, compute in ways.items()} for _ in range(rounds)]
    for name in ways:
        ratio = median(one[name] / one["one deterministic pass"] for one in seconds)
        told = f"{median(one[name] for one in seconds):8.2f} s {ratio:7.2f} times"
        click.echo(f"{pipeline.machine.precision:10}{name:28}{told}")


@click.command()
@click.option("--utterances", default=3000, show_default=True)
@click.option("--draws", default=30, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(utterances: int, draws: int, threads: int, rounds: int) -> None:
    """Prints times, and their ratios to one deterministic pass."""
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(0)
    lengths = lengths_like_iemocap(utterances)
    segmented = Segmented(
        torch.randn(int(lengths.sum()), VALUES, generator=generator), np.concatenate([[0], np.cumsum(lengths)])
    )
    settings = Autoencoder()
    autoencoder = VAE(VALUES, settings, generator)
    classifier = LSTMClassifier(2 * settings.latent, CLASSES, Classifier(), generator).eval()
    seconds = lengths / SEGMENTS_PER_SECOND
    click.echo(
        f"{utterances} utterances, {seconds.min():g} to {seconds.max():g} s, mean {seconds.mean():.1f} s;"
        f" {threads} threads, torch {torch.__version__}"
    )
    for precision in ("float32", "bfloat16"):
        pipeline = Pipeline(segmented, autoencoder, classifier, Machine(precision=precision))
        pipeline.once()  # what is set up at the first call is not timed
        tell_of(pipeline, draws, rounds)
    answers = Pipeline(segmented, autoencoder, classifier, Machine()).together(draws)
    predictive = entr(answers.probabilities.astype(np.float64)).sum(axis=1)
    mutual = predictive - answers.expected_entropy
    click.echo(f"predictive entropy {predictive.mean():.3f} nats, mutual information {mutual.mean():.2g} nats")


if __name__ == "__main__":
    main()
