"""Cells with an autoencoder, worked out again from their parts; which cells there are; and how they are kept."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import entropy

from emovae.autoencoders import CVAE, SSVAE
from emovae.cells import result_of, run_cell
from emovae.classifiers import LSTMClassifier
from emovae.config import Features, TestCondition
from emovae.corpora import Corpus
from emovae.doubt import averaged, drawn, posterior_answers
from emovae.encoders import Encoder, encoder_of
from emovae.errors import OutputError
from emovae.evidence import class_bounds, fitted_temperature
from emovae.examples import Labelled
from emovae.first_pass import first_pass
from emovae.frames import corpus_frames
from emovae.functionals import functionals
from emovae.grid import Cell, Context, cells_of, scale_members, seed_of
from emovae.keys import cell_key
from emovae.latents import Sequences, conditions, latent_sequences
from emovae.machine import Machine
from emovae.material import class_shares
from emovae.normalise import Normaliser, fit
from emovae.outputs import predict
from emovae.presets import resolve
from emovae.readers import dropout_draws
from emovae.recognition import recognise
from emovae.reconstruction import reconstruction_errors
from emovae.seeds import seed_for
from emovae.segments import Segmented, segment
from emovae.stages import CellResult, Step
from emovae.tasks import Task, tasks_of
from emovae.training import train_classifier

CONDITIONS: tuple[str, ...] = get_args(TestCondition)
LINES = [
    ("AE-LSTM", None),
    ("VAE-LSTM", None),
    *(("CVAE-LSTM", condition) for condition in CONDITIONS),
    ("SSVAE-LSTM", None),
    ("SSVAE-LSTM", "bayes"),
]
READ = [line for line in LINES if line[1] != "bayes"]
CPU = Machine()

Make = Callable[..., Context]


@pytest.fixture
def context_of(small_corpus: Corpus, cache: Path, tiny: dict[str, Any], tmp_path: Path) -> Make:
    """Makes the world of a tiny experiment with every line that a model can have, changed by assignments and keys."""

    def make(*assignments: str, **keys: Any) -> Context:
        stated = {
            **tiny,
            "models": ["AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM"],
            "baselines": [],
            "test_condition": list(CONDITIONS),
            "seeds": 1,
            **keys,
        }
        experiment = resolve(stated, None, assignments)
        frames = corpus_frames(small_corpus, experiment.front_end, cache / "frames", at_least=10)
        tasks = tasks_of(experiment, small_corpus, frames.utterances)
        return Context(experiment, frames, tasks, tmp_path, CPU)

    return make


def silent(_step: Step) -> None:
    pass


def cell_of(context: Context, model: str, condition: str | None = None) -> Cell:
    return next(cell for cell in cells_of(context) if (cell.model, cell.test_condition) == (model, condition))


def computed(context: Context, model: str, condition: str | None = None) -> CellResult:
    return recognise(context, cell_of(context, model, condition), silent)


def said(context: Context) -> dict[tuple[str, str | None], bytes]:
    """All that each line of the first fold says."""
    found = {}
    for cell in cells_of(context):
        if cell.fold == 0:
            result = recognise(context, cell, silent)
            drawn_too = [part.tobytes() for way in result.averaged.values() for part in way]
            assert result.validation is not None
            found[cell.model, cell.test_condition] = b"".join(
                [result.probabilities.tobytes(), result.validation.tobytes(), *drawn_too]
            )
    return found


def rolled(context: Context, members: Sequence[int]) -> Context:
    """The labels of these utterances passed on to the next of them; the folds stay."""

    def moved(labels: Sequence[str | None]) -> tuple[str | None, ...]:
        after = list(labels)
        for place, member in enumerate(members):
            after[member] = labels[members[place - 1]]
        return tuple(after)

    def other(task: Task) -> Task:
        return replace(task, labels=moved(task.labels), condition_labels=moved(task.condition_labels))

    return context._replace(tasks=tuple(map(other, context.tasks)))


# Every line worked out again from its parts


class Parts:
    """A cell's encoder and what can be made with it, step by step."""

    def __init__(self, context: Context, cell: Cell) -> None:
        self.context, self.cell = context, cell
        self.task, self.fold = context.tasks[cell.task], context.fold(cell)
        self.normaliser: Normaliser = fit(context.frames, scale_members(context, cell), context.experiment.normalise)
        self.encoder: Encoder = encoder_of(context, cell, self.normaliser, lambda _epoch, _losses: None)
        self.sides = (self.fold.train, self.fold.validation, self.fold.test)

    def segmented(self, members: Sequence[int]) -> Segmented:
        return segment(self.normaliser, members, self.context.experiment.segments)

    def latent(self, members: Sequence[int], weights: NDArray[np.float32] | None, features: Features) -> Sequences:
        noise = torch.Generator().manual_seed(seed_of(self.context, self.cell, "sample"))
        return latent_sequences(self.encoder.network, self.segmented(members), weights, features, noise)

    def bounds(self, members: Sequence[int]) -> torch.Tensor:
        network, seed = self.encoder.network, seed_of(self.context, self.cell, "evidence")
        assert isinstance(network, CVAE | SSVAE)
        return class_bounds(network, self.segmented(members), 4, self.context.experiment.autoencoder.kl_weight, seed)

    def taught(self, train: Labelled, validation: Labelled, seed: int) -> LSTMClassifier:
        settings = self.context.experiment.classifier
        weights = torch.Generator().manual_seed(seed_for(seed, "weights"))
        network = LSTMClassifier(train.sequences.values.shape[1], 4, settings, weights)
        train_classifier(network, train, validation, settings, seed, CPU, lambda _epoch, _losses: None)
        return network

    def weights(self) -> list[NDArray[np.float32] | None]:
        """What the encoder is told of each side."""
        if self.cell.model != "CVAE-LSTM":
            return [None, None, None]
        numbers = [self.task.condition_numbers(side) for side in self.sides]
        if self.cell.test_condition == "oracle":
            return [np.eye(4, dtype=np.float32)[np.array(one)] for one in numbers]
        alike = [np.full((len(one), 4), 0.25, np.float32) for one in numbers]
        if self.cell.test_condition != "predicted":
            return [*alike]
        features = self.context.experiment.features
        marginal = [
            self.finished(self.latent(side, one, features), side) for side, one in zip(self.sides, alike, strict=True)
        ]
        named = first_pass(
            self.context, self.cell, marginal, lambda train, stopping, _number, seed: self.taught(train, stopping, seed)
        )
        return [np.eye(4, dtype=np.float32)[one] for one in named]

    def read(self, features: Features) -> list[Sequences]:
        """What a classifier reads of each side."""
        told = self.weights()
        sides = [self.latent(side, one, features) for side, one in zip(self.sides, told, strict=True)]
        return [self.finished(one, side) for one, side in zip(sides, self.sides, strict=True)]

    def beside(self, members: Sequence[int]) -> torch.Tensor | None:
        if self.cell.test_condition != "marginal+elbo":
            return None
        bounds = self.bounds(members)
        return bounds - bounds.mean(1, keepdim=True)

    def finished(self, latent: Sequences, members: Sequence[int]) -> Sequences:
        beside = self.beside(members)
        values = latent.values if beside is None else torch.cat([latent.values, beside], 1)
        if self.context.experiment.merge == "sequence":
            return Sequences(values, latent.starts)
        rows = [functionals(values[start:stop].numpy()) for start, stop in pairwise(latent.starts)]
        return Sequences(torch.from_numpy(np.stack(rows)), np.arange(len(rows) + 1))

    def classifier(self) -> tuple[LSTMClassifier, list[Sequences]]:
        sides, seed = self.read(self.context.experiment.features), seed_of(self.context, self.cell, "classifier")
        train, validation = (
            Labelled(read, self.task.numbers(side)) for read, side in zip(sides[:2], self.sides[:2], strict=True)
        )
        return self.taught(train, validation, seed), sides


@pytest.mark.parametrize("merge", ["sequence", "statistics"])
@pytest.mark.parametrize(("model", "condition"), READ)
def test_what_a_line_says_is_what_its_parts_say_one_after_the_other(
    context_of: Make, model: str, condition: str | None, merge: str
) -> None:
    context = context_of(f"merge={merge}")
    cell = cell_of(context, model, condition)
    result, parts = recognise(context, cell, silent), Parts(context, cell)
    network, (_, validation, test) = parts.classifier()
    assert np.array_equal(result.probabilities, predict(network, test, CPU))
    assert result.validation is not None
    assert np.array_equal(result.validation, predict(network, validation, CPU))
    np.testing.assert_allclose(result.probabilities.sum(1), 1, rtol=1e-5)
    assert len(result.probabilities) == len(parts.fold.test)
    assert len(np.unique(result.probabilities, axis=0)) > 1


@pytest.mark.parametrize("model", ["CVAE-LSTM", "SSVAE-LSTM"])
def test_bayes_names_by_the_bounds_at_the_temperature_of_who_stops_the_learning(context_of: Make, model: str) -> None:
    context = context_of()
    cell = cell_of(context, model, "bayes")
    result, parts = recognise(context, cell, silent), Parts(context, cell)
    prior = class_shares(context, cell)
    sums = []
    for side in parts.sides[1:]:
        bounds, starts = parts.bounds(side).double().numpy(), parts.segmented(side).starts
        sums.append(np.stack([bounds[start:stop].sum(0) for start, stop in pairwise(starts)]))
    temperature = fitted_temperature(sums[0], prior, parts.task.numbers(parts.fold.validation))
    for found, expected in zip((result.validation, result.probabilities), sums, strict=True):
        assert found is not None
        np.testing.assert_allclose(found, softmax(expected / temperature + np.log(prior), axis=1), rtol=1e-4, atol=1e-7)
    assert result.classifier_curve == []
    assert result.averaged == {}
    assert len(result.autoencoder_curve) == 2


@pytest.mark.parametrize(("model", "condition"), LINES)
def test_every_line_tells_how_its_autoencoder_learned_and_reconstructs(
    context_of: Make, model: str, condition: str | None
) -> None:
    context = context_of()
    result, parts = computed(context, model, condition), Parts(context, cell_of(context, model, condition))
    alike = conditions([None] * len(parts.fold.test), 4, oracle=False)
    expected = reconstruction_errors(parts.encoder.network, parts.segmented(parts.fold.test), alike)
    assert result.reconstruction is not None
    assert np.array_equal(result.reconstruction, expected)
    assert (result.reconstruction > 0).all()
    assert result.autoencoder_curve == parts.encoder.curve
    assert result.use == {"active": parts.encoder.use.active, "divergence": parts.encoder.use.divergence}


def test_every_epoch_of_both_passes_is_told_with_its_stage(context_of: Make) -> None:
    context, steps = context_of(), list[Step]()
    cell = cell_of(context, "CVAE-LSTM", "predicted")
    result = recognise(context, cell, steps.append)
    stages = ["CVAE", *(f"LSTM, pass 1 {number} of 4" for number in (1, 2, 3, 4)), "LSTM"]
    assert [(step.stage, step.epoch) for step in steps] == [(stage, epoch) for stage in stages for epoch in (0, 1)]
    assert {(step.cell, step.epochs) for step in steps} == {(cell, 2)}
    assert [step.losses for step in steps[-2:]] == result.classifier_curve


def test_the_shares_of_the_classes_are_those_of_who_is_learned_from(context_of: Make) -> None:
    context = context_of()
    cell = cell_of(context, "CVAE-LSTM", "bayes")
    task, fold = context.tasks[0], context.fold(cell)
    told = [task.condition_labels[member] for member in fold.train]
    expected = [told.count(name) / len(told) for name in task.condition_classes]
    assert class_shares(context, cell).tolist() == pytest.approx(expected)
    silent_one = fold.train[0]
    silenced = tuple(None if place == silent_one else label for place, label in enumerate(task.condition_labels))
    without = class_shares(context._replace(tasks=(replace(task, condition_labels=silenced),)), cell)
    expected = [told[1:].count(name) / (len(told) - 1) for name in task.condition_classes]
    assert without.tolist() == pytest.approx(expected)


def test_the_prior_weighs_the_classes_of_a_cvae_that_is_told_none_and_nothing_else(context_of: Make) -> None:
    uniform = context_of("marginal_weights=uniform")
    # Half of what one speaker says is out of the task, so that the classes are shown unevenly.
    (task,) = uniform.tasks
    fold = task.plan.folds[0]
    kept = [member for member in fold.train if task.labels[member] != "anger" or member % 2]
    plan = task.plan._replace(folds=(replace(fold, train=tuple(kept)), *task.plan.folds[1:]))
    uniform = uniform._replace(tasks=(replace(task, plan=plan),))
    prior = uniform._replace(experiment=uniform.experiment.model_copy(update={"marginal_weights": "prior"}))
    assert len(set(class_shares(prior, cell_of(prior, "CVAE-LSTM", "bayes")).tolist())) > 1
    first, second = said(uniform), said(prior)
    told = [("CVAE-LSTM", "marginal"), ("CVAE-LSTM", "predicted"), ("CVAE-LSTM", "marginal+elbo")]
    changed = [line for line in LINES if first[line] != second[line]]
    # A second pass reads the class that the first named; where that stays the same, so does what it says.
    assert set(told) - {("CVAE-LSTM", "predicted")} <= set(changed) <= set(told)


# Nothing learned sees the test fold


DRAWS = ("draws=3", "classifier.dropout=0.3")


def test_the_labels_of_who_is_tested_change_no_line_but_the_oracles(context_of: Make) -> None:
    before = context_of(*DRAWS)
    after = rolled(before, before.tasks[0].plan.folds[0].test)
    first, second = said(before), said(after)
    assert list(first) == LINES
    assert [line for line in LINES if first[line] != second[line]] == [("CVAE-LSTM", "oracle")]


def test_the_labels_of_who_is_learned_from_change_every_line(context_of: Make) -> None:
    before = context_of()
    after = rolled(before, before.tasks[0].plan.folds[0].train)
    first, second = said(before), said(after)
    assert [line for line in LINES if first[line] == second[line]] == []


def test_a_seed_decides_every_byte_and_no_global_generator_is_asked(context_of: Make, tmp_path: Path) -> None:
    generator = torch.get_rng_state()
    first = said(context_of(*DRAWS))
    for place in tmp_path.iterdir():
        place.unlink()
    again, other = said(context_of(*DRAWS)), said(context_of(*DRAWS, "seed=1"))
    assert first == again
    assert [line for line in LINES if first[line] == other[line]] == []
    assert torch.equal(torch.get_rng_state(), generator)


# Asked several times


@pytest.mark.parametrize(("model", "condition"), LINES)
def test_draws_are_told_where_they_are_asked_for_and_a_model_has_them(
    context_of: Make, model: str, condition: str | None
) -> None:
    ways = {
        assignments: list(computed(context_of(*assignments), model, condition).averaged)
        for assignments in ((), ("classifier.dropout=0.3",), ("draws=2",), DRAWS)
    }
    posterior = [] if model == "AE-LSTM" or condition == "bayes" else ["posterior"]
    dropout = [] if condition == "bayes" else ["dropout"]
    assert list(ways.values()) == [[], [], posterior, posterior + dropout]


@pytest.mark.parametrize(("model", "condition"), READ)
def test_asking_several_times_changes_nothing_of_what_is_said_once(
    context_of: Make, model: str, condition: str | None
) -> None:
    once, often = (
        computed(context_of("classifier.dropout=0.3", f"draws={draws}"), model, condition) for draws in (0, 4)
    )
    assert np.array_equal(once.probabilities, often.probabilities)
    assert once.classifier_curve == often.classifier_curve
    assert once.validation is not None
    assert often.validation is not None
    assert np.array_equal(once.validation, often.validation)
    for way in often.averaged.values():
        assert way.test.shape == once.probabilities.shape
        assert way.validation.shape == once.validation.shape
        assert not np.array_equal(way.test, once.probabilities)
        np.testing.assert_allclose(way.test.sum(1), 1, rtol=1e-5)
        assert (entropy(way.test, axis=1) - way.expected_entropy > -1e-6).all()


@pytest.mark.parametrize(
    ("model", "condition"),
    [("VAE-LSTM", None), ("SSVAE-LSTM", None), ("CVAE-LSTM", "oracle"), ("CVAE-LSTM", "marginal+elbo")],
)
@pytest.mark.parametrize("merge", ["sequence", "statistics"])
@pytest.mark.parametrize("features", ["mean", "mean+variance"])
def test_posterior_draws_are_those_of_the_gaussians_that_the_line_reads(
    context_of: Make, model: str, condition: str | None, merge: str, features: Features
) -> None:
    context = context_of("draws=5", f"merge={merge}", f"features={features}")
    cell = cell_of(context, model, condition)
    result, parts = recognise(context, cell, silent), Parts(context, cell)
    network, _ = parts.classifier()
    seed = seed_for(seed_of(context, cell, "classifier"), "posterior draws")
    told = result.averaged["posterior"]
    for place, found in ((1, told.validation), (2, told.test)):
        noise, members = torch.Generator().manual_seed(seed), parts.sides[place]
        latent = parts.latent(members, parts.weights()[place], "mean+log_variance")
        if merge == "sequence":
            expected = posterior_answers(network, latent, features, parts.beside(members), 5, noise, CPU)
        else:
            answers = [parts.finished(drawn(latent, features, noise), members) for _ in range(5)]
            one_by_one = iter([predict(network, answer, CPU) for answer in answers])
            expected = averaged(one_by_one.__next__, 5)
        assert np.array_equal(found, expected.probabilities)
    assert np.array_equal(told.expected_entropy, expected.expected_entropy)


def test_dropped_units_are_asked_of_a_classifier_that_is_left_as_it_was(context_of: Make) -> None:
    context = context_of("draws=6", "classifier.dropout=0.3")
    parts = Parts(context, cell_of(context, "VAE-LSTM"))
    (first, (_, _, test)), (second, _) = parts.classifier(), parts.classifier()
    once, answers = predict(first, test, CPU), dropout_draws(context, first, test)
    assert not first.training
    assert np.array_equal(predict(first, test, CPU), once)
    one_by_one = [predict(second.train(), test, CPU) for _ in range(6)]
    np.testing.assert_allclose(answers.probabilities, np.mean(one_by_one, axis=0), rtol=1e-6)
    np.testing.assert_allclose(answers.expected_entropy, entropy(one_by_one, axis=2).mean(0), rtol=1e-5)
    assert np.abs(answers.probabilities - once).max() > 1e-4


def test_draws_of_another_seed_differ(context_of: Make) -> None:
    first, other = (computed(context_of("draws=5", f"seed={seed}"), "VAE-LSTM") for seed in (0, 1))
    assert not np.array_equal(first.averaged["posterior"].test, other.averaged["posterior"].test)


# The grid


def lines(context: Context) -> list[tuple[str, int, str | None, int | None]]:
    return [
        (cell.model, cell.task, cell.test_condition, cell.latent)
        for cell in cells_of(context)
        if cell.fold == 0 and not cell.continuous
    ]


def test_only_models_that_know_classes_have_conditions_and_only_the_cvae_has_all(context_of: Make) -> None:
    assert lines(context_of()) == [(model, 0, condition, 4) for model, condition in LINES]
    alone = lines(context_of(test_condition=["oracle"]))
    assert [(model, condition) for model, _, condition, _ in alone] == [
        ("AE-LSTM", None),
        ("VAE-LSTM", None),
        ("CVAE-LSTM", "oracle"),
        ("SSVAE-LSTM", None),
    ]


@pytest.mark.parametrize("condition", ["target", "emotion"])
def test_bayes_names_a_dimensions_levels_only_where_these_are_what_the_model_knows(
    context_of: Make, condition: str
) -> None:
    context = context_of(targets=["emotion", "arousal"], condition=condition)
    named = {(model, task) for model, task, asked, _ in lines(context) if asked == "bayes"}
    of_emotion = {("CVAE-LSTM", 0), ("SSVAE-LSTM", 0)}
    assert named == of_emotion | ({("CVAE-LSTM", 1), ("SSVAE-LSTM", 1)} if condition == "target" else set())


def test_latent_sizes_are_those_of_what_has_a_latent_space_or_components(context_of: Make) -> None:
    context = context_of(
        latent_sizes=[2, 3], baselines=["majority", "segments-LSTM", "PCA-LSTM"], test_condition=["marginal"]
    )
    assert lines(context) == [
        ("majority", 0, None, None),
        ("segments-LSTM", 0, None, None),
        ("PCA-LSTM", 0, None, 2),
        ("PCA-LSTM", 0, None, 3),
        *((model, 0, None, size) for model in ("AE-LSTM", "VAE-LSTM") for size in (2, 3)),
        *(("CVAE-LSTM", 0, "marginal", size) for size in (2, 3)),
        *(("SSVAE-LSTM", 0, None, size) for size in (2, 3)),
    ]
    assert {size for model, _, _, size in lines(context_of(baselines=["PCA-LSTM"])) if model == "PCA-LSTM"} == {4}


BASELINES = ["majority", "speaker-oracle", "segments-LSTM", "PCA-LSTM"]
OF_LSTM = [*LINES, ("segments-LSTM", None), ("PCA-LSTM", None)]


def keys(context: Context) -> dict[tuple[str, str | None], str]:
    return {(cell.model, cell.test_condition): cell_key(context, cell) for cell in cells_of(context) if cell.fold == 0}


@pytest.mark.parametrize(
    ("assignment", "changed"),
    [
        ("draws=3", OF_LSTM),
        ("classifier.dropout=0.1", OF_LSTM),
        ("marginal_weights=prior", LINES),
        ("autoencoder.kl_warmup=1", LINES),
        ("autoencoder.free_bits=0.1", LINES),
        ("features=mean", LINES),
        ("merge=statistics", OF_LSTM),
        ("segments.step_ms=50", OF_LSTM),
        ("autoencoder.latent=5", [*LINES, ("PCA-LSTM", None)]),
        ("normalise=none", [*OF_LSTM, ("majority", None), ("speaker-oracle", None)]),
    ],
)
def test_a_result_has_another_name_when_something_it_depends_on_changed(
    context_of: Make, assignment: str, changed: list[tuple[str, str | None]]
) -> None:
    before, after = keys(context_of(baselines=BASELINES)), keys(context_of(assignment, baselines=BASELINES))
    assert len(set(before.values())) == len(before) == len(LINES) + 4
    assert {line for line in before if before[line] != after[line]} == set(changed)


def test_the_tested_labels_name_only_the_results_that_are_told_them(context_of: Make) -> None:
    before = context_of(baselines=BASELINES)
    after = rolled(before, before.tasks[0].plan.folds[0].test)
    first, second = keys(before), keys(after)
    told = {("CVAE-LSTM", "oracle"), ("speaker-oracle", None)}
    assert {line for line in first if first[line] != second[line]} == told


def test_who_spoke_names_only_the_results_that_ask_for_it(context_of: Make) -> None:
    before = context_of(baselines=BASELINES)
    fold = before.tasks[0].plan.folds[0]
    for members, told in ((fold.train, ("CVAE-LSTM", "predicted")), (fold.test, ("speaker-oracle", None))):
        utterances = list(before.frames.utterances)
        utterances[members[0]] = replace(utterances[members[0]], speaker="somebody else")
        after = before._replace(frames=replace(before.frames, utterances=tuple(utterances)))
        first, second = keys(before), keys(after)
        assert {line for line in first if first[line] != second[line]} == {told}


# Kept and read again


def kept(context: Context) -> Iterator[tuple[Cell, Path, CellResult]]:
    """Every cell of the first fold: computed and kept, and its file."""
    for cell in cells_of(context):
        if cell.fold == 0:
            run_cell(context, cell, silent)
            result = result_of(context, cell)
            assert result is not None
            yield cell, context.folder / f"{cell_key(context, cell)}.json", result


def equal(first: object, second: object) -> bool:
    """The same to the last bit, and of the same kind."""
    if isinstance(first, np.ndarray):
        return isinstance(second, np.ndarray) and first.dtype == second.dtype and np.array_equal(first, second)
    if isinstance(first, dict):
        return (
            isinstance(second, dict) and list(first) == list(second) and all(equal(first[x], second[x]) for x in first)
        )
    if isinstance(first, tuple):
        return isinstance(second, tuple) and all(map(equal, first, second))
    return first == second


def test_what_is_kept_is_to_the_last_bit_what_was_computed(context_of: Make) -> None:
    context = context_of(*DRAWS)
    for cell, place, result in kept(context):
        fresh = recognise(context, cell, silent)
        for name, mine, theirs in zip(fresh._fields, fresh, result, strict=True):
            assert equal(mine, theirs), f"{cell}: {name}"
        assert json.loads(place.read_text())["cell"] == cell._asdict()


def test_a_baseline_is_kept_with_nothing_where_it_has_nothing(context_of: Make) -> None:
    context = context_of(models=[], baselines=["majority", "speaker-oracle"])
    for _, _, result in kept(context):
        assert (result.validation, result.reconstruction, result.use) == (None, None, None)
        assert (result.classifier_curve, result.autoencoder_curve, result.averaged) == ([], [], {})


def test_a_finished_cell_is_not_computed_again(context_of: Make) -> None:
    context = context_of(models=["VAE-LSTM"])
    ((cell, place, _),) = kept(context)
    before, steps = place.stat().st_mtime_ns, list[Step]()
    run_cell(context, cell, steps.append)
    assert steps == []
    assert place.stat().st_mtime_ns == before


def without(content: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}


DAMAGES: dict[str, Callable[[str], str]] = {
    "truncated": lambda text: text[: len(text) // 2],
    "emptied": lambda _text: "",
    "a list": lambda text: f"[{text}]",
    "nothing": lambda _text: "null",
    "a digit is another": lambda text: re.sub(r"\.\d", lambda found: f".{9 - int(found[0][1])}", text, count=1),
    "no number": lambda text: re.sub(r"\d+\.\d+", "NaN", text, count=1),
    "an utterance is missing": lambda text: json.dumps({**json.loads(text), "probabilities": []}),
    "no checksum": lambda text: json.dumps(without(json.loads(text), "sha256")),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_result_is_named_with_what_to_do(context_of: Make, how: str) -> None:
    context = context_of("draws=2", models=["VAE-LSTM"])
    ((cell, place, _),) = kept(context)
    text = place.read_text()
    assert DAMAGES[how](text) != text
    place.write_text(DAMAGES[how](text))
    looks: list[Callable[[], object]] = [lambda: result_of(context, cell), lambda: run_cell(context, cell, silent)]
    for look in looks:
        with pytest.raises(OutputError, match=rf"{place.name} is damaged .*; the `emovae run` command"):
            look()
    place.unlink()
    run_cell(context, cell, silent)
    assert place.read_text() == text
