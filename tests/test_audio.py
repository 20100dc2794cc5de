"""Recordings made for real on disk, against spectra, SciPy and the corpora's own 16 kHz files."""

import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from emovae import audio
from emovae.errors import AudioError
from emovae.refusals import unreadable

Samples = NDArray[np.float64]

LEAVE_OUT = "or leave it out with --set on_bad_audio=skip"
KINDS = [
    ("wav", "PCM_U8"),
    ("wav", "PCM_16"),
    ("wav", "PCM_24"),
    ("wav", "PCM_32"),
    ("wav", "FLOAT"),
    ("wav", "DOUBLE"),
    ("wav", "ULAW"),
    ("flac", "PCM_16"),
    ("flac", "PCM_24"),
    ("ogg", "VORBIS"),
    ("mp3", "MPEG_LAYER_III"),
]


def tone(rate_hz: int, seconds: float = 1.0, hz: float = 440.0, peak: float = 0.5) -> Samples:
    return peak * np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz)


def noise(frames: int, peak: float = 0.3) -> Samples:
    return np.random.default_rng(7).uniform(-peak, peak, frames)


def saved(path: Path, samples: Samples, rate_hz: int = 16_000, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        audio.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path} ")
    assert message.endswith(LEAVE_OUT)
    assert "\n" not in message
    return message


def loudest_hz(waveform: audio.Waveform) -> float:
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(spectrum.argmax() * audio.SAMPLE_RATE_HZ / len(waveform))


def amplitude(waveform: audio.Waveform, hz: float) -> float:
    """By projection on the middle, whole periods of the tone: no windows, no edges."""
    middle = waveform[4000:12000]
    turning = np.exp(-2j * np.pi * hz * np.arange(4000, 12000) / audio.SAMPLE_RATE_HZ)
    return float(2 * np.abs(np.mean(middle * turning)))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000, 384_000])
def test_a_tone_keeps_its_frequency_and_amplitude(tmp_path: Path, rate_hz: int, channels: int) -> None:
    sound = np.tile(tone(rate_hz)[:, None], (1, channels))
    waveform = audio.read(saved(tmp_path / "a.wav", sound, rate_hz, "FLOAT"))
    assert waveform.dtype == np.float32
    assert waveform.ndim == 1
    assert waveform.flags.c_contiguous
    assert len(waveform) == audio.SAMPLE_RATE_HZ
    assert loudest_hz(waveform) == pytest.approx(440, abs=1)
    assert amplitude(waveform, 440) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000])
@pytest.mark.parametrize("frames", [997, 8_000, 12_345])
def test_the_length_in_seconds_is_kept(tmp_path: Path, rate_hz: int, frames: int) -> None:
    waveform = audio.read(saved(tmp_path / "a.wav", noise(frames), rate_hz))
    assert abs(len(waveform) - round(frames * 16_000 / rate_hz)) <= 1


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_a_constant_is_preserved(tmp_path: Path, rate_hz: int) -> None:
    waveform = audio.read(saved(tmp_path / "a.wav", np.full(rate_hz, 0.25), rate_hz, "FLOAT"))
    assert np.abs(waveform[2000:-2000] - 0.25).max() < 1e-5


@pytest.mark.parametrize(("rate_hz", "up", "down"), [(44_100, 160, 441), (48_000, 1, 3), (24_000, 2, 3)])
def test_resampling_agrees_with_scipy_in_the_pass_band(tmp_path: Path, rate_hz: int, up: int, down: int) -> None:
    sound = sum((tone(rate_hz, 1, hz, 0.1) for hz in (150, 1000, 2500, 4000)), np.zeros(rate_hz))
    waveform = audio.read(saved(tmp_path / "a.wav", sound, rate_hz, "FLOAT"))
    truth = resample_poly(sound, up, down, window=("kaiser", 8.0))
    difference = waveform[2000:-2000] - truth[2000:-2000]
    assert np.sqrt(np.mean(difference**2)) < 1e-3 * np.sqrt(np.mean(truth**2))


def test_what_16_khz_cannot_hold_is_removed_and_not_folded_back(tmp_path: Path) -> None:
    sound = tone(48_000, 1, 1000, 0.1) + tone(48_000, 1, 11_000, 0.5)
    waveform = audio.read(saved(tmp_path / "a.wav", sound, 48_000, "FLOAT"))
    assert amplitude(waveform, 1000) == pytest.approx(0.1, rel=1e-3)
    assert amplitude(waveform, 5000) < 1e-4


def test_at_16_khz_the_samples_are_those_of_the_file(tmp_path: Path) -> None:
    waveform = audio.read(saved(tmp_path / "a.flac", noise(5000)))
    written, _ = soundfile.read(tmp_path / "a.flac", dtype="int16")
    np.testing.assert_array_equal(waveform, written.astype(np.float32) / 32768)


@pytest.mark.parametrize("channels", [2, 6, 1024])
def test_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    gains = np.linspace(0.1, 0.9, channels)
    path = saved(tmp_path / "a.wav", tone(16_000)[:, None] * gains, subtype="FLOAT")
    np.testing.assert_allclose(audio.read(path), tone(16_000) * gains.mean(), atol=1e-5)


@pytest.mark.parametrize(("ending", "subtype"), KINDS)
def test_every_kind_of_file_is_heard(tmp_path: Path, ending: str, subtype: str) -> None:
    waveform = audio.read(saved(tmp_path / f"a.{ending}", tone(44_100), 44_100, subtype))
    assert abs(len(waveform) - 16_000) <= 1
    assert loudest_hz(waveform) == pytest.approx(440, abs=1)
    assert amplitude(waveform, 440) == pytest.approx(0.5, rel=0.02)


def test_an_extensible_wav_is_heard(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(1000), 16_000, format="WAVEX")
    assert len(audio.read(tmp_path / "a.wav")) == 1000


def test_the_content_decides_and_not_the_ending(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.flac", noise(1000)).rename(tmp_path / "a.wav")
    assert len(audio.read(path)) == 1000


def test_a_loud_recording_is_clipped_to_full_scale(tmp_path: Path) -> None:
    waveform = audio.read(saved(tmp_path / "a.wav", tone(16_000, peak=1.4), subtype="FLOAT"))
    assert waveform.min() == -1
    assert waveform.max() == 1


def test_many_threads_hear_what_one_hears(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"a{i}.flac", noise(20_000 + i), 44_100) for i in range(16)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(audio.read, paths))
    for path, waveform in zip(paths, together, strict=True):
        np.testing.assert_array_equal(waveform, audio.read(path))


def test_audio_comes_without_torch() -> None:
    probe = "import sys, emovae.audio; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", probe], check=True)


@pytest.mark.parametrize(
    ("original", "published"),
    [
        ("urdu_44100_mono_SM1_F1_A01.wav", "urdu/Angry/SM1_F1_A01.flac"),
        ("emotale_48000_stereo_EN_012_H_4.wav", "emotale/wav/EN_012_H_4.flac"),
        ("nemo_24000_mono_EB0_anger_1.wav", "nemo/samples/EB0_anger_1.flac"),
    ],
)
def test_a_real_recording_becomes_its_published_16_khz_file(original: str, published: str) -> None:
    corpora = os.environ.get("EMOVAE_CORPORA")
    if corpora is None:
        pytest.skip("EMOVAE_CORPORA is not set")
    waveform = audio.read(Path(corpora) / "originals" / original)
    truth, rate_hz = soundfile.read(Path(corpora) / published)
    assert rate_hz == audio.SAMPLE_RATE_HZ
    assert waveform.shape == truth.shape
    assert np.sqrt(np.mean((waveform - truth) ** 2)) < 0.003 * np.sqrt(np.mean(truth**2))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "is not there; put the file there" in refusal(tmp_path / "a.wav")


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    assert "is a folder, not a recording" in refusal(tmp_path)


def test_what_the_system_says_is_passed_on(tmp_path: Path) -> None:
    circle = tmp_path / "a.wav"
    circle.symlink_to(circle)
    assert "cannot be read: Too many levels of symbolic links" in refusal(circle)


def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", noise(1000))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert "cannot be read: Permission denied" in refusal(path)


def test_a_system_error_says_where_and_the_way_out() -> None:
    message = str(unreadable(Path("a.wav"), PermissionError(13, "Permission denied")))
    assert message == f"a.wav cannot be read: Permission denied; replace the file, {LEAVE_OUT}"


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_an_empty_file_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.touch()
    assert "is empty: 0 bytes" in refusal(path)


@pytest.mark.parametrize("ending", ["wav", "ogg"])
def test_a_file_without_samples_is_refused(tmp_path: Path, ending: str) -> None:
    assert "holds no samples" in refusal(saved(tmp_path / f"a.{ending}", np.zeros(0)))


def test_a_recording_of_less_than_one_sample_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", np.full(1, 0.5), 48_000)
    assert "holds 1 frames (0.00 s), not one sample at 16000 Hz" in refusal(path)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.raw", "a"])
def test_what_is_not_audio_is_refused_with_its_beginning(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "cannot be decoded: its 43 bytes begin with b'version http'" in refusal(path)


def test_a_format_whose_end_is_not_checked_is_refused(tmp_path: Path) -> None:
    assert "is AIFF, not WAV, FLAC, OGG or MP3; convert it" in refusal(saved(tmp_path / "a.aiff", noise(99)))


@pytest.mark.parametrize("rate_hz", [3_999, 384_001])
def test_a_rate_beyond_the_limits_is_refused(tmp_path: Path, rate_hz: int) -> None:
    path = saved(tmp_path / "a.wav", noise(1000), rate_hz)
    assert f"has {rate_hz} Hz, not 4000 to 384000 Hz" in refusal(path)


def test_a_truncated_wav_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", noise(16_000))
    path.write_bytes(path.read_bytes()[:-100])
    assert "is cut: of 32044 bytes that its header promises 100 are missing" in refusal(path)


def test_a_wav_cut_before_its_sound_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", noise(16_000))
    path.write_bytes(path.read_bytes()[:30])
    assert "is cut: of 32044 bytes that its header promises 32014 are missing" in refusal(path)


def with_sizes(path: Path, riff_bytes: int, data_bytes: int) -> Path:
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, 4, riff_bytes)
    struct.pack_into("<I", content, 40, data_bytes)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("riff_bytes", "data_bytes"),
    [(0, 0), (36, 0), (2**32 - 1, 2**32 - 1), (0, 2**32 - 1), (2**31 - 1, 2**31 - 37), (0, 2000)],
)
def test_a_wav_whose_writer_did_not_know_the_length_is_heard_whole(
    tmp_path: Path, riff_bytes: int, data_bytes: int
) -> None:
    path = saved(tmp_path / "a.wav", noise(1000))
    truth = audio.read(path)
    np.testing.assert_array_equal(audio.read(with_sizes(path, riff_bytes, data_bytes)), truth)


def test_a_wav_of_unknown_sound_size_is_measured_by_its_outer_size(tmp_path: Path) -> None:
    path = with_sizes(saved(tmp_path / "a.wav", noise(1000)), 2500, 2**32 - 1)
    assert "is cut: of 2508 bytes that its header promises 464 are missing" in refusal(path)


def test_a_wav_with_no_sound_and_a_true_outer_size_is_taken_at_its_word(tmp_path: Path) -> None:
    assert "holds no samples" in refusal(with_sizes(saved(tmp_path / "a.wav", noise(1000)), 2036, 0))


def test_a_wav_with_other_chunks_around_its_sound_is_heard(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", noise(1000))
    truth = audio.read(path)
    content = path.read_bytes()
    extra = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"
    path.write_bytes(content[:36] + extra + content[36:] + extra)
    np.testing.assert_array_equal(audio.read(path), truth)


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.999])
def test_a_truncated_flac_is_refused_with_what_is_missing(tmp_path: Path, kept: float) -> None:
    path = saved(tmp_path / "a.flac", noise(32_000))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    message = refusal(path)
    assert "is cut or broken: of 32000 frames (2.00 s) it gives " in message
    heard = int(message.split("it gives ")[1].split()[0])
    assert kept * 32_000 - 8192 < heard < kept * 32_000 + 1


def test_a_flac_cut_in_its_header_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.flac", noise(32_000))
    path.write_bytes(path.read_bytes()[:50])
    assert "cannot be decoded: its 50 bytes begin with b'fLaC" in refusal(path)


def test_a_damaged_flac_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.flac", noise(32_000))
    content = bytearray(path.read_bytes())
    content[30_000:30_200] = bytes(200)
    path.write_bytes(content)
    assert "is cut or broken" in refusal(path)


@pytest.mark.parametrize("frames", [0, 2**36 - 1])
def test_a_flac_with_an_impossible_length_is_refused(tmp_path: Path, frames: int) -> None:
    path = saved(tmp_path / "a.flac", noise(1000))
    content = bytearray(path.read_bytes())
    # STREAMINFO keeps the number of frames in the last 36 bits before its MD5 sum.
    content[21] = content[21] & 0xF0 | frames >> 32
    struct.pack_into(">I", content, 22, frames & 0xFFFF_FFFF)
    path.write_bytes(content)
    assert "which nobody can decode; encode it again into a file" in refusal(path)


@pytest.mark.parametrize("missing", [1, 100, 10_000])
def test_a_truncated_ogg_is_refused_with_what_is_missing(tmp_path: Path, missing: int) -> None:
    path = saved(tmp_path / "a.ogg", noise(64_000))
    path.write_bytes(path.read_bytes()[:-missing])
    assert "is cut: its last page should have " in refusal(path)


def test_an_ogg_cut_between_pages_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.ogg", noise(64_000))
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"OggS")])
    assert "bytes is marked as the end of the stream" in refusal(path)


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9, 0.999])
def test_a_truncated_mp3_is_refused_with_what_is_missing(tmp_path: Path, kept: float) -> None:
    path = saved(tmp_path / "a.mp3", noise(32_000))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert "is cut or broken: of 32000 frames (2.00 s) it gives " in refusal(path)


def test_an_mp3_that_does_not_say_how_long_it_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, noise(32_000), 16_000, bitrate_mode="VARIABLE", compression_level=0.5)
    content = path.read_bytes()
    path.write_bytes(content[content.index(content[:2], 4) :])
    # libsndfile itself gives less than half of it, and no error.
    assert soundfile.info(path).frames < 16_000
    assert "does not say how long it is: no Xing" in refusal(path)


def test_an_mp3_behind_an_id3_tag_is_heard(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.mp3", noise(32_000))
    picture = bytes(20_000)
    size = bytes([0, len(picture) >> 14, len(picture) >> 7 & 127, len(picture) & 127])
    path.write_bytes(b"ID3\x03\x00\x00" + size + picture + path.read_bytes() + b"TAG" + bytes(125))
    assert len(audio.read(path)) == 32_000


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_no_numbers_are_counted(tmp_path: Path, odd: float, channels: int) -> None:
    sound = np.tile(noise(1000)[:, None], (1, channels))
    sound[10:13, 0] = odd
    sound[12, -1] = -odd
    path = saved(tmp_path / "a.wav", sound, 44_100, "FLOAT")
    assert "holds NaN or infinity in 3 of 1000 samples" in refusal(path)


def test_silence_is_refused_with_its_peak(tmp_path: Path) -> None:
    assert "is silent: its peak is 0 of" in refusal(saved(tmp_path / "a.wav", np.zeros(16_000), 44_100))
    path = saved(tmp_path / "b.wav", tone(16_000, peak=5e-5), subtype="FLOAT")
    assert "is silent: its peak is 5e-05 of full scale, sound needs 0.0001" in refusal(path)


def test_the_quietest_sound_is_heard(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", tone(16_000, peak=1.1e-4), subtype="FLOAT")
    assert len(audio.read(path)) == 16_000


def test_channels_that_cancel_are_silent(tmp_path: Path) -> None:
    sound = tone(16_000)[:, None] * [1, -1]
    assert "is silent" in refusal(saved(tmp_path / "a.wav", sound))


def test_samples_in_other_units_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", tone(16_000, peak=20_000), subtype="FLOAT")
    assert "has a peak of 2e+04 where full scale is 1; scale its samples" in refusal(path)
