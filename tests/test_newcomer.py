"""A newcomer's environment: what the core alone does, what each extra adds, and that a missing one is named."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[1]
TINY = ("--set", "autoencoder.hidden=[16]", "--set", "autoencoder.epochs=2", "--set", "classifier.epochs=2")


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the core of the package and nothing else."""
    home = tmp_path_factory.mktemp("newcomer") / "venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    install(home / "bin", ".")
    return home / "bin"


def install(bin_folder: Path, what: str) -> None:
    pip = [str(bin_folder / "python"), "-m", "pip", "install", "--quiet", "-c", "constraints.txt", what]
    subprocess.run(pip, check=True, cwd=ROOT, env=alone())


def alone() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def told(bin_folder: Path, folder: Path, *words: str, status: int = 0) -> str:
    """What a command says, after it has ended as expected."""
    asked = [str(bin_folder / "emovae"), *words]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=folder, env=alone())
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


@contextmanager
def served(bin_folder: Path, folder: Path, model: str) -> Iterator[str]:
    """The address of a service, while the block runs."""
    asked = [str(bin_folder / "emovae"), "serve", model, "--port", "0"]
    with subprocess.Popen(asked, stderr=subprocess.PIPE, text=True, cwd=folder, env=alone()) as service:
        assert service.stderr is not None
        try:
            found = (re.search(r"running on (http://\S+)", line) for line in service.stderr)
            yield next(match[1] for match in found if match)
        finally:
            service.terminate()


@pytest.mark.slow
def test_the_core_trains_and_predicts_and_names_the_extra_for_the_rest(bin_folder: Path, tmp_path: Path) -> None:
    told(bin_folder, tmp_path, "train", "--corpus", "synthetic:40", "--out", "m", "--no-estimate", *TINY)
    (tmp_path / "voices").mkdir()
    for seconds in (0.3, 2.0):
        noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * 16_000))
        soundfile.write(tmp_path / "voices" / f"{seconds:g}.wav", noise, 16_000)
    answers = told(bin_folder, tmp_path, "predict", "m", "voices", "--format", "jsonl").splitlines()
    assert [json.loads(answer)["error"] for answer in answers] == ["", ""]
    told(bin_folder, tmp_path, "embed", "m", "voices", "--out", "features.parquet")
    assert (tmp_path / "features.parquet").is_file()
    for extra, *words in (
        ("onnx", "export", "m", "--onnx", "m.onnx"),
        ("serve", "serve", "m"),
        ("hub", "push", "m", "anna/voices"),
    ):
        assert f"pip install 'emovae[{extra}]'" in told(bin_folder, tmp_path, *words, status=2)

    install(bin_folder, ".[onnx,serve]")
    told(bin_folder, tmp_path, "export", "m", "--onnx", "m.onnx")
    told(bin_folder, tmp_path, "predict", "m.onnx", "voices")
    with served(bin_folder, tmp_path, "m") as address, urllib.request.urlopen(f"{address}/healthz") as answer:
        assert json.load(answer)["status"] == "ok"
