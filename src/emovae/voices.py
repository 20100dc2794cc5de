"""Speakers in other voices: what a discriminant learns from besides, so that it goes by no single voice.

A copy of all that somebody says is another person's: of a longer or shorter vocal tract (the mel axis is warped, as
Jaitly and Hinton 2013, "Vocal tract length perturbation (VTLP) improves speech recognition"), faster or slower (Ko et
al. 2015, "Audio augmentation for speech recognition"), higher or lower, and before another microphone, which is nearer
or not, and brighter or not. All that is done to frames that are there; no sound is computed again, so that a higher
voice is one in the column of F0 alone (`front_end.prosody`), and harmonics in the bands go with the tract.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae import normalise
from emovae.config import Experiment
from emovae.frames import CorpusFrames
from emovae.mel import centres_hz, mel
from emovae.normalise import Normaliser
from emovae.prosody import COLUMNS
from emovae.seeds import seed_for
from emovae.settings import FrontEnd, Segments

VOICES_VERSION = 1
"""Raised when the same speaker has other voices than before."""
TRACT, TEMPO = 0.12, 0.12
"""Shares of a change, at most, up or down; voices of grown-ups differ by some 20 % in the length of the tract."""
PITCH = 0.15
"""Of ln F0, at most, up or down: 2.6 semitones."""
TILT, LEVEL = 0.7, 0.7
"""Nats of energy, at most, up or down: 3 dB; of the outermost bands, and of all."""

Rows = NDArray[np.float32]


class Voice(NamedTuple):
    """How another voice differs from the one that was recorded.

    Attributes:
        tract: how much lower all resonances lie, 1 for as they were.
        tempo: how many times as long everything lasts.
        pitch: is added to ln F0.
        tilt: nats that the highest band gains and the lowest loses.
        level: nats that all gain.
    """

    tract: float = 1.0
    tempo: float = 1.0
    pitch: float = 0.0
    tilt: float = 0.0
    level: float = 0.0


@lru_cache(maxsize=100_000)
def voice_of(speaker: str, number: int) -> Voice:
    """One of the other voices of a speaker, counted from 1: always the same, whatever the experiment.

    >>> voice_of("ann", 1) == voice_of("ann", 1), voice_of("ann", 1) == voice_of("ann", 2)
    (True, False)
    """
    drawn = np.random.default_rng(seed_for(0, "voice", number, speaker)).uniform(-1, 1, len(Voice._fields)).tolist()
    tract, tempo, pitch, tilt, level = drawn
    return Voice(1 + TRACT * tract, 1 + TEMPO * tempo, PITCH * pitch, TILT * tilt, LEVEL * level)


def spoken(frames: Rows, voice: Voice, front_end: FrontEnd) -> Rows:
    """Frames as another voice would have given them.

    Args:
        frames: natural-log energies of bands, and behind these the columns of prosody, [frame, column].
        voice: the other.
        front_end: how the frames were made.

    Returns:
        [frame, column], `tempo` times as many.
    """
    bands, centres = front_end.bands, centres_hz(front_end)
    rows = _between(frames, np.linspace(0, len(frames) - 1, _lasting(len(frames), voice)))
    wanted, there = (np.array([mel(hz * times) for hz in centres]) for times in (voice.tract, 1.0))
    positions = np.interp(wanted, there, np.arange(bands))
    tilted = _between(rows[:, :bands].T, positions).T + np.linspace(-voice.tilt, voice.tilt, bands) + voice.level
    melody, strength, energy = np.split(rows[:, bands:], COLUMNS, axis=1)
    beside = (melody + voice.pitch, strength, energy + voice.level)
    return np.ascontiguousarray(np.concatenate([tilted, *beside], axis=1), np.float32)


def _lasting(frames: int, voice: Voice) -> int:
    """How many frames an utterance of so many has in another voice."""
    return max(1, round(voice.tempo * frames))


def _between(rows: Rows, places: NDArray[np.float64]) -> Rows:
    """Rows [row, value] at places between them."""
    low = np.minimum(places.astype(np.int64), len(rows) - 1)
    share = (places - low).astype(np.float32)[:, None]
    found: Rows = rows[low] * (1 - share) + rows[np.minimum(low + 1, len(rows) - 1)] * share
    return found


@dataclass(frozen=True, kw_only=True)
class Voiced(CorpusFrames):
    """The frames of a corpus in which every speaker has another voice: `of` tells them, and `spans` how long they last.

    Attributes:
        recorded: those that were.
        number: which of the other voices.
        front_end: how they were made.
    """

    recorded: CorpusFrames
    number: int
    front_end: FrontEnd

    def of(self, utterance: int) -> Rows:
        """The frames [frame, band] of one utterance."""
        voice = voice_of(self.utterances[utterance].speaker, self.number)
        return spoken(self.recorded.of(utterance), voice, self.front_end)

    @property
    def columns(self) -> int:
        """How many values a frame has."""
        return self.recorded.columns


def in_voice(frames: CorpusFrames, number: int, front_end: FrontEnd) -> CorpusFrames:
    """The same corpus, every speaker in another voice of theirs, counted from 1; as recorded for 0."""
    if number == 0:
        return frames
    lengths = np.diff(frames.spans)[:, 0].tolist()
    voices = [voice_of(utterance.speaker, number) for utterance in frames.utterances]
    lasting = [_lasting(length, voice) for voice, length in zip(voices, lengths, strict=True)]
    ends = np.cumsum(lasting, dtype=np.int64)
    return Voiced(
        **{name: getattr(frames, name) for name in ("folder", "key", "utterances", "left_out", "digest")},
        spans=np.stack([ends - lasting, ends], axis=1),
        recorded=frames,
        number=number,
        front_end=front_end,
    )


def cut_in_voice(segments: Segments, number: int) -> Segments:
    """How another voice is cut: who speaks faster may fall short of a segment, and is filled up."""
    return segments if number == 0 else segments.model_copy(update={"short": "pad"})


def normalised_in_voice(normaliser: Normaliser, number: int, experiment: Experiment) -> Normaliser:
    """The scale of recorded frames for another voice; where each sets its own, the other voice does so, too."""
    if number == 0:
        return normaliser
    frames = in_voice(normaliser.frames, number, experiment.front_end)
    if experiment.normalise in ("speaker", "utterance"):
        return normalise.fit(frames, (), experiment.normalise, read=normaliser.read)
    return normaliser._replace(frames=frames)
