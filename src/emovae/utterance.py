"""One row of a corpus: a stretch of speech by one person, and what is known about it."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Vote(NamedTuple):
    """What one rater said of an utterance.

    Attributes:
        rater: as the corpus names them, such as `E2`.
        emotions: the categories chosen, in the corpus's own words; empty where none was asked for.
        arousal: on the corpus's own scale, or None; valence and dominance alike.
        self_report: whether the rater is the speaker, whom a mean over raters leaves out.
    """

    rater: str
    emotions: tuple[str, ...] = ()
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None
    self_report: bool = False


class Part(NamedTuple):
    """A stretch of a recording, in seconds from its beginning; no end is the recording's own."""

    start_s: float
    end_s: float | None = None

    def __str__(self) -> str:
        """As in `2.5-4`, and `2.5-` where no end is told."""
        return f"{self.start_s:.12g}-" + ("" if self.end_s is None else f"{self.end_s:.12g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One utterance.

    Attributes:
        id: unique in its corpus, free of its folder's place on this machine.
        audio: the recording; None where the corpus makes its own sound (`synthetic`).
        speaker: who speaks; the same person has the same name throughout the corpus.
        emotion: the category in emovae's spelling (see `labels`), or None where none is given.
        arousal: activation on the corpus's own scale, or None.
        valence: pleasantness on the corpus's own scale, or None.
        dominance: the paper's "power" on the corpus's own scale, or None.
        session: recordings made together (IEMOCAP's sessions), or None where the corpus has none.
        subset: `improvised` or `scripted` in IEMOCAP; None where the corpus is not divided.
        language: as the corpus names it, or None.
        gender: `female`, `male` or None.
        sentence: which sentence is said, where all speakers say the same ones; None otherwise.
        transcript: the words, or None.
        start_s: where it begins in the recording of the whole dialogue, in seconds, or None; nothing is cut by it.
        end_s: where it ends there.
        votes: what each rater said, where the corpus tells.
        part: the stretch of the recording that is the utterance; None for all of it.
    """

    id: str
    audio: Path | None
    speaker: str
    emotion: str | None = None
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None
    session: str | None = None
    subset: str | None = None
    language: str | None = None
    gender: str | None = None
    sentence: str | None = None
    transcript: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    votes: tuple[Vote, ...] = ()
    part: Part | None = None
