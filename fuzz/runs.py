"""What lies in run folders and caches, broken, or sealed anew by whoever broke it."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from emovae import cache, weights
from emovae.cells import read_result
from emovae.curves import read_curves
from emovae.files import canonical_json, fingerprint, read_json
from emovae.report import write_report
from emovae.sealed import read_sealed
from emovae.views import read_views
from fuzz.mutation import as_json, mutated, spoilt


def prepared(seeds: Path) -> Callable[[Random, Path], None]:
    """What asks for one file of a run folder or of the cache."""
    run = seeds / "run"
    cells = [place.read_bytes() for place in sorted((run / "cells").glob("*.json"))]
    kept = [place.read_bytes() for place in sorted((run / "cells").glob("*.safetensors"))]
    curves, views = (run / "curves.parquet").read_bytes(), (run / "views.safetensors").read_bytes()
    beside, array = (seeds / "array.json").read_bytes(), (seeds / "array.f32").read_bytes()[:4096]

    def ask(chance: Random, place: Path) -> None:
        match chance.randrange(6):
            case 0 | 1:
                read_result(_written(place / "cell.json", _sealed(chance, chance.choice(cells))))
            case 2:
                _written(place / "a.f32", chance.choice((b"", array, mutated(chance, array))))
                _written(place / "a.json", _sealed(chance, beside))
                cache.find(place, "a")
                cache.intact(place, "a", lambda _: None)
            case 3:
                content = chance.choice(kept)
                broken = _retold(chance, content) if chance.random() < 0.5 else mutated(chance, content, kept)
                weights.kept(_written(place / "weights.safetensors", broken))
            case 4:
                read_curves(_written(place / "curves.parquet", mutated(chance, curves, [views])))
            case _:
                read_views(_written(place / "views.safetensors", mutated(chance, views, [curves])))

    return ask


def prepared_report(seeds: Path) -> Callable[[Random, Path], None]:
    """What asks for the report of one run folder."""
    good = json.loads((seeds / "bare" / "results.json").read_bytes())
    good["rows"] = good["rows"][:1]

    def ask(chance: Random, place: Path) -> None:
        folder = place / "run"
        shutil.copytree(seeds / "bare", folder, ignore=shutil.ignore_patterns("cells", ".*"))
        match chance.randrange(4):
            case 0:
                broken = mutated(chance, as_json(good))
            case _:
                broken = as_json(spoilt(chance, good))
        _written(folder / "results.json", broken)
        if chance.random() < 0.1:
            _written(folder / "run.json", as_json(spoilt(chance, {"versions": {"emovae": "1"}, "python": "3"})))
        write_report(folder)

    return ask


def prepared_plain(seeds: Path) -> Callable[[Random, Path], None]:
    """What asks for one JSON file, of those that are read before anything is known of them."""
    good = json.loads((seeds / "run" / "results.json").read_bytes())

    def ask(chance: Random, place: Path) -> None:
        file = _written(place / "it.json", mutated(chance, as_json(good)) if chance.random() < 0.3 else b"")
        if not file.stat().st_size:
            _written(file, as_json(spoilt(chance, good)))
        read_sealed(file) if chance.random() < 0.5 else read_json(file)

    return ask


def _written(place: Path, content: bytes) -> Path:
    place.write_bytes(content)
    return place


def _sealed(chance: Random, content: bytes) -> bytes:
    """A sealed file with something else in it, half of them sealed anew."""
    if chance.random() < 0.3:
        return mutated(chance, content)
    whole: Any = spoilt(chance, json.loads(content))
    if isinstance(whole, dict) and chance.random() < 0.8:
        whole.pop("sha256", None)
        try:
            whole["sha256"] = fingerprint(whole, 64)
        except (TypeError, ValueError):
            whole["sha256"] = ""
    return as_json(whole)


def _retold(chance: Random, content: bytes) -> bytes:
    """Kept weights with another header."""
    size = int.from_bytes(content[:8], "little")
    header = spoilt(chance, json.loads(content[8 : 8 + size]))
    told = as_json(header) if chance.random() < 0.9 else canonical_json(str(header)).encode(errors="replace")
    return struct.pack("<Q", len(told)) + told + content[8 + size :]
