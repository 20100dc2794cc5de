"""Planted payloads: nothing that a data or model file says is executed, and no header makes memory be taken.

Elsewhere: YAML tags and the pickles of audformat (`test_corpora_audformat`), pickles in a model folder and on the Hub
(`test_trained`, `test_hub`), an ONNX file's external data, functions and foreign operators (`test_export`), archives
that climb, link or swell (`test_unpacking`, `test_fetch`), playlists that name other files (`test_service`), a name
that is a script (`test_report`), widths without weights and YAML that swells (`test_fuzz_found`).
"""

import ast
import json
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz import seeds
from fuzz.advisories import asked, unheard, verdict
from fuzz.target import TARGETS, Target, counts, prepared
from fuzz.watched import watch
from fuzz.worker import Bounds, Finding, ask_one

from emovae import audio, cache, weights
from emovae.assembly import load, save
from emovae.card import model_card
from emovae.cells import read_result
from emovae.corpora import open_corpus
from emovae.corpora.rows import read
from emovae.curves import read_curves
from emovae.errors import AudioError, EmovaeError, OutputError
from emovae.export import content_of
from emovae.fetched import RECORD, already
from emovae.folds_file import read_folds
from emovae.model_folder import CARD, CONFIG, FACTS, LARGEST, WEIGHTS
from emovae.portable import load_portable
from emovae.predict import How, predicted
from emovae.presets import load as experiment_of
from emovae.sources import Source
from emovae.trained import TrainedModel
from emovae.views import read_views

SOURCE = Path(audio.__file__).parent
RUNS_WHAT_IT_READS = {
    *("eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads"),
    *("joblib.load", "torch.load", "np.load", "np.fromregex", "shelve.open", "yaml.unsafe_load", "yaml.full_load"),
    *("os.system", "os.popen", "pd.read_pickle", "torch.jit.load", "runpy.run_path", "dill.load", "cloudpickle.loads"),
}


class RunsCode:
    """A pickle of it makes a folder when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@contextmanager
def little_memory(most: int = 2**24) -> Iterator[None]:
    """What runs here takes no more of Python's and numpy's memory."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


# Code


def test_no_module_calls_what_runs_what_it_reads() -> None:
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in RUNS_WHAT_IT_READS:
                found.append(f"{path.relative_to(SOURCE)}: {ast.unparse(node.func)}")
            if isinstance(node, ast.Call) and any(word.arg == "shell" for word in node.keywords):
                found.append(f"{path.relative_to(SOURCE)}: a shell")
    assert found == []


READERS: dict[str, Callable[[Path], object]] = {
    "a.wav": audio.read,
    "a.npy": audio.read,
    "cell.json": read_result,
    "w.safetensors": weights.kept,
    "views.safetensors": read_views,
    "curves.parquet": read_curves,
    "m.onnx": load_portable,
    "a.toml": experiment_of,
    "folds.json": lambda place: read_folds(place, ()),
    "folds.jsonl": lambda place: read_folds(place, ()),
    "metadata.csv": lambda place: open_corpus(str(place)),
    "metadata.jsonl": lambda place: open_corpus(str(place)),
    "metadata.parquet": lambda place: open_corpus(str(place)),
    "db.yaml": lambda place: open_corpus(str(place)),
}
"""The name of a file that emovae opens, and who opens it."""


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("protocol", [0, pickle.HIGHEST_PROTOCOL])
def test_a_pickle_under_any_name_is_refused_and_not_opened(name: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / name).write_bytes(pickle.dumps(RunsCode(mark), protocol))
    with pytest.raises(EmovaeError):
        READERS[name](tmp_path / name)
    assert not mark.exists()
    pickle.loads((tmp_path / name).read_bytes())
    assert mark.exists()  # the payload works, where it is opened


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, FACTS, CARD])
def test_a_pickle_in_the_place_of_a_models_file_is_not_opened(name: str, model: TrainedModel, tmp_path: Path) -> None:
    mark, folder = tmp_path / "mark", tmp_path / "model"
    save(model, folder, model_card(model))
    (folder / name).write_bytes(pickle.dumps(RunsCode(mark)))
    if name == CARD:
        load(folder)  # the card is for people; nothing reads it
    else:
        with pytest.raises(OutputError):
            load(folder)
    assert not mark.exists()


def test_a_pickle_as_an_array_of_the_cache_is_numbers_or_set_aside(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    content = pickle.dumps(RunsCode(mark))
    content += bytes(-len(content) % 4)
    cache.keep(tmp_path, "a", len(content) // 4, [], {})
    told = json.loads((tmp_path / "a.json").read_bytes())
    (tmp_path / "a.f32").write_bytes(content)
    (tmp_path / "a.json").write_text(json.dumps({**told, "shape": [1, len(content) // 4]}), encoding="utf-8")
    assert cache.intact(tmp_path, "a", lambda _: None) is None
    assert not mark.exists()


def test_a_pickle_in_the_schema_of_a_parquet_file_is_not_opened(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    told = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickle.dumps(RunsCode(mark))}
    schema = pa.schema(
        [pa.field("path", pa.string(), metadata=told)], metadata={"pandas": pickle.dumps(RunsCode(mark))}
    )
    pq.write_table(pa.table({"path": ["a.wav"]}, schema=schema), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", lambda _: True).rows[0].cells["path"] == "a.wav"
    assert not mark.exists()


# Files


@pytest.mark.parametrize("location", ["/etc/passwd", "../../../../etc/passwd", "secret"])
def test_an_onnx_file_brings_no_other_file_along(location: str, model: TrainedModel, tmp_path: Path) -> None:
    graph = onnx.load_from_string(content_of(model))
    tensor = graph.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    (tmp_path / "secret").write_bytes(bytes(10_000))
    (tmp_path / "m.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(OutputError, match="its weights lie in another file"):
        load_portable(tmp_path / "m.onnx")


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, FACTS])
def test_a_pipe_in_the_place_of_a_models_file_is_not_waited_for(name: str, model: TrainedModel, tmp_path: Path) -> None:
    save(model, tmp_path, model_card(model))
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(OutputError, match=f"{name} is no plain file"):
        load(tmp_path)


NEMO = "66de9999a8f2f605eb5f64841790aa5cb0877782"


def test_a_record_that_names_another_place_is_only_a_record(tmp_path: Path) -> None:
    told = {"corpus": "nemo", "commit": NEMO, "tree": "0" * 40, "files": 1, "bytes": 1}
    told |= {"checked_by": "../../etc/passwd", "licence_files": ["../../etc/passwd"]}
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / RECORD).write_text(json.dumps(told), encoding="utf-8")
    from emovae.corpora import READERS as KNOWN  # noqa: PLC0415

    with pytest.raises(OutputError):
        already(next(one for one in KNOWN if one.name == "nemo"), tmp_path / "corpus")


# Headers


def wav(channels: int, rate_hz: int, held: int, samples: bytes) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * 2 % 2**32, 2, 16)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", held) + samples
    return b"RIFF" + struct.pack("<I", held) + b"WAVE" + chunks


@pytest.mark.parametrize("channels", [0, 1, 1024, 65_535])
@pytest.mark.parametrize("rate_hz", [0, 16_000, 2**32 - 1])
@pytest.mark.parametrize("held", [2**31 - 1, 2**32 - 1])
def test_a_wav_that_promises_gigabytes_takes_none(channels: int, rate_hz: int, held: int, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(channels, rate_hz, held, b"\0\x40" * 100))
    with little_memory():
        try:
            # 2^32 - 1 is how one says "until the end", so a plain channel and rate are heard.
            assert len(audio.read(tmp_path / "a.wav")) == 100
        except AudioError:
            assert (channels, rate_hz, held) != (1, 16_000, 2**32 - 1)


@pytest.mark.parametrize("size", [2**63, 2**64 - 1, 2**31, 10**8])
def test_weights_whose_header_promises_gigabytes_take_none(size: int, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", size) + b"{}")
    with little_memory(), pytest.raises(OutputError, match="is damaged"):
        weights.kept(tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", [CONFIG, FACTS])
def test_a_models_json_beyond_its_size_is_not_read(name: str, model: TrainedModel, tmp_path: Path) -> None:
    save(model, tmp_path, model_card(model))
    with (tmp_path / name).open("ab") as stream:
        stream.truncate(2**34)  # a hole that takes no room
    with little_memory(), pytest.raises(OutputError, match=f"more than the {LARGEST[name]:,} of any model"):
        load(tmp_path)


def test_a_row_of_a_hostile_file_ends_no_other_row(model: TrainedModel, tmp_path: Path) -> None:
    for place, content in enumerate(seeds.recordings()[:3]):
        (tmp_path / f"{place}.wav").write_bytes(content)
    (tmp_path / "1.wav").write_bytes(wav(65_535, 2**32 - 1, 2**31 - 1, bytes(50)))
    rows = list(predicted(model, [Source(str(tmp_path / f"{place}.wav")) for place in range(3)], How()))
    assert [bool(row.piece.error) for row in rows] == [False, True, False]


# The fuzzing itself, and the audit


PLANTED = Target("fuzz_planted", "prepared", 1.0)


@pytest.mark.slow
def test_what_raises_hangs_dies_or_takes_too_much_is_found_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    told: dict[int, str] = {}

    def found(finding: Finding, place: Path) -> None:
        told[finding.number] = finding.what
        assert (place / "input" / "number").read_text(encoding="ascii") == str(finding.number)

    tallies = watch({"planted": 12}, 0, tmp_path, 1, found, {"planted": PLANTED}, Bounds(3.0, 2**26))
    assert (tallies["planted"].refused, tallies["planted"].accepted) == (2, 6)
    assert sorted(told) == [3, 5, 7, 9]
    assert "ZeroDivisionError" in told[3]
    assert told[5] == "takes more than 3 s"
    assert "the process ended with -11" in told[7]
    assert "GiB, and 0.0625 are the most" in told[9]


def test_an_input_is_made_again_by_its_number(tmp_path: Path) -> None:
    once, again = tmp_path / "once", tmp_path / "again"
    ask = prepared("tables", tmp_path)
    for number in range(20):
        assert ask_one(ask, "tables", 7, number, once).wrong == ""
        ask_one(ask, "tables", 7, number, again)
        assert {path.name: path.read_bytes() for path in once.rglob("*") if path.is_file()} == {
            path.name: path.read_bytes() for path in again.rglob("*") if path.is_file()
        }


def test_every_target_has_its_share() -> None:
    assert sum(counts(list(TARGETS), 100_000).values()) == 100_000
    assert min(counts(list(TARGETS), 10).values()) == 1


def test_a_known_vulnerability_fails_and_silence_does_not() -> None:
    bad = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
    assert verdict({"dependencies": [bad]}) == ("a 1: CVE-1, mended in 2", 1)
    assert verdict({"dependencies": [bad, {"name": "b", "skip_reason": "?"}]}).code == 1
    assert verdict({"dependencies": [{"name": "b", "skip_reason": "?"}]}).code == 0
    assert unheard("ConnectionError: api.osv.dev").code == 0
    assert unheard("ValueError: constraints.txt, line 3").code == 2
    assert asked("no-such-program").code == 0


def test_the_audit_says_what_it_could_not_ask() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fuzz.advisories", "no-such-program"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "not audited: the registry has no pip-audit; nothing is known of any package\n"
