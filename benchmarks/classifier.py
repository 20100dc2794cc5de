"""The LSTM learns from sequences of IEMOCAP's lengths, beside the usual loop: random batches, packed."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from benchmarks.measure import Row, faster, paired
from benchmarks.uncertainty import lengths_like_iemocap
from emovae.classifiers import LSTMClassifier
from emovae.examples import Labelled
from emovae.latents import Sequences
from emovae.machine import Machine, resolve_precision
from emovae.outputs import held_out
from emovae.settings import Classifier
from emovae.training import train_classifier

TRAIN, HELD_OUT, FEATURES, CLASSES, EPOCHS = 960, 320, 256, 4, 3
MISLABELLED, THREADS = 0.4, 2
SETTINGS = Classifier(epochs=EPOCHS, patience=EPOCHS, scale_inputs=False)
TOLERANCE = 0.05
"""How much higher our held-out loss may be: two seeds of the same loop differ by as much."""


class Sides(NamedTuple):
    """Sequences to learn from, and others."""

    train: Labelled
    held_out: Labelled


def sequences() -> Sides:
    """Noise about a mean of its class; two labels in five are any class's, so that no loss goes to zero."""
    chance = np.random.default_rng(0)
    means = chance.normal(0, 0.25, (CLASSES, FEATURES))
    return Sides(*(_side(count, means, chance) for count in (TRAIN, HELD_OUT)))


def _side(count: int, means: np.ndarray, chance: np.random.Generator) -> Labelled:
    lengths = chance.permutation(lengths_like_iemocap(count))
    labels = chance.integers(CLASSES, size=count)
    values = chance.normal(0, 1, (int(lengths.sum()), FEATURES)) + np.repeat(
        means[labels] + chance.normal(0, 0.7, (count, FEATURES)), lengths, axis=0
    )
    starts = np.concatenate([[0], np.cumsum(lengths)])
    labels = np.where(chance.random(count) < MISLABELLED, chance.integers(CLASSES, size=count), labels)
    return Labelled(Sequences(torch.from_numpy(values.astype(np.float32)), starts), labels)


def fresh() -> LSTMClassifier:
    """The same first weights whenever it is called."""
    return LSTMClassifier(FEATURES, CLASSES, SETTINGS, torch.Generator().manual_seed(0))


def by_emovae(sides: Sides, precision: str) -> LSTMClassifier:
    """Our loop."""
    network = fresh()
    train_classifier(network, *sides, SETTINGS, 0, Machine(precision=precision), lambda _epoch, _losses: None)
    return network


def by_packing(sides: Sides) -> LSTMClassifier:
    """Random batches of packed sequences, the held-out loss after every epoch, the best weights kept, as ours does."""
    network = fresh()
    optimiser = torch.optim.Adam(network.parameters(), SETTINGS.learning_rate)
    train, others = (apart(side) for side in sides)
    shuffle = torch.Generator().manual_seed(0)
    lowest, best = float("inf"), network.state_dict()
    for _ in range(EPOCHS):
        for members in torch.split(torch.randperm(TRAIN, generator=shuffle), SETTINGS.batch_size):
            optimiser.zero_grad()
            torch.autograd.backward(packed_losses(network, *train, members).mean())
            optimiser.step()
        in_turn = torch.split(torch.arange(HELD_OUT), SETTINGS.batch_size)
        with torch.no_grad():
            parts = [packed_losses(network, *others, members) for members in in_turn]
        if (loss := float(torch.cat(parts).mean())) < lowest:
            lowest, best = loss, {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(best)
    return network


def apart(side: Labelled) -> tuple[list[Tensor], Tensor]:
    """The usual form: a list of sequences, and their labels."""
    values = [side.sequences.values[start:end] for start, end in pairwise(side.sequences.starts)]
    return values, torch.from_numpy(side.labels)


def packed_losses(network: LSTMClassifier, values: list[Tensor], labels: Tensor, members: Tensor) -> Tensor:
    """The cross-entropy of each of these utterances, [utterance]."""
    batch = [values[member] for member in members.tolist()]
    lengths = torch.tensor([len(one) for one in batch])
    together = pad_sequence(batch, batch_first=True)
    packed = pack_padded_sequence(together, lengths, batch_first=True, enforce_sorted=False)
    _, (last, _) = network.lstm(packed)
    return F.cross_entropy(network.projection(last[-1]), labels[members], reduction="none")


def rows(rounds: int) -> Iterator[Row]:
    """Both precisions beside the loop, on two threads."""
    torch.set_num_threads(THREADS)
    sides, precision = sequences(), resolve_precision("auto", "cpu")
    truth = held_out(by_packing(sides), sides.held_out, Machine())["validation"]
    for ours in dict.fromkeys((precision, "float32")):
        off = held_out(by_emovae(sides, ours), sides.held_out, Machine())["validation"] / truth - 1
        pairs = paired(partial(by_emovae, sides, ours), partial(by_packing, sides), rounds)
        what = f"LSTM training in {ours}, batch {SETTINGS.batch_size}, {THREADS} threads"
        check = f"held-out loss {100 * off:+.1f} %" + ("" if off <= TOLERANCE else ": NOT EQUAL")
        least = 3.0 if ours == precision else None
        yield faster(what, "packed, in random batches", pairs, EPOCHS * TRAIN, "utterances", least, check)
