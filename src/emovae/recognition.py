"""A cell with an autoencoder: who reads its latents (see `material`), what that says, and says again.

An LSTM, or one of `machines`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from emovae.autoencoders import AE
from emovae.classifiers import LSTMClassifier, LSTMRegressor
from emovae.config import Features
from emovae.course import Epoch
from emovae.doubt import Answers, averaged, drawn, posterior_answers
from emovae.encoders import Encoder
from emovae.evidence import fitted_temperature, posterior, summed
from emovae.examples import Labelled
from emovae.grid import Cell, Context, lag_in, seed_of
from emovae.kinds import MACHINES
from emovae.latents import conditions, latent_sequences, merged
from emovae.machines import said_by_each
from emovae.material import (
    Material,
    Read,
    bounds_of,
    class_shares,
    finished_sequences,
    latents_of,
    material_of,
    read_by,
    told_of,
)
from emovae.normalise import Normaliser
from emovae.outputs import predict
from emovae.readers import dropped, labels_of, reader_of
from emovae.reconstruction import reconstruction_errors
from emovae.seeds import seed_for
from emovae.stages import Averaged, CellResult, Listener, Step

Array = NDArray[np.float32]


def recognise(context: Context, cell: Cell, listen: Listener) -> CellResult:
    """Computes a cell with an autoencoder.

    Raises:
        EmovaeError: when training diverges, or the condition cannot be had.
    """
    material = material_of(context, cell, listen)
    encoder = material.encoder
    if cell.model in MACHINES:
        (said,) = _by_machines(material, [context])
        result = CellResult(said, [], [])
    else:
        result = _by_bayes(material) if cell.test_condition == "bayes" else _by_reading(material, listen)
    tested = context.fold(cell).test
    alike = conditions([None] * len(tested), len(context.tasks[cell.task].condition_classes), oracle=False)
    errors = reconstruction_errors(encoder.network, material.segmented(tested), alike)
    return result._replace(autoencoder_curve=encoder.curve, reconstruction=errors, use=encoder.use._asdict())


class Learned(NamedTuple):
    """What learned from the training side of a cell: an autoencoder, and who reads its latents.

    Attributes:
        encoder: the trained autoencoder.
        normaliser: the scale of the frames.
        reader: the trained classifier.
        validation: what it says of those who stopped the learning, [utterance, class].
    """

    encoder: Encoder
    normaliser: Normaliser
    reader: LSTMClassifier
    validation: Array


def learn(context: Context, cell: Cell, listen: Listener) -> Learned:
    """Trains what `recognise` does, and asks nobody who is tested.

    Raises:
        EmovaeError: when training diverges, or the condition cannot be had.
        ValueError: for a test condition that needs the tested utterances, or another reader than the classifier.
    """
    if cell.test_condition not in (None, "marginal") or cell.continuous or cell.model in MACHINES:
        raise ValueError(f"{cell} has no reader that can be taken along")
    material = material_of(context, cell, listen)
    fold = context.fold(cell)
    reader, _, validation = _trained(material, told_of(material, (fold.train, fold.validation), listen), listen)
    assert isinstance(reader, LSTMClassifier)
    said = predict(reader, validation.sequences, context.machine)
    return Learned(material.encoder, material.normaliser, reader, said)


def _by_reading(material: Material, listen: Listener) -> CellResult:
    fold, machine = material.context.fold(material.cell), material.context.machine
    told = told_of(material, (fold.train, fold.validation, fold.test), listen)
    network, curve, validation = _trained(material, told[:2], listen)
    test = read_by(material, fold.test, told[2])
    said, stopped = (predict(network, side.sequences, machine) for side in (test, validation))
    if isinstance(network, LSTMRegressor):
        return CellResult(said, curve, [], stopped)
    return CellResult(said, curve, [], stopped, _asked_again(material, network, validation, test))


def _trained(
    material: Material, told: Sequence[Array | None], listen: Listener
) -> tuple[LSTMClassifier | LSTMRegressor, list[Epoch], Read]:
    """The trained reader, its curve, and what it reads of those who stopped it."""
    context, cell = material.context, material.cell
    fold, settings = context.fold(cell), context.experiment.classifier
    train = read_by(material, fold.train, told[0]).sequences  # the segments of many are not kept
    validation = read_by(material, fold.validation, told[1])
    network, curve = reader_of(
        context,
        cell,
        Labelled(train, labels_of(context, cell, fold.train)),
        Labelled(validation.sequences, labels_of(context, cell, fold.validation)),
        seed_of(context, cell, "classifier"),
        lambda epoch, losses: listen(Step(cell, "LSTM", epoch, settings.epochs, losses)),
    )
    return network, curve, validation


def said_by_machines(contexts: Sequence[Context], cell: Cell, listen: Listener) -> list[Array]:
    """What the machines of a cell say that read the same latents, [utterance, class] each.

    Args:
        contexts: one for each machine; they differ in `statistics` alone.
        cell: one of `kinds.SHARED`.
        listen: is told of each epoch.

    Raises:
        EmovaeError: when training diverges.
    """
    return _by_machines(material_of(contexts[0], cell, listen), contexts)


def _by_machines(material: Material, contexts: Sequence[Context]) -> list[Array]:
    cell = material.cell

    def read(members: Sequence[int], voice: int) -> list[Array]:
        _, latent = latents_of(material.in_voice(voice), members, None)
        return [merged(latent, lag_in(context, cell)).values.numpy() for context in contexts]

    return said_by_each(contexts, cell, read)


def _by_bayes(material: Material) -> CellResult:
    context, cell = material.context, material.cell
    task, fold, prior = context.tasks[cell.task], context.fold(cell), class_shares(context, cell)

    def bounds(members: Sequence[int]) -> NDArray[np.float64]:
        segmented = material.segmented(members)
        return summed(bounds_of(material, segmented), segmented.starts)

    held_out = bounds(fold.validation)
    temperature = fitted_temperature(held_out, prior, task.numbers(fold.validation))
    said = posterior(bounds(fold.test), prior, temperature)
    return CellResult(said, [], [], posterior(held_out, prior, temperature))


def _asked_again(material: Material, network: LSTMClassifier, validation: Read, test: Read) -> dict[str, Averaged]:
    """What draws say of validation and test, in the ways that the experiment and the model allow."""
    seed = seed_of(material.context, material.cell, "classifier")
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
        return predict(
            network, finished_sequences(material, drawn(latent, experiment.features, noise), read.beside), machine
        )

    return averaged(ask, experiment.draws)
