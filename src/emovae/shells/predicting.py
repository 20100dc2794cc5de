"""What `emovae predict` does once its arguments are read."""

import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast, get_args

import click

from emovae.answers import least_confidence
from emovae.errors import ConfigError
from emovae.files import require_parquet, written_whole
from emovae.predict import How, Row, predicted, predicted_by_speaker
from emovae.shells.asking import Asked, Tally
from emovae.shells.databases import ENDING, PREDICTIONS, Database, planned
from emovae.shells.opening import opened, people_of
from emovae.shells.options import bar
from emovae.shells.predictions_table import write_predictions
from emovae.shells.told import Format, text_of, write_parquet
from emovae.sources import STDIN, Source, sources

ENDINGS = {"parquet": ".parquet", "audformat": ENDING}
"""Of the files that are no text."""


class Wish(NamedTuple):
    """How the answers are told, as the command line has it."""

    form: str | None
    out: Path | None
    reject: float
    tempered: bool


def tell(place: Path, asked: Asked, wish: Wish) -> int:
    """Writes what a model says where it is wanted; how many rows have an error.

    Raises:
        EmovaeError: for a model or an input that cannot be used, or a file that cannot be written.
    """
    form = form_of(wish)
    _require_sensible(asked, wish)
    database = _database(asked, wish.out) if form == "audformat" and wish.out is not None else None
    seen = wish.out is not None or not sys.stdout.isatty()  # a bar would stand between the rows
    with opened(place) as model, tempfile.TemporaryDirectory() as own, bar("recordings", shown=seen) as progress:
        how = How(asked.cut, least_confidence(model.confidences, wish.reject), wish.tempered)
        named = sources(asked.inputs, asked.speakers_in)
        wanted = [_from_stdin(Path(own)) if source.file == STDIN else source for source in named]
        tally = Tally(len(wanted), progress)
        if asked.speakers_in is None:
            rows = _counted(predicted(model, wanted, how, asked.threads), tally, own)
        else:
            people = people_of(place, model)
            known = how._replace(least_confidence=least_confidence(people.confidences_by_speaker, wish.reject))
            rows = predicted_by_speaker(people, wanted, known, how, asked.threads, tally.see)
        if database is None:
            write(rows, model.classes, form, wish.out)
        else:
            write_predictions(database, rows, model.classes)
    return tally.failed


def _require_sensible(asked: Asked, wish: Wish) -> None:
    if wish.out is not None and any(wish.out.resolve() == Path(given).resolve() for given in asked.inputs):
        raise ConfigError(f"--out {wish.out} is one of the inputs, and would be written over; name another file")
    if asked.inputs.count(STDIN) > 1:
        raise ConfigError("- stands for one file on standard input; name it once")


def _database(asked: Asked, out: Path) -> Database:
    return planned(out, PREDICTIONS, "csv", list(sources(asked.inputs)), asked)


def _counted(rows: Iterable[Row], tally: Tally, own: str) -> Iterator[Row]:
    for row in rows:
        tally.see(row.piece)
        is_own = row.piece.file.startswith(f"{own}/")
        yield row._replace(piece=row.piece._replace(file=STDIN)) if is_own else row


def form_of(wish: Wish) -> Format:
    """In which form answers are told.

    Raises:
        ConfigError: for wishes that cannot be met together.
    """
    form = wish.form or _ending(wish.out)
    if form in ENDINGS and wish.out is None:
        raise ConfigError(f"--format {form} is no text for a screen; give --out FILE{ENDINGS[form]}")
    if form == "parquet":
        require_parquet("give --format csv")
    if wish.reject and not wish.tempered:
        raise ConfigError("--reject goes by tempered confidence; leave --no-temperature or --reject away")
    return cast(Format, form)


def _ending(out: Path | None) -> str:
    form = "table" if out is None else out.suffix.removeprefix(".").lower()
    if form == ENDING.removeprefix("."):
        return "audformat"
    if form not in get_args(Format):
        endings = ", ".join([*(f".{one}" for one in get_args(Format) if one not in ("table", "audformat")), ENDING])
        raise ConfigError(f"--out {out} does not say in which form; give --format, or end it with {endings}")
    return form


def _from_stdin(folder: Path) -> Source:
    place = folder / "stdin"
    place.write_bytes(sys.stdin.buffer.read())
    return Source(str(place))


def write(rows: Iterable[Row], classes: Sequence[str], form: Format, out: Path | None) -> None:
    """Writes rows into a file, or on standard output.

    Raises:
        OutputError: when the file cannot be written.
    """
    if out is None:
        for text in text_of(rows, classes, form):
            click.echo(text, nl=False)
    elif form == "parquet":
        write_parquet(out, rows, classes)
    else:
        with written_whole(out) as stream:
            for text in text_of(rows, classes, form):
                stream.write(text.encode(errors="backslashreplace"))
