"""Sound that goes on must be told as a recording of the same would be, and nothing of it be lost in silence."""

import io
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from numpy.typing import NDArray
from rich.console import Console

from emovae.answers import told
from emovae.assembly import save
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import Corpus
from emovae.errors import AudioError, ConfigError
from emovae.export import content_of
from emovae.hearing import heard
from emovae.live_rows import GAP, Ear, Window, live
from emovae.microphone import BLOCK_S, Chunk, Inbox, microphone
from emovae.pieces import Cut
from emovae.portable import opened
from emovae.predict import SILENT, How, Row, predicted
from emovae.shells.cli import cli
from emovae.shells.listening import show, told_at_end
from emovae.sources import Source
from emovae.streaming import Stream
from emovae.trained import TrainedModel

RATES = (SAMPLE_RATE_HZ, 44_100)
HOW = How(Cut(1.0, 0.5))


@pytest.fixture(scope="module")
def speech(small_corpus: Corpus) -> Waveform:
    joined = np.concatenate([small_corpus.waveform(utterance) for utterance in small_corpus.utterances[:3]])
    return joined[: 4 * SAMPLE_RATE_HZ + 1234]


def recorded(samples: Waveform) -> NDArray[np.int16]:
    """As a sound card gives it."""
    return np.round(samples * 32_767).astype(np.int16)


def blocks(samples: Waveform, rate_hz: int = SAMPLE_RATE_HZ) -> Iterator[NDArray[np.int16]]:
    for start in range(0, len(samples), size := round(BLOCK_S * rate_hz)):
        yield recorded(samples[start : start + size])


def through(samples: Waveform, rate_hz: int, at_once: int = 3) -> Iterator[Chunk]:
    """Through an inbox, some blocks at a time."""
    inbox = Inbox(rate_hz)
    for number, block in enumerate(blocks(samples, rate_hz), 1):
        inbox.put(block)
        if number % at_once == 0:
            yield inbox.take()
    yield from inbox.chunks(lambda: True)


def window(model: TrainedModel, rate_hz: int = SAMPLE_RATE_HZ, seconds: float = 1.0) -> Ear:
    return Ear(Window(model, rate_hz, seconds).push, rate_hz, seconds)


def ends(rows: Sequence[Row]) -> list[float]:
    return [float(row.piece.end or 0) for row in rows]


def assert_same(row: Row, expected: Row, within: float) -> None:
    assert row.prediction is not None
    assert expected.prediction is not None
    assert row.prediction.probabilities == pytest.approx(expected.prediction.probabilities, abs=within)
    assert row.label == expected.label
    assert (row.piece.start, row.piece.end) == (expected.piece.start, expected.piece.end)


@pytest.mark.parametrize("rate_hz", RATES)
def test_the_last_window_is_told_as_in_the_timeline_of_a_file(
    model: TrainedModel, speech: Waveform, tmp_path: Path, rate_hz: int
) -> None:
    file, speech = tmp_path / "a.wav", np.tile(speech, 3)
    soundfile.write(file, recorded(speech), rate_hz, "PCM_16")
    timeline = {row.piece.end: row for row in predicted(model, [Source(str(file))], HOW)}
    rows = list(live(through(speech, rate_hz), window(model, rate_hz), HOW))
    both = [row for row in rows if row.piece.end in timeline and row.piece.start == timeline[row.piece.end].piece.start]
    assert len(both) >= 6
    for row in both:  # soxr cuts a recording into chunks of its own
        assert_same(row, timeline[row.piece.end], 1e-5)


def test_without_a_window_all_so_far_is_told(model: TrainedModel, speech: Waveform) -> None:
    how = How(Cut(hop_s=0.5))
    rows = list(live(through(speech, SAMPLE_RATE_HZ), Ear(Stream(model, SAMPLE_RATE_HZ).push, 16_000, None), how))
    assert ends(rows) == pytest.approx([*np.arange(0.5, 4.1, 0.5), len(speech) / SAMPLE_RATE_HZ])
    for row in rows:
        so_far = recorded(speech)[: round(float(row.piece.end or 0) * SAMPLE_RATE_HZ)].astype(np.float32)
        alone = told(model, [heard(so_far / np.float32(2**15), SAMPLE_RATE_HZ)])[0]
        assert row.prediction is not None
        assert row.prediction.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
        assert row.piece.start == 0


def test_an_onnx_model_is_asked_about_windows_and_says_the_same(model: TrainedModel, speech: Waveform) -> None:
    portable = opened(content_of(model), Path("m.onnx"))
    ear = Ear(Window(portable, SAMPLE_RATE_HZ, 1.0).push, SAMPLE_RATE_HZ, 1.0)
    pairs = zip(
        live(through(speech, SAMPLE_RATE_HZ), ear, HOW),
        live(through(speech, SAMPLE_RATE_HZ), window(model), HOW),
        strict=True,
    )
    for row, expected in pairs:
        assert_same(row, expected, 1e-4)


def test_where_the_model_is_slow_there_are_fewer_rows_and_no_sound_is_left_out(
    model: TrainedModel, speech: Waveform
) -> None:
    steady = list(live(through(speech, SAMPLE_RATE_HZ), window(model), HOW))
    late = list(live(through(speech, SAMPLE_RATE_HZ, at_once=32), window(model), HOW))
    assert len(late) < len(steady)
    by_end = dict(zip(ends(steady), steady, strict=True))
    for row in late:
        assert_same(row, by_end[float(row.piece.end or 0)], 1e-6)


def test_it_ends_after_the_seconds_that_were_asked_for(model: TrainedModel, speech: Waveform) -> None:
    rows = list(live(through(speech, SAMPLE_RATE_HZ), window(model), HOW, seconds=1.7))
    assert ends(rows) == [0.5, 1.0, 1.5, 1.7]
    assert rows[-1].piece.start == pytest.approx(0.7)


def test_silence_is_told_as_silence(model: TrainedModel, speech: Waveform) -> None:
    quiet = np.concatenate([np.zeros(24_000, np.float32), speech[:8_000], np.zeros(24_000, np.float32)])
    for ear in (window(model), Ear(Stream(model, SAMPLE_RATE_HZ).push, SAMPLE_RATE_HZ, None)):
        rows = list(live(through(quiet, SAMPLE_RATE_HZ), ear, HOW))
        assert [row.flags for row in rows[:3]] == [(SILENT,)] * 3
        assert rows[3].prediction is not None
        assert (rows[-1].prediction is None) == (ear.reach_s == 1.0)


def test_what_finds_no_room_is_counted_and_the_next_row_is_flagged(model: TrainedModel, speech: Waveform) -> None:
    inbox = Inbox(SAMPLE_RATE_HZ, room_s=20 * BLOCK_S)
    for block in blocks(speech[:24_000]):
        inbox.put(block)
    assert inbox.lost_s == pytest.approx(0.5)
    before = inbox.take()
    assert (len(before.samples), before.gap) == (16_000, False)
    for block in blocks(speech[24_000:40_000]):
        inbox.put(block)
    chunks = [before, inbox.take(), Chunk(speech[40_000:48_000])]
    rows = list(live(chunks, window(model), HOW))
    assert [GAP in row.flags for row in rows] == [False, True, False]
    assert "0.5 s were lost" in told_at_end(rows[-1], inbox)


def test_what_the_device_lost_is_told() -> None:
    inbox = Inbox(SAMPLE_RATE_HZ)
    inbox.put(np.zeros(800, np.int16), dropped=True)
    assert inbox.take().gap
    assert told_at_end(None, inbox) == "heard 0.0 s; the device lost sound 1 time, and does not say how much"


def test_samples_are_scaled_and_copied_for_the_sound_card_uses_their_place_again() -> None:
    inbox, place = Inbox(SAMPLE_RATE_HZ), np.array([-(2**15), 0, 2**14], np.int16)
    inbox.put(place)
    place[:] = 7
    assert inbox.take().samples.tolist() == [-1, 0, 0.5]


def test_a_device_that_gives_nothing_is_an_error_and_not_a_wait_for_ever() -> None:
    with pytest.raises(AudioError, match=r"Desk mic gave no sound for 0\.01 s; connect it"):
        Inbox(SAMPLE_RATE_HZ, "Desk mic").take(0.01)


def test_a_picture_shows_each_class_and_the_last_answer_stays(model: TrainedModel, speech: Waveform) -> None:
    rows = list(live(through(speech, SAMPLE_RATE_HZ), window(model), HOW))
    screen = io.StringIO()
    show(rows, model.classes, Console(file=screen, force_terminal=True, width=100))
    found = rows[-1].prediction
    assert found is not None
    last = screen.getvalue().rpartition("4.1 s: ")[2]
    assert last.startswith(f"{found.label}, {found.confidence:.0%}")
    for name, share in found.probabilities.items():
        assert name in last
        assert f"{share:.0%}" in last
    assert f"at the end {found.label}, {found.confidence:.0%}" in told_at_end(rows[-1], Inbox(SAMPLE_RATE_HZ))


# What is installed, and what is asked for


def test_without_sounddevice_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with (
        pytest.raises(ConfigError, match=r"sounddevice is not installed; pip install 'emovae\[microphone\]'"),
        microphone(),
    ):
        pass


def test_without_portaudio_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with (
        pytest.raises(ConfigError, match=r"PortAudio library not found.*libportaudio2.*emovae\[microphone\]"),
        microphone(),
    ):
        pass


@pytest.fixture(scope="module")
def place(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("live")
    save(model, place / "m", "")
    (place / "m.onnx").write_bytes(content_of(model))
    return place


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        ("m", "Missing argument 'INPUT...'"),
        ("m a.wav --microphone", "--microphone stands in place of INPUT, and a.wav is given"),
        ("m a.wav --seconds 3", "--seconds goes with --microphone"),
        ("m --microphone --seconds soon", "'soon' is no length of time"),
        ("m --microphone --channel left", "leave --channel left away"),
        ("m --microphone --format parquet", "give --out FILE.parquet"),
        ("m --microphone --reject 0.2 --no-temperature", "--reject goes by tempered confidence"),
        ("m --microphone --no-temperature", "is told of windows alone; give --window 5s"),
        ("m.onnx --microphone", "m.onnx is an ONNX file"),
        ("none --microphone", "none"),
    ],
)
def test_what_cannot_be_is_said_before_a_device_is_asked_for(place: Path, words: str, trouble: str) -> None:
    name, *others = words.split()
    done = CliRunner().invoke(cli, ["predict", str(place / name), *others])
    assert done.exit_code in {1, 2}
    assert trouble in f"{done.stderr}{done.exception}"
    assert "Hz" not in done.stderr


def test_rows_come_at_a_steady_pace(model: TrainedModel, speech: Waveform) -> None:
    rows = list(live(through(speech, 44_100, at_once=1), window(model, 44_100), How(Cut(1.0, 0.2))))
    assert [late - early for early, late in pairwise(ends(rows)[:-1])] == pytest.approx([0.2] * (len(rows) - 2))
