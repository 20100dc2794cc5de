"""Front-end, autoencoder and classifier as one whole: waveforms in, probabilities out, and no label needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emovae import audio
from emovae.audio import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, SAMPLE_RATE_HZ, Sound, Waveform
from emovae.autoencoders import CVAE, SSVAE, Network, build
from emovae.calibration import Floats, entropy, tempered
from emovae.classifiers import LSTMClassifier
from emovae.config import Experiment
from emovae.errors import AudioError
from emovae.familiarity import Familiarity
from emovae.files import fingerprint
from emovae.frames import FRAMES_VERSION
from emovae.latents import Sequences, latent_sequences, merged
from emovae.logmel import WINDOW_SAMPLES, LogMel, log_mels
from emovae.machine import Machine
from emovae.model_folder import CONFIG, FACTS, Content, read_model, refused, write_model
from emovae.normalise import LEAST_DEVIATION, Scale
from emovae.outputs import predict
from emovae.segments import Segmented, cut, frames_per_segment

Frames = NDArray[np.float32]


class Answers(NamedTuple):
    """What is said of several utterances, in their order.

    Attributes:
        probabilities: after the temperature, float64 [utterance, class].
        said: before it, float32 [utterance, class].
        strangeness: see `familiarity`, [utterance]; above 1 the speech is unlike the training speech.
    """

    probabilities: NDArray[np.float64]
    said: NDArray[np.float32]
    strangeness: NDArray[np.float64]


class Prediction(NamedTuple):
    """What is said of one utterance.

    Attributes:
        label: the likeliest class.
        confidence: its probability.
        entropy: of all probabilities, in nats.
        probabilities: of each class by its name; they sum to 1.
        padded: whether the recording was shorter than a segment, and was filled up.
        strangeness: how far it is from the training speech; above 1 it is unlike that, and less to be trusted.
    """

    label: str
    confidence: float
    entropy: float
    probabilities: dict[str, float]
    padded: bool
    strangeness: float


@dataclass(frozen=True, kw_only=True)
class Recognizer:
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

    @staticmethod
    def load(folder: str | Path) -> "Recognizer":
        """Reads a model folder.

        Raises:
            OutputError: for a folder that is none, or a file of it that is missing, cut, edited, newer or a pickle.
        """
        place = Path(folder)
        content = read_model(place)
        try:
            return _assembled(content)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise refused(place, f"its files do not fit together ({type(error).__name__}: {error})") from error

    def save(self, folder: str | Path, card: str) -> None:
        """Writes a model folder, with this text as its model card.

        Raises:
            OutputError: when the folder cannot be written.
        """
        tensors = {f"encoder.{name}": tensor for name, tensor in self.encoder.state_dict().items()}
        tensors |= {f"reader.{name}": tensor for name, tensor in self.reader.state_dict().items()}
        tensors |= {"usual.mean": torch.tensor(self.usual.mean), "usual.whitening": torch.tensor(self.usual.whitening)}
        if self.scale is not None:
            tensors |= {f"scale.{name}": torch.tensor(values) for name, values in self.scale._asdict().items()}
        own = {
            "sample_rate_hz": SAMPLE_RATE_HZ,
            "model": self.settings.models[0],
            "classes": list(self.classes),
            "condition_weights": None if self.weights is None else self.weights.tolist(),
            "temperature": self.temperature,
            "greatest_usual_distance": self.usual.limit,
            "front_end": _front_end(self.settings),
            "versions": {name: version(name) for name in ("emovae", "torch", "numpy", "soxr", "soundfile")},
        }
        write_model(Path(folder), Content({**own, "facts": dict(self.facts)}, self.settings, tensors), card)

    def predict(self, recording: str | Path | Waveform, sample_rate_hz: int | None = None) -> Prediction:
        """What is said of one recording.

        Args:
            recording: a file, or its samples, [sample] or [sample, channel], full scale 1.
            sample_rate_hz: of samples; a file knows its own.

        Raises:
            AudioError: when it cannot be read, is silent or holds no sound.
            ValueError: for samples without a rate, or a file with one.
        """
        frames = self.frames([_heard(recording, sample_rate_hz)])
        return self.told(self.answer(frames), [self.is_short(one) for one in frames])[0]

    def frames(self, waveforms: Sequence[Waveform]) -> list[Frames]:
        """Log-mel frames [frame, band] of waveforms [sample] at 16 kHz; one below 25 ms is filled up with silence."""
        whole = [np.pad(one, (0, max(0, WINDOW_SAMPLES - len(one)))) for one in waveforms]
        return log_mels(whole, self._front_end)

    def is_short(self, frames: Frames) -> bool:
        """Whether frames do not fill one segment."""
        return len(frames) < frames_per_segment(self.settings.segments)

    def answer(self, utterances: Sequence[Frames]) -> Answers:
        """What is said of utterances by their frames [frame, band].

        Raises:
            ValueError: for no utterance.
        """
        if not utterances:
            raise ValueError("there is no utterance to answer about; give one at least")
        said = predict(self.reader, self.sequences(self.segmented(utterances)), Machine())
        strange = np.array([self.usual.strangeness(frames) for frames in utterances])
        return Answers(tempered(said, self.temperature), said, strange)

    def told(self, answers: Answers, padded: Sequence[bool], *, as_run: bool = False) -> list[Prediction]:
        """Each answer in words; `as_run` with the probabilities of `emovae run`, before the temperature."""
        probabilities: Floats = answers.said if as_run else answers.probabilities
        doubts, found = entropy(probabilities), list[Prediction]()
        for place, row in enumerate(probabilities):
            best = int(row.argmax())
            named = dict(zip(self.classes, row.tolist(), strict=True))
            strange = float(answers.strangeness[place])
            told = Prediction(self.classes[best], float(row[best]), float(doubts[place]), named, padded[place], strange)
            found.append(told)
        return found

    def segmented(self, utterances: Sequence[Frames]) -> Segmented:
        """The normalised segments of utterances, short ones filled up by their last frame."""
        how = self.settings.segments.model_copy(update={"short": "pad"})
        rows = [cut(self._scaled(frames), how) for frames in utterances]
        starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return Segmented(torch.from_numpy(np.concatenate(rows)), starts)

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

    def _scaled(self, frames: Frames) -> Frames:
        if self.scale is not None:
            mean, deviation = self.scale
        elif self.settings.normalise == "utterance":
            mean = frames.mean(0, dtype=np.float64).astype(np.float32)
            spread = np.sqrt(np.square(frames - mean.astype(np.float64)).mean(0))
            deviation = np.maximum(spread, LEAST_DEVIATION).astype(np.float32)
        else:
            return frames
        scaled: Frames = (frames - mean) / deviation
        return scaled

    @cached_property
    def _front_end(self) -> LogMel:
        return LogMel(self.settings.front_end)


def _assembled(content: Content) -> Recognizer:
    """A recognizer of what its folder holds; any error means that the parts do not fit."""
    facts, settings, tensors = content
    classes, told = tuple(facts["classes"]), facts["condition_weights"]
    own = (settings.models[0], SAMPLE_RATE_HZ, _front_end(settings))
    if (facts["model"], facts["sample_rate_hz"], facts["front_end"]) != own:
        raise ValueError(f"model, rate or front-end of {FACTS} are not those of {CONFIG}")
    weights, widest = _under("reader.", tensors), max(max(tensor.shape, default=0) for tensor in tensors.values())
    stated = (*settings.autoencoder.hidden, settings.autoencoder.latent, settings.classifier.hidden)
    # Before anything is allocated: what is stated must be there.
    if max(stated) > widest or len(stated) + settings.classifier.layers > len(tensors):
        raise ValueError("the widths of its networks are not those of its weights")
    if not isinstance(facts["classes"], list) or len(set(classes)) < len(classes):
        raise ValueError("its classes are no list of different names")
    values = frames_per_segment(settings.segments) * settings.front_end.bands
    encoder = build(facts["model"], values, len(told or ()), settings.autoencoder, torch.Generator())
    encoder.load_state_dict(_under("encoder.", tensors))
    reader = LSTMClassifier(weights["lstm.weight_ih_l0"].shape[1], len(classes), settings.classifier, torch.Generator())
    reader.load_state_dict(weights)
    scale, usual = _under("scale.", tensors), _under("usual.", tensors)
    if bool(scale) != (settings.normalise == "train") or len(facts["facts"]["confidences"]) < 2:
        raise ValueError("the scale of its frames, or its confidences, are missing")
    recognizer = Recognizer(
        settings=settings,
        classes=classes,
        encoder=encoder.eval(),
        reader=reader.eval(),
        usual=Familiarity(usual["mean"].numpy(), usual["whitening"].numpy(), float(facts["greatest_usual_distance"])),
        scale=Scale(scale["mean"].numpy(), scale["deviation"].numpy()) if scale else None,
        weights=None if told is None else np.array(told, np.float32),
        temperature=float(facts["temperature"]),
        facts=facts["facts"],
    )
    found = recognizer.answer([np.zeros((1, settings.front_end.bands), np.float32)])
    if not np.isfinite([*found.probabilities[0], *found.strangeness]).all():
        raise ValueError("what it says is no number")
    return recognizer


def _front_end(settings: Experiment) -> str:
    """A name of what the frames of a model are."""
    return fingerprint([FRAMES_VERSION, settings.front_end.model_dump(mode="json")])


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def needs_weights(encoder: Network) -> bool:
    """Whether a network's encoder or decoder is told a class."""
    return isinstance(encoder, CVAE | SSVAE)


def _heard(recording: str | Path | Waveform, sample_rate_hz: int | None) -> Waveform:
    if isinstance(recording, str | Path):
        if sample_rate_hz is not None:
            raise ValueError(f"{recording} is a file and knows its rate; leave sample_rate_hz away")
        return audio.read(Path(recording))
    if sample_rate_hz is None:
        raise ValueError(f"samples have no rate of their own; give sample_rate_hz, such as {SAMPLE_RATE_HZ}")
    samples = np.asarray(recording, np.float32)
    if samples.ndim not in (1, 2) or not samples.size:
        raise AudioError(f"samples have shape {samples.shape}; wanted is [sample] or [sample, channel], one at least")
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0]:
        raise AudioError(f"samples have shape {samples.shape}; wanted is [sample, channel]: transpose them")
    if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
        raise AudioError(f"samples have {sample_rate_hz} Hz; wanted are {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz")
    try:
        return audio.waveform_of(Path("the array"), Sound(samples.reshape(len(samples), -1), sample_rate_hz))
    except AudioError as error:
        raise AudioError(str(error).partition("; replace")[0]) from error
