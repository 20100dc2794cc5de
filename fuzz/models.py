"""Model folders, broken, or made by somebody who signs what is broken as emovae signs what is whole."""

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from emovae.answers import LEAST_KNOWN, Model, told
from emovae.assembly import load
from emovae.files import fingerprint
from emovae.model_folder import CONFIG, FACTS, WEIGHTS
from emovae.pieces import Piece
from emovae.predict import How, judged
from emovae.shells.told import as_record
from emovae.trained_ensemble import TrainedEnsemble
from fuzz.mutation import NUMBERS, as_json, mutated, spoilt

FILES = (CONFIG, FACTS, WEIGHTS, "README.md")
NOISE = np.sin(np.arange(5000, dtype=np.float32) ** 1.3).astype(np.float32)
WIDTHS = (0, 1, 7, 8, 16, 256, 4096, 65_536, 2**31, 2**63 - 1, -1)


def prepared(seeds: Path) -> Callable[[Random, Path], None]:
    """What asks for one folder of a network."""
    return _asking(seeds / "model")


def prepared_ensembles(seeds: Path) -> Callable[[Random, Path], None]:
    """What asks for one folder of an ensemble."""
    return _asking(seeds / "ensemble")


def _asking(whole: Path) -> Callable[[Random, Path], None]:
    good = {name: (whole / name).read_bytes() for name in FILES}

    def ask(chance: Random, place: Path) -> None:
        folder = place / "model"
        folder.mkdir()
        for name, content in _folder(chance, good).items():
            (folder / name).write_bytes(content)
        if chance.random() < 0.05:
            _beside(chance, folder)
        model = load(folder)
        require_answers(model)
        if isinstance(model, TrainedEnsemble) and model.by_speaker is not None:
            model.answer_people([model.keep([NOISE] * LEAST_KNOWN)], ["ann"] * LEAST_KNOWN)

    return ask


def require_answers(model: Model) -> None:
    """A model that was taken must answer, in words that can be written."""
    told(model, [NOISE])
    for row in judged(model, [Piece("a.wav", 0.0, 1.0, "mix", NOISE)], How()):
        json.dumps(as_record(row, model.classes))
    assert all(isinstance(name, str) for name in model.classes), model.classes
    np.interp(0.1, np.linspace(0, 1, len(model.confidences)), model.confidences)


def _folder(chance: Random, good: dict[str, bytes]) -> dict[str, bytes]:
    files = dict(good)
    match chance.randrange(6):
        case 0:  # as a disk or a network breaks it
            name = chance.choice(FILES)
            files[name] = mutated(chance, files[name], list(good.values()))
            return files
        case 1:
            one, other = chance.choice(FILES), chance.choice(FILES)
            files[one], files[other] = files[other], files[one]
            return files
        case 2:
            files[CONFIG] = as_json(_settings(chance, json.loads(good[CONFIG])))
        case 3:
            files[WEIGHTS] = _weights(chance, good[WEIGHTS])
        case 4:
            files[CONFIG] = as_json(_settings(chance, json.loads(good[CONFIG])))
            files[WEIGHTS] = _weights(chance, good[WEIGHTS])
        case _:
            pass
    facts = json.loads(good[FACTS])
    facts.pop("signed")
    facts["sha256"] = {name: hashlib.sha256(files[name]).hexdigest() for name in (WEIGHTS, CONFIG)}
    if chance.random() < 0.4 or files == good:
        facts = spoilt(chance, facts)
    files[FACTS] = as_json(_signed(facts))
    return files


def _signed(facts: Any) -> Any:
    try:
        return {**facts, "signed": fingerprint(facts, 64)}
    except (TypeError, ValueError):
        return facts


def _settings(chance: Random, settings: dict[str, Any]) -> Any:
    """A configuration with other widths, or with anything anywhere."""
    if chance.random() < 0.5:
        return spoilt(chance, settings)
    width = chance.choice(WIDTHS)
    place, key = chance.choice(
        (
            *(("autoencoder", "latent"), ("autoencoder", "hidden"), ("classifier", "hidden"), ("classifier", "layers")),
            *(("segments", "length_ms"), ("segments", "step_ms"), ("front_end", "bands"), ("front_end", "prosody")),
            ("ensemble", "autoencoders"),
        )
    )
    held: Any = [width] * chance.choice((1, 2, 30)) if key == "hidden" and place == "autoencoder" else width
    return {**settings, place: {**settings[place], key: held}}


def _weights(chance: Random, content: bytes) -> bytes:
    """A safetensors file whose header lies, or whose numbers are none."""
    size = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    match chance.randrange(5):
        case 0:
            return struct.pack("<Q", chance.choice(NUMBERS)) + content[8:]
        case 1:
            return content[: 8 + size] + mutated(chance, data)
        case 2:
            header = spoilt(chance, header)
        case 3:  # widths without a value behind them
            for name in chance.sample(sorted(header), chance.choice((1, len(header)))):
                header[name] = {"dtype": "F32", "shape": [chance.choice(WIDTHS[:8]), 0], "data_offsets": [0, 0]}
        case _:
            name = chance.choice(sorted(header))
            key = chance.choice(("dtype", "shape", "data_offsets"))
            odd: dict[str, Any] = {
                "dtype": ["F16", "BF16", "I64", "U8", "BOOL", "F64", "F8_E5M2", "Q4"],
                "shape": [[], [0], [2**40], [1, 1, 1], [2**32, 2**32]],
                "data_offsets": [[0, 0], [8, 4], [0, 2**63], [0, len(data)], [-1, 4]],
            }
            header[name] = {**header[name], key: chance.choice(odd[key])}
    told = as_json(header)
    return struct.pack("<Q", len(told)) + told + data


def _beside(chance: Random, folder: Path) -> None:
    """Something else in the folder, or in the place of a file."""
    name = chance.choice(FILES)
    place = folder / name
    match chance.randrange(5):
        case 0:
            (folder / chance.choice(("x.pkl", "model.PT", "x.npy"))).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
        case 1:
            place.unlink()
            os.mkfifo(place)  # who opens it waits for ever
        case 2:
            place.unlink()
            place.symlink_to(chance.choice((name, "/dev/zero", "/etc/passwd", "..")))
        case 3:
            place.unlink()
            place.mkdir()
        case _:
            shutil.rmtree(folder)
