"""What is written is read back, whatever stands in it; what has changed on the way is refused, wherever it changed."""

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import tomli_w
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emovae import cache, presets, weights
from emovae.assembly import load, save
from emovae.card import model_card
from emovae.config import Experiment
from emovae.corpora import open_corpus
from emovae.corpora.rows import Rows, read
from emovae.errors import ConfigError, DamagedError, OutputError
from emovae.export import content_of
from emovae.folds_file import read_folds
from emovae.hearing import heard
from emovae.model_folder import CONFIG, FACTS, WEIGHTS
from emovae.pieces import Cut, pieces
from emovae.portable import load_portable
from emovae.sealed import read_sealed, write_sealed
from emovae.sources import Source, sources
from emovae.trained import TrainedModel
from emovae.unpacking import unpack
from emovae.utterance import Utterance

settings.register_profile("stable", derandomize=True, deadline=None, database=None, max_examples=40)
settings.load_profile("stable")

COLUMNS = ("path", "label", "speaker")
WHOLE_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
"""Any text but half characters, which no UTF-8 holds."""
CELL = WHOLE_TEXT.map(str.strip)
TABLE = st.lists(st.tuples(*[CELL] * len(COLUMNS)), min_size=1, max_size=5)
NAME = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples of all properties: each writes its file anew."""
    return tmp_path_factory.mktemp("place")


def cells_of(rows: Rows) -> list[tuple[str, ...]]:
    return [tuple(row.cells[column] for column in COLUMNS) for row in rows.rows]


# Tables


@given(table=TABLE, mark=st.sampled_from(",;\t"), ends=st.sampled_from(["\n", "\r\n"]), bom=st.booleans())
def test_any_cells_in_quotes_are_read_as_they_were_written(
    table: list[tuple[str, ...]], mark: str, ends: str, bom: bool, place: Path
) -> None:
    stream = io.StringIO()
    csv.writer(stream, delimiter=mark, quoting=csv.QUOTE_ALL, lineterminator=ends).writerows([COLUMNS, *table])
    file = place / ("a.tsv" if mark == "\t" else "a.csv")
    file.write_bytes(b"\xef\xbb\xbf" * bom + stream.getvalue().encode())
    assert cells_of(read(file, lambda _: True)) == table


@given(table=TABLE, ascii_only=st.booleans())
def test_any_cells_in_json_lines_are_read_as_they_were_written(
    table: list[tuple[str, ...]], ascii_only: bool, place: Path
) -> None:
    lines = (json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=ascii_only) for row in table)
    (place / "a.jsonl").write_bytes("\n".join(lines).encode())
    assert cells_of(read(place / "a.jsonl", lambda _: True)) == table


@given(table=TABLE)
def test_any_cells_in_parquet_are_read_as_they_were_written(table: list[tuple[str, ...]], place: Path) -> None:
    pq.write_table(pa.table(dict(zip(COLUMNS, zip(*table, strict=True), strict=True))), place / "a.parquet")
    assert cells_of(read(place / "a.parquet", lambda _: True)) == table


@given(numbers=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5))
def test_a_number_in_parquet_is_the_text_of_it(numbers: list[int], place: Path) -> None:
    pq.write_table(pa.table({"speaker": numbers}), place / "a.parquet")
    rows = read(place / "a.parquet", lambda _: True).rows
    assert [row.cells["speaker"] for row in rows] == [str(number) for number in numbers]


@given(names=st.lists(NAME, min_size=1, max_size=4, unique_by=str.casefold), speaker=CELL.filter(bool))
def test_any_file_names_and_speakers_make_a_corpus(names: list[str], speaker: str, place: Path) -> None:
    names = [f"{name.strip()}.wav" for name in names]
    assume(len({*names}) == len(names))
    with tempfile.TemporaryDirectory(dir=place) as folder:
        root = Path(folder)
        for name in names:
            (root / name).write_bytes(b"RIFF")
        with (root / "metadata.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, quoting=csv.QUOTE_ALL).writerows(
                [COLUMNS, *((name, "anger", speaker) for name in names)]
            )
        corpus = open_corpus(folder)
    assert [one.id for one in corpus.utterances] == names
    assert {one.speaker for one in corpus.utterances} == {speaker}


@given(parts=st.lists(st.tuples(NAME, st.floats(0, 1e5), st.floats(0, 1e5) | st.none()), min_size=1, max_size=4))
def test_a_list_of_parts_means_what_it_says(parts: list[tuple[str, float, float | None]], place: Path) -> None:
    with (place / "list.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("file", "start", "end"), *parts])
    assert list(sources([str(place / "list.csv")])) == [
        Source(str(place / name), start, end) for name, start, end in parts
    ]


# Folds


@given(
    ids=st.lists(NAME.map(str.strip).filter(bool), min_size=3, max_size=8, unique=True),
    folds=st.lists(
        st.lists(st.sampled_from(["train", "validation", "test", None]), min_size=8), min_size=1, max_size=3
    ),
)
def test_folds_are_the_same_in_every_form(ids: list[str], folds: list[list[str | None]], place: Path) -> None:
    utterances = [Utterance(id=name, audio=None, speaker="ann") for name in ids]
    rows = [
        {"id": name, "fold": str(number), "role": role}
        for number, roles in enumerate(folds, start=1)
        for name, role in zip(ids, roles, strict=False)
        if role is not None
    ]
    for number in range(1, len(folds) + 1):
        told = {row["role"] for row in rows if row["fold"] == str(number)}
        assume({"train", "test"} <= told)
    digests = {read_folds(file, utterances).digest for file in _in_all_forms(place, rows)}
    assert len(digests) == 1


def _in_all_forms(place: Path, rows: Sequence[Mapping[str, Any]]) -> list[Path]:
    """A division as CSV, JSON lines, Parquet, and a JSON of folds."""
    with (place / "f.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", "fold", "role"], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    (place / "f.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), place / "f.parquet")
    sides: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        sides.setdefault(row["fold"], {}).setdefault(row["role"], []).append(row["id"])
    (place / "f.json").write_text(json.dumps(sides), encoding="utf-8")
    return [place / f"f.{form}" for form in ("csv", "jsonl", "parquet", "json")]


# Experiments


@given(
    title=WHOLE_TEXT,
    subset=WHOLE_TEXT,
    rate=st.floats(1e-12, 1e3),
    seed=st.integers(0, 2**62 - 1),
    hidden=st.lists(st.integers(1, 65_536), max_size=4),
)
def test_an_experiment_that_is_written_is_the_one_that_is_read(
    title: str, subset: str, rate: float, seed: int, hidden: list[int], place: Path
) -> None:
    keys = {"name": "a", "title": title, "subsets": [subset], "seed": seed}
    keys |= {"autoencoder": {"learning_rate": rate, "hidden": hidden}}
    (place / "a.toml").write_text(tomli_w.dumps(keys), encoding="utf-8")
    experiment = presets.load(place / "a.toml")
    told = (experiment.title, experiment.subsets, experiment.seed, experiment.autoencoder.learning_rate)
    assert told == (title, (subset,), seed, rate)
    assert experiment.autoencoder.hidden == tuple(hidden)
    stated = {key: held for key, held in experiment.model_dump(mode="json").items() if held is not None}
    for kind in ("protocol", "dimensional_protocol"):
        stated[kind] = {key: held for key, held in stated[kind].items() if held is not None}
    (place / "again.toml").write_text(tomli_w.dumps(stated), encoding="utf-8", newline="")
    assert presets.load(place / "again.toml") == experiment


@given(text=WHOLE_TEXT)
def test_a_text_that_is_set_is_that_text(text: str) -> None:
    assignment = tomli_w.dumps({"title": text}).rstrip("\n").replace(" = ", "=", 1)
    assert presets.resolve({"name": "a"}, None, [assignment]).title == text


@given(text=st.text(max_size=20))
def test_whatever_is_set_is_taken_or_refused_in_words(text: str) -> None:
    with suppress(ConfigError):  # any other error is one of emovae's own
        assert isinstance(presets.resolve({"name": "a"}, None, [f"title={text}"]), Experiment)


# Files of emovae's own


@given(value=st.dictionaries(st.text(max_size=8).filter(lambda key: key != "sha256"), JSON, max_size=4))
def test_a_sealed_file_is_read_as_it_was_written(value: dict[str, Any], place: Path) -> None:
    write_sealed(place / "a.json", value)
    assert read_sealed(place / "a.json") == value


@given(value=st.dictionaries(st.sampled_from("abc"), st.integers() | NAME, min_size=1), chance=st.randoms())
def test_a_sealed_file_with_another_byte_is_damaged_or_says_the_same(
    value: dict[str, Any], chance: Any, place: Path
) -> None:
    write_sealed(place / "a.json", value)
    content = bytearray((place / "a.json").read_bytes())
    content[chance.randrange(len(content))] = chance.randrange(256)
    (place / "a.json").write_bytes(content)
    with suppress(DamagedError):
        assert read_sealed(place / "a.json") == value  # a blank for a line's end, say


@given(rows=st.lists(st.lists(st.floats(width=32), min_size=3, max_size=3), max_size=6))
def test_an_array_of_any_numbers_is_found_as_it_was_kept(rows: list[list[float]], place: Path) -> None:
    values = np.array(rows, np.float32).reshape(-1, 3)
    cache.keep(place / "cache", "a", 3, [values[:2], values[2:]], {})
    found = cache.intact(place / "cache", "a", print)
    assert found is not None
    np.testing.assert_array_equal(found.values, values)


@given(
    shapes=st.dictionaries(NAME, st.lists(st.integers(0, 4), max_size=3), max_size=3),
    told=st.dictionaries(st.text(max_size=8).filter(lambda key: key != "sha256"), JSON, max_size=3),
)
def test_weights_of_any_names_and_shapes_are_kept(
    shapes: dict[str, list[int]], told: dict[str, Any], place: Path
) -> None:
    tensors = {name: torch.randn(shape) for name, shape in shapes.items() if name != "__metadata__"}
    weights.keep(place / "w.safetensors", tensors, told)
    found = weights.kept(place / "w.safetensors")
    assert found is not None
    assert found.told == told
    assert found.tensors.keys() == tensors.keys()
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in tensors.items())


# Models


@pytest.fixture(scope="module")
def whole(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save(model, folder, model_card(model))
    (folder / "m.onnx").write_bytes(content_of(model))
    return folder


@given(name=st.sampled_from([WEIGHTS, CONFIG, FACTS]), chance=st.randoms(), cut=st.booleans())
@settings(max_examples=25)
def test_no_byte_of_a_model_folder_can_be_another(name: str, chance: Any, cut: bool, whole: Path) -> None:
    good = (whole / name).read_bytes()
    try:
        (whole / name).write_bytes(_changed(good, chance, cut))
        if name == FACTS and json.loads(good) == _json((whole / name).read_bytes()):
            return  # a blank for a line's end
        with pytest.raises(OutputError, match="is no model that can be used"):
            load(whole)
    finally:
        (whole / name).write_bytes(good)


@given(chance=st.randoms(), cut=st.booleans())
@settings(max_examples=25)
def test_no_byte_of_an_onnx_files_graph_can_be_another(chance: Any, cut: bool, whole: Path, place: Path) -> None:
    good = (whole / "m.onnx").read_bytes()
    start = 64  # before it stand the versions and the name of who wrote it, which mean nothing
    (place / "m.onnx").write_bytes(good[:start] + _changed(good[start:], chance, cut))
    with pytest.raises(OutputError, match="is no ONNX model that can be used"):
        load_portable(place / "m.onnx")


def _changed(content: bytes, chance: Any, cut: bool) -> bytes:
    """One bit is another, or the end is missing."""
    where = chance.randrange(len(content))
    if cut:
        return content[:where]
    return content[:where] + bytes([content[where] ^ 1 << chance.randrange(8)]) + content[where + 1 :]


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


# Sound and archives


@given(name=NAME, samples=st.lists(st.floats(-1, 1, width=32), min_size=400, max_size=400))
@settings(max_examples=25)
def test_a_recording_of_any_name_is_heard_as_it_was_written(name: str, samples: list[float], place: Path) -> None:
    sound = np.array(samples, np.float32)
    assume(np.abs(sound).max() > 0.01)
    file = place / f"{name}.wav"
    soundfile.write(file, sound, 16_000, "FLOAT")
    np.testing.assert_array_equal(heard(file), sound)
    (piece,) = pieces([Source(str(file))], Cut())
    assert (piece.file, piece.error) == (str(file), "")
    file.unlink()


@given(content=st.binary(max_size=200), ending=st.sampled_from([".wav", ".flac", ".ogg", ".mp3", ".raw", ""]))
def test_bytes_that_are_no_sound_are_a_row_with_its_reason(content: bytes, ending: str, place: Path) -> None:
    file = place / f"sound{ending}"
    file.write_bytes(content)
    (piece,) = pieces([Source(str(file))], Cut())
    assert piece.waveform is None
    assert piece.error


@given(files=st.dictionaries(NAME.filter(lambda name: name not in (".", "..")), st.binary(max_size=50), max_size=4))
def test_an_archive_of_any_names_is_unpacked_as_it_was_packed(files: dict[str, bytes], place: Path) -> None:
    files = {name: held for name, held in files.items() if ":" not in name}
    with tempfile.TemporaryDirectory(dir=place) as folder:
        with zipfile.ZipFile(place / "a.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(f"top/{name}", content)
        unpack(place / "a.zip", Path(folder))
        assert {path.name: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()} == files
