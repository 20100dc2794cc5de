"""What a cell tells while it is computed, and what it leaves."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.course import Epoch
from emovae.grid import Cell


class Step(NamedTuple):
    """Told while a cell is computed: a stage's epoch, of how many at most, and its losses."""

    cell: Cell
    stage: str
    epoch: int
    epochs: int
    losses: Epoch


Listener = Callable[[Step], None]


class Averaged(NamedTuple):
    """What several draws say together.

    Attributes:
        test: probabilities averaged over draws, of the tested utterances, float32 [utterance, class].
        expected_entropy: the mean over draws of each one's entropy in nats, [utterance].
        validation: as `test`, of the utterances that stopped the learning.
    """

    test: NDArray[np.float32]
    expected_entropy: NDArray[np.float32]
    validation: NDArray[np.float32]


class CellResult(NamedTuple):
    """What a cell leaves.

    Attributes:
        probabilities: of the tested utterances, float32 [utterance, class]; of a continuous cell the values,
            [utterance, 1], and so is `validation`.
        classifier_curve: its learning curve, see `training`; empty for a baseline.
        autoencoder_curve: the same of the autoencoder.
        validation: probabilities of the utterances that stopped the learning; None where nothing was stopped.
        averaged: `posterior` and `dropout`, see `doubt`; those that the experiment asks for.
        reconstruction: squared distance of a segment, the mean over each tested utterance, [utterance]; None without
            an autoencoder.
        use: of the latent space, see `encoders.Use`; None without an autoencoder.
    """

    probabilities: NDArray[np.float32]
    classifier_curve: list[Epoch]
    autoencoder_curve: list[Epoch]
    validation: NDArray[np.float32] | None = None
    averaged: Mapping[str, Averaged] = {}
    reconstruction: NDArray[np.float32] | None = None
    use: Mapping[str, float | None] | None = None
