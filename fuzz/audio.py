"""Bytes that are to be sound, by every way in which people give sound: a file, an upload, a row of predictions."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from emovae import containers
from emovae.assembly import load
from emovae.audio import Waveform
from emovae.hearing import heard
from emovae.pieces import Cut
from emovae.predict import How, predicted
from emovae.shells.told import as_record
from emovae.sources import Source
from fuzz.mutation import FLOATS, NUMBERS, mutated

ENDINGS = (".wav", ".wav", ".flac", ".ogg", ".mp3", ".webm", ".m4a", ".raw", "")
MOST_S = 600.0
CUTS = (Cut(), Cut(window_s=0.1, hop_s=0.05), Cut(channel="each"), Cut(channel="right"))


def prepared(seeds: Path) -> Callable[[Random, Path], None]:
    """What asks for one input."""
    good = [place.read_bytes() for place in sorted((seeds / "audio").iterdir())]
    model = load(seeds / "model")

    def ask(chance: Random, place: Path) -> None:
        file = place / f"sound{chance.choice(ENDINGS)}"
        made = chance.random()
        file.write_bytes(_wav(chance) if made < 0.15 else mutated(chance, chance.choice(good), good))
        match chance.randrange(3):
            case 0:
                _require_sound(heard(file))
            case 1:
                sound = containers.decode(file, MOST_S)
                assert sound.samples.ndim == 2, sound.samples.shape
                assert sound.rate_hz > 0, sound.rate_hz
                _require_sound(heard(sound.samples, sound.rate_hz))
            case _:
                # No error at all may come out of here: it would end the other recordings' rows, too.
                for row in predicted(model, [Source(str(file))], How(chance.choice(CUTS))):
                    json.dumps(as_record(row, model.classes), allow_nan=False)

    return ask


def _require_sound(waveform: Waveform) -> None:
    assert waveform.dtype == np.float32, waveform.dtype
    assert waveform.ndim == 1, waveform.shape
    assert np.isfinite(waveform).all()
    assert np.abs(waveform).max() <= 1


def _wav(chance: Random) -> bytes:
    """A WAV whose every field may be anything, and whose samples may be no numbers."""

    def field(usual: int, bits: int) -> int:
        return usual if chance.random() < 0.7 else chance.choice(NUMBERS) % 2**bits

    form, width = chance.choice(((1, 2), (3, 4), (3, 8), (1, 3), (6, 1), (0xFFFE, 2)))
    samples = b"".join(
        struct.pack("<f", chance.choice(FLOATS) if chance.random() < 0.05 else chance.uniform(-1, 1))
        for _ in range(chance.choice((0, 1, 100, 2000)))
    )
    channels = field(1, 16)
    told = struct.pack(
        "<HHIIHH",
        field(form, 16),
        channels,
        field(16_000, 32),
        field(16_000 * width, 32),
        field(width, 16),
        field(8 * width, 16),
    )
    chunks = b"fmt " + struct.pack("<I", field(len(told), 32)) + told
    if chance.random() < 0.2:
        chunks += b"LIST" + struct.pack("<I", field(4, 32)) + b"INFO"
    chunks += b"data" + struct.pack("<I", field(len(samples), 32)) + samples
    return b"RIFF" + struct.pack("<I", field(4 + len(chunks), 32)) + b"WAVE" + chunks
