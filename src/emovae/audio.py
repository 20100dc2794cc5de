"""A recording becomes a waveform: WAV, FLAC, OGG or MP3 at any rate in, mono at 16 kHz out.

Its header is looked at first, see `headers`, and sound that is not all there is refused.
"""

import math
import os
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from emovae import headers
from emovae.refusals import refused, unreadable
from emovae.utterance import Part

Waveform: TypeAlias = NDArray[np.float32]
SAMPLE_RATE_HZ = 16_000
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4_000, 384_000
SILENT_PEAK = 1e-4  # -80 dBFS, three steps of 16 bits
# Lossy codecs overshoot full scale a little and are clipped; this far beyond it a file holds other units.
LOUDEST_PEAK = 2.0
ROUNDED_MS = 50
"""A part may end so much behind the recording, since its times were rounded; beyond that they are of another file."""
FORMATS = frozenset({"WAV", "WAVEX", "FLAC", "OGG", "MP3"})  # the containers whose end is checked

_MOST_SAMPLES = 2**31  # 8 GiB of float32: a longer promise is a broken header
_MOST_FRAMES_PER_BYTE = 2**14  # FLAC, the tersest, writes a block of 65,535 silent frames in twelve bytes


class Sound(NamedTuple):
    """A recording as its file holds it.

    Attributes:
        samples: float32 [frame, channel]; full scale is 1.
        rate_hz: frames in a second.
    """

    samples: Waveform
    rate_hz: int


def read(path: Path, part: Part | None = None) -> Waveform:
    """Hears a recording: the mean of its channels, resampled by soxr (HQ).

    Args:
        path: a WAV, FLAC, OGG or MP3 file of 4 to 384 kHz and 1 to 1,024 channels.
        part: the stretch that is heard; None for all.

    Returns:
        float32 samples at 16 kHz, [sample], contiguous, in -1..1; what overshoots a little is clipped.

    Raises:
        AudioError: when the file is missing, not audio, cut, silent, far beyond full scale, holds NaN or
            infinity, or ends before the part.
    """
    return waveform_of(path, decode(path, part))


def decode(path: Path, part: Part | None = None) -> Sound:
    """The first half of `read`: every frame and channel at the file's own rate.

    Raises:
        AudioError: when the file is missing, not audio or cut, or ends before the part.
    """
    try:
        return _decode(path, part)
    except OSError as error:
        raise unreadable(path, error) from error
    except MemoryError as error:
        raise refused(path, f"holds more sound than there is memory for: {error}", "cut it into parts") from error


def waveform_of(path: Path, sound: Sound) -> Waveform:
    """The second half of `read`: what it gives for a decoded recording; the path is for messages only.

    Raises:
        AudioError: when the sound is silent, far beyond full scale, or holds NaN or infinity.
    """
    samples, rate_hz = sound
    waveform = _mix(path, samples)
    if rate_hz != SAMPLE_RATE_HZ:
        waveform = soxr.resample(waveform, rate_hz, SAMPLE_RATE_HZ, quality="HQ")
    if waveform.size == 0:
        raise refused(path, f"holds {_length(len(samples), rate_hz)}, not one sample at {SAMPLE_RATE_HZ} Hz")
    peak = _peak(waveform)
    if peak < SILENT_PEAK:
        raise refused(path, f"is silent: its peak is {peak:.2g} of full scale, sound needs {SILENT_PEAK:g}")
    return np.ascontiguousarray(np.clip(waveform, -1, 1) if peak > 1 else waveform, dtype=np.float32)


def _length(frames: int, rate_hz: int) -> str:
    return f"{frames} frames ({frames / rate_hz:.2f} s)"


def _decode(path: Path, part: Part | None) -> Sound:
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(12)
        mended = headers.look(path, stream, start, size)
    try:
        source = soundfile.SoundFile(mended or path)
    except UnicodeError as error:
        raise refused(path, "has a name that is no Unicode", "rename it") from error
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: soundfile takes .raw for headerless
        raise refused(path, f"cannot be decoded: its {size} bytes begin with {start!r}") from error
    with source:
        _require_known(path, source, size)
        rate_hz, promised = int(source.samplerate), int(source.frames)
        try:
            if part is not None:
                first, promised = _span(path, part, promised, rate_hz)
                source.seek(first)
            sound = _samples(source, promised)
        except soundfile.SoundFileError as error:
            heard = _length(max(0, source.tell()), rate_hz)
            trouble = f"is cut or broken: of {_length(promised, rate_hz)} it gives {heard}"
            raise refused(path, trouble) from error
    if len(sound) < promised:
        trouble = f"is cut or broken: of {_length(promised, rate_hz)} it gives {_length(len(sound), rate_hz)}"
        raise refused(path, trouble)
    if promised == 0:
        raise refused(path, f"holds no samples in its {size} bytes")
    return Sound(sound, rate_hz)


def _span(path: Path, part: Part, frames: int, rate_hz: int) -> tuple[int, int]:
    """The first frame of a part of a recording, and how many it has."""
    first = round(part.start_s * rate_hz)
    last = frames if part.end_s is None else round(part.end_s * rate_hz)
    if last > frames + rate_hz * ROUNDED_MS // 1000 or not 0 <= first < min(last, frames):
        trouble = f"has {_length(frames, rate_hz)}, which does not hold the part {part} s"
        raise refused(path, trouble, "mend the times of the part")
    return first, min(last, frames) - first


def _samples(source: soundfile.SoundFile, frames: int) -> Waveform:
    """So many samples [frame, channel]; those of 16 bits are scaled here, several times faster than by libsndfile."""
    if source.subtype != "PCM_16":
        samples: Waveform = source.read(frames, dtype="float32", always_2d=True)
        return samples
    whole: NDArray[np.int16] = source.read(frames, dtype="int16", always_2d=True)
    return np.multiply(whole, np.float32(2.0**-15), dtype=np.float32)


def _require_known(path: Path, source: soundfile.SoundFile, size: int) -> None:
    """Requires a container, a rate and a length that can be trusted, before memory is taken for so much."""
    if source.format not in FORMATS:
        raise refused(path, f"is {source.format}, not WAV, FLAC, OGG or MP3", "convert it to WAV or FLAC")
    if not LOWEST_RATE_HZ <= source.samplerate <= HIGHEST_RATE_HZ:
        raise refused(path, f"has {source.samplerate} Hz, not {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz")
    if source.frames * source.channels > _MOST_SAMPLES or source.frames > size * _MOST_FRAMES_PER_BYTE:
        # A FLAC that was encoded into a pipe leaves its length open, and libsndfile says 2^63 - 1.
        trouble = (
            f"claims {source.frames} frames of {source.channels} channels in {size} bytes, which nobody can decode"
        )
        raise refused(path, trouble, "encode it again into a file")
    if source.format == "MP3" and not headers.says_how_long(path):
        trouble = "does not say how long it is: no Xing, Info or VBRI tag before its first frame"
        raise refused(path, trouble, "convert it to WAV or FLAC")


def _mix(path: Path, sound: Waveform) -> Waveform:
    """The mean over channels: [frame, channel] to [frame]."""
    channels = sound.shape[1]
    # Infinities of both signs meet in the sum; they are counted below and need no warning here.
    with np.errstate(invalid="ignore", over="ignore"):
        mono = sound[:, 0] if channels == 1 else np.einsum("fc->f", sound) / np.float32(channels)
    peak = _peak(mono)
    if not math.isfinite(peak):
        broken = mono.size - int(np.count_nonzero(np.isfinite(mono)))
        raise refused(path, f"holds NaN or infinity in {broken} of {mono.size} samples")
    if peak > LOUDEST_PEAK:
        raise refused(path, f"has a peak of {peak:.4g} where full scale is 1", "scale its samples to -1..1")
    return mono


def _peak(mono: Waveform) -> float:
    """The furthest from zero; NaN where any sample is."""
    return float(np.maximum(mono.max(), abs(mono.min())))
