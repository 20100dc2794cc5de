"""Pieces of recordings become rows that say what is heard in them, by handfuls."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from emovae.pieces import Cut, Piece, pieces
from emovae.recognizer import Prediction, Recognizer
from emovae.sources import Source

AT_ONCE, AT_ONCE_FRAMES = 64, 60_000
"""Pieces that go through the network together, and the frames that they have at most: ten minutes."""
SHORT, SILENT, UNLIKE, DOUBTFUL = "short", "silent", "unlike", "doubtful"


class How(NamedTuple):
    """How recordings are cut and judged.

    Attributes:
        cut: see `Cut`.
        least_confidence: below it a row is doubtful and has no label.
        tempered: whether probabilities are brought to the doubt that validation speakers taught; without, they are
            those of `emovae run`.
    """

    cut: Cut = Cut()
    least_confidence: float = 0.0
    tempered: bool = True


class Row(NamedTuple):
    """What is said of a recording, a part or a window of it.

    Attributes:
        file: as it was given.
        start: in seconds from the file's beginning; None where it could not be read.
        end: the same.
        channel: `mix`, `left`, `right`, or its number from 3 on.
        prediction: what is heard; None where nothing is.
        label: the class; None where there is no prediction, or it is doubtful.
        flags: `short` (filled up to a segment), `silent`, `unlike` the training speech, `doubtful`.
        error: why there is no prediction.
    """

    file: str
    start: float | None
    end: float | None
    channel: str
    prediction: Prediction | None = None
    label: str | None = None
    flags: tuple[str, ...] = ()
    error: str = ""


def predicted(recognizer: Recognizer, wanted: Iterable[Source], how: How, threads: int = 1) -> Iterator[Row]:
    """The rows of recordings, in their order.

    Args:
        recognizer: the model.
        wanted: the recordings, see `pieces`.
        how: how they are cut and judged.
        threads: how many recordings are decoded at once.
    """
    for some in handfuls(pieces(recognizer, wanted, how.cut, threads)):
        yield from _said(recognizer, some, how)


def handfuls(each: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces in their order, as many together as memory is small."""
    some, frames = list[Piece](), 0
    for piece in each:
        some.append(piece)
        frames += 0 if piece.frames is None else len(piece.frames)
        if len(some) == AT_ONCE or frames > AT_ONCE_FRAMES:
            yield some
            some, frames = [], 0
    yield some


def _said(recognizer: Recognizer, some: Sequence[Piece], how: How) -> Iterator[Row]:
    asked = [piece.frames for piece in some if piece.frames is not None]
    told: Iterator[Prediction] = iter(())
    if asked:
        short = [recognizer.is_short(frames) for frames in asked]
        told = iter(recognizer.told(recognizer.answer(asked), short, as_run=not how.tempered))
    for file, start, end, channel, frames, error in some:
        row = Row(file, start, end, channel, error=error)
        if frames is None:
            yield row if error else row._replace(flags=(SILENT,))
            continue
        found = next(told)
        # A window's spectrum scatters more than that of the whole utterances which set the limit.
        strange = found.strangeness > 1 and how.cut.window_s is None
        flags = (SHORT,) * found.padded + (UNLIKE,) * strange
        if found.confidence < how.least_confidence:
            yield row._replace(prediction=found, flags=(*flags, DOUBTFUL))
        else:
            yield row._replace(prediction=found, label=found.label, flags=flags)
