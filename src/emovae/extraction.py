"""Every recording of a corpus goes through a transform once: decode, resample, compute, keep in the cache."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import set_num_threads

from emovae import cache
from emovae.audio import Waveform
from emovae.corpora import Corpus
from emovae.errors import AudioError, NoSpaceError
from emovae.files import fingerprint, full
from emovae.handfuls import AHEAD, HANDFUL, ahead, handfuls
from emovae.locks import Tell, held, nobody
from emovae.machine import one_thread
from emovae.utterance import Utterance

TOLD = 5

Rows = NDArray[np.float32]

Progress = Callable[[int, int], None]
T = TypeVar("T")


class Transform(NamedTuple):
    """What is computed of a recording.

    Attributes:
        rows: waveforms [sample] -> of each its rows, float32 [row, column], or why it has none.
        columns: how many values a row has.
        facts: all that the rows depend on beside the recording, as a JSON value; a part of their name in the cache.
    """

    rows: Callable[[Sequence[Waveform]], Sequence[Rows | AudioError]]
    columns: int
    facts: tuple[Any, ...]


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


class Extraction(NamedTuple):
    """What a transform made of a corpus.

    Attributes:
        key: the name of the rows in the cache; they lie utterance by utterance.
        present: the utterances whose recordings are there.
        lengths: int64, the rows of each of them.
        problems: why recordings could not be transformed, by their place in `present`.
        missing: the recordings that are not there.
    """

    key: str
    present: tuple[Utterance, ...]
    lengths: NDArray[np.int64]
    problems: dict[int, str]
    missing: tuple[Problem, ...]

    @property
    def spans(self) -> NDArray[np.int64]:
        """Int64 [utterance, 2]; the first row of each present utterance and the one after its last."""
        ends = np.cumsum(self.lengths)
        return np.column_stack([ends - self.lengths, ends])

    def left_out(self, problems: dict[int, str]) -> tuple[Problem, ...]:
        """The recordings that are not there, and then these, each with its reason."""
        told = ((self.present[place], why) for place, why in sorted(problems.items()))
        return (*self.missing, *(Problem(utterance.id, where(utterance), why) for utterance, why in told))


def extract(
    corpus: Corpus,
    transform: Transform,
    folder: Path,
    *,
    threads: int = 1,
    progress: Progress = lambda _done, _of: None,
    tell: Tell = nobody,
) -> Extraction:
    """Transforms the recordings of a corpus, or finds the rows in the cache.

    Args:
        corpus: the corpus.
        transform: what to compute.
        folder: the cache.
        threads: how many recordings are read at once.
        progress: called with the recordings done and their number.
        tell: is told of rows that were damaged, and of another process that computes the same ones.

    Raises:
        OutputError: when the cache cannot be written.
    """
    # One thread a recording: its rows must not depend on how many cores there are.
    with one_thread(), ThreadPoolExecutor(threads, initializer=set_num_threads, initargs=(1,)) as pool:
        digests, missing = _digests(corpus, pool)
        present = tuple(digests)
        key = fingerprint([*transform.facts, list(digests.values())], 32)
        found = cache.intact(folder, key, tell)
        if found is None:
            with held(folder / key, tell):
                found = cache.intact(folder, key, tell)  # another may have made it meanwhile
                if found is None:
                    cache.clear(folder, key)
                    results = ahead(pool, partial(transformed, corpus, transform), handfuls(present), threads + AHEAD)
                    _keep(folder, key, transform.columns, results, len(present), progress)
                    found = cache.find(folder, key)
    assert found is not None
    lengths = np.asarray(found.facts["lengths"], np.int64)
    return Extraction(key, present, lengths, dict(found.facts["problems"]), tuple(missing))


def _keep(
    folder: Path,
    key: str,
    columns: int,
    results: Iterable[list[tuple[Utterance, Rows | AudioError]]],
    of: int,
    progress: Progress,
) -> None:
    """Writes the rows of all recordings; where the disk is full, tells how much they need as it seems."""
    facts: dict[str, Any] = {"lengths": [], "problems": []}
    try:
        cache.keep(folder, key, columns, _rows(results, of, facts, progress), facts)
    except NoSpaceError as error:
        lengths = facts["lengths"]
        size = sum(lengths) * columns * np.dtype(np.float32).itemsize
        raise full(folder / key, size * of // max(1, len(lengths)), error) from error


def unusable(problems: Sequence[Problem], corpus: Corpus) -> AudioError:
    """The error to raise for recordings that cannot be used: how many, and the first of them."""
    lines = [f"{len(problems)} of {len(corpus.utterances)} recordings of {corpus.name} cannot be used:"]
    lines += [f"  {problem.where} {problem.why}" for problem in problems[:TOLD]]
    if len(problems) > TOLD:
        lines.append(f"  and {len(problems) - TOLD} more")
    return AudioError("\n".join(lines))


def where(utterance: Utterance) -> str:
    """The file of an utterance as the corpus names it, or the id of one without a file."""
    return str(utterance.audio or utterance.id)


def _digests(corpus: Corpus, pool: ThreadPoolExecutor) -> tuple[dict[Utterance, str], list[Problem]]:
    """The digests of the recordings that are there, and the recordings that are not."""
    digests: dict[Utterance, str] = {}
    missing: list[Problem] = []
    some = [corpus.utterances[start : start + HANDFUL] for start in range(0, len(corpus.utterances), HANDFUL)]
    named = pool.map(lambda few: [trying(corpus.digest)(utterance) for utterance in few], some)
    for utterance, digest in zip(corpus.utterances, chain.from_iterable(named), strict=True):
        if isinstance(digest, AudioError):
            missing.append(Problem(utterance.id, where(utterance), why_of(utterance, digest)))
        else:
            digests[utterance] = digest
    return digests, missing


def trying(work: Callable[[Utterance], T]) -> Callable[[Utterance], T | AudioError]:
    """The same work, giving an audio error back in place of raising it, so that all of them can be told at once."""

    def tried(utterance: Utterance) -> T | AudioError:
        try:
            return work(utterance)
        except AudioError as error:
            return error

    return tried


def _rows(
    results: Iterable[list[tuple[Utterance, Rows | AudioError]]], of: int, facts: dict[str, Any], progress: Progress
) -> Iterator[Rows]:
    """The rows of all recordings that have any; `facts` is filled on the way."""
    done = 0
    for some in results:
        for utterance, result in some:
            if isinstance(result, AudioError):
                facts["problems"].append([done, why_of(utterance, result)])
                facts["lengths"].append(0)
            else:
                facts["lengths"].append(len(result))
                yield result
            done += 1
        progress(done, of)


def transformed(
    corpus: Corpus, transform: Transform, some: Sequence[Utterance]
) -> list[tuple[Utterance, Rows | AudioError]]:
    """The rows of some recordings, or why one has none; see `why_of`."""
    heard = [(utterance, trying(corpus.waveform)(utterance)) for utterance in some]
    waveforms = [waveform for _, waveform in heard if not isinstance(waveform, AudioError)]
    rows = iter(transform.rows(waveforms) if waveforms else ())
    return [(utterance, one if isinstance(one, AudioError) else next(rows)) for utterance, one in heard]


def why_of(utterance: Utterance, error: AudioError) -> str:
    """The reason without the file's place."""
    return str(error).removeprefix(f"{where(utterance)} ")
