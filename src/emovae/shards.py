"""An archive in shards, as it is planned: recordings in their order, so many to a file, and what is made of them.

A shard is named by everything that its rows depend on, so that it can be told from one of other recordings without
reading any.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar

from emovae.errors import ConfigError
from emovae.files import fingerprint

FORMAT = 1
RECORDINGS, SHARD_BYTES = 1_000, 2**26
"""Recordings in a shard, and the size of their files beyond which it has fewer: about half an hour of WAV."""

T = TypeVar("T")


class Made(NamedTuple):
    """What a work tells of the rows that it has written.

    Attributes:
        rows: how many.
        frames: or segments, in all of them.
        content: SHA-256 of what they hold, however Parquet spells it.
        problems: the recordings that cannot be used, each with its reason.
    """

    rows: int
    frames: int
    content: str
    problems: list[tuple[str, str]]


class Work(Protocol):
    """What is made of recordings; travels to other processes and machines."""

    @property
    def about(self) -> dict[str, Any]:
        """All that the rows depend on beside the recordings, as a JSON object."""

    def file_of(self, item: Any) -> Path | None:
        """The file of a recording, if it has one."""

    def write(self, stream: BinaryIO, items: Sequence[Any]) -> Made:
        """Writes the rows of some recordings as Parquet, the same bytes wherever it is called."""


class Weighed(NamedTuple):
    """A recording as a plan sees it.

    Attributes:
        name: unique in the archive.
        size: of its file, in bytes.
        key: all that is known of it without reading it, as a JSON value.
    """

    name: str
    size: int
    key: Any


class Shard(NamedTuple):
    """A part of an archive.

    Attributes:
        number: from 0 on.
        items: its recordings, as the work takes them.
        asked: a name of exactly these recordings and this work.
    """

    number: int
    items: tuple[Any, ...]
    asked: str

    @property
    def name(self) -> str:
        """Its file."""
        return shard_name(self.number)


class Plan(NamedTuple):
    """An archive before it is made.

    Attributes:
        about: see `Work`.
        names: a fingerprint of the names of all recordings.
        shards: its parts.
    """

    about: dict[str, Any]
    names: str
    shards: tuple[Shard, ...]

    @property
    def recordings(self) -> int:
        """How many in all."""
        return sum(len(shard.items) for shard in self.shards)


def shard_name(number: int) -> str:
    """The file of a shard."""
    return f"shard-{number:05d}.parquet"


def planned(about: dict[str, Any], items: Iterable[T], weigh: Callable[[T], Weighed], most: int = RECORDINGS) -> Plan:
    """Divides recordings into shards, in their order.

    Args:
        about: see `Work`.
        items: the recordings.
        weigh: what a plan needs to know of one.
        most: how many a shard has at most.

    Raises:
        ConfigError: where two have the same name, or there is none.
    """
    shards, some, keys, size = list[Shard](), list[T](), list[Any](), 0
    names, seen = hashlib.sha256(), set[str]()

    def end() -> None:
        shards.append(Shard(len(shards), tuple(some), fingerprint([FORMAT, about, keys], 64)))
        some.clear()
        keys.clear()

    for item in items:
        weighed = weigh(item)
        if weighed.name in seen:
            raise ConfigError(f"{weighed.name} is given twice; leave one of them out")
        seen.add(weighed.name)
        names.update(fingerprint(weighed.name, 64).encode())
        if some and (len(some) == most or size + weighed.size > SHARD_BYTES):
            end()
            size = 0
        some.append(item)
        keys.append([weighed.name, weighed.key])
        size += weighed.size
    if not some:
        raise ConfigError("there is no recording to make an archive of; give one at least")
    end()
    return Plan(about, names.hexdigest(), tuple(shards))
