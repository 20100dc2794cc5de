"""Front-end, autoencoder and classifier as one whole: waveforms in, probabilities out, and no label needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from emovae.answers import Answers
from emovae.audio import Waveform
from emovae.autoencoders import CVAE, SSVAE, Network
from emovae.calibration import tempered
from emovae.classifiers import LSTMClassifier
from emovae.config import Experiment
from emovae.familiarity import Familiarity
from emovae.latents import Sequences, latent_sequences, merged
from emovae.logmel import HOP_SAMPLES, WINDOW_SAMPLES, LogMel, filled, log_mels
from emovae.machine import Machine
from emovae.normalise import Scale, scale_of
from emovae.outputs import predict
from emovae.segments import Segmented, cut, span_of

Frames = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A trained model that needs nothing beside it.

    Attributes:
        settings: the configuration that it was trained with, of one model.
        classes: their names, in the order of all probabilities.
        encoder: the autoencoder.
        reader: the classifier.
        usual: what the training speech was like.
        scale: of the training frames; None where each utterance or nothing sets it.
        weights: of the classes, for an encoder that is told one, float32 [class]; None otherwise.
        temperature: divides the logarithms of probabilities.
        facts: what else its folder tells: `training`, `estimate`, `confidences`.
    """

    settings: Experiment
    classes: tuple[str, ...]
    encoder: Network
    reader: LSTMClassifier
    usual: Familiarity
    scale: Scale | None
    weights: NDArray[np.float32] | None
    temperature: float
    facts: Mapping[str, Any]

    @property
    def confidences(self) -> Sequence[float]:
        """Quantiles of the confidence on the validation utterances, from the least to the greatest."""
        told: Sequence[float] = self.facts["confidences"]
        return told

    @property
    def least_samples(self) -> int:
        """What has fewer is filled up to a segment."""
        return WINDOW_SAMPLES + (span_of(self.settings.segments) - 1) * HOP_SAMPLES

    def answer(self, waveforms: Sequence[Waveform]) -> Answers:
        """What is said of waveforms [sample] at 16 kHz.

        Raises:
            ValueError: for no waveform.
        """
        return self.judge(self.frames(waveforms))

    def frames(self, waveforms: Sequence[Waveform]) -> list[Frames]:
        """Log-mel frames [frame, band] of waveforms [sample] at 16 kHz; one below 25 ms is filled up with silence."""
        return log_mels([filled(one) for one in waveforms], self._front_end)

    def judge(self, utterances: Sequence[Frames]) -> Answers:
        """What is said of utterances by their frames [frame, band].

        Raises:
            ValueError: for no utterance.
        """
        if not utterances:
            raise ValueError("there is no utterance to answer about; give one at least")
        said = predict(self.reader, self.sequences(self.segmented(utterances)), Machine())
        strange = np.array([self.usual.strangeness(frames) for frames in utterances])
        return Answers(tempered(said, self.temperature), said, strange)

    def segmented(self, utterances: Sequence[Frames]) -> Segmented:
        """The normalised segments of utterances, short ones filled up by their last frame."""
        how = self.settings.segments.model_copy(update={"short": "pad"})
        rows = [cut(self.scaled(frames), how) for frames in utterances]
        starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return Segmented(torch.from_numpy(np.concatenate(rows)), starts)

    def scaled(self, frames: Frames) -> Frames:
        """An utterance's frames as the encoder wants them."""
        scale = self.scale_for(frames)
        found: Frames = frames if scale is None else (frames - scale.mean) / scale.deviation
        return found

    def scale_for(self, frames: Frames) -> Scale | None:
        """The scale of an utterance by its frames [frame, band]; None where they stay as they are."""
        return scale_of(frames) if self.settings.normalise == "utterance" else self.scale

    def sequences(self, segmented: Segmented) -> Sequences:
        """What the classifier reads."""
        latents = self.latents(segmented)
        return merged(latents) if self.settings.merge == "statistics" else latents

    def latents(self, segmented: Segmented) -> Sequences:
        """The latent features of each segment, utterance by utterance."""
        weights = None
        if isinstance(self.encoder, CVAE):
            assert self.weights is not None
            weights = np.tile(self.weights, (len(segmented.starts) - 1, 1))
        return latent_sequences(self.encoder, segmented, weights, self.settings.features, torch.Generator())

    @cached_property
    def _front_end(self) -> LogMel:
        return LogMel(self.settings.front_end)


def needs_weights(encoder: Network) -> bool:
    """Whether a network's encoder or decoder is told a class."""
    return isinstance(encoder, CVAE | SSVAE)
