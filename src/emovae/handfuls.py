"""Recordings go through threads by handfuls, which come back in their order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from emovae.utterance import Utterance

HANDFUL, HANDFUL_BYTES = 16, 2**22
"""Recordings that a thread takes at once, and the size of their files beyond which it takes fewer."""
AHEAD = 2
"""Handfuls beside those at work that may wait to be written."""

S = TypeVar("S")
T = TypeVar("T")


def handfuls(present: Sequence[Utterance]) -> Iterator[list[Utterance]]:
    """Utterances in their order, so many together that threads seldom wait for each other, and long ones alone."""
    some, size = list[Utterance](), 0
    for utterance in present:
        try:
            more = utterance.audio.stat().st_size if utterance.audio is not None else 0
        except OSError:  # reading it tells what is the matter
            more = 0
        if some and (len(some) == HANDFUL or size + more > HANDFUL_BYTES):
            yield some
            some, size = [], 0
        some.append(utterance)
        size += more
    if some:
        yield some


def ahead(pool: ThreadPoolExecutor, work: Callable[[S], T], things: Iterable[S], most: int) -> Iterator[T]:
    """Like `pool.map`, and yet at most so many results ahead of who reads them."""
    begun: deque[Future[T]] = deque()
    for thing in things:
        begun.append(pool.submit(work, thing))
        if len(begun) > most:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()
