"""The LSTM of a cell: what it learns, how it is trained, and what it says with units dropped.

Models with an autoencoder, the baselines without one and the rivals take theirs from here, so that all are the same.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from emovae.classifiers import LSTMClassifier, LSTMRegressor, SequenceReader
from emovae.course import Epoch, OnEpoch
from emovae.doubt import Answers, averaged
from emovae.examples import Labelled
from emovae.grid import Cell, Context
from emovae.latents import Sequences
from emovae.outputs import predict
from emovae.seeds import seed_for
from emovae.stages import Averaged
from emovae.training import train_classifier


def labels_of(context: Context, cell: Cell, members: Sequence[int]) -> NDArray[np.int64] | NDArray[np.float32]:
    """What a cell's network learns of these utterances: the places of their classes, or their values."""
    task = context.tasks[cell.task]
    return task.values_of(members) if cell.continuous else task.numbers(members)


def reader_of(
    context: Context, cell: Cell, train: Labelled, validation: Labelled, seed: int, on_epoch: OnEpoch
) -> tuple[LSTMClassifier | LSTMRegressor, list[Epoch]]:
    """The LSTM of a cell, with classes or with a value for a head, trained, and its learning curve.

    Raises:
        EmovaeError: when training diverges.
    """
    if not cell.continuous:
        classes = len(context.tasks[cell.task].classes)
        return classifier_of(context, train, validation, classes, seed, on_epoch)
    typical = float(train.labels.mean())
    features, settings = train.sequences.values.shape[1], context.experiment.classifier
    network = LSTMRegressor(features, settings, _first_weights(seed), typical).to(context.machine.device)
    return network, train_classifier(network, train, validation, settings, seed, context.machine, on_epoch)


def classifier_of(
    context: Context, train: Labelled, validation: Labelled, classes: int, seed: int, on_epoch: OnEpoch
) -> tuple[LSTMClassifier, list[Epoch]]:
    """The paper's LSTM, trained on sequences, and its learning curve.

    Raises:
        EmovaeError: when training diverges.
    """
    features, settings = train.sequences.values.shape[1], context.experiment.classifier
    network = LSTMClassifier(features, classes, settings, _first_weights(seed)).to(context.machine.device)
    return network, train_classifier(network, train, validation, settings, seed, context.machine, on_epoch)


def dropped(context: Context, network: SequenceReader, validation: Sequences, test: Sequences) -> dict[str, Averaged]:
    """What is said with units dropped as in training, where any are and the experiment asks for draws."""
    if not (isinstance(network, LSTMClassifier) and context.experiment.draws and network.dropout.rate):
        return {}
    stopped, tested = (dropout_draws(context, network, side) for side in (validation, test))
    return {"dropout": Averaged(*tested, stopped.probabilities)}


def dropout_draws(context: Context, network: LSTMClassifier, sequences: Sequences) -> Answers:
    """What the classifier says of these sequences with units dropped as in training."""
    network.train()
    answers = averaged(lambda: predict(network, sequences, context.machine), context.experiment.draws)
    network.eval()
    return answers


def _first_weights(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed_for(seed, "weights"))
