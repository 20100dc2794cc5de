"""The whole pipeline on real speech, by the command that people type."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from processes import EMOVAE

ROOT = Path(__file__).parents[1]
CORPORA = os.environ.get("EMOVAE_CORPORA")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CORPORA is None, reason="EMOVAE_CORPORA names no folder of real corpora"),
]


@pytest.mark.parametrize(
    ("name", "utterances", "classes", "speakers"), [("urdu", 400, 4, 29), ("emotale", 800, 5, 18), ("nemo", 2057, 4, 9)]
)
def test_a_real_corpus_runs_from_its_folder_to_its_table(
    name: str, utterances: int, classes: int, speakers: int, tmp_path: Path
) -> None:
    command = [EMOVAE, "run", ROOT / "experiments" / "smoke.toml", "--corpus", Path(str(CORPORA)) / name]
    folders = ["--out", tmp_path / "out", "--cache", tmp_path / "cache"]
    done = subprocess.run([*map(str, [*command, *folders])], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert (results["corpus"], results["utterances"]) == (name, utterances)
    rows = {(row["model"], row["test_condition"]): row for row in results["rows"]}
    assert len(rows) == 7
    assert all(len(row["classes"]) == classes and row["n"] == utterances for row in rows.values())
    # Real speech tells emotions apart without any learned feature; noise or shuffled labels would not. How clearly,
    # with half of the speakers to learn from, differs much: 0.05 is more than four deviations of chance on each.
    assert rows["functionals-SVM", None]["ua"] > 1 / classes + 0.05
    # Raters of EmoTale alone are told of.
    votes = rows["VAE-LSTM", None]["trust"]["prediction"]["votes"]
    assert (votes is not None) == (name == "emotale")
    if votes is not None:
        assert votes["n"] == 800
        assert 0 < votes["jensen_shannon"] < np.log(2)
    assert rows["VAE-LSTM", None]["over_speakers"]["n"] == speakers
    predictions = pq.read_table(tmp_path / "out" / "predictions.parquet").to_pydict()
    assert len(set(predictions["speaker"])) == speakers
    assert (tmp_path / "out" / "table.md").read_text() in done.stdout
