"""A recording becomes a waveform: WAV, FLAC, OGG or MP3 at any rate in, mono at 16 kHz out.

libsndfile decodes what is left of a cut WAV, OGG or MP3 without a word. So the container is asked first how
much there ought to be, and sound that is not all there is refused.
"""

import io
import math
import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from emovae.errors import AudioError
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
_UNKNOWN_BYTES = 0x7FFF_F000  # sox, arecord and ffmpeg write this or more where they cannot know the length
_OGG_PAGE_BYTES = 27 + 255 + 255 * 255  # the longest page: header, segment table, segments
_MP3_OPENING_BYTES = 4096  # longer than any first frame


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
        raise _refused(path, f"holds more sound than there is memory for: {error}", "cut it into parts") from error


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
        raise _refused(path, f"holds {_length(len(samples), rate_hz)}, not one sample at {SAMPLE_RATE_HZ} Hz")
    peak = _peak(waveform)
    if peak < SILENT_PEAK:
        raise _refused(path, f"is silent: its peak is {peak:.2g} of full scale, sound needs {SILENT_PEAK:g}")
    return np.ascontiguousarray(np.clip(waveform, -1, 1) if peak > 1 else waveform, dtype=np.float32)


def unreadable(path: Path, error: OSError) -> AudioError:
    """Says why the system would not give a recording.

    Args:
        path: the recording.
        error: what the system said.

    Returns:
        The error to raise, with the way out.
    """
    if isinstance(error, FileNotFoundError):
        return _refused(path, "is not there", "put the file there")
    if isinstance(error, IsADirectoryError):
        return _refused(path, "is a folder, not a recording")
    return _refused(path, f"cannot be read: {error.strerror or error}")


def _refused(path: Path, trouble: str, remedy: str = "replace the file") -> AudioError:
    return AudioError(f"{path} {trouble}; {remedy}, or leave it out with --set on_bad_audio=skip")


def _length(frames: int, rate_hz: int) -> str:
    return f"{frames} frames ({frames / rate_hz:.2f} s)"


def _decode(path: Path, part: Part | None) -> Sound:
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(12)
        mended = _look(path, stream, start, size)
    try:
        source = soundfile.SoundFile(mended or path)
    except UnicodeError as error:
        raise _refused(path, "has a name that is no Unicode", "rename it") from error
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: soundfile takes .raw for headerless
        raise _refused(path, f"cannot be decoded: its {size} bytes begin with {start!r}") from error
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
            raise _refused(path, trouble) from error
    if len(sound) < promised:
        trouble = f"is cut or broken: of {_length(promised, rate_hz)} it gives {_length(len(sound), rate_hz)}"
        raise _refused(path, trouble)
    if promised == 0:
        raise _refused(path, f"holds no samples in its {size} bytes")
    return Sound(sound, rate_hz)


def _span(path: Path, part: Part, frames: int, rate_hz: int) -> tuple[int, int]:
    """The first frame of a part of a recording, and how many it has."""
    first = round(part.start_s * rate_hz)
    last = frames if part.end_s is None else round(part.end_s * rate_hz)
    if last > frames + rate_hz * ROUNDED_MS // 1000 or not 0 <= first < min(last, frames):
        trouble = f"has {_length(frames, rate_hz)}, which does not hold the part {part} s"
        raise _refused(path, trouble, "mend the times of the part")
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
        raise _refused(path, f"is {source.format}, not WAV, FLAC, OGG or MP3", "convert it to WAV or FLAC")
    if not LOWEST_RATE_HZ <= source.samplerate <= HIGHEST_RATE_HZ:
        raise _refused(path, f"has {source.samplerate} Hz, not {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz")
    if source.frames * source.channels > _MOST_SAMPLES or source.frames > size * _MOST_FRAMES_PER_BYTE:
        # A FLAC that was encoded into a pipe leaves its length open, and libsndfile says 2^63 - 1.
        trouble = (
            f"claims {source.frames} frames of {source.channels} channels in {size} bytes, which nobody can decode"
        )
        raise _refused(path, trouble, "encode it again into a file")
    if source.format == "MP3" and not _says_how_long(path):
        trouble = "does not say how long it is: no Xing, Info or VBRI tag before its first frame"
        raise _refused(path, trouble, "convert it to WAV or FLAC")


def _mix(path: Path, sound: Waveform) -> Waveform:
    """The mean over channels: [frame, channel] to [frame]."""
    channels = sound.shape[1]
    # Infinities of both signs meet in the sum; they are counted below and need no warning here.
    with np.errstate(invalid="ignore", over="ignore"):
        mono = sound[:, 0] if channels == 1 else np.einsum("fc->f", sound) / np.float32(channels)
    peak = _peak(mono)
    if not math.isfinite(peak):
        broken = mono.size - int(np.count_nonzero(np.isfinite(mono)))
        raise _refused(path, f"holds NaN or infinity in {broken} of {mono.size} samples")
    if peak > LOUDEST_PEAK:
        raise _refused(path, f"has a peak of {peak:.4g} where full scale is 1", "scale its samples to -1..1")
    return mono


def _peak(mono: Waveform) -> float:
    """The furthest from zero; NaN where any sample is."""
    return float(np.maximum(mono.max(), abs(mono.min())))


def _look(path: Path, stream: BinaryIO, start: bytes, size: int) -> BinaryIO | None:
    """Refuses what is visibly not all there; gives the content anew where its header needs mending."""
    if size == 0:
        raise _refused(path, "is empty: 0 bytes")
    if start[:4] == b"RIFF" and start[8:] == b"WAVE":
        return _look_at_wav(path, stream, 8 + int.from_bytes(start[4:8], "little"), size)
    if start[:4] == b"OggS":
        _look_at_ogg(path, stream, size)
    return None


def _look_at_wav(path: Path, stream: BinaryIO, end: int, size: int) -> BinaryIO | None:
    """Compares the header's sizes with the file's; a writer that streams leaves 0 or a huge number there."""
    while len(header := stream.read(8)) == 8:
        name, held = struct.unpack("<4sI", header)
        if name == b"data":
            start = stream.tell()
            if held == 0 and start < size and end != size:
                stream.seek(0)
                content = bytearray(stream.read())
                # libsndfile takes 0 at its word, and the largest number for "until the end".
                content[start - 4 : start] = b"\xff\xff\xff\xff"
                return io.BytesIO(content)
            end = start + held if held < _UNKNOWN_BYTES else end
            break
        stream.seek(held + held % 2, os.SEEK_CUR)
    if size < end < _UNKNOWN_BYTES:
        raise _refused(path, f"is cut: of {end} bytes that its header promises {end - size} are missing")
    return None


def _look_at_ogg(path: Path, stream: BinaryIO, size: int) -> None:
    """Requires that the last page is whole and marked as the stream's end (RFC 3533, section 6)."""
    stream.seek(max(0, size - _OGG_PAGE_BYTES))
    tail = stream.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    segments = page[26] if len(page) > 26 else 0
    due = 27 + segments + sum(page[27 : 27 + segments])
    if len(page) < due:
        raise _refused(path, f"is cut: its last page should have {due} bytes or more and has {len(page)}")
    if not page[5] & 4:
        raise _refused(path, f"is cut: no page of its {size} bytes is marked as the end of the stream")


def _says_how_long(path: Path) -> bool:
    """Whether an MP3 opens with a count of its frames, behind the ID3 tag that it may have.

    Without one libsndfile takes the first frame's size for all, and may drop three quarters of the sound.
    """
    with path.open("rb") as stream:
        head = stream.read(10)
        # Seven bits of each byte count, so that no size looks like the beginning of a frame.
        held = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False))
        stream.seek(10 + held if head[:3] == b"ID3" else 0)
        opening = stream.read(_MP3_OPENING_BYTES)
    return any(tag in opening for tag in (b"Xing", b"Info", b"VBRI"))
