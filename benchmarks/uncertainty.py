"""What it costs to know how sure a prediction is: many posterior draws beside one deterministic pass.

Utterances of IEMOCAP's lengths, as 16 kHz WAV files, go through the front-end and the full-size VAE and LSTM, with
random weights: once with the mean of Q(z|X); with every draw as a pass of its own; and with the draws of like
utterances read together, as `emovae run` does. The last two also say how much of the doubt is the draws' own. The
rounds take turns, and the medians of their ratios are told, of a pass that begins at the recordings, and of one that
begins at normalised segments in memory.

    python -m benchmarks.uncertainty
    python -m benchmarks.uncertainty --utterances 600 --draws 10 --threads 1
"""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click
import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from scipy.special import entr

from benchmarks.measure import timed
from emovae.autoencoders import VAE
from emovae.classifiers import LSTMClassifier
from emovae.config import Features
from emovae.corpora import Corpus, open_corpus
from emovae.doubt import Answers, averaged, drawn, posterior_answers
from emovae.frames import corpus_frames
from emovae.latents import Sequences, latent_sequences
from emovae.machine import Machine
from emovae.normalise import fit
from emovae.outputs import predict
from emovae.segments import Segmented, segment
from emovae.settings import Autoencoder, Classifier, FrontEnd, Segments

SHORTEST_S, LONGEST_S, MEAN_S = 0.6, 34.0, 4.5
SPREAD = 0.78  # of log-normal lengths
SEGMENTS_PER_SECOND = 10
RATE = 16_000
VALUES, CLASSES = 800, 4
FEATURES: Features = "mean+log_variance"


class Pipeline(NamedTuple):
    """What is timed, from the segments on."""

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


def write_recordings(folder: Path, lengths: NDArray[np.int64]) -> None:
    """Noise of these lengths in segments, one file each, and a label table beside them."""
    chance = np.random.default_rng(0)
    noise = chance.normal(0, 0.1, RATE * int(lengths.max() // SEGMENTS_PER_SECOND + 2)).astype(np.float32)
    rows = ["path,emotion,speaker"]
    for place, length in enumerate(lengths.tolist()):
        start = int(chance.integers(RATE))
        soundfile.write(folder / f"{place}.wav", noise[start : start + length * RATE // SEGMENTS_PER_SECOND], RATE)
        rows.append(f"{place}.wav,neutral,{place % 10}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def segments_of(corpus: Corpus, threads: int) -> Segmented:
    """Decodes all recordings, computes their frames, normalises and cuts them; nothing is found in a cache."""
    with TemporaryDirectory() as cache:
        frames = corpus_frames(corpus, FrontEnd(), Path(cache), at_least=1, threads=threads)
        everyone = range(len(frames.utterances))
        return segment(fit(frames, everyone, "train"), everyone, Segments())


def tell_of(pipeline: Pipeline, front_end: Callable[[], object], draws: int, rounds: int) -> None:
    """Times the front-end and the three ways in turn and prints what they cost."""
    ways: dict[str, Callable[[], object]] = {
        "one deterministic pass": pipeline.once,
        f"{draws} draws, pass by pass": lambda: pipeline.pass_by_pass(draws),
        f"{draws} draws together": lambda: pipeline.together(draws),
    }
    seconds = [{"": timed(front_end), **{name: timed(way) for name, way in ways.items()}} for _ in range(rounds)]
    once = "one deterministic pass"
    precision = pipeline.machine.precision
    click.echo(f"{precision:10}{'front-end':28}{median(one[''] for one in seconds):8.2f} s")
    for name in ways:
        whole = median((one[""] + one[name]) / (one[""] + one[once]) for one in seconds)
        from_segments = median(one[name] / one[once] for one in seconds)
        click.echo(
            f"{precision:10}{name:28}{median(one[name] for one in seconds):8.2f} s;"
            f" {whole:6.2f} times one pass from recordings, {from_segments:6.2f} from segments"
        )


@click.command()
@click.option("--utterances", default=3000, show_default=True)
@click.option("--draws", default=30, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(utterances: int, draws: int, threads: int, rounds: int) -> None:
    """Prints times, and their ratios to one deterministic pass from the recordings and from the segments."""
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(0)
    lengths = lengths_like_iemocap(utterances)
    settings = Autoencoder()
    autoencoder = VAE(VALUES, settings, generator)
    classifier = LSTMClassifier(2 * settings.latent, CLASSES, Classifier(), generator).eval()
    seconds = lengths / SEGMENTS_PER_SECOND
    click.echo(
        f"{utterances} utterances, {seconds.min():g} to {seconds.max():g} s, mean {seconds.mean():.1f} s;"
        f" {threads} threads, torch {torch.__version__}"
    )
    with TemporaryDirectory() as folder:
        write_recordings(Path(folder), lengths)
        corpus = open_corpus(folder)
        segmented = segments_of(corpus, threads)
        for precision in ("float32", "bfloat16"):
            pipeline = Pipeline(segmented, autoencoder, classifier, Machine(precision=precision))
            pipeline.once()  # what is set up at the first call is not timed
            tell_of(pipeline, lambda: segments_of(corpus, threads), draws, rounds)
    answers = Pipeline(segmented, autoencoder, classifier, Machine()).together(draws)
    predictive = entr(answers.probabilities.astype(np.float64)).sum(axis=1)
    mutual = predictive - answers.expected_entropy
    click.echo(f"predictive entropy {predictive.mean():.3f} nats, mutual information {mutual.mean():.2g} nats")


if __name__ == "__main__":
    main()
