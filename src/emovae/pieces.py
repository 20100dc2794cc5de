"""Recordings become pieces with their waveforms: whole, part by part, window by window, channel by channel.

A recording that cannot be used is a piece with its error, not an end. A few threads decode ahead of who asks for
pieces, so that any number of recordings takes little memory.
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
from emovae.sources import Source

Channel = Literal["mix", "left", "right", "each"]

LONGEST_S, MOST_SAMPLES = 2 * 3600, 2**29
"""A longer recording is refused, and one of more samples in all channels: decoded, these take 2 GiB."""
UNKNOWN_S = 1e9
"""What claims to be longer does not know its length, and decoding tells so."""
HOP_SAMPLES = SAMPLE_RATE_HZ // 100
"""Windows begin where frames do, so that neighbours share theirs."""
LEAST_NEW_SAMPLES = SAMPLE_RATE_HZ * 115 // 1000
"""A segment, which is ten frames of 25 ms: a last window with less of what no other has heard is left out."""
SILENT_RMS = 1e-3
"""-60 dBFS: in a window of a timeline nothing is to be heard below it."""


class Cut(NamedTuple):
    """How recordings are cut.

    Attributes:
        window_s: the length of a window; None for whole recordings.
        hop_s: from the beginning of a window to that of the next, a multiple of 10 ms.
        channel: what is heard of several channels.
    """

    window_s: float | None = None
    hop_s: float = 0.5
    channel: Channel = "mix"


class Piece(NamedTuple):
    """A recording, a part or a window of it.

    Attributes:
        file: as it was given.
        start: in seconds from the file's beginning; None where it could not be read.
        end: the same.
        channel: `mix`, `left`, `right`, or its number from 3 on; of one channel, `each` is `mix`.
        waveform: float32 [sample] at 16 kHz; None where it is silent or could not be read.
        error: why it could not be read.
    """

    file: str
    start: float | None
    end: float | None
    channel: str
    waveform: Waveform | None = None
    error: str = ""


def pieces(wanted: Iterable[Source], cut: Cut, threads: int = 1) -> Iterator[Piece]:
    """The pieces of recordings, in their order.

    Args:
        wanted: see `sources`; `-` is not for here, but its file.
        cut: how they are cut.
        threads: how many recordings are decoded at once.
    """
    with ThreadPoolExecutor(threads) as pool:
        # Parts of a file that follow each other in a table: it is decoded once for them.
        files = (list(parts) for _, parts in itertools.groupby(wanted, lambda source: source.file))
        heard = ahead(pool, partial(_pieces, cut), files, threads + 1)
        yield from itertools.chain.from_iterable(heard)


def _pieces(cut: Cut, parts: Sequence[Source]) -> list[Piece]:
    """The pieces of parts of one file."""
    path, found = Path(parts[0].file), list[Piece]()
    sound: Sound | None = None
    for source in parts:
        try:
            if sound is None:
                _require_short(path)
                sound = audio.decode(path)
            found += pieces_of(sound, source, cut)
        except (AudioError, OSError, OverflowError, ValueError) as error:  # such as a name that no file can have
            found.append(Piece(source.file, source.start, source.end, cut.channel, error=why(error, source.file)))
    return found


def pieces_of(sound: Sound, source: Source, cut: Cut) -> list[Piece]:
    """The pieces of a decoded recording, or of the part of it that is meant.

    Raises:
        AudioError: for a part or a channel that is not there, or sound that is none.
    """
    heard = _heard(Path(source.file), sound, source, cut)
    return [
        piece
        for channel, waveform, start in heard
        for piece in _cut(cut, Piece(source.file, start, None, channel), waveform)
    ]


def why(error: Exception, file: str) -> str:
    """What is the matter with a recording, without its name and without what only a corpus can do about it."""
    return str(error).removeprefix(f"{file} ").partition(", or leave it out with")[0]


def _heard(path: Path, sound: Sound, source: Source, cut: Cut) -> Iterator[tuple[str, Waveform, float]]:
    """Of each channel its name, its waveform, and where that begins in the file, in seconds."""
    samples, rate_hz = sound
    start, end = source.start or 0.0, len(samples) / rate_hz if source.end is None else source.end
    part = samples[round(start * rate_hz) : round(end * rate_hz)]
    if not len(part):
        raise AudioError(
            f"{path} has {len(samples) / rate_hz:.2f} s, and nothing from {start:g} to {end:g} s; mend the table"
        )
    names = {0: "left", 1: "right"}
    match cut.channel:
        case "mix":
            yield "mix", _sound(path, part, rate_hz), start
        case "each" if part.shape[1] == 1:
            yield "mix", _sound(path, part, rate_hz), start
        case "each":
            for number in range(part.shape[1]):
                yield names.get(number, str(number + 1)), _sound(path, part[:, number : number + 1], rate_hz), start
        case "left" | "right" as side:
            number = 0 if side == "left" else 1
            if part.shape[1] <= number:
                raise AudioError(f"{path} has one channel, and none on the {side}; use --channel mix")
            yield side, _sound(path, part[:, number : number + 1], rate_hz), start


def _sound(path: Path, samples: Waveform, rate_hz: int) -> Waveform:
    """The waveform of channels; silence is no fault of the file."""
    if np.abs(samples.mean(axis=1)).max() < audio.SILENT_PEAK:
        return np.zeros(math.ceil(len(samples) * SAMPLE_RATE_HZ / rate_hz), np.float32)
    return audio.waveform_of(path, Sound(samples, rate_hz))


def _require_short(path: Path) -> None:
    try:
        known = soundfile.info(path)
    except (soundfile.SoundFileError, OSError, TypeError, UnicodeError):
        return  # decoding tells what is the matter
    seconds = known.frames / known.samplerate
    if seconds < UNKNOWN_S and (seconds > LONGEST_S or known.frames * known.channels > MOST_SAMPLES):
        raise AudioError(
            f"{path} has {seconds / 3600:.1f} h in {known.channels} channels at {known.samplerate} Hz; at once"
            f" {LONGEST_S // 3600} h and {MOST_SAMPLES:,} samples are the most: cut it into shorter files"
        )


def _cut(cut: Cut, whole: Piece, waveform: Waveform) -> Iterator[Piece]:
    """A waveform whole, or window by window."""
    start = whole.start or 0.0
    for first, last in _windows(len(waveform), cut):
        part = waveform[first:last]
        piece = whole._replace(start=_time(start, first), end=_time(start, last))
        yield piece if is_silent(part, cut) else piece._replace(waveform=part)


def is_silent(part: Waveform, cut: Cut) -> bool:
    """In a timeline below what is to be heard; a whole recording is silent only where any other command says so."""
    if cut.window_s is None:
        return not bool(np.abs(part).max() >= audio.SILENT_PEAK)
    return math.sqrt(float(np.square(part, dtype=np.float64).mean())) < SILENT_RMS


def _time(start: float, sample: int) -> float:
    return round(start + sample / SAMPLE_RATE_HZ, 6)


def _windows(samples: int, cut: Cut) -> Iterator[tuple[int, int]]:
    """First and last sample of each window.

    The last one ends where the recording does, or, where less than a segment would be new in one more, before that.
    """
    if cut.window_s is None:
        yield 0, samples
        return
    window, hop = round(cut.window_s * SAMPLE_RATE_HZ), round(cut.hop_s * 100) * HOP_SAMPLES
    for first in range(0, samples, hop):
        is_cut, new = first + window > samples, samples - max(first, first - hop + window)
        if first and is_cut and new < LEAST_NEW_SAMPLES:
            return
        yield first, min(first + window, samples)
        if first + window >= samples:
            return
