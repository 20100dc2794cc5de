"""Databases are written by audformat itself, and must be read as audformat would read them, but for what runs code."""

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import audformat
import numpy as np
import pandas as pd
import pytest
import soundfile

from emovae import audio, corpora, doctor
from emovae.corpora import Corpus
from emovae.corpora.audformat import READER
from emovae.errors import AudioError, CorpusError
from emovae.experiment import run
from emovae.presets import resolve
from emovae.utterance import Part

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame")  # of audformat, by pandas

FILES = ("audio/a.wav", "audio/b.wav", "audio/c.wav")
SEGMENTS = audformat.segmented_index(
    [FILES[0], FILES[0], FILES[1], FILES[2]], ["0s", "1.5s", "0.25s", "0s"], ["1.5s", pd.NaT, "2s", pd.NaT]
)
FORMS = ("csv", "parquet")


class RunsCode:
    """A pickle of it makes a folder when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def add(db: audformat.Database, table: str, index: pd.Index, columns: Mapping[str, tuple[str, Any]]) -> None:
    """A table of columns, each with its scheme and values."""
    db[table] = audformat.Table(index)
    for name, (scheme, values) in columns.items():
        db[table][name] = audformat.Column(scheme_id=scheme)
        db[table][name].set(values)


def database() -> audformat.Database:
    """Segments with emotions and arousal, and files with speakers whose scheme tells their gender."""
    db = audformat.Database("voices", languages=["de"])
    db.schemes["emotion"] = audformat.Scheme(labels=["anger", "joy", "neutral"])
    db.schemes["speaker"] = audformat.Scheme(labels={3: {"gender": "male"}, 8: {"gender": "female", "age": 30}})
    db.schemes["arousal"] = audformat.Scheme("float", minimum=0, maximum=1)
    db.schemes["words"] = audformat.Scheme(labels={"a1": "Der Lappen liegt.", "a2": "Heute abend."})
    emotions = ("emotion", ["anger", "joy", None, "neutral"])
    add(db, "emotion", SEGMENTS, {"emotion": emotions, "arousal": ("arousal", [0.25, 1.0, None, 0.5])})
    columns = {"speaker": ("speaker", [3, 8, 3]), "transcription": ("words", ["a1", "a2", None])}
    add(db, "files", audformat.filewise_index(list(FILES)), columns)
    return db


def save(db: audformat.Database, root: Path, form: str = "csv", seconds: float = 3.0) -> Path:
    (root / "audio").mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for file in FILES:
        soundfile.write(root / file, 0.1 * rng.standard_normal(int(16_000 * seconds)), 16_000, "FLOAT")
    db.save(root, storage_format=form)
    return root


def opened(root: Path) -> Corpus:
    return corpora.open_corpus(str(root))


def refused(root: Path) -> str:
    with pytest.raises(CorpusError) as caught:
        opened(root)
    return str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_segments_have_what_their_file_and_its_speaker_have(tmp_path: Path, form: str) -> None:
    root = save(database(), tmp_path, form)
    assert corpora.guess(root) is READER
    corpus = opened(root)
    first, second, third, whole = corpus.utterances
    assert corpus.name == "voices"
    assert (first.id, first.part, first.audio) == ("audio/a.wav#0-1.5", Part(0.0, 1.5), root / "audio/a.wav")
    assert (first.emotion, first.speaker, first.gender, first.language) == ("anger", "3", "male", "deu")
    assert (second.emotion, second.part, second.transcript) == ("happiness", Part(1.5), "Der Lappen liegt.")
    assert (third.id, third.speaker, third.emotion, third.gender) == ("audio/b.wav#0.25-2", "8", None, "female")
    assert (whole.id, whole.part, whole.transcript) == ("audio/c.wav", None, None)


@pytest.mark.parametrize("form", FORMS)
def test_ratings_are_brought_from_the_scale_of_their_scheme_to_1_to_5(tmp_path: Path, form: str) -> None:
    corpus = opened(save(database(), tmp_path, form))
    assert [one.arousal for one in corpus.utterances] == [2.0, 5.0, None, 3.0]
    assert "arousal from 0 to 1 is brought to 1 to 5" in corpus.notices


def test_what_is_read_is_what_audformat_reads(tmp_path: Path) -> None:
    root = save(database(), tmp_path)
    table = audformat.Database.load(root)["emotion"].get()
    names = {"joy": "happiness"}
    expected = [None if pd.isna(one) else names.get(one, one) for one in table["emotion"]]
    utterances = opened(root).utterances
    assert [one.emotion for one in utterances] == expected
    starts = [0.0 if one.part is None else one.part.start_s for one in utterances]
    assert starts == table.index.get_level_values("start").total_seconds().tolist()


def test_a_segment_sounds_as_its_stretch_of_the_recording(tmp_path: Path) -> None:
    corpus = opened(save(database(), tmp_path))
    for utterance in corpus.utterances:
        assert utterance.audio is not None
        whole = soundfile.read(utterance.audio, dtype="float32")[0]
        start, end = utterance.part or Part(0.0)
        last = len(whole) if end is None else round(end * 16_000)
        np.testing.assert_array_equal(corpus.waveform(utterance), whole[round(start * 16_000) : last])
    assert len({corpus.digest(utterance) for utterance in corpus.utterances}) == 4


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_a_part_is_found_in_every_container(tmp_path: Path, ending: str) -> None:
    samples = 0.1 * np.random.default_rng(1).standard_normal((3 * 22_050, 2))
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, samples, 22_050)
    whole = audio.decode(path).samples
    part = audio.decode(path, Part(1.0, 2.0)).samples
    np.testing.assert_allclose(part, whole[22_050:44_100], atol=1e-4)


@pytest.mark.parametrize("part", [Part(3.0), Part(1.0, 3.2), Part(2.0, 2.0)])
def test_a_part_that_a_recording_does_not_have_is_an_error(tmp_path: Path, part: Part) -> None:
    path = save(database(), tmp_path) / FILES[0]
    with pytest.raises(AudioError, match=rf"48000 frames \(3\.00 s\), which does not hold the part {part} s; mend"):
        audio.read(path, part)
    assert len(audio.read(path, Part(2.0, 3.04))) == 16_000  # rounded


def test_a_table_of_files_may_have_all_itself(tmp_path: Path) -> None:
    db = database()
    db.drop_tables(["emotion", "files"])
    index = audformat.filewise_index(list(FILES))
    add(db, "all", index, {"emotion": ("emotion", ["anger", "joy", "joy"]), "speaker": ("speaker", [3, 8, 8])})
    corpus = opened(save(db, tmp_path))
    assert [(one.id, one.emotion, one.speaker, one.part) for one in corpus.utterances] == [
        ("audio/a.wav", "anger", "3", None),
        ("audio/b.wav", "happiness", "8", None),
        ("audio/c.wav", "happiness", "8", None),
    ]


def test_genders_may_stand_in_a_table_of_speakers(tmp_path: Path) -> None:
    db = database()
    index = pd.Index(["x", "y"], name="speaker", dtype="string")
    db["people"] = audformat.MiscTable(index)
    db.schemes["gender"] = audformat.Scheme(labels=["female", "male"])
    db["people"]["gender"] = audformat.Column(scheme_id="gender")
    db["people"]["gender"].set(["female", "male"])
    db.schemes["who"] = audformat.Scheme("str", labels="people")
    add(db, "files", audformat.filewise_index(list(FILES)), {"speaker": ("who", ["x", "y", "x"])})
    for form in FORMS:
        root = tmp_path / form
        root.mkdir()
        found = opened(save(db, root, form)).utterances
        assert [one.gender for one in found] == ["female", "female", "male", "female"]


# Which columns count


def split(root: Path) -> Path:
    """A database that has no table `emotion`, and two that could stand for it."""
    db = database()
    db.drop_tables("emotion")
    for name, file, label in (("train", FILES[0], "anger"), ("test", FILES[1], "joy")):
        add(db, f"gold.{name}", audformat.filewise_index([file]), {"category": ("emotion", [label])})
    return save(db, root)


def test_several_tables_with_labels_are_told_and_chosen_in_a_file(tmp_path: Path) -> None:
    root = split(tmp_path)
    said = refused(root)
    for word in ("labels in 2 tables (gold.test, gold.train)", "gold.train.category", "files.speaker", "mine.toml"):
        assert word in said
    choice = tmp_path / "both.toml"
    choice.write_text('database = "."\ntables = ["gold.train", "gold.test"]\n')
    assert [one.id for one in opened(choice).utterances] == ["audio/a.wav", "audio/b.wav"]
    choice.write_text('database = "."\n[columns]\nlabel = "gold.test.category"\nsentence = "transcription"\n')
    (only,) = opened(choice).utterances
    assert (only.id, only.emotion, only.sentence) == ("audio/b.wav", "happiness", "a2")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("database = 3", "database: Input should be a valid string"),
        ('database = "."\ntable = "x"', "it may have database, tables, columns"),
        ('database = "."\n[columns]\nmood = "x"', "nothing is called mood under [columns]; there are label, speaker"),
        ('database = "."\n[columns]\nlabel = "mood"', "no column mood for label. Its columns are files.speaker"),
        ('database = "."\ntables = ["files"]', "no labels in a table files"),
        ('database = "nowhere"', "nowhere/db.yaml cannot be read: No such file"),
        ("=", "is no TOML"),
    ],
)
def test_a_choice_that_cannot_be_followed_is_an_error_that_says_why(tmp_path: Path, text: str, says: str) -> None:
    choice = split(tmp_path) / "mine.toml"
    choice.write_text(text)
    assert says in refused(choice)


def test_a_database_without_speakers_is_refused(tmp_path: Path) -> None:
    db = database()
    db.drop_tables("files")
    said = refused(save(db, tmp_path))
    assert "no column for speaker" in said
    assert "Without speakers no honest evaluation is possible" in said


def test_speakers_in_two_tables_have_to_be_chosen_from(tmp_path: Path) -> None:
    db = database()
    db.drop_tables("files")
    for name in ("one", "two"):
        add(db, name, audformat.filewise_index(list(FILES)), {"speaker": ("speaker", [3, 8, 3])})
    root = save(db, tmp_path)
    assert "several columns for speaker: one.speaker, two.speaker" in refused(root)
    choice = root / "mine.toml"
    choice.write_text('database = "."\n[columns]\nspeaker = "two.speaker"\n')
    assert [one.speaker for one in opened(choice).utterances] == ["3", "3", "8", "3"]


def test_a_run_of_segments_is_that_of_their_recordings(
    tmp_path: Path, small_corpus: Corpus, cache: Path, tiny: dict[str, Any]
) -> None:
    keys = {**tiny, "models": [], "baselines": ["functionals-SVM"], "seeds": 1}
    db, at, samples = audformat.Database("long"), [0], [np.zeros(0, np.float32)]
    for utterance in small_corpus.utterances:
        samples.append(small_corpus.waveform(utterance))
        at.append(at[-1] + len(samples[-1]))
    soundfile.write(tmp_path / "long.wav", np.concatenate(samples), 16_000, "FLOAT")
    times = pd.to_timedelta(np.array(at) / 16_000, unit="s")
    index = audformat.segmented_index(["long.wav"] * 40, times[:-1], times[1:])
    for name in ("emotion", "speaker"):
        db.schemes[name] = audformat.Scheme("str")
    told = {name: (name, [getattr(one, name) for one in small_corpus.utterances]) for name in ("emotion", "speaker")}
    add(db, "emotion", index, told)
    db.save(tmp_path)
    found, expected = (
        run(resolve(keys), corpus, tmp_path / corpus.name, cache).results["rows"][0]
        for corpus in (opened(tmp_path), small_corpus)
    )
    assert found["n"] == 40
    assert found["confusion"] == expected["confusion"]


# What is wrong


def test_a_missing_speaker_is_told_with_the_first_that_lacks_it(tmp_path: Path) -> None:
    db = database()
    db["files"]["speaker"].set([3, None, 3])
    assert "1 of 4 rows have no speaker, audio/b.wav#0.25-2 first (db.emotion.csv, line 4)" in refused(
        save(db, tmp_path)
    )


def test_a_missing_recording_is_told(tmp_path: Path) -> None:
    root = save(database(), tmp_path)
    (root / FILES[2]).unlink()
    assert f"1 of the 4 recordings in {root}/db.yaml are not there, {root}/audio/c.wav" in refused(root)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (",anger,", ",rage,", "1 of 4 labels are not in their scheme, 'rage' of audio/a.wav#0-1.5 first"),
        (",0.25", ",1.25", "db.emotion.csv, line 2: arousal is 1.25, not from 0 to 1 as its scheme says"),
        (",0.25", ",much", "arousal is 'much', no number"),
        ("00:00:00.250000", "soon", "db.emotion.csv, line 4: start is '0 days soon', no time; write it as audformat"),
        ("file,start,end,emotion,", "file,start,end,mood,", "lacks the column emotion that the header tells of"),
        ("audio/c.wav,", ",", "db.emotion.csv, line 5, names no file"),
    ],
)
def test_a_table_that_is_not_as_its_header_says_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    root = save(database(), tmp_path)
    edit(root / "db.emotion.csv", old, new)
    assert says in refused(root)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "is no header of an audformat database"),
        ("name: [", "cannot be read as plain YAML"),
        ("name: x\ntables: 3", "is no header of an audformat database: tables: Input should be a valid dictionary"),
        ("name: x", "labels in 0 tables (none)"),
    ],
)
def test_a_header_that_is_none_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "db.yaml").write_text(text, encoding="utf-8")
    assert says in refused(tmp_path)


def test_the_doctor_hears_each_segment(tmp_path: Path) -> None:
    db = database()
    db["files"]["speaker"].set([3, 8, 3])
    root = save(db, tmp_path, seconds=1.8)  # b.wav ends before its segment does
    told = doctor.examine(READER, root)
    assert (told.utterances, told.recordings) == (4, 3)
    kinds = [one.kind for one in told.findings]
    assert kinds[:2] == ["too few speakers", "classes of one speaker"]
    assert [place for one in told.findings[2:] for place in one.places] == [
        "audio/b.wav 0.25-2 s has 28800 frames (1.80 s), which does not hold the part 0.25-2 s"
    ]


# What could run code


def test_a_pickle_beside_a_table_is_never_opened(tmp_path: Path) -> None:
    root, mark = save(database(), tmp_path), tmp_path / "was run"
    expected = opened(root).utterances
    payload = pickle.dumps(RunsCode(mark))
    for name in ("emotion", "files"):
        (root / f"db.{name}.pkl").write_bytes(payload)
    assert opened(root).utterances == expected
    assert not mark.exists()
    with pytest.raises(Exception, match=r"."):
        audformat.Database.load(root, load_data=True)["emotion"].get()["mood"]
    assert mark.exists()  # the payload works, where it is opened


def test_a_table_that_is_only_a_pickle_is_refused(tmp_path: Path) -> None:
    root, mark = save(database(), tmp_path), tmp_path / "was run"
    (root / "db.files.csv").rename(root / "db.files.pkl")
    (root / "db.files.pkl").write_bytes(pickle.dumps(RunsCode(mark)))
    assert f"only {root}/db.files.pkl, a pickle, which could run code and is not read" in refused(root)
    assert not mark.exists()


def test_a_header_that_would_run_code_is_refused(tmp_path: Path) -> None:
    root, mark = save(database(), tmp_path), tmp_path / "was run"
    header = root / "db.yaml"
    header.write_text(f"{header.read_text()}\nmeta: !!python/object/apply:os.mkdir ['{mark}']\n", encoding="utf-8")
    assert "could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os.mkdir'" in refused(
        root
    )
    assert not mark.exists()
    audformat.Database.load(root)
    assert mark.exists()  # which is why audformat is not asked


def test_without_yaml_the_extra_is_named(tmp_path: Path) -> None:
    root = save(database(), tmp_path)
    code = (
        "import sys; sys.modules['yaml'] = None; from emovae.shells.cli import main;"
        f"sys.argv = ['emovae', 'check', {str(root)!r}]; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "emovae: an audformat database needs yaml, which is not installed: pip install 'emovae[audformat]'\n"
    )
