"""Features of recordings must be the encoder's own, at the times of their segments."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from click.testing import CliRunner, Result

from conftest import one_network
from emovae.archive import open_archive
from emovae.assembly import save
from emovae.audio import SAMPLE_RATE_HZ
from emovae.autoencoders import VAE
from emovae.corpora import Corpus
from emovae.embed import embedded, names_of
from emovae.errors import ConfigError
from emovae.final import Means, train_final
from emovae.functionals import functionals
from emovae.logmel import log_mel
from emovae.pieces import Cut
from emovae.presets import resolve
from emovae.shells import latent_rows
from emovae.shells.cli import cli
from emovae.sources import Source
from emovae.trained import TrainedModel
from emovae.watcher import Watcher


def trained(corpus: Corpus, cache: Path, tiny: dict[str, Any], model: str, *assignments: str) -> TrainedModel:
    keys = {**tiny, "models": [model], "baselines": [], "test_condition": ["marginal"], "seeds": 1}
    return one_network(train_final(resolve(keys, None, assignments), corpus, Means(cache, Watcher()), fold="1"))


@pytest.fixture(scope="module")
def model(small_corpus: Corpus, cache: Path, tiny: dict[str, Any]) -> TrainedModel:
    return trained(small_corpus, cache, tiny, "VAE-LSTM", "merge=statistics")


@pytest.fixture(scope="module")
def sounds(small_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sounds")
    files = [folder / f"{place}.wav" for place in range(3)]
    for file, utterance in zip(files, small_corpus.utterances, strict=False):
        soundfile.write(file, small_corpus.waveform(utterance), SAMPLE_RATE_HZ, "FLOAT")
    return files


def test_rows_are_what_the_encoder_says_of_each_segment(model: TrainedModel, sounds: list[Path]) -> None:
    (found,) = embedded(model, [Source(str(sounds[0]))], Cut(), "segment")
    waveform = soundfile.read(sounds[0], dtype="float32")[0]
    assert model.scale is not None
    frames = (log_mel(waveform, model._front_end) - model.scale.mean) / model.scale.deviation
    count = len(frames) // 10
    assert isinstance(model.encoder, VAE)
    with torch.inference_mode():
        mean, log_variance = model.encoder.encode(torch.from_numpy(frames[: 10 * count].reshape(count, 800)))
    expected = torch.cat([mean, log_variance], 1).numpy()
    np.testing.assert_allclose(found.values[:count], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.starts[:count], 0.1 * np.arange(count), atol=1e-9)
    np.testing.assert_allclose(found.ends[: count - 1] - found.starts[: count - 1], 0.1)
    assert found.ends[-1] <= len(waveform) / SAMPLE_RATE_HZ + 1e-6
    assert names_of(model, "segment")[3:5] == ["mean 3", "log_variance 0"]


def test_an_utterance_is_told_by_statistics_over_time(model: TrainedModel, sounds: list[Path]) -> None:
    wanted = [Source(str(file)) for file in sounds]
    by_segment, by_utterance = (list(embedded(model, wanted, Cut(), level)) for level in ("segment", "utterance"))
    for segments, utterance in zip(by_segment, by_utterance, strict=True):
        np.testing.assert_allclose(utterance.values, functionals(segments.values)[None], rtol=1e-6)
        assert (utterance.starts.tolist(), utterance.ends.tolist()) == ([0.0], [utterance.piece.end])
    names = names_of(model, "utterance")
    assert len(names) == by_utterance[0].values.shape[1] == len(set(names))
    assert names[0] == "mean of mean 0"


def test_windows_are_told_in_the_files_time(model: TrainedModel, sounds: list[Path]) -> None:
    found = list(embedded(model, [Source(str(sounds[0]), 0.2)], Cut(0.5, 0.25), "segment"))
    assert [one.starts[0] for one in found[:3]] == pytest.approx([0.2, 0.45, 0.7])


def test_every_model_has_names_for_its_features(small_corpus: Corpus, cache: Path, tiny: dict[str, Any]) -> None:
    for kind, assignment, first in (
        ("AE-LSTM", "features=mean", "code 0"),
        ("CVAE-LSTM", "features=mean+variance", "mean 0"),
        ("SSVAE-LSTM", "features=mean", "mean 0"),
    ):
        made = trained(small_corpus, cache, tiny, kind, assignment)
        names = names_of(made, "segment")
        waveform = small_corpus.waveform(small_corpus.utterances[0])
        assert made.latents(made.segmented(made.frames([waveform]))).values.shape[1] == len(names)
        assert names[0] == first


def test_pandas_finds_the_index_of_audformat(
    model: TrainedModel, sounds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent_rows, "ROWS_AT_ONCE", 20)  # several row groups
    save(model, tmp_path / "m", "")
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    words = ["embed", tmp_path / "m", *sounds, tmp_path / "broken.wav", "--out", tmp_path / "f.parquet"]
    done = CliRunner().invoke(cli, list(map(str, words)))
    assert done.exit_code == 1
    assert "broken.wav cannot be decoded: its 8 bytes begin with b'no sound'" in done.stderr
    table = pd.read_parquet(tmp_path / "f.parquet")
    assert table.index.names == ["file", "start", "end"]
    assert table.index.get_level_values("start").dtype == "timedelta64[ns]"
    assert list(table.columns) == names_of(model, "segment")
    expected = list(embedded(model, [Source(str(file)) for file in sounds], Cut(), "segment"))
    np.testing.assert_array_equal(table.to_numpy(), np.concatenate([one.values for one in expected]))
    assert table.index[1] == (str(sounds[0]), pd.Timedelta(seconds=0.1), pd.Timedelta(seconds=0.2))


def test_channels_stand_beside_the_features(model: TrainedModel, sounds: list[Path], tmp_path: Path) -> None:
    waveform = soundfile.read(sounds[0], dtype="float32")[0]
    soundfile.write(tmp_path / "call.wav", np.stack([waveform, 0 * waveform], axis=1), SAMPLE_RATE_HZ, "FLOAT")
    save(model, tmp_path / "m", "")
    words = ["embed", tmp_path / "m", tmp_path / "call.wav", "--channel", "each", "--level", "utterance"]
    done = CliRunner().invoke(cli, [*map(str, words), "--out", str(tmp_path / "f.parquet")])
    assert done.exit_code == 0
    table = pd.read_parquet(tmp_path / "f.parquet")
    assert table["channel"].tolist() == ["left"]  # the other is silent
    (alone,) = embedded(model, [Source(str(sounds[0]))], Cut(), "utterance")
    np.testing.assert_allclose(table.drop(columns="channel").to_numpy(), alone.values, rtol=1e-5, atol=1e-6)


def test_csv_holds_the_same_rows_with_times_in_seconds(
    model: TrainedModel, sounds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent_rows, "ROWS_AT_ONCE", 20)  # several batches
    save(model, tmp_path / "m", "")
    for form in ("csv", "parquet"):
        words = ["embed", tmp_path / "m", *sounds, "--channel", "each", "--out", tmp_path / f"f.{form}"]
        assert CliRunner().invoke(cli, list(map(str, words))).exit_code == 0
    told, expected = pd.read_csv(tmp_path / "f.csv"), pd.read_parquet(tmp_path / "f.parquet").reset_index()
    assert list(told.columns) == list(expected.columns)
    assert told["file"].tolist() == expected["file"].tolist()
    for name in ("start", "end"):
        np.testing.assert_allclose(told[name], expected[name].dt.total_seconds(), atol=1e-6)
    np.testing.assert_array_equal(told.iloc[:, 4:].to_numpy(np.float32), expected.iloc[:, 4:].to_numpy())


@pytest.mark.parametrize("name", ["features.xlsx", "features"])
def test_features_in_no_known_form_are_refused_before_anything_is_read(name: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["embed", str(tmp_path / "m"), "a.wav", "--out", str(tmp_path / name)])
    assert isinstance(done.exception, ConfigError)
    assert f"{name} does not say in which form; end it with .parquet, .csv, .yaml" in str(done.exception)


def test_an_archive_of_features_has_the_rows_of_one_file_and_is_not_made_twice(
    model: TrainedModel, sounds: list[Path], tmp_path: Path
) -> None:
    save(model, tmp_path / "m", "")
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    words = ["embed", tmp_path / "m", *sounds[:2], tmp_path / "broken.wav", sounds[2], "--out"]

    def done(*more: object) -> Result:
        result = CliRunner().invoke(cli, list(map(str, (*words, *more))))
        assert result.exit_code == 1, result.exception
        return result

    done(tmp_path / "f.parquet")
    first = done(tmp_path / "archive", "--shard", 2, "--jobs", 1)
    archive = open_archive(str(tmp_path / "archive"))
    expected = pq.read_table(tmp_path / "f.parquet")
    assert pa.concat_tables(list(archive.tables())).equals(expected)
    assert [name for name, _ in archive.problems()] == [str(tmp_path / "broken.wav")]
    assert f"{len(expected)} rows, 1 unusable" in first.stdout
    with pytest.raises(ConfigError, match="holds latents, and no frames"):
        next(archive.frames())
    again = done(tmp_path / "archive", "--shard", 2, "--jobs", 1)
    assert "2 finished before" in again.stderr
    assert again.stdout == first.stdout
    other = CliRunner().invoke(
        cli, list(map(str, (*words, tmp_path / "archive", "--shard", 2, "--level", "utterance")))
    )
    assert "level was segment and is utterance" in str(other.exception)


@pytest.mark.parametrize(("given", "out"), [("-", "archive"), ("a.wav", "db/db.yaml")])
def test_what_is_no_archive_is_not_made_one(model: TrainedModel, tmp_path: Path, given: str, out: str) -> None:
    save(model, tmp_path / "m", "")
    words = ["embed", str(tmp_path / "m"), given, "--shard", "2", "--out", str(tmp_path / out)]
    result = CliRunner().invoke(cli, words)
    assert isinstance(result.exception, ConfigError)
    assert "does not go with an archive" in str(result.exception)
