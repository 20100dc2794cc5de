"""What a model says of utterances, however it is computed: with torch (`trained`) or with onnxruntime (`portable`)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from emovae.audio import Waveform

LEAST_KNOWN = 6
"""From so many recordings on, a scale that all of somebody's set tells more than it takes away (docs/model.md)."""


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

    def of(self, places: Sequence[int]) -> "Answers":
        """Those at these places."""
        return Answers(self.probabilities[places], self.said[places], self.strangeness[places])


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


class Model(Protocol):
    """What can be asked about waveforms, float32 [sample] at 16 kHz each."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in the order of all probabilities."""

    @property
    def confidences(self) -> Sequence[float]:
        """Quantiles of the confidence on the validation utterances, from the least to the greatest."""

    @property
    def least_samples(self) -> int:
        """What has fewer is filled up to a segment."""

    def answer(self, waveforms: Sequence[Waveform]) -> Answers:
        """What is said of one waveform at least."""


class People(Model, Protocol):
    """A model that can be told who speaks."""

    @property
    def confidences_by_speaker(self) -> Sequence[float]:
        """As `confidences`, of people judged on scales of their own."""

    def keep(self, waveforms: Sequence[Waveform]) -> Any:
        """What is to be kept of a handful of waveforms until all have been heard."""

    def answer_people(self, kept: Sequence[Any], speakers: Sequence[str]) -> Answers:
        """What is said of all that was kept, one handful at least, and who speaks in each, "" for nobody knows."""


def are_known(speakers: Sequence[str]) -> NDArray[np.bool_]:
    """Of whom enough is there to be set on a scale of their own, [utterance]; nobody knows who "" is.

    >>> are_known(["ann"] * LEAST_KNOWN + ["bob", ""]).sum().item() == LEAST_KNOWN
    True
    """
    counts = Counter(speakers)
    return np.array([bool(name) and counts[name] >= LEAST_KNOWN for name in speakers])


def told(model: Model, waveforms: Sequence[Waveform], *, as_run: bool = False) -> list[Prediction]:
    """What is said of each waveform; `as_run` with the probabilities of `emovae run`, before the temperature.

    Raises:
        ValueError: for no waveform.
    """
    answers = model.answer(waveforms)
    shares = (answers.said if as_run else answers.probabilities).astype(np.float64)
    return [
        prediction(model.classes, row, float(strange), padded=len(waveform) < model.least_samples)
        for row, waveform, strange in zip(shares, waveforms, answers.strangeness, strict=True)
    ]


def prediction(classes: Sequence[str], shares: NDArray[np.float64], strangeness: float, *, padded: bool) -> Prediction:
    """What the probabilities [class] of one utterance say."""
    return Prediction(
        label=classes[int(shares.argmax())],
        confidence=float(shares.max()),
        entropy=float(-(shares * np.log(np.where(shares > 0, shares, 1))).sum()),
        probabilities=dict(zip(classes, shares.tolist(), strict=True)),
        padded=padded,
        strangeness=strangeness,
    )


def unfit(classes: object, confidences: object) -> str:
    """Why what a file tells of a model's classes and confidences cannot be what they are; "" where it can."""
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        return "its classes are no list of names"
    if not classes or len(set(classes)) < len(classes):
        return "its classes are none, or one is there twice"
    if not isinstance(confidences, list) or len(confidences) < 2:
        return "its confidences are missing"
    if not all(isinstance(share, float | int) and 0 <= share <= 1 for share in confidences):
        return "its confidences are no shares"
    return ""


def least_confidence(confidences: Sequence[float], reject: float) -> float:
    """Below it lay the confidence of this share of the validation utterances, by its quantiles; 0 for none."""
    shares = np.linspace(0, 1, len(confidences))
    return float(np.interp(reject, shares, confidences)) if reject else 0.0
