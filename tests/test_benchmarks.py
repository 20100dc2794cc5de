"""The benchmarks' own bookkeeping, and that their peers do the same work."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks import autoencoder, classifier, files, folder, log_mel
from benchmarks.__main__ import ROWS
from benchmarks.kept import keep, told
from benchmarks.measure import Paired, Row, faster, machine
from benchmarks.pythae_vae import in_pythae
from benchmarks.table1 import cost_of

from emovae.assembly import save
from emovae.examples import Labelled
from emovae.export import content_of
from emovae.latents import Sequences
from emovae.logmel import LogMel
from emovae.logmel import log_mel as own_frames
from emovae.machine import Machine
from emovae.outputs import held_out
from emovae.settings import FrontEnd
from emovae.trained import TrainedModel

ROOT = Path(__file__).parents[1]
MEMORY_NOISE_MIB = 20
"""What 3,000 files may add; a plan kept for each length, as it once was, adds 50."""


def test_the_page_tells_of_every_comparison() -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE) == [*ROWS]
    assert {path.stem for path in (ROOT / "benchmarks").glob("*.py")} >= {name.replace("-", "_") for name in ROWS}


def test_a_ratio_is_that_of_each_round_and_the_middle_one_counts() -> None:
    row = faster("this", "that", Paired([1.0, 2.0, 1.0], [3.0, 10.0, 4.0]), 6, "things", at_least=4.0)
    assert (row.figure, row.lowest, row.highest) == (4.0, 3.0, 5.0)
    assert (row.ours, row.theirs, row.within) == ("6 things/s", "1.5 things/s", True)
    assert told(row) == "this / that: 4 (3 .. 5) [at least 4: reached]  6 things/s : 1.5 things/s"


def test_what_was_measured_before_stays_until_it_is_measured_again(tmp_path: Path) -> None:
    facts = machine()
    first, other = (Row(what, "b", "", "", 2.0, 2.0, 2.0, "at least 3", False) for what in ("first", "other"))
    keep(tmp_path, facts, "start-up", [first])
    keep(tmp_path, facts, "log-mel", [other])
    keep(tmp_path, facts, "start-up", [first._replace(figure=4.0, within=True), other._replace(within=None)])
    (kept,), (page,) = tmp_path.glob("*.json"), tmp_path.glob("*.md")
    content = json.loads(kept.read_text())
    assert content["machine"]["processor"] == facts["processor"]
    assert {name: len(one["rows"]) for name, one in content["comparisons"].items()} == {"start-up": 2, "log-mel": 1}
    text = page.read_text()
    assert "| first | b |  |  | 4 | " in text
    assert "at least 3: reached" in text
    assert "at least 3: open" in text
    assert "at least 3: not reached" in text


@pytest.mark.parametrize(
    ("triangles", "peer"),
    [("mel", log_mel.by_kaldi), pytest.param("hz", log_mel.by_librosa, marks=pytest.mark.slow)],  # numba compiles
)
def test_the_peers_frames_are_ours(triangles: str, peer: object) -> None:
    waveform = log_mel.minute_of_speech()[:40_000]
    ours = own_frames(waveform, LogMel(FrontEnd.model_validate({"triangles": triangles})))
    assert callable(peer)
    assert np.abs(peer(waveform) - ours).max() < log_mel.TOLERANCE


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what librosa imports to load a file
def test_a_frame_that_differs_or_lacks_is_found(tmp_path: Path) -> None:
    seconds = folder.write_folder(tmp_path / "few", "wav", recordings=2)
    assert seconds > 2
    frames = folder.by_emovae(tmp_path / "few", tmp_path / "cache")
    theirs = folder.by_loop(tmp_path / "few")
    assert folder.furthest(frames, theirs) < folder.TOLERANCE
    assert folder.furthest(frames, [theirs[0] + 1, theirs[1]]) > 0.9
    with pytest.raises(AssertionError, match="recording 1 has"):
        folder.furthest(frames, [theirs[0], theirs[1][:-1]])


def test_the_packed_loop_has_our_loss() -> None:
    chance = np.random.default_rng(0)
    lengths = np.array([3, 9, 5])
    values = torch.from_numpy(chance.normal(size=(17, classifier.FEATURES)).astype(np.float32))
    some = Labelled(Sequences(values, np.array([0, 3, 12, 17])), np.array([0, 3, 1]))
    assert some.sequences.lengths.tolist() == lengths.tolist()
    network = classifier.fresh()
    packed = classifier.packed_losses(network, *classifier.apart(some), torch.arange(3))
    assert float(packed.detach().mean()) == pytest.approx(held_out(network, some, Machine())["validation"], abs=1e-6)


def test_pythaes_loss_is_ours() -> None:
    network = autoencoder.fresh(0)
    theirs = in_pythae(network, autoencoder.VALUES, autoencoder.SETTINGS.latent)
    segments = torch.randn(6, autoencoder.VALUES, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(3)
    said = theirs({"data": segments})
    torch.manual_seed(3)
    terms = network(segments, None, torch.default_generator)
    torch.testing.assert_close(said.loss, (terms.reconstruction + terms.divergence).mean())


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_commands_memory_is_that_of_its_children_too() -> None:
    hold = "x = bytearray(2**28); import time; time.sleep(2)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    cost = cost_of([sys.executable, "-c", code])
    assert 0.25 < cost.gib < 1
    assert cost.seconds > 2
    with pytest.raises(subprocess.CalledProcessError):
        cost_of([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["m", "m.onnx"])
def test_three_times_as_many_files_take_no_more_memory(
    name: str, model: TrainedModel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("many")
    save(model, place / "m", "")
    (place / "m.onnx").write_bytes(content_of(model))
    files.write_files(place / "few", 1_500)
    files.write_files(place / "many", 4_500)
    few, many = (files.told_of(place / name, place / which, place / "out.csv") for which in ("few", "many"))
    assert 50 < few.mib < many.mib + MEMORY_NOISE_MIB
    assert many.mib < few.mib + MEMORY_NOISE_MIB


@pytest.mark.slow
def test_a_row_that_is_not_there_is_no_measurement(tmp_path: Path, model: TrainedModel) -> None:
    save(model, tmp_path / "m", "")
    files.write_files(tmp_path / "few", 2)
    (tmp_path / "few" / "notes.txt").touch()
    with pytest.raises(ValueError, match="has 3 files, and 2 rows are not theirs"):
        files.told_of(tmp_path / "m", tmp_path / "few", tmp_path / "out.csv")
