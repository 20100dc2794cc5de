"""One row of a corpus: a stretch of speech by one person, and what is known about it."""

from dataclasses import dataclass
from pathlib import Path


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
