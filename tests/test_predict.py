"""Files, folders, parts, windows and channels must become the rows that whole recordings of the same would be."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from emovae.answers import Prediction, told
from emovae.audio import SAMPLE_RATE_HZ, Sound, Waveform
from emovae.corpora import Corpus
from emovae.corpora.table import READER
from emovae.errors import ConfigError
from emovae.hearing import heard
from emovae.pieces import Cut, pieces_of
from emovae.predict import How, Row, predicted
from emovae.sources import Source, sources
from emovae.trained import TrainedModel


@pytest.fixture(scope="session")
def speech(small_corpus: Corpus) -> Waveform:
    joined = np.concatenate([small_corpus.waveform(utterance) for utterance in small_corpus.utterances[:6]])
    return joined[: 8 * SAMPLE_RATE_HZ + 1234]


def written(path: Path, samples: Waveform, rate_hz: int = SAMPLE_RATE_HZ) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate_hz, "PCM_16")
    return path


def rows_of(model: TrainedModel, wanted: Sequence[Source | Path], threads: int = 1, **how: Any) -> list[Row]:
    each = [one if isinstance(one, Source) else Source(str(one)) for one in wanted]
    cut = Cut(**{name: how.pop(name) for name in Cut._fields if name in how})
    return list(predicted(model, each, How(cut, **how), threads))


def alone(model: TrainedModel, file: Path) -> Prediction:
    return told(model, [heard(file)])[0]


def assert_says(row: Row, expected: Row) -> None:
    assert row.prediction is not None
    assert expected.prediction is not None
    assert row.prediction.probabilities == pytest.approx(expected.prediction.probabilities, abs=2e-6)
    assert row.label == expected.label


# What is meant


def names(inputs: Sequence[str | Path]) -> list[str]:
    return [source.file for source in sources([str(one) for one in inputs])]


def test_a_folder_stands_for_its_sound_files_at_any_depth(tmp_path: Path) -> None:
    for name in ("b.wav", "deep/a.FLAC", "deep/er/c.mp3", "notes.txt", "d.ogg", "deep/._a.FLAC"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [str(tmp_path / name) for name in ("b.wav", "d.ogg", "deep/a.FLAC", "deep/er/c.mp3")]
    assert names([tmp_path]) == found
    assert names([tmp_path / "*.wav", tmp_path / "**/*.mp3"]) == [found[0], found[3]]
    assert names([tmp_path / "**"]) == found


def test_a_file_is_itself_even_if_it_is_not_there_or_looks_like_a_glob(tmp_path: Path) -> None:
    odd = tmp_path / "take [1].wav"
    odd.touch()
    assert names(["-", tmp_path / "none.wav", odd]) == ["-", str(tmp_path / "none.wav"), str(odd)]


def test_a_table_names_files_and_parts_of_them_as_seen_from_its_folder(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("file,who,start,end\na.wav,x,0.5,2\n/b/c.wav,y,,\n", encoding="utf-8-sig")
    assert list(sources([str(table)])) == [Source(str(tmp_path / "a.wav"), 0.5, 2.0), Source("/b/c.wav")]
    (tmp_path / "t.tsv").write_text("start\tfile\n1\ta.wav\n", encoding="utf-8")
    assert list(sources([str(tmp_path / "t.tsv")])) == [Source(str(tmp_path / "a.wav"), 1.0)]


@pytest.mark.parametrize("column", ["path", "file", "file_name", "filename", "audio", "Path", " file"])
def test_a_corpuss_own_table_names_its_recordings_here_too(column: str, tmp_path: Path) -> None:
    written_so = f"{column},label,speaker\na.wav,anger,ann\nb\\c.wav,anger,bo\n"
    (tmp_path / "metadata.csv").write_text(written_so, encoding="utf-8")
    as_a_corpus = READER.survey(tmp_path).utterances
    assert names([tmp_path / "metadata.csv"]) == [str(one.audio) for one in as_a_corpus]
    pq.write_table(pa.table({column: ["a.wav", "b\\c.wav"], "label": ["anger"] * 2}), tmp_path / "t.parquet")
    assert names([tmp_path / "t.parquet"]) == [str(one.audio) for one in as_a_corpus]
    (tmp_path / "t.csv").write_text("path,file\na.wav,d.wav\n", encoding="utf-8")
    assert names([tmp_path / "t.csv"]) == [str(tmp_path / "d.wav")]  # as `predict` itself writes it


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (b"", "no column is called path or file or file_name or filename or audio; it has no columns"),
        (b"place,start\na.wav,1\n", "no column is called path .*; there are place, start; name one of them file"),
        (b"path,audio\na.wav,b.wav\n", "several columns are called path .*; there are path, audio; name one of them"),
        (b"file,start\na.wav,soon\n", "line 2, start: 'soon' is no time in seconds"),
        (b"file,end\na.wav,-1\n", "line 2, end: '-1' is no time in seconds"),
        (b"file,end\n\na.wav,inf\n", "line 3, end: 'inf' is no time in seconds"),
        (b"file\n\xff\xfe\n", "is no table that can be read"),
        (b'file\n"a.wav\n', "is no table that can be read"),
    ],
)
def test_a_table_that_is_none_is_refused(content: bytes, trouble: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=trouble):
        names([tmp_path / "t.csv"])


def test_nothing_to_hear_is_refused(tmp_path: Path) -> None:
    for given in (tmp_path, tmp_path / "*.wav"):
        with pytest.raises(ConfigError, match=r"no sound file there; emovae reads \.flac"):
            names([given])


# What is said


def test_many_recordings_keep_their_order_whatever_the_threads(
    model: TrainedModel, small_corpus: Corpus, tmp_path: Path
) -> None:
    files = [
        written(tmp_path / f"{place:03}.wav", small_corpus.waveform(utterance))
        for place, utterance in enumerate(small_corpus.utterances[:30] * 3)
    ]
    one, two = rows_of(model, files), rows_of(model, files, threads=2)
    assert [row.piece.file for row in one] == [str(file) for file in files]
    assert one == two
    for place, row in enumerate(one[:5]):
        assert_says(row, rows_of(model, [files[place]])[0])
        expected = alone(model, files[place])
        assert row.prediction is not None
        assert row.prediction.probabilities == pytest.approx(expected.probabilities, abs=2e-6)


def test_a_bad_file_is_a_row_and_not_an_end(model: TrainedModel, speech: Waveform, tmp_path: Path) -> None:
    good = written(tmp_path / "good.wav", speech)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("hello", encoding="utf-8")
    cut = tmp_path / "cut.wav"
    cut.write_bytes(good.read_bytes()[:5000])
    wanted: list[Path | Source] = [
        *(tmp_path / f"{name}.wav" for name in ("none", "empty", "text")),
        cut,
        tmp_path,
        good,
    ]
    wanted += [Source("a\0b.wav"), Source("x" * 5000), Source(str(good), 1e308)]
    rows = rows_of(model, wanted)
    for row, why in zip(
        rows,
        ("is not there", "is empty: 0 bytes", "cannot be decoded", "is cut", "is a folder"),
        strict=False,
    ):
        assert why in row.piece.error
        assert "on_bad_audio" not in row.piece.error
        assert (row.prediction, row.label) == (None, None)
    assert rows[5].label is not None
    assert all(row.piece.error and row.label is None for row in rows[6:])


def test_silence_is_a_flag(model: TrainedModel, tmp_path: Path) -> None:
    silent = written(tmp_path / "silent.wav", np.zeros((16000, 2), np.float32))
    for channel in ("mix", "left", "each"):
        for row in rows_of(model, [silent], channel=channel):
            assert (row.flags, row.piece.error, row.label) == (("silent",), "", None)


def test_a_quiet_recording_is_heard_whole_and_silent_in_a_timeline(model: TrainedModel, tmp_path: Path) -> None:
    quiet = written(tmp_path / "a.wav", 5e-4 * np.sin(np.arange(32_000)).astype(np.float32))
    assert rows_of(model, [quiet])[0].label == alone(model, quiet).label
    assert {row.flags for row in rows_of(model, [quiet], window_s=1.0)} == {("silent",)}


def test_windows_that_stand_apart_end_with_the_recording(model: TrainedModel, speech: Waveform, tmp_path: Path) -> None:
    rows = rows_of(model, [written(tmp_path / "a.wav", speech)], window_s=1.0, hop_s=5.0)
    assert [(row.piece.start, row.piece.end) for row in rows] == [(0.0, 1.0), (5.0, 6.0)]


def test_a_part_is_what_its_samples_alone_would_be(model: TrainedModel, speech: Waveform, tmp_path: Path) -> None:
    whole = written(tmp_path / "a.wav", speech)
    part = written(tmp_path / "b.wav", speech[20_000:52_000])
    row = rows_of(model, [Source(str(whole), 1.25, 3.25)])[0]
    assert (row.piece.start, row.piece.end) == (1.25, 3.25)
    assert_says(row, rows_of(model, [part])[0])
    parts = [Source(str(whole), 0.5 * number, 0.5 * number + 1) for number in range(8)]
    together = rows_of(model, [*parts, Source(str(part)), parts[0]])
    assert [(one.piece.file, one.piece.start) for one in together[-2:]] == [(str(part), 0), (str(whole), 0)]
    for one, alone in zip(together, parts, strict=False):
        assert_says(one, rows_of(model, [alone])[0])
    late = rows_of(model, [Source(str(whole), 100, 101)])[0]
    assert "and nothing from 100 to 101 s; mend the table" in late.piece.error


def test_a_window_is_what_its_samples_alone_would_be(model: TrainedModel, speech: Waveform, tmp_path: Path) -> None:
    whole = written(tmp_path / "a.wav", speech)
    rows = rows_of(model, [whole], window_s=2.0, hop_s=0.75)
    # The last 77 ms, less than a segment, are in no window.
    assert [row.piece.start for row in rows] == [0.75 * number for number in range(9)]
    assert [row.piece.end for row in rows] == [2 + 0.75 * number for number in range(9)]
    for row in rows:
        assert row.piece.start is not None
        assert row.piece.end is not None
        first, last = round(row.piece.start * SAMPLE_RATE_HZ), round(row.piece.end * SAMPLE_RATE_HZ)
        assert_says(row, rows_of(model, [written(tmp_path / "part.wav", speech[first:last])])[0])


def test_windows_of_a_part_are_told_in_the_files_time(model: TrainedModel, speech: Waveform, tmp_path: Path) -> None:
    whole = written(tmp_path / "a.wav", speech)
    rows = rows_of(model, [Source(str(whole), 1.0, 4.0)], window_s=2.0, hop_s=0.5)
    assert [(row.piece.start, row.piece.end) for row in rows] == [(1.0, 3.0), (1.5, 3.5), (2.0, 4.0)]


@pytest.mark.parametrize("samples", [1, 3, 399, 400, 1839])
def test_what_is_short_is_filled_up_and_says_so(
    model: TrainedModel, speech: Waveform, samples: int, tmp_path: Path
) -> None:
    tone = np.full(samples, 0.3, np.float32)
    for window_s in (None, 2.0):
        row = rows_of(model, [written(tmp_path / "a.wav", tone)], window_s=window_s)[0]
        assert "short" in row.flags
        assert row.label is not None
    last = rows_of(model, [written(tmp_path / "b.wav", speech[: 32_000 + samples])], window_s=1.0, hop_s=1.0)[-1]
    assert (last.piece.start, last.flags) == (1.0, ())  # so much alone is no window


@pytest.mark.parametrize(
    ("samples", "window_s", "hop_s", "expected"),
    [
        (48_058, 0.5, 0.5, [(2.0, 2.5), (2.5, 3.0)]),  # 3.6 ms are new
        (48_000 + 1839, 0.5, 0.5, [(2.0, 2.5), (2.5, 3.0)]),
        (48_000 + 1840, 0.5, 0.5, [(2.5, 3.0), (3.0, 3.115)]),
        (48_000 + 1840, 2.0, 0.5, [(1.0, 3.0), (1.5, 3.115)]),
        (48_058, 2.0, 0.5, [(0.5, 2.5), (1.0, 3.0)]),
        (48_058, 1.0, 1.5, [(0.0, 1.0), (1.5, 2.5)]),
        (1600, 0.05, 0.05, [(0.0, 0.05), (0.05, 0.1)]),  # whole windows stay, however short
        (800, 2.0, 0.5, [(0.0, 0.05)]),  # and so does the only one
    ],
)
def test_a_last_window_with_less_than_a_segment_that_is_new_is_left_out(
    samples: int, window_s: float, hop_s: float, expected: list[tuple[float, float]], speech: Waveform
) -> None:
    found = pieces_of(Sound(speech[:samples, None], SAMPLE_RATE_HZ), Source("a.wav"), Cut(window_s, hop_s))
    assert [(piece.start, piece.end) for piece in found][-2:] == expected


def test_two_people_of_a_call_are_heard_one_by_one(model: TrainedModel, speech: Waveform, tmp_path: Path) -> None:
    half = 4 * SAMPLE_RATE_HZ
    left, right = speech[: 2 * half].copy(), speech[: 2 * half].copy()
    left[half:], right[:half] = 0, 0
    call = written(tmp_path / "call.wav", np.stack([left, right], axis=1))
    rows = rows_of(model, [call], channel="each", window_s=4.0, hop_s=4.0)
    assert [(row.piece.channel, row.piece.start, "silent" in row.flags) for row in rows] == [
        ("left", 0, False),
        ("left", 4, True),
        ("right", 0, True),
        ("right", 4, False),
    ]
    assert_says(rows[0], rows_of(model, [written(tmp_path / "l.wav", left[:half])])[0])
    for channel, spoken, expected in (("left", 0, rows[:2]), ("right", 1, rows[2:])):
        one = rows_of(model, [call], channel=channel, window_s=4.0, hop_s=4.0)
        assert [(row.piece, row.flags) for row in one] == [(row.piece, row.flags) for row in expected]
        assert_says(one[spoken], expected[spoken])
    both = rows_of(model, [call])[0]
    mean = written(tmp_path / "m.wav", soundfile.read(call, dtype="float32")[0].mean(1))
    assert both.piece.channel == "mix"
    assert both.prediction is not None
    assert both.prediction.probabilities == pytest.approx(alone(model, mean).probabilities, abs=1e-3)


def test_a_channel_that_is_not_there_is_an_error(model: TrainedModel, speech: Waveform, tmp_path: Path) -> None:
    mono = written(tmp_path / "a.wav", speech)
    assert "has one channel, and none on the right" in rows_of(model, [mono], channel="right")[0].piece.error
    assert [row.piece.channel for row in rows_of(model, [mono], channel="each")] == ["mix"]
    assert rows_of(model, [mono], channel="each") == rows_of(model, [mono])


def test_many_channels_and_high_rates_are_heard(model: TrainedModel, tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((38_400, 8)).astype(np.float32)
    wide = written(tmp_path / "a.wav", noise, 384_000)
    assert rows_of(model, [wide])[0].piece.error == ""
    assert [row.piece.channel for row in rows_of(model, [wide], channel="each")] == ["left", "right", *"345678"]


def test_hours_at_once_are_refused(model: TrainedModel, tmp_path: Path) -> None:
    long = tmp_path / "a.flac"
    with soundfile.SoundFile(long, "w", 16_000, 1, "PCM_16") as stream:
        for _ in range(145):
            stream.write(np.zeros(16_000 * 60, np.int16))
    assert "has 2.4 h in 1 channels at 16000 Hz; at once 2 h" in rows_of(model, [long])[0].piece.error


def test_below_the_confidence_wanted_there_is_no_label(model: TrainedModel, speech: Waveform, tmp_path: Path) -> None:
    file = written(tmp_path / "a.wav", speech)
    sure = rows_of(model, [file])[0]
    assert sure.prediction is not None
    doubtful = rows_of(model, [file], least_confidence=sure.prediction.confidence + 1e-3)[0]
    assert (doubtful.label, doubtful.prediction) == (None, sure.prediction)
    assert doubtful.flags == (*sure.flags, "doubtful")
    assert rows_of(model, [file], least_confidence=sure.prediction.confidence - 1e-3)[0] == sure


def test_without_the_temperature_probabilities_are_those_of_a_run(
    model: TrainedModel, speech: Waveform, tmp_path: Path
) -> None:
    file = written(tmp_path / "a.wav", speech)
    plain, usual = (rows_of(model, [file], tempered=tempered)[0] for tempered in (False, True))
    heard = model.frames([soundfile.read(file, dtype="float32")[0]])
    answers = model.judge(heard)
    assert plain.prediction is not None
    assert usual.prediction is not None
    assert list(plain.prediction.probabilities.values()) == pytest.approx(answers.said[0], abs=1e-6)
    assert list(usual.prediction.probabilities.values()) == pytest.approx(answers.probabilities[0], abs=1e-6)
    assert plain.label == usual.label


def test_speech_unlike_the_training_speech_is_marked(model: TrainedModel, small_corpus: Corpus, tmp_path: Path) -> None:
    generator, clean, noisy = np.random.default_rng(0), list[Path](), list[Path]()
    for place, utterance in enumerate(small_corpus.utterances[:20]):
        waveform = small_corpus.waveform(utterance)
        noise = waveform.std() * generator.standard_normal(len(waveform)).astype(np.float32)
        clean.append(written(tmp_path / f"{place}.wav", waveform))
        noisy.append(written(tmp_path / f"{place} noisy.wav", (waveform + noise).clip(-1, 1)))
    usual, strange = (["unlike" in row.flags for row in rows_of(model, some)] for some in (clean, noisy))
    assert sum(usual) <= 6
    assert sum(strange) >= 18
