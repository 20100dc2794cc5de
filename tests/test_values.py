from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray

from emovae.classifiers import LSTMRegressor
from emovae.concordance import concordance
from emovae.corpora import Corpus, open_corpus
from emovae.examples import Labelled
from emovae.experiment import Outcome, run
from emovae.latents import Sequences
from emovae.machine import Machine
from emovae.outputs import predict
from emovae.presets import resolve
from emovae.settings import Classifier
from emovae.tasks import tasks_of
from emovae.training import train_classifier
from emovae.utterance import Vote
from emovae.values import human_agreement

VALUED = [
    ("segments-LSTM", None),
    ("PCA-LSTM", None),
    ("AE-LSTM", None),
    ("VAE-LSTM", None),
    ("CVAE-LSTM", "oracle"),
    ("CVAE-LSTM", "marginal"),
    ("SSVAE-LSTM", None),
]


def keys_of(tiny: dict[str, Any]) -> dict[str, Any]:
    return {
        **tiny,
        "models": ["AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM"],
        "baselines": ["majority", "speaker-oracle", "functionals-SVM", "segments-LSTM", "PCA-LSTM"],
        "test_condition": ["oracle", "marginal", "bayes"],
        "targets": ["emotion", "arousal"],
        "continuous": True,
    }


@pytest.fixture(scope="module")
def said(
    tiny: dict[str, Any], small_corpus: Corpus, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Outcome]:
    out = tmp_path_factory.mktemp("values") / "out"
    return out, run(resolve(keys_of(tiny)), small_corpus, out, cache)


def ccc(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """By its definition, from moments that NumPy gives."""
    covariance = np.cov(x, y, bias=True)
    return float(2 * covariance[0, 1] / (np.trace(covariance) + (x.mean() - y.mean()) ** 2))


def test_every_lstm_says_values_of_the_dimensions_and_of_emotion_none(said: tuple[Path, Outcome]) -> None:
    rows = said[1].results["continuous"]
    assert [(row["model"], row["test_condition"]) for row in rows] == VALUED
    assert {row["target"] for row in rows} == {"arousal"}
    assert [row["model"] for row in rows if row["uses_true_label"]] == ["CVAE-LSTM"]


def test_the_figures_are_those_of_the_values_that_are_kept(said: tuple[Path, Outcome], small_corpus: Corpus) -> None:
    table = pq.read_table(said[0] / "values.parquet").to_pandas()
    ratings = {utterance.id: utterance.arousal for utterance in small_corpus.utterances}
    assert [ratings[name] for name in table["utterance"]] == pytest.approx(table["value"].tolist())
    for row in said[1].results["continuous"]:
        same = table[
            (table["model"] == row["model"]) & (table["test_condition"].fillna("") == (row["test_condition"] or ""))
        ]
        each = [one for _, one in same.groupby("seed")]
        assert [len(one) for one in each] == [row["n"]] * 2 == [40, 40]
        assert row["ccc"] == pytest.approx(np.mean([ccc(one["value"], one["predicted"]) for one in each]), rel=1e-6)
        errors = [np.sqrt(np.mean((one["value"] - one["predicted"]) ** 2)) for one in each]
        assert row["rmse"] == pytest.approx(np.mean(errors), rel=1e-6)
        assert row["interval"][0] <= row["ccc"] <= row["interval"][1]


@pytest.mark.slow
def test_levels_are_told_as_without_values(
    said: tuple[Path, Outcome], tiny: dict[str, Any], small_corpus: Corpus, cache: Path, tmp_path: Path
) -> None:
    plain = run(resolve({**keys_of(tiny), "continuous": False}), small_corpus, tmp_path / "out", cache)
    assert plain.results["rows"] == said[1].results["rows"]
    assert plain.results["continuous"] == []
    assert not (tmp_path / "out" / "values.parquet").exists()


def test_the_ratings_of_who_is_tested_change_no_value(
    said: tuple[Path, Outcome], tiny: dict[str, Any], small_corpus: Corpus, cache: Path, tmp_path: Path
) -> None:
    experiment = resolve({**keys_of(tiny), "models": ["VAE-LSTM"], "baselines": ["segments-LSTM"], "seeds": 1})
    (_, task) = tasks_of(experiment, small_corpus, small_corpus.utterances)
    tested = set(task.plan.folds[0].test)
    # A little more for everybody who is tested in the first fold: no level changes, so the folds are the same.
    moved = tuple(
        replace(one, arousal=one.arousal + 1e-3) if place in tested and one.arousal is not None else one
        for place, one in enumerate(small_corpus.utterances)
    )
    other = replace(small_corpus, utterances=moved)
    assert tasks_of(experiment, other, moved)[1].plan.fingerprint == task.plan.fingerprint
    tables = []
    for name, corpus in (("before", small_corpus), ("after", other)):
        run(experiment, corpus, tmp_path / name, cache)
        table = pq.read_table(tmp_path / name / "values.parquet").to_pandas()
        tables.append(table[table["fold"] == task.plan.folds[0].name])
    assert (tables[0]["value"] != tables[1]["value"]).all()
    assert tables[0]["predicted"].tolist() == tables[1]["predicted"].tolist()


# People


def rated(corpus: Corpus, ratings: Sequence[tuple[float | None, ...]]) -> Corpus:
    """The corpus with raters A, B, ... who give arousal, utterance by utterance."""
    voted = tuple(
        replace(one, votes=tuple(Vote("ABC"[rater], arousal=value) for rater, value in enumerate(each)))
        for one, each in zip(corpus.utterances, ratings, strict=True)
    )
    return replace(corpus, utterances=voted)


def test_people_agree_as_much_as_two_of_them_do(tiny: dict[str, Any], small_corpus: Corpus) -> None:
    generator = np.random.default_rng(0)
    first = generator.integers(1, 6, 40).astype(float)
    second, third = first + 1, generator.integers(1, 6, 40).astype(float)
    corpus = rated(small_corpus, list(zip(first, second, third, strict=True)))
    (task,) = tasks_of(resolve({**tiny, "targets": ["arousal"]}), corpus, corpus.utterances)
    told = human_agreement(task, corpus.utterances)
    assert told is not None
    pairs = {"A and B": (first, second), "A and C": (first, third), "B and C": (second, third)}
    assert told["pairs"] == pytest.approx({name: ccc(*both) for name, both in pairs.items()})
    assert told["ccc"] == pytest.approx(np.mean(list(told["pairs"].values())))
    assert told["n"] == 40


def test_two_raters_with_little_in_common_and_the_speakers_own_rating_tell_nothing(
    tiny: dict[str, Any], small_corpus: Corpus
) -> None:
    few = rated(small_corpus, [(1.0, 2.0) if place < 29 else (1.0, None) for place in range(40)])
    (task,) = tasks_of(resolve({**tiny, "targets": ["arousal"]}), few, few.utterances)
    assert human_agreement(task, few.utterances) is None
    own = tuple(
        replace(one, votes=(Vote("A", arousal=3.0), Vote("B", arousal=3.0, self_report=True)))
        for one in small_corpus.utterances
    )
    assert human_agreement(task, own) is None
    assert human_agreement(task, small_corpus.utterances) is None
    never_differ = rated(small_corpus, [(3.0, 3.0, float(place % 4)) for place in range(40)])
    told = human_agreement(task, never_differ.utterances)
    assert told is not None
    assert told["pairs"] == {"A and C": 0, "B and C": 0}
    assert human_agreement(task, rated(small_corpus, [(3.0, 3.0)] * 40).utterances) is None


# The regression head


def test_a_regressor_begins_at_the_typical_value_and_learns_what_a_sequence_holds() -> None:
    generator = np.random.default_rng(2)

    def examples(count: int) -> Labelled:
        lengths = generator.integers(3, 9, count)
        levels = generator.uniform(1, 5, count)
        steps = np.repeat(levels, lengths)[:, None] + generator.normal(0, 0.2, (lengths.sum(), 3))
        starts = np.cumsum([0, *lengths], dtype=np.int64)
        return Labelled(Sequences(torch.from_numpy(steps.astype(np.float32)), starts), levels.astype(np.float32))

    train, validation, test = examples(200), examples(50), examples(50)
    settings = Classifier(hidden=16, layers=1, learning_rate=0.02, epochs=20, batch_size=16)
    network = LSTMRegressor(3, settings, torch.Generator().manual_seed(0), typical=3.0)
    with torch.no_grad():
        network.reader.projection.weight.zero_()
    assert predict(network, test.sequences, Machine()).tolist() == [[3.0]] * 50
    network = LSTMRegressor(3, settings, torch.Generator().manual_seed(0), typical=3.0)
    curve = train_classifier(network, train, validation, settings, 0, Machine(), lambda _epoch, _losses: None)
    assert set(curve[0]) == {"loss", "validation"}
    told = predict(network, test.sequences, Machine())[:, 0]
    assert concordance(test.labels.astype(float), told.astype(float)) > 0.9


def test_a_corpus_with_raters_has_a_row_of_people(tiny: dict[str, Any], cache: Path, tmp_path: Path) -> None:
    plain = open_corpus("synthetic:40")
    corpus = rated(plain, [(one.arousal, one.arousal) for one in plain.utterances])
    keys = {
        **tiny,
        "models": [],
        "baselines": ["segments-LSTM"],
        "seeds": 1,
        "targets": ["arousal"],
        "continuous": True,
    }
    rows = run(resolve(keys), corpus, tmp_path / "out", cache).results["continuous"]
    assert [row["model"] for row in rows] == ["segments-LSTM", "people"]
    assert rows[-1]["ccc"] == pytest.approx(1)
    assert "| people " in (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
