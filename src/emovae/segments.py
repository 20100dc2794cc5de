"""Frames are cut into segments (section 4.3): 100 ms, 10 frames, 800 values, frame by frame.

A segment starts every `step_ms` and spans `length_ms`, of which it has the first frame of every `stride_ms`. At an
utterance's end `tail` decides: `drop` leaves away frames that fill no segment, `pad` adds one segment more, filled by
repeating the last frame.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from emovae.logmel import HOP_MS
from emovae.normalise import Normaliser
from emovae.room import AT_ONCE_BYTES, IN_MEMORY, Room, let_go
from emovae.settings import Segments


class Segmented(NamedTuple):
    """The segments of several utterances.

    Attributes:
        values: [segment, value], one utterance after the other; float32 where nothing else is asked for.
        starts: int64 [utterance + 1]; utterance u has the rows starts[u] to starts[u + 1].
    """

    values: Tensor
    starts: NDArray[np.int64]


def frames_per_segment(segments: Segments) -> int:
    """How many frames a segment has.

    >>> frames_per_segment(Segments()), frames_per_segment(Segments(length_ms=300, stride_ms=30))
    (10, 10)
    """
    return segments.length_ms // segments.stride_ms


def span_of(segments: Segments) -> int:
    """How many frames a segment spans, those between the ones that it has included.

    >>> span_of(Segments()), span_of(Segments(length_ms=300, stride_ms=30))
    (10, 30)
    """
    return segments.length_ms // HOP_MS


def stride_of(segments: Segments) -> int:
    """How many frames on the next one is that a segment has."""
    return segments.stride_ms // HOP_MS


def least_frames(segments: Segments) -> int:
    """The shortest utterance that can be cut, in frames: a segment, or one frame where short ones are padded."""
    return 1 if segments.short == "pad" else span_of(segments)


def segment_count(frames: int, segments: Segments) -> int:
    """How many segments an utterance of so many frames has.

    >>> segment_count(98, Segments(tail="drop")), segment_count(98, Segments(tail="pad"))
    (9, 10)
    """
    length, step = span_of(segments), segments.step_ms // HOP_MS
    beyond = max(0, frames - length)
    if segments.tail == "drop":
        return 1 + beyond // step
    # Where segments stand apart, none begins after the last frame.
    return min(1 + -(-beyond // step), -(-frames // step))


def cut(frames: NDArray[np.float32], segments: Segments) -> NDArray[np.float32]:
    """Cuts frames [frame, band] into segments [segment, frame x band].

    Raises:
        ValueError: for fewer frames than `least_frames`.
    """
    if len(frames) < least_frames(segments):
        raise ValueError(
            f"utterance has {len(frames)} frames, one segment needs {least_frames(segments)}; pad it or leave it out"
        )
    length, step, stride = span_of(segments), segments.step_ms // HOP_MS, stride_of(segments)
    count = segment_count(len(frames), segments)
    needed = (count - 1) * step + length
    if needed > len(frames):
        frames = np.concatenate([frames, np.repeat(frames[-1:], needed - len(frames), axis=0)])
    if step == length and stride == 1:
        return frames[:needed].reshape(count, -1)
    windows = sliding_window_view(frames[:needed], length, axis=0)[::step, :, ::stride]  # [segment, band, frame]
    return np.ascontiguousarray(windows.swapaxes(1, 2)).reshape(count, -1)


def segment(
    normaliser: Normaliser,
    members: Sequence[int],
    segments: Segments,
    room: Room = IN_MEMORY,
    dtype: torch.dtype = torch.float32,
) -> Segmented:
    """The normalised segments of these utterances, in their order.

    Raises:
        OutputError: when there is no room for them.
    """
    spans = normaliser.frames.spans
    counts = [segment_count(int(spans[member, 1] - spans[member, 0]), segments) for member in members]
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    width = frames_per_segment(segments) * normaliser.frames.columns
    values = room.empty(int(starts[-1]), width, dtype)
    fresh = 0
    for place, frames in enumerate(normaliser.each(members)):
        rows = np.require(cut(frames, segments), requirements="W")  # torch takes no other
        values[starts[place] : starts[place + 1]] = torch.from_numpy(rows)
        fresh += rows.nbytes
        if fresh > AT_ONCE_BYTES:
            let_go(values)
            fresh = 0
    return Segmented(values, starts)
