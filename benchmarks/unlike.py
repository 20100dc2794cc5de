"""Whether the reconstruction error sees speech unlike the training speech.

An autoencoder learns from two thirds of a corpus's speakers. Its error on speakers whom it never heard is set against
its error on other corpora, and on the very same utterances in white noise or through a telephone's band. Told is the
area under the ROC curve: the share of pairs in which the unlike utterance has the larger score, 50 % by chance. Beside
it stand two scores of no autoencoder at all: the squared distance from the mean training segment, and the distance of
the utterance's spectrum, which is what `emovae predict` goes by.

    python -m benchmarks.unlike $CORPORA/emotale --other $CORPORA/nemo --other $CORPORA/urdu
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import scipy.signal
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from emovae import familiarity
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.autoencoders import Network, build
from emovae.corpora import Corpus, open_corpus
from emovae.corpora.corpus import Voice
from emovae.examples import Examples
from emovae.familiarity import Familiarity
from emovae.files import fingerprint
from emovae.frames import CorpusFrames, corpus_frames
from emovae.machine import Machine
from emovae.normalise import Normaliser, Scale, as_they_are, fit
from emovae.reconstruction import reconstruction_errors
from emovae.segments import Segmented, least_frames, segment
from emovae.settings import Autoencoder, FrontEnd, Segments
from emovae.training import train_autoencoder
from emovae.utterance import Utterance

MODELS = ("AE-LSTM", "VAE-LSTM")
NOISE_DB = (20, 10, 0)
TELEPHONE_HZ = (300, 3400)
EVERY = 6
"""Of so many speakers one is tested and one stops the learning."""

Changed = Callable[[Waveform], Waveform]


class Learned(NamedTuple):
    """The autoencoders, the scale of their speech, and what that was like."""

    networks: dict[str, Network]
    scale: Scale
    usual: Familiarity


def in_noise(waveform: Waveform, ratio_db: float) -> Waveform:
    """Speech in white noise of so many decibels below it."""
    noise = np.random.default_rng(len(waveform)).normal(0, 1, len(waveform)) * waveform.std()
    return np.asarray((waveform + noise * 10 ** (-ratio_db / 20)).clip(-1, 1), np.float32)


def by_telephone(waveform: Waveform) -> Waveform:
    """Speech of which only a telephone's band is left."""
    band = scipy.signal.butter(6, TELEPHONE_HZ, "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    return np.asarray(scipy.signal.sosfilt(band, waveform).clip(-1, 1), np.float32)


def heard_as(corpus: Corpus, name: str, change: Changed) -> Corpus:
    """A corpus with every recording changed."""

    def waveform(utterance: Utterance) -> Waveform:
        return change(corpus.waveform(utterance))

    def digest(utterance: Utterance) -> str:
        return fingerprint([name, corpus.digest(utterance)], 32)

    return replace(corpus, name=name, voice=Voice(waveform, digest))


def learn(frames: CorpusFrames, epochs: int) -> tuple[Learned, list[int]]:
    """Trains the autoencoders; the utterances of the speakers who were kept apart come back, too."""
    speakers = sorted({utterance.speaker for utterance in frames.utterances})
    tested, stopping = set(speakers[::EVERY]), set(speakers[1::EVERY])
    members = range(len(frames.utterances))
    who = [utterance.speaker for utterance in frames.utterances]
    train = [member for member in members if who[member] not in tested | stopping]
    normaliser = fit(frames, train, "train")
    sides = [train, [member for member in members if who[member] in stopping]]
    seen, held_out = (Examples(segment(normaliser, side, Segments()).values, None) for side in sides)
    settings = Autoencoder(epochs=epochs)
    networks = {}
    for model in MODELS:
        network = build(model, seen.segments.shape[1], 0, settings, torch.Generator().manual_seed(0))
        train_autoencoder(network, seen, held_out, settings, 0, Machine(), lambda _epoch, _losses: None)
        networks[model] = network
    click.echo(f"{len(speakers)} speakers: {len(tested)} tested, {len(stopping)} stop the learning; {len(train)} heard")
    usual = familiarity.fit(*(map(frames.of, side) for side in sides))
    return Learned(networks, normaliser.scales[0], usual), [member for member in members if who[member] in tested]


def scores(learned: Learned, frames: CorpusFrames, members: Sequence[int]) -> dict[str, NDArray[np.float32]]:
    """Every score of these utterances, [utterance]."""
    scales = [learned.scale] * len(frames.utterances)
    segmented = segment(Normaliser(frames, scales, as_they_are), members, Segments())
    told = {model: reconstruction_errors(network, segmented, None) for model, network in learned.networks.items()}
    spectra = np.array([learned.usual.strangeness(one) for one in map(frames.of, members)], np.float32)
    return {**told, "mean segment": distances(segmented), "spectrum": spectra}


def distances(segmented: Segmented) -> NDArray[np.float32]:
    """The squared distance from the mean training segment, which is 0; the mean over each utterance."""
    each = segmented.values.square().sum(1).double().numpy()
    sums = np.add.reduceat(each, segmented.starts[:-1]) / np.diff(segmented.starts)
    return np.asarray(sums, np.float32)


@click.command()
@click.argument("corpus")
@click.option("--other", "others", multiple=True, help="Another corpus; several times.")
@click.option("--epochs", default=20, show_default=True)
def main(corpus: str, others: Sequence[str], epochs: int) -> None:
    """Prints an area under the ROC curve for each kind of unlike speech and each score."""
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as cache:
        hear = partial(
            corpus_frames,
            front_end=FrontEnd(),
            folder=Path(cache),
            at_least=least_frames(Segments()),
            skip=True,
            threads=2,
        )
        home = open_corpus(corpus)
        frames = hear(home)
        learned, tested = learn(frames, epochs)
        usual = scores(learned, frames, tested)
        changed: dict[str, Changed] = {f"noise, {ratio} dB": partial(in_noise, ratio_db=ratio) for ratio in NOISE_DB}
        changed["telephone band"] = by_telephone
        apart = replace(home, utterances=tuple(frames.utterances[member] for member in tested))
        unlike = [heard_as(apart, name, change) for name, change in changed.items()] + [*map(open_corpus, others)]
        click.echo(f"{len(tested)} tested utterances of {home.name}; area under the ROC curve against them, per cent")
        click.echo(f"{'':20}{'n':>6}" + "".join(f"{name:>18}" for name in (*usual, "marked")))
        for one in unlike:
            heard = hear(one)
            found = scores(learned, heard, range(len(heard.utterances)))
            areas = [*(area(usual[name], found[name]) for name in usual), float((found["spectrum"] > 1).mean())]
            click.echo(f"{one.name:20}{len(heard.utterances):6}" + "".join(f"{100 * each:18.1f}" for each in areas))


def area(usual: NDArray[np.float32], unlike: NDArray[np.float32]) -> float:
    """The share of pairs in which the unlike one has the larger score."""
    truth = np.repeat([0, 1], [len(usual), len(unlike)])
    return float(roc_auc_score(truth, np.concatenate([usual, unlike])))


if __name__ == "__main__":
    main()
