"""A model that is taken along must say what the run said, find itself whole again, and refuse what is not itself."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from numpy.typing import NDArray

from conftest import Ran, one_network
from emovae.answers import Prediction, told
from emovae.assembly import load, save
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.calibration import entropy, tempered
from emovae.card import model_card
from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.errors import AudioError, ConfigError, OutputError, ProtocolError
from emovae.experiment import run
from emovae.final import Means, estimate, train_final
from emovae.hearing import heard
from emovae.model_folder import CARD, CONFIG, FACTS, WEIGHTS, Content, read_model, write_model
from emovae.presets import resolve
from emovae.settings import Autoencoder, Classifier
from emovae.trained import TrainedModel
from emovae.watcher import Watcher

MODELS = ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM")

Make = Callable[..., TrainedModel]


def stated(tiny: dict[str, Any], model: str, *assignments: str, preset: str | None = None) -> Experiment:
    keys = {**tiny, "models": [model], "baselines": [], "test_condition": ["marginal"], "seeds": 1}
    return resolve(keys, preset, assignments)


@pytest.fixture(scope="session")
def make(small_corpus: Corpus, cache: Path, tiny: dict[str, Any]) -> Make:
    def made(model: str = "VAE-LSTM", *assignments: str, fold: str | None = "1", **keys: Any) -> TrainedModel:
        experiment = stated(tiny, model, *assignments, **keys)
        return one_network(train_final(experiment, small_corpus, Means(cache, Watcher()), fold=fold))

    return made


@dataclass(frozen=True)
class Kept:
    model: TrainedModel
    folder: Path


@pytest.fixture(scope="session")
def kept(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    model, folder = make(), tmp_path_factory.mktemp("model")
    save(model, folder, model_card(model))
    return Kept(model, folder)


@pytest.fixture
def folder(kept: Kept, tmp_path: Path) -> Path:
    """A model folder of one's own, to be spoilt."""
    return Path(shutil.copytree(kept.folder, tmp_path / "model"))


def waveforms(corpus: Corpus, count: int) -> list[Waveform]:
    return [corpus.waveform(utterance) for utterance in corpus.utterances[:count]]


def said(model: TrainedModel, corpus: Corpus, ids: list[str]) -> NDArray[np.float32]:
    by_id = {utterance.id: utterance for utterance in corpus.utterances}
    return model.answer([corpus.waveform(by_id[one]) for one in ids]).said


def predict(model: TrainedModel, recording: str | Path | Waveform, sample_rate_hz: int | None = None) -> Prediction:
    return told(model, [heard(recording, sample_rate_hz)])[0]


# What it says


CHANGES = ("features=mean", "merge=statistics", "normalise=utterance", "normalise=none", "segments.short=pad")


@pytest.mark.parametrize(
    ("model", "changes"),
    [(model, []) for model in MODELS] + [(model, [one]) for model in ("VAE-LSTM", "CVAE-LSTM") for one in CHANGES],
)
def test_a_folds_model_says_of_its_held_out_speakers_what_the_run_said(
    model: str, changes: list[str], make: Make, small_corpus: Corpus, cache: Path, tiny: dict[str, Any], tmp_path: Path
) -> None:
    recognizer = make(model, *changes, fold="2")
    run(stated(tiny, model, *changes), small_corpus, tmp_path, cache)
    rows = pq.read_table(tmp_path / "predictions.parquet").to_pylist()
    tested = [row for row in rows if row["fold"] == recognizer.facts["training"]["fold"] and row["model"] == model]
    expected = np.array([[row[name] for name in recognizer.classes] for row in tested])
    found = said(recognizer, small_corpus, [row["utterance"] for row in tested])
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)
    right = sum(row["predicted"] == row["label"] for row in tested)
    assert recognizer.facts["estimate"]["wa"] == pytest.approx(right / len(tested))


def test_a_prediction_tells_the_likeliest_class_and_the_doubt(kept: Kept, small_corpus: Corpus) -> None:
    waveform = small_corpus.waveform(small_corpus.utterances[0])
    found = predict(kept.model, waveform, SAMPLE_RATE_HZ)
    answers = kept.model.answer([waveform])
    np.testing.assert_allclose(list(found.probabilities.values()), tempered(answers.said, kept.model.temperature)[0])
    assert list(found.probabilities) == list(kept.model.classes)
    assert found.probabilities[found.label] == found.confidence == max(found.probabilities.values())
    assert found.entropy == pytest.approx(entropy(np.array([list(found.probabilities.values())]))[0])
    assert not found.padded


def test_a_file_is_heard_as_its_samples_are(kept: Kept, small_corpus: Corpus, tmp_path: Path) -> None:
    waveform = small_corpus.waveform(small_corpus.utterances[1])
    soundfile.write(tmp_path / "a.wav", waveform, SAMPLE_RATE_HZ, "FLOAT")
    expected = predict(kept.model, waveform, SAMPLE_RATE_HZ)
    assert predict(kept.model, tmp_path / "a.wav") == predict(kept.model, str(tmp_path / "a.wav")) == expected
    both = np.stack([waveform, waveform], axis=1)
    assert predict(kept.model, both, SAMPLE_RATE_HZ) == expected


def test_company_changes_nothing(kept: Kept, small_corpus: Corpus) -> None:
    some = waveforms(small_corpus, 12)
    together = kept.model.answer(some).said
    alone = np.concatenate([kept.model.answer([one]).said for one in some])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("samples", "padded"), [(3, True), (399, True), (1839, True), (1840, False), (1999, False)])
def test_what_is_shorter_than_a_segment_is_filled_up_and_says_so(samples: int, padded: bool, kept: Kept) -> None:
    tone = (0.1 * np.sin(np.arange(samples))).astype(np.float32)
    found = predict(kept.model, tone, SAMPLE_RATE_HZ)
    assert found.padded is padded
    assert sum(found.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("samples", "trouble"),
    [
        (np.zeros(0, np.float32), r"shape \(0,\); wanted is \[sample\]"),
        (np.zeros((4, 4, 4), np.float32), r"shape \(4, 4, 4\)"),
        (np.zeros(9000, np.float32), "is silent"),
        (np.full(9000, np.nan, np.float32), "holds NaN or infinity in 9000 of 9000"),
        (np.full(9000, 9.0, np.float32), "has a peak of 9 where full scale is 1"),
        (np.full((2, 9000), 0.1, np.float32), r"wanted is \[sample, channel\]: transpose them"),
    ],
)
def test_samples_that_are_no_sound_are_refused(samples: Waveform, trouble: str, kept: Kept) -> None:
    with pytest.raises(AudioError, match=trouble):
        predict(kept.model, samples, SAMPLE_RATE_HZ)


def test_samples_need_a_rate_and_a_file_none(kept: Kept) -> None:
    with pytest.raises(ValueError, match="give sample_rate_hz, such as 16000"):
        predict(kept.model, np.ones(9000, np.float32))
    with pytest.raises(ValueError, match="leave sample_rate_hz away"):
        predict(kept.model, "a.wav", 16000)
    with pytest.raises(ValueError, match="give one at least"):
        kept.model.answer([])
    for rate_hz in (0, 100, 10**6):
        with pytest.raises(AudioError, match=f"samples have {rate_hz} Hz; wanted are 4000 to 384000 Hz"):
            predict(kept.model, np.full(9000, 0.1, np.float32), rate_hz)


# From everyone


def test_a_model_of_everyone_tells_what_the_folds_told(
    small_corpus: Corpus, cache: Path, tiny: dict[str, Any], tmp_path: Path
) -> None:
    experiment = stated(tiny, "CVAE-LSTM", "marginal_weights=prior")
    expected = estimate(experiment, small_corpus, Means(cache, Watcher()))
    row = run(experiment, small_corpus, tmp_path, cache).results["rows"][0]
    assert (expected["wa"], expected["ua"], expected["n"]) == (row["wa"], row["ua"], len(small_corpus.utterances))
    model = train_final(experiment, small_corpus, Means(cache, Watcher()), expected=expected)
    training = model.facts["training"]
    assert training["fold"] == "everyone"
    assert training["utterances"] + training["validation_utterances"] == len(small_corpus.utterances)
    assert sum(training["classes"].values()) == len(small_corpus.utterances)
    assert len(model.facts["confidences"]) == 101
    card = model_card(model)
    for one in (f"{row['ua']:.1%}", "Article 5(1)(f)", "library_name: emovae", "CVAE-LSTM of synthetic", "2-groups"):
        assert one in card


def test_a_model_that_nobody_estimated_says_so(make: Make) -> None:
    assert "Nobody has estimated it" in model_card(make("AE-LSTM", fold=None))


def test_the_papers_preset_can_be_taken_along(make: Make, small_corpus: Corpus) -> None:
    model = make("CVAE-LSTM", preset="paper")
    assert model.answer(waveforms(small_corpus, 3)).said.shape == (3, len(model.classes))


@pytest.mark.parametrize(
    ("model", "assignment", "trouble"),
    [
        ("VAE-LSTM", "normalise=speaker", "normalise=speaker needs to know who speaks"),
        ("VAE-LSTM", "features=sample", "draws anew at each prediction"),
        ("CVAE-LSTM", 'test_condition=["oracle"]', "test_condition=oracle is not for a model to take along"),
        ("VAE-LSTM", 'targets=["emotion", "arousal"]', "names one target"),
        ("VAE-LSTM", "latent_sizes=[4]", "has one size and learns from one subset; set autoencoder.latent"),
        ("VAE-LSTM", 'models=["VAE-LSTM", "AE-LSTM"]', "one autoencoder with its classifier"),
    ],
)
def test_what_nobody_can_answer_at_prediction_is_refused(model: str, assignment: str, trouble: str, make: Make) -> None:
    with pytest.raises(ConfigError, match=trouble):
        make(model, assignment)


@pytest.mark.parametrize("fold", ["0", "3", "nobody"])
def test_a_fold_that_is_not_there_is_refused(fold: str, make: Make) -> None:
    with pytest.raises(ProtocolError, match=rf"no fold {fold}; there are group 1 of 2, group 2 of 2 \(1 to 2\)"):
        make(fold=fold)


# Its folder


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_found_again_whole(model: str, make: Make, small_corpus: Corpus, tmp_path: Path) -> None:
    made = make(model)
    save(made, tmp_path / "m", model_card(made))
    found = load(tmp_path / "m")
    some = waveforms(small_corpus, 5)
    for one, other in zip(made.answer(some), found.answer(some), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.facts == made.facts
    assert found.settings == made.settings


def test_saving_again_writes_the_same_bytes(kept: Kept, tmp_path: Path) -> None:
    save(load(kept.folder), tmp_path, (kept.folder / CARD).read_text(encoding="utf-8"))
    names = sorted(each.name for each in kept.folder.iterdir())
    assert names == sorted([CARD, CONFIG, FACTS, WEIGHTS])
    assert all((tmp_path / name).read_bytes() == (kept.folder / name).read_bytes() for name in names)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, FACTS])
def test_a_missing_file_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(OutputError, match=f"{name} is missing; copy the folder anew"):
        load(folder)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
@pytest.mark.parametrize("cut", [0, 100, -1])
def test_a_cut_or_edited_file_is_named(name: str, cut: int, folder: Path) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:cut] if cut >= 0 else content[:-1] + b"!")
    with pytest.raises(OutputError, match=f"{name} is cut or has been edited"):
        load(folder)


def test_edited_facts_are_refused(folder: Path) -> None:
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    facts["facts"]["estimate"]["ua"] = 0.99
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(OutputError, match=r"model\.json has been edited"):
        load(folder)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"signed": 1, "format": "x"}', "[" * 100_000, "null", "\x00"]
)
def test_facts_that_are_none_are_refused(content: str, folder: Path) -> None:
    (folder / FACTS).write_text(content, encoding="utf-8")
    with pytest.raises(OutputError, match=r"model\.json is not what emovae wrote"):
        load(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"temperature": ', '"temperature": NaN, "x": '),
        ('"format": 1', '"format": 1e999'),
        ('"format": 1', '"format": null'),
        ('"classes": [', '"classes": ["\\ud800", '),
    ],
)
def test_facts_with_odd_values_are_refused(old: str, new: str, folder: Path) -> None:
    text = (folder / FACTS).read_text(encoding="utf-8")
    assert text.count(old) >= 1
    (folder / FACTS).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(
        OutputError, match=r"model\.json (is not what emovae wrote|has been edited)|install a newer one"
    ):
        load(folder)


def resigned(folder: Path, **changes: object) -> None:
    """Somebody who knows how writes other facts and settings, with checksums that are right."""
    content = read_model(folder)
    settings = content.settings.model_copy(
        update={
            name: changes.pop(name)
            for name in ("autoencoder", "classifier", "features", "normalise")
            if name in changes
        }
    )
    facts = {**content.facts, **changes}
    write_model(
        folder, Content({name: facts[name] for name in facts if name != "format"}, settings, content.tensors), ""
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"greatest_usual_distance": 0.0},
        {"classes": "abcd"},
        {"classes": ["a", "b"]},
        {"sample_rate_hz": 8000},
        {"front_end": "another"},
        {"model": "AE-LSTM"},
        {"facts": {}},
        {"facts": None},
        {"condition_weights": [1.0]},
        {"features": "mean"},
        {"normalise": "none"},
        {"autoencoder": Autoencoder(hidden=(65_536, 65_536), latent=4)},
        {"autoencoder": Autoencoder(hidden=(16,) * 100, latent=4)},
        {"classifier": Classifier(hidden=65_536)},
        {"classifier": Classifier(hidden=8, layers=16)},
    ],
    ids=str,
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, object], folder: Path) -> None:
    resigned(folder, **changes)
    if "condition_weights" in changes:  # a VAE is told no class, and says the same
        load(folder)
        return
    with pytest.raises(OutputError, match="its files do not fit together"):
        load(folder)


def test_a_class_that_nobody_tested_shows_is_left_out_of_the_card(kept: Kept) -> None:
    facts = {**kept.model.facts, "estimate": {"by": "x", "n": 1, "wa": 0.5, "ua": 0.5, "recall": {"a": None, "b": 0.5}}}
    assert "class by class: b 50%" in model_card(replace(kept.model, facts=facts))


def test_a_newer_folder_asks_for_a_newer_emovae(folder: Path) -> None:
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    (folder / FACTS).write_text(json.dumps({**facts, "format": 2}), encoding="utf-8")
    with pytest.raises(OutputError, match="of format 2, and this emovae knows 1; install a newer one"):
        load(folder)


@pytest.mark.parametrize("name", ["weights.pkl", "pytorch_model.bin", "model.PT", "x.npy"])
def test_a_pickle_beside_it_is_refused_by_name(name: str, folder: Path) -> None:
    (folder / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(OutputError, match=f"it holds {name}, which may be a pickle and run code"):
        load(folder)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is no folder; give a model folder"):
        load(tmp_path / "nothing")


def test_a_run_folder_is_no_model(ran: Ran) -> None:
    with pytest.raises(OutputError, match=r"model\.json is missing"):
        load(ran.out)
