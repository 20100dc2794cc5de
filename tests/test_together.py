"""Cells whose autoencoders learned in stacks must find them, and find what they would have learned alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emovae.cells import finished, run_cell
from emovae.corpora import Corpus
from emovae.encoders import encoder_place, kept_encoder
from emovae.frames import corpus_frames
from emovae.grid import Cell, Context, cells_of
from emovae.keys import autoencoder_key
from emovae.machine import Machine
from emovae.presets import resolve
from emovae.stages import Step
from emovae.tasks import tasks_of
from emovae.together import MEMBER_BYTES, _bytes, learn_together, stacks_of

MODELS = ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM")
EVERYTHING = 2**40

Make = Callable[..., Context]


@pytest.fixture
def context_of(small_corpus: Corpus, cache: Path, tiny: dict[str, Any], tmp_path: Path) -> Make:
    """Makes the world of a tiny experiment of all four models, in a folder of this name."""

    def make(folder: str = "cells", **keys: Any) -> Context:
        chosen = {**tiny, "models": list(MODELS), "baselines": ["majority"], "seeds": 2, **keys}
        experiment = resolve(chosen)
        frames = corpus_frames(small_corpus, experiment.front_end, cache / "frames", at_least=10)
        tasks = tasks_of(experiment, small_corpus, frames.utterances)
        return Context(experiment, frames, tasks, tmp_path / folder, Machine())

    return make


def together(context: Context, most_bytes: int = EVERYTHING) -> list[Step]:
    told = list[Step]()
    learn_together(context, list(cells_of(context)), told.append, most_bytes)
    return told


def stacks(context: Context, most_bytes: int = EVERYTHING) -> list[list[Cell]]:
    return list(stacks_of(context, list(cells_of(context)), most_bytes))


def test_a_stack_has_all_folds_and_seeds_of_a_model_once(context_of: Make) -> None:
    context = context_of(test_condition=["oracle", "marginal"])
    found = stacks(context)
    assert [{cell.model for cell in stack} for stack in found] == [{model} for model in MODELS[:3]]
    folds = len(context.tasks[0].plan.folds)
    for stack in found:
        assert len({autoencoder_key(context, cell) for cell in stack}) == len(stack) == 2 * folds


def test_sizes_of_latent_spaces_do_not_share_a_stack(context_of: Make) -> None:
    found = stacks(context_of(latent_sizes=[4, 8], models=["VAE-LSTM"]))
    assert sorted({cell.latent for cell in stack} for stack in found) == [{4}, {8}]


def test_segments_of_a_stack_are_bounded_and_seeds_share_them(context_of: Make) -> None:
    context = context_of(models=["AE-LSTM"])
    cells = [cell for cell in cells_of(context) if cell.model == "AE-LSTM"]
    assert [len(stack) for stack in stacks(context, 1)] == [1] * len(cells)
    segments = max(_bytes(context, cell) for cell in cells)
    one_fold = stacks(context, 2 * MEMBER_BYTES + segments)
    assert [len({cell.fold for cell in stack}) for stack in one_fold] == [1] * len(context.tasks[0].plan.folds)
    assert all(len(stack) == 2 for stack in one_fold)


def test_what_was_learned_together_is_found_and_is_what_each_learns_alone(context_of: Make) -> None:
    context, alone = context_of(), context_of("alone")
    told = together(context)
    cells = [cell for cell in cells_of(context) if cell.model in MODELS[:3]]
    assert {(step.cell.model, step.cell.fold, step.cell.seed, step.epoch) for step in told} == {
        (cell.model, cell.fold, cell.seed, epoch) for cell in cells for epoch in range(2)
    }
    for cell in cells:
        run_cell(alone, cell, lambda _step: None)
        learned, expected = kept_encoder(context, cell), kept_encoder(alone, cell)
        assert learned is not None
        assert expected is not None
        for one, other in zip(learned.curve, expected.curve, strict=True):
            assert dict(one) == pytest.approx(dict(other), rel=1e-4)
        assert learned.use.active == expected.use.active
        weights = expected.network.state_dict()
        for name, weight in learned.network.state_dict().items():
            torch.testing.assert_close(weight, weights[name], rtol=1e-3, atol=1e-4)


def test_a_cell_goes_on_from_what_was_learned_together(context_of: Make) -> None:
    context, alone = context_of(models=["VAE-LSTM"]), context_of("alone", models=["VAE-LSTM"])
    together(context)
    cell = next(cell for cell in cells_of(context) if cell.model == "VAE-LSTM")
    stages = list[str]()
    run_cell(context, cell, lambda step: stages.append(step.stage))
    run_cell(alone, cell, lambda _step: None)
    assert set(stages) == {"LSTM"}
    np.testing.assert_allclose(
        finished(context, cell).probabilities, finished(alone, cell).probabilities, rtol=0, atol=5e-3
    )


def test_finished_ones_are_left_alone(context_of: Make) -> None:
    context = context_of(models=["AE-LSTM"])
    together(context)
    places = {encoder_place(context, cell) for cell in cells_of(context) if cell.model == "AE-LSTM"}
    before = {place: place.stat().st_mtime_ns for place in places}
    assert together(context) == []
    lost = sorted(places)[0]
    lost.unlink()
    assert {step.cell.fold for step in together(context)} != set()
    assert {place for place in places if place.stat().st_mtime_ns != before[place]} == {lost}
