"""What `emovae predict` does once its arguments are read; a model folder brings torch, an ONNX file does not."""

import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import click

from emovae.answers import Model, least_confidence
from emovae.errors import ConfigError
from emovae.files import written_whole
from emovae.portable import SUFFIX, load_portable
from emovae.predict import How, Row, predicted
from emovae.shells.asking import Asked, Tally
from emovae.shells.options import bar
from emovae.shells.told import Format, text_of, write_parquet
from emovae.sources import STDIN, Source, sources


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
    form = cast(Format, wish.form or _form_of(wish.out))
    _require_sensible(asked, wish, form)
    seen = wish.out is not None or not sys.stdout.isatty()  # a bar would stand between the rows
    with _opened(place) as model, tempfile.TemporaryDirectory() as own, bar("recordings", shown=seen) as progress:
        how = How(asked.cut, least_confidence(model, wish.reject), wish.tempered)
        wanted = [_from_stdin(Path(own)) if source.file == STDIN else source for source in sources(asked.inputs)]
        tally = Tally(len(wanted), progress)
        rows = predicted(model, wanted, how, asked.threads)
        _write(_counted(rows, tally, own), model.classes, form, wish.out)
    return tally.failed


@contextmanager
def _opened(place: Path) -> Iterator[Model]:
    """The model of a file or folder, which answers with one thread."""
    if place.suffix.lower() == SUFFIX and not place.is_dir():
        yield load_portable(place)
        return
    from emovae.assembly import load  # noqa: PLC0415 - torch, which an ONNX file does without
    from emovae.machine import one_thread  # noqa: PLC0415

    model = load(place)
    with one_thread():
        yield model


def _require_sensible(asked: Asked, wish: Wish, form: Format) -> None:
    if form == "parquet" and wish.out is None:
        raise ConfigError("--format parquet is no text for a screen; give --out FILE.parquet")
    if wish.reject and not wish.tempered:
        raise ConfigError("--reject goes by tempered confidence; leave --no-temperature or --reject away")
    if wish.out is not None and any(wish.out.resolve() == Path(given).resolve() for given in asked.inputs):
        raise ConfigError(f"--out {wish.out} is one of the inputs, and would be written over; name another file")
    if asked.inputs.count(STDIN) > 1:
        raise ConfigError("- stands for one file on standard input; name it once")


def _counted(rows: Iterable[Row], tally: Tally, own: str) -> Iterator[Row]:
    for row in rows:
        tally.see(row.piece)
        is_own = row.piece.file.startswith(f"{own}/")
        yield row._replace(piece=row.piece._replace(file=STDIN)) if is_own else row


def _form_of(out: Path | None) -> str:
    form = "table" if out is None else out.suffix.removeprefix(".").lower()
    if form not in ("table", "csv", "json", "jsonl", "parquet"):
        raise ConfigError(f"--out {out} does not say in which form; give --format, or end it with .csv, .jsonl, ...")
    return form


def _from_stdin(folder: Path) -> Source:
    place = folder / "stdin"
    place.write_bytes(sys.stdin.buffer.read())
    return Source(str(place))


def _write(rows: Iterable[Row], classes: Sequence[str], form: Format, out: Path | None) -> None:
    if out is None:
        for text in text_of(rows, classes, form):
            click.echo(text, nl=False)
    elif form == "parquet":
        write_parquet(out, rows, classes)
    else:
        with written_whole(out) as stream:
            for text in text_of(rows, classes, form):
                stream.write(text.encode(errors="backslashreplace"))
