"""Pieces of recordings become rows that say what is heard in them, by handfuls."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from emovae.answers import Model, People, Prediction, are_known, prediction, told
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.errors import ConfigError
from emovae.pieces import Cut, Piece, pieces
from emovae.sources import Source

AT_ONCE, AT_ONCE_SAMPLES = 64, 600 * SAMPLE_RATE_HZ
"""Pieces that go through the network together, and the samples after which there are enough: ten minutes."""
SHORT, SILENT, UNLIKE, DOUBTFUL, ALONE = "short", "silent", "unlike", "doubtful", "alone"


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
    """What is said of a piece.

    Attributes:
        piece: a recording, a part or a window of it; where nothing is said of it, it is silent or tells why.
        prediction: what is heard; None where nothing is.
        label: the class; None where there is no prediction, or it is doubtful.
        flags: `short` (filled up to a segment), `silent`, `unlike` the training speech, `doubtful`; `alone`, where
            speakers are told, for what is judged by itself.
    """

    piece: Piece
    prediction: Prediction | None = None
    label: str | None = None
    flags: tuple[str, ...] = ()


def predicted(model: Model, wanted: Iterable[Source], how: How, threads: int = 1) -> Iterator[Row]:
    """The rows of recordings, in their order.

    Args:
        model: who is asked.
        wanted: the recordings, see `pieces`.
        how: how they are cut and judged.
        threads: how many recordings are decoded at once.
    """
    for some in handfuls(pieces(wanted, how.cut, threads)):
        yield from judged(model, some, how)


def predicted_by_speaker(
    model: People,
    wanted: Sequence[Source],
    known: How,
    alone: How,
    threads: int = 1,
    see: Callable[[Piece], None] = lambda _: None,
) -> Iterator[Row]:
    """The rows of whole recordings, in their order, once all have been heard: who speaks in each is known.

    Args:
        model: who is asked.
        wanted: the recordings, with their speakers.
        known: how people are judged of whom enough is there; one row each.
        alone: how others are.
        threads: how many recordings are decoded at once.
        see: is shown each recording when it has been heard.

    Raises:
        ConfigError: for a recording that is there twice, and would count twice in the scale of who speaks.
    """
    _require_once(wanted)
    names = iter([source.speaker for source in wanted])
    gone_by, kept, speakers = list[tuple[Piece, int | None]](), list[Any](), list[str]()
    for some in handfuls(pieces(wanted, known.cut, threads)):
        waveforms = list[Waveform]()
        for piece in some:
            see(piece)
            name, waveform = next(names), piece.waveform
            gone_by.append((piece._replace(waveform=None), None if waveform is None else len(waveform)))
            if waveform is not None:
                waveforms.append(waveform)
                speakers.append(name)
        if waveforms:
            kept.append(model.keep(waveforms))
    if not kept:
        yield from (row_of(piece, None, alone) for piece, _ in gone_by)
        return
    answers, is_known = model.answer_people(kept, speakers), iter(are_known(speakers).tolist())
    shares = iter(answers.probabilities if known.tempered else answers.said.astype(np.float64))
    strange = iter(answers.strangeness.tolist())
    for piece, samples in gone_by:
        if samples is None:
            yield row_of(piece, None, alone)
            continue
        found = prediction(model.classes, next(shares), next(strange), padded=samples < model.least_samples)
        if next(is_known):
            yield row_of(piece, found, known)
        else:
            row = row_of(piece, found, alone)
            yield row._replace(flags=(*row.flags, ALONE))


def _require_once(wanted: Sequence[Source]) -> None:
    counts = Counter(
        (source.speaker, os.path.abspath(source.file), source.start or 0.0, source.end)  # noqa: PTH100 - no links
        for source in wanted
        if source.speaker
    )
    twice = [span for (_, *span), count in counts.items() if count > 1]
    if twice:
        file, start, end = twice[0]
        span = "" if (start, end) == (0, None) else f", {start:g} s to {'its end' if end is None else f'{end:g} s'}"
        raise ConfigError(
            f"{len(twice):,} recordings are there more than once, first {file}{span}: the scale of who speaks would"
            " count it so often; leave one row of each"
        )


def handfuls(each: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces in their order, as many together as memory is small."""
    some, samples = list[Piece](), 0
    for piece in each:
        some.append(piece)
        samples += 0 if piece.waveform is None else len(piece.waveform)
        if len(some) == AT_ONCE or samples > AT_ONCE_SAMPLES:
            yield some
            some, samples = [], 0
    yield some


def judged(model: Model, some: Sequence[Piece], how: How) -> Iterator[Row]:
    """The rows of pieces that go through the network together."""
    asked = [piece.waveform for piece in some if piece.waveform is not None]
    answers = iter(told(model, asked, as_run=not how.tempered) if asked else ())
    for piece in some:
        yield row_of(piece, None if piece.waveform is None else next(answers), how)


def row_of(piece: Piece, found: Prediction | None, how: How) -> Row:
    """The row of a piece and what is heard in it; None where it is silent or could not be read."""
    kept = piece._replace(waveform=None)  # a row may be kept for long
    if found is None:
        return Row(kept, flags=() if piece.error else (SILENT,))
    # A window's spectrum scatters more than that of the whole utterances which set the limit.
    strange = found.strangeness > 1 and how.cut.window_s is None
    flags = (SHORT,) * found.padded + (UNLIKE,) * strange
    if found.confidence < how.least_confidence:
        return Row(kept, found, flags=(*flags, DOUBTFUL))
    return Row(kept, found, found.label, flags)
