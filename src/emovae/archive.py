"""An archive in shards, as its readers see it: shard by shard, each compared with its checksum.

In one of frames, each row is an utterance with its labels, `recording`, which is the checksum of its sound, and
`frames`, a list of frames, float32 [frame, band], as any reader of Parquet gives them; behind the bands stand the
columns of `front_end.prosody`, where they were asked for.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from emovae.errors import ConfigError, DamagedError
from emovae.places import Place, place_of
from emovae.seals import read_plan, read_seal
from emovae.shards import shard_name

KIND = "frames"


class Frames(NamedTuple):
    """An utterance of an archive.

    Attributes:
        id: the utterance's.
        labels: `speaker`, `emotion`, `arousal` and so on, as in `Utterance`.
        recording: the checksum of its sound, see `Corpus.digest`.
        values: float32 [frame, band].
    """

    id: str
    labels: dict[str, Any]
    recording: str
    values: NDArray[np.float32]


class Archive(NamedTuple):
    """An archive that is there.

    Attributes:
        place: where it lies.
        plan: what it is.
    """

    place: Place
    plan: dict[str, Any]

    def tables(self) -> Iterator[pa.Table]:
        """Shard after shard, each compared with its checksum; one of them at a time is in memory.

        Raises:
            DamagedError: for a shard that is not finished, or not as it was written.
        """
        for number in range(self.plan["shards"]):
            name = shard_name(number)
            seal, content = read_seal(self.place, name), self.place.read(name)
            if content is None or hashlib.sha256(content).hexdigest() != seal.file_sha256:
                raise DamagedError(
                    f"{self.place}/{name} is damaged (it is not what its seal says); the command that makes the"
                    " archive makes it again"
                )
            # Without threads of Arrow's: one that lets go of the content late ends a process that is about to end.
            with pq.ParquetFile(pa.BufferReader(content)) as file:
                yield file.read(use_threads=False)

    def problems(self) -> Iterator[tuple[str, str]]:
        """The recordings that could not be used, each with its reason."""
        for number in range(self.plan["shards"]):
            yield from map(tuple, read_seal(self.place, shard_name(number)).made.problems)

    def frames(self) -> Iterator[Frames]:
        """Utterance after utterance, in the order of the corpus, each once.

        Raises:
            ConfigError: for an archive of something else.
            DamagedError: see `tables`.
        """
        if self.plan["kind"] != KIND:
            raise ConfigError(f"{self.place} holds {self.plan['kind']}, and no frames; read its `tables`")
        for table in self.tables():
            for batch in table.to_batches():
                values = batch.column(KIND)
                labels = batch.drop_columns([KIND]).to_pylist()
                for place, told in enumerate(labels):
                    yield Frames(told.pop("id"), told, told.pop("recording"), _values(values, place))


def open_archive(where: str) -> Archive:
    """Opens an archive that `emovae cache` or `emovae embed` made.

    Args:
        where: a folder, or the URL of a location that fsspec knows.

    Raises:
        ConfigError: where none lies there.
        DamagedError: where its plan is not as it was written.
    """
    place = place_of(where)
    return Archive(place, read_plan(place))


def _values(column: Any, place: int) -> NDArray[np.float32]:
    """The frames of one row."""
    one = column[place].values
    values: NDArray[np.float32] = one.flatten().to_numpy(zero_copy_only=False).reshape(len(one), -1)
    return values
