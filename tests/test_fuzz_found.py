"""What `make fuzz` found on its way, each the smallest input of its kind; every one is refused in words now."""

import hashlib
import io
import json
import struct
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from safetensors.torch import load as tensors_of
from safetensors.torch import save as as_safetensors

from emovae import audio, cache, cells, containers, wire
from emovae.answers import Model, told
from emovae.assembly import load, save
from emovae.card import model_card
from emovae.corpora import open_corpus
from emovae.errors import AudioError, ConfigError, CorpusError, DamagedError, OutputError
from emovae.export import content_of
from emovae.files import fingerprint
from emovae.model_folder import CONFIG, FACTS, WEIGHTS
from emovae.portable import KEY, load_portable, signed
from emovae.sealed import write_sealed
from emovae.sources import sources
from emovae.trained import TrainedModel
from emovae.unpacking import BadArchiveError, unpack

HEADER = """name: voices
schemes: {emotion: {labels: [anger, neutral]}}
tables: {emotion: {columns: {emotion: {scheme_id: emotion}, speaker: {}}}}
"""


@pytest.fixture(scope="module")
def folder_of(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A model folder with some of its files changed, and signed anew as emovae itself signs."""
    whole = tmp_path_factory.mktemp("whole")
    save(model, whole, model_card(model))

    def made(place: Path, change: Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], None]) -> Path:
        config, facts = (json.loads((whole / name).read_bytes()) for name in (CONFIG, FACTS))
        tensors = tensors_of((whole / WEIGHTS).read_bytes())
        change(config, facts, tensors)
        files = {WEIGHTS: as_safetensors(tensors), CONFIG: json.dumps(config).encode()}
        facts["sha256"] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        facts["signed"] = fingerprint({name: held for name, held in facts.items() if name != "signed"}, 64)
        for name, content in {**files, FACTS: json.dumps(facts).encode()}.items():
            (place / name).write_bytes(content)
        return place

    return made


@pytest.fixture(scope="module")
def onnx_content(model: TrainedModel) -> bytes:
    return content_of(model)


# Sound


def test_an_upload_called_raw_is_no_sound(tmp_path: Path) -> None:
    place = tmp_path / "sound.raw"
    place.write_bytes(b"RIFF....")
    with pytest.raises(AudioError, match="cannot be decoded"):
        containers.decode(place, 60)


def test_a_flac_that_claims_hours_in_two_kilobytes_takes_no_memory_for_them(tmp_path: Path) -> None:
    stream = io.BytesIO()
    soundfile.write(stream, 0.1 * np.sin(np.arange(4000)), 16_000, format="FLAC")
    content = bytearray(stream.getvalue())
    samples = int.from_bytes(content[18:26], "big") >> 36 << 36 | 2**31 - 1  # the last 36 bits of the field count them
    content[18:26] = samples.to_bytes(8, "big")
    (tmp_path / "a.flac").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(AudioError, match=r"claims 2147483647 frames of 1 channels in \d+ bytes"):
            audio.read(tmp_path / "a.flac")
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


# Databases


def database(root: Path, header: str) -> str:
    (root / "db.yaml").write_text(header, encoding="utf-8")
    (root / "db.emotion.csv").write_text("file,emotion,speaker\na.wav,anger,ann\n", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        open_corpus(str(root), "audformat")
    return str(caught.value)


def test_a_header_of_brackets_within_brackets_does_not_end_the_process(tmp_path: Path) -> None:
    assert "it nests deeper than 32 levels" in database(tmp_path, f"name: {'[' * 100_000}")


def test_a_header_that_says_a_thousand_million_things_in_a_kilobyte_is_refused_at_once(tmp_path: Path) -> None:
    lists = [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]" for level in range(1, 10)]
    laughs = "\n".join(["l0: &l0 [x, x]", *lists])
    began = time.monotonic()
    told = database(tmp_path, f"{laughs}\n{HEADER.replace('[anger, neutral]', '*l9')}")
    assert "it says more than 2,000,000 things" in told
    assert time.monotonic() - began < 5


def test_a_list_that_holds_itself_is_refused(tmp_path: Path) -> None:
    assert "*a stands for what it is part of" in database(tmp_path, HEADER.replace("[anger, neutral]", "&a [*a]"))


@pytest.mark.parametrize("tag", ["!!timestamp x", "!!bool x", "!!int ''", "!!float x", "!!int 0x"])
def test_a_tag_that_does_not_fit_its_value_is_told(tag: str, tmp_path: Path) -> None:
    assert "cannot be read as plain YAML" in database(tmp_path, HEADER.replace("voices", tag))


def test_a_choice_of_brackets_within_brackets_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(f"database = {'[' * 3000}", encoding="utf-8")
    with pytest.raises(CorpusError, match="is no TOML"):
        open_corpus(str(tmp_path / "a.toml"), "audformat")


def test_a_list_of_recordings_with_two_columns_of_one_name_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a.wav"]), pa.array(["b.wav"])], names=["file", "file"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match="has 2 columns file; keep one"):
        list(sources([str(tmp_path / "a.parquet")]))


# Files of runs


@pytest.mark.parametrize("shape", [None, 3, [1], [1, 2, 3], [-1, 4], [1, 0], ["1", 4], [1.0, 4], [True, 4]])
def test_an_array_whose_file_tells_no_shape_is_damaged(shape: object, tmp_path: Path) -> None:
    (tmp_path / "a.f32").write_bytes(bytes(16))
    write_sealed(tmp_path / "a.json", {"shape": shape, "values": "0"})
    with pytest.raises(DamagedError, match="is no shape of rows and columns"):
        cache.find(tmp_path, "a")


def test_an_array_whose_file_tells_no_checksum_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "a.f32").write_bytes(bytes(16))
    write_sealed(tmp_path / "a.json", {"shape": [1, 4]})
    said: list[str] = []
    assert cache.intact(tmp_path, "a", said.append) is None
    assert "it holds no checksum of the values" in said[0]


@pytest.mark.parametrize("kept", [{}, {"averaged": None}, {"averaged": {}, "probabilities": [[10**400]]}])
def test_a_cell_that_lacks_what_a_cell_holds_is_damaged(kept: dict[str, Any], tmp_path: Path) -> None:
    write_sealed(tmp_path / "cell.json", kept)
    with pytest.raises(DamagedError, match=r"cell\.json is damaged"):
        cells.read_result(tmp_path / "cell.json")


# Models


def test_widths_without_a_weight_behind_them_take_no_memory(folder_of: Callable[..., Path], tmp_path: Path) -> None:
    def widen(config: dict[str, Any], _: dict[str, Any], tensors: dict[str, Any]) -> None:
        config["autoencoder"] |= {"hidden": [65_536], "latent": 65_536}
        tensors["wide"] = torch.empty(65_536, 0)

    with pytest.raises(OutputError, match="the widths of its networks are not those of its weights"):
        load(folder_of(tmp_path, widen))


ODD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"classes": ["a", None, "c", "d"]}, "its classes are no list of names"),
    ({"classes": "abcd"}, "its classes are no list of names"),
    ({"classes": ["a", "a", "b", "c"]}, "one is there twice"),
    ({"confidences": [0.5]}, "its confidences are missing"),
    ({"confidences": [0.5, None]}, "its confidences are no shares"),
    ({"confidences": [0.5, 10**400]}, "its confidences are no shares"),
)


@pytest.mark.parametrize(("odd", "why"), ODD)
def test_a_folder_whose_names_or_shares_are_none_is_refused(
    odd: dict[str, Any], why: str, folder_of: Callable[..., Path], tmp_path: Path
) -> None:
    def tell(_: dict[str, Any], facts: dict[str, Any], __: dict[str, Any]) -> None:
        facts |= {name: held for name, held in odd.items() if name == "classes"}
        facts["facts"] |= {name: held for name, held in odd.items() if name == "confidences"}

    with pytest.raises(OutputError, match=why):
        load(folder_of(tmp_path, tell))


def sealed(content: bytes, place: Path, graph: Callable[[Any], None] = lambda _: None, **facts: Any) -> Path:
    """An ONNX file with other facts or another graph, signed as emovae itself signs where it would sign it."""
    known = json.loads(wire.told(content).metadata[KEY])
    known = {name: held for name, held in known.items() if name not in ("signed", "graph", "format")} | facts
    model: Any = onnx.load_from_string(content)
    del model.metadata_props[:]
    graph(model.graph)
    with suppress(ValueError):
        model.metadata_props.add(key=KEY, value=signed(known, model.SerializeToString()))
    (place / "m.onnx").write_bytes(model.SerializeToString())
    return place / "m.onnx"


@pytest.mark.parametrize(
    ("odd", "why"),
    [*ODD, ({"least_samples": "x"}, "no whole number"), ({"card": None}, "its card no text")],
)
def test_an_onnx_file_whose_facts_are_none_is_refused(
    odd: dict[str, Any], why: str, onnx_content: bytes, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match=why):
        load_portable(sealed(onnx_content, tmp_path, **odd))


def test_a_graph_that_answers_about_silence_and_fails_on_speech_is_told(onnx_content: bytes, tmp_path: Path) -> None:
    def only_short(graph: Any) -> None:
        """All that is heard is to be one sample, as in the trial when a file is opened, and in no speech."""
        for node in graph.node:
            for place, name in enumerate(node.input):
                node.input[place] = "reshaped" if name == "waveform" else name
        graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 1], np.int64), "shape"))
        graph.node.insert(0, onnx.helper.make_node("Reshape", ["waveform", "shape"], ["reshaped"]))

    model: Model = load_portable(sealed(onnx_content, tmp_path, only_short))
    with pytest.raises(OutputError, match="onnxruntime cannot compute this model"):
        told(model, [np.zeros(16_000, np.float32)])


def test_a_graph_with_a_constant_that_only_takes_memory_is_refused(onnx_content: bytes, tmp_path: Path) -> None:
    def lengthen(graph: Any) -> None:
        tensor = next(one for one in graph.initializer if one.data_type == onnx.TensorProto.INT64)
        tensor.raw_data = struct.pack("<q", 2**31) + tensor.raw_data[8:]

    with pytest.raises(OutputError, match="it holds the constant 2,147,483,648, and 16,777,216 is the largest"):
        load_portable(sealed(onnx_content, tmp_path, lengthen))


def test_a_graph_whose_constants_are_written_in_another_way_is_refused(onnx_content: bytes, tmp_path: Path) -> None:
    def rewrite(graph: Any) -> None:
        tensor = next(one for one in graph.initializer if one.data_type == onnx.TensorProto.INT64)
        tensor.ClearField("raw_data")
        tensor.int64_data.append(2**40)

    with pytest.raises(OutputError, match="written in a way, that emovae does not write"):
        load_portable(sealed(onnx_content, tmp_path, rewrite))


# Archives


def test_a_damaged_lzma_stream_is_a_damaged_archive(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        member = tarfile.TarInfo("a")
        member.size = 100_000
        archive.addfile(member, io.BytesIO(np.random.default_rng(0).bytes(member.size)))
    content = bytearray(stream.getvalue())
    content[60_000:60_100] = bytes(100)
    (tmp_path / "it.archive").write_bytes(content)
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadArchiveError, match="is no archive, or is damaged"):
        unpack(tmp_path / "it.archive", tmp_path / "folder")


def zip_with(name: bytes) -> bytes:
    """A zip whose only member has a name that the usual tools would not write."""
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0x800, 0, 0, 0, 0, 0, 0, len(name), 0) + name
    central = struct.pack("<4s6H3I5HII", b"PK\1\2", 20, 20, 0x800, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4HIIH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def tar_with(name: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo(name))
    return stream.getvalue()


@pytest.mark.parametrize(
    "content", [zip_with(b""), zip_with(b"/"), zip_with(b"\xc3("), tar_with(""), tar_with("a\0b/c" * 30)]
)
def test_a_member_without_a_name_that_can_be_written_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "it.archive").write_bytes(content)
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadArchiveError):
        unpack(tmp_path / "it.archive", tmp_path / "folder")
    assert not any((tmp_path / "folder").iterdir())


def test_a_compression_that_is_none_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", b"x")
    content = bytearray(stream.getvalue())
    place = content.index(b"PK\1\2")
    content[8:10] = content[place + 10 : place + 12] = b"\x61\x00"
    (tmp_path / "it.archive").write_bytes(content)
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadArchiveError, match="is no archive, or is damaged"):
        unpack(tmp_path / "it.archive", tmp_path / "folder")
