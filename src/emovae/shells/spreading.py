"""Shards of an archive, made by processes of this machine or by a Ray cluster; few are under way at once.

A machine of a cluster reads the recordings itself, under the names that they have here, and needs no other disk in
common: what belongs into a folder of this machine comes back and is written here, and what belongs into a location
that every machine reaches is sent there by the one that made it.
"""

import io
import platform
from collections.abc import Callable, Generator, Sequence
from contextlib import chdir, nullcontext
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.apart import apart
from emovae.errors import ConfigError, EmovaeError
from emovae.places import Folder, Place
from emovae.seals import Seal, make, make_in
from emovae.shards import Shard, Work
from emovae.shells.cluster import TRIES, Cluster, another_version

BESIDE = 1
"""Shards beside those at work, that wait to be written or to be begun."""


class Sealed(NamedTuple):
    """A shard that is in its place, and what its seal is to say."""

    shard: Shard
    seal: Seal


class Asked(NamedTuple):
    """What a machine of the cluster is asked for.

    Attributes:
        shard: what to make.
        target: where to send it; None for back.
        version: of emovae, that asks.
        folder: from which the paths of recordings are seen.
        seen: a recording of the shard that is there where this is asked; None where there is none.
    """

    shard: Shard
    target: Place | None
    version: str
    folder: Path
    seen: Path | None


class Sent(NamedTuple):
    """What comes back of a shard: its seal and its file (None where that is in its place), or what was wrong."""

    seal: Seal | None
    content: NDArray[np.uint8] | None
    error: EmovaeError | None


Spread = Callable[[Work, Sequence[Shard], Place], Generator[Sealed]]
"""Makes shards, in whatever order."""


def on_this_machine(processes: int) -> Spread:
    """So many processes at once; 1 makes shards in this one."""
    return _here if processes == 1 else partial(_apart, processes)


def on_cluster(cluster: Cluster) -> Spread:
    """A shard for each processor core of a Ray cluster; one whose machine or process is lost is made by another."""
    return partial(_there, cluster)


def _here(work: Work, shards: Sequence[Shard], place: Place) -> Generator[Sealed]:
    for shard in shards:
        yield Sealed(shard, make(work, shard, place))


def _apart(processes: int, work: Work, shards: Sequence[Shard], place: Place) -> Generator[Sealed]:
    killed = EmovaeError(
        "a worker process was killed, most likely for want of memory; use --jobs 1, or fewer recordings in a"
        " --shard. Finished shards are kept, and the same command goes on from them"
    )
    folder = place.path if isinstance(place, Folder) else None
    one = partial(make, work, place=place)
    yield from apart(processes, one, shards, Sealed, killed=killed, folder=folder, most=processes + BESIDE)


def _there(cluster: Cluster, work: Work, shards: Sequence[Shard], place: Place) -> Generator[Sealed]:
    ray, target = cluster.ray, None if isinstance(place, Folder) else place
    task = ray.remote(num_cpus=1, max_retries=TRIES)(sent)
    shared = ray.put(work)

    def submit(shard: Shard) -> Any:
        return task.remote(shared, Asked(shard, target, version("emovae"), Path.cwd(), _seen(work, shard)))

    def keep(shard: Shard, found: Sent) -> Sealed:
        return Sealed(shard, _kept(found, shard, place))

    yield from cluster.spread(submit, shards, keep, "shard", "shards", BESIDE)


def _seen(work: Work, shard: Shard) -> Path | None:
    """A recording of the shard that is there."""
    files = (work.file_of(item) for item in shard.items)
    return next((file.absolute() for file in files if file is not None and file.exists()), None)


def _kept(found: Sent, shard: Shard, place: Place) -> Seal:
    if found.error is not None:
        raise found.error
    assert found.seal is not None
    if found.content is not None:
        with place.writing(shard.name) as stream:
            stream.write(found.content.data)
    return found.seal


def sent(work: Work, asked: Asked) -> Sent:
    """Makes a shard on a machine of the cluster, and sends it where it belongs or back."""
    if (other := another_version(asked.version)) is not None:
        return Sent(None, None, other)
    if asked.seen is not None and not asked.seen.exists():
        why = f"{platform.node()}, a machine of the cluster, does not see {asked.seen}"
        remedy = "put the recordings on a disk that all machines see under the same path"
        return Sent(None, None, ConfigError(f"{why}; {remedy}"))
    try:
        with chdir(asked.folder) if asked.folder.is_dir() else nullcontext():
            if asked.target is not None:
                return Sent(make(work, asked.shard, asked.target), None, None)
            content = io.BytesIO()
            seal = make_in(work, asked.shard, content)
            return Sent(seal, np.frombuffer(content.getbuffer(), np.uint8), None)
    except EmovaeError as error:
        return Sent(None, None, error)
