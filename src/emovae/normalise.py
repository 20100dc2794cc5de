"""Frames are brought to a common scale: the paper does not say how, so it is a named choice.

`train`: mean and deviation of each band over the training utterances of the fold.
`speaker`: over all utterances of the same speaker, tested ones too: transductive, and printed as such.
`utterance`: over the utterance itself. `none`: as they are.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.config import Normalise
from emovae.frames import CorpusFrames

Read = Callable[[NDArray[np.float32]], NDArray[np.float32]]

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
        read: what is made of the frames before they are scaled.
    """

    frames: CorpusFrames
    scales: Sequence[Scale]
    read: Read

    def of(self, utterance: int) -> NDArray[np.float32]:
        """The normalised frames [frame, band] of one utterance."""
        scale = self.scales[utterance]
        return (self.read(self.frames.of(utterance)) - scale.mean) / scale.deviation

    def each(self, utterances: Sequence[int]) -> Iterator[NDArray[np.float32]]:
        """Those of several, one after the other, in little memory however many they are."""
        return map(self.of, utterances)


def as_they_are(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """The frames themselves."""
    return frames


def fit(
    frames: CorpusFrames,
    train: Sequence[int],
    how: Normalise,
    *,
    read: Read = as_they_are,
    least_deviation: float = LEAST_DEVIATION,
) -> Normaliser:
    """Learns the scales; from the training utterances only, where `how` is `train`.

    Args:
        frames: the corpus.
        train: the training utterances.
        how: over whom.
        read: what is made of the frames [frame, band] before, such as cepstra; [frame, value].
        least_deviation: in the units of what is read.
    """
    everyone = range(len(frames.utterances))
    groups: dict[Hashable, list[int]] = {}
    scales: dict[Hashable, Scale]
    for utterance in everyone:
        group = {"speaker": frames.utterances[utterance].speaker, "utterance": utterance}.get(how)
        groups.setdefault(group, []).append(utterance)
    if how == "none":
        band_count = read(np.zeros((1, frames.columns), np.float32)).shape[1]
        scales = {None: Scale(np.zeros(band_count, np.float32), np.ones(band_count, np.float32))}
    elif how == "train":
        scales = {None: _scale(frames, train, read, least_deviation)}
    else:
        scales = {group: _scale(frames, members, read, least_deviation) for group, members in groups.items()}
    return Normaliser(frames, _by_utterance(groups, scales), read)


def _by_utterance(groups: dict[Hashable, list[int]], scales: dict[Hashable, Scale]) -> list[Scale]:
    scale_of = {utterance: scales[group] for group, members in groups.items() for utterance in members}
    return [scale_of[utterance] for utterance in range(len(scale_of))]


def scale_of(*utterances: NDArray[np.float32]) -> Scale:
    """The scale that the frames [frame, band] of an utterance set for themselves (`utterance`), or of several."""
    return _scale_over(lambda: iter(utterances), LEAST_DEVIATION)


def _scale(frames: CorpusFrames, members: Sequence[int], read: Read, least_deviation: float) -> Scale:
    return _scale_over(lambda: (read(frames.of(one)) for one in members), least_deviation)


def _scale_over(parts: Callable[[], Iterator[NDArray[np.float32]]], least_deviation: float) -> Scale:
    """Mean and deviation over all frames of all parts, gone through twice and summed in float64."""
    count, total = 0, np.float64(0)
    for rows in parts():
        count, total = count + len(rows), total + rows.sum(axis=0, dtype=np.float64)
    mean = total / count
    squares = sum(np.square(rows - mean).sum(axis=0) for rows in parts())
    deviation = np.maximum(np.sqrt(squares / count), least_deviation)
    return Scale(np.asarray(mean, np.float32), np.asarray(deviation, np.float32))
