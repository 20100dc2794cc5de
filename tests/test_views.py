import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from conftest import Ran
from emovae.autoencoders import CVAE
from emovae.corpora import open_corpus
from emovae.errors import OutputError
from emovae.experiment import run
from emovae.frames import corpus_frames
from emovae.grid import Cell, Context, cells_of, scale_members
from emovae.keys import autoencoder_key
from emovae.machine import Machine
from emovae.normalise import fit
from emovae.presets import resolve
from emovae.segments import least_frames, segment
from emovae.tasks import tasks_of
from emovae.views import Views, read_views, write_views


def context_of(ran: Ran, out: Path) -> Context:
    frames = corpus_frames(
        ran.corpus, ran.experiment.front_end, ran.cache / "frames", at_least=least_frames(ran.experiment.segments)
    )
    tasks = tasks_of(ran.experiment, ran.corpus, frames.utterances)
    return Context(ran.experiment, frames, tasks, out / "cells", Machine())


@pytest.fixture(scope="module")
def views(ran: Ran) -> Views:
    return read_views(ran.out / "views.safetensors")


def test_the_views_are_of_the_utterances_that_the_first_fold_tested(ran: Ran, views: Views) -> None:
    fold = ran.outcome.results["plans"][0]["folds"][0]
    facts = {utterance.id: [utterance.emotion, utterance.speaker] for utterance in ran.corpus.utterances}
    assert views.about["fold"] == fold["name"]
    assert len(views.about["utterances"]) == sum(fold["test"]["classes"].values())
    assert {speaker for _, _, speaker in views.about["utterances"]} == set(fold["test"]["speakers"])
    assert all(facts[name] == [label, speaker] for name, label, speaker in views.about["utterances"])
    assert [label for _, label, _ in views.about["shown"]] == ["anger", "happiness", "neutral", "sadness"]
    assert views.about["models"] == {"AE-LSTM": 4, "VAE-LSTM": 4, "CVAE-LSTM": 4}


def test_originals_are_the_recordings_own_frames_and_reconstructions_lie_upon_them(ran: Ran, views: Views) -> None:
    frames = context_of(ran, ran.out).frames
    places = {utterance.id: place for place, utterance in enumerate(frames.utterances)}
    for number, (name, _, _) in enumerate(views.about["shown"]):
        original = views.arrays[f"original/{number}"]
        np.testing.assert_array_equal(original, frames.of(places[name]))
        for model in views.about["models"]:
            made = views.arrays[f"reconstructed/{model}/{number}"]
            assert made.shape == original.shape
            # Barely trained, and yet on the recording's own scale: not the normalised one, which has a mean near 0.
            assert abs(made.mean() - original.mean()) < 3


def test_the_cvae_is_told_every_class_in_equal_parts(ran: Ran, views: Views) -> None:
    context = context_of(ran, ran.out)
    cell = Cell("CVAE-LSTM", 0, 0, 0, "marginal", 4)
    network = CVAE(800, 4, context.autoencoder(cell), torch.Generator())
    weights = safetensors.torch.load_file(context.folder / f"{autoencoder_key(context, cell)}.safetensors")
    network.load_state_dict(weights)
    normaliser = fit(context.frames, scale_members(context, cell), "train")
    tested = context.fold(cell).test
    for place, member in enumerate(tested):
        segments = segment(normaliser, [member], ran.experiment.segments).values
        with torch.inference_mode():
            means = [network.encode(segments, one.expand(len(segments), -1)).mean for one in torch.eye(4)]
        by_hand = torch.stack(means).mean(0).mean(0)
        np.testing.assert_allclose(views.arrays["latents/CVAE-LSTM"][place], by_hand, atol=1e-5)


def test_only_what_has_a_prior_is_drawn_from_and_a_cvae_once_for_each_class(views: Views) -> None:
    assert "drawn/AE-LSTM" not in views.arrays
    assert views.arrays["drawn/VAE-LSTM"].shape == (1, 6, 10, 80)
    drawn = views.arrays["drawn/CVAE-LSTM"]
    assert drawn.shape == (4, 6, 10, 80)
    assert not np.allclose(drawn[0], drawn[1])


def test_views_that_are_of_just_this_run_are_left_and_others_are_written_anew(ran: Ran, tmp_path: Path) -> None:
    out = shutil.copytree(ran.out, tmp_path / "out")
    context, place = context_of(ran, out), out / "views.safetensors"
    cells = list(cells_of(context))
    before, written = place.stat().st_mtime_ns, place.read_bytes()
    write_views(context, cells, place)
    assert place.stat().st_mtime_ns == before
    place.write_bytes(b"{}")
    write_views(context, cells, place)
    assert place.read_bytes() == written


def test_without_the_autoencoders_files_there_are_no_views_and_nothing_is_trained(ran: Ran, tmp_path: Path) -> None:
    context = context_of(ran, tmp_path)
    write_views(context, list(cells_of(context)), tmp_path / "views.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_damaged_views_are_named(tmp_path: Path) -> None:
    (tmp_path / "views.safetensors").write_bytes(b"no")
    with pytest.raises(OutputError, match=r"views\.safetensors is damaged"):
        read_views(tmp_path / "views.safetensors")


@pytest.mark.parametrize(
    ("assignments", "classes"),
    [
        (['test_condition=["oracle"]'], 4),
        (["autoencoder.condition_decoder=false"], 1),
        (["segments.step_ms=50", "segments.tail=drop", "normalise=utterance", "front_end.bands=40"], 4),
        (["segments.length_ms=200", "segments.stride_ms=20"], 4),
        (['targets=["arousal", "emotion"]', "latent_sizes=[2, 8]"], 4),
    ],
)
def test_views_fit_every_setting(
    tiny: dict[str, Any], cache: Path, tmp_path: Path, assignments: Sequence[str], classes: int
) -> None:
    keys = {**tiny, "seeds": 1, "models": ["CVAE-LSTM"], "baselines": []}
    experiment = resolve(keys, None, assignments)
    run(experiment, open_corpus("synthetic:40"), tmp_path, cache)
    views = read_views(tmp_path / "views.safetensors")
    bands = experiment.front_end.bands
    assert views.about["target"] == "emotion"
    assert views.arrays["drawn/CVAE-LSTM"].shape == (classes, 6, experiment.segments.length_ms // 10, bands)
    assert views.arrays["latents/CVAE-LSTM"].shape[1] == max(experiment.latent_sizes, default=4)
    for number in range(len(views.about["shown"])):
        original, made = (views.arrays[f"{name}/{number}"] for name in ("original", "reconstructed/CVAE-LSTM"))
        assert original.shape == made.shape
        assert np.isfinite(made).all()
    assert json.dumps(views.about)
