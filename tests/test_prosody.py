"""F0, voicing and energy beside the log-mel frames, and experiments that read them."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from emovae import config
from emovae.corpora import Corpus, open_corpus
from emovae.errors import ConfigError
from emovae.experiment import run
from emovae.final import Means, train_final
from emovae.frame_shards import FrameWork
from emovae.frames import FRAMES_VERSION, corpus_frames, frames_by
from emovae.logmel import LogMel, frame_count, log_mel
from emovae.presets import resolve
from emovae.prosody import BLOCK_FRAMES, ENERGY_FLOOR, NOBODY_HZ, is_voiced, prosody, track
from emovae.settings import FrontEnd
from emovae.watcher import Watcher

RATE_HZ = 16_000
CORPORA = os.environ.get("EMOVAE_CORPORA")
TIME_S = np.arange(RATE_HZ) / RATE_HZ
F0_HZ = [70.0, 83.3, 97.1, 120.0, 151.9, 200.0, 237.7, 296.3, 330.0, 385.0, 431.1, 480.0]
HARMONICS: dict[str, Callable[[float], Iterable[int]]] = {
    "pure": lambda _f0_hz: [1],
    "as a voice has them": lambda _f0_hz: range(1, 11),
    "up to 8 kHz": lambda f0_hz: range(1, int(7999 / f0_hz) + 1),
    "without the fundamental": lambda _f0_hz: range(2, 9),
    "from the fourth": lambda _f0_hz: range(4, 12),
}

Samples = NDArray[np.float32]


def tone(f0_hz: float, harmonics: Iterable[int] = (1,), peak: float = 0.3) -> Samples:
    """A second of harmonics as loud as each other, of phases that nobody chose."""
    parts = [np.sin(2 * np.pi * f0_hz * h * TIME_S + h * h) for h in harmonics if h * f0_hz < RATE_HZ / 2]
    whole = np.sum(parts, axis=0)
    return np.asarray(peak * whole / np.abs(whole).max(), np.float32)


def noise(samples: int, deviation: float = 0.1) -> Samples:
    return np.random.default_rng(samples).normal(0, deviation, samples).astype(np.float32)


@pytest.mark.parametrize("f0_hz", F0_HZ)
@pytest.mark.parametrize("kind", HARMONICS)
def test_the_pitch_of_a_tone_is_its_fundamental_whether_that_sounds_or_not(kind: str, f0_hz: float) -> None:
    found = track(tone(f0_hz, HARMONICS[kind](f0_hz)))
    # The first frame and the last are mirrored where the tone ends, which bends a low one.
    np.testing.assert_allclose(found.f0_hz[1:-1], f0_hz, rtol=0.01)
    np.testing.assert_allclose(np.median(found.f0_hz), f0_hz, rtol=0.002)
    assert (found.strength[1:-1] > 0.8).all()
    np.testing.assert_allclose(np.exp(prosody(tone(f0_hz))[1:-1, 0]), f0_hz, rtol=0.01)


def test_a_vibrato_is_followed() -> None:
    f0_hz = 200 * 2 ** (np.sin(2 * np.pi * 5 * TIME_S) / 12)  # a semitone up and down, five times a second
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE_HZ
    voice = np.sum([np.sin(h * phase) / h for h in range(1, 11)], axis=0)
    found = np.exp(prosody((0.2 * voice).astype(np.float32))[:, 0])
    centres = 160 * np.arange(len(found)) + 200
    np.testing.assert_allclose(found[1:-1], f0_hz[centres[1:-1]], rtol=0.01)
    assert np.ptp(found) > 20


def test_white_noise_is_not_voiced() -> None:
    found = track(noise(10 * RATE_HZ))
    assert not is_voiced(found.strength, found.energy).any()
    assert found.strength.mean() < 0.25


def test_energy_is_that_of_the_tone_and_moves_by_twice_the_logarithm_of_its_scale() -> None:
    whole, soft = track(tone(200.0, peak=0.5)), track(tone(200.0, peak=0.05))
    np.testing.assert_allclose(whole.energy[1:-1], np.log(0.5**2 / 2), atol=0.01)
    np.testing.assert_allclose(whole.energy - soft.energy, 2 * np.log(10), atol=1e-5)
    np.testing.assert_allclose(soft.f0_hz, whole.f0_hz, rtol=1e-5)
    np.testing.assert_allclose(soft.strength, whole.strength, atol=1e-5)


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 401, 559, 560, 561, 1000, 16_000, 400 + 160 * BLOCK_FRAMES])
def test_there_are_as_many_frames_as_of_log_mel(samples: int) -> None:
    found, frames = prosody(noise(samples)), log_mel(noise(samples), LogMel())
    assert found.shape == (len(frames), 3) == (frame_count(samples), 3)
    assert found.dtype == np.float32


def test_a_frame_is_centred_where_the_log_mel_frame_is() -> None:
    click = np.zeros(RATE_HZ, np.float32)
    click[160 * 40 + 200] = 1
    assert prosody(click)[:, 2].argmax() == log_mel(click, LogMel()).mean(axis=1).argmax() == 40


def test_what_comes_later_is_found_later_and_is_the_same() -> None:
    voice = tone(140.0, range(1, 11)) + noise(RATE_HZ, 0.01)
    for hops in (1, 7, BLOCK_FRAMES):
        later = np.concatenate([noise(160 * hops), voice])
        for early, late in zip(track(voice), track(later), strict=True):
            np.testing.assert_allclose(late[hops + 1 :], early[1:], rtol=1e-9, atol=1e-9)


def test_between_voiced_frames_the_pitch_goes_straight_and_before_and_after_it_stays() -> None:
    gap, low, high = noise(RATE_HZ // 2, 1e-3), tone(120.0), tone(240.0)
    joined = np.concatenate([gap, low, gap, high, gap])
    log_f0, strength, energy = prosody(joined).T
    voiced = np.flatnonzero(is_voiced(strength.astype(float), energy.astype(float)))
    assert np.ptp(log_f0[: voiced[0] + 1]) == np.ptp(log_f0[voiced[-1] :]) == 0
    (jump,) = np.flatnonzero(np.diff(voiced) > 20)
    between = log_f0[voiced[jump] : voiced[jump + 1] + 1]
    np.testing.assert_allclose(np.diff(between), np.ptp(between) / (len(between) - 1), atol=1e-5)
    np.testing.assert_allclose(np.exp(between[[0, -1]]), [120, 240], rtol=0.1)


def test_a_murmur_far_below_the_voice_is_not_voiced() -> None:
    joined = np.concatenate([tone(200.0), tone(100.0, peak=0.3 * np.exp(-3.2))])  # 6.4 nats
    found = track(joined)
    voiced = is_voiced(found.strength, found.energy)
    assert voiced[5:90].all()
    assert not voiced[105:].any()


@pytest.mark.parametrize(
    ("name", "waveform"),
    {
        "silence": np.zeros(RATE_HZ),
        "one frame of silence": np.zeros(400),
        "one frame of noise": noise(400),
        "a constant": np.full(RATE_HZ, 0.7),
        "a constant at full scale": np.full(RATE_HZ, -1.0),
        "clipped": np.sign(tone(200.0)),
        "a click": np.eye(1, RATE_HZ)[0],
        "the smallest numbers": np.full(RATE_HZ, 1e-45),
        "a ramp": TIME_S,
        "beyond full scale": 1e6 * noise(RATE_HZ),
        "the fastest": np.tile([1.0, -1.0], RATE_HZ // 2),
    }.items(),
)
def test_whatever_it_is_all_values_are_finite_and_in_their_range(name: str, waveform: Any) -> None:
    log_f0, strength, energy = prosody(np.asarray(waveform, np.float32)).T
    assert np.isfinite([log_f0, strength, energy]).all(), name
    assert ((log_f0 > np.log(60)) & (log_f0 < np.log(520))).all()
    assert ((strength >= 0) & (strength <= 1)).all()
    assert (energy >= np.float32(np.log(ENERGY_FLOOR))).all()


@pytest.mark.parametrize("waveform", [np.zeros(RATE_HZ), np.full(RATE_HZ, 0.7), noise(RATE_HZ)])
def test_who_is_nowhere_voiced_has_the_stated_pitch(waveform: Any) -> None:
    np.testing.assert_allclose(np.exp(prosody(np.asarray(waveform, np.float32))[:, 0]), NOBODY_HZ, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(CORPORA is None, reason="EMOVAE_CORPORA names no folder of real corpora")
@pytest.mark.parametrize(("name", "least"), [("urdu", 0.88), ("emotale", 0.92), ("nemo", 0.9)])
def test_the_pitch_of_real_speech_is_mostly_librosas(name: str, least: float) -> None:
    """URDU is cut from television. Where they differ, one hears an octave more than the other as a rule."""
    corpus = open_corpus(str(Path(str(CORPORA)) / name))
    agree = []
    for utterance in corpus.utterances[:: len(corpus.utterances) // 5][:5]:
        waveform = corpus.waveform(utterance)
        found = track(waveform)
        # Its frames are centred on multiples of the hop, ours 200 samples later.
        theirs, voiced, _ = librosa.pyin(
            waveform[200:].astype(np.float64), fmin=65, fmax=500, sr=RATE_HZ, frame_length=640, hop_length=160
        )
        count = min(len(theirs), len(found.f0_hz))
        both = voiced[:count] & is_voiced(found.strength, found.energy)[:count]
        agree.append(np.abs(found.f0_hz[:count][both] / theirs[:count][both] - 1) < 0.05)
    assert len(np.concatenate(agree)) > 200
    assert np.concatenate(agree).mean() > least


# In experiments


def test_behind_the_bands_stand_as_many_columns_of_each_as_asked(small_corpus: Corpus, tmp_path: Path) -> None:
    plain = corpus_frames(small_corpus, FrontEnd(), tmp_path, at_least=10)
    wide = corpus_frames(small_corpus, FrontEnd(prosody=2), tmp_path, at_least=10)
    assert wide.digest != plain.digest
    assert wide.values.shape == (len(plain.values), 86) == (len(plain.values), FrontEnd(prosody=2).columns)
    np.testing.assert_array_equal(wide.values[:, :80], plain.values)
    own = np.concatenate([prosody(small_corpus.waveform(one)) for one in small_corpus.utterances])
    np.testing.assert_array_equal(wide.values[:, 80:], own[:, [0, 0, 1, 1, 2, 2]])
    # Its voices are made up; who speaks higher is known.
    assert np.ptp(own[:, 0]) > 0.5


def test_without_prosody_nothing_has_another_name_than_before_there_was_any() -> None:
    plain = {"bands": 80, "low_hz": 20.0, "high_hz": 8000.0, "triangles": "mel"}
    assert FrontEnd().model_dump() == FrontEnd(prosody=0).model_dump(mode="json") == plain
    assert frames_by(FrontEnd()).facts == (FRAMES_VERSION, plain)
    assert resolve({"name": "a"}).model_dump(mode="json")["front_end"] == plain
    assert "prosody" not in resolve({"name": "a"}).front_end.model_dump_json()
    told = resolve({"name": "a"}, None, ["front_end.prosody=4"])
    assert told.model_dump()["front_end"] == {**plain, "prosody": 4}
    assert config.Experiment.model_validate_json(told.model_dump_json()) == told


@pytest.mark.parametrize("value", ["-1", "17", "1.5", "many"])
def test_other_numbers_of_columns_are_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"front_end\.prosody"):
        resolve({"name": "a"}, None, [f"front_end.prosody={value}"])


def test_an_experiment_reads_them_and_says_so(small_corpus: Corpus, tmp_path: Path, tiny: dict[str, Any]) -> None:
    keys = {**tiny, "seeds": 1, "rivals": ["ACNN-logmel", "ACNN-MFCC"], "front_end": {"prosody": 1}}
    keys["baselines"] = ["functionals-SVM", "segments-LSTM", "PCA-LSTM"]
    outcome = run(resolve(keys), small_corpus, tmp_path / "out", tmp_path / "cache")
    assert {row["model"] for row in outcome.results["rows"]} >= {"VAE-LSTM", "CVAE-LSTM", "ACNN-MFCC", "PCA-LSTM"}
    assert outcome.results["settings"]["front_end"]["prosody"] == 1
    assert "F0, voicing and energy" in (tmp_path / "out" / "table.md").read_text()
    views = safetensors.numpy.load_file(tmp_path / "out" / "views.safetensors")
    shown = {name: values for name, values in views.items() if not name.startswith("latents/")}
    assert {values.shape[-1] for values in shown.values()} == {80}


def test_cepstra_are_of_the_bands_alone(small_corpus: Corpus, tmp_path: Path, tiny: dict[str, Any]) -> None:
    alone = {"models": [], "baselines": [], "rivals": ["ACNN-MFCC"], "test_condition": ["marginal"], "seeds": 1}
    said = []
    for prosodic in (0, 3):
        keys = {**tiny, **alone, "front_end": {"prosody": prosodic}}
        out = tmp_path / f"out{prosodic}"
        run(resolve(keys), small_corpus, out, tmp_path / "cache")
        said.append(pq.read_table(out / "predictions.parquet").to_pydict())
    assert said[0] == said[1]


def test_an_archive_of_frames_holds_them(small_corpus: Corpus, tmp_path: Path) -> None:
    assert "prosody_version" not in FrameWork("a", None, FrontEnd()).about
    work = FrameWork(small_corpus.name, small_corpus.voice, FrontEnd(prosody=1))
    assert work.about["prosody_version"] == 1
    with (tmp_path / "shard").open("wb") as stream:
        made = work.write(stream, small_corpus.utterances[:3])
    assert (made.rows, list(made.problems)) == (3, [])
    rows = pq.read_table(tmp_path / "shard").to_pydict()["frames"]
    assert {len(frame) for frames in rows for frame in frames} == {83}


def test_a_model_to_take_along_does_not_read_them_yet(
    small_corpus: Corpus, tmp_path: Path, tiny: dict[str, Any]
) -> None:
    keys = {**tiny, "models": ["VAE-LSTM"], "baselines": [], "front_end": {"prosody": 4}}
    with pytest.raises(ConfigError, match=r"front_end\.prosody is for ensembles and experiments so far; leave it out"):
        train_final(resolve(keys), small_corpus, Means(tmp_path / "cache", Watcher()))
    assert not (tmp_path / "cache").exists()
