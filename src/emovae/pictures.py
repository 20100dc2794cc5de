"""What the autoencoder of a model makes of a whole recording, as log-mel frames that can be laid beside its own."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from emovae.autoencoders.mlp import squared_distance
from emovae.logmel import HOP_MS
from emovae.reconstruction import SEGMENTS_AT_ONCE, reconstructed
from emovae.segments import span_of, stride_of
from emovae.trained import Frames, TrainedModel, needs_weights


class Remade(NamedTuple):
    """A recording as it comes out of the decoder.

    Attributes:
        frames: natural logarithms of energies like those that went in, float32 [frame, band]; the mean where segments
            overlap, NaN where there is none. Each frame that a segment has stands for its stride.
        error: the squared distance of a segment, of normalised values (eq. 2, first term); the mean over segments.
    """

    frames: Frames
    error: float


@torch.inference_mode()
def remade(model: TrainedModel, frames: Frames) -> Remade:
    """A recording's frames, encoded and decoded at the latent mean.

    An encoder or decoder that is told a class is told each of them, and their mean is taken by what the model itself
    says of the recording.

    Args:
        model: the model.
        frames: of the recording, [frame, band], one at least.
    """
    segments, how = model.segmented([frames]).values, model.settings.segments
    length, step, stride = span_of(how), how.step_ms // HOP_MS, stride_of(how)
    weights = _weights(model, frames)
    told = None if weights is None else torch.from_numpy(weights).expand(SEGMENTS_AT_ONCE, -1)
    sums = np.zeros((len(frames) + length, frames.shape[1]))  # the last segment may be filled up
    counts = np.zeros((len(sums), 1))
    distance = 0.0
    for first in range(0, len(segments), SEGMENTS_AT_ONCE):
        some = segments[first : first + SEGMENTS_AT_ONCE]
        made = reconstructed(model.encoder, some, None if told is None else told[: len(some)])
        distance += float(squared_distance(some, made).double().sum())
        parts = made.numpy().reshape(len(some), length // stride, -1)
        starts = step * np.arange(first, first + len(some))
        for place in range(length):  # of one place in them, no two segments have the same frame
            sums[starts + place] += parts[:, place // stride]
            counts[starts + place] += 1
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)[: len(frames)]
    scale = model.scale_for(frames)
    known = means if scale is None else means * scale.deviation + scale.mean
    return Remade(known.astype(np.float32), distance / len(segments))


def _weights(model: TrainedModel, frames: Frames) -> NDArray[np.float32] | None:
    """Of the classes that the autoencoder is told, [1, class]; None where it is told none."""
    if not needs_weights(model.encoder):
        return None
    assert model.weights is not None
    if len(model.weights) != len(model.classes):  # it was told others than are asked for
        return model.weights[None]
    return model.judge([frames]).probabilities.astype(np.float32)
