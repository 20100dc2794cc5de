"""What `emovae predict --microphone` does: rows while somebody speaks, until Ctrl-C or the time is over."""

import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from emovae.answers import Model, least_confidence
from emovae.errors import AudioError, ConfigError
from emovae.live_rows import Ear, Window, live
from emovae.microphone import Chunk, Inbox, microphone
from emovae.pieces import Cut
from emovae.portable import PortableModel
from emovae.predict import How, Row
from emovae.shells.opening import opened, trained_of
from emovae.shells.predicting import Wish, form_of, write

BAR = 40
AGAIN_S = 1.0
"""A shell may pass one Ctrl-C on twice; what comes later is another."""


class Pace(NamedTuple):
    """How far back is heard, how often that is told, and for how long; as the command line has it."""

    window_s: float | None
    hop_s: float
    seconds: float | None


def listen(place: Path, pace: Pace, wish: Wish) -> None:
    """Tells what a model hears in the default input device.

    Raises:
        EmovaeError: for a model or a device that cannot be used, or a file that cannot be written.
    """
    form = form_of(wish)
    if form == "audformat":
        raise ConfigError("a database of audformat names recordings, and --microphone makes none; give --format csv")
    with opened(place) as model:
        how = How(Cut(pace.window_s, pace.hop_s), least_confidence(model.confidences, wish.reject), wish.tempered)
        _require_heard(place, model, how)
        with microphone() as inbox, _until_interrupted() as stopped:
            click.echo(f"{inbox.device} at {inbox.rate_hz} Hz; Ctrl-C ends it", err=True)
            gone = list[AudioError]()
            chunks = _until_gone(inbox.chunks(stopped), gone)
            last = Last(live(chunks, _ear(model, inbox.rate_hz, how), how, pace.seconds))
            if wish.form is None and wish.out is None and sys.stdout.isatty():
                show(last, model.classes, Console())
            else:
                write(last, model.classes, form, wish.out)
    click.echo(told_at_end(last.row, inbox), err=True)
    if gone:
        raise gone[0]


class Last:
    """Rows as they go by, the last of which stays.

    Args:
        rows: in their order.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.row: Row | None = None
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.row = row
            yield row


def show(rows: Iterable[Row], classes: Sequence[str], console: Console) -> None:
    """One picture on a terminal, anew for each row."""
    with Live(console=console, auto_refresh=False) as picture:
        for row in rows:
            picture.update(_picture(row, classes), refresh=True)


def told_at_end(row: Row | None, inbox: Inbox) -> str:
    """How much was heard, what of it last, and what was lost."""
    heard = f"heard {0.0 if row is None else row.piece.end:.1f} s"
    if row is not None and row.prediction is not None:
        heard += f"; at the end {_said(row)}"
    if inbox.lost_s:
        heard += f"; {inbox.lost_s:.1f} s were lost, which the model was too slow for: give a shorter --window"
    if inbox.dropped:
        heard += f"; the device lost sound {inbox.dropped} time{'s' * (inbox.dropped > 1)}, and does not say how much"
    return heard


def _require_heard(place: Path, model: Model, how: How) -> None:
    """Without a window all so far is heard, which has a price."""
    if how.cut.window_s is not None:
        return
    if trained_of(model) is None:
        what = "an ONNX file" if isinstance(model, PortableModel) else "an ensemble"
        raise ConfigError(
            f"{place} is {what}, which hears whole recordings and keeps nothing between two answers; give --window 5s"
            " to ask it about the last 5 s each time, or the folder of a single network"
        )
    if not how.tempered:
        raise ConfigError("--no-temperature is told of windows alone; give --window 5s, for example")


def _ear(model: Model, rate_hz: int, how: How) -> Ear:
    if how.cut.window_s is not None:
        return Ear(Window(model, rate_hz, how.cut.window_s, tempered=how.tempered).push, rate_hz, how.cut.window_s)
    from emovae.streaming import WINDOW_S, Stream  # noqa: PLC0415 - torch, which an ONNX file does without
    from emovae.trained import TrainedModel  # noqa: PLC0415

    assert isinstance(model, TrainedModel)
    stream = Stream(model, rate_hz)
    return Ear(stream.push, rate_hz, WINDOW_S if stream.bounded else None)


def _until_gone(chunks: Iterator[Chunk], gone: list[AudioError]) -> Iterator[Chunk]:
    """Ends with the device, so that what was said before is kept; then `gone` tells why."""
    try:
        yield from chunks
    except AudioError as error:
        gone.append(error)


@contextmanager
def _until_interrupted() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed in the block; a second later it interrupts."""
    pressed = list[float]()

    def press(_signal: int, _frame: object) -> None:
        pressed.append(time.monotonic())
        if pressed[-1] - pressed[0] > AGAIN_S:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def _picture(row: Row, classes: Sequence[str]) -> Group:
    found, bars = row.prediction, Table.grid(padding=(0, 1))
    for name in classes:
        share = 0.0 if found is None else found.probabilities[name]
        style = "bold" if name == row.label else ""
        bars.add_row(Text(name, style), ProgressBar(1.0, share, width=BAR), Text(f"{share:4.0%}", style))
    return Group(Text(f"{row.piece.start:.1f} to {row.piece.end:.1f} s: {_said(row)}"), bars)


def _said(row: Row) -> str:
    """The label, or why there is none."""
    if row.prediction is None:
        return "silent"
    label = row.label or f"({row.prediction.label}?)"
    return " ".join([f"{label}, {row.prediction.confidence:.0%}", *(f"[{flag}]" for flag in row.flags)])
