"""Segments against a naive loop, at every length around a whole one."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from emovae import cache
from emovae.errors import ConfigError
from emovae.frames import CorpusFrames
from emovae.normalise import fit
from emovae.presets import resolve
from emovae.room import Room
from emovae.segments import cut, frames_per_segment, least_frames, segment, segment_count, span_of
from emovae.settings import Segments
from emovae.utterance import Utterance

Rows = NDArray[np.float32]
Tail = Literal["drop", "pad"]


def numbered(frames: int, bands: int = 3) -> Rows:
    """Every value tells its frame and its band: 100 x frame + band."""
    return (100 * np.arange(frames)[:, None] + np.arange(bands)).astype(np.float32)


def naive(frames: Rows, length: int, step: int, tail: Tail) -> list[list[float]]:
    """Cuts value by value: all whole segments, and with `pad` one more while the last frames are in none."""
    count = len(frames)
    starts = [start for start in range(0, count, step) if start + length <= count]
    if not starts:
        starts = [0]
    elif tail == "pad" and starts[-1] + length < count:
        starts.append(starts[-1] + step)
    cells = range(length)
    return [[float(v) for cell in cells for v in frames[min(start + cell, count - 1)]] for start in starts]


def thinned(frames: Rows, span: int, step: int, stride: int, tail: Tail) -> list[list[float]]:
    """Cuts all that segments span, and then leaves out value by value what lies between the strides."""
    whole, bands = naive(frames, span, step, tail), frames.shape[1]
    return [[value for place, value in enumerate(row) if place // bands % stride == 0] for row in whole]


def first_and_last(segments: Rows, bands: int = 3) -> list[tuple[int, int]]:
    """The first and the last frame of each segment."""
    return [(int(row[0]) // 100, int(row[-bands]) // 100) for row in segments]


@pytest.mark.parametrize(
    ("frames", "tail", "edges"),
    [
        (10, "drop", [(0, 9)]),
        (11, "drop", [(0, 9)]),
        (19, "drop", [(0, 9)]),
        (20, "drop", [(0, 9), (10, 19)]),
        (10, "pad", [(0, 9)]),
        (11, "pad", [(0, 9), (10, 10)]),
        (19, "pad", [(0, 9), (10, 18)]),
        (20, "pad", [(0, 9), (10, 19)]),
    ],
)
def test_the_tail_is_dropped_or_padded_with_the_last_frame(
    frames: int, tail: Tail, edges: list[tuple[int, int]]
) -> None:
    segments = Segments(tail=tail)
    rows = cut(numbered(frames), segments)
    assert first_and_last(rows) == edges
    assert segment_count(frames, segments) == len(edges)


@pytest.mark.parametrize(
    ("frames", "tail", "edges"),
    [
        (10, "drop", [(0, 9)]),
        (11, "drop", [(0, 9)]),
        (19, "drop", [(0, 9), (5, 14)]),
        (20, "drop", [(0, 9), (5, 14), (10, 19)]),
        (10, "pad", [(0, 9)]),
        (11, "pad", [(0, 9), (5, 10)]),
        (19, "pad", [(0, 9), (5, 14), (10, 18)]),
        (20, "pad", [(0, 9), (5, 14), (10, 19)]),
    ],
)
def test_segments_may_overlap_by_half(frames: int, tail: Tail, edges: list[tuple[int, int]]) -> None:
    segments = Segments(step_ms=50, tail=tail)
    assert first_and_last(cut(numbered(frames), segments)) == edges
    assert segment_count(frames, segments) == len(edges)


@pytest.mark.parametrize("tail", ["drop", "pad"])
@pytest.mark.parametrize(("length_ms", "step_ms"), [(100, 100), (100, 50), (100, 30), (100, 10), (10, 10), (250, 100)])
def test_every_length_is_cut_as_a_naive_loop_cuts_it(length_ms: int, step_ms: int, tail: Tail) -> None:
    segments = Segments(length_ms=length_ms, step_ms=step_ms, tail=tail, short="pad")
    for count in range(1, 64):
        frames = numbered(count)
        rows = cut(frames, segments)
        assert rows.dtype == np.float32
        assert rows.flags.c_contiguous
        assert rows.tolist() == naive(frames, length_ms // 10, step_ms // 10, tail)
        assert segment_count(count, segments) == len(rows)


@pytest.mark.parametrize("tail", ["drop", "pad"])
@pytest.mark.parametrize(
    ("length_ms", "step_ms", "stride_ms"), [(300, 100, 30), (90, 90, 30), (60, 20, 20), (100, 130, 50), (40, 10, 40)]
)
def test_of_each_stride_of_a_segment_the_first_frame_is_taken(
    length_ms: int, step_ms: int, stride_ms: int, tail: Tail
) -> None:
    segments = Segments(length_ms=length_ms, step_ms=step_ms, stride_ms=stride_ms, tail=tail, short="pad")
    for count in range(1, 100):
        frames = numbered(count)
        rows = cut(frames, segments)
        assert rows.dtype == np.float32
        assert rows.flags.c_contiguous
        assert rows.shape[1] == 3 * frames_per_segment(segments)
        expected = thinned(frames, length_ms // 10, step_ms // 10, stride_ms // 10, tail)
        if step_ms <= length_ms:  # the naive loop knows no frames between segments
            assert rows.tolist() == expected
        assert segment_count(count, segments) == len(rows)


def test_a_segment_with_strides_ends_with_its_last_stride() -> None:
    segments = Segments(length_ms=300, stride_ms=30)
    assert (frames_per_segment(segments), span_of(segments), least_frames(segments)) == (10, 30, 30)
    with pytest.raises(ValueError, match="utterance has 29 frames, one segment needs 30"):
        cut(numbered(29), segments)
    assert first_and_last(cut(numbered(30), segments)) == [(0, 27)]


def test_a_stride_that_does_not_divide_the_segment_is_refused_with_both_numbers() -> None:
    with pytest.raises(ConfigError, match="stride_ms 30 does not divide length_ms 100"):
        resolve({"name": "mine"}, None, ["segments.stride_ms=30"])


@pytest.mark.parametrize("step_ms", [100, 50, 10])
def test_with_pad_every_frame_is_in_a_segment(step_ms: int) -> None:
    for count in range(1, 45):
        rows = cut(numbered(count, bands=1), Segments(step_ms=step_ms, tail="pad", short="pad"))
        assert set(rows.reshape(-1).tolist()) == {100.0 * frame for frame in range(count)}


@pytest.mark.parametrize("tail", ["drop", "pad"])
@pytest.mark.parametrize("count", range(1, 10))
def test_a_short_utterance_is_padded_with_its_last_frame_where_that_is_asked(count: int, tail: Tail) -> None:
    segments = Segments(short="pad", tail=tail)
    assert least_frames(segments) == 1
    rows = cut(numbered(count), segments)
    assert rows.shape == (1, 30)
    assert [int(value) // 100 for value in rows[0, ::3]] == [min(frame, count - 1) for frame in range(10)]


@pytest.mark.parametrize("tail", ["drop", "pad"])
def test_a_short_utterance_is_refused_with_both_numbers_and_the_way_out(tail: Tail) -> None:
    with pytest.raises(ValueError, match=r"^utterance has 7 frames, one segment needs 10; pad it or leave it out$"):
        cut(numbered(7), Segments(tail=tail))
    with pytest.raises(ValueError, match=r"^utterance has 19 frames, one segment needs 20; pad it or leave it out$"):
        cut(numbered(19), Segments(length_ms=200, tail=tail))


def test_an_utterance_without_frames_cannot_even_be_padded() -> None:
    with pytest.raises(ValueError, match=r"^utterance has 0 frames, one segment needs 1;"):
        cut(numbered(0), Segments(short="pad"))


def test_a_segment_lies_frame_by_frame_and_has_800_values() -> None:
    frames = np.random.default_rng(0).standard_normal((20, 80)).astype(np.float32)
    rows = cut(frames, Segments())
    assert rows.shape == (2, 800)
    assert np.array_equal(rows[1, 240:320], frames[13])


def test_the_frames_that_are_cut_stay_as_they_were() -> None:
    frames = numbered(13)
    frames.flags.writeable = False
    cut(frames, Segments())
    cut(frames, Segments(step_ms=50))
    assert np.array_equal(frames, numbered(13))


def test_a_segments_length_is_told_in_frames() -> None:
    assert [frames_per_segment(Segments(length_ms=length_ms)) for length_ms in (10, 100, 250)] == [1, 10, 25]
    assert least_frames(Segments(length_ms=250)) == 25


@pytest.mark.parametrize("segments", [Segments(), Segments(tail="drop"), Segments(step_ms=50)])
def test_several_utterances_are_cut_in_the_order_asked_for(tmp_path: Path, segments: Segments) -> None:
    parts = [numbered(count) + 7000 * place for place, count in enumerate((10, 34, 25, 18))]
    cache.keep(tmp_path, "frames", 3, parts, {})
    frames = CorpusFrames(
        folder=tmp_path,
        key="frames",
        utterances=tuple(Utterance(id=f"u{place}", audio=None, speaker="s") for place in range(4)),
        spans=np.array([[0, 10], [10, 44], [44, 69], [69, 87]]),
        left_out=(),
        digest="",
    )
    normaliser = fit(frames, [0, 1, 2], "train")
    members = [3, 0, 2]
    found = segment(normaliser, members, segments)
    step = segments.step_ms // 10
    apart = [naive(normaliser.of(member), 10, step, segments.tail) for member in members]
    assert found.values.dtype == torch.float32
    assert found.values.tolist() == [row for rows in apart for row in rows]
    assert found.starts.tolist() == [0, *np.cumsum([len(rows) for rows in apart]).tolist()]
    assert segment(normaliser, [], segments).values.shape == (0, 30)
    elsewhere = segment(normaliser, members, segments, Room(0, tmp_path / "arrays")).values
    assert elsewhere.untyped_storage().filename is not None
    assert torch.equal(elsewhere, found.values)
    rounded = segment(normaliser, members, segments, dtype=torch.bfloat16).values
    assert torch.equal(rounded, found.values.bfloat16())


def test_where_segments_stand_apart_none_is_made_of_padding_alone() -> None:
    """Every 200 ms one of 100 ms: 15 frames end before a second segment would begin."""
    segments = Segments(step_ms=200, tail="pad")
    assert first_and_last(cut(numbered(15), segments)) == [(0, 9)]
    assert first_and_last(cut(numbered(20), segments)) == [(0, 9)]
    assert first_and_last(cut(numbered(21), segments)) == [(0, 9), (20, 20)]
    assert first_and_last(cut(numbered(30), segments)) == [(0, 9), (20, 29)]
