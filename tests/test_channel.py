"""Headers as files have them, and noise floors of sounds whose noise is known."""

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.channel import QUIET_SHARE, REGIONS, Header, Listener, header, headers, noise_floors
from emovae.logmel import LogMel, log_mel
from emovae.settings import FrontEnd
from emovae.utterance import Utterance

LOG_MELS = LogMel(FrontEnd())


def of(path: Path | None) -> Utterance:
    return Utterance(id="u", audio=path, speaker="ann")


def sounding(seed: int, noise: float, speech: float, telephone: bool = False) -> NDArray[np.float32]:
    """Frames [frame, band] of two seconds: a second of noise, and a second of a buzz in it."""
    generator, time_s = np.random.default_rng(seed), np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    sound = noise * generator.standard_normal(time_s.size)
    sound += speech * np.where(time_s > 1, scipy.signal.square(2 * np.pi * 150 * time_s), 0)
    if telephone:
        sound = scipy.signal.sosfilt(scipy.signal.butter(8, 3400, fs=SAMPLE_RATE_HZ, output="sos"), sound)
    waveform: Waveform = sound.astype(np.float32)
    return log_mel(waveform, LOG_MELS)


@pytest.mark.parametrize(
    ("name", "rate_hz", "channels", "subtype", "told"),
    [
        ("a.wav", 8000, 2, "PCM_16", Header(8000, 2, "PCM_16", "WAV")),
        ("a.wav", 44_100, 1, "FLOAT", Header(44_100, 1, "FLOAT", "WAV")),
        ("a.flac", 16_000, 1, "PCM_24", Header(16_000, 1, "PCM_24", "FLAC")),
    ],
)
def test_a_header_is_told_as_it_was_written(
    name: str, rate_hz: int, channels: int, subtype: str, told: Header, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / name, np.zeros((800, channels), np.float32), rate_hz, subtype=subtype)
    assert header(of(tmp_path / name)) == told


def test_what_has_no_header_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("this is no sound")
    (tmp_path / "a.raw").write_bytes(bytes(64))
    soundfile.write(tmp_path / "b.wav", np.zeros(800), 16_000)
    places = [None, tmp_path / "none.wav", tmp_path, tmp_path / "a.wav", tmp_path / "a.raw", tmp_path / "b.wav"]
    assert headers([of(place) for place in places], 2) == [*[None] * 5, Header(16_000, 1, "PCM_16", "WAV")]


def test_gain_moves_nothing() -> None:
    frames = [sounding(seed, noise=0.002, speech=0.1) for seed in range(6)]
    # The same sound ten times as loud has energies a hundred times as large.
    louder = [one + np.float32(np.log(100)) for one in frames]
    floors = noise_floors([*frames, *louder])
    assert floors.shape == (12, REGIONS + 1)
    np.testing.assert_allclose(floors[:6, :REGIONS], floors[6:, :REGIONS], atol=1e-3)
    np.testing.assert_allclose(floors[:, :REGIONS].sum(axis=1), 0, atol=1e-9)
    # All of them are as loud as their speech lets expect.
    assert np.abs(floors[:, REGIONS]).max() < 1


def test_loudness_of_speech_moves_nothing() -> None:
    floors = noise_floors([sounding(seed, noise=0.002, speech=0.02 * 2 ** (seed % 5)) for seed in range(60)])
    for one in floors.T:
        assert abs(np.corrcoef(one, np.arange(60) % 5)[0, 1]) < 0.38  # three standard errors


def test_noise_that_is_louder_for_speech_as_loud_is_heard_in_decibels() -> None:
    quiet = [sounding(seed, noise=0.001, speech=0.05 + 0.01 * seed) for seed in range(8)]
    noisy = [sounding(seed, noise=0.004, speech=0.05 + 0.01 * seed) for seed in range(8)]
    level = noise_floors([*quiet, *noisy])[:, REGIONS]
    assert level[8:].mean() - level[:8].mean() == pytest.approx(20 * np.log10(4), abs=1)


def test_a_telephone_is_heard_in_the_upper_regions() -> None:
    wide, narrow = noise_floors([sounding(0, 0.01, 0.1), sounding(0, 0.01, 0.1, telephone=True)])
    middle_hz = 700 * np.expm1(np.linspace(0, np.log1p(8000 / 700), 2 * REGIONS + 1)[1::2])
    above = middle_hz > 3800
    assert 1 <= above.sum() < REGIONS
    assert (wide[:REGIONS] - narrow[:REGIONS])[above].min() > 15
    assert (wide[:REGIONS] - narrow[:REGIONS])[~above].max() < 0


def test_only_the_quietest_frames_are_asked() -> None:
    generator = np.random.default_rng(0)
    frames = generator.normal(0, 1, (1000, 80)).astype(np.float32)
    quiet = round(QUIET_SHARE * 1000)
    places = generator.permutation(1000)[:quiet]
    frames[places] = np.linspace(-9, -5, 80)
    other = frames.copy()
    other[np.setdiff1d(np.arange(1000), places)] += generator.normal(0, 0.5, (1000 - quiet, 80)).astype(np.float32)
    floors = noise_floors([frames, other])
    np.testing.assert_allclose(floors[0, :REGIONS], floors[1, :REGIONS], atol=1e-9)
    steps = np.diff(floors[0, :REGIONS])
    np.testing.assert_allclose(steps, steps[0], rtol=1e-4)


def test_a_listener_hears_past_regions_that_never_vary() -> None:
    generator = np.random.default_rng(1)
    labels = np.arange(90) % 3
    values = np.column_stack([np.zeros((90, 4)), labels + 0.1 * generator.standard_normal(90)])
    assert (Listener().fit(values[:60], labels[:60]).predict(values[60:]) == labels[60:]).all()


def test_the_listener_is_scikit_learns_discriminant() -> None:
    generator = np.random.default_rng(2)
    labels = np.repeat([0, 2, 5], [100, 300, 200])
    mixed = generator.standard_normal((6, 6))
    values = (generator.standard_normal((600, 6)) + 0.7 * np.eye(6)[labels]) @ mixed + 10
    theirs = LinearDiscriminantAnalysis(priors=np.full(3, 1 / 3)).fit(values, labels).predict(values)
    ours = Listener().fit(values, labels).predict(values)
    assert (ours == theirs).mean() > 0.98  # theirs is not shrunk
    assert 0.5 < (ours == labels).mean() < 0.9


@pytest.mark.parametrize("count", [2, 3])
def test_a_listener_can_learn_from_one_utterance_of_a_class(count: int) -> None:
    values, labels = np.arange(count, dtype=float)[:, None] * np.ones(4), np.arange(count)
    assert set(Listener().fit(values, labels).predict(values)) <= set(labels)
    assert (Listener().fit(np.zeros((count, 4)), labels).predict(np.zeros((2, 4))) == 0).all()
