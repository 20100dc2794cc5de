"""Files, folders, tables, parts and windows of recordings become rows that say what is heard in them.

A recording that cannot be used is a row with its error, not an end. Recordings are decoded ahead of the network by a
few threads, and go through it by handfuls, so that any number of them takes little memory.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import soundfile

from emovae import audio
from emovae.audio import SAMPLE_RATE_HZ, Sound, Waveform
from emovae.errors import AudioError
from emovae.handfuls import ahead
from emovae.logmel import HOP_SAMPLES, frame_count
from emovae.recognizer import Frames, Prediction, Recognizer
from emovae.sources import Source

Channel = Literal["mix", "left", "right", "each"]

LONGEST_S = 2 * 3600
"""A longer recording is refused: decoded at 48 kHz in stereo it would take 3 GB and more."""
SILENT_RMS = 1e-3
"""-60 dBFS: a window below it has no label."""
AT_ONCE, AT_ONCE_FRAMES = 64, 60_000
"""Utterances that go through the network together, and the frames that they have at most: ten minutes."""
SHORT, SILENT, UNLIKE, DOUBTFUL = "short", "silent", "unlike", "doubtful"


class How(NamedTuple):
    """How recordings are cut and judged.

    Attributes:
        window_s: the length of a window; None for whole recordings.
        hop_s: from the beginning of a window to that of the next, a multiple of 10 ms.
        channel: what is heard of several channels.
        least_confidence: below it a row is doubtful and has no label.
        tempered: whether probabilities are brought to the doubt that validation speakers taught; without, they are
            those of `emovae run`.
    """

    window_s: float | None = None
    hop_s: float = 0.5
    channel: Channel = "mix"
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


class _Piece(NamedTuple):
    """A row to be, and its frames; None where there is nothing to ask."""

    row: Row
    frames: Frames | None


def predicted(recognizer: Recognizer, wanted: Iterable[Source], how: How, threads: int = 1) -> Iterator[Row]:
    """The rows of recordings, in their order.

    Args:
        recognizer: the model.
        wanted: see `sources`; `-` is not for here, but its file.
        how: see `How`.
        threads: how many recordings are decoded at once.
    """
    with ThreadPoolExecutor(threads) as pool:
        heard = ahead(pool, partial(_pieces, recognizer, how), wanted, 2 * threads)
        yield from _judged(recognizer, itertools.chain.from_iterable(heard), how)


def _judged(recognizer: Recognizer, pieces: Iterable[_Piece], how: How) -> Iterator[Row]:
    handful, frames = list[_Piece](), 0
    for piece in pieces:
        handful.append(piece)
        frames += 0 if piece.frames is None else len(piece.frames)
        if len(handful) == AT_ONCE or frames > AT_ONCE_FRAMES:
            yield from _said(recognizer, handful, how)
            handful, frames = [], 0
    yield from _said(recognizer, handful, how)


def _said(recognizer: Recognizer, pieces: Sequence[_Piece], how: How) -> Iterator[Row]:
    asked = [piece.frames for piece in pieces if piece.frames is not None]
    short = [recognizer.is_short(frames) for frames in asked]
    told: Iterator[Prediction] = iter(())
    if asked:
        answers = recognizer.answer(asked)
        told = iter(recognizer.told(answers, short, as_run=not how.tempered))
    for row, frames in pieces:
        if frames is None:
            yield row
            continue
        found = next(told)
        flags = (SHORT,) * found.padded + (UNLIKE,) * (found.strangeness > 1)
        if found.confidence < how.least_confidence:
            yield row._replace(prediction=found, flags=(*flags, DOUBTFUL))
        else:
            yield row._replace(prediction=found, label=found.label, flags=flags)


def _pieces(recognizer: Recognizer, how: How, source: Source) -> list[_Piece]:
    try:
        return list(
            itertools.chain.from_iterable(_cut(recognizer, how, source, *heard) for heard in _heard(source, how))
        )
    except AudioError as error:
        why = str(error).removeprefix(f"{source.file} ").partition(", or leave it out with")[0]
        return [_Piece(Row(source.file, source.start, source.end, how.channel, error=why), None)]


def _heard(source: Source, how: How) -> Iterator[tuple[str, Waveform, float]]:
    """Of each channel its name, its waveform, and where that begins in the file, in seconds."""
    path = Path(source.file)
    _require_short(path)
    samples, rate_hz = audio.decode(path)
    start, end = source.start or 0.0, len(samples) / rate_hz if source.end is None else source.end
    part = samples[round(start * rate_hz) : round(end * rate_hz)]
    if not len(part):
        raise AudioError(
            f"{path} has {len(samples) / rate_hz:.2f} s, and nothing from {start:g} to {end:g} s; mend the table"
        )
    names = {0: "left", 1: "right"}
    match how.channel:
        case "mix":
            yield "mix", audio.waveform_of(path, Sound(part, rate_hz)), start
        case "each":
            for number in range(part.shape[1]):
                yield names.get(number, str(number + 1)), _one(path, part, number, rate_hz), start
        case "left" | "right" as side:
            number = 0 if side == "left" else 1
            if part.shape[1] <= number:
                raise AudioError(f"{path} has one channel, and none on the {side}; use --channel mix")
            yield side, _one(path, part, number, rate_hz), start


def _one(path: Path, samples: Waveform, number: int, rate_hz: int) -> Waveform:
    """A channel alone; silence in it is no fault of the file."""
    own = samples[:, number : number + 1]
    if np.abs(own).max() < audio.SILENT_PEAK:
        return np.zeros(math.ceil(len(own) * SAMPLE_RATE_HZ / rate_hz), np.float32)
    return audio.waveform_of(path, Sound(own, rate_hz))


def _require_short(path: Path) -> None:
    try:
        known = soundfile.info(path)
    except (soundfile.SoundFileError, OSError, TypeError, UnicodeError):
        return  # decoding tells what is the matter
    if known.frames / known.samplerate > LONGEST_S:
        raise AudioError(
            f"{path} has {known.frames / known.samplerate / 3600:.1f} h, and {LONGEST_S // 3600} h are the most at"
            " once; cut it into shorter files"
        )


def _cut(
    recognizer: Recognizer, how: How, source: Source, channel: str, waveform: Waveform, start: float
) -> Iterator[_Piece]:
    """A waveform whole, or window by window; the frames are the same either way."""
    frames = recognizer.frames([waveform])[0]
    for first, last in _windows(len(waveform), how):
        part = waveform[first:last]
        row = Row(source.file, _time(start, first), _time(start, last), channel)
        if math.sqrt(float(np.square(part, dtype=np.float64).mean())) < SILENT_RMS:
            yield _Piece(row._replace(flags=(SILENT,)), None)
        else:
            count, here = frame_count(len(part)), first // HOP_SAMPLES
            yield _Piece(row, frames[here : here + count] if count else recognizer.frames([part])[0])


def _time(start: float, sample: int) -> float:
    return round(start + sample / SAMPLE_RATE_HZ, 6)


def _windows(samples: int, how: How) -> Iterator[tuple[int, int]]:
    """First and last sample of each window; the last one ends where the recording does."""
    if how.window_s is None:
        yield 0, samples
        return
    window, hop = round(how.window_s * SAMPLE_RATE_HZ), round(how.hop_s * 100) * HOP_SAMPLES
    first = 0
    while True:
        yield first, min(first + window, samples)
        if first + window >= samples:
            return
        first += hop
