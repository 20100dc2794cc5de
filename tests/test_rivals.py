"""The networks of other papers, as models of an experiment."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from scipy import fft
from scipy.stats import entropy

from emovae import cache as caches
from emovae.baselines.principal import Components
from emovae.cells import result_of, run_cell
from emovae.classifiers import BLSTMCTC, AttentiveCNN, FramewiseBLSTM, LSTMClassifier, SequenceClassifier
from emovae.config import Experiment, Normalise, Rival
from emovae.corpora import Corpus
from emovae.course import Epoch
from emovae.descriptors import descriptors_of
from emovae.examples import Labelled
from emovae.experiment import Outcome, run
from emovae.frames import CorpusFrames, corpus_frames
from emovae.functionals import functionals
from emovae.grid import Cell, Context, cells_of, seed_of
from emovae.keys import cell_key
from emovae.latents import Sequences
from emovae.machine import Machine
from emovae.mfcc import mfcc
from emovae.normalise import fit
from emovae.outputs import predict
from emovae.presets import resolve
from emovae.rivals import ATTENDED_FRAMES, network, sequences
from emovae.seeds import seed_for
from emovae.segments import cut, least_frames
from emovae.settings import Classifier
from emovae.stages import CellResult, Step
from emovae.tasks import Task, tasks_of
from emovae.training import train_classifier
from emovae.utterance import Utterance

RIVALS: tuple[str, ...] = get_args(Rival)
KINDS: tuple[type[SequenceClassifier], ...] = (LSTMClassifier, AttentiveCNN, BLSTMCTC, FramewiseBLSTM)
EGEMAPS = ("ACNN-eGeMAPS", "eGeMAPS-LSTM", "eGeMAPS-SVM")
EMOTIONS = ["anger", "happiness", "neutral", "sadness"]
CPU = Machine()


# Each of them learns


def patterns(count: int, seed: int) -> Labelled:
    """Noise of 20 to 60 steps, and somewhere in it a run of 12 that leans towards the class."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, count)
    parts = []
    for label in labels:
        part = generator.normal(size=(generator.integers(20, 60), 4)).astype(np.float32)
        start = generator.integers(0, len(part) - 12)
        part[start : start + 12, label] += 2
        parts.append(part)
    starts = np.cumsum([0, *map(len, parts)])
    return Labelled(Sequences(torch.from_numpy(np.concatenate(parts)), starts), labels)


def taught(kind: type[SequenceClassifier], seed: int, machine: Machine = CPU) -> tuple[SequenceClassifier, list[Epoch]]:
    # Connectionist temporal classification first learns to say nothing, and only then what.
    settings = Classifier(hidden=16, layers=1, learning_rate=0.01, epochs=25, batch_size=16, patience=5)
    network = kind(4, 3, settings, torch.Generator().manual_seed(seed))
    return network, train_classifier(
        network, patterns(150, 0), patterns(40, 1), settings, seed, machine, lambda _epoch, _losses: None
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_network_learns_to_find_a_pattern_far_above_chance(kind: type[SequenceClassifier]) -> None:
    network, curve = taught(kind, 0)
    unseen = patterns(100, 2)
    assert (predict(network, unseen.sequences, CPU).argmax(1) == unseen.labels).mean() > 0.7
    assert curve[-1]["loss"] < 0.6 * curve[0]["loss"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_network_learns_in_bfloat16_too(kind: type[SequenceClassifier]) -> None:
    machine, unseen = Machine(precision="bfloat16"), patterns(100, 2)
    network, _ = taught(kind, 0, machine)
    probabilities = predict(network, unseen.sequences, machine)
    assert probabilities.dtype == np.float32
    assert (probabilities.argmax(1) == unseen.labels).mean() > 0.6


# What they read


def corpus_of(folder: Path, parts: Sequence[NDArray[np.float32]]) -> CorpusFrames:
    caches.keep(folder, "frames", parts[0].shape[1], parts, {})
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return CorpusFrames(
        folder=folder,
        key="frames",
        utterances=tuple(Utterance(id=str(place), audio=None, speaker="ab"[place % 2]) for place in range(len(parts))),
        spans=np.column_stack([ends - [len(part) for part in parts], ends]),
        left_out=(),
        digest="",
    )


@pytest.fixture
def loud(tmp_path: Path) -> tuple[CorpusFrames, list[NDArray[np.float32]]]:
    generator = np.random.default_rng(0)
    parts = [generator.normal(-5, 3, (length, 20)).astype(np.float32) for length in (25, 1, 10, 800)]
    return corpus_of(tmp_path, parts), parts


def test_steps_are_the_means_of_their_frames_and_the_last_of_those_that_are_left(
    loud: tuple[CorpusFrames, list[NDArray[np.float32]]],
) -> None:
    frames, parts = loud
    found = sequences(fit(frames, (), "none"), [0, 2, 1], 10)
    assert found.lengths.tolist() == [3, 1, 1]
    expected = [parts[0][:10], parts[0][10:20], parts[0][20:], parts[2], parts[1]]
    np.testing.assert_allclose(found.values, [part.mean(0) for part in expected], rtol=1e-5)
    assert found.values.dtype == torch.float32


def test_attentive_networks_read_every_frame_of_the_first_seven_and_a_half_seconds(
    loud: tuple[CorpusFrames, list[NDArray[np.float32]]],
) -> None:
    frames, parts = loud
    found = sequences(fit(frames, (), "none"), [3, 0], 1, ATTENDED_FRAMES)
    assert found.lengths.tolist() == [750, 25]
    assert np.array_equal(found.values.numpy(), np.concatenate([parts[3][:750], parts[0]]))


@pytest.mark.parametrize(("how", "among"), [("train", [0, 3]), ("speaker", [0, 2]), ("utterance", [0])])
def test_cepstra_are_made_of_plain_frames_and_then_normalised(
    loud: tuple[CorpusFrames, list[NDArray[np.float32]]], how: Normalise, among: list[int]
) -> None:
    frames, parts = loud
    cepstra = [fft.dct(part.astype(np.float64), norm="ortho")[:, :13] for part in parts]
    pool = np.concatenate([cepstra[member] for member in among])
    found = fit(frames, [0, 3], how, read=mfcc).of(0)
    np.testing.assert_allclose(found, (cepstra[0] - pool.mean(0)) / pool.std(0), rtol=1e-3, atol=1e-4)


# In an experiment


KEYS: dict[str, Any] = {
    "name": "rivals",
    "models": [],
    "baselines": ["eGeMAPS-SVM"],
    "rivals": list(RIVALS),
    "protocol": {"kind": "speakers", "folds": 2},
    "classifier": {"hidden": 8, "epochs": 2, "batch_size": 8, "learning_rate": 0.01},
}


class Ran:
    """An experiment of all rivals, run once."""

    def __init__(self, corpus: Corpus, out: Path, cache: Path) -> None:
        self.corpus, self.out, self.cache = corpus, out, cache
        self.experiment = resolve(KEYS)
        self.outcome: Outcome = run(self.experiment, corpus, out, cache)

    def context(self, folder: Path, experiment: Experiment | None = None, task: Task | None = None) -> Context:
        experiment = experiment or self.experiment
        needed = least_frames(experiment.segments)
        frames = corpus_frames(self.corpus, experiment.front_end, self.cache / "frames", at_least=needed)
        tasks = tasks_of(experiment, self.corpus, frames.utterances) if task is None else (task,)
        described = descriptors_of(experiment, self.corpus, frames, self.cache / "descriptors")
        return Context(experiment, frames, tasks, folder, CPU, described)


@pytest.fixture(scope="module")
def ran(small_corpus: Corpus, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return Ran(small_corpus, tmp_path_factory.mktemp("rivals"), cache)


def of_fold(context: Context, fold: int = 0) -> Iterator[tuple[Cell, CellResult]]:
    for cell in cells_of(context):
        if cell.fold == fold:
            run_cell(context, cell, lambda _step: None)
            result = result_of(context, cell)
            assert result is not None
            yield cell, result


def test_every_rival_has_its_row_and_says_what_it_reads(ran: Ran) -> None:
    rows = {row["model"]: row for row in ran.outcome.results["rows"]}
    assert list(rows) == ["eGeMAPS-SVM", *RIVALS]
    assert {row["n"] for row in rows.values()} == {40}
    assert {row["latent"] for row in rows.values()} == {None}
    assert "eGeMAPS" in rows["ACNN-eGeMAPS"]["features"]
    assert "MFCC" in rows["ACNN-MFCC"]["features"]
    assert "log-mel" in rows["BLSTM-CTC"]["features"]
    table = (ran.out / "table.md").read_text()
    assert all(model in table for model in rows)


def test_every_probability_of_every_rival_is_written(ran: Ran) -> None:
    lines = pq.read_table(ran.out / "predictions.parquet").to_pylist()
    assert len(lines) == 7 * 40
    for line in lines:
        probabilities = [line[name] for name in EMOTIONS]
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        assert min(probabilities) >= 0


def test_rivals_have_learning_curves_and_report_their_steps(ran: Ran, tmp_path: Path) -> None:
    context = ran.context(tmp_path)
    for model in RIVALS:
        steps: list[Step] = []
        cell = next(cell for cell in cells_of(context) if cell.model == model)
        run_cell(context, cell, steps.append)
        result = result_of(context, cell)
        assert result is not None
        assert [step.losses for step in steps] == result.classifier_curve
        assert [(step.cell, step.epoch, step.epochs) for step in steps] == [(cell, 0, 2), (cell, 1, 2)]
        assert set(result.classifier_curve[0]) == {"loss", "validation", "accuracy"}
        assert result.autoencoder_curve == []


@pytest.mark.slow
def test_the_same_run_elsewhere_gives_the_same_bytes_and_another_seed_others(ran: Ran, tmp_path: Path) -> None:
    again = run(ran.experiment, ran.corpus, tmp_path, ran.cache, jobs=2)
    assert again.results == ran.outcome.results
    for name in ("results.json", "predictions.parquet"):
        assert (tmp_path / name).read_bytes() == (ran.out / name).read_bytes()
    other = ran.context(tmp_path / "cells", ran.experiment.model_copy(update={"seed": 1}))
    mine = {cell.model: result.probabilities for cell, result in of_fold(ran.context(ran.out / "cells"))}
    theirs = {cell.model: result.probabilities for cell, result in of_fold(other)}
    assert [model for model in mine if np.array_equal(mine[model], theirs[model])] == ["eGeMAPS-SVM"]


def test_no_global_generator_is_asked(ran: Ran, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    list(of_fold(ran.context(tmp_path)))
    assert torch.equal(torch.get_rng_state(), before)


def rolled(task: Task, members: Sequence[int]) -> Task:
    """The labels of these utterances passed on to the next of them; the folds stay."""
    after = list(task.labels)
    for place, member in enumerate(members):
        after[member] = task.labels[members[place - 1]]
    assert tuple(after) != task.labels
    return replace(task, labels=tuple(after))


def test_the_labels_of_who_is_tested_change_no_prediction_and_those_of_who_is_learned_from_do(
    ran: Ran, tmp_path: Path
) -> None:
    first = ran.context(ran.out / "cells")
    (task,) = first.tasks
    fold = task.plan.folds[0]
    tested = ran.context(tmp_path / "tested", task=rolled(task, fold.test))
    learned = ran.context(tmp_path / "learned", task=rolled(task, fold.train))
    before, same, other = (
        {cell.model: result.probabilities.tobytes() for cell, result in of_fold(context)}
        for context in (first, tested, learned)
    )
    assert same == before
    assert len(before) == 7
    assert [model for model in before if before[model] == other[model]] == []


@pytest.mark.parametrize(
    ("assignment", "changed"),
    [
        ("classifier.learning_rate=0.02", set(RIVALS)),
        ("classifier.class_weights=balanced", set(RIVALS)),
        ("normalise=speaker", {*RIVALS, "eGeMAPS-SVM"}),
        ("front_end.bands=40", {*RIVALS, "eGeMAPS-SVM"} - set(EGEMAPS)),
        ("autoencoder.kl_weight=0.5", set()),
        ("features=mean", set()),
        ("segments.step_ms=50", set()),
    ],
)
def test_a_result_is_found_again_unless_something_it_depends_on_changed(
    ran: Ran, assignment: str, changed: set[str]
) -> None:
    other = ran.context(ran.out / "cells", resolve(KEYS, None, (assignment,)))
    before, after = (
        {cell.model: cell_key(context, cell) for cell in cells_of(context) if cell.fold == 0}
        for context in (ran.context(ran.out / "cells"), other)
    )
    assert {model for model in before if before[model] != after[model]} == changed


@pytest.mark.slow
def test_balanced_classes_change_what_every_rival_says(ran: Ran, tmp_path: Path) -> None:
    few = {utterance.id for utterance in ran.corpus.utterances if utterance.emotion == "sadness"}
    kept = tuple(
        utterance for utterance in ran.corpus.utterances if utterance.id not in few or utterance.speaker[-1] in "24"
    )
    uneven = replace(ran.corpus, utterances=kept)
    told = []
    for weights in ("none", "balanced"):
        experiment = resolve({**KEYS, "baselines": []}, None, (f"classifier.class_weights={weights}",))
        out = tmp_path / weights
        run(experiment, uneven, out, ran.cache)
        told.append(pq.read_table(out / "predictions.parquet").to_pylist())
    differ = {first["model"] for first, second in zip(*told, strict=True) if first["anger"] != second["anger"]}
    assert differ == set(RIVALS)


@pytest.mark.parametrize("how", ["none", "utterance", "speaker"])
def test_every_normalisation_runs_and_leaves_no_descriptor_empty(ran: Ran, tmp_path: Path, how: str) -> None:
    context = ran.context(tmp_path, resolve(KEYS, None, (f"normalise={how}",)))
    for _cell, result in of_fold(context):
        assert np.isfinite(result.probabilities).all()
        assert len(np.unique(result.probabilities, axis=0)) > 1


# The paper's own classifier without an autoencoder


PLAIN: dict[str, Any] = {**KEYS, "rivals": [], "baselines": ["segments-LSTM", "PCA-LSTM"], "latent_sizes": [3]}


def plain(ran: Ran, folder: Path, *assignments: str) -> Context:
    return ran.context(folder, resolve(PLAIN, None, assignments))


def steps_of(context: Context, members: Sequence[int]) -> list[NDArray[np.float32]]:
    """The segments of these utterances on the scale of the training side, [segment, 800] each."""
    normaliser = fit(context.frames, context.tasks[0].plan.folds[0].train, "train")
    return [cut(normaliser.of(member), context.experiment.segments) for member in members]


def sequences_of(parts: Sequence[NDArray[np.float32]]) -> Sequences:
    return Sequences(torch.from_numpy(np.concatenate(parts)), np.cumsum([0, *map(len, parts)], dtype=np.int64))


@pytest.mark.parametrize("merge", ["sequence", "statistics"])
@pytest.mark.parametrize("model", ["segments-LSTM", "PCA-LSTM"])
def test_the_papers_lstm_reads_bare_segments_or_their_components(
    ran: Ran, tmp_path: Path, model: str, merge: str
) -> None:
    context = plain(ran, tmp_path, f"merge={merge}")
    cell = next(cell for cell in cells_of(context) if cell.model == model)
    result = network(context, cell, lambda _epoch, _losses: None)
    task, fold = context.tasks[0], context.fold(cell)
    sides = {name: sequences_of(steps_of(context, getattr(fold, name))) for name in ("train", "validation", "test")}
    width = 800
    if cell.latent is not None:
        learned, width = Components(sides["train"].values.numpy(), cell.latent), 3
        sides = {
            name: one._replace(values=torch.from_numpy(learned.of(one.values.numpy()))) for name, one in sides.items()
        }
    if merge == "statistics":
        width *= 6
        sides = {
            name: sequences_of([functionals(one.values[a:b].numpy())[None] for a, b in pairwise(one.starts)])
            for name, one in sides.items()
        }
    settings, seed = context.experiment.classifier, seed_of(context, cell, "classifier")
    learner = LSTMClassifier(width, 4, settings, torch.Generator().manual_seed(seed_for(seed, "weights")))
    taught, stopping = (Labelled(sides[name], task.numbers(getattr(fold, name))) for name in ("train", "validation"))
    curve = train_classifier(learner, taught, stopping, settings, seed, CPU, lambda _epoch, _losses: None)
    assert result.classifier_curve == curve
    assert np.array_equal(result.probabilities, predict(learner, sides["test"], CPU))
    assert result.validation is not None
    assert np.array_equal(result.validation, predict(learner, sides["validation"], CPU))
    assert (result.autoencoder_curve, result.reconstruction, result.use) == ([], None, None)
    assert len(np.unique(result.probabilities, axis=0)) > 1


def test_components_are_learned_from_the_training_side_alone(ran: Ran, tmp_path: Path) -> None:
    """However else the others sound, what is said of one tested utterance stays."""
    context = plain(ran, tmp_path)
    cell = next(cell for cell in cells_of(context) if cell.model == "PCA-LSTM")
    fold = context.fold(cell)
    before = network(context, cell, lambda _epoch, _losses: None)
    values = np.array(context.frames.values)
    for member in fold.test[1:]:
        start, stop = context.frames.spans[member]
        values[start:stop] = np.random.default_rng(member).normal(0, 20, (stop - start, values.shape[1]))
    parts = [values[start:stop] for start, stop in context.frames.spans]
    folder = tmp_path / "frames"
    caches.keep(folder, "other", values.shape[1], parts, {})
    other = replace(context.frames, folder=folder, key="other")
    after = network(context._replace(frames=other), cell, lambda _epoch, _losses: None)
    np.testing.assert_allclose(after.probabilities[0], before.probabilities[0], rtol=1e-5)
    assert np.abs(after.probabilities[1:] - before.probabilities[1:]).max() > 1e-3
    assert before.validation is not None
    assert after.validation is not None
    np.testing.assert_allclose(after.validation, before.validation, rtol=1e-5)


def test_there_are_as_many_components_as_the_latent_size_and_no_more_than_values(ran: Ran, tmp_path: Path) -> None:
    said = {}
    for size in (1, 3, 5000):
        context = plain(ran, tmp_path / str(size), f"latent_sizes=[{size}]")
        ((_, result),) = [(cell, result) for cell, result in of_fold(context) if cell.model == "PCA-LSTM"]
        said[size] = result.probabilities.tobytes()
    assert len(set(said.values())) == 3


@pytest.mark.parametrize("model", ["segments-LSTM", "PCA-LSTM", "eGeMAPS-LSTM", "ACNN-logmel"])
def test_draws_of_dropped_units_are_told_of_every_lstm_and_change_nothing_said_once(
    ran: Ran, tmp_path: Path, model: str
) -> None:
    results = {}
    for draws, dropout in ((0, 0.3), (4, 0.3), (4, 0.0)):
        assignments = (f"draws={draws}", f"classifier.dropout={dropout}")
        context = ran.context(
            tmp_path, resolve({**PLAIN, "rivals": ["eGeMAPS-LSTM", "ACNN-logmel"]}, None, assignments)
        )
        cell = next(cell for cell in cells_of(context) if cell.model == model)
        results[draws, dropout] = network(context, cell, lambda _epoch, _losses: None)
    assert np.array_equal(results[0, 0.3].probabilities, results[4, 0.3].probabilities)
    assert results[0, 0.3].averaged == results[4, 0.0].averaged == {}
    if model == "ACNN-logmel":
        assert results[4, 0.3].averaged == {}
        return
    assert list(results[4, 0.3].averaged) == ["dropout"]
    told = results[4, 0.3].averaged["dropout"]
    assert told.test.shape == results[4, 0.3].probabilities.shape
    assert not np.array_equal(told.test, results[4, 0.3].probabilities)
    np.testing.assert_allclose(told.test.sum(1), 1, rtol=1e-5)
    assert (entropy(told.test, axis=1) - told.expected_entropy > -1e-6).all()


def test_a_model_that_is_no_network_is_refused_by_name(ran: Ran, tmp_path: Path) -> None:
    context = plain(ran, tmp_path)
    cell = next(cells_of(context))._replace(model="majority")
    with pytest.raises(ValueError, match="there is no network for majority"):
        network(context, cell, lambda _epoch, _losses: None)
