"""Frames against an own float64 transform, kaldi-native-fbank, librosa, and what physics says of a tone."""

import math
import os
from functools import cache
from pathlib import Path
from typing import Any

import kaldi_native_fbank
import librosa
import numpy as np
import pytest
import scipy.fft
import soundfile
import torch
from numpy.typing import NDArray
from scipy.signal.windows import hamming

from emovae.audio import Waveform
from emovae.logmel import BLOCK_FRAMES, MANY_FRAMES, ROWS, LogMel, filter_bank, frame_count, log_mel, log_mels
from emovae.settings import FrontEnd

Frames = NDArray[np.float64]

FLOOR = math.log(1.19e-7)
# Measured: 2.0e-6 for noise. Of a pure tone only the window's leakage, 1e-9 of the power, reaches most bands, and
# float32 rounds it: 1.2e-4. Real speech lies between (2.6e-4 at worst, a band 13 nats below its frame's loudest).
NOISE_TOLERANCE, TONE_TOLERANCE, SPEECH_TOLERANCE = 5e-6, 3e-4, 5e-4


def mel_of(hz: float) -> float:
    return 1127 * math.log(1 + hz / 700)


@cache
def triangles(bands: int, low_hz: float, high_hz: float) -> Frames:
    """Weight of each bin in each band, one by one, as the definition reads."""
    step = (mel_of(high_hz) - mel_of(low_hz)) / (bands + 1)
    weights = np.zeros((257, bands))
    for band in range(bands):
        centre = mel_of(low_hz) + (band + 1) * step
        for place in range(257):
            weights[place, band] = max(0.0, 1 - abs(mel_of(place * 31.25) - centre) / step)
    return weights


def power(waveform: Waveform) -> Frames:
    count = 1 + (len(waveform) - 400) // 160
    window = hamming(400, sym=True)
    cut = np.stack([waveform[160 * frame : 160 * frame + 400].astype(np.float64) * window for frame in range(count)])
    spectrum: NDArray[np.complex128] = scipy.fft.rfft(cut, 512)
    return spectrum.real**2 + spectrum.imag**2


def reference(waveform: Waveform, bands: int = 80, low_hz: float = 20, high_hz: float = 8000) -> Frames:
    result: Frames = np.log(np.maximum(power(waveform) @ triangles(bands, low_hz, high_hz), 1.19e-7))
    return result


def kaldi(waveform: Waveform) -> NDArray[np.float32]:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = 16_000
    options.frame_opts.frame_length_ms = 25
    options.frame_opts.frame_shift_ms = 10
    options.frame_opts.window_type = "hamming"
    options.frame_opts.dither = 0
    options.frame_opts.preemph_coeff = 0
    options.frame_opts.remove_dc_offset = False
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = 80
    options.mel_opts.low_freq = 20
    options.mel_opts.high_freq = 8000
    options.eps = 1.19e-7  # its own floor is float32's epsilon, 1.1921e-7: 0.0018 higher
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(16_000, waveform.tolist())
    fbank.input_finished()
    return np.stack([fbank.get_frame(frame) for frame in range(fbank.num_frames_ready)])


def librosas(waveform: Waveform) -> Frames:
    """librosa lays the window of 400 in the middle of 512, so each frame begins 56 samples early.

    56 zeros on either side bring its frames under ours; where a frame stands in the transform turns phases only.
    """
    energy = librosa.feature.melspectrogram(
        y=np.pad(waveform.astype(np.float64), 56),
        sr=16_000,
        n_fft=512,
        win_length=400,
        hop_length=160,
        window=hamming(400, sym=True),
        center=False,
        power=2.0,
        n_mels=80,
        fmin=20,
        fmax=8000,
        htk=True,
        norm=None,
        dtype=np.float64,
    )
    result: Frames = np.log(np.maximum(energy.T, 1.19e-7))
    return result


def noise(samples: int = 16_000, peak: float = 0.5, seed: int = 0) -> Waveform:
    return np.random.default_rng(seed).uniform(-peak, peak, samples).astype(np.float32)


def tone(hz: float, samples: int = 16_000) -> Waveform:
    return (0.9 * np.sin(2 * np.pi * hz * np.arange(samples) / 16_000)).astype(np.float32)


def furthest(one: NDArray[Any], other: NDArray[Any]) -> float:
    assert one.shape == other.shape
    return float(np.abs(one - other).max())


def speech() -> list[Waveform]:
    """Three recordings of each real corpus."""
    folder = os.environ.get("EMOVAE_CORPORA")
    if folder is None:
        pytest.skip("EMOVAE_CORPORA names no folder of real corpora")
    kinds = ("urdu/Angry", "emotale/wav", "nemo/samples")
    paths = [path for kind in kinds for path in sorted(Path(folder, kind).glob("*.flac"))[4:7]]
    assert len(paths) == 9
    return [soundfile.read(path, dtype="float32")[0] for path in paths]


# How many frames


@pytest.mark.parametrize(
    ("samples", "frames"),
    [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (719, 2), (720, 3), (16_000, 98)],
)
def test_only_whole_frames_are_counted(samples: int, frames: int) -> None:
    assert frame_count(samples) == frames
    assert log_mel(noise(samples), LogMel()).shape == (frames, 80)


# Independent truths


@pytest.mark.parametrize("peak", [1.0, 0.5, 1e-3])
def test_frames_of_noise_equal_the_definition_in_float64(peak: float) -> None:
    waveform = noise(peak=peak)
    frames = log_mel(waveform, LogMel())
    assert frames.dtype == np.float32
    assert furthest(frames, reference(waveform)) < NOISE_TOLERANCE


@pytest.mark.parametrize("hz", [97.0, 440.0, 3000.0, 7950.0])
def test_frames_of_a_tone_equal_the_definition_in_float64(hz: float) -> None:
    assert furthest(log_mel(tone(hz), LogMel()), reference(tone(hz))) < TONE_TOLERANCE


@pytest.mark.parametrize(("bands", "low_hz", "high_hz"), [(40, 0.0, 4000.0), (23, 64.0, 7600.0), (1, 300.0, 3400.0)])
def test_frames_of_other_filter_banks_equal_the_definition_in_float64(
    bands: int, low_hz: float, high_hz: float
) -> None:
    front_end = LogMel(FrontEnd(bands=bands, low_hz=low_hz, high_hz=high_hz))
    assert furthest(log_mel(noise(), front_end), reference(noise(), bands, low_hz, high_hz)) < NOISE_TOLERANCE


def test_frames_of_real_speech_equal_the_definition_in_float64() -> None:
    for waveform in speech():
        assert furthest(log_mel(waveform, LogMel()), reference(waveform)) < SPEECH_TOLERANCE


@pytest.mark.parametrize("peak", [1.0, 0.5, 1e-3])
def test_frames_of_noise_equal_kaldis_within_a_ten_thousandth(peak: float) -> None:
    waveform = noise(peak=peak)
    assert furthest(log_mel(waveform, LogMel()), kaldi(waveform)) < 1e-4


def test_frames_of_real_speech_equal_kaldis_within_a_ten_thousandth_but_for_one_value_in_a_thousand() -> None:
    """Kaldi computes its triangles and its transform in float32, and is itself 1.4e-4 away from the definition."""
    for waveform in speech():
        apart = np.abs(log_mel(waveform, LogMel()) - kaldi(waveform))
        assert np.quantile(apart, 0.999) < 1e-4
        assert apart.max() < SPEECH_TOLERANCE


def test_frames_of_noise_equal_librosas_where_window_and_triangles_are_the_same() -> None:
    frames = log_mel(noise(), LogMel(FrontEnd(triangles="hz")))
    assert furthest(frames, librosas(noise())) < NOISE_TOLERANCE
    assert furthest(log_mel(noise(), LogMel()), librosas(noise())) > 5e-3  # the option is what makes them equal


def test_frames_of_real_speech_equal_librosas_where_window_and_triangles_are_the_same() -> None:
    front_end = LogMel(FrontEnd(triangles="hz"))
    for waveform in speech():
        assert furthest(log_mel(waveform, front_end), librosas(waveform)) < SPEECH_TOLERANCE


# The filter bank


def test_triangles_straight_over_hz_are_librosas() -> None:
    other = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=80, fmin=20, fmax=8000, htk=True, norm=None, dtype=np.float64
    )
    assert furthest(filter_bank(FrontEnd(triangles="hz")), other.T) < 1e-10


def test_triangles_straight_over_mel_are_the_definitions() -> None:
    assert furthest(filter_bank(FrontEnd()), triangles(80, 20, 8000)) < 1e-10


@pytest.mark.parametrize("kind", ["mel", "hz"])
def test_neighbouring_triangles_add_up_to_one_between_the_first_centre_and_the_last(kind: str) -> None:
    weights = filter_bank(FrontEnd.model_validate({"triangles": kind}))
    step = (mel_of(8000) - mel_of(20)) / 81
    mels = [mel_of(place * 31.25) for place in range(257)]
    inside = [mel_of(20) + step <= mel <= mel_of(8000) - step for mel in mels]
    assert weights[inside].sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert weights[0].max() == 0  # 0 Hz lies below the lowest edge


# Physics


@pytest.mark.parametrize("band", [5, 30, 60, 78])
def test_a_tone_at_the_centre_of_a_band_is_loudest_there(band: int) -> None:
    centre_mel = mel_of(20) + (band + 1) * (mel_of(8000) - mel_of(20)) / 81
    frames = log_mel(tone(700 * (math.exp(centre_mel / 1127) - 1)), LogMel())
    assert set(frames.argmax(axis=1).tolist()) == {band}


def test_twice_the_amplitude_is_four_times_the_energy() -> None:
    louder = log_mel(2 * noise(peak=0.4), LogMel()) - log_mel(noise(peak=0.4), LogMel())
    assert louder == pytest.approx(math.log(4), abs=1e-5)


def test_a_constant_is_not_removed_from_the_sound() -> None:
    raised = log_mel(noise(peak=0.25) + np.full(16_000, 0.4, np.float32), LogMel())
    assert furthest(raised[:, :1], log_mel(noise(peak=0.25), LogMel())[:, :1]) > 1


def test_a_delay_of_one_hop_moves_the_frames_by_one() -> None:
    delayed = np.concatenate([np.zeros(160, np.float32), noise()])
    assert furthest(log_mel(delayed, LogMel())[1:], log_mel(noise(), LogMel())) < 1e-6


def test_digital_silence_gives_the_floor() -> None:
    assert log_mel(np.zeros(8000, np.float32), LogMel()) == pytest.approx(FLOOR, abs=1e-6)


def test_no_value_lies_below_the_floor() -> None:
    frames = log_mel(noise(peak=3e-5), LogMel())
    assert frames.min() == pytest.approx(FLOOR, abs=1e-6)
    assert frames.max() > FLOOR + 0.1


# Batches, blocks, export


def test_a_batch_gives_what_each_waveform_gives_alone() -> None:
    front_end = LogMel()
    waveforms = torch.from_numpy(np.stack([noise(8000, seed=seed) for seed in range(6)])).reshape(2, 3, 8000)
    frames = front_end(waveforms)
    assert frames.shape == (2, 3, 48, 80)
    for row in range(2):
        for column in range(3):
            alone = front_end(waveforms[row, column])
            torch.testing.assert_close(frames[row, column], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("frames", [BLOCK_FRAMES - 1, BLOCK_FRAMES, BLOCK_FRAMES + 1, 2 * BLOCK_FRAMES + 500])
def test_a_long_waveform_block_by_block_gives_what_it_gives_at_once(frames: int) -> None:
    front_end = LogMel()
    waveform = noise(400 + 160 * (frames - 1) + 159)
    blocks = log_mel(waveform, front_end)
    assert len(blocks) == frames
    assert furthest(blocks, front_end(torch.from_numpy(waveform)).numpy()) < 1e-5


def test_frames_do_not_depend_on_the_global_generator_or_move_it() -> None:
    before = torch.get_rng_state()
    first = log_mel(noise(), LogMel())
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(log_mel(noise(), LogMel()), first)


def test_the_front_end_has_nothing_to_learn() -> None:
    assert list(LogMel().parameters()) == []


def test_it_exports_for_any_batch_and_any_length_of_two_frames_or_more() -> None:
    """One frame alone is a case of its own to torch.export, so the shortest length to declare is 560."""
    front_end = LogMel()
    shapes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", min=560)}
    exported = torch.export.export(front_end, (torch.zeros(2, 16_000),), dynamic_shapes=(shapes,)).module()
    for batch, length in [(1, 560), (2, 719), (3, 720), (5, 12_345)]:
        waveforms = torch.from_numpy(np.stack([noise(length, seed=seed) for seed in range(batch)]))
        torch.testing.assert_close(exported(waveforms), front_end(waveforms), atol=1e-5, rtol=0)


@pytest.mark.parametrize("block_frames", [ROWS, BLOCK_FRAMES, MANY_FRAMES])
def test_in_any_company_and_block_a_waveform_has_the_frames_that_it_has_alone(block_frames: int) -> None:
    front_end = LogMel()
    lengths = [16_000, 399, 400, 559, 48_123, 0, 160 * ROWS + 240, 24_000]
    waveforms = [noise(length, seed=seed) for seed, length in enumerate(lengths)]
    together = log_mels(waveforms, front_end, block_frames)
    for waveform, frames in zip(waveforms, together, strict=True):
        assert frames.shape == (frame_count(len(waveform)), 80)
        # On one processor to the last bit, which no other library's matrix product has promised.
        assert np.allclose(frames, log_mel(waveform, front_end), rtol=0, atol=2e-6)
        if len(frames):
            assert furthest(frames, reference(waveform)) < 20 * NOISE_TOLERANCE


def test_of_no_waveforms_there_are_no_frames() -> None:
    assert log_mels([], LogMel()) == []


def test_a_waveform_is_left_as_it_was() -> None:
    waveform = noise()
    before = waveform.copy()
    log_mel(waveform, LogMel())
    LogMel()(torch.from_numpy(waveform))
    assert np.array_equal(waveform, before)


@pytest.mark.parametrize("bands", [1, 2, 3, 7])
def test_few_bands_are_the_references_too(bands: int) -> None:
    waveform = noise()
    assert furthest(log_mel(waveform, LogMel(FrontEnd(bands=bands))), reference(waveform, bands)) < NOISE_TOLERANCE
