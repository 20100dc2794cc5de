"""Frames are brought to a common scale: the paper does not say how, so it is a named choice.

`train`: mean and deviation of each band over the training utterances of the fold.
`speaker`: over all utterances of the same speaker, tested ones too: transductive, and printed as such.
`utterance`: over the utterance itself. `none`: as they are.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.config import Normalise
from emovae.frames import CorpusFrames

LEAST_DEVIATION = 0.1
"""In natural-log energy, where speech has 2 to 3: a band that is dead in training is centred and not blown up."""


class Scale(NamedTuple):
    """Mean and deviation of each band, float32 [band]."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


class Normaliser(NamedTuple):
    """The scale of every utterance.

    Attributes:
        frames: the corpus.
        scales: one scale for each utterance; most are the same object.
    """

    frames: CorpusFrames
    scales: Sequence[Scale]

    def of(self, utterance: int) -> NDArray[np.float32]:
        """The normalised frames [frame, band] of one utterance."""
        scale = self.scales[utterance]
        return (self.frames.of(utterance) - scale.mean) / scale.deviation


def fit(frames: CorpusFrames, train: Sequence[int], how: Normalise) -> Normaliser:
    """Learns the scales; from the training utterances only, where `how` is `train`."""
    everyone = range(len(frames.utterances))
    groups: dict[Hashable, list[int]] = {}
    scales: dict[Hashable, Scale]
    for utterance in everyone:
        group = {"speaker": frames.utterances[utterance].speaker, "utterance": utterance}.get(how)
        groups.setdefault(group, []).append(utterance)
    if how == "none":
        band_count = frames.values.shape[1]
        scales = {None: Scale(np.zeros(band_count, np.float32), np.ones(band_count, np.float32))}
    elif how == "train":
        scales = {None: _scale(frames, train)}
    else:
        scales = {group: _scale(frames, members) for group, members in groups.items()}
    return Normaliser(frames, _by_utterance(groups, scales))


def _by_utterance(groups: dict[Hashable, list[int]], scales: dict[Hashable, Scale]) -> list[Scale]:
    scale_of = {utterance: scales[group] for group, members in groups.items() for utterance in members}
    return [scale_of[utterance] for utterance in range(len(scale_of))]


def _scale(frames: CorpusFrames, members: Sequence[int]) -> Scale:
    """Mean and deviation over all frames of these utterances, summed in float64."""
    count = sum(len(frames.of(utterance)) for utterance in members)
    mean = sum(frames.of(utterance).sum(axis=0, dtype=np.float64) for utterance in members) / count
    squares = sum(np.square(frames.of(utterance) - mean).sum(axis=0) for utterance in members)
    deviation = np.maximum(np.sqrt(squares / count), LEAST_DEVIATION)
    return Scale(np.asarray(mean, np.float32), np.asarray(deviation, np.float32))
