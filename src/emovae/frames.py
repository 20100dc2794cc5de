"""The frames of a whole corpus, and where they lie."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from emovae import cache
from emovae.audio import Waveform
from emovae.corpora import Corpus
from emovae.errors import OutputError
from emovae.extraction import Extraction, Problem, Progress, Rows, Transform, extract, unusable
from emovae.files import fingerprint
from emovae.locks import Tell, nobody
from emovae.logmel import BLOCK_FRAMES, MANY_FRAMES, LogMel, log_mels
from emovae.prosody import PROSODY_VERSION, prosody
from emovae.settings import FrontEnd
from emovae.utterance import Utterance

FRAMES_VERSION = 4
"""Raised when the same audio and configuration give other frames than before."""


class Stored(Protocol):
    """Rows that can be read."""

    @property
    def values(self) -> Rows:
        """All of them, float32 [row, column]."""

    def read(self, start: int, stop: int) -> Rows:
        """Some of them, float32 [row, column]."""


class Held(NamedTuple):
    """Rows at hand, float32 [row, column]."""

    values: Rows

    def read(self, start: int, stop: int) -> Rows:
        """Some of them, float32 [row, column]."""
        return self.values[start:stop]


@dataclass(frozen=True, kw_only=True)
class CorpusFrames:
    """The log-mel frames of a corpus, or other rows that were computed of each recording (`descriptors`).

    Behind the bands of a frame stand the columns of `front_end.prosody`, where they were asked for.
    What travels to another process is where they lie, never the values.

    Attributes:
        folder: the cache that holds them.
        key: their name in it.
        utterances: those that can be used.
        spans: int64 [utterance, 2]; the first row of each utterance and the one after its last.
        left_out: recordings that cannot be used, where they were to be skipped.
        digest: a name of exactly this audio under this front-end.
    """

    folder: Path
    key: str
    utterances: tuple[Utterance, ...]
    spans: NDArray[np.int64]
    left_out: tuple[Problem, ...]
    digest: str

    @cached_property
    def stored(self) -> Stored:
        """Where the frames of the corpus are read from."""
        found = cache.find(self.folder, self.key)
        if found is None:
            raise OutputError(f"the frames {self.key} have vanished from the cache {self.folder}; run again")
        return found

    @property
    def values(self) -> NDArray[np.float32]:
        """The frames of the corpus, float32 [frame, band], all at once."""
        return self.stored.values

    @property
    def columns(self) -> int:
        """How many values a frame has."""
        return int(self.stored.read(0, 0).shape[1])

    def of(self, utterance: int) -> NDArray[np.float32]:
        """The frames [frame, band] of one utterance."""
        start, stop = self.spans[utterance].tolist()
        return self.stored.read(start, stop)

    def holding(self, values: NDArray[np.float32]) -> "CorpusFrames":
        """The same with the values at hand, float32 [frame, band], where the cache that holds them is not."""
        found = replace(self)
        vars(found)["stored"] = Held(values)
        return found

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "stored"}


def corpus_frames(
    corpus: Corpus,
    front_end: FrontEnd,
    folder: Path,
    *,
    at_least: int,
    skip: bool = False,
    threads: int = 1,
    progress: Progress = lambda _done, _of: None,
    tell: Tell = nobody,
) -> CorpusFrames:
    """Computes the frames of a corpus, or finds them in the cache.

    Args:
        corpus: the corpus.
        front_end: the filter bank.
        folder: the cache.
        at_least: the frames that one segment needs; shorter recordings cannot be used.
        skip: leave out what cannot be used, and list it, in place of stopping.
        threads: how many recordings are read at once.
        progress: called with the recordings done and their number.
        tell: see `extract`.

    Raises:
        AudioError: for recordings that cannot be used, unless they are to be skipped: how many, and the first of them.
        OutputError: when the cache cannot be written.
    """
    transform = frames_by(front_end, threads)
    found = extract(corpus, transform, folder, threads=threads, progress=progress, tell=tell)
    problems = _problems(found, at_least)
    left_out = found.left_out(problems)
    kept = [place for place in range(len(found.present)) if place not in problems]
    if (left_out and not skip) or not kept:
        raise unusable(left_out, corpus)
    return CorpusFrames(
        folder=folder,
        key=found.key,
        utterances=tuple(found.present[place] for place in kept),
        spans=found.spans[kept],
        left_out=left_out,
        digest=fingerprint([found.key, kept], 32),
    )


def frames_by(front_end: FrontEnd, threads: int = 1) -> Transform:
    """What makes frames of recordings, of which so many threads read at once: log-mel, and prosody where asked."""
    filters = LogMel(front_end)
    block = BLOCK_FRAMES if threads == 1 else MANY_FRAMES

    def rows(waveforms: Sequence[Waveform]) -> list[Rows]:
        return with_prosody(log_mels(waveforms, filters, block), waveforms, front_end.prosody)

    versions = (FRAMES_VERSION, PROSODY_VERSION) if front_end.prosody else (FRAMES_VERSION,)
    return Transform(rows, front_end.columns, (*versions, front_end.model_dump()))


def with_prosody(frames: list[Rows], waveforms: Sequence[Waveform], times: int) -> list[Rows]:
    """Frames [frame, band] of waveforms with the columns of their prosody behind, each so many times over."""
    if not times:
        return frames
    beside = (prosody(waveform).repeat(times, axis=1) for waveform in waveforms)
    return [np.concatenate(both, axis=1) for both in zip(frames, beside, strict=True)]


def _problems(found: Extraction, at_least: int) -> dict[int, str]:
    """Why recordings cannot be used, by their place."""
    problems = dict(found.problems)
    for place, length in enumerate(found.lengths.tolist()):
        if length < at_least and place not in problems:
            pad = "pad it where it is cut, with short=pad as in --set segments.short=pad" if length else "record more"
            problems[place] = (
                f"has {length} frames, and one segment needs {at_least}; {pad}, or leave it out with"
                " --set on_bad_audio=skip"
            )
    return problems
