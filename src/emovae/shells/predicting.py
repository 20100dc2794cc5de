"""What `emovae predict` does once its arguments are read; this brings torch."""

import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import click
import numpy as np
from joblib import cpu_count

from emovae.errors import ConfigError
from emovae.files import written_whole
from emovae.machine import one_thread
from emovae.pieces import Channel, Cut
from emovae.predict import How, Row, predicted
from emovae.recognizer import Recognizer
from emovae.shells.options import READERS, bar
from emovae.shells.told import Format, text_of, write_parquet
from emovae.sources import STDIN, Source, sources


class Wish(NamedTuple):
    """What was asked for, as the command line has it."""

    model: Path
    inputs: tuple[str, ...]
    form: str | None
    out: Path | None
    window_s: float | None
    hop_s: float
    reject: float
    tempered: bool
    channel: str
    jobs: int | None


def tell(wish: Wish) -> int:
    """Writes the rows where they are wanted; how many have an error.

    Raises:
        EmovaeError: for a model or an input that cannot be used, or a file that cannot be written.
    """
    form = cast(Format, wish.form or _form_of(wish.out))
    if form == "parquet" and wish.out is None:
        raise ConfigError("--format parquet is no text for a screen; give --out FILE.parquet")
    if wish.reject and not wish.tempered:
        raise ConfigError("--reject goes by tempered confidence; leave --no-temperature or --reject away")
    if wish.out is not None and any(wish.out.resolve() == Path(given).resolve() for given in wish.inputs):
        raise ConfigError(f"--out {wish.out} is one of the inputs, and would be written over; name another file")
    if wish.inputs.count(STDIN) > 1:
        raise ConfigError("- stands for one file on standard input; name it once")
    recognizer = Recognizer.load(wish.model)
    confidences = recognizer.facts["confidences"]
    least = float(np.interp(wish.reject, np.linspace(0, 1, len(confidences)), confidences)) if wish.reject else 0.0
    how = How(Cut(wish.window_s, wish.hop_s, cast(Channel, wish.channel)), least, wish.tempered)
    failed = 0

    def counted(rows: Iterable[Row], of: int) -> Iterator[Row]:
        nonlocal failed
        done, last = 0, ""
        for row in rows:
            failed += bool(row.error)
            done, last = done + (row.file != last), row.file
            progress(done, of)
            yield row

    seen = wish.out is not None or not sys.stdout.isatty()  # a bar would stand between the rows
    with tempfile.TemporaryDirectory() as folder, bar("recordings", shown=seen) as progress, one_thread():
        wanted = [_from_stdin(Path(folder)) if source.file == STDIN else source for source in sources(wish.inputs)]
        rows = predicted(recognizer, wanted, how, wish.jobs or min(cpu_count(), READERS))
        named = (row._replace(file=STDIN) if row.file.startswith(f"{folder}/") else row for row in rows)
        _write(counted(named, len(wanted)), recognizer, form, wish.out)
    return failed


def _form_of(out: Path | None) -> str:
    form = "table" if out is None else out.suffix.removeprefix(".").lower()
    if form not in ("table", "csv", "json", "jsonl", "parquet"):
        raise ConfigError(f"--out {out} does not say in which form; give --format, or end it with .csv, .jsonl, ...")
    return form


def _from_stdin(folder: Path) -> Source:
    place = folder / "stdin"
    place.write_bytes(sys.stdin.buffer.read())
    return Source(str(place))


def _write(rows: Iterable[Row], recognizer: Recognizer, form: Format, out: Path | None) -> None:
    if out is None:
        for text in text_of(rows, recognizer.classes, form):
            click.echo(text, nl=False)
    elif form == "parquet":
        write_parquet(out, rows, recognizer.classes)
    else:
        with written_whole(out) as stream:
            for text in text_of(rows, recognizer.classes, form):
                stream.write(text.encode(errors="backslashreplace"))
