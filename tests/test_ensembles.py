"""Ensembles: each member is the cell that it would be alone, and has its share of the posterior."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emovae.cells import finished, result_of, run_cell
from emovae.config import Experiment
from emovae.corpora import Corpus, open_corpus
from emovae.encoders import encoder_place
from emovae.errors import AudioError, ConfigError
from emovae.experiment import run
from emovae.frames import corpus_frames
from emovae.grid import Cell, Context, cells_of
from emovae.keys import cell_key
from emovae.machine import Machine
from emovae.presets import resolve
from emovae.tasks import tasks_of
from emovae.watcher import Watcher

SPANS = [{"length_ms": 20, "step_ms": 20, "short": "pad"}, {"length_ms": 60, "stride_ms": 30, "short": "pad"}]
ASKED = {"of": ["segments", "PCA", "AE", "VAE"], "spans": SPANS, "autoencoders": 2}
ALONE = ["prosody-LDA", "prosody-SVM", "cepstra-LDA", "cepstra-SVM", "segments-LDA", "PCA-LDA"]

In = Callable[..., Context]


class Heard(Watcher):
    def __init__(self) -> None:
        self.said: list[str] = []

    def notice(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def there(small_corpus: Corpus, cache: Path, tiny: dict[str, Any], tmp_path: Path) -> In:
    """The context of the tiny experiment with an ensemble, under more settings."""

    def context(**keys: Any) -> Context:
        stated = {"models": [], "baselines": [], "ensemble": ASKED, "front_end": {"prosody": 2}, "seeds": 1, **keys}
        experiment: Experiment = resolve({**tiny, **stated})
        frames = corpus_frames(small_corpus, experiment.front_end, cache / "frames", at_least=1)
        tasks = tasks_of(experiment, small_corpus, frames.utterances)
        return Context(experiment, frames, tasks, tmp_path / "cells", Machine())

    return context


def said(context: Context, model: str, seed: int = 0) -> NDArray[np.float32]:
    cell = named(context, model, seed)
    run_cell(context, cell, lambda _step: None)
    return finished(context, cell).probabilities


def named(context: Context, model: str, seed: int = 0) -> Cell:
    (cell,) = [one for one in cells_of(context) if (one.model, one.fold, one.seed) == (model, 0, seed)]
    return cell


@pytest.mark.parametrize("statistics", ["none", "speaker"])
def test_what_reads_segments_has_half_the_say_and_what_stands_beside_the_other_half(there: In, statistics: str) -> None:
    how = {"normalise_statistics": statistics}
    together = there(**how)
    ways = [{"segments": span, "statistics": of} for span in SPANS for of in ("values", "movement")]
    beside = [said(there(**how, baselines=[f"{read}-LDA"]), f"{read}-LDA") for read in ("prosody", "cepstra")]
    for read in ("segments", "PCA"):
        spans = [said(there(**how, baselines=[f"{read}-LDA"], **one), f"{read}-LDA") for one in ways]
        expected = (np.mean(spans, axis=0) + np.mean(beside, axis=0)) / 2
        np.testing.assert_allclose(said(together, f"{read}-ensemble"), expected, atol=1e-6)
    alone = there(**how, ensemble={**ASKED, "autoencoders": 1})
    for read in ("AE", "VAE"):
        spans = [said(there(**how, models=[f"{read}-LDA"], **one), f"{read}-LDA") for one in ways]
        expected = (np.mean(spans, axis=0) + np.mean(beside, axis=0)) / 2
        np.testing.assert_allclose(said(alone, f"{read}-ensemble"), expected, atol=1e-6)
        assert np.abs(said(together, f"{read}-ensemble") - expected).max() > 1e-4  # its second autoencoders


def test_the_first_autoencoder_of_a_span_is_the_one_of_the_same_model_alone(there: In) -> None:
    ensemble = there()
    said(ensemble, "VAE-ensemble")
    weights = set(ensemble.folder.glob("*.safetensors"))
    assert len(weights) == 4
    for span in SPANS:
        alone = there(models=["VAE-LDA"], segments=span)
        assert encoder_place(alone, named(alone, "VAE-LDA")) in weights
    again = there(seeds=2)
    said(again, "VAE-ensemble", 1)
    assert len(set(ensemble.folder.glob("*.safetensors")) - weights) == 4  # another seed shares none of them


def test_a_finished_ensemble_is_found_again_until_one_of_its_members_is_another(there: In) -> None:
    before = there()
    said(before, "VAE-ensemble")
    found = [
        there(segments={"length_ms": 100}),
        there(ensemble={**ASKED, "of": ["VAE"]}),
        there(classifier={"hidden": 9}),
    ]
    lost = [
        there(ensemble={**ASKED, "autoencoders": 1}),
        there(ensemble={**ASKED, "spans": SPANS[:1]}),
        there(ensemble={**ASKED, "beside": ["prosody"]}),
        there(ensemble={**ASKED, "statistics": ["movement"]}),
        there(normalise_statistics="speaker"),
        there(front_end={"prosody": 3}),
        there(features="mean"),
    ]
    assert all(result_of(one, named(one, "VAE-ensemble")) is not None for one in found)
    assert all(result_of(one, named(one, "VAE-ensemble")) is None for one in lost)
    assert len({cell_key(one, named(one, "VAE-ensemble")) for one in lost}) == len(lost)


def test_a_damaged_autoencoder_of_a_member_is_told_and_trained_again(
    small_corpus: Corpus, tiny: dict[str, Any], tmp_path: Path
) -> None:
    spans = {"of": ["VAE"], "spans": SPANS[:1], "beside": []}
    experiment = resolve({**tiny, "models": [], "ensemble": spans, "baselines": [], "seeds": 1})
    run(experiment, small_corpus, tmp_path / "out", tmp_path / "cache")
    before = (tmp_path / "out" / "results.json").read_bytes()
    first, *_ = sorted((tmp_path / "out" / "cells").glob("*.safetensors"))
    first.write_bytes(first.read_bytes()[:-7])
    heard = Heard()
    outcome = run(experiment, small_corpus, tmp_path / "out", tmp_path / "cache", heard)
    assert (outcome.computed, len(heard.said)) == (1, 1)
    assert first.name in heard.said[0]
    assert (tmp_path / "out" / "results.json").read_bytes() == before


@pytest.mark.slow
def test_the_table_has_a_row_for_each_kind_and_says_what_it_reads(
    small_corpus: Corpus, tiny: dict[str, Any], tmp_path: Path
) -> None:
    stated = {"models": [], "ensemble": ASKED, "front_end": {"prosody": 1}, "baselines": ALONE, "latent_sizes": [3, 4]}
    outcome = run(resolve({**tiny, **stated}), small_corpus, tmp_path / "out", tmp_path / "cache")
    rows = {(row["model"], row["latent"]): row for row in outcome.results["rows"]}
    sized = ("PCA-LDA", "PCA-ensemble", "AE-ensemble", "VAE-ensemble")
    bare = {*ALONE, "segments-ensemble"} - {"PCA-LDA"}
    assert set(rows) == {(name, size) for name in sized for size in (3, 4)} | {(name, None) for name in bare}
    assert rows["VAE-ensemble", 3]["features"] == "functionals of mean+log_variance + prosody + cepstra"
    assert rows["AE-ensemble", 3]["features"] == "functionals of code + prosody + cepstra"
    assert rows["segments-ensemble", None]["features"] == "functionals of segments + prosody + cepstra"
    assert "VAE-ensemble" in (tmp_path / "out" / "table.md").read_text()
    assert run(resolve({**tiny, **stated}), small_corpus, tmp_path / "out", tmp_path / "cache").computed == 0


@pytest.mark.slow
def test_in_several_processes_the_results_are_the_same(
    small_corpus: Corpus, tiny: dict[str, Any], tmp_path: Path
) -> None:
    stated = {"models": ["VAE-LDA"], "ensemble": ASKED, "front_end": {"prosody": 1}, "baselines": [], "seeds": 1}
    experiment = resolve({**tiny, **stated})
    for jobs in (1, 2):
        run(experiment, small_corpus, tmp_path / str(jobs), tmp_path / "cache", jobs=jobs)
    for name in ("results.json", "predictions.parquet"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


@pytest.mark.parametrize("keys", [{"baselines": ["prosody-SVM"]}, {"ensemble": {"of": ["VAE"]}}])
def test_who_asks_for_prosody_that_the_frames_lack_is_told_what_to_set(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"reads prosody, and front_end\.prosody is 0; set it to 1, or to 4"):
        resolve({"name": "a", **keys})


def test_functionals_of_frames_are_of_the_bands_alone(there: In) -> None:
    models = ["functionals-SVM", "functionals-LDA", "cepstra-LDA"]
    asked = {"ensemble": {"beside": []}, "baselines": models}
    for model in models:
        with_prosody, without = there(**asked), there(**asked, front_end={})
        np.testing.assert_allclose(said(with_prosody, model), said(without, model), atol=1e-5)


def test_a_recording_shorter_than_a_span_is_refused_where_that_is_asked(tmp_path: Path, tiny: dict[str, Any]) -> None:
    spans = [{"length_ms": 60_000, "step_ms": 1000, "short": "refuse"}]
    stated = {**tiny, "models": [], "baselines": [], "ensemble": {"of": ["PCA"], "spans": spans, "beside": []}}
    with pytest.raises(AudioError, match="one segment needs 6000"):
        run(resolve(stated), open_corpus("synthetic:16"), tmp_path / "out", tmp_path / "cache")
