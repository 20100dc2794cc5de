"""An ensemble that is taken along must say what the run said, of people known and unknown, and find itself again."""

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from safetensors.torch import load_file

from emovae.answers import LEAST_KNOWN, are_known, told
from emovae.asked import asked as questions
from emovae.assembly import load, load_network, save
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.calibration import tempered
from emovae.card import model_card
from emovae.config import Experiment
from emovae.corpora import Corpus, open_corpus
from emovae.errors import ConfigError, OutputError
from emovae.estimators import Recognizer
from emovae.evaluate import evaluated
from emovae.evaluated import as_json, lines
from emovae.experiment import run
from emovae.final import Means, estimate, train_final
from emovae.model_folder import Content, read_model, write_model
from emovae.predict import ALONE, How, predicted_by_speaker
from emovae.presets import resolve
from emovae.seats import named as settings_of
from emovae.shells.cli import cli
from emovae.shells.opening import people_of
from emovae.sources import Source
from emovae.trained import TrainedModel
from emovae.trained_ensemble import TrainedEnsemble
from emovae.utterance import Utterance
from emovae.watcher import Watcher
from service_up import encoded, running, sent

SMALL = ("autoencoder.hidden=[16]", "autoencoder.latent=4", "autoencoder.epochs=2", "autoencoder.batch_size=64")
BARE = ("front_end.prosody=0",)
SLOW = partial(pytest.param, marks=pytest.mark.slow)
FOLDS = {"kind": "speakers", "folds": 2}

Make = Callable[..., TrainedEnsemble]


def stated(model: str, *assignments: str) -> Experiment:
    keys = {"name": "tiny", "baselines": [], "protocol": FOLDS, "dimensional_protocol": FOLDS, **settings_of(model)}
    return resolve(keys, "best", (*SMALL, *assignments))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Ten people who say twelve things each."""
    return open_corpus("synthetic:120")


@pytest.fixture(scope="module")
def make(corpus: Corpus, cache: Path) -> Make:
    def made(model: str = "VAE-ensemble", *assignments: str, fold: str | None = "1", **more: Any) -> TrainedEnsemble:
        trained = train_final(stated(model, *assignments), corpus, Means(cache, Watcher()), fold=fold, **more)
        assert isinstance(trained, TrainedEnsemble)
        return trained

    return made


@pytest.fixture(scope="module")
def ensemble(make: Make) -> TrainedEnsemble:
    return make()


@pytest.fixture(scope="module")
def kept(ensemble: TrainedEnsemble, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ensemble")
    save(ensemble, folder, model_card(ensemble))
    return folder


@pytest.fixture(scope="module")
def table(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of two people who say enough, of one who does not, and of somebody whom nobody knows."""
    folder = tmp_path_factory.mktemp("recordings")
    with (folder / "table.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "who"])
        for utterance, who in asked(corpus):
            soundfile.write(folder / f"{utterance.id}.wav", corpus.waveform(utterance), SAMPLE_RATE_HZ, "FLOAT")
            writer.writerow([f"{utterance.id}.wav", who])
    return folder / "table.csv"


def asked(corpus: Corpus) -> list[tuple[Utterance, str]]:
    by = {name: [one for one in corpus.utterances if one.speaker == name] for name in ("F1", "M1", "F2", "F3")}
    people = {"F1": by["F1"], "M1": by["M1"], "F2": by["F2"][: LEAST_KNOWN - 1], "": by["F3"][:3]}
    return [(utterance, name) for name, some in people.items() for utterance in some]


def command(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def waveforms(corpus: Corpus, count: int) -> list[Waveform]:
    return [corpus.waveform(utterance) for utterance in corpus.utterances[:count]]


# What it says


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("VAE-ensemble", ("voices=2",)),
        SLOW("AE-ensemble", ("ensemble.autoencoders=1", "voices=0")),
        SLOW("VAE-ensemble", ("normalise=utterance", 'ensemble.statistics=["movement"]', "voices=1")),
        SLOW("VAE-ensemble", ("normalise=none", "ensemble.beside=[]", "features=mean+log_variance", *BARE)),
    ],
)
@pytest.mark.parametrize("scale", [SLOW("none"), "speaker"])
def test_a_folds_ensemble_says_of_its_held_out_speakers_what_the_run_said(
    model: str, changes: tuple[str, ...], scale: str, make: Make, corpus: Corpus, cache: Path, tmp_path: Path
) -> None:
    trained = make(model, *changes, fold="2")
    run(stated(model, *changes, f"normalise_statistics={scale}"), corpus, tmp_path, cache)
    rows = pq.read_table(tmp_path / "predictions.parquet").to_pylist()
    tested = [row for row in rows if row["fold"] == trained.facts["training"]["fold"]]
    by_id = {utterance.id: utterance for utterance in corpus.utterances}
    kept = trained.keep([corpus.waveform(by_id[row["utterance"]]) for row in tested])
    speakers = [row["speaker"] for row in tested] if scale == "speaker" else None
    expected = np.array([[row[name] for name in trained.classes] for row in tested])
    np.testing.assert_allclose(trained.said_of(kept, speakers).said, expected, rtol=0, atol=1e-5)
    estimate = trained.facts["estimate"] if scale == "none" else trained.facts["estimate"]["by_speaker"]
    assert estimate["wa"] == pytest.approx(np.mean([row["predicted"] == row["label"] for row in tested]))


def test_the_order_and_the_company_of_handfuls_change_nothing(ensemble: TrainedEnsemble, corpus: Corpus) -> None:
    people = [one for one in corpus.utterances if one.speaker in ("F1", "M1")]
    sounds, speakers = [corpus.waveform(one) for one in people], [one.speaker for one in people]
    together = ensemble.answer_people([ensemble.keep(sounds)], speakers)
    backwards = ensemble.answer_people([ensemble.keep([one]) for one in sounds[::-1]], speakers[::-1])
    np.testing.assert_allclose(backwards.said[::-1], together.said, rtol=0, atol=1e-5)
    alone = np.concatenate([ensemble.answer([one]).said for one in sounds])
    np.testing.assert_allclose(ensemble.answer(sounds).said, alone, rtol=0, atol=1e-5)
    assert np.abs(alone - together.said).max() > 0.01  # it does hear who speaks


def test_whom_it_does_not_know_it_judges_by_themselves(ensemble: TrainedEnsemble, corpus: Corpus) -> None:
    pairs = asked(corpus)
    sounds, speakers = [corpus.waveform(one) for one, _ in pairs], [name for _, name in pairs]
    known = are_known(speakers)
    assert sorted({name for name, is_known in zip(speakers, known, strict=True) if is_known}) == ["F1", "M1"]
    alone, found = ensemble.answer(sounds), ensemble.answer_people([ensemble.keep(sounds)], speakers)
    for column in ("said", "probabilities", "strangeness"):
        np.testing.assert_allclose(getattr(found, column)[~known], getattr(alone, column)[~known], atol=1e-6)
    assert ensemble.by_speaker is not None
    np.testing.assert_allclose(found.probabilities[known], tempered(found.said[known], ensemble.by_speaker.temperature))


def test_a_scale_of_ones_own_takes_a_louder_voice_and_another_microphone_away(
    ensemble: TrainedEnsemble, corpus: Corpus
) -> None:
    """On the scale of who speaks, cepstra and prosody are the same whatever constant gain lies upon all of them."""
    sounds = [corpus.waveform(one) for one in corpus.utterances if one.speaker == "F1"]
    speakers = ["F1"] * len(sounds)
    found, louder = (
        ensemble.answer_people([ensemble.keep([gain * sound for sound in sounds])], speakers).said
        for gain in (np.float32(1), np.float32(1.5))
    )
    alone, louder_alone = ensemble.answer(sounds).said, ensemble.answer([np.float32(1.5) * one for one in sounds]).said
    assert np.abs(louder - found).mean() < 0.3 * np.abs(louder_alone - alone).mean()


@pytest.mark.parametrize("samples", [3, 399, 4000])
def test_what_is_short_is_filled_up(samples: int, ensemble: TrainedEnsemble) -> None:
    tone = (0.1 * np.sin(np.arange(samples))).astype(np.float32)
    np.testing.assert_allclose(ensemble.answer([tone]).probabilities.sum(), 1)
    assert samples < ensemble.least_samples == 400 + 29 * 160


def test_nothing_to_answer_is_refused(ensemble: TrainedEnsemble, make: Make, corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="give one at least"):
        ensemble.answer([])
    plain = make("VAE-ensemble", "normalise_statistics=none")
    assert plain.by_speaker is None
    with pytest.raises(ValueError, match="learned nothing of speakers"):
        plain.answer_people([plain.keep(waveforms(corpus, 2))], ["F1", "F1"])


# What it learns from


def test_who_stops_the_learning_sets_temperatures_by_machines_that_had_not_heard_them(
    ensemble: TrainedEnsemble, corpus: Corpus
) -> None:
    """Those that are kept have learned from the validation speakers, and so know them better than they were told."""
    itself, by_speaker = ensemble.facts["itself"], ensemble.facts["by_speaker"]["itself"]
    assert itself["n"] == by_speaker["n"] == ensemble.facts["training"]["validation_utterances"] > 0
    for facts in (ensemble.facts, ensemble.facts["by_speaker"]):
        assert len(facts["confidences"]) == 101
    assert ensemble.temperature == ensemble.alone.temperature


@pytest.mark.slow
def test_an_ensemble_of_everyone_tells_what_the_folds_told_in_both_ways(
    corpus: Corpus, cache: Path, tmp_path: Path
) -> None:
    experiment = stated("VAE-ensemble", "ensemble.autoencoders=1")
    expected = estimate(experiment, corpus, Means(cache, Watcher()))
    for scale, figures in (("none", expected), ("speaker", expected["by_speaker"])):
        one = experiment.model_copy(update={"normalise_statistics": scale})
        (row,) = run(one, corpus, tmp_path / scale, cache).results["rows"]
        assert (figures["wa"], figures["ua"]) == (row["wa"], row["ua"])
    model = train_final(experiment, corpus, Means(cache, Watcher()), expected=expected)
    assert model.facts["training"]["fold"] == "everyone"
    card = model_card(model)
    for text in ("2 VAEs", "--speaker-column", f"{expected['ua']:.1%}", f"{expected['by_speaker']['ua']:.1%}"):
        assert text in card


class Notices(Watcher):
    """Keeps what a person should know."""

    def __init__(self) -> None:
        self.told = list[str]()

    def notice(self, text: str) -> None:
        self.told.append(text)


def saying_less(corpus: Corpus, emotion: str | None, most: int) -> Corpus:
    """The same corpus, in which everybody who shows the emotion, or simply everybody, says so much at most."""
    showing = {one.speaker for one in corpus.utterances if emotion in (None, one.emotion)}
    said = Counter[str]()
    kept = list[Utterance]()
    for one in corpus.utterances:
        said[one.speaker] += 1
        if one.speaker not in showing or said[one.speaker] <= most:
            kept.append(one)
    return replace(corpus, utterances=tuple(kept))


def known_by_few(corpus: Corpus, emotion: str) -> Corpus:
    """The same corpus, in which nobody shows the emotion but three people who say five things each."""
    few = sorted({one.speaker for one in corpus.utterances})[::3][:3]
    kept = [one for one in corpus.utterances if one.speaker in few or one.emotion != emotion]
    return saying_less(replace(corpus, utterances=tuple(kept)), emotion, LEAST_KNOWN - 1)


@pytest.mark.parametrize(
    ("fewer", "why"),
    [
        (
            lambda corpus: saying_less(corpus, None, LEAST_KNOWN - 1),
            r"none of the \d+ people set apart .* 6 recordings or",
        ),
        (
            lambda corpus: known_by_few(corpus, "sadness"),
            r"nobody shows sadness of the \d+ learned from \(of \d+\) who",
        ),
    ],
)
def test_people_who_say_too_little_teach_no_scale_and_that_is_said(
    fewer: Callable[[Corpus], Corpus], why: str, corpus: Corpus, cache: Path, tmp_path: Path
) -> None:
    told = Notices()
    expected = {"by": "2 folds", "n": 9, "wa": 0.5, "ua": 0.5, "by_speaker": {"n": 9, "wa": 0.98, "ua": 0.97}}
    trained = train_final(stated("VAE-ensemble"), fewer(corpus), Means(cache, told), expected=expected)
    assert isinstance(trained, TrainedEnsemble)
    assert trained.by_speaker is None
    assert re.search(why, "\n".join(told.told))
    card = model_card(trained)
    assert re.search(f"It judges each recording by itself, whoever speaks: {why}", card)
    for text in ("--speaker-column", "Where it is known who speaks", "98.0%"):
        assert text not in card
    save(trained, tmp_path / "model", card)
    again = load(tmp_path / "model")
    with pytest.raises(ConfigError, match=why):
        people_of(tmp_path / "model", again)
    recognizer = Recognizer.load(tmp_path / "model")
    with pytest.raises(ConfigError, match=why):
        recognizer.predict_proba(waveforms(corpus, 2), groups=["F1", "F1"])


@pytest.mark.slow
def test_whom_the_model_will_judge_by_themselves_the_estimate_counts(corpus: Corpus, cache: Path) -> None:
    experiment = stated("VAE-ensemble", "ensemble.autoencoders=1")
    nobody = estimate(experiment, saying_less(corpus, None, LEAST_KNOWN - 1), Means(cache, Watcher()))
    assert "by_speaker" not in nobody
    names = sorted({one.speaker for one in corpus.utterances})[:2]
    some = tuple(one for one in corpus.utterances if one.speaker not in names)
    few = tuple(next(one for one in corpus.utterances if one.speaker == name) for name in names)
    mixed = replace(corpus, utterances=(*some, *few))
    expected = estimate(experiment, mixed, Means(cache, Watcher()))
    assert (expected["by_speaker"]["few"], expected["by_speaker"]["n"]) == (2, len(some) + 2)
    model = train_final(experiment, mixed, Means(cache, Watcher()), expected=expected)
    assert "(2 of them, of people with fewer than 6 recordings, would be judged by themselves" in model_card(model)


@pytest.mark.slow
def test_a_fold_counts_whom_it_judges_by_themselves(corpus: Corpus, cache: Path) -> None:
    """One of the ten says five things: the fold that holds her out tells of five."""
    hers = [one for one in corpus.utterances if one.speaker == "F1"][LEAST_KNOWN - 1 :]
    some = replace(corpus, utterances=tuple(one for one in corpus.utterances if one not in hers))
    folds = [train_final(stated("VAE-ensemble"), some, Means(cache, Watcher()), fold=fold) for fold in ("1", "2")]
    assert sorted(one.facts["estimate"]["by_speaker"]["few"] for one in folds) == [0, 5]
    cards = ["(5 of them, of people with fewer than 6 recordings, are judged by" in model_card(one) for one in folds]
    assert sorted(cards) == [False, True]


@pytest.mark.parametrize(
    ("model", "assignment", "trouble"),
    [
        ("PCA-ensemble", "seeds=1", "the PCA-ensemble is for experiments so far"),
        ("VAE-ensemble", "normalise=speaker", "normalise=speaker needs to know who speaks"),
        ("VAE-ensemble", "features=sample", "draws anew"),
        ("VAE-ensemble", 'ensemble.of=["AE", "VAE"]', "or one ensemble"),
        ("VAE-LSTM", "seeds=1", "the preset best is of ensembles, and VAE-LSTM is none"),
    ],
)
def test_what_cannot_be_taken_along_is_refused(model: str, assignment: str, trouble: str, make: Make) -> None:
    with pytest.raises(ConfigError, match=trouble):
        make(model, assignment)


# Kept and found again


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("VAE-ensemble", ()),
        SLOW("AE-ensemble", ()),
        SLOW("VAE-ensemble", ("normalise=none", "normalise_statistics=none")),
    ],
)
def test_an_ensemble_is_found_again_whole(
    model: str, changes: tuple[str, ...], make: Make, corpus: Corpus, tmp_path: Path
) -> None:
    trained = make(model, *changes)
    save(trained, tmp_path, model_card(trained))
    again = load(tmp_path)
    assert isinstance(again, TrainedEnsemble)
    sounds = waveforms(corpus, 24)
    for column in ("said", "probabilities", "strangeness"):
        np.testing.assert_array_equal(getattr(again.answer(sounds), column), getattr(trained.answer(sounds), column))
    if trained.by_speaker is not None:
        people = ["F1", "M1"] * 12
        found, expected = (one.answer_people([one.keep(sounds)], people).said for one in (again, trained))
        np.testing.assert_array_equal(found, expected)
    assert again.facts == json.loads(json.dumps(trained.facts))
    assert again.settings == trained.settings


def spoilt(folder: Path, place: Path, **changes: Any) -> Path:
    """A folder with other facts, settings or tensors, all checksums right."""
    content = read_model(folder)
    facts = {**content.facts, **changes.get("facts", {})}
    tensors = {**content.tensors, **changes.get("tensors", {})}
    for name in changes.get("without", ()):
        del tensors[name]
    settings = content.settings.model_copy(update=changes.get("settings", {}))
    write_model(place, Content({k: v for k, v in facts.items() if k != "format"}, settings, tensors), "")
    return place


def test_parts_that_do_not_fit_are_refused(kept: Path, tmp_path: Path) -> None:
    tensors = load_file(kept / "model.safetensors")
    weights, shown = tensors["alone.0.weights"], tensors["alone.0.shown"]
    ensemble = read_model(kept).settings.ensemble
    cases: list[dict[str, Any]] = [
        {"without": ["alone.0.weights"]},
        {"without": ["by_speaker.3.mean"]},
        {"without": ["encoder.3.mean.weight"]},
        {"without": ["scale.mean"]},
        {"without": ["cepstral_scale.mean", "cepstral_scale.deviation"]},
        {"tensors": {"alone.0.weights": weights[:-1]}},
        {"tensors": {"alone.0.weights": weights * np.nan}},
        {"tensors": {"alone.0.weights": weights.float()}},
        {"tensors": {"alone.0.shown": shown + 1}},
        {"tensors": {"alone.0.shown": shown * 0}},
        {"tensors": {"alone.0.deviation": tensors["alone.0.deviation"] * 0}},
        {"facts": {"temperature_by_speaker": "warm"}},
        {"facts": {"temperature_by_speaker": 0.0}},
        {"facts": {"model": "AE-ensemble"}},
        {"settings": {"ensemble": ensemble.model_copy(update={"autoencoders": 100})}},
        {"settings": {"ensemble": ensemble.model_copy(update={"beside": ()})}},
        {"settings": {"ensemble": ensemble.model_copy(update={"of": ()})}},
        {"settings": {"ensemble": ensemble.model_copy(update={"of": ("VAE", "AE")})}},
        {"settings": {"features": "sample"}},
        {"tensors": {"encoder.4.mean.weight": weights}},
        {"tensors": {"alone.10.weights": weights}},
        {"tensors": {"cepstral_scale.deviation": -tensors["cepstral_scale.deviation"]}},
        {"tensors": {"scale.deviation": tensors["scale.deviation"] * np.nan}},
    ]
    for number, changes in enumerate(cases):
        with pytest.raises(OutputError, match=r"do not fit together|not what emovae writes"):
            load(spoilt(kept, tmp_path / str(number), **changes))
    assert isinstance(load(spoilt(kept, tmp_path / "whole")), TrainedEnsemble)


def test_what_only_one_network_can_do_is_refused(kept: Path, table: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is a VAE-ensemble.*emovae embed is for one network.*--preset default"):
        load_network(kept, "emovae embed")
    for arguments in (
        ("embed", kept, table, "--out", tmp_path / "a.csv"),
        ("export", kept, "--onnx", tmp_path / "a.onnx"),
    ):
        found = command(*arguments)
        assert found.exit_code != 0
        assert "VAE-ensemble" in str(found.exception) + found.output


# Commands


def rows_of(found: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(found.stdout.splitlines()))


def test_predict_knows_people_by_a_column(kept: Path, table: Path, ensemble: TrainedEnsemble, corpus: Corpus) -> None:
    found = command("predict", kept, table, "--speaker-column", "who", "--format", "csv")
    assert found.exit_code == 0, found.output
    rows, pairs = rows_of(found), asked(corpus)
    expected = ensemble.answer_people(
        [ensemble.keep([corpus.waveform(one) for one, _ in pairs])], [name for _, name in pairs]
    )
    shares = np.array([[float(row[f"p_{name}"]) for name in ensemble.classes] for row in rows])
    np.testing.assert_allclose(shares, expected.probabilities, atol=1e-5)
    assert [ALONE in row["flags"].split() for row in rows] == [name not in ("F1", "M1") for _, name in pairs]
    plain = rows_of(command("predict", kept, table, "--format", "csv"))
    assert not any(ALONE in row["flags"] for row in plain)
    assert [row["file"] for row in plain] == [row["file"] for row in rows]


def test_who_is_turned_away_is_told_by_people_judged_alike(kept: Path, table: Path, ensemble: TrainedEnsemble) -> None:
    found = command("predict", kept, table, "--speaker-column", "who", "--format", "csv", "--reject", "0.5")
    rows = rows_of(found)
    assert {"doubtful" in row["flags"] for row in rows} == {True, False}
    for row in rows:
        alike = ensemble.confidences if ALONE in row["flags"] else ensemble.confidences_by_speaker
        assert ("doubtful" in row["flags"]) == (float(row["confidence"]) < alike[50]) == (row["label"] == "")


def test_a_table_may_be_parquet_and_a_recording_silent_or_broken(
    kept: Path, table: Path, ensemble: TrainedEnsemble, tmp_path: Path
) -> None:
    import pyarrow as pa  # noqa: PLC0415

    place = Path(shutil.copytree(table.parent, tmp_path / "all"))
    with table.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    (place / rows[0]["file"]).write_bytes(b"no sound")
    soundfile.write(place / rows[1]["file"], np.zeros(16000), SAMPLE_RATE_HZ)
    pq.write_table(
        pa.table({"file": [r["file"] for r in rows], "who": [r["who"] or None for r in rows]}), place / "t.parquet"
    )
    found = command("predict", kept, place / "t.parquet", "--speaker-column", "who", "--format", "csv")
    assert found.exit_code == 1
    answers = rows_of(found)
    assert len(answers) == len(rows)
    assert answers[0]["error"]
    assert answers[1]["flags"] == "silent"
    assert all(row["label"] for row in answers[2:])
    assert "alone" not in answers[2]["flags"]  # ten of F1 are left, and enough


def test_whose_number_is_missing_is_nobody(kept: Path, table: Path) -> None:
    """pandas writes people with numbers, one of them missing, as floats with NaN."""
    import pyarrow as pa  # noqa: PLC0415

    with table.open(encoding="utf-8") as stream:
        files = [row["file"] for row in csv.DictReader(stream)]
    numbers = [1.0 if place < LEAST_KNOWN else float("nan") for place in range(len(files))]
    place = table.parent / "numbers.parquet"
    pq.write_table(pa.table({"file": files, "who": pa.array(numbers, from_pandas=False)}), place)
    rows = rows_of(command("predict", kept, place, "--speaker-column", "who", "--format", "csv"))
    assert [ALONE in row["flags"] for row in rows] == [place >= LEAST_KNOWN for place in range(len(files))]


def test_a_recording_that_is_there_twice_would_count_twice(kept: Path, table: Path) -> None:
    twice = table.parent / "twice.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    twice.write_text("\n".join([*lines, f"./{lines[1]}"]), encoding="utf-8")
    found = command("predict", kept, twice, "--speaker-column", "who")
    assert found.exit_code != 0
    assert "1 recordings are there more than once, first" in str(found.exception)
    assert command("predict", kept, twice, "--format", "csv").exit_code == 0
    spans = ["start", *["0", "0.1"] * 6]
    parts = [f"{line},{start}" for line, start in zip(lines[:1] + sorted(lines[1:7] * 2), spans, strict=True)]
    twice.write_text("\n".join(parts), encoding="utf-8")
    assert command("predict", kept, twice, "--speaker-column", "who", "--format", "csv").exit_code == 0
    twice.write_text("\n".join([*parts, f"{lines[1]},"]), encoding="utf-8")  # from the beginning, as 0 is
    again = command("predict", kept, twice, "--speaker-column", "who")
    assert "1 recordings are there more than once" in str(again.exception)


def test_nothing_but_silence_is_told_as_that(kept: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), SAMPLE_RATE_HZ)
    ensemble = load(kept)
    assert isinstance(ensemble, TrainedEnsemble)
    (row,) = predicted_by_speaker(ensemble, [Source(str(tmp_path / "a.wav"), speaker="ann")], How(), How())
    assert (row.label, row.flags) == (None, ("silent",))


@pytest.mark.parametrize(
    ("options", "trouble"),
    [
        (["--window", "1s"], "leave --window away"),
        (["--channel", "each"], "leave --channel each away"),
    ],
)
def test_windows_and_channels_have_no_speaker(options: list[str], trouble: str, kept: Path, table: Path) -> None:
    found = command("predict", kept, table, "--speaker-column", "who", *options)
    assert found.exit_code == 2
    assert trouble in found.output


def test_who_speaks_is_told_by_a_table_that_says_so_to_a_model_that_asks(
    kept: Path, table: Path, model: TrainedModel, tmp_path: Path
) -> None:
    save(model, tmp_path / "network", "")
    for arguments, trouble in (
        ((kept, table, "--speaker-column", "whom"), "has no column whom to say who speaks; there are file, who"),
        ((kept, table.parent, "--speaker-column", "who"), "is no table, and who speaks stands in a column who of a"),
        ((kept, tmp_path / "gone.csv", "--speaker-column", "who"), "is not there, and who speaks stands in a column"),
        ((tmp_path / "network", table, "--speaker-column", "who"), "hears each recording by itself, whoever speaks"),
    ):
        found = command("predict", *arguments)
        assert found.exit_code != 0
        assert trouble in str(found.exception) + found.output


@pytest.mark.parametrize("by_speaker", [SLOW(False), True])
def test_evaluate_judges_in_both_ways(
    by_speaker: bool, kept: Path, ensemble: TrainedEnsemble, corpus: Corpus, tmp_path: Path
) -> None:
    options = ["--by-speaker"] if by_speaker else []
    found = command("evaluate", kept, "--corpus", "synthetic:120", "--json", "--out", tmp_path / "out", *options)
    assert found.exit_code == 0, found.output
    content = json.loads(found.stdout)
    sounds = [corpus.waveform(one) for one in corpus.utterances]
    speakers = [one.speaker for one in corpus.utterances] if by_speaker else None
    said: NDArray[np.float32] = ensemble.said_of(ensemble.keep(sounds), speakers).said
    right = [
        ensemble.classes[place] == one.emotion for place, one in zip(said.argmax(1), corpus.utterances, strict=True)
    ]
    assert content["wa"] == pytest.approx(np.mean(right))
    assert content["model"] == "VAE-ensemble"
    assert any("10 of the 10 speakers are judged on a scale" in one for one in content["notices"]) == by_speaker
    assert ensemble.by_speaker is not None
    wanted = ensemble.by_speaker.temperature if by_speaker else ensemble.temperature
    assert content["temperature"] == pytest.approx(wanted)


def test_evaluate_hears_all_that_somebody_says_and_asks_about_some(ensemble: TrainedEnsemble, corpus: Corpus) -> None:
    """A label that is left out sets the scale with the others, as unlabelled speech does in a run."""
    hers = [one for one in corpus.utterances if one.speaker == "F2"][: LEAST_KNOWN - 1]
    mixed = replace(corpus, utterances=tuple(one for one in corpus.utterances if one.speaker != "F2" or one in hers))
    known = [one.speaker for one in mixed.utterances]
    sounds = [mixed.waveform(one) for one in mixed.utterances]
    said = ensemble.said_of(ensemble.keep(sounds), known).said
    words = {"sadness": "-", **{name: name for name in ("anger", "happiness", "neutral")}}
    found = evaluated(ensemble, mixed, questions(mixed, ensemble.settings, ensemble.classes, words), by_speaker=True)
    places = [place for place, one in enumerate(mixed.utterances) if one.emotion != "sadness"]
    np.testing.assert_allclose(found.answers.said, said[places], atol=1e-5)
    assert [one.id for one in found.utterances] == [mixed.utterances[place].id for place in places]
    assert ensemble.by_speaker is not None
    assert (found.temperature, found.temperature_alone) == (ensemble.by_speaker.temperature, ensemble.temperature)
    assert any("9 of the 10 speakers are judged on a scale" in one for one in found.notices)
    text = "\n".join(lines(as_json(ensemble, mixed.name, found)))
    assert f"{ensemble.temperature:.3g} for those judged by themselves" in text
    nobody = replace(corpus, utterances=tuple(hers))
    alone = evaluated(ensemble, nobody, questions(nobody, ensemble.settings, ensemble.classes, {}), by_speaker=True)
    assert (alone.temperature, alone.temperature_alone) == (ensemble.temperature, None)


def test_what_evaluate_does_not_ask_about_may_be_broken(kept: Path, corpus: Corpus, tmp_path: Path) -> None:
    hers = [one for one in corpus.utterances if one.speaker == "F1"]
    left_out = next(one for one in hers if one.emotion == "sadness")
    for one in hers:
        soundfile.write(tmp_path / f"{one.id}.wav", corpus.waveform(one), SAMPLE_RATE_HZ, "FLOAT")
    (tmp_path / f"{left_out.id}.wav").write_bytes(b"no sound")
    rows = [f"{one.id}.wav,{one.emotion},F1" for one in hers]
    (tmp_path / "t.csv").write_text("\n".join(["path,label,speaker", *rows]), encoding="utf-8")
    asked = ("evaluate", kept, "--corpus", tmp_path / "t.csv", "--by-speaker", "--json")
    found = command(*asked, "--map", "sadness=-")
    assert found.exit_code == 0, found.output
    content = json.loads(found.stdout)
    assert "1 recordings that are not asked about cannot be read, and set no scale" in content["notices"]
    assert not content["failed"]
    assert command(*asked).exit_code == 1


@pytest.mark.slow
def test_train_takes_the_preset_along(cache: Path, tmp_path: Path) -> None:
    settings = [word for one in (*SMALL, "protocol.kind=speakers", "protocol.folds=2") for word in ("--set", one)]
    out = tmp_path / "model"
    found = command(
        "train", "--corpus", "synthetic:120", "--preset", "best", "--out", out, "--cache", cache, "--jobs", 1, *settings
    )
    assert found.exit_code == 0, found.output
    trained = load(out)
    assert isinstance(trained, TrainedEnsemble)
    assert trained.by_speaker is not None
    assert "Where it is known who speaks" in (out / "README.md").read_text(encoding="utf-8")
    refused = command("train", "--corpus", "synthetic:120", "--preset", "best", "--model", "vae-lstm", "--out", out)
    assert refused.exit_code != 0


def test_the_service_answers_and_says_what_it_has_none_of(ensemble: TrainedEnsemble, corpus: Corpus) -> None:
    sound = corpus.waveform(corpus.utterances[0])
    with running(ensemble) as client:
        (row,) = sent(client, encoded(sound)).json()["rows"]
        assert row["label"] == told(ensemble, [sound])[0].label
        drawn = client.post("/v1/picture", files={"file": ("a.wav", encoded(sound))}).json()
        assert drawn["logmel"]["bands"] == ensemble.settings.front_end.bands
        assert drawn["reconstruction"] is None
        assert "an ensemble several" in drawn["why"]
        assert client.get("/healthz").json()["streams"] is False


def test_a_microphone_is_heard_by_windows_alone(kept: Path) -> None:
    found = command("predict", kept, "--microphone", "--seconds", "1s")
    assert found.exit_code != 0
    assert "is an ensemble, which hears whole recordings" in str(found.exception) + found.output


@pytest.mark.slow
def test_the_recognizer_takes_it_along_too(corpus: Corpus, model: TrainedModel, tmp_path: Path) -> None:
    sounds, labels = waveforms(corpus, 80), [str(one.emotion) for one in corpus.utterances[:80]]
    people = [one.speaker for one in corpus.utterances[:80]]
    fitted = Recognizer(preset="best", settings=SMALL).fit(sounds, labels, groups=people)
    assert isinstance(fitted.model_, TrainedEnsemble)
    fitted.save(tmp_path / "kept")
    again = Recognizer.load(tmp_path / "kept")
    assert again.model == "VAE-ensemble"
    np.testing.assert_array_equal(again.predict_proba(sounds[:5]), fitted.predict_proba(sounds[:5]))
    with pytest.raises(ConfigError, match="hears whole recordings, and no stream"):
        fitted.stream()
    expected = fitted.model_.answer_people([fitted.model_.keep(sounds)], people).probabilities
    places = [fitted.model_.classes.index(str(label)) for label in fitted.classes_]
    np.testing.assert_allclose(again.predict_proba(sounds, groups=people), expected[:, places], atol=1e-5)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        again.predict_proba(sounds, groups=people[:-1])
    save(model, tmp_path / "network", "")
    with pytest.raises(ConfigError, match="this VAE-LSTM has learned nothing of speakers"):
        Recognizer.load(tmp_path / "network").predict_proba(sounds[:2], groups=people[:2])
