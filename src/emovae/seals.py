"""An archive in shards, as it lies in its place: a plan, Parquet files, and beside each its seal, written last.

    plan.json            what the archive is: its kind, its settings, its recordings, how many shards
    shard-00000.parquet  the rows of the first recordings
    shard-00000.json     its seal: rows, checksums, and the recordings that cannot be used

A shard without a sound seal was never finished and is made again; one with a sound seal never is. Whoever makes a
shard, here or elsewhere, the bytes are the same.
"""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from emovae.errors import ConfigError, DamagedError
from emovae.files import fingerprint
from emovae.locks import Tell
from emovae.places import Place
from emovae.sealed import sealed, unsealed
from emovae.shards import FORMAT, Made, Plan, Shard, Work, shard_name

PLAN = "plan.json"


class Seal(NamedTuple):
    """What is known of a finished shard.

    Attributes:
        asked: see `Shard`.
        made: see `Made`.
        size: of the file, in bytes.
        file_sha256: its checksum.
    """

    asked: str
    made: Made
    size: int
    file_sha256: str


def seal_name(name: str) -> str:
    """The file of a shard's seal."""
    return f"{name.removesuffix('.parquet')}.json"


def stated(place: Place, plan: Plan) -> None:
    """Writes the plan, unless it is there; one whose recordings have changed since replaces the old one.

    Raises:
        ConfigError: where another archive lies there.
    """
    now = {"format": FORMAT, **plan.about, "recordings": plan.recordings, "names": plan.names}
    content = place.read(PLAN)
    if content is None:
        if strange := sorted(name for name in place.names() if name.startswith("shard-")):
            raise ConfigError(f"{place} holds {strange[0]} and no {PLAN}; give --out another place")
    else:
        before = _unsealed(place, PLAN, content)
        shards = before.pop("shards")
        if before != now:
            raise _another(place, before, now)
        for number in range(len(plan.shards), shards):  # of recordings that were longer
            for name in {seal_name(shard_name(number)), shard_name(number)} & place.names():
                place.remove(name)
        if shards == len(plan.shards):
            return
    place.write(PLAN, sealed({**now, "shards": len(plan.shards)}))


def finished(place: Place, plan: Plan, tell: Tell) -> dict[int, Seal]:
    """The seals of the shards that need not be made again, by number; tells of those that are damaged or changed."""
    there, found = place.names(), dict[int, Seal]()
    for shard in plan.shards:
        if seal_name(shard.name) not in there:
            continue
        try:
            seal = read_seal(place, shard.name)
        except DamagedError as error:
            tell(f"{str(error).partition(';')[0]}; the shard is made again")
            place.remove(seal_name(shard.name))
            continue
        if seal.asked != shard.asked:
            tell(f"{place}/{shard.name} is of recordings that have changed since; it is made again")
        elif not place.holds(shard.name, seal.size, seal.file_sha256):
            tell(f"{place}/{shard.name} is damaged (it is not what its seal says); it is made again")
        else:
            found[shard.number] = seal
            continue
        place.remove(seal_name(shard.name))  # it must not be taken for that of what comes
    return found


def make(work: Work, shard: Shard, place: Place) -> Seal:
    """Makes a shard where it belongs; whoever asked for it seals it then."""
    with place.writing(shard.name) as stream:
        return make_in(work, shard, stream)


def make_in(work: Work, shard: Shard, stream: BinaryIO) -> Seal:
    """Writes a shard into a stream."""
    through = _Summed(stream)
    made = work.write(through, shard.items)  # type: ignore[arg-type] # all that is asked of it is to be written to
    return Seal(shard.asked, made, through.size, through.digest.hexdigest())


def keep_seal(place: Place, shard: Shard, seal: Seal) -> None:
    """Seals a shard that is in its place."""
    place.write(seal_name(shard.name), sealed({**seal._asdict(), "made": seal.made._asdict()}))


def read_seal(place: Place, name: str) -> Seal:
    """The seal of the shard of that name.

    Raises:
        DamagedError: where there is none, or not as it was written.
    """
    content = place.read(seal_name(name))
    if content is None:
        raise DamagedError(f"{place}/{name} has no seal; the command that makes the archive goes on from there")
    seal = _unsealed(place, seal_name(name), content)
    return Seal(**{**seal, "made": Made(**seal["made"])})


def read_plan(place: Place) -> dict[str, Any]:
    """The plan of an archive, with the number of its `shards`.

    Raises:
        ConfigError: where there is none.
        DamagedError: where it is not as it was written.
    """
    content = place.read(PLAN)
    if content is None:
        raise ConfigError(f"{place} holds no archive: there is no {PLAN}; `emovae cache --out` makes one")
    return _unsealed(place, PLAN, content)


def content_of(seals: Iterable[Seal]) -> str:
    """SHA-256 of what an archive holds, by the seals of its shards in their order."""
    return fingerprint([seal.made.content for seal in seals], 64)


def _unsealed(place: Place, name: str, content: bytes) -> dict[str, Any]:
    try:
        return unsealed(Path(name), content)
    except DamagedError as error:
        raise DamagedError(f"{place}/{str(error).partition(';')[0]}; the same command makes it again") from error


def _another(place: Place, before: dict[str, Any], now: dict[str, Any]) -> ConfigError:
    told = [
        f"{key} was {before.get(key)} and is {now.get(key)}"
        for key in sorted({*before, *now} - {"names"})
        if before.get(key) != now.get(key)
    ]
    why = ", ".join(told) or "it is of other recordings"
    return ConfigError(f"{place} holds another archive ({why}); give --out another place, or remove what lies there")


class _Summed(io.RawIOBase):
    """Passes on what is written, and sums it up."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.size, self.digest = stream, 0, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.digest.update(content)
        self.size += len(content)
        return self.stream.write(content)
