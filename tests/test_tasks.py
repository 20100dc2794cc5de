from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import f1_score

from conftest import Ran
from emovae.config import Experiment
from emovae.corpora import Corpus, open_corpus
from emovae.errors import ConfigError, CorpusError
from emovae.experiment import run
from emovae.frames import corpus_frames
from emovae.grid import Context, autoencoder_members, cells_of, is_learned
from emovae.keys import autoencoder_key
from emovae.labels import MAPPINGS, LabelMapping, mapped
from emovae.machine import Machine
from emovae.presets import resolve
from emovae.targets import mapping_of
from emovae.tasks import tasks_of

FOUR = ("anger", "happiness", "neutral", "sadness")
IEMOCAP_CODES = (*FOUR, "excited", "frustration", "surprise", "fear", "disgust", "other")


@pytest.fixture(scope="module")
def divided() -> Corpus:
    """Each speaker says each emotion in both subsets."""
    corpus = open_corpus("synthetic:160")
    utterances = [
        replace(utterance, subset="improvised" if place % 80 < 40 else "scripted")
        for place, utterance in enumerate(corpus.utterances)
    ]
    return replace(corpus, utterances=tuple(utterances))


def named(corpus: Corpus, emotions: Sequence[str | None], mapping: LabelMapping = "raw") -> Corpus:
    utterances = (replace(one, emotion=emotions[place % len(emotions)]) for place, one in enumerate(corpus.utterances))
    return replace(corpus, utterances=tuple(utterances), mapping=mapping)


def experiment(**keys: Any) -> Experiment:
    return resolve({"name": "mine", "protocol": {"kind": "speakers", "folds": 5}, **keys})


def context_of(stated: Experiment, corpus: Corpus, cache: Path) -> Context:
    frames = corpus_frames(corpus, stated.front_end, cache / "frames", at_least=1)
    return Context(stated, frames, tasks_of(stated, corpus, corpus.utterances), cache / "none", Machine())


def distinct(context: Context, model: str) -> int:
    return len({autoencoder_key(context, cell) for cell in cells_of(context) if cell.model == model})


@pytest.mark.parametrize(
    ("mapping", "classes"),
    [
        ("four", FOUR),
        ("four-without-excited", FOUR),
        ("six", ("anger", "excited", "frustration", "happiness", "neutral", "sadness")),
        ("raw", tuple(sorted(IEMOCAP_CODES))),
    ],
)
def test_a_mapping_names_the_classes_of_a_study(mapping: LabelMapping, classes: tuple[str, ...]) -> None:
    corpus = named(open_corpus("synthetic:400"), [*IEMOCAP_CODES, None, None, None])
    stated = experiment(mapping=mapping, protocol={"kind": "random", "folds": 2})
    (task,) = tasks_of(stated, corpus, corpus.utterances)
    assert task.classes == classes
    kept = [one.emotion for one, label in zip(corpus.utterances, task.labels, strict=True) if label is not None]
    assert ("excited" in kept) is (mapping != "four-without-excited")
    merged = [label for one, label in zip(corpus.utterances, task.labels, strict=True) if one.emotion == "excited"]
    assert set(merged) == {{"four": "happiness", "four-without-excited": None}.get(mapping, "excited")}


def test_a_corpus_has_a_usual_mapping_that_an_experiment_may_replace() -> None:
    corpus = named(open_corpus("synthetic:80"), ["anger", "excited", "sadness", "neutral"], "four")
    assert mapping_of(experiment(), corpus) == "four"
    assert mapping_of(experiment(mapping="six"), corpus) == "six"
    assert mapping_of(experiment(), replace(corpus, mapping="raw")) == "raw"


def test_a_mapping_invents_no_class() -> None:
    for mapping in MAPPINGS:
        assert mapped(None, mapping) is None
    for mapping in ("four", "four-without-excited", "six"):
        assert mapped("boredom", mapping) is None


def test_four_class_utterances_are_those_that_the_mapping_puts_among_the_four() -> None:
    corpus = named(open_corpus("synthetic:160"), ["anger", "excited", "fear", "neutral", "sadness"], "four")
    (task,) = tasks_of(
        experiment(targets=["arousal"], utterances="four-class", dimensional_protocol={"kind": "random", "folds": 2}),
        corpus,
        corpus.utterances,
    )
    rated = {one.emotion for one, label in zip(corpus.utterances, task.labels, strict=True) if label is not None}
    assert rated == {"anger", "excited", "neutral", "sadness"}


def test_a_class_that_no_utterance_has_under_the_mapping_is_told() -> None:
    corpus = named(open_corpus("synthetic:80"), ["anger", "excited"], "four")
    with pytest.raises(ConfigError, match="no utterance is labelled excited; there are anger, happiness"):
        tasks_of(experiment(classes=["anger", "excited"]), corpus, corpus.utterances)


def test_a_corpus_without_ratings_has_no_dimensions() -> None:
    corpus = open_corpus("synthetic:80")
    bare = replace(corpus, utterances=tuple(replace(one, valence=None) for one in corpus.utterances))
    with pytest.raises(CorpusError, match="no utterance has a label for valence"):
        tasks_of(experiment(targets=["valence"]), bare, bare.utterances)


def test_all_dimensions_share_their_folds_and_so_their_autoencoders(divided: Corpus, cache: Path) -> None:
    stated = experiment(targets=["emotion", "arousal", "power", "valence"])
    context = context_of(stated, divided, cache)
    emotion, *dimensions = context.tasks
    assert len(emotion.plan.folds) == 5
    for task in dimensions:
        assert [fold.test for fold in task.plan.folds] == [fold.test for fold in dimensions[0].plan.folds]
        assert [fold.validation for fold in task.plan.folds] == [fold.validation for fold in dimensions[0].plan.folds]
    assert distinct(context, "VAE-LSTM") == 5 + 10
    assert distinct(context, "CVAE-LSTM") == 5 + 30
    told_emotions = context_of(stated.model_copy(update={"condition": "emotion"}), divided, cache)
    assert distinct(told_emotions, "CVAE-LSTM") == 5 + 10


def test_all_subsets_share_their_folds_and_so_their_autoencoders(divided: Corpus, cache: Path) -> None:
    subsets = ["improvised", "scripted", "complete"]
    context = context_of(experiment(subsets=subsets, protocol={"kind": "session"}), divided, cache)
    for fold in range(5):
        sides = [task.plan.folds[fold] for task in context.tasks]
        stopping = [{divided.utterances[member].speaker for member in side.validation} for side in sides]
        assert stopping[0] == stopping[1] == stopping[2]
        held_out = {divided.utterances[member].session for side in sides for member in side.test}
        assert len(held_out) == 1
    for model in ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM"):
        assert distinct(context, model) == 5
    alone = context_of(experiment(subsets=subsets, autoencoder={"data": "subset"}), divided, cache)
    assert distinct(alone, "VAE-LSTM") == 15


def test_what_the_stopping_speakers_say_outside_the_task_stops_an_autoencoder_and_teaches_none(
    divided: Corpus, cache: Path
) -> None:
    context = context_of(experiment(subsets=["improvised"]), divided, cache)
    for cell in filter(is_learned, cells_of(context)):
        fold = context.fold(cell)
        train, validation = autoencoder_members(context, cell)
        assert set(fold.aside) <= set(validation)
        assert {divided.utterances[member].subset for member in fold.aside} == {"scripted"}
        assert not set(train) & set(validation)
        said_by = [{divided.utterances[member].speaker for member in side} for side in (train, validation, fold.test)]
        assert not said_by[0] & said_by[1]
        assert not said_by[0] & said_by[2]
        assert not said_by[1] & said_by[2]


def test_a_task_that_cannot_be_divided_as_the_others_is_divided_alone() -> None:
    corpus = open_corpus("synthetic:160")
    # One subset holds three speakers only; groups of all ten would leave it folds without a test.
    few = {"F1", "F2", "M1"}
    utterances = tuple(replace(one, subset="small" if one.speaker in few else "large") for one in corpus.utterances)
    stated = experiment(subsets=["small", "large"], protocol={"kind": "speakers", "folds": 3})
    for task in tasks_of(stated, replace(corpus, utterances=utterances), utterances):
        assert all(fold.train and fold.validation and fold.test for fold in task.plan.folds)
        tested = [member for fold in task.plan.folds for member in fold.test]
        assert sorted(tested) == [member for member, label in enumerate(task.labels) if label is not None]


def test_every_latent_size_has_cells_rows_and_predictions_of_its_own(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    stated = resolve({**tiny, "seeds": 1, "models": ["VAE-LSTM"], "baselines": ["majority"], "latent_sizes": [2, 4, 8]})
    results = run(stated, ran.corpus, tmp_path, ran.cache).results
    assert [(row["model"], row["latent"]) for row in results["rows"]] == [
        ("majority", None),
        ("VAE-LSTM", 2),
        ("VAE-LSTM", 4),
        ("VAE-LSTM", 8),
    ]
    alone = run(stated.model_copy(update={"latent_sizes": ()}), ran.corpus, tmp_path, ran.cache)
    assert alone.computed == 0  # size 4 is the experiment's own
    assert alone.results["rows"][1]["confusion"] == results["rows"][2]["confusion"]


def test_table_2s_f_measures_and_their_mean_are_those_of_scikit_learn(
    ran: Ran, tiny: dict[str, Any], tmp_path: Path
) -> None:
    dimensions = ["arousal", "power", "valence"]
    stated = resolve({**tiny, "models": ["VAE-LSTM"], "baselines": ["functionals-SVM"], "targets": dimensions})
    results = run(stated, ran.corpus, tmp_path, ran.cache).results
    told = pq.read_table(tmp_path / "predictions.parquet").to_pylist()
    for mean in results["means"]:
        rows = [row for row in results["rows"] if row["model"] == mean["model"]]
        assert [row["target"] for row in rows] == dimensions
        for average in ("macro", "weighted"):
            each = [f_measures(told, row, average) for row in rows]
            assert [row[f"{average}_f1"] for row in rows] == pytest.approx(each)
            assert mean[f"{average}_f1"] == pytest.approx(np.mean(each))


def f_measures(told: list[dict[str, Any]], row: dict[str, Any], average: str) -> float:
    """Pooled over folds, then the mean over seeds; a level that nobody shows has no part in it."""
    each = []
    for seed in range(row["seeds"]):
        lines = [x for x in told if (x["model"], x["target"], x["seed"]) == (row["model"], row["target"], seed)]
        true = [line["label"] for line in lines]
        assert len(true) == row["n"]
        each.append(f1_score(true, [line["predicted"] for line in lines], labels=sorted(set(true)), average=average))
    return float(np.mean(each))


def test_ratings_on_another_scale_are_refused_where_levels_are_asked_for() -> None:
    corpus = open_corpus("synthetic:80")
    wide = [replace(one, arousal=9.0 if place < 5 else one.arousal) for place, one in enumerate(corpus.utterances)]
    with pytest.raises(CorpusError, match=r"5 of 80 ratings of arousal lie outside 1 to 5, 9 first"):
        tasks_of(experiment(targets=["arousal"]), corpus, wide)
    assert tasks_of(experiment(targets=["emotion", "power"]), corpus, wide)
    slip = [replace(one, arousal=5.5 if place == 0 else one.arousal) for place, one in enumerate(corpus.utterances)]
    assert tasks_of(experiment(targets=["arousal"]), corpus, slip)[0].labels[0] == "high"


def test_a_mapping_that_leaves_nothing_names_what_there_is() -> None:
    corpus = named(open_corpus("synthetic:80"), ["boredom", "contempt"])
    with pytest.raises(CorpusError, match=r"leaves no utterance: the corpus has boredom, contempt; .*mapping=raw"):
        tasks_of(experiment(mapping="six"), corpus, corpus.utterances)
