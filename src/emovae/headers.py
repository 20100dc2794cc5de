"""What a recording's container says of its length, asked before anything is decoded.

libsndfile decodes what is left of a cut WAV, OGG or MP3 without a word. So the container is asked first how much there
ought to be.
"""

import io
import os
import struct
from pathlib import Path
from typing import BinaryIO

from emovae.refusals import refused

_UNKNOWN_BYTES = 0x7FFF_F000  # sox, arecord and ffmpeg write this or more where they cannot know the length
_OGG_PAGE_BYTES = 27 + 255 + 255 * 255  # the longest page: header, segment table, segments
_MP3_OPENING_BYTES = 4096  # longer than any first frame


def look(path: Path, stream: BinaryIO, start: bytes, size: int) -> BinaryIO | None:
    """Refuses what is visibly not all there.

    Args:
        path: the recording, for messages.
        stream: its file, read up to the end of `start`.
        start: its first twelve bytes.
        size: of the file, in bytes.

    Returns:
        The content anew where its header needs mending; None where it can be decoded as it is.

    Raises:
        AudioError: when the file is empty or cut.
    """
    if size == 0:
        raise refused(path, "is empty: 0 bytes")
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
        raise refused(path, f"is cut: of {end} bytes that its header promises {end - size} are missing")
    return None


def _look_at_ogg(path: Path, stream: BinaryIO, size: int) -> None:
    """Requires that the last page is whole and marked as the stream's end (RFC 3533, section 6)."""
    stream.seek(max(0, size - _OGG_PAGE_BYTES))
    tail = stream.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    segments = page[26] if len(page) > 26 else 0
    due = 27 + segments + sum(page[27 : 27 + segments])
    if len(page) < due:
        raise refused(path, f"is cut: its last page should have {due} bytes or more and has {len(page)}")
    if not page[5] & 4:
        raise refused(path, f"is cut: no page of its {size} bytes is marked as the end of the stream")


def says_how_long(path: Path) -> bool:
    """Whether an MP3 opens with a count of its frames, behind the ID3 tag that it may have.

    Without one libsndfile takes the first frame's size for all, and may drop three quarters of the sound.

    Raises:
        OSError: when the system does not give the file.
    """
    with path.open("rb") as stream:
        head = stream.read(10)
        # Seven bits of each byte count, so that no size looks like the beginning of a frame.
        held = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False))
        stream.seek(10 + held if head[:3] == b"ID3" else 0)
        opening = stream.read(_MP3_OPENING_BYTES)
    return any(tag in opening for tag in (b"Xing", b"Info", b"VBRI"))
