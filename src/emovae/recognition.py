"""A cell with an autoencoder: its latents under the cell's condition, and the LSTM that reads them.

What stands for the class of an utterance where the encoder wants one (`test_condition`); training side and tested side
always get the same kind:

| condition       | what the encoder is told, or what is done in its place                                     |
|-----------------|---------------------------------------------------------------------------------------------|
| `oracle`        | the true class, tested utterances too: an upper bound                                       |
| `marginal`      | every class, weighed alike or by its share (`marginal_weights`): mean and variance of that  |
| `predicted`     | the class that a first pass names (see `first_pass`)                                        |
| `bayes`         | nothing is read: the class whose evidence lower bound is highest (see `evidence`)           |
| `marginal+elbo` | as `marginal`, and each segment's bound under every class stands beside its latents         |
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emovae import normalise
from emovae.autoencoders import AE, CVAE, SSVAE
from emovae.classifiers import LSTMClassifier, LSTMRegressor
from emovae.config import Features
from emovae.course import Epoch, OnEpoch
from emovae.doubt import Answers, averaged, drawn, posterior_answers
from emovae.encoders import Encoder, encoder_of
from emovae.evidence import class_bounds, fitted_temperature, posterior, summed
from emovae.examples import Labelled
from emovae.first_pass import first_pass
from emovae.grid import Cell, Context, scale_members, seed_of
from emovae.latents import Sequences, conditions, latent_sequences, merged
from emovae.normalise import Normaliser
from emovae.outputs import predict
from emovae.readers import classifier_of, dropped, labels_of, reader_of
from emovae.reconstruction import reconstruction_errors
from emovae.seeds import seed_for
from emovae.segments import Segmented, segment
from emovae.stages import Averaged, CellResult, Listener, Step

Array = NDArray[np.float32]


class Read(NamedTuple):
    """What the classifier reads of a side, and what it was made of, for draws: segments, and what stands beside z.

    Segments take most of a cell's memory, and are kept only where draws are asked for.
    """

    sequences: Sequences
    segmented: Segmented | None
    told: Array | None
    beside: Tensor | None


class Material(NamedTuple):
    """What a cell's latents are made with."""

    context: Context
    cell: Cell
    encoder: Encoder
    normaliser: Normaliser

    def segmented(self, members: Sequence[int]) -> Segmented:
        """The segments of these utterances."""
        return segment(self.normaliser, members, self.context.experiment.segments, self.context.machine.room)


def recognise(context: Context, cell: Cell, listen: Listener) -> CellResult:
    """Computes a cell with an autoencoder.

    Raises:
        EmovaeError: when training diverges, or the condition cannot be had.
    """
    normaliser = normalise.fit(context.frames, scale_members(context, cell), context.experiment.normalise)
    encoder = encoder_of(context, cell, normaliser, autoencoder_listener(context, cell, listen))
    material = Material(context, cell, encoder, normaliser)
    result = _by_bayes(material) if cell.test_condition == "bayes" else _by_reading(material, listen)
    tested = context.fold(cell).test
    alike = conditions([None] * len(tested), len(context.tasks[cell.task].condition_classes), oracle=False)
    errors = reconstruction_errors(encoder.network, material.segmented(tested), alike)
    return result._replace(autoencoder_curve=encoder.curve, reconstruction=errors, use=encoder.use._asdict())


def autoencoder_listener(context: Context, cell: Cell, listen: Listener) -> OnEpoch:
    """Tells the epochs of a cell's autoencoder."""
    stage, epochs = cell.model.removesuffix("-LSTM"), context.autoencoder(cell).epochs
    return lambda epoch, losses: listen(Step(cell, stage, epoch, epochs, losses))


def _by_reading(material: Material, listen: Listener) -> CellResult:
    context, cell = material.context, material.cell
    fold, machine, settings = context.fold(cell), context.machine, context.experiment.classifier
    sides = (fold.train, fold.validation, fold.test)
    told = _told(material, sides, listen)
    train = _read(material, fold.train, told[0]).sequences  # the segments of many are not kept
    validation, test = (_read(material, side, one) for side, one in zip(sides[1:], told[1:], strict=True))
    seed = seed_of(context, cell, "classifier")
    network, curve = reader_of(
        context,
        cell,
        Labelled(train, labels_of(context, cell, fold.train)),
        Labelled(validation.sequences, labels_of(context, cell, fold.validation)),
        seed,
        lambda epoch, losses: listen(Step(cell, "LSTM", epoch, settings.epochs, losses)),
    )
    said, stopped = (predict(network, side.sequences, machine) for side in (test, validation))
    if isinstance(network, LSTMRegressor):
        return CellResult(said, curve, [], stopped)
    return CellResult(said, curve, [], stopped, _asked_again(material, network, validation, test, seed))


def _told(material: Material, sides: Sequence[Sequence[int]], listen: Listener) -> list[Array | None]:
    """The weights of the classes, [utterance, class], for each side; None where the encoder is told no class."""
    if material.cell.test_condition != "predicted":
        return [_weights(material, side) for side in sides]
    task, experiment = material.context.tasks[material.cell.task], material.context.experiment

    def learn(train: Labelled, validation: Labelled, number: str, seed: int) -> LSTMClassifier:
        def tell(epoch: int, losses: Epoch) -> None:
            listen(Step(material.cell, f"LSTM, pass 1 {number}", epoch, experiment.classifier.epochs, losses))

        return classifier_of(material.context, train, validation, len(task.condition_classes), seed, tell)[0]

    marginal = [_read(material, side, _weights(material, side)).sequences for side in sides]
    named = first_pass(material.context, material.cell, marginal, learn)
    return [np.eye(len(task.condition_classes), dtype=np.float32)[one] for one in named]


def _weights(material: Material, members: Sequence[int]) -> Array | None:
    """What can be told of these utterances without a first pass."""
    context, cell = material.context, material.cell
    if not isinstance(material.encoder.network, CVAE):
        return None
    task = context.tasks[cell.task]
    oracle = cell.test_condition == "oracle"
    prior = class_shares(context, cell) if context.experiment.marginal_weights == "prior" else None
    return conditions(task.condition_numbers(members), len(task.condition_classes), oracle=oracle, prior=prior)


def class_shares(context: Context, cell: Cell) -> NDArray[np.float64]:
    """The share of each condition class among those who are learned from, [class]."""
    task = context.tasks[cell.task]
    known = [number for number in task.condition_numbers(context.fold(cell).train) if number is not None]
    shares: NDArray[np.float64] = np.bincount(known, minlength=len(task.condition_classes)) / len(known)
    return shares


def _read(material: Material, members: Sequence[int], told: Array | None) -> Read:
    """What the classifier reads of these utterances."""
    experiment = material.context.experiment
    segmented = material.segmented(members)
    noise = torch.Generator(material.context.machine.device)
    noise.manual_seed(seed_of(material.context, material.cell, "sample"))
    room = material.context.machine.room
    latent = latent_sequences(material.encoder.network, segmented, told, experiment.features, noise, room)
    beside = _beside(material, segmented)
    return Read(_finished(material, latent, beside), segmented if experiment.draws else None, told, beside)


def _beside(material: Material, segmented: Segmented) -> Tensor | None:
    """What stands beside the latents: each class's bound, less their mean, which says nothing of the class."""
    if material.cell.test_condition != "marginal+elbo":
        return None
    bounds = _bounds(material, segmented)
    return bounds - bounds.mean(1, keepdim=True)


def _finished(material: Material, latent: Sequences, beside: Tensor | None) -> Sequences:
    if beside is not None:
        latent = Sequences(torch.cat([latent.values, beside], -1), latent.starts)
    return merged(latent) if material.context.experiment.merge == "statistics" else latent


def _bounds(material: Material, segmented: Segmented) -> Tensor:
    context, cell, network = material.context, material.cell, material.encoder.network
    assert isinstance(network, CVAE | SSVAE)
    classes = len(context.tasks[cell.task].condition_classes)
    return class_bounds(
        network, segmented, classes, context.autoencoder(cell).kl_weight, seed_of(context, cell, "evidence")
    )


def _by_bayes(material: Material) -> CellResult:
    context, cell = material.context, material.cell
    task, fold, prior = context.tasks[cell.task], context.fold(cell), class_shares(context, cell)

    def bounds(members: Sequence[int]) -> NDArray[np.float64]:
        segmented = material.segmented(members)
        return summed(_bounds(material, segmented), segmented.starts)

    held_out = bounds(fold.validation)
    temperature = fitted_temperature(held_out, prior, task.numbers(fold.validation))
    said = posterior(bounds(fold.test), prior, temperature)
    return CellResult(said, [], [], posterior(held_out, prior, temperature))


def _asked_again(
    material: Material, network: LSTMClassifier, validation: Read, test: Read, seed: int
) -> dict[str, Averaged]:
    """What draws say of validation and test, in the ways that the experiment and the model allow."""
    ways: dict[str, Averaged] = {}
    if material.context.experiment.draws and not isinstance(material.encoder.network, AE):
        stopped, tested = (_posterior_draws(material, network, side, seed) for side in (validation, test))
        ways["posterior"] = Averaged(*tested, stopped.probabilities)
    return ways | dropped(material.context, network, validation.sequences, test.sequences)


def _posterior_draws(material: Material, network: LSTMClassifier, read: Read, seed: int) -> Answers:
    """Of a CVAE that weighs several classes, draws come from the Gaussian of the mixture's mean and variance."""
    experiment, machine = material.context.experiment, material.context.machine
    noise = torch.Generator().manual_seed(seed_for(seed, "posterior draws"))
    assert read.segmented is not None
    features: Features = "mean+log_variance"
    latent = latent_sequences(material.encoder.network, read.segmented, read.told, features, noise, machine.room)
    if experiment.merge == "sequence":
        return posterior_answers(network, latent, experiment.features, read.beside, experiment.draws, noise, machine)

    def ask() -> Array:
        return predict(network, _finished(material, drawn(latent, experiment.features, noise), read.beside), machine)

    return averaged(ask, experiment.draws)
