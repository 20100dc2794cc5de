"""Support vector machines on statistics over time: models beside the LSTMs, with the same autoencoders."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
from click.testing import CliRunner
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emovae.cells import finished, run_cell
from emovae.config import Experiment
from emovae.corpora import Corpus, open_corpus
from emovae.descriptors import descriptors_of
from emovae.encoders import encoder_place
from emovae.errors import ConfigError, ProtocolError
from emovae.experiment import Outcome, run
from emovae.final import Means, train_final
from emovae.frames import CorpusFrames, corpus_frames
from emovae.functionals import per_speaker
from emovae.grid import Cell, Context, cells_of
from emovae.keys import cell_key
from emovae.kinds import SHARED
from emovae.machine import Machine
from emovae.plan import Fold
from emovae.presets import resolve
from emovae.report import write_report
from emovae.shells.cli import cli
from emovae.stages import Step
from emovae.tables import markdown
from emovae.tasks import tasks_of
from emovae.together import stacks_of
from emovae.views import read_views
from emovae.watcher import Watcher
from emovae.workers import jobs_of

EMOTIONS = ["anger", "happiness", "neutral", "sadness"]
BASELINES = ["majority", "functionals-SVM", "PCA-SVM", "functionals-LDA", "PCA-LDA"]
MODELS = ["AE-SVM", "VAE-LSTM", "VAE-SVM", "AE-LDA", "VAE-LDA"]
MACHINES = [*BASELINES[1:], *(model for model in MODELS if model != "VAE-LSTM")]

Values = NDArray[np.float64]


class Steps(Watcher):
    def __init__(self) -> None:
        self.told: list[Step] = []

    def step(self, step: Step) -> None:
        self.told.append(step)


class Ran:
    """The tiny experiment with machines, run once."""

    def __init__(self, experiment: Experiment, corpus: Corpus, out: Path, cache: Path) -> None:
        self.experiment, self.corpus, self.out, self.cache = experiment, corpus, out, cache
        watcher = Steps()
        self.outcome: Outcome = run(experiment, corpus, out, cache, watcher)
        self.steps = watcher.told

    @property
    def context(self) -> Context:
        return context_of(self.experiment, self.corpus, self.cache, self.out / "cells")

    def said(self, model: str, fold: Fold) -> tuple[list[str], Values]:
        """Utterances and probabilities, as written."""
        lines = pq.read_table(self.out / "predictions.parquet").to_pylist()
        mine = [line for line in lines if (line["model"], line["fold"]) == (model, fold.name)]
        return [line["utterance"] for line in mine], np.array([[line[name] for name in EMOTIONS] for line in mine])


def context_of(experiment: Experiment, corpus: Corpus, cache: Path, folder: Path) -> Context:
    frames = corpus_frames(corpus, experiment.front_end, cache / "frames", at_least=10)
    tasks, described = tasks_of(experiment, corpus, frames.utterances), cache / "descriptors"
    return Context(experiment, frames, tasks, folder, Machine(), descriptors_of(experiment, corpus, frames, described))


def keys_of(tiny: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {**tiny, "seeds": 1, "models": MODELS, "baselines": BASELINES, "test_condition": ["marginal"], **keys}


@pytest.fixture(scope="module")
def scaled(ran: Ran, tiny: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The same with statistics normalised over each speaker, beside eGeMAPS."""
    keys = keys_of(tiny, baselines=[*BASELINES, "eGeMAPS-SVM"], normalise_statistics="speaker")
    return Ran(resolve(keys), ran.corpus, tmp_path_factory.mktemp("scaled") / "out", ran.cache)


@pytest.fixture(scope="module")
def ran(small_corpus: Corpus, cache: Path, tiny: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return Ran(resolve(keys_of(tiny)), small_corpus, tmp_path_factory.mktemp("machines") / "out", cache)


# By hand


def segments_of(frames: CorpusFrames, members: Sequence[int], learned_from: Sequence[int]) -> list[Values]:
    """Normalised segments [segment, 800] of each: the last frame repeated at the end."""
    pool = np.concatenate([frames.of(member) for member in learned_from]).astype(np.float64)
    found = []
    for member in members:
        rows = (frames.of(member).astype(np.float64) - pool.mean(0)) / pool.std(0)
        rows = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % 10, axis=0)])
        found.append(rows.reshape(-1, 800))
    return found


def statistics(rows: Values) -> Values:
    quantiles = np.quantile(rows, (0.1, 0.5, 0.9), axis=0)
    return np.concatenate([rows.mean(0), rows.std(0), *quantiles, np.abs(np.diff(rows, axis=0)).mean(0)])


def encoded(context: Context, cell: Cell, segments: Values) -> Values:
    """What the kept autoencoder makes of segments, by its weights."""
    weights = safetensors.numpy.load_file(encoder_place(context, cell))

    def layer(name: str, inputs: Values) -> Values:
        return np.asarray(inputs @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], np.float64)

    hidden = np.maximum(layer("encoder.0", segments), 0)
    names = ("code",) if cell.model.startswith("AE-") else ("mean", "log_variance")
    return np.concatenate([layer(name, hidden) for name in names], axis=1)


def vectors_of(context: Context, cell: Cell, members: Sequence[int]) -> Values:
    fold = context.fold(cell)
    segments = segments_of(context.frames, members, fold.train)
    if cell.model.startswith("PCA-"):
        learned = PCA(4).fit(np.concatenate(segments_of(context.frames, fold.train, fold.train)))
        return np.stack([statistics(learned.transform(one)) for one in segments])
    if cell.model.startswith("functionals-"):
        pool = np.concatenate([context.frames.of(member) for member in fold.train]).astype(np.float64)
        frames = [(context.frames.of(member) - pool.mean(0)) / pool.std(0) for member in members]
        return np.stack([statistics(one) for one in frames])
    return np.stack([statistics(encoded(context, cell, one)) for one in segments])


def by_scikit_learn(context: Context, cell: Cell, train: Values, test: Values) -> Values:
    fold, (task,) = context.fold(cell), context.tasks
    labels = task.numbers([*fold.train, *fold.validation])[: len(train)]
    if cell.model.endswith("-LDA"):
        return by_discriminant(train, labels, test)
    machine = make_pipeline(StandardScaler(), SVC())
    machine.fit(train, labels)
    decisions: Values = machine.decision_function(test)
    return np.asarray(softmax(decisions, axis=1))


def by_discriminant(train: Values, labels: NDArray[np.int64], test: Values) -> Values:
    """The posterior of Gaussian classes with one covariance, the mean over classes of each one's own, shrunk."""
    scale = StandardScaler().fit(train)
    train, test = scale.transform(train), scale.transform(test)
    names, counts = np.unique(labels, return_counts=True)
    shares, means = counts / len(labels), np.stack([train[labels == name].mean(0) for name in names])
    within = np.zeros((train.shape[1], train.shape[1]))
    for name, share in zip(names, shares, strict=True):
        rows = train[labels == name]
        deviation = np.where(rows.std(0) > 0, rows.std(0), 1)
        shrunk, _ = ledoit_wolf((rows - rows.mean(0)) / deviation)
        within += share * shrunk * np.outer(deviation, deviation)
    ways = np.linalg.solve(within, means.T)
    log = test @ ways - 0.5 * np.sum(means.T * ways, axis=0) + np.log(shares)
    return np.asarray(softmax(log, axis=1))


def cells_named(context: Context, *models: str) -> list[Cell]:
    return [cell for cell in cells_of(context) if cell.model in models]


@pytest.mark.parametrize("model", MACHINES)
def test_a_machine_says_what_scikit_learn_says_of_statistics_made_by_hand(ran: Ran, model: str) -> None:
    context = ran.context
    for cell in cells_named(context, model):
        fold = context.fold(cell)
        assert fold.validation
        sides = ((*fold.train, *fold.validation), fold.test)
        train, test = (vectors_of(context, cell, members) for members in sides)
        names, said = ran.said(model, fold)
        assert names == context.ids(fold.test)
        np.testing.assert_allclose(said, by_scikit_learn(context, cell, train, test), atol=2e-4)
        # The tolerance is narrow: without the speakers who stop the others it is another machine.
        alone = by_scikit_learn(context, cell, train[: len(fold.train)], test)
        assert np.abs(said - alone).max() > 0.01


def over_speakers(rows: Values, speakers: Sequence[str]) -> Values:
    """Mean 0 and deviation 1 within each speaker, one row after the other."""
    out = []
    for row, speaker in zip(rows, speakers, strict=True):
        theirs = rows[[other == speaker for other in speakers]]
        out.append((row - theirs.mean(0)) / theirs.std(0))
    return np.array(out)


@pytest.mark.parametrize("model", [*MACHINES, "eGeMAPS-SVM"])
def test_statistics_are_normalised_over_all_that_a_speaker_says(scaled: Ran, model: str) -> None:
    context = scaled.context
    utterances = context.frames.utterances
    everyone, speakers = range(len(utterances)), [utterance.speaker for utterance in utterances]
    for cell in cells_named(context, model):
        fold = context.fold(cell)
        plain = (
            np.concatenate([context.rows(cell).of(member) for member in everyone]).astype(np.float64)
            if model == "eGeMAPS-SVM"
            else vectors_of(context, cell, everyone)
        )
        rows = over_speakers(plain, speakers)
        expected = by_scikit_learn(context, cell, rows[[*fold.train, *fold.validation]], rows[list(fold.test)])
        names, said = scaled.said(model, fold)
        assert names == context.ids(fold.test)
        np.testing.assert_allclose(said, expected, atol=2e-3)
        without = by_scikit_learn(context, cell, plain[[*fold.train, *fold.validation]], plain[list(fold.test)])
        assert np.abs(said - without).max() > 0.02


def test_a_speaker_of_one_utterance_and_a_value_that_never_differs_are_zero() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(5, 3, (7, 4)).astype(np.float32)
    rows[:3, 1] = np.float32(0.1)
    rows[3:6, 2] = np.float32(1e6 / 3) * np.array([1, 1, 1 + 1e-7], np.float32)  # a rounding apart
    found = per_speaker(rows, ["ann", "ann", "ann", "bob", "bob", "bob", "cai"])
    assert not found[6].any()
    assert not found[:3, 1].any()
    assert not found[3:6, 2].any()
    np.testing.assert_allclose(found[:3, [0, 2, 3]], StandardScaler().fit_transform(rows[:3, [0, 2, 3]]), rtol=1e-5)
    assert found.dtype == np.float32


def test_what_a_speaker_says_outside_the_task_sets_the_scale_too(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    keys = keys_of(tiny, models=[], baselines=["functionals-SVM"], classes=EMOTIONS[:3], normalise_statistics="speaker")
    context = context_of(resolve(keys), ran.corpus, ran.cache, tmp_path)
    cell = next(cells_of(context))
    everyone = range(len(context.frames.utterances))
    speakers = [utterance.speaker for utterance in context.frames.utterances]
    fold = context.fold(cell)
    assert len(fold.train) + len(fold.validation) + len(fold.test) == 30
    # Normalised over those who are learned from, of the task or not; the machine does not mind.
    pool = np.concatenate([context.frames.of(member) for member in (*fold.train, *fold.extra)]).astype(np.float64)
    plain = [statistics((context.frames.of(member) - pool.mean(0)) / pool.std(0)) for member in everyone]
    rows = over_speakers(np.array(plain), speakers)
    run_cell(context, cell, lambda _step: None)
    expected = by_scikit_learn(context, cell, rows[[*fold.train, *fold.validation]], rows[list(fold.test)])
    np.testing.assert_allclose(finished(context, cell).probabilities, expected, atol=2e-3)


@pytest.mark.slow
def test_only_the_rows_of_machines_are_normalised_so_and_the_table_says_it(ran: Ran, scaled: Ran) -> None:
    rows = {row["model"]: row for row in scaled.outcome.results["rows"]}
    assert {model for model, row in rows.items() if row["normalise_statistics"] == "speaker"} == {
        *MACHINES,
        "eGeMAPS-SVM",
    }
    for fold in ran.context.tasks[0].plan.folds:
        for model in ("majority", "VAE-LSTM"):
            np.testing.assert_array_equal(scaled.said(model, fold)[1], ran.said(model, fold)[1])
    table = (scaled.out / "table.md").read_text()
    machines = ", ".join([*BASELINES[1:], "eGeMAPS-SVM", *(model for model in MODELS if model in SHARED)])
    caption = (
        f"normalise train; normalise_statistics speaker in {machines}"
        " (transductive: the tested audio's own statistics);"
    )
    assert caption in table
    assert "transductive" not in (ran.out / "table.md").read_text()
    write_report(scaled.out)
    for name in ("report.html", "table.tex"):
        assert "transductive" in (scaled.out / name).read_text()


def test_normalised_statistics_have_keys_of_their_own_and_the_others_keep_theirs(ran: Ran, scaled: Ran) -> None:
    before = {cell: cell_key(ran.context, cell) for cell in cells_of(ran.context)}
    after = {cell: cell_key(scaled.context, cell) for cell in cells_of(scaled.context) if cell in before}
    assert after.keys() == before.keys()
    assert {cell.model for cell in before if before[cell] != after[cell]} == set(MACHINES)
    (task,) = scaled.context.tasks
    frames = scaled.context.frames
    (first, *others) = frames.utterances
    renamed = replace(frames, utterances=(replace(first, speaker="somebody else"), *others))
    moved = scaled.context._replace(frames=renamed)
    (cell, *_) = cells_named(moved, "VAE-SVM")
    assert cell_key(moved, cell) != after[cell]
    assert task.plan == moved.tasks[0].plan


def test_older_results_are_told_as_they_were_made(ran: Ran, tmp_path: Path) -> None:
    settings = {
        name: value for name, value in ran.outcome.results["settings"].items() if name != "normalise_statistics"
    }
    rows = [
        {name: value for name, value in row.items() if name != "normalise_statistics"}
        for row in ran.outcome.results["rows"]
    ]
    assert markdown({**ran.outcome.results, "settings": settings, "rows": rows}) == (ran.out / "table.md").read_text()


def test_where_speakers_give_the_label_away_statistics_are_not_normalised_over_them(
    cache: Path, tiny: dict[str, Any], tmp_path: Path
) -> None:
    corpus = open_corpus("synthetic:80:speaker")
    keys = keys_of(tiny, models=[], baselines=["functionals-SVM"], normalise_statistics="speaker")
    with pytest.raises(
        ProtocolError, match=r"normalise_statistics=speaker .* --set normalise_statistics=none, or insist"
    ):
        run(resolve(keys), corpus, tmp_path, cache)
    insisting = resolve({**keys, "insist_on_speaker_normalisation": True})
    assert run(insisting, corpus, tmp_path, cache).results["rows"]


# In an experiment


def test_machines_have_rows_beside_the_others_and_say_what_they_read(ran: Ran) -> None:
    rows = {row["model"]: row for row in ran.outcome.results["rows"]}
    assert list(rows) == [*BASELINES, *MODELS]
    assert {row["n"] for row in rows.values()} == {40}
    assert [rows[model]["latent"] for model in MACHINES] == [None, 4, None, 4, 4, 4, 4, 4]
    assert rows["VAE-SVM"]["features"] == "functionals of mean+log_variance"
    assert rows["AE-SVM"]["features"] == "functionals of code"
    assert rows["PCA-SVM"]["features"] == "functionals of principal components"
    table = (ran.out / "table.md").read_text()
    assert all(f"\n| {model} " in table for model in rows)


def test_the_table_says_who_learns_from_those_who_stop_the_others(ran: Ran) -> None:
    (note,) = (line for line in (ran.out / "table.md").read_text().splitlines() if "stops at nothing" in line)
    assert note.partition(": ")[2] == f"majority, {', '.join(MACHINES)}."


def test_the_machine_and_the_lstm_share_one_autoencoder(ran: Ran) -> None:
    context = ran.context
    for machine, network in zip(*(cells_named(context, model) for model in ("VAE-SVM", "VAE-LSTM")), strict=True):
        assert encoder_place(context, machine) == encoder_place(context, network)
        assert cell_key(context, machine) != cell_key(context, network)
    assert len(list((ran.out / "cells").glob("*.safetensors"))) == 2 * 2  # AE and VAE in each of two folds
    told = Counter((step.stage, step.cell.fold) for step in ran.steps)
    assert told == dict.fromkeys([(stage, fold) for stage in ("AE", "VAE", "LSTM") for fold in (0, 1)], 2)
    rows = {row["model"]: row for row in ran.outcome.results["rows"]}
    assert rows["VAE-SVM"]["use"] == rows["VAE-LSTM"]["use"]
    assert rows["VAE-SVM"]["use"] is not None


def test_cells_of_one_autoencoder_are_one_job_and_one_of_a_stack(ran: Ran) -> None:
    context = ran.context._replace(folder=ran.out / "none")
    cells = cells_named(context, *MODELS)
    jobs = {tuple(cell.model for cell in job) for job in jobs_of(context, cells)}
    assert jobs == {("AE-SVM", "AE-LDA"), ("VAE-LSTM", "VAE-SVM", "VAE-LDA")}
    assert [len(stack) for stack in stacks_of(context, cells, 2**40)] == [2, 2]


def test_an_autoencoder_that_two_rows_share_is_pictured_once(ran: Ran) -> None:
    assert read_views(ran.out / "views.safetensors").about["models"] == {"AE-SVM": 4, "VAE-LSTM": 4}


def test_beside_what_was_run_only_the_machine_is_computed(ran: Ran, tiny: dict[str, Any], tmp_path: Path) -> None:
    without = resolve(keys_of(tiny, models=["VAE-LSTM"], baselines=[]))
    run(without, ran.corpus, tmp_path, ran.cache)
    kept = {place.name: place.read_bytes() for place in (tmp_path / "cells").iterdir() if place.is_file()}
    both = resolve(keys_of(tiny, models=["VAE-LSTM", "VAE-SVM"], baselines=[]))
    assert run(both, ran.corpus, tmp_path, ran.cache).computed == 2
    assert {name: (tmp_path / "cells" / name).read_bytes() for name in kept} == kept


@pytest.mark.parametrize(
    ("assignment", "changed"),
    [
        ("merge=statistics", {"VAE-LSTM"}),
        ("classifier.hidden=9", {"VAE-LSTM"}),
        ("features=mean", {*SHARED, "VAE-LSTM"}),
        ("segments.step_ms=50", {"PCA-SVM", "PCA-LDA", *SHARED, "VAE-LSTM"}),
        ("autoencoder.latent=5", {"PCA-SVM", "PCA-LDA", *SHARED, "VAE-LSTM"}),
        ("normalise=none", {*MACHINES, "VAE-LSTM"}),
    ],
)
def test_a_machine_is_asked_again_when_what_it_reads_changes(
    ran: Ran, tiny: dict[str, Any], assignment: str, changed: set[str]
) -> None:
    def keys(*assignments: str) -> dict[str, str]:
        context = context_of(resolve(keys_of(tiny), None, assignments), ran.corpus, ran.cache, ran.out)
        return {cell.model: cell_key(context, cell) for cell in cells_of(context) if cell.fold == 0}

    before, after = keys(), keys(assignment)
    different = {model for model in before if before[model] != after[model] and model != "majority"}
    assert different == changed


def test_a_machine_reads_statistics_whatever_merge_says(ran: Ran, tiny: dict[str, Any], tmp_path: Path) -> None:
    merged = Ran(resolve(keys_of(tiny, models=["VAE-SVM"], merge="statistics")), ran.corpus, tmp_path, ran.cache)
    for fold in ran.context.tasks[0].plan.folds:
        for model in ("PCA-SVM", "VAE-SVM"):
            np.testing.assert_array_equal(merged.said(model, fold)[1], ran.said(model, fold)[1])


def test_machines_have_no_value_to_say(ran: Ran, tiny: dict[str, Any]) -> None:
    keys = keys_of(tiny, targets=["arousal"], continuous=True)
    context = context_of(resolve(keys), ran.corpus, ran.cache, ran.out)
    assert {cell.model for cell in cells_of(context) if cell.continuous} == {"VAE-LSTM"}


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(ran: Ran, scaled: Ran, tmp_path: Path) -> None:
    run(scaled.experiment, ran.corpus, tmp_path, ran.cache, jobs=2)
    for name in ("results.json", "predictions.parquet", "table.md", "views.safetensors"):
        assert (tmp_path / name).read_bytes() == (scaled.out / name).read_bytes()


# To take along


def test_a_machine_cannot_be_taken_along_and_the_command_says_what_can(tmp_path: Path) -> None:
    asked = ["train", "--corpus", "synthetic:40", "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "model")]
    for way in (["--model", "VAE-SVM"], ["--set", 'models=["VAE-SVM"]']):
        told = CliRunner().invoke(cli, [*asked, *way])
        assert told.exit_code != 0
        assert "VAE-SVM is for experiments so far; train VAE-LSTM" in str(told.exception) + told.output
    assert not (tmp_path / "cache").exists()
    listed = CliRunner().invoke(cli, ["train", "--help"]).output
    assert "vae-lstm" in listed
    assert "svm" not in listed.lower()


def test_machines_and_their_scale_are_refused_before_anything_is_computed(
    small_corpus: Corpus, tiny: dict[str, Any], tmp_path: Path
) -> None:
    refused: dict[str, dict[str, Any]] = {
        "AE-SVM is for experiments so far; train AE-LSTM": {"models": ["AE-SVM"]},
        "normalise_statistics=speaker is for": {"models": ["VAE-LSTM"], "normalise_statistics": "speaker"},
        "voices=3 is for discriminants": {"models": ["VAE-LSTM"], "voices": 3},
    }
    for message, keys in refused.items():
        experiment = resolve(keys_of(tiny, baselines=[], **keys))
        with pytest.raises(ConfigError, match=message):
            train_final(experiment, small_corpus, Means(tmp_path / "cache", Watcher()))
    assert not (tmp_path / "cache").exists()
