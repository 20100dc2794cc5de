"""What a cell's reader reads: latents of utterances, under the cell's condition.

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
from emovae.autoencoders import CVAE, SSVAE
from emovae.classifiers import LSTMClassifier
from emovae.course import Epoch, OnEpoch
from emovae.encoders import Encoder, encoder_of
from emovae.evidence import class_bounds
from emovae.examples import Labelled
from emovae.first_pass import first_pass
from emovae.grid import Cell, Context, encoder_model, lag_in, reads_statistics, scale_members, seed_of
from emovae.latents import Sequences, conditions, latent_sequences, merged
from emovae.normalise import Normaliser
from emovae.readers import classifier_of
from emovae.segments import Segmented, segment
from emovae.stages import Listener, Step
from emovae.voices import cut_in_voice, normalised_in_voice

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

    def in_voice(self, number: int) -> "Material":
        """The same of the speakers in another voice, see `voices`; as recorded for 0."""
        experiment = self.context.experiment
        cut = experiment.model_copy(update={"segments": cut_in_voice(experiment.segments, number)})
        there = normalised_in_voice(self.normaliser, number, experiment)
        return self._replace(context=self.context._replace(experiment=cut), normaliser=there)

    def segmented(self, members: Sequence[int]) -> Segmented:
        """The segments of these utterances."""
        return segment(self.normaliser, members, self.context.experiment.segments, self.context.machine.room)


def material_of(context: Context, cell: Cell, listen: Listener) -> Material:
    """The scale of a cell's frames and its autoencoder, trained where it is not yet."""
    normaliser = normalise.fit(context.frames, scale_members(context, cell), context.experiment.normalise)
    encoder = encoder_of(context, cell, normaliser, autoencoder_listener(context, cell, listen))
    return Material(context, cell, encoder, normaliser)


def autoencoder_listener(context: Context, cell: Cell, listen: Listener) -> OnEpoch:
    """Tells the epochs of a cell's autoencoder."""
    stage, epochs = encoder_model(cell).removesuffix("-LSTM"), context.autoencoder(cell).epochs
    return lambda epoch, losses: listen(Step(cell, stage, epoch, epochs, losses))


def told_of(material: Material, sides: Sequence[Sequence[int]], listen: Listener) -> list[Array | None]:
    """The weights of the classes, [utterance, class], for each side; None where the encoder is told no class."""
    if material.cell.test_condition != "predicted":
        return [_weights(material, side) for side in sides]
    task, experiment = material.context.tasks[material.cell.task], material.context.experiment

    def learn(train: Labelled, validation: Labelled, number: str, seed: int) -> LSTMClassifier:
        def tell(epoch: int, losses: Epoch) -> None:
            listen(Step(material.cell, f"LSTM, pass 1 {number}", epoch, experiment.classifier.epochs, losses))

        return classifier_of(material.context, train, validation, len(task.condition_classes), seed, tell)[0]

    marginal = [read_by(material, side, _weights(material, side)).sequences for side in sides]
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


def read_by(material: Material, members: Sequence[int], told: Array | None) -> Read:
    """What the classifier reads of these utterances."""
    segmented, latent = latents_of(material, members, told)
    beside = _beside(material, segmented)
    kept = segmented if material.context.experiment.draws else None
    return Read(finished_sequences(material, latent, beside), kept, told, beside)


def latents_of(material: Material, members: Sequence[int], told: Array | None) -> tuple[Segmented, Sequences]:
    """The segments of these utterances, and their latents."""
    segmented, machine = material.segmented(members), material.context.machine
    noise = torch.Generator(machine.device)
    noise.manual_seed(seed_of(material.context, material.cell, "sample"))
    features = material.context.experiment.features
    return segmented, latent_sequences(material.encoder.network, segmented, told, features, noise, machine.room)


def _beside(material: Material, segmented: Segmented) -> Tensor | None:
    """What stands beside the latents: each class's bound, less their mean, which says nothing of the class."""
    if material.cell.test_condition != "marginal+elbo":
        return None
    bounds = bounds_of(material, segmented)
    return bounds - bounds.mean(1, keepdim=True)


def finished_sequences(material: Material, latent: Sequences, beside: Tensor | None) -> Sequences:
    """Latents with what stands beside them, as a sequence or as its statistics."""
    if beside is not None:
        latent = Sequences(torch.cat([latent.values, beside], -1), latent.starts)
    context, cell = material.context, material.cell
    return merged(latent, lag_in(context, cell)) if reads_statistics(context, cell) else latent


def bounds_of(material: Material, segmented: Segmented) -> Tensor:
    """The evidence lower bound of each segment under every class, [segment, class]."""
    context, cell, network = material.context, material.cell, material.encoder.network
    assert isinstance(network, CVAE | SSVAE)
    classes = len(context.tasks[cell.task].condition_classes)
    return class_bounds(
        network, segmented, classes, context.autoencoder(cell).kl_weight, seed_of(context, cell, "evidence")
    )
