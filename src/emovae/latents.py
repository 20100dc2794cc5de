"""Segments become latent sequences, one an utterance, and sequences become batches of like length."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emovae.autoencoders import AE, CVAE, Latent, Network
from emovae.autoencoders.mlp import reparameterised
from emovae.config import Features
from emovae.functionals import functionals
from emovae.room import IN_MEMORY, Room, let_go
from emovae.segments import Segmented

SEGMENTS_AT_ONCE = 4096
STEPS_AT_ONCE = 16_384
"""Of padded sequences: some 200 MB in a classifier of the usual width while it learns."""
BATCHES_PER_POOL = 16
"""Utterances are sorted by length within pools of so many batches: like lengths, and yet random company."""


class Sequences(NamedTuple):
    """One sequence of features for each utterance.

    Attributes:
        values: float32 [step, feature], one utterance after the other.
        starts: int64 [utterance + 1]; utterance u has the rows starts[u] to starts[u + 1].
    """

    values: Tensor
    starts: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each utterance, [utterance]."""
        return np.diff(self.starts)

    def of(self, utterances: NDArray[np.int64]) -> "Sequences":
        """Those of some utterances, in the order given."""
        spans = [slice(self.starts[place], self.starts[place + 1]) for place in utterances]
        starts = np.cumsum([0, *self.lengths[utterances]], dtype=np.int64)
        return Sequences(torch.cat([self.values[span] for span in spans]), starts)


def conditions(
    classes: Sequence[int | None],
    class_count: int,
    *,
    oracle: bool,
    prior: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """How much each class weighs in the condition of each utterance, [utterance, class], rows summing to 1.

    `oracle` puts all weight on the true class; `marginal` the same weight on every class, or the weights of a prior. An
    utterance without a class has the marginal's weights either way.

    >>> conditions([1, None], 2, oracle=True).tolist()
    [[0.0, 1.0], [0.5, 0.5]]
    """
    alike = np.full(class_count, 1.0 / class_count) if prior is None else prior
    weights = np.tile(alike.astype(np.float32), (len(classes), 1))
    if oracle:
        for utterance, label in enumerate(classes):
            if label is not None:
                weights[utterance] = np.eye(class_count, dtype=np.float32)[label]
    return weights


@torch.inference_mode()
def latent_sequences(
    network: Network,
    segmented: Segmented,
    weights: NDArray[np.float32] | None,
    features: Features,
    generator: torch.Generator,
    room: Room = IN_MEMORY,
) -> Sequences:
    """Encodes utterances.

    Args:
        network: the trained autoencoder; its device is where the encoding runs.
        segmented: what to encode.
        weights: the condition of each utterance for a CVAE, see `conditions`; unused otherwise.
        features: which parameters of the distribution are kept; an autoencoder has its code alone.
        generator: draws `sample`.
        room: where the latents are to lie.

    Returns:
        Sequences on the CPU.
    """
    device = next(network.parameters()).device
    per_segment = None if weights is None else torch.from_numpy(np.repeat(weights, np.diff(segmented.starts), axis=0))
    out = torch.empty(0)
    for start in range(0, len(segmented.values), SEGMENTS_AT_ONCE):
        some = slice(start, start + SEGMENTS_AT_ONCE)
        values = segmented.values[some].to(device)
        if isinstance(network, AE):
            read = network.encode(values)
        elif isinstance(network, CVAE):
            assert per_segment is not None
            read = _chosen(mixture(network, values, per_segment[some].to(device)), features, generator)
        else:
            read = _chosen(network.encode(values), features, generator)
        if start == 0:
            out = room.empty(len(segmented.values), read.shape[1])
        out[some] = read.cpu()
        let_go(segmented.values, out)
    return Sequences(out, segmented.starts)


def mixture(network: CVAE, segments: Tensor, weights: Tensor) -> Latent:
    """Mean and variance of the mixture over classes of Q(z|X, c), [segment, latent] each.

    Args:
        network: the CVAE.
        segments: [segment, value].
        weights: of the classes, [segment, class], rows summing to 1. One class with all the weight gives exactly
            the Gaussian of that class.
    """
    mean = segments.new_zeros(len(segments), network.mean.out_features)
    variance = torch.zeros_like(mean)
    parts: list[tuple[Tensor, Tensor, Latent]] = []
    for label, one_hot in enumerate(torch.eye(weights.shape[1], device=segments.device)):
        among = weights[:, label].nonzero().squeeze(1)
        if len(among) > 0:
            given = network.encode(segments[among], one_hot.expand(len(among), -1))
            parts.append((among, weights[among, label, None], given))
            mean[among] += parts[-1][1] * given.mean
    # About the mean, not about zero: a difference of large squares would drown a narrow Gaussian.
    for among, weight, given in parts:
        variance[among] += weight * (given.log_variance.exp() + (given.mean - mean[among]).square())
    return Latent(mean, variance.clamp_min(torch.finfo(mean.dtype).tiny).log())


def _chosen(latent: Latent, features: Features, generator: torch.Generator) -> Tensor:
    first = reparameterised(latent, generator) if features == "sample" else latent.mean
    return torch.cat([first, *beside_z(latent.log_variance, features)], -1)


def beside_z(log_variance: Tensor, features: Features) -> list[Tensor]:
    """What a classifier reads beside z or its mean, [..., latent] each."""
    match features:
        case "mean+variance":
            return [log_variance.exp()]
        case "mean+log_variance":
            return [log_variance]
        case "mean" | "sample":
            return []


def merged(sequences: Sequences, lag: int = 0) -> Sequences:
    """Each utterance as a sequence of one step: the statistics over time of its latents (`merge = "statistics"`).

    With a `lag` they are of the difference between each step and the one so many before; of nothing but 0 where an
    utterance has no more steps than that.
    """
    values = sequences.values.numpy()
    spans = zip(sequences.starts[:-1], sequences.starts[1:], strict=True)
    rows = np.stack([functionals(_moved(values[start:stop], lag)) for start, stop in spans])
    return Sequences(torch.from_numpy(rows), np.arange(len(rows) + 1))


def _moved(steps: NDArray[np.float32], lag: int) -> NDArray[np.float32]:
    if not lag:
        return steps
    return steps[lag:] - steps[:-lag] if len(steps) > lag else np.zeros_like(steps[:1])


def batches_of_like_length(
    lengths: NDArray[np.int64], size: int, generator: torch.Generator
) -> Iterator[NDArray[np.int64]]:
    """Indices of utterances, batch by batch, in random order and yet in company of like length.

    Every utterance falls into a random pool, pools are sorted by length and cut into batches, and the batches come in
    random order.
    """
    shuffled = torch.randperm(len(lengths), generator=generator).numpy()
    batches: list[NDArray[np.int64]] = []
    for pool in _cut(shuffled, size * BATCHES_PER_POOL):
        batches += _cut(pool[np.argsort(lengths[pool], kind="stable")], size)
    for place in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[place]


def within_memory(lengths: NDArray[np.int64], members: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Parts of a batch, shortest utterances first, each of at most `STEPS_AT_ONCE` steps when padded.

    A single utterance is never divided, however long; and so one long recording does not make its company long too.
    """
    part: list[int] = []
    for member in members[np.argsort(lengths[members], kind="stable")]:
        if part and (len(part) + 1) * lengths[member] > STEPS_AT_ONCE:
            yield np.array(part)
            part = []
        part.append(int(member))
    yield np.array(part)


def _cut(indices: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def padded(sequences: Sequences, members: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """A batch [utterance, step, feature], zeros after the end of each, and the lengths [utterance]."""
    lengths = torch.from_numpy(sequences.lengths[members])
    batch = sequences.values.new_zeros(len(members), int(lengths.max()), sequences.values.shape[1])
    for row, member in enumerate(members):
        start, stop = sequences.starts[member], sequences.starts[member + 1]
        batch[row, : stop - start] = sequences.values[start:stop]
    let_go(sequences.values)
    return batch, lengths
