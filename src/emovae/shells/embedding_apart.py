"""What `emovae embed` does where the features of many recordings become an archive in shards."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click

from emovae.assembly import load_network
from emovae.embed import Embedded, Level, embedded, names_of
from emovae.errors import ConfigError
from emovae.files import canonical_json, digest_of_file
from emovae.machine import one_thread
from emovae.model_folder import CONFIG, WEIGHTS
from emovae.pieces import Cut
from emovae.places import place_of
from emovae.shards import RECORDINGS, Made, Weighed, planned
from emovae.shells.archiving import archive
from emovae.shells.asking import Asked
from emovae.shells.databases import ENDING
from emovae.shells.latent_rows import write_rows
from emovae.sources import STDIN, Source, sources
from emovae.trained import TrainedModel

KIND = "latents"


class LatentWork(NamedTuple):
    """Makes shards of a model's latent features.

    Attributes:
        model: whose encoder is asked; it travels along.
        digests: of its weights and its configuration.
        cut: how recordings are cut.
        level: a row for each segment, or one for each piece.
    """

    model: TrainedModel
    digests: list[str]
    cut: Cut
    level: Level

    @property
    def about(self) -> dict[str, Any]:
        """What the features depend on beside the recordings."""
        return {"kind": KIND, "model": self.digests, "level": self.level, "cut": self.cut._asdict()}

    def weigh(self, source: Source) -> Weighed:
        """A recording, or a part of one, as a plan sees it."""
        name = canonical_json(list(source)) if source.start is not None or source.end is not None else source.file
        try:
            state = Path(source.file).stat()
        except (OSError, ValueError):  # ValueError: no file system has such a name; making the shard tells
            return Weighed(name, 0, "missing")
        size = state.st_size if source.end is None else 0  # parts of an hour are many
        return Weighed(name, size, [state.st_size, state.st_mtime_ns])

    def file_of(self, item: Source) -> Path | None:
        """The file of a recording."""
        return Path(item.file)

    def write(self, stream: BinaryIO, items: Sequence[Source]) -> Made:
        """Writes the features of some recordings, see `shards.Work`."""
        summed = _Summed()
        with one_thread():
            found = summed.useful(embedded(self.model, items, self.cut, self.level))
            write_rows(stream, found, names_of(self.model, self.level), beside=self.cut.channel == "each")
        return Made(summed.rows, summed.rows, summed.content.hexdigest(), summed.problems)


class _Summed:
    """Sums up features while they go by, and keeps what cannot be used apart."""

    def __init__(self) -> None:
        self.rows, self.content, self.problems = 0, hashlib.sha256(), list[tuple[str, str]]()

    def useful(self, each: Iterator[Embedded]) -> Iterator[Embedded]:
        for one in each:
            if one.piece.error:
                self.problems.append((one.piece.file, one.piece.error))
                continue
            self.rows += len(one.values)
            told = [one.piece.file, one.piece.channel, one.starts.tolist(), one.ends.tolist()]
            self.content.update(canonical_json(told).encode(errors="backslashreplace"))
            self.content.update(one.values.tobytes())
            yield one


def write_archive(folder: Path, asked: Asked, level: Level, out: str, most: int | None, cluster: str | None) -> int:
    """Writes the features that a model folder has of recordings as an archive; how many could not be used.

    Args:
        folder: the model.
        asked: the recordings, and how they are cut.
        level: a row for each segment, or one for each piece.
        out: a folder or a URL.
        most: recordings in a shard at most; None for the usual number.
        cluster: see `archive`.

    Raises:
        EmovaeError: for a model, an input or a place that cannot be used; finished shards are kept.
    """
    if STDIN in asked.inputs or out.endswith(ENDING):
        strange = f"--out {out}" if out.endswith(ENDING) else "the input -"
        raise ConfigError(f"{strange} does not go with an archive; leave --shard and --cluster away")
    work = LatentWork(
        load_network(folder, "emovae embed"),
        [digest_of_file(folder / name) for name in (WEIGHTS, CONFIG)],
        asked.cut,
        level,
    )
    plan = planned(work.about, sources(asked.inputs), work.weigh, most or RECORDINGS)
    told = archive(work, plan, place_of(out), asked.jobs, cluster)
    click.echo(f"{told.rows:,} rows, {told.failed:,} unusable\nsha256 {told.content}")
    return told.failed
