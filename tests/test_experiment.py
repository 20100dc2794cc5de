import contextlib
import json
import platform
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow.parquet as pq
import pytest
import safetensors.torch
import soundfile
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score, recall_score

from conftest import Ran
from emovae.audio import SAMPLE_RATE_HZ
from emovae.cells import result_of, run_cell
from emovae.config import Baseline, Experiment, Rival, TestCondition
from emovae.corpora import Corpus, open_corpus
from emovae.errors import AudioError, ConfigError, CorpusError, EmovaeError
from emovae.experiment import Outcome, run
from emovae.frames import corpus_frames
from emovae.grid import Cell, Context, autoencoder_members, cells_of
from emovae.kinds import PRINCIPAL, SHARED, Model, Portable, Target
from emovae.labels import level
from emovae.machine import Machine
from emovae.presets import load, resolve
from emovae.segments import least_frames
from emovae.stages import CellResult, Step
from emovae.tasks import Task, tasks_of
from emovae.utterance import Utterance
from emovae.watcher import Watcher
from emovae.workers import Job, jobs_of

ROW_KEYS = [
    "model",
    "latent",
    "subset",
    "target",
    "protocol",
    "normalise",
    "features",
    "binning",
    "test_condition",
    "uses_true_label",
    "precision",
    "n",
    "classes",
    "seeds",
    "wa",
    "ua",
    "macro_f1",
    "weighted_f1",
    "folds",
    "per_seed",
    "confusion",
    "published",
    "recall",
    "fingerprint",
    "threshold_reached",
    "diverged",
    "use",
    "intervals",
    "over_seeds",
    "over_speakers",
    "groups",
    "trust",
]
COLUMNS = [
    "utterance",
    "speaker",
    "fold",
    "seed",
    "model",
    "subset",
    "target",
    "protocol",
    "test_condition",
    "latent",
    "uses_true_label",
    "label",
    "predicted",
    "reconstruction",
]
EMOTIONS = ["anger", "happiness", "neutral", "sadness"]
FIGURES = ("wa", "ua", "macro_f1", "weighted_f1")
LINES = [
    ("majority", None),
    ("functionals-SVM", None),
    ("AE-LSTM", None),
    ("VAE-LSTM", None),
    ("CVAE-LSTM", "oracle"),
    ("CVAE-LSTM", "marginal"),
]

Line = dict[str, Any]


def written(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in ("results.json", "predictions.parquet", "table.md")}


def told(out: Path) -> list[Line]:
    lines: list[Line] = pq.read_table(out / "predictions.parquet").to_pylist()
    return lines


def of_row(row: dict[str, Any], lines: Sequence[Line]) -> list[Line]:
    keys = ("model", "subset", "target", "test_condition")
    return [line for line in lines if all(line[key] == row[key] for key in keys)]


def task_of(experiment: Experiment, corpus: Corpus, target: Target, subset: str = "complete") -> Task:
    alone = experiment.model_copy(update={"targets": (target,), "subsets": (subset,)})
    (task,) = tasks_of(alone, corpus, corpus.utterances)
    return task


def figures(lines: Sequence[Line]) -> dict[str, float]:
    """The four figures as scikit-learn has them, over the classes that are shown."""
    true, predicted = [line["label"] for line in lines], [line["predicted"] for line in lines]
    shown = sorted(set(true))
    return {
        "wa": accuracy_score(true, predicted),
        "ua": recall_score(true, predicted, labels=shown, average="macro"),
        "macro_f1": f1_score(true, predicted, labels=shown, average="macro"),
        "weighted_f1": f1_score(true, predicted, labels=shown, average="weighted"),
    }


def short(tiny: dict[str, Any], *assignments: str, **keys: Any) -> Experiment:
    """One seed and one autoencoder that is as good as any; what a test is about comes on top."""
    return resolve({**tiny, "seeds": 1, "models": ["VAE-LSTM"], "baselines": [], **keys}, None, assignments)


def changed(corpus: Corpus, **columns: Sequence[Any]) -> Corpus:
    """The same sounds under other facts."""
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return replace(
        corpus,
        utterances=tuple(replace(utterance, **row) for utterance, row in zip(corpus.utterances, rows, strict=True)),
    )


# What is written


def test_results_json_has_the_agreed_keys_and_shares(ran: Ran) -> None:
    content = json.loads((ran.out / "results.json").read_text())
    assert content == ran.outcome.results
    assert content["schema"] == 4
    assert (content["experiment"], content["corpus"], content["utterances"]) == ("tiny", "synthetic", 40)
    assert re.fullmatch("[0-9a-f]{16}", content["fingerprint"])
    assert [(row["model"], row["test_condition"]) for row in content["rows"]] == LINES
    for row in content["rows"]:
        assert set(ROW_KEYS) <= set(row)
        assert (row["subset"], row["target"], row["binning"]) == ("complete", "emotion", None)
        assert row["protocol"] == "2-groups-of-speakers"
        assert (row["normalise"], row["precision"]) == ("train", "float32")
        assert (row["n"], row["classes"], row["seeds"], row["published"]) == (40, EMOTIONS, 2, None)
        assert all(0 <= row[figure] <= 1 for figure in FIGURES)
        assert set(FIGURES) <= set(row["folds"]["mean"])
        assert set(FIGURES) <= set(row["folds"]["std"])
        assert [one["seed"] for one in row["per_seed"]] == [0, 1]
        assert set(row["intervals"]) == set(row["over_seeds"]) == set(FIGURES)
        assert set(row["over_speakers"]) == {"mean", "deviation", "n", "each"}
        assert row["over_speakers"]["n"] == len(row["over_speakers"]["each"]) == 10
        learned = {"reconstruction", "ensemble"} if row["latent"] else set()  # the others say the same for every seed
        assert set(row["trust"]) == {"prediction"} | learned
        assert (row["use"] is None) == (row["latent"] is None)
    assert [len(one["pairs"]) for one in content["comparisons"]] == [10]
    assert content["continuous"] == []


def test_only_the_oracle_uses_the_true_label(ran: Ran) -> None:
    marked = [(row["model"], row["test_condition"]) for row in ran.outcome.results["rows"] if row["uses_true_label"]]
    assert marked == [("CVAE-LSTM", "oracle")]
    kept = pq.read_table(ran.out / "predictions.parquet").to_pylist()
    assert {(one["model"], one["test_condition"]) for one in kept if one["uses_true_label"]} == {*marked}


def test_every_row_names_the_features_that_it_really_has(ran: Ran) -> None:
    named = {row["model"]: row["features"] for row in ran.outcome.results["rows"]}
    assert named["VAE-LSTM"] == named["CVAE-LSTM"] == "mean+log_variance"
    assert named["AE-LSTM"] != named["VAE-LSTM"]
    assert named["majority"] == "none"


def test_results_hold_no_time_no_host_and_no_path(ran: Ran) -> None:
    text = (ran.out / "results.json").read_text()
    assert str(ran.out.parent) not in text
    assert str(ran.cache) not in text
    assert len(platform.node()) < 4 or platform.node() not in text
    assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d|seconds|time", text)


def test_predictions_have_the_agreed_columns_and_every_utterance_once_a_seed(ran: Ran) -> None:
    assert pq.read_schema(ran.out / "predictions.parquet").names == COLUMNS + EMOTIONS
    lines = told(ran.out)
    counts = Counter((line["model"], line["test_condition"], line["seed"], line["utterance"]) for line in lines)
    assert set(counts.values()) == {1}
    assert len(lines) == len(LINES) * 2 * 40
    facts = {utterance.id: (utterance.speaker, utterance.emotion) for utterance in ran.corpus.utterances}
    assert all(facts[line["utterance"]] == (line["speaker"], line["label"]) for line in lines)


def test_no_speaker_is_in_two_folds(ran: Ran) -> None:
    folds: dict[str, set[str]] = {}
    for line in told(ran.out):
        folds.setdefault(line["speaker"], set()).add(line["fold"])
    assert len(folds) == 10
    assert all(len(names) == 1 for names in folds.values())


def test_probabilities_sum_to_one_and_the_greatest_names_the_prediction(ran: Ran) -> None:
    for line in told(ran.out):
        probabilities = [line[name] for name in EMOTIONS]
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        assert min(probabilities) >= 0
        assert line["predicted"] == EMOTIONS[int(np.argmax(probabilities))]


def test_every_figure_agrees_with_scikit_learn_on_the_written_predictions(ran: Ran) -> None:
    lines = told(ran.out)
    for row in ran.outcome.results["rows"]:
        mine = of_row(row, lines)
        by_seed = [[line for line in mine if line["seed"] == seed] for seed in (0, 1)]
        pooled = [figures(some) for some in by_seed]
        by_fold = [
            [figures([line for line in some if line["fold"] == fold]) for fold in sorted({x["fold"] for x in some})]
            for some in by_seed
        ]
        assert row["folds"]["count"] == 2
        for figure in FIGURES:
            assert row[figure] == pytest.approx(np.mean([one[figure] for one in pooled]), abs=1e-9)
            of_folds = np.array([[one[figure] for one in folds] for folds in by_fold])
            assert row["folds"]["mean"][figure] == pytest.approx(of_folds.mean(), abs=1e-9)
            assert row["folds"]["std"][figure] == pytest.approx(of_folds.std(axis=1, ddof=1).mean(), abs=1e-9)
            assert [one[figure] for one in row["per_seed"]] == pytest.approx([one[figure] for one in pooled], abs=1e-9)
        true, predicted = [line["label"] for line in mine], [line["predicted"] for line in mine]
        assert row["confusion"] == confusion_matrix(true, predicted, labels=EMOTIONS).tolist()
        assert row["ua"] == pytest.approx(balanced_accuracy_score(true, predicted), abs=1e-9)


def test_the_written_configuration_is_the_one_that_ran(ran: Ran) -> None:
    assert load(ran.out / "config.toml") == ran.experiment


# The same again


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_another_folder_and_any_number_of_processes_give_the_same_bytes(ran: Ran, tmp_path: Path, jobs: int) -> None:
    outcome = run(ran.experiment, ran.corpus, tmp_path / "out", tmp_path / "cache", jobs=jobs)
    assert outcome.computed == ran.outcome.computed == len(LINES) * 2 * 2
    assert written(tmp_path / "out") == written(ran.out)


@pytest.fixture
def copied(ran: Ran, tmp_path: Path) -> Path:
    """The run folder, free to be broken."""
    shutil.copytree(ran.out, tmp_path / "copied")
    return tmp_path / "copied"


def again(ran: Ran, out: Path, experiment: Experiment | None = None) -> Outcome:
    return run(experiment or ran.experiment, ran.corpus, out, ran.cache)


def test_a_second_run_computes_nothing_and_writes_the_same_bytes(ran: Ran, copied: Path) -> None:
    for name in written(copied):
        (copied / name).unlink()
    outcome = again(ran, copied)
    assert outcome.computed == 0
    assert outcome.results == ran.outcome.results
    assert written(copied) == written(ran.out)


def test_a_deleted_cell_alone_is_computed_again_to_the_same_result(ran: Ran, copied: Path) -> None:
    files = {place: json.loads(place.read_text())["cell"] for place in (copied / "cells").glob("*.json")}
    for model in ("functionals-SVM", "AE-LSTM", "VAE-LSTM", "CVAE-LSTM"):
        place = next(place for place in sorted(files) if files[place]["model"] == model)
        content, others = place.read_bytes(), {other: other.stat().st_mtime_ns for other in files if other != place}
        place.unlink()
        outcome = again(ran, copied)
        # Seeds mean nothing to a baseline: its file stands for both.
        assert outcome.computed == 1 or (model == "functionals-SVM" and outcome.computed == 2)
        assert place.read_bytes() == content
        assert {other: other.stat().st_mtime_ns for other in others} == others
        assert written(copied) == written(ran.out)


def test_deleted_autoencoders_are_trained_again_to_the_same_weights(ran: Ran, copied: Path) -> None:
    weights = {place: place.read_bytes() for place in (copied / "cells").glob("*.safetensors")}
    assert len(weights) == 3 * 2 * 2  # models, folds, seeds: both test conditions of the CVAE share one
    for place in [*weights, *(copied / "cells").glob("*.json")]:
        place.unlink()
    assert again(ran, copied).computed == ran.outcome.computed
    assert {place: place.read_bytes() for place in weights} == weights
    assert written(copied) == written(ran.out)


def test_one_seed_more_computes_that_seed_alone(ran: Ran, copied: Path) -> None:
    outcome = again(ran, copied, ran.experiment.model_copy(update={"seeds": 3}))
    assert outcome.computed == 4 * 2  # four lines that learn, two folds; a baseline knows no seed
    before = {(row["model"], row["test_condition"]): row["per_seed"] for row in ran.outcome.results["rows"]}
    for row in outcome.results["rows"]:
        assert row["per_seed"][:2] == before[row["model"], row["test_condition"]]


def test_another_seed_gives_other_predictions(ran: Ran) -> None:
    lines = told(ran.out)
    for row in ran.outcome.results["rows"]:
        of_seed = {
            seed: [[line[name] for name in EMOTIONS] for line in of_row(row, lines) if line["seed"] == seed]
            for seed in (0, 1)
        }
        # Baselines draw nothing.
        assert (of_seed[0] == of_seed[1]) == (row["model"] in ("majority", "functionals-SVM"))


@pytest.mark.parametrize(
    "assignment",
    [
        "features=mean",
        "classifier.learning_rate=0.02",
        "autoencoder.kl_weight=0.5",
        "normalise=none",
        "segments.step_ms=50",
        "autoencoder.kl_warmup=1",
        "autoencoder.free_bits=0.1",
        "classifier.dropout=0.2",
        "marginal_weights=prior",
        "draws=2",
    ],
)
def test_a_changed_setting_never_finds_an_old_result(
    ran: Ran, tiny: dict[str, Any], copied: Path, assignment: str
) -> None:
    changes = short(tiny, assignment)
    assert again(ran, copied, short(tiny)).computed == 0
    outcome = again(ran, copied, changes)
    assert outcome.computed == 2
    assert again(ran, copied, changes).computed == 0


class Threads(Watcher):
    def __init__(self) -> None:
        self.seen: set[int] = set()

    def step(self, _step: Step) -> None:
        self.seen.add(torch.get_num_threads())


def test_cells_run_with_one_thread_ask_no_global_generator_and_leave_both_as_they_were(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    experiment = short(tiny, models=["AE-LSTM", "CVAE-LSTM"], baselines=["functionals-SVM"])
    generator, threads, watcher = torch.get_rng_state(), torch.get_num_threads(), Threads()
    torch.set_num_threads(2)
    try:
        run(experiment, ran.corpus, tmp_path, ran.cache, watcher)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert watcher.seen == {1}
    assert torch.equal(torch.get_rng_state(), generator)


# Nothing learned sees the test fold


def context_of(ran: Ran, experiment: Experiment, task: Task | None, target: Any, folder: Path) -> Context:
    frames = corpus_frames(
        ran.corpus, experiment.front_end, ran.cache / "frames", at_least=least_frames(experiment.segments)
    )
    task = task_of(experiment, ran.corpus, target) if task is None else task
    return Context(experiment, frames, (task,), folder, Machine())


def exchanged(task: Task, members: Sequence[int], others: Sequence[int]) -> Task:
    """The labels of these utterances are those of the others; the folds stay."""
    source = dict(zip(members, others, strict=True))

    def moved(labels: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(labels[source.get(place, place)] for place in range(len(labels)))

    return replace(
        task,
        labels=moved(task.labels),
        condition_labels=moved(task.condition_labels),
        values=moved(task.values),
    )


def rolled(task: Task, members: Sequence[int]) -> Task:
    """The labels of these utterances passed on to the next of them; the folds stay."""
    return exchanged(task, members, [*members[-1:], *members[:-1]])


def probabilities_of(context: Context, fold: int) -> dict[tuple[str, str | None], bytes]:
    cells = [cell for cell in cells_of(context) if cell.fold == fold]
    for cell in cells:
        run_cell(context, cell, lambda _step: None)
    found = {}
    for cell in cells:
        result = result_of(context, cell)
        assert result is not None
        found[cell.model, cell.test_condition] = result.probabilities.tobytes()
    return found


EVERYTHING: dict[str, Any] = {
    "seeds": 1,
    "models": list(get_args(Model)),
    "baselines": [name for name in get_args(Baseline) if "eGeMAPS" not in name],
    "rivals": [name for name in get_args(Rival) if "eGeMAPS" not in name],
    "test_condition": list(get_args(TestCondition)),
    "draws": 2,
    "continuous": True,
    "segments": {"length_ms": 20},  # principal components of 800 values take seconds
    "front_end": {"bands": 10, "prosody": 1},
    "ensemble": {"of": ["segments", "VAE"], "spans": [{"length_ms": 20}]},
}
"""Every model, condition and way to a probability that needs no openSMILE."""
LEAK_CASES = [("emotion", "target"), ("arousal", "target"), ("arousal", "emotion")]


def all_said(context: Context, fold: int) -> dict[tuple[str, str | None, bool], CellResult]:
    """Model, condition, and whether a value is said -> all that a cell of this fold leaves."""
    found = {}
    for cell in (cell for cell in cells_of(context) if cell.fold == fold):
        run_cell(context, cell, lambda _step: None)
        result = result_of(context, cell)
        assert result is not None
        found[cell.model, cell.test_condition, cell.continuous] = result
    return found


def in_full(result: CellResult) -> str:
    """Probabilities, averaged ones, those of who stops the learning, curves, errors: every digit of them."""
    return json.dumps(result._asdict(), default=lambda array: array.tolist())


def ways_of(model: str, condition: str | None, *, value: bool) -> set[str]:
    """Which averaged probabilities a cell leaves when draws and dropout are on."""
    if value or condition == "bayes" or model not in (*get_args(Portable), "segments-LSTM", "PCA-LSTM"):
        return set()
    drawn = model in get_args(Portable) and model != "AE-LSTM"
    return {"posterior", "dropout"} if drawn else {"dropout"}


@pytest.mark.parametrize(("target", "condition"), LEAK_CASES)
@pytest.mark.parametrize("fold", [0, 1])
@pytest.mark.slow
def test_the_labels_of_who_is_tested_change_nothing_but_what_the_two_oracles_say(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path, target: str, condition: str, fold: int
) -> None:
    with_dropout = {**tiny["classifier"], "dropout": 0.5}
    experiment = resolve({**tiny, **EVERYTHING, "classifier": with_dropout, "condition": condition})
    before = context_of(ran, experiment, None, target, tmp_path / "before")
    (task,) = before.tasks
    tested = task.plan.folds[fold].test
    other = exchanged(task, tested, np.random.default_rng(fold).permutation(tested).tolist())
    assert other.labels != task.labels
    assert other.condition_labels != task.condition_labels
    assert (other.values != task.values) == (target != "emotion")
    assert sorted(str(label) for label in other.labels) == sorted(str(label) for label in task.labels)
    after = context_of(ran, experiment, other, target, tmp_path / "after")
    first, second = all_said(before, fold), all_said(after, fold)
    by_reading = {"oracle", "marginal", "predicted", "marginal+elbo"}
    by_bayes = {"bayes"} if condition == "target" else set()  # a bound on the emotion names no level
    assert {told for model, told, _ in first if model == "CVAE-LSTM"} == by_reading | by_bayes
    assert {told for model, told, _ in first if model == "SSVAE-LSTM"} == {None} | by_bayes
    alone = set(experiment.models + experiment.baselines + experiment.rivals)
    assert {model for model, _, _ in first} == alone | {"segments-ensemble", "VAE-ensemble"}
    for (model, told, value), result in first.items():
        assert set(result.averaged) == ways_of(model, told, value=value)
    oracles = [line for line in first if line[1] == "oracle" or line[0] == "speaker-oracle"]
    assert [line for line in first if in_full(first[line]) != in_full(second[line])] == oracles
    assert [line for line in first if (first[line].probabilities != second[line].probabilities).any()] == oracles
    # The autoencoders are the same, too: the oracle alone is told the class, when it is tested.
    weights = [
        {place.name: place.read_bytes() for place in (tmp_path / name).glob("*.safetensors")}
        for name in ("before", "after")
    ]
    assert weights[0] == weights[1]
    assert len(weights[0]) == len(set(experiment.models) - set(SHARED))
    # And so a finished result is found again under other labels, but for the oracles'.
    under_others = before._replace(tasks=(other,))
    lost = [cell for cell in cells_of(under_others) if cell.fold == fold and result_of(under_others, cell) is None]
    assert [(cell.model, cell.test_condition, cell.continuous) for cell in lost] == oracles


def test_a_marginal_result_is_found_again_when_the_tested_labels_change_and_an_oracles_is_not(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    before = context_of(ran, resolve({**tiny, "seeds": 1}), None, "emotion", tmp_path)
    (task,) = before.tasks
    probabilities_of(before, 0)
    after = before._replace(tasks=(rolled(task, task.plan.folds[0].test),))
    lost = [cell for cell in cells_of(after) if cell.fold == 0 and result_of(after, cell) is None]
    assert [(cell.model, cell.test_condition) for cell in lost] == [("CVAE-LSTM", "oracle")]


def test_the_labels_of_who_is_learned_from_change_every_learned_prediction(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    experiment = resolve({**tiny, "seeds": 1})
    before = context_of(ran, experiment, None, "emotion", tmp_path / "before")
    (task,) = before.tasks
    after = context_of(ran, experiment, rolled(task, task.plan.folds[0].train), "emotion", tmp_path / "after")
    first, second = probabilities_of(before, 0), probabilities_of(after, 0)
    # The majority counts the labels, and as many of each are there as before.
    assert [line for line in LINES if first[line] == second[line]] == [("majority", None)]


@pytest.mark.parametrize("normalise", ["none", "train", "utterance"])
def test_the_sound_of_one_tested_utterance_changes_the_predictions_of_no_other(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path, normalise: str
) -> None:
    experiment = short(tiny, f"normalise={normalise}", models=["VAE-LSTM"], baselines=["functionals-SVM"])
    ids = [utterance.id for utterance in ran.corpus.utterances]
    tested = context_of(ran, experiment, None, "emotion", tmp_path).tasks[0].plan.folds[0].test
    loud = ran.corpus.utterances[tested[0]].id
    voice = ran.corpus.voice
    assert voice is not None
    # Noise in place of the voice, which no loudness normalisation takes away.
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * SAMPLE_RATE_HZ).astype(np.float32)
    other_voice = voice._replace(
        waveform=lambda utterance: noise if utterance.id == loud else voice.waveform(utterance),
        digest=lambda utterance: "noise" if utterance.id == loud else voice.digest(utterance),
    )
    outs = {"as it is": tmp_path / "a", "noise": tmp_path / "b"}
    run(experiment, ran.corpus, outs["as it is"], ran.cache)
    run(experiment, replace(ran.corpus, voice=other_voice), outs["noise"], ran.cache)
    pairs = zip(told(outs["as it is"]), told(outs["noise"]), strict=True)
    moved = {
        (first["model"], first["utterance"])
        for first, second in pairs
        if first["utterance"] in {ids[member] for member in tested}
        and [first[name] for name in EMOTIONS] != [second[name] for name in EMOTIONS]
    }
    assert moved == {("VAE-LSTM", loud), ("functionals-SVM", loud)}


# Subsets, and what the paper printed


PUBLISHED = [
    {"model": "VAE-LSTM", "subset": "improvised", "wa": 63.21, "ua": 60.91},
    {"model": "VAE-LSTM", "subset": "complete", "ua": 56.08},
    {"model": "CVAE-LSTM", "subset": "improvised", "wa": 64.93},
    {"model": "VAE-LSTM", "subset": "improvised", "target": "arousal", "wa": 1.0},
]


@pytest.fixture(scope="module")
def divided() -> Corpus:
    """Every pair of speaker and emotion once improvised and once scripted."""
    corpus = open_corpus("synthetic:80")
    return changed(corpus, subset=["improvised" if x.id.endswith("0") else "scripted" for x in corpus.utterances])


def test_a_divided_corpus_has_a_row_for_each_subset_and_printed_figures_only_where_they_match(
    divided: Corpus, tiny: dict[str, Any], cache: Path, tmp_path: Path
) -> None:
    subsets = ["improvised", "scripted", "complete"]
    experiment = short(tiny, subsets=subsets, baselines=["majority"], published=PUBLISHED, published_for="iemocap")
    rows = run(experiment, divided, tmp_path, cache).results["rows"]
    assert [(row["subset"], row["model"], row["n"]) for row in rows] == [
        (subset, model, n)
        for subset, n in zip(subsets, (40, 40, 80), strict=True)
        for model in ("majority", "VAE-LSTM")
    ]
    printed = {(row["subset"], row["model"]): row["published"] for row in rows}
    assert printed.pop(("improvised", "VAE-LSTM")) == {"wa": 0.6321, "ua": 0.6091}
    assert printed.pop(("complete", "VAE-LSTM")) == {"ua": 0.5608}
    assert set(printed.values()) == {None}
    subset_of = {utterance.id: utterance.subset for utterance in divided.utterances}
    for line in told(tmp_path):
        assert line["subset"] in ("complete", subset_of[line["utterance"]])


def test_an_autoencoder_learns_from_the_other_subset_only_where_it_may(
    divided: Corpus, tiny: dict[str, Any], cache: Path, tmp_path: Path
) -> None:
    scripted = {x.id for x in divided.utterances if x.subset == "scripted"}
    voice = divided.voice
    assert voice is not None
    other_voice = voice._replace(
        waveform=lambda utterance: (
            0.5 * voice.waveform(utterance)[::-1].copy() if utterance.id in scripted else voice.waveform(utterance)
        ),
        digest=lambda utterance: voice.digest(utterance) + str(utterance.id in scripted),
    )
    same = {}
    for data in ("subset", "all"):
        experiment = short(tiny, f"autoencoder.data={data}", subsets=["improvised"])
        run(experiment, divided, tmp_path / data, cache)
        run(experiment, replace(divided, voice=other_voice), tmp_path / f"{data}-other", cache)
        first, second = (told(tmp_path / name) for name in (data, f"{data}-other"))
        same[data] = first == second
    assert same == {"subset": True, "all": False}


def test_a_corpus_that_is_not_divided_is_taken_whole_and_says_so(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    results = again(ran, tmp_path, short(tiny, subsets=["improvised", "scripted"])).results
    assert [row["subset"] for row in results["rows"]] == ["complete"]
    assert any("no subsets" in notice and "improvised, scripted" in notice for notice in results["notices"])


def test_a_study_of_other_subsets_takes_those_that_the_corpus_has_and_says_so(
    divided: Corpus, tiny: dict[str, Any], cache: Path, tmp_path: Path
) -> None:
    experiment = short(tiny, models=[], baselines=["majority"], subsets=["read", "complete"])
    results = run(experiment, divided, tmp_path, cache).results
    assert [row["subset"] for row in results["rows"]] == ["improvised", "scripted", "complete"]
    assert any("no subset read" in notice for notice in results["notices"])


def test_a_cvae_learns_from_the_other_subset_as_the_others_do(
    divided: Corpus, tiny: dict[str, Any], cache: Path, tmp_path: Path
) -> None:
    experiment = short(tiny, models=["AE-LSTM", "VAE-LSTM", "CVAE-LSTM"])
    frames = corpus_frames(divided, experiment.front_end, cache / "frames", at_least=1)
    task = task_of(experiment, divided, "emotion", "improvised")
    context = Context(experiment, frames, (task,), tmp_path, Machine())
    learned = {cell.model: autoencoder_members(context, cell)[0] for cell in cells_of(context) if cell.fold == 0}
    assert learned["CVAE-LSTM"] == learned["VAE-LSTM"] == learned["AE-LSTM"]
    assert {divided.utterances[member].subset for member in learned["CVAE-LSTM"]} == {"improvised", "scripted"}


def test_the_results_say_who_is_in_each_fold(ran: Ran) -> None:
    (plan,) = ran.outcome.results["plans"]
    speakers = {utterance.speaker for utterance in ran.corpus.utterances}
    for fold in plan["folds"]:
        sides = [set(fold[role]["speakers"]) for role in ("train", "validation", "test")]
        assert set.union(*sides) == speakers
        assert sum(map(len, sides)) == len(speakers)
    assert sum(sum(fold["test"]["classes"].values()) for fold in plan["folds"]) == 40


def test_how_often_the_threshold_was_reached_is_told(ran: Ran, tiny: dict[str, Any], tmp_path: Path) -> None:
    for threshold, reached in ((1e6, 2), (1e-6, 0)):
        experiment = short(tiny, f"autoencoder.threshold={threshold}", "autoencoder.stop=threshold")
        (row,) = again(ran, tmp_path / str(reached), experiment).results["rows"]
        assert row["threshold_reached"] == {"reached": reached, "trainings": 2}
        assert f"in {reached} of 2 trainings" in (tmp_path / str(reached) / "table.md").read_text()


def test_a_subset_that_a_divided_corpus_does_not_have_is_named(
    divided: Corpus, tiny: dict[str, Any], cache: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no subset read; it has improvised, scripted, complete"):
        run(short(tiny, subsets=["read"]), divided, tmp_path, cache)


# Targets and classes


@pytest.mark.parametrize("binning", ["paper", "tian"])
def test_dimensions_are_told_in_three_levels_with_the_emotion_as_condition(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path, binning: Any
) -> None:
    experiment = resolve(
        {**tiny, "seeds": 1, "targets": ["arousal", "power"], "binning": binning, "condition": "emotion"}
    )
    rows = again(ran, tmp_path, experiment).results["rows"]
    assert [(row["target"], row["model"], row["test_condition"]) for row in rows] == [
        (target, *line) for target in ("arousal", "power") for line in LINES
    ]
    assert all(row["binning"] == binning and row["classes"] == ["low", "mid", "high"] for row in rows)
    rated = {x.id: {"arousal": x.arousal, "power": x.dominance} for x in ran.corpus.utterances}
    lines = told(tmp_path)
    assert len(lines) == 2 * len(LINES) * 40
    for line in lines:
        value = rated[line["utterance"]][line["target"]]
        assert value is not None
        assert line["label"] == level(value, binning)


@pytest.mark.parametrize(("condition", "told_classes"), [("target", ("low", "mid", "high")), ("emotion", EMOTIONS)])
def test_a_cvae_of_a_dimension_is_told_the_level_or_the_emotion(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path, condition: str, told_classes: Sequence[str]
) -> None:
    experiment = short(tiny, models=["CVAE-LSTM"], targets=["arousal"], condition=condition)
    task = task_of(experiment, ran.corpus, "arousal")
    assert task.condition_classes == tuple(told_classes)
    if condition == "emotion":
        assert task.condition_labels == tuple(utterance.emotion for utterance in ran.corpus.utterances)
    else:
        assert task.condition_labels == task.labels
    again(ran, tmp_path, experiment)
    for place in (tmp_path / "cells").glob("*.safetensors"):
        assert safetensors.torch.load_file(place)["encoder.0.weight"].shape[1] == 800 + len(told_classes)


def test_targets_side_by_side_leave_the_columns_of_each_others_classes_empty(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    again(ran, tmp_path, short(tiny, targets=["emotion", "arousal"]))
    for line in told(tmp_path):
        filled = EMOTIONS if line["target"] == "emotion" else ["low", "mid", "high"]
        assert [name for name in (*EMOTIONS, "low", "mid", "high") if line[name] is not None] == filled


def test_targets_that_divide_people_alike_share_their_autoencoders(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    corpus = changed(ran.corpus, valence=[utterance.arousal for utterance in ran.corpus.utterances])
    experiment = short(tiny, targets=["arousal", "valence"], condition="emotion", models=["VAE-LSTM", "CVAE-LSTM"])
    run(experiment, corpus, tmp_path, ran.cache)
    assert len(list((tmp_path / "cells").glob("*.safetensors"))) == 2 * 2  # models and folds


def test_choices_of_features_share_their_autoencoders(ran: Ran, tiny: dict[str, Any], tmp_path: Path) -> None:
    for features in ("mean", "mean+variance", "sample"):
        assert again(ran, tmp_path, short(tiny, features=features)).computed == 2
    assert len(list((tmp_path / "cells").glob("*.safetensors"))) == 2


def test_chosen_classes_alone_are_told_apart(ran: Ran, tiny: dict[str, Any], tmp_path: Path) -> None:
    (row,) = again(ran, tmp_path, short(tiny, classes=["anger", "sadness"])).results["rows"]
    assert (row["classes"], row["n"]) == (["anger", "sadness"], 20)
    assert {line["label"] for line in told(tmp_path)} == {"anger", "sadness"}


def test_a_chosen_class_that_nobody_shows_is_named(ran: Ran, tiny: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no utterance is labelled boredom; there are anger, happiness"):
        again(ran, tmp_path, short(tiny, classes=["anger", "boredom"]))


def test_a_target_without_any_label_is_told(ran: Ran, tiny: dict[str, Any], tmp_path: Path) -> None:
    unrated = changed(ran.corpus, valence=[None] * 40)
    with pytest.raises(CorpusError, match="no utterance has a label for valence"):
        run(short(tiny, targets=["valence"]), unrated, tmp_path, ran.cache)


@pytest.mark.parametrize("target", ["emotion", "arousal"])
def test_four_class_leaves_other_emotions_out_of_every_target(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path, target: str
) -> None:
    emotions = [
        "boredom" if x.speaker in ("F1", "F2", "M1", "M2") and x.emotion == "anger" else x.emotion
        for x in ran.corpus.utterances
    ]
    corpus = changed(ran.corpus, emotion=emotions)
    counts = {}
    for utterances in ("all", "four-class"):
        experiment = short(tiny, targets=[target], utterances=utterances)
        (row,) = run(experiment, corpus, tmp_path / utterances, ran.cache).results["rows"]
        counts[utterances] = row["n"]
        assert ("boredom" in row["classes"]) == (target == "emotion" and utterances == "all")
    assert counts == {"all": 40, "four-class": 36}


@pytest.mark.parametrize(
    "assignments",
    [
        ["merge=statistics", "features=sample"],
        ["merge=statistics"],
        ["features=mean+variance", "segments.step_ms=50", "segments.tail=drop"],
        ["normalise=speaker", "classifier.scale_inputs=false", "classifier.class_weights=balanced"],
        ["autoencoder.condition_decoder=false", "autoencoder.stop=threshold", "autoencoder.threshold=1000"],
        ["precision=bfloat16"],
        ["autoencoder.kl_warmup=1"],
        ["autoencoder.free_bits=0.5"],
        ["classifier.dropout=0.5", "draws=3"],
        ["protocol.kind=session"],
        ["protocol.kind=held-out"],
    ],
    ids=" ".join,
)
@pytest.mark.slow
def test_every_choice_runs_and_is_repeatable(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path, assignments: list[str]
) -> None:
    experiment = short(tiny, *assignments, models=["VAE-LSTM", "CVAE-LSTM"])
    for name in ("a", "b"):
        again(ran, tmp_path / name, experiment)
    assert written(tmp_path / "a") == written(tmp_path / "b")
    plain, lines = tmp_path / "plain", told(tmp_path / "a")
    again(ran, plain, short(tiny, models=["VAE-LSTM", "CVAE-LSTM"]))
    assert len(lines) in (3 * 40, 3 * 4)
    probabilities = [[[line[name] for name in EMOTIONS] for line in some] for some in (lines, told(plain))]
    assert probabilities[0] != probabilities[1]
    assert np.allclose(np.sum(probabilities[0], axis=1), 1, atol=1e-5)


def test_draws_stand_beside_the_predictions_and_change_none_of_them(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    models = ["AE-LSTM", "VAE-LSTM"]
    with_none, with_some = (
        again(
            ran, tmp_path / str(draws), short(tiny, f"draws={draws}", "classifier.dropout=0.3", models=models)
        ).results
        for draws in (0, 3)
    )
    assert told(tmp_path / "0") == told(tmp_path / "3")
    ways = {row["model"]: set(row["trust"]) for row in with_some["rows"]}
    assert ways == {
        "AE-LSTM": {"prediction", "dropout", "reconstruction"},
        "VAE-LSTM": {"prediction", "dropout", "posterior", "reconstruction"},
    }
    for before, after in zip(with_none["rows"], with_some["rows"], strict=True):
        assert {"prediction", "reconstruction"} == set(before["trust"])
        assert {way: after["trust"][way] for way in before["trust"]} == before["trust"]
    assert "| VAE-LSTM, posterior " in (tmp_path / "3" / "table.md").read_text()


@pytest.mark.slow
def test_every_model_and_condition_has_its_line_in_one_table(ran: Ran, tiny: dict[str, Any], tmp_path: Path) -> None:
    stated = {**tiny, **EVERYTHING, "rivals": [], "draws": 0, "targets": ["emotion", "arousal"]}
    results = again(ran, tmp_path, resolve(stated)).results
    baselines = ["majority", "speaker-oracle", "functionals-SVM", "segments-LSTM", "PCA-LSTM", "PCA-SVM"]
    baselines += ["functionals-LDA", "PCA-LDA", "segments-SVM", "segments-LDA"]
    baselines += ["prosody-SVM", "prosody-LDA", "cepstra-SVM", "cepstra-LDA"]
    expected = [
        *((name, None) for name in (*baselines, "AE-LSTM", "VAE-LSTM")),
        *(("CVAE-LSTM", told) for told in ("oracle", "marginal", "predicted", "bayes", "marginal+elbo")),
        *(("SSVAE-LSTM", told) for told in (None, "bayes")),
        *((machine, None) for machine in (*SHARED, "segments-ensemble", "VAE-ensemble")),
    ]
    for target in ("emotion", "arousal"):
        rows = [row for row in results["rows"] if row["target"] == target]
        assert [(row["model"], row["test_condition"]) for row in rows] == expected
        marked = [(row["model"], row["test_condition"]) for row in rows if row["uses_true_label"]]
        assert marked == [("speaker-oracle", None), ("CVAE-LSTM", "oracle")]
        for row in rows:
            lines = [line for line in of_row(row, told(tmp_path)) if line["seed"] == 0]
            assert {figure: row[figure] for figure in FIGURES} == pytest.approx(figures(lines))
    sized = {row["model"] for row in results["rows"] if row["latent"]}
    assert sized == {*get_args(Model), "PCA-LSTM", *PRINCIPAL, "VAE-ensemble"}
    assert {row["model"] for row in results["rows"] if row["use"]} == set(get_args(Model))
    features = {row["model"]: row["features"] for row in results["rows"]}
    assert (features["PCA-LSTM"], features["SSVAE-LSTM"]) == ("principal components", "mean+log_variance")
    text = (tmp_path / "table.md").read_text()
    assert "| CVAE-LSTM (marginal+elbo) " in text
    assert "| SSVAE-LSTM (bayes) " in text
    assert "| speaker-oracle† " in text


def test_a_share_of_rows_that_shows_not_every_class_is_scored_over_the_others(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    (row,) = again(ran, tmp_path, short(tiny, "protocol.kind=held-out-random", "protocol.share=0.05")).results["rows"]
    lines = told(tmp_path)
    assert row["n"] == len(lines) == 2
    assert row["wa"] == pytest.approx(figures(lines)["wa"])
    assert row["ua"] == pytest.approx(figures(lines)["ua"])
    absent = sorted(set(EMOTIONS) - {line["label"] for line in lines})
    assert list(row["folds"]["absent_classes"].values()) == [absent]


def test_a_model_named_twice_counts_every_utterance_once(ran: Ran, tiny: dict[str, Any], tmp_path: Path) -> None:
    try:
        experiment = short(tiny, models=["VAE-LSTM", "VAE-LSTM"])
    except ConfigError:
        return  # refusing is as good
    assert {row["n"] for row in again(ran, tmp_path, experiment).results["rows"]} == {40}


# Bad recordings


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The synthetic voices as files, one of which is broken and one too short."""
    corpus, folder = open_corpus("synthetic:40"), tmp_path_factory.mktemp("recorded")
    for utterance in corpus.utterances:
        soundfile.write(folder / f"{utterance.id}.wav", corpus.waveform(utterance), SAMPLE_RATE_HZ)
    (folder / f"{corpus.utterances[5].id}.wav").write_bytes(b"RIFF, or so it says")
    soundfile.write(folder / f"{corpus.utterances[9].id}.wav", np.full(800, 0.1), SAMPLE_RATE_HZ)
    with_files = changed(corpus, audio=[folder / f"{utterance.id}.wav" for utterance in corpus.utterances])
    return replace(with_files, name="recorded", voice=None)


def moved_to(corpus: Corpus, folder: Path) -> Corpus:
    places = [utterance.audio for utterance in corpus.utterances if utterance.audio is not None]
    folder.mkdir()
    return changed(corpus, audio=[Path(shutil.copy(place, folder / place.name)) for place in places])


def test_bad_recordings_stop_a_run_before_anything_is_computed(
    recorded: Corpus, tiny: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(AudioError, match="2 of 40 recordings of recorded cannot be used") as caught:
        run(short(tiny), recorded, tmp_path / "out", tmp_path / "cache")
    assert all(recorded.utterances[place].id in str(caught.value) for place in (5, 9))
    assert not (tmp_path / "out" / "results.json").exists()
    assert not list((tmp_path / "out").glob("cells/*"))


def test_bad_recordings_may_be_skipped_and_are_listed_each_with_its_reason(
    recorded: Corpus, tiny: dict[str, Any], tmp_path: Path
) -> None:
    experiment = short(tiny, on_bad_audio="skip")
    results = run(experiment, recorded, tmp_path / "out", tmp_path / "cache").results
    bad = {recorded.utterances[place].id for place in (5, 9)}
    assert {problem["utterance"] for problem in results["left_out"]} == bad
    assert all(problem["why"] for problem in results["left_out"])
    assert results["utterances"] == results["rows"][0]["n"] == 38
    assert not bad & {line["utterance"] for line in told(tmp_path / "out")}
    assert "2 recordings were left out" in (tmp_path / "out" / "table.md").read_text()


def test_the_folder_of_the_recordings_leaves_no_trace_in_the_results(
    recorded: Corpus, tiny: dict[str, Any], tmp_path: Path
) -> None:
    experiment = short(tiny, on_bad_audio="skip")
    run(experiment, recorded, tmp_path / "here", tmp_path / "cache")
    run(experiment, moved_to(recorded, tmp_path / "elsewhere"), tmp_path / "there", tmp_path / "other cache")
    assert written(tmp_path / "here") == written(tmp_path / "there")


# Jobs, and who watches


def test_cells_that_share_an_autoencoder_are_one_job_and_every_cell_is_in_one(ran: Ran, tmp_path: Path) -> None:
    context = context_of(ran, ran.experiment, None, "emotion", tmp_path)
    cells = list(cells_of(context))
    jobs = jobs_of(context, cells)
    assert sorted(map(str, (cell for job in jobs for cell in job))) == sorted(map(str, cells))
    # Three autoencoders for two folds and two seeds, the CVAE's for two test conditions; baselines know no seed.
    assert len(jobs) == 3 * 2 * 2 + 2 * 2
    assert {len(job) for job in jobs if job[0].model == "CVAE-LSTM"} == {2}
    assert {job[0].model for job in jobs[:4]} == {"CVAE-LSTM"}


class Recorder(Watcher):
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.finished_cells: list[Cell] = []
        self.planned_cells: list[Cell] = []
        self.found = -1

    def planned(self, _context: Context, jobs: Sequence[Job], finished: int) -> None:
        self.planned_cells, self.found = [cell for job in jobs for cell in job], finished

    def step(self, step: Step) -> None:
        self.steps.append(step)

    def done(self, job: Job) -> None:
        self.finished_cells += job


def epochs_told(watcher: Recorder) -> Iterator[tuple[str, str]]:
    return ((step.cell.model, step.stage) for step in watcher.steps)


def test_who_watches_is_told_every_epoch_and_every_job(ran: Ran, tiny: dict[str, Any], tmp_path: Path) -> None:
    experiment = short(tiny, models=["VAE-LSTM", "CVAE-LSTM"], baselines=["majority"])
    first, second = Recorder(), Recorder()
    for watcher in (first, second):
        run(experiment, ran.corpus, tmp_path, ran.cache, watcher)
    assert (len(first.planned_cells), first.found) == (8, 0)
    assert first.finished_cells == first.planned_cells
    # Two epochs in each of two folds; the CVAE is trained once for two classifiers.
    assert Counter(epochs_told(first)) == {
        ("VAE-LSTM", "VAE"): 4,
        ("VAE-LSTM", "LSTM"): 4,
        ("CVAE-LSTM", "CVAE"): 4,
        ("CVAE-LSTM", "LSTM"): 8,
    }
    assert (second.planned_cells, second.found, second.steps) == ([], 8, [])


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_training_that_diverges_is_told_in_any_process_and_keeps_what_is_finished(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path, jobs: int
) -> None:
    experiment = short(tiny, "autoencoder.learning_rate=1e12", baselines=["majority"])
    with pytest.raises(EmovaeError, match=r"training diverged; lower autoencoder\.learning_rate"):
        run(experiment, ran.corpus, tmp_path, ran.cache, jobs=jobs)
    assert not (tmp_path / "results.json").exists()
    assert not [place for place in (tmp_path / "cells").glob("*") if place.suffix not in (".json", ".safetensors")]


def test_an_utterance_without_emotion_may_still_be_of_a_dimension(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    without = {utterance.id for utterance in ran.corpus.utterances if utterance.speaker in ("F1", "M3")}
    unnamed = changed(ran.corpus, emotion=[None if x.id in without else x.emotion for x in ran.corpus.utterances])
    experiment = resolve({**tiny, "seeds": 1, "targets": ["arousal"], "condition": "emotion", "baselines": []})
    results = run(experiment, unnamed, tmp_path, ran.cache).results
    assert {row["n"] for row in results["rows"]} == {40}
    by_condition: dict[str | None, list[Line]] = {}
    for line in told(tmp_path):
        if line["model"] == "CVAE-LSTM" and line["utterance"] in without:
            by_condition.setdefault(line["test_condition"], []).append(line)
    assert {len(lines) for lines in by_condition.values()} == {8}


def utterances_without_an_emotion(corpus: Corpus, speakers: set[str]) -> tuple[Utterance, ...]:
    return tuple(
        replace(utterance, emotion=None) if utterance.speaker in speakers else utterance
        for utterance in corpus.utterances
    )


def test_a_cvae_whose_stopping_speakers_have_no_condition_says_so(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    experiment = resolve(
        {**tiny, "seeds": 1, "targets": ["arousal"], "condition": "emotion", "models": ["CVAE-LSTM"], "baselines": []}
    )
    fold = task_of(experiment, ran.corpus, "arousal").plan.folds[0]
    stopping = {ran.corpus.utterances[member].speaker for member in fold.validation}
    corpus = replace(ran.corpus, utterances=utterances_without_an_emotion(ran.corpus, stopping))
    # Either it can do without, or it says what is missing in words that a person can act on.
    with contextlib.suppress(EmovaeError):
        outcome = run(experiment, corpus, tmp_path, ran.cache)
        assert {row["n"] for row in outcome.results["rows"]} == {40}
