"""The frames of a whole corpus: decode, resample, compute, keep in the cache."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import set_num_threads

from emovae import cache
from emovae.config import FrontEnd
from emovae.corpora import Corpus
from emovae.errors import AudioError, OutputError
from emovae.files import fingerprint
from emovae.logmel import LogMel, log_mel
from emovae.machine import one_thread
from emovae.utterance import Utterance

FRAMES_VERSION = 2
"""Raised when the same audio and configuration give other frames than before."""
BATCH = 64
TOLD = 5

Progress = Callable[[int, int], None]
T = TypeVar("T")


class Problem(NamedTuple):
    """A recording that cannot be used.

    Attributes:
        utterance: its id.
        where: the file, as the corpus names it.
        why: the reason, and what to do; free of the file's place, so that it may stand in results.
    """

    utterance: str
    where: str
    why: str


@dataclass(frozen=True, kw_only=True)
class CorpusFrames:
    """The log-mel frames of a corpus. What travels to another process is where they lie, never the values.

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
    def values(self) -> NDArray[np.float32]:
        """The frames of the corpus, float32 [frame, band], memory-mapped."""
        found = cache.find(self.folder, self.key)
        if found is None:
            raise OutputError(f"the frames {self.key} have vanished from the cache {self.folder}; run again")
        return found.values

    def of(self, utterance: int) -> NDArray[np.float32]:
        """The frames [frame, band] of one utterance."""
        start, stop = self.spans[utterance]
        return self.values[start:stop]

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "values"}


def corpus_frames(
    corpus: Corpus,
    front_end: FrontEnd,
    folder: Path,
    *,
    at_least: int,
    skip: bool = False,
    threads: int = 1,
    progress: Progress = lambda _done, _of: None,
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

    Raises:
        AudioError: for recordings that cannot be used, unless they are to be skipped: how many, and the first of them.
        OutputError: when the cache cannot be written.
    """
    # One thread a recording: its frames must not depend on how many cores there are.
    with one_thread(), ThreadPoolExecutor(threads, initializer=set_num_threads, initargs=(1,)) as pool:
        digests, missing = _digests(corpus, pool)
        present = list(digests)
        key = fingerprint([FRAMES_VERSION, front_end.model_dump(), list(digests.values())], 32)
        found = cache.find(folder, key)
        if found is None:
            facts: dict[str, Any] = {"lengths": [], "problems": []}
            blocks = _computed(corpus, present, front_end, pool, facts, progress)
            cache.keep(folder, key, front_end.bands, blocks, facts)
            found = cache.find(folder, key)
    assert found is not None
    problems = _problems(found.facts, at_least)
    left_out = (
        *missing,
        *(Problem(present[place].id, _where(present[place]), why) for place, why in sorted(problems.items())),
    )
    if left_out and not skip:
        raise AudioError(_message(left_out, corpus))
    kept = [place for place in range(len(present)) if place not in problems]
    if not kept:
        raise AudioError(_message(left_out, corpus))
    ends = np.cumsum(np.asarray(found.facts["lengths"], np.int64))
    return CorpusFrames(
        folder=folder,
        key=key,
        utterances=tuple(present[place] for place in kept),
        spans=np.column_stack([ends - found.facts["lengths"], ends])[kept],
        left_out=left_out,
        digest=fingerprint([key, kept], 32),
    )


def _digests(corpus: Corpus, pool: ThreadPoolExecutor) -> tuple[dict[Utterance, str], list[Problem]]:
    """The digests of the recordings that are there, and the recordings that are not."""
    digests: dict[Utterance, str] = {}
    missing: list[Problem] = []
    for utterance, digest in zip(corpus.utterances, pool.map(_trying(corpus.digest), corpus.utterances), strict=True):
        if isinstance(digest, AudioError):
            missing.append(Problem(utterance.id, _where(utterance), _why(utterance, digest)))
        else:
            digests[utterance] = digest
    return digests, missing


def _trying(work: Callable[[Utterance], T]) -> Callable[[Utterance], T | AudioError]:
    """The same work, giving an audio error back in place of raising it, so that all of them can be told at once."""

    def tried(utterance: Utterance) -> T | AudioError:
        try:
            return work(utterance)
        except AudioError as error:
            return error

    return tried


def _computed(
    corpus: Corpus,
    present: Sequence[Utterance],
    front_end: FrontEnd,
    pool: ThreadPoolExecutor,
    facts: dict[str, Any],
    progress: Progress,
) -> Iterator[NDArray[np.float32]]:
    transform = LogMel(front_end)
    work = _trying(lambda utterance: log_mel(corpus.waveform(utterance), transform))
    for start in range(0, len(present), BATCH):
        for offset, result in enumerate(pool.map(work, present[start : start + BATCH])):
            if isinstance(result, AudioError):
                facts["problems"].append([start + offset, _why(present[start + offset], result)])
                facts["lengths"].append(0)
            else:
                facts["lengths"].append(len(result))
                yield result
        progress(min(start + BATCH, len(present)), len(present))


def _where(utterance: Utterance) -> str:
    return str(utterance.audio or utterance.id)


def _why(utterance: Utterance, error: AudioError) -> str:
    return str(error).removeprefix(f"{_where(utterance)} ")


def _problems(facts: dict[str, Any], at_least: int) -> dict[int, str]:
    """Why recordings cannot be used, by their place."""
    problems = dict(facts["problems"])
    for place, length in enumerate(facts["lengths"]):
        if length < at_least and place not in problems:
            pad = "pad it with --set segments.short=pad" if length else "record more"
            problems[place] = (
                f"has {length} frames, and one segment needs {at_least}; {pad}, or leave it out with"
                " --set on_bad_audio=skip"
            )
    return problems


def _message(left_out: Sequence[Problem], corpus: Corpus) -> str:
    lines = [f"{len(left_out)} of {len(corpus.utterances)} recordings of {corpus.name} cannot be used:"]
    lines += [f"  {problem.where} {problem.why}" for problem in left_out[:TOLD]]
    if len(left_out) > TOLD:
        lines.append(f"  and {len(left_out) - TOLD} more")
    return "\n".join(lines)
