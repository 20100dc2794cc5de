"""What `emovae embed` does once its arguments are read; this brings torch."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click
import numpy as np

from emovae.assembly import load_network
from emovae.embed import Embedded, Level, embedded, names_of
from emovae.files import written_whole
from emovae.machine import one_thread
from emovae.shells.asking import Asked, Tally
from emovae.shells.databases import ENDING, LATENTS, Database, Once, planned, write_header
from emovae.shells.latent_rows import write_rows
from emovae.shells.options import bar
from emovae.sources import Source, sources


def write(folder: Path, asked: Asked, level: Level, out: Path) -> int:
    """Writes the features that a model folder has of recordings; how many could not be used.

    As Parquet, as CSV where `out` ends so, or with the table of a database, where `out` is the header of one.

    Raises:
        EmovaeError: for a model or an input that cannot be used, or a file that cannot be written.
    """
    database = (
        planned(out, LATENTS, "parquet", list(sources(asked.inputs)), asked) if out.suffix.lower() == ENDING else None
    )
    model = load_network(folder, "emovae embed")
    with bar("recordings") as progress, one_thread():
        wanted = list(sources(asked.inputs))
        tally = Tally(len(wanted), progress)
        found = embedded(model, wanted, asked.cut, level, asked.threads)
        names = names_of(model, level)
        if database is None:
            with written_whole(out) as stream:
                as_csv = out.suffix.lower() == ".csv"
                write_rows(stream, _useful(found, tally), names, beside=asked.channel == "each", as_csv=as_csv)
        else:
            ends_told = database.wanted if level == "utterance" else ()
            placed = _placed(database, _useful(_as_asked(found, ends_told), tally))
            with written_whole(database.file) as stream:
                write_rows(stream, placed, names, pandas_finds_it=False)
            title = f"Latent features of a model of emovae, by {level}"
            write_header(database, title, {"latent": {"dtype": "float"}}, dict.fromkeys(names, "latent"))
    return tally.failed


def _as_asked(each: Iterable[Embedded], wanted: Sequence[Source]) -> Iterator[Embedded]:
    """With the times that were asked about, where each of them has one row."""
    for one, source in itertools.zip_longest(each, wanted):
        if source is None or one.piece.error or not len(one.values):
            yield one
        else:
            end = np.nan if source.end is None else source.end
            yield one._replace(starts=np.array([source.start or 0.0]), ends=np.array([end]))


def _placed(database: Database, each: Iterable[Embedded]) -> Iterator[Embedded]:
    """With files as seen from a database, and each part of one once."""
    once = Once()
    for one in each:
        once.see(one.piece.file, one.starts, one.ends)
        yield one._replace(piece=one.piece._replace(file=database.place(one.piece.file)))
    once.require()


def _useful(each: Iterable[Embedded], tally: Tally) -> Iterator[Embedded]:
    for one in each:
        tally.see(one.piece)
        if one.piece.error:
            click.echo(f"{one.piece.file} {one.piece.error}", err=True)
        else:
            yield one
