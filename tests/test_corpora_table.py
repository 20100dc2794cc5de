import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emovae import corpora
from emovae.corpora import rows, table
from emovae.errors import CorpusError
from emovae.utterance import Utterance

ROWS = "path,label,speaker\na.wav,Angry,007\nclips/b.wav,contempt,bo\n"


def write(root: Path, text: str | bytes, name: str = "metadata.csv") -> Path:
    """A table beside two recordings; they are empty, since readers never listen."""
    (root / "clips").mkdir(exist_ok=True)
    for recording in ("a.wav", "clips/b.wav"):
        (root / recording).touch()
    (root / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return root


def write_parquet(root: Path, columns: Mapping[str, Any]) -> Path:
    write(root, b"", "metadata.parquet")
    pq.write_table(pa.table(dict(columns)), root / "metadata.parquet")
    return root


def write_json_lines(root: Path, *lines: object) -> Path:
    return write(root, "\n".join(map(json.dumps, lines)) + "\n", "metadata.jsonl")


def read(root: Path) -> tuple[Utterance, ...]:
    assert corpora.guess(root) is table.READER
    return table.READER.read(root).utterances


def refused(root: Path) -> str:
    with pytest.raises(CorpusError) as caught:
        table.READER.read(root)
    return str(caught.value)


# What is read


def test_the_leanest_table_gives_path_label_and_speaker(tmp_path: Path) -> None:
    first, second = read(write(tmp_path, ROWS))
    assert first == Utterance(id="a.wav", audio=tmp_path / "a.wav", speaker="007", emotion="anger")
    assert second == Utterance(id="clips/b.wav", audio=tmp_path / "clips/b.wav", speaker="bo", emotion="contempt")


def test_every_column_that_a_table_may_have_is_taken(tmp_path: Path) -> None:
    header = "ID,File_Name,Emotion,Speaker_ID,Session,Subset,Language,Gender,Sentence,Text,Arousal,Valence,POWER,x"
    row = 'u1,a.wav,sad,anna,1,scripted,German,F,s3,"Well, well",3.5,-1,2e0,41'
    (utterance,) = read(write(tmp_path, f"{header}\n{row}\n"))
    assert utterance == Utterance(
        id="u1",
        audio=tmp_path / "a.wav",
        speaker="anna",
        emotion="sadness",
        session="1",
        subset="scripted",
        language="German",
        gender="female",
        sentence="s3",
        transcript="Well, well",
        arousal=3.5,
        valence=-1.0,
        dominance=2.0,
    )


def test_cells_that_may_be_empty_become_none(tmp_path: Path) -> None:
    (utterance,) = read(write(tmp_path, "path,label,speaker,arousal,gender,transcript\na.wav,sad,bo,,,\n"))
    assert (utterance.arousal, utterance.gender, utterance.transcript) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.csv", ROWS.encode("utf-8-sig")),
        ("metadata.csv", ROWS.replace(",", ";").encode()),
        ("metadata.csv", ROWS.replace("\n", "\r\n").encode() + b"\r\n"),
        ("metadata.csv", ROWS.replace(",", " , ").encode()),
        ("Labels.CSV", ROWS.encode()),
        ("labels.tsv", ROWS.replace(",", "\t").encode()),
    ],
    ids=["byte order mark", "semicolons", "windows lines", "blanks", "any name", "tabs"],
)
def test_a_text_table_is_read_however_it_was_saved(tmp_path: Path, name: str, content: bytes) -> None:
    first, second = read(write(tmp_path, content, name))
    assert (first.id, first.speaker, first.emotion) == ("a.wav", "007", "anger")
    assert second.emotion == "contempt"


def test_backslashes_of_windows_are_separators(tmp_path: Path) -> None:
    (utterance,) = read(write(tmp_path, "path,label,speaker\nclips\\b.wav,sad,bo\n"))
    assert utterance.id == "clips/b.wav"
    assert utterance.audio == tmp_path / "clips/b.wav"


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "audio").mkdir()
    recording = write(tmp_path / "audio", "", "none") / "a.wav"
    (tmp_path / "labels/x.csv").write_text(f"path,label,speaker\n{recording},sad,bo\n", encoding="utf-8")
    (utterance,) = read(tmp_path / "labels")
    assert utterance.audio == recording


def test_the_corpus_has_the_name_of_the_folder_also_when_the_file_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "call-centre"
    root.mkdir()
    write(root, ROWS)
    monkeypatch.chdir(root)
    given = (str(root), str(root / "metadata.csv"), ".", "metadata.csv")
    assert [corpora.open_corpus(where).name for where in given] == ["call-centre"] * 4


def test_json_lines_of_an_audio_folder_are_read(tmp_path: Path) -> None:
    rows = (
        {"file_name": "a.wav", "label": "happy", "speaker_id": 7, "valence": 4.5, "words": ["not", "read"]},
        {"file_name": "clips/b.wav", "label": "sad", "speaker_id": "08", "transcription": None},
    )
    first, second = read(write_json_lines(tmp_path, *rows))
    assert (first.speaker, first.emotion, first.valence) == ("7", "happiness", 4.5)
    assert (second.speaker, second.emotion, second.valence) == ("08", "sadness", None)


def test_a_separator_that_json_allows_inside_text_does_not_cut_the_line(tmp_path: Path) -> None:
    line = '{"path": "a.wav", "label": "sad", "speaker": "bo", "text": "one\u2028two"}\r\n\r\n'
    (utterance,) = read(write(tmp_path, line, "metadata.jsonl"))
    assert utterance.transcript == "one\u2028two"


def test_parquet_integers_become_text(tmp_path: Path) -> None:
    columns = {
        "path": ["a.wav", "clips/b.wav"],
        "label": ["sad", "fear"],
        "speaker": [7, 8],
        "arousal": [1.5, None],
    }
    first, second = read(write_parquet(tmp_path, columns))
    assert (first.speaker, first.arousal, second.speaker, second.arousal) == ("7", 1.5, "8", None)


def test_parquet_columns_that_are_not_needed_may_hold_anything(tmp_path: Path) -> None:
    columns = {"path": ["a.wav"], "label": ["sad"], "speaker": ["bo"], "sound": [{"bytes": b"RIFF"}]}
    assert len(read(write_parquet(tmp_path, columns))) == 1


def test_dimensions_stand_in_for_labels(tmp_path: Path) -> None:
    (utterance,) = read(write(tmp_path, "path,speaker,arousal\na.wav,bo,3\n"))
    assert (utterance.emotion, utterance.arousal) == (None, 3.0)


def test_metadata_comes_before_other_tables_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    write(tmp_path, "speaker,age\n007,41\n", "people.csv")
    write(tmp_path, b"\0\5\x16\7", "._metadata.csv")
    write(tmp_path, b"", ".DS_Store")
    assert len(read(tmp_path)) == 2


def test_a_gender_that_is_not_read_is_told(tmp_path: Path) -> None:
    text = "path,label,speaker,gender\na.wav,sad,bo,Male\nclips/b.wav,sad,al,unknown\n"
    corpus = table.READER.read(write(tmp_path, text))
    assert [utterance.gender for utterance in corpus.utterances] == ["male", None]
    assert corpus.notices == ("gender not read in 1 of 2 rows, 'unknown' first",)


def test_start_up_does_not_load_pyarrow() -> None:
    program = "import sys, emovae.corpora; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# What is refused


def test_several_tables_are_listed_and_one_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path, ROWS, "train.csv")
    write(tmp_path, ROWS, "test.csv")
    said = refused(tmp_path)
    assert "2 tables (test.csv, train.csv)" in said
    assert said.endswith("give the file itself")
    assert len(table.READER.read(tmp_path / "test.csv").utterances) == 2


def test_two_metadata_files_are_too_many(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    write_json_lines(tmp_path, {})
    assert "2 tables (metadata.csv, metadata.jsonl)" in refused(tmp_path)


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("where,label,speaker", "path (path, file, file_name, filename, audio)"),
        ("path,class,speaker", "label (label, emotion)"),
        ("path,label,who", "speaker (speaker, speaker_id)"),
    ],
)
def test_a_missing_column_is_told_with_those_there_and_those_accepted(
    tmp_path: Path, header: str, accepted: str
) -> None:
    said = refused(write(tmp_path, f"{header}\na.wav,sad,bo\n"))
    assert f"lacks a column for: {accepted}. It has the columns {header.replace(',', ', ')}." in said


def test_a_table_without_speakers_is_told_why_they_are_needed_and_what_to_do(tmp_path: Path) -> None:
    said = refused(write(tmp_path, "path,label\na.wav,sad\n"))
    assert "no honest evaluation is possible" in said
    assert "best grouping known, such as the source recording" in said
    assert "one name per recording would be a lie" in said


def test_two_columns_for_one_thing_are_refused(tmp_path: Path) -> None:
    said = refused(write(tmp_path, "path,Label,emotion,speaker\na.wav,1,sad,bo\n"))
    assert "several columns for label: Label, emotion; keep one" in said


@pytest.mark.parametrize(("name", "text"), [("m.csv", ""), ("m.csv", "path,label,speaker\n\n"), ("metadata.jsonl", "")])
def test_an_empty_table_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert f"{name} has no row; write one row per recording" in refused(write(tmp_path, text, name))


def test_an_empty_parquet_table_is_refused(tmp_path: Path) -> None:
    assert "has no row" in refused(write_parquet(tmp_path, {"path": [], "label": [], "speaker": []}))


def test_a_parquet_table_of_other_columns_is_told_what_is_accepted(tmp_path: Path) -> None:
    assert "It has the columns where, who." in refused(write_parquet(tmp_path, {"where": ["a.wav"], "who": [1]}))


def test_a_parquet_table_with_one_column_twice_is_refused(tmp_path: Path) -> None:
    write_parquet(tmp_path, {})
    columns = [pa.array(["a.wav"]), pa.array(["sad"]), pa.array(["fear"]), pa.array(["bo"])]
    names = ["path", "label", "label", "speaker"]
    pq.write_table(pa.Table.from_arrays(columns, names=names), tmp_path / "metadata.parquet")
    assert "several columns for label: label, label" in refused(tmp_path)


@pytest.mark.parametrize("column", ["path", "label", "speaker", "id"])
def test_rows_with_an_empty_cell_are_counted_and_the_first_is_named(tmp_path: Path, column: str) -> None:
    cells = {"path": "a.wav", "label": "sad", "speaker": "bo", "id": "1"}
    lines = [cells, cells | {column: " "}, cells | {column: ""}]
    text = "\n".join(",".join(line.values()) for line in ({name: name for name in cells}, *lines))
    said = refused(write(tmp_path, text))
    assert f"2 of 3 rows have an empty {column}, line 3 first" in said


def test_a_json_line_that_lacks_a_needed_key_is_named(tmp_path: Path) -> None:
    row = {"path": "a.wav", "label": "sad", "speaker": "bo"}
    assert "an empty speaker, line 2 first" in refused(write_json_lines(tmp_path, row, {"path": "b", "label": "sad"}))


def test_recordings_that_are_not_there_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    said = refused(write(tmp_path, ROWS + "c.wav,sad,bo\nclips,sad,bo\n"))
    assert f"2 of the 4 recordings in {tmp_path / 'metadata.csv'} are not there" in said
    assert f"{tmp_path / 'c.wav'} (line 4) first" in said
    assert f"paths count from {tmp_path}" in said


def test_a_path_that_no_file_system_would_take_is_not_there(tmp_path: Path) -> None:
    assert "1 of the 3 recordings" in refused(write(tmp_path, f"{ROWS}{'x' * 5000}.wav,sad,bo\n"))


def test_the_same_recording_twice_is_refused(tmp_path: Path) -> None:
    said = refused(write(tmp_path, ROWS + "./clips/../a.wav,sad,bo\n"))
    assert f"line 2 and line 4 both name {tmp_path / 'a.wav'}" in said


def test_the_same_id_twice_is_refused(tmp_path: Path) -> None:
    text = "id,path,label,speaker\n1,a.wav,sad,bo\n1,clips/b.wav,sad,bo\n"
    assert "names utterance 1 2 times" in refused(write(tmp_path, text))


@pytest.mark.parametrize("value", ["high", "3.5.", "nan", "inf", '"3,5"'])
def test_what_is_no_number_is_told_with_its_line(tmp_path: Path, value: str) -> None:
    said = refused(write(tmp_path, f"path,label,speaker,valence\na.wav,sad,bo,3\nclips/b.wav,sad,bo,{value}\n"))
    unquoted = value.strip('"')
    assert f"line 3: valence is {unquoted!r}, no number" in said


@pytest.mark.parametrize(("row", "cells"), [("a.wav,sad", 2), ("a.wav,sad,bo,so, she said", 5)])
def test_a_ragged_row_is_refused(tmp_path: Path, row: str, cells: int) -> None:
    assert f"line 4, has {cells} cells and the header 3" in refused(write(tmp_path, f"{ROWS}{row}\n"))


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest(tmp_path: Path) -> None:
    assert "mend the quotes" in refused(write(tmp_path, 'path,label,speaker\na.wav,"sad,bo\nclips/b.wav,sad,bo\n'))


def test_other_encodings_than_utf_8_are_refused_with_the_line(tmp_path: Path) -> None:
    assert "line 4, is not UTF-8; save the file as UTF-8" in refused(
        write(tmp_path, ROWS.encode() + b"c.wav,sad,J\xf6rg\n")
    )
    assert "is not UTF-8" in refused(write(tmp_path, ROWS.encode("utf-16")))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"path": ', "line 2, is no JSON"),
        ("[1, 2]", "line 2, is no JSON object"),
        ('{"path": ["a.wav"]}', "line 2: path is a list; write text or a number there"),
    ],
)
def test_a_broken_json_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    good = '{"path": "a.wav", "label": "sad", "speaker": "bo"}'
    assert said in refused(write(tmp_path, f"{good}\n{line}\n", "metadata.jsonl"))


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing", ROWS.encode()])
def test_a_broken_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "cannot be read as Parquet" in refused(write(tmp_path, content, "metadata.parquet"))


def test_parquet_with_the_sound_inside_is_refused(tmp_path: Path) -> None:
    columns = {"audio": [{"bytes": b"RIFF", "path": "a.wav"}], "label": ["sad"], "speaker": ["bo"]}
    assert "column audio holds struct<" in refused(write_parquet(tmp_path, columns))


def test_parquet_with_bytes_for_text_is_refused(tmp_path: Path) -> None:
    columns = {"path": [b"a.wav"], "label": ["sad"], "speaker": ["bo"]}
    assert "row 1: path is a bytes" in refused(write_parquet(tmp_path, columns))


@pytest.mark.parametrize("label", [*sorted(table.RESERVED), "Speaker"])
def test_a_class_with_the_name_of_a_prediction_column_is_refused(tmp_path: Path, label: str) -> None:
    said = refused(write(tmp_path, f"path,label,speaker\na.wav,{label},bo\n"))
    assert f"predictions have a column {label}" in said
    assert said.endswith("rename that class")


def test_a_table_that_is_gone_says_so(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").symlink_to(tmp_path / "gone.csv")
    assert table.READER.fits(tmp_path) is False
    assert "holds 0 tables" in refused(tmp_path)


# Ids and spelling


def test_ids_are_places_below_the_table_however_the_paths_are_written(tmp_path: Path) -> None:
    rows = f"path,label,speaker\n./a.wav,x,ann\n{tmp_path / 'clips' / 'b.wav'},y,bo\n"
    assert [utterance.id for utterance in read(write(tmp_path, rows))] == ["a.wav", "clips/b.wav"]


def test_ids_of_recordings_elsewhere_are_places_below_what_they_have_in_common(tmp_path: Path) -> None:
    ids = []
    for home in ("here", "elsewhere"):
        audio, lists = tmp_path / home / "audio", tmp_path / home / "lists"
        audio.mkdir(parents=True)
        lists.mkdir()
        write(audio, "")
        rows = f"path,label,speaker\n{audio / 'a.wav'},x,ann\n{audio / 'clips' / 'b.wav'},y,bo\n"
        (lists / "mine.csv").write_text(rows)
        ids.append([utterance.id for utterance in read(lists)])
    assert ids[0] == ids[1] == ["a.wav", "clips/b.wav"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a.wav,calm,ann\nclips/b.wav,Calm,bo\n", "labels are spelled in several ways, 'Calm' and 'calm'"),
        ("a.wav,x,Anna\nclips/b.wav,y,anna\n", "speakers are spelled in several ways, 'Anna' and 'anna'"),
        ("a.wav,x,Zoe\u0308\nclips/b.wav,y,Zo\u00eb\n", "speakers are spelled in several ways"),
    ],
)
def test_two_spellings_of_one_name_are_refused_since_they_would_be_two(tmp_path: Path, rows: str, said: str) -> None:
    assert said in refused(write(tmp_path, "path,label,speaker\n" + rows))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", "[" * 200_000, "line 1, is no JSON"),
        ("a.jsonl", '{"path": "a.wav", "emotion": "anger\\ud800"}', "emotion is 'anger\\ud800', which has half a"),
        ("a.csv", "path," + "x" * 200_000 + "\na.wav,b\n", "line 1: field larger than field limit"),
    ],
)
def test_rows_that_break_their_reader_are_told(tmp_path: Path, name: str, content: str, says: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(CorpusError) as caught:
        rows.read(tmp_path / name, lambda _column: True)
    assert says in str(caught.value)


def test_parquet_whose_text_is_no_utf8_or_whose_dates_are_none_is_told(tmp_path: Path) -> None:
    binary = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    far = pa.array([2**31 - 1], pa.int32()).view(pa.date32())
    for column in (binary, far):
        pq.write_table(pa.table({"emotion": column}), tmp_path / "a.parquet")
        with pytest.raises(CorpusError, match=r"a\.parquet cannot be read as Parquet"):
            rows.read(tmp_path / "a.parquet", lambda _column: True)
