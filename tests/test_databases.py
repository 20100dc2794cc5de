"""What is written as a database must be what audformat reads, and what emovae's own reader does."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import audformat
import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner

from emovae.assembly import save
from emovae.audio import SAMPLE_RATE_HZ
from emovae.corpora import Corpus, open_corpus
from emovae.embed import embedded, names_of
from emovae.errors import ConfigError, EmovaeError
from emovae.pieces import Cut
from emovae.predict import How, predicted
from emovae.shells.cli import cli
from emovae.sources import Source, sources
from emovae.trained import TrainedModel

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame")  # of audformat, by pandas

FILES = ("wav/0.wav", "wav/1.wav", "wav/2.wav")


def emovae(*words: object, code: int = 0) -> str:
    """What is told on standard error."""
    done = CliRunner().invoke(cli, list(map(str, words)))
    if isinstance(done.exception, EmovaeError):
        assert code == 2
        return str(done.exception)
    assert done.exit_code == code, done.stderr
    return done.stderr


@pytest.fixture
def place(model: TrainedModel, small_corpus: Corpus, tmp_path: Path) -> Path:
    """A model `m`, and a database `db.yaml` of the emotions and speakers of three recordings."""
    save(model, tmp_path / "m", "")
    (tmp_path / "wav").mkdir()
    shown = small_corpus.utterances[:3]
    for file, utterance in zip(FILES, shown, strict=True):
        soundfile.write(tmp_path / file, small_corpus.waveform(utterance), SAMPLE_RATE_HZ, "FLOAT")
    db = audformat.Database("voices")
    db["files"] = audformat.Table(audformat.filewise_index(list(FILES)))
    for name, values in (("emotion", [one.emotion for one in shown]), ("speaker", [one.speaker for one in shown])):
        db.schemes[name] = audformat.Scheme("str")
        db["files"][name] = audformat.Column(scheme_id=name)
        db["files"][name].set(values)
    db.save(tmp_path)
    return tmp_path


def loaded(root: Path, name: str, table: str) -> pd.DataFrame:
    found: pd.DataFrame = audformat.Database.load(root, name=name)[table].get()
    return found


def test_predictions_are_a_database_that_audformat_reads(place: Path, model: TrainedModel) -> None:
    emovae("predict", place / "m", place / "wav", "--out", place / "said.yaml")
    table = loaded(place, "said", "predictions")
    rows = list(predicted(model, [Source(str(place / file)) for file in FILES], How()))
    assert audformat.index_type(table) == "segmented"
    assert table.index.equals(audformat.utils.to_segmented_index(audformat.filewise_index(list(FILES))))
    assert table["label"].tolist() == [row.label for row in rows]
    assert table["label"].cat.categories.tolist() == list(model.classes)
    for name in model.classes:
        expected = [round(row.prediction.probabilities[name], 6) for row in rows if row.prediction is not None]
        assert table[f"p_{name}"].tolist() == expected
    assert audformat.Database.load(place, name="said").is_portable


def test_predictions_can_be_joined_with_the_labels(place: Path) -> None:
    emovae("predict", place / "m", place / "wav", "--out", place / "said.yaml")
    labels, said = loaded(place, "db", "files"), loaded(place, "said", "predictions")
    joined = audformat.utils.concat([labels, said[["label", "confidence"]]])
    assert len(joined) == 3
    assert not joined.isna().any(axis=None)


def test_windows_have_their_own_times(place: Path, model: TrainedModel) -> None:
    emovae("predict", place / "m", place / "wav/0.wav", "--window", "0.5s", "--hop", "250ms", "--out", place / "t.yaml")
    table = loaded(place, "t", "predictions")
    rows = list(predicted(model, [Source(str(place / FILES[0]))], How(Cut(0.5, 0.25))))
    for level in ("start", "end"):
        times = table.index.get_level_values(level).total_seconds().tolist()
        assert times == pytest.approx([getattr(row.piece, level) for row in rows])


def segments(root: Path, form: str) -> pd.Index:
    """A database `parts` of two segments, whose times are not of whole samples."""
    index = audformat.segmented_index([FILES[1], FILES[1]], ["0.100010001s", "0.7s"], ["0.70003s", pd.NaT])
    db = audformat.Database("parts")
    db["emotion"] = audformat.Table(index)
    db["emotion"]["emotion"] = audformat.Column()
    db["emotion"]["emotion"].set(["anger", "joy"])
    db.save(root, name="parts", storage_format=form)
    return index


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_segments_of_a_database_are_asked_about_and_keep_their_times(place: Path, form: str) -> None:
    index = segments(place, form)
    emovae("predict", place / "m", place / f"parts.emotion.{form}", "--out", place / "said.yaml")
    assert loaded(place, "said", "predictions").index.equals(index)
    emovae("embed", place / "m", place / f"parts.emotion.{form}", "--level", "utterance", "--out", place / "felt.yaml")
    assert loaded(place, "felt", "latents").index.equals(index)


@pytest.mark.parametrize("level", ["segment", "utterance"])
def test_features_are_a_database_that_audformat_reads(place: Path, model: TrainedModel, level: Any) -> None:
    (place / "wav/broken.wav").write_bytes(b"no sound")
    said = emovae("embed", place / "m", place / "wav", "--level", level, "--out", place / "felt.yaml", code=1)
    assert "broken.wav cannot be decoded" in said
    table = loaded(place, "felt", "latents")
    found = list(embedded(model, [Source(str(place / file)) for file in FILES], Cut(), level))
    assert list(table.columns) == names_of(model, level)
    np.testing.assert_array_equal(table.to_numpy(), np.concatenate([one.values for one in found]))
    assert set(table.index.get_level_values("file")) == set(FILES)
    if level == "segment":
        starts = table.index.get_level_values("start").total_seconds()
        np.testing.assert_allclose(starts, np.concatenate([one.starts for one in found]), atol=1e-9)
    else:
        assert table.index.get_level_values("end").isna().all()


def test_what_was_predicted_is_read_again_as_a_corpus_once_speakers_are_told(place: Path) -> None:
    emovae("predict", place / "m", place / "wav", "--out", place / "said.yaml")
    with pytest.raises(EmovaeError, match=r"said\.yaml has no column for speaker"):
        open_corpus(str(place / "said.yaml"))
    db = audformat.Database.load(place, name="said", load_data=True)
    db.schemes["speaker"] = audformat.Scheme("str")
    db["files"] = audformat.Table(audformat.filewise_index(list(FILES)))
    db["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    db["files"]["speaker"].set(loaded(place, "db", "files")["speaker"])
    db.save(place, name="said")
    again, first = open_corpus(str(place / "said.yaml")), open_corpus(str(place))
    assert [one.emotion for one in again.utterances] == loaded(place, "said", "predictions")["label"].tolist()
    assert [(one.id, one.speaker, one.audio) for one in again.utterances] == [
        (one.id, one.speaker, one.audio) for one in first.utterances
    ]


def test_recordings_that_cannot_be_used_have_no_row(place: Path) -> None:
    (place / "wav/broken.wav").write_bytes(b"no sound")
    said = emovae("predict", place / "m", place / "wav", "--out", place / "said.yaml", code=1)
    assert "broken.wav cannot be decoded" in said
    assert len(loaded(place, "said", "predictions")) == 3
    only = emovae("predict", place / "m", place / "wav/broken.wav", "--out", place / "none.yaml", code=1)
    assert "broken.wav" in only
    assert loaded(place, "none", "predictions").empty


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["wav", "--out", "db.yaml"], "db.yaml is there already"),
        (["wav", "--out", "taken.yaml"], "taken.predictions.pkl is there already"),
        (["wav", "--out", "out/said.yaml"], "lies outside of"),
        (["wav", "--out", "said.yaml", "--channel", "each"], "not one for each channel"),
        (["wav/0.wav", "wav/0.wav", "--out", "said.yaml"], "several rows are about the same part of wav/0.wav"),
        (["wav", "--out", "said.csv", "--format", "audformat"], "said.csv is no header of a database"),
        (["wav", "--format", "audformat"], "give --out FILE.yaml"),
        (["-", "--out", "said.yaml"], "- lies outside of"),
        (["wav\\x.wav", "--out", "said.yaml"], "cannot be named in a database"),
    ],
)
def test_a_database_that_cannot_be_is_refused_and_nothing_written(
    place: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(place)
    Path("taken.predictions.pkl").touch()
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert says in emovae("predict", "m", *words, code=2)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_segments_of_windows_that_overlap_have_no_index(place: Path) -> None:
    words = ("embed", place / "m", place / "wav/0.wav", "--window", "0.5s", "--hop", "200ms")
    assert "several rows are about the same part" in emovae(*words, "--out", place / "felt.yaml", code=2)
    assert not list(place.glob("felt*"))
    emovae(*words, "--level", "utterance", "--out", place / "felt.yaml")
    assert loaded(place, "felt", "latents").index.is_unique


# Without what an environment that only answers may do without


def without(package: str, *words: object) -> str:
    """What a command says where a package is not installed."""
    code = (
        f"import sys; sys.modules[{package!r}] = None; from emovae.shells.cli import main;"
        f"sys.argv = ['emovae', *{list(map(str, words))!r}]; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    return done.stderr


@pytest.mark.parametrize("command", ["predict", "embed"])
def test_parquet_without_pyarrow_is_told_with_the_way_out(place: Path, command: str) -> None:
    said = without("pyarrow", command, place / "m", place / "wav", "--out", place / "said.parquet")
    assert said.startswith("emovae: Parquet needs pyarrow, which is not installed: pip install pyarrow")
    assert said.count("\n") == 1


def test_a_database_without_yaml_is_told_with_the_way_out(place: Path) -> None:
    said = without("yaml", "predict", place / "m", place / "wav", "--out", place / "said.yaml")
    assert said.endswith("needs yaml, which is not installed: pip install 'emovae[audformat]'\n")


# Tables in Parquet as inputs


def test_a_table_in_parquet_says_which_parts_are_meant(tmp_path: Path) -> None:
    pd.DataFrame({"file": ["a.wav", "b.wav"], "start": [0.5, None], "x": [1, 2]}).to_parquet(tmp_path / "t.parquet")
    a, b = (str(tmp_path / name) for name in ("a.wav", "b.wav"))
    assert list(sources([str(tmp_path / "t.parquet")])) == [Source(a, 0.5), Source(b)]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"place": ["a.wav"]}, "no column is called path or file or .*; there are place"),
        ({"file": ["a.wav"], "start": [-1.0]}, "row 1, start: '-1.0' is no time in seconds"),
        ({"file": ["a.wav"], "end": ["soon"]}, "row 1, end: 'soon' is no time in seconds"),
    ],
)
def test_a_table_in_parquet_that_says_nothing_is_refused(tmp_path: Path, columns: dict[str, Any], says: str) -> None:
    pd.DataFrame(columns).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ConfigError, match=says):
        list(sources([str(tmp_path / "t.parquet")]))


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"no table")
    with pytest.raises(ConfigError, match=r"t\.parquet is no table that can be read"):
        list(sources([str(tmp_path / "t.parquet")]))
