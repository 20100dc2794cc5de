"""An ensemble as one whole: waveforms in, probabilities out, whether or not it is known who speaks.

It has two sets of discriminants. One has learned from statistics as they are, and answers about a recording of whom
nothing else is known. The other has learned from statistics that were brought to one scale over all that the same
person says, and answers where somebody says who speaks and enough of each is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.answers import Answers, are_known
from emovae.audio import Waveform
from emovae.baselines.functionals_lda import Discriminant
from emovae.calibration import tempered
from emovae.config import Experiment
from emovae.familiarity import Familiarity
from emovae.frames import with_prosody
from emovae.functionals import per_speaker
from emovae.logmel import HOP_SAMPLES, WINDOW_SAMPLES, LogMel, filled, log_mels
from emovae.readings import Readings
from emovae.segments import span_of
from emovae.trained import TrainedModel

BY_SPEAKER = "by_speaker"
"""Facts under this name are those of the second set."""
FEW = "few"
"""Under this name stands how many utterances are of people who say too little to be set on a scale of their own."""
WHY_ALONE = "why_alone"
"""Under this name stands why there is no second set, though it was asked for."""

Array = NDArray[np.float32]


class Machines(NamedTuple):
    """Who says it.

    Attributes:
        discriminants: one for each member.
        temperature: divides the logarithms of probabilities.
    """

    discriminants: tuple[Discriminant, ...]
    temperature: float


class Heard(NamedTuple):
    """What is kept of utterances until it is known who else speaks as they do.

    Attributes:
        rows: what each member reads, [utterance, value].
        strangeness: see `answers.Answers`.
    """

    rows: list[Array]
    strangeness: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TrainedEnsemble:
    """A trained ensemble that needs nothing beside it.

    Attributes:
        readings: what its members read, with the configuration that it was trained with.
        classes: their names, in the order of all probabilities.
        alone: answers about a recording by itself.
        by_speaker: answers about recordings on the scale of who speaks; None where none was to be learned.
        usual: what the training speech was like.
        facts: as of a `TrainedModel`; `by_speaker` has the same of the second set, `why_alone` why there is none.
    """

    readings: Readings
    classes: tuple[str, ...]
    alone: Machines
    by_speaker: Machines | None
    usual: Familiarity
    facts: Mapping[str, Any]

    @property
    def settings(self) -> Experiment:
        """The configuration that it was trained with."""
        return self.readings.settings

    @property
    def temperature(self) -> float:
        """That of a recording by itself."""
        return self.alone.temperature

    @property
    def confidences(self) -> Sequence[float]:
        """Quantiles of the confidence on the validation utterances by themselves, from the least to the greatest."""
        told: Sequence[float] = self.facts["confidences"]
        return told

    @property
    def confidences_by_speaker(self) -> Sequence[float]:
        """The same of people on scales of their own; none where none was to be learned."""
        told: Sequence[float] = self.facts.get(BY_SPEAKER, {}).get("confidences", ())
        return told

    @property
    def why_alone(self) -> str:
        """Why there is no second set; "" where there is one."""
        asked = "" if self.by_speaker else "normalise_statistics was none when it learned"
        return str(self.facts.get(WHY_ALONE, asked))

    @property
    def least_samples(self) -> int:
        """What has fewer is filled up to the longest segment."""
        frames = max(span_of(span) for span in self.settings.ensemble.spans)
        return WINDOW_SAMPLES + (frames - 1) * HOP_SAMPLES

    def answer(self, waveforms: Sequence[Waveform]) -> Answers:
        """What is said of waveforms [sample] at 16 kHz, each by itself.

        Raises:
            ValueError: for no waveform.
        """
        return self.judge(self.frames(waveforms))

    def frames(self, waveforms: Sequence[Waveform]) -> list[Array]:
        """Frames [frame, column] of waveforms [sample] at 16 kHz; one below 25 ms is filled up with silence."""
        whole = [filled(one) for one in waveforms]
        return with_prosody(log_mels(whole, self._front_end), whole, self.settings.front_end.prosody)

    def judge(self, utterances: Sequence[Array]) -> Answers:
        """What is said of utterances by their frames [frame, column], each by itself.

        Raises:
            ValueError: for no utterance.
        """
        return self.said_of(self.heard(utterances))

    def keep(self, waveforms: Sequence[Waveform]) -> Heard:
        """What is to be kept of waveforms [sample] at 16 kHz until all of their speakers have been heard.

        Raises:
            ValueError: for no waveform.
        """
        return self.heard(self.frames(waveforms))

    def answer_people(self, kept: Sequence[Heard], speakers: Sequence[str]) -> Answers:
        """What is said of all that was kept, and who speaks in each, "" for nobody knows.

        Raises:
            ValueError: for nothing, or where nothing was learned of speakers.
        """
        return self.said_of(joined(kept), speakers)

    def heard(self, utterances: Sequence[Array]) -> Heard:
        """What is to be kept of utterances by their frames [frame, column].

        Raises:
            ValueError: for no utterance.
        """
        if not utterances:
            raise ValueError("there is no utterance to answer about; give one at least")
        bands = self.settings.front_end.bands
        strange = np.array([self.usual.strangeness(frames[:, :bands]) for frames in utterances])
        return Heard(self.readings.of(utterances), strange)

    def said_of(self, heard: Heard, speakers: Sequence[str] | None = None) -> Answers:
        """What is said of utterances, as `answer_people`.

        Args:
            heard: what was kept of them.
            speakers: who speaks in each, "" for nobody knows; None for each by itself.

        Raises:
            ValueError: for speakers where nothing was learned of any.
        """
        said = self._posterior(self.alone, heard.rows)
        shares = tempered(said, self.alone.temperature)
        if speakers is None:
            return Answers(shares, said, heard.strangeness)
        if self.by_speaker is None:
            raise ValueError(
                f"this model has learned nothing of speakers: {self.why_alone}; ask about each recording by itself"
            )
        known = np.flatnonzero(are_known(speakers)).tolist()
        if known:
            rows = [per_speaker(one[known], [speakers[place] for place in known]) for one in heard.rows]
            said[known] = self._posterior(self.by_speaker, rows)
            shares[known] = tempered(said[known], self.by_speaker.temperature)
        return Answers(shares, said, heard.strangeness)

    @cached_property
    def _front_end(self) -> LogMel:
        return LogMel(self.settings.front_end)

    def _posterior(self, machines: Machines, rows: Sequence[Array]) -> Array:
        said = [
            seat.share * machine.posterior(row, len(self.classes))
            for seat, machine, row in zip(self.readings.seats, machines.discriminants, rows, strict=True)
        ]
        found: Array = np.sum(said, axis=0, dtype=np.float32)
        return found


def joined(parts: Sequence[Heard]) -> Heard:
    """What was kept of several handfuls of utterances, in their order."""
    rows = [np.concatenate(each) for each in zip(*(part.rows for part in parts), strict=True)]
    return Heard(rows, np.concatenate([part.strangeness for part in parts]))


Trained = TrainedModel | TrainedEnsemble
"""What a model folder holds."""
