"""A model asked about a corpus must say what the run said, in figures that scikit-learn finds, too."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from click.testing import CliRunner
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score, recall_score

from conftest import Ran, one_network
from emovae.asked import Asked, asked, wishes
from emovae.assembly import save
from emovae.audio import SAMPLE_RATE_HZ
from emovae.by_speaker import Said, counted
from emovae.calibration import ece
from emovae.corpora import Corpus, open_corpus
from emovae.errors import AudioError, ConfigError, CorpusError, EmovaeError
from emovae.evaluate import evaluated
from emovae.evaluated import as_json, lines, predictions
from emovae.final import Means, train_final
from emovae.marks import MOST, joined, mark, parted
from emovae.presets import resolve
from emovae.shells.cli import WRONG, cli
from emovae.statistics import intervals
from emovae.trained import TrainedModel
from emovae.utterance import Part, Utterance
from emovae.watcher import Watcher

CLASSES = ("anger", "happiness", "neutral", "sadness")
CORPORA = os.environ.get("EMOVAE_CORPORA")


def trained(corpus: Corpus, cache: Path, tiny: dict[str, Any], **keys: Any) -> TrainedModel:
    stated = {**tiny, "models": ["VAE-LSTM"], "baselines": [], "test_condition": ["marginal"], **keys}
    return one_network(train_final(resolve(stated), corpus, Means(cache, Watcher()), fold="2"))


@pytest.fixture(scope="module")
def model(small_corpus: Corpus, cache: Path, tiny: dict[str, Any]) -> TrainedModel:
    return trained(small_corpus, cache, tiny)


@pytest.fixture(scope="module")
def versatile(small_corpus: Corpus, cache: Path, tiny: dict[str, Any]) -> TrainedModel:
    """One that has learned enough to say several classes."""
    longer = {
        "autoencoder": {**tiny["autoencoder"], "epochs": 10},
        "classifier": {**tiny["classifier"], "epochs": 40, "patience": 40},
    }
    return trained(small_corpus, cache, tiny, **longer)


@pytest.fixture(scope="module")
def folder(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model") / "m"
    save(model, place, "")
    return place


def labelled(*emotions: str | None, name: str = "theirs") -> Corpus:
    each = enumerate(emotions)
    return Corpus(
        name=name,
        utterances=tuple(Utterance(id=str(n), audio=None, speaker="s", emotion=emotion) for n, emotion in each),
    )


def words_of(corpus: Corpus, *wished: str, mapping: str = "corpus", classes: tuple[str, ...] = CLASSES) -> Asked:
    return asked(corpus, resolve({"name": "a", "mapping": mapping}), classes, wishes(wished))


def restricted(corpus: Corpus, ids: set[str]) -> Corpus:
    return replace(corpus, utterances=tuple(one for one in corpus.utterances if one.id in ids))


def told_of(model: TrainedModel, corpus: Corpus, *wished: str) -> dict[str, Any]:
    wanted = asked(corpus, model.settings, model.classes, wishes(wished))
    return as_json(model, corpus.name, evaluated(model, corpus, wanted))


def emovae(*words: object, code: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(cli, list(map(str, words)))
    is_told = isinstance(done.exception, EmovaeError)
    assert (WRONG if is_told else done.exit_code) == code, done.exception
    return done.stdout, f"{done.stderr}{done.exception}" if is_told else done.stderr


def written(corpus: Corpus, folder: Path, count: int = 12) -> Path:
    """A corpus of recordings, of another name."""
    rows = ["path,label,speaker"]
    folder.mkdir()
    for place, one in enumerate(corpus.utterances[:count]):
        soundfile.write(folder / f"{place}.wav", corpus.waveform(one), SAMPLE_RATE_HZ, "FLOAT")
        rows.append(f"{place}.wav,{one.emotion},{one.speaker}")
    (folder / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


# What it says


def test_a_folds_model_says_of_its_held_out_speakers_what_the_run_said(ran: Ran, model: TrainedModel) -> None:
    rows = pq.read_table(ran.out / "predictions.parquet").to_pylist()
    fold = model.facts["training"]["fold"]
    run = {
        row["utterance"]: row
        for row in rows
        if (row["model"], row["fold"], row["seed"], row["target"]) == ("VAE-LSTM", fold, 0, "emotion")
    }
    corpus = restricted(ran.corpus, set(run))
    found = evaluated(model, corpus, asked(corpus, model.settings, model.classes, {}))
    told = as_json(model, corpus.name, found)
    right = [row["predicted"] == row["label"] for row in run.values()]
    assert told["wa"] == pytest.approx(np.mean(right))
    assert (told["wa"], told["ua"]) == (model.facts["estimate"]["wa"], model.facts["estimate"]["ua"])
    (tmp := ran.out.parent / "evaluated.parquet").write_bytes(predictions(model, found))
    table = pq.read_table(tmp)
    assert [name for name in table.column_names if name != "strangeness"] == pq.read_table(
        ran.out / "predictions.parquet"
    ).column_names[: len(table.column_names) - 1]
    for row in table.to_pylist():
        same = run[row["utterance"]]
        for name in ("speaker", "label", "predicted", "model", "subset", "target", "latent", "test_condition"):
            assert row[name] == same[name]
        assert [row[name] for name in CLASSES] == pytest.approx([same[name] for name in CLASSES], abs=2e-6)


def test_figures_are_scikit_learns(versatile: TrainedModel, small_corpus: Corpus) -> None:
    found = evaluated(versatile, small_corpus, asked(small_corpus, versatile.settings, versatile.classes, {}))
    told = as_json(versatile, "theirs", found)
    true = [one.emotion for one in small_corpus.utterances]
    waveforms = [small_corpus.waveform(one) for one in small_corpus.utterances]
    answers = versatile.answer(waveforms)
    said = [CLASSES[place] for place in answers.said.argmax(axis=1)]
    assert told["wa"] == pytest.approx(accuracy_score(true, said))
    assert told["ua"] == pytest.approx(balanced_accuracy_score(true, said))
    assert told["macro_f1"] == pytest.approx(f1_score(true, said, average="macro", labels=CLASSES))
    assert told["confusion"] == confusion_matrix(true, said, labels=CLASSES).tolist()
    assert len(set(said)) > 1
    shares = recall_score(true, said, average=None, labels=CLASSES)
    assert list(told["recall"].values()) == pytest.approx(shares)
    places = np.array([CLASSES.index(str(name)) for name in true])
    assert told["calibration"]["tempered_ece"] == pytest.approx(ece(answers.probabilities, places), abs=1e-6)
    assert told["calibration"]["ece"] == pytest.approx(ece(answers.said, places), abs=1e-6)
    assert told["unlike"] == pytest.approx(np.mean(answers.strangeness > 1))
    assert (told["n"], told["speakers"]) == (40, 10)


def test_intervals_are_those_of_the_counts_of_speakers(versatile: TrainedModel, small_corpus: Corpus) -> None:
    told = told_of(versatile, small_corpus)
    low, high = told["intervals"]["ua"]
    assert low < told["ua"] < high
    found = evaluated(versatile, small_corpus, asked(small_corpus, versatile.settings, versatile.classes, {}))
    said = [CLASSES[place] for place in found.answers.said.argmax(axis=1)]
    speakers = [one.speaker for one in found.utterances]
    counts = counted(Said([0] * 40, speakers, found.labels, said), CLASSES)
    expected = intervals(counts, seed=7)["ua"]
    assert expected is not None
    assert [low, high] == pytest.approx(list(expected), abs=0.01)  # other draws, so nearly the same
    one = restricted(small_corpus, {each.id for each in small_corpus.utterances if each.speaker == speakers[0]})
    assert told_of(versatile, one)["intervals"]["ua"] is None


def test_a_gender_is_told_as_if_it_were_alone(versatile: TrainedModel, small_corpus: Corpus) -> None:
    groups = told_of(versatile, small_corpus)["groups"]
    assert list(groups) == ["gender"]
    for name, group in groups["gender"].items():
        among = {one.id for one in small_corpus.utterances if one.gender == name}
        alone = told_of(versatile, restricted(small_corpus, among))
        assert (group["n"], group["wa"], group["ua"]) == (len(among), alone["wa"], alone["ua"])
        assert group["intervals"] == {figure: alone["intervals"][figure] for figure in ("wa", "ua")}
        assert alone["groups"] == {}


def test_threads_change_nothing_and_progress_is_told(versatile: TrainedModel, small_corpus: Corpus) -> None:
    wanted = asked(small_corpus, versatile.settings, versatile.classes, {})
    seen: list[tuple[int, int]] = []
    one = evaluated(versatile, small_corpus, wanted, 1, lambda done, of: seen.append((done, of)))
    three = evaluated(versatile, small_corpus, wanted, 3)
    assert seen == [(16, 40), (32, 40), (40, 40)]  # by handfuls
    assert [each.id for each in one.utterances] == [each.id for each in small_corpus.utterances]
    assert one.utterances == three.utterances
    np.testing.assert_array_equal(one.answers.said, three.answers.said)


def test_recordings_that_were_learned_from_are_known_under_any_name(model: TrainedModel, small_corpus: Corpus) -> None:
    theirs = replace(small_corpus, name="theirs")
    told = told_of(model, theirs)
    assert told["notices"] == [
        "20 of the 40 recordings are such as the model learned from, and 5 of the 10 speakers people whom it has heard:"
        " their figures say nothing of others"
    ]
    assert told["notices"][0] in "\n".join(lines(told))


def test_people_whom_the_fold_held_out_are_not_taken_for_known(
    model: TrainedModel, small_corpus: Corpus, ran: Ran
) -> None:
    table = pq.read_table(ran.out / "predictions.parquet", columns=["utterance", "fold"]).to_pylist()
    held_out = {row["utterance"] for row in table if row["fold"] == model.facts["training"]["fold"]}
    theirs = replace(restricted(small_corpus, held_out), name="theirs")
    assert len(theirs.utterances) == 20
    assert told_of(model, theirs)["notices"] == []
    # Copies in other files would not be known; the name is all that is left then.
    same_name = told_of(model, replace(theirs, name=small_corpus.name))
    assert "people whom it has heard, unless group 2 of 2 holds them out" in same_name["notices"][0]


def test_a_model_of_before_its_recordings_were_kept_goes_by_the_name(model: TrainedModel, small_corpus: Corpus) -> None:
    training = {name: told for name, told in model.facts["training"].items() if name != "recordings"}
    old = replace(model, facts={**model.facts, "training": training})
    assert "if it is this one" in told_of(old, small_corpus)["notices"][0]
    assert told_of(old, replace(small_corpus, name="theirs"))["notices"] == []


def test_a_recording_is_known_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"sound")
    (tmp_path / "b.wav").write_bytes(b"sound")
    one, same, part, other = (
        Utterance(id=name, audio=tmp_path / name, speaker="x", part=part)
        for name, part in (("a.wav", None), ("b.wav", None), ("b.wav", Part(0.0, 1.0)), ("b.wav", Part(0.0, 2.0)))
    )
    corpus = Corpus(name="c", utterances=(one, same))
    found = [mark(corpus, each) for each in (one, same, part, other)]
    assert (found[0] == found[1], len(set(found))) == (True, 3)
    assert parted(joined(found) or "") == set(found)
    assert joined(str(number) for number in range(MOST + 1)) is None


def test_levels_of_a_dimension_are_asked_about(small_corpus: Corpus, cache: Path, tiny: dict[str, Any]) -> None:
    model = trained(small_corpus, cache, tiny, targets=["arousal"])
    told = told_of(model, small_corpus)
    assert told["target"] == "arousal"
    assert told["classes"] == list(model.classes)
    assert set(told["classes"]) <= {"low", "mid", "high"}
    fewer = told_of(model, small_corpus, "low=-")
    assert fewer["n"] == told["n"] - sum(told["confusion"][told["classes"].index("low")])


# Labels


def test_an_unknown_label_is_refused_with_the_words_that_help() -> None:
    corpus = labelled("anger", "anger", "boredom", "surprise", "in love", "neutral")
    with pytest.raises(ConfigError) as refused:
        words_of(corpus)
    assert str(refused.value) == (
        "theirs has anger (2), boredom (1), in love (1), neutral (1), surprise (1), and the model knows anger,"
        " happiness, neutral, sadness: not boredom, in love, surprise. Say what each is to the model, such as"
        " --map boredom=anger, or leave them out: --map boredom=- --map 'in love=-' --map surprise=-"
    )


def test_labels_are_mapped_or_left_out_and_both_are_said() -> None:
    corpus = labelled("anger", "boredom", "surprise", "surprise", None)
    found = words_of(corpus, "surprise=happiness", "boredom=-")
    assert [one.id for one in found.utterances] == ["0", "2", "3"]
    assert found.labels == ("anger", "happiness", "happiness")
    assert found.notices == (
        "surprise (2) counts as happiness",
        "left out: boredom (1)",
        "1 utterances have no label, and are left out",
        "no utterance is neutral or sadness, which the model may say: UA is over the other classes",
    )


def test_a_model_of_four_classes_takes_excited_for_happiness_and_guesses_nothing_else() -> None:
    found = words_of(labelled("excited", "anger"), mapping="four")
    assert found.labels == ("happiness", "anger")
    assert found.notices[0] == "excited (1) counts as happiness"
    assert words_of(labelled("excited"), mapping="four", classes=(*CLASSES, "excited")).labels == ("excited",)
    assert words_of(labelled("excited"), "excited=anger", mapping="four").labels == ("anger",)
    with pytest.raises(ConfigError, match="not frustration"):
        words_of(labelled("frustration", "anger"), mapping="four")


@pytest.mark.parametrize(
    ("wished", "trouble"),
    [
        (["anger"], "'anger' maps nothing; write --map theirs=ours"),
        (["=anger"], "maps nothing"),
        (["anger="], "maps nothing"),
        (["anger=-", "anger=neutral"], "names anger twice, as - and as neutral"),
        (["joy=happiness"], r"--map joy: theirs has no such label; it has anger \(1\)"),
        (["anger=wrath"], "the model knows no wrath; it knows anger, happiness, neutral, sadness"),
        (["anger=-"], "every label of theirs is left out"),
    ],
)
def test_a_map_that_fits_nothing_is_refused(wished: list[str], trouble: str) -> None:
    with pytest.raises(ConfigError, match=trouble):
        words_of(labelled("anger"), *wished)


def test_a_label_may_hold_what_separates() -> None:
    assert words_of(labelled("a=b"), "a=b=anger").labels == ("anger",)


def test_a_corpus_without_any_label_is_refused() -> None:
    with pytest.raises(CorpusError, match="no utterance has a label for emotion"):
        words_of(labelled(None, None))


def test_a_class_that_the_corpus_lacks_is_left_out_of_ua(versatile: TrainedModel, small_corpus: Corpus) -> None:
    told = told_of(versatile, small_corpus, "sadness=-")
    shares = [share for share in told["recall"].values() if share is not None]
    assert told["recall"]["sadness"] is None
    assert told["ua"] == pytest.approx(np.mean(shares))
    assert len(shares) == 3
    assert "no utterance is sadness" in told["notices"][-1]
    assert not any(line.startswith("| sadness") for line in "\n".join(lines(told)).splitlines())


# The command


def test_a_bad_recording_is_named_and_the_others_go_on(folder: Path, small_corpus: Corpus, tmp_path: Path) -> None:
    corpus = written(small_corpus, tmp_path / "theirs")
    whole, _ = emovae("evaluate", folder, "--corpus", corpus, "--json")
    (corpus / "3.wav").write_bytes(b"no sound")
    printed, errors = emovae("evaluate", folder, "--corpus", corpus, "--json", "--out", tmp_path / "out", code=1)
    told = json.loads(printed)
    assert "3.wav cannot be decoded: its 8 bytes begin with b'no sound'" in errors
    assert (told["n"], json.loads(whole)["n"], len(told["failed"])) == (11, 12, 1)
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8")) == told
    assert str(tmp_path) not in printed
    rows = pq.read_table(tmp_path / "out" / "predictions.parquet").to_pylist()
    assert len(rows) == 11
    assert told["wa"] == pytest.approx(np.mean([row["label"] == row["predicted"] for row in rows]))
    told_to_people, _ = emovae("evaluate", folder, "--corpus", corpus, "--out", tmp_path / "out", code=1)
    assert "1 recording is left out, as standard error tells." in told_to_people


def test_no_usable_recording_is_an_error(model: TrainedModel, small_corpus: Corpus, tmp_path: Path) -> None:
    folder = written(small_corpus, tmp_path / "theirs", 2)
    for each in folder.glob("*.wav"):
        each.write_bytes(b"")
    corpus = open_corpus(str(folder))
    with pytest.raises(AudioError, match=r"none of the 2 recordings of theirs can be used: .*0\.wav is empty"):
        evaluated(model, corpus, asked(corpus, model.settings, model.classes, {}))


def test_the_same_question_writes_the_same_bytes_and_no_other_folder(folder: Path, tmp_path: Path) -> None:
    ask = ["evaluate", folder, "--corpus", "synthetic:12", "--out"]
    for name in ("a", "b", "a"):
        emovae(*ask, tmp_path / name, "--jobs", 2 if name == "b" else 1)
    for file in ("evaluation.json", "predictions.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    told = json.loads(emovae("compare", tmp_path / "a", tmp_path / "b", "--json")[0])
    assert (told["utterances"], told["test"]["differing"], told["told_apart"]) == (12, 0, False)
    figures = json.loads((tmp_path / "a" / "evaluation.json").read_text(encoding="utf-8"))
    assert {name: told["first"][name] for name in ("wa", "ua")} == {name: figures[name] for name in ("wa", "ua")}
    before = sorted(each.name for each in folder.iterdir())
    assert "holds something that is no evaluation" in emovae(*ask, folder, code=2)[1]
    assert sorted(each.name for each in folder.iterdir()) == before


def test_what_cannot_be_asked_is_told(folder: Path, tmp_path: Path) -> None:
    assert "model.json is missing" in emovae("evaluate", tmp_path, "--corpus", "synthetic:12", code=2)[1]
    assert "does not exist" in emovae("evaluate", folder, "--corpus", tmp_path / "none", code=2)[1]
    assert "maps nothing" in emovae("evaluate", folder, "--corpus", "synthetic:12", "--map", "x", code=2)[1]


@pytest.mark.slow
@pytest.mark.skipif(CORPORA is None, reason="EMOVAE_CORPORA names no folder of real corpora")
def test_a_model_of_danish_is_asked_about_polish(tmp_path: Path) -> None:
    small = ("autoencoder.hidden=[16]", "autoencoder.latent=4", "autoencoder.epochs=1", "classifier.epochs=2")
    settings = [word for setting in (*small, "classifier.hidden=8") for word in ("--set", setting)]
    place = ["--out", tmp_path / "m", "--cache", tmp_path / "cache"]
    emovae("train", "--corpus", f"{CORPORA}/emotale", "--no-estimate", "--jobs", 2, *place, *settings)
    nemo = ["evaluate", tmp_path / "m", "--corpus", f"{CORPORA}/nemo", "--json"]
    labels = sorted({str(one.emotion) for one in open_corpus(f"{CORPORA}/nemo").utterances})
    known = {"anger", "boredom", "happiness", "neutral", "sadness"}
    unknown = [name for name in labels if name not in known]
    told = json.loads(emovae(*nemo, *(word for name in unknown for word in ("--map", f"{name}=-")))[0])
    assert told["n"] == sum(map(sum, told["confusion"]))
    assert (told["speakers"], told["failed"]) == (9, [])
    assert told["trained_on"]["corpus"] == "emotale"
    assert sum(group["n"] for group in told["groups"]["gender"].values()) == told["n"]
    assert told["recall"]["boredom"] is None
    if unknown:
        assert f"--map {unknown[0]}=-" in emovae(*nemo, code=2)[1]
