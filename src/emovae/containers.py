"""Recordings of browsers and phones, such as WebM and MP4: PyAV decodes what libsndfile does not know."""

from pathlib import Path

import numpy as np
import soundfile

from emovae import audio
from emovae.audio import Sound
from emovae.errors import AudioError, ConfigError


class TooLongError(AudioError):
    """A recording that is longer than it may be."""


def decode(path: Path, most_s: float) -> Sound:
    """Every frame and channel of a recording, at the file's own rate.

    Args:
        path: what libsndfile reads, see `audio`, or a container with a sound track that FFmpeg reads.
        most_s: a longer recording is refused, in seconds, before or while it is decoded.

    Raises:
        TooLongError: when it is too long.
        AudioError: when it is no recording, or cut.
        ConfigError: for a container of browsers where PyAV is not installed.
    """
    try:
        known = soundfile.info(path)
    except (soundfile.SoundFileError, OSError, TypeError):  # TypeError: soundfile takes .raw for headerless
        return _by_av(path, most_s)
    if known.frames > most_s * known.samplerate:
        raise _too_long(known.frames / known.samplerate, most_s)
    return audio.decode(path)


def _too_long(seconds: float, most_s: float) -> TooLongError:
    return TooLongError(f"has {seconds:.1f} s or more, and {most_s:g} s are the most: send a shorter part")


def _by_av(path: Path, most_s: float) -> Sound:
    try:
        import av  # noqa: PLC0415 - an extra
        from av.error import FFmpegError  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError("this container needs PyAV; pip install 'emovae[serve]'") from error
    parts, rate_hz, samples = [], 0, 0
    try:
        # FFmpeg follows playlists and links: a file may name no other, on the disk or in a network.
        with av.open(str(path), options={"protocol_whitelist": "file"}, format=_container(path)) as container:
            resampler = av.AudioResampler(format="fltp")
            for frame in container.decode(audio=0):
                rate_hz = frame.sample_rate
                parts += [each.to_ndarray() for each in resampler.resample(frame)]
                samples += frame.samples
                if samples > most_s * rate_hz:
                    raise _too_long(samples / rate_hz, most_s)
    except (FFmpegError, IndexError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__  # the whole names the file
        raise AudioError(f"cannot be decoded: {why}; send WAV, FLAC, OGG, MP3, WebM or MP4 with sound") from error
    if not samples:
        raise AudioError("holds no sound; send a recording")
    return Sound(np.ascontiguousarray(np.concatenate(parts, axis=1).T, np.float32), rate_hz)


def _container(path: Path) -> str:
    """The container by its first bytes; only those that browsers and phones record in are tried."""
    with path.open("rb") as stream:
        head = stream.read(12)
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if head[4:8] == b"ftyp":
        return "mp4"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    raise AudioError(f"cannot be decoded: it begins with {head!r}; send WAV, FLAC, OGG, MP3, WebM or MP4 with sound")
