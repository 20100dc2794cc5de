"""A trained model as a folder that can leave the machine: numbers, settings and facts; nothing in it is executed.

    model.safetensors   every weight, and the scale of the frames
    config.json         the configuration that it was trained with
    model.json          classes, rate, training, estimate, temperature; and checksums of the files above and of itself
    README.md           the model card

What is missing, cut, edited or newer than this version is refused by its name, and so is a pickle.
"""

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
from torch import Tensor

from emovae.config import Experiment
from emovae.errors import OutputError
from emovae.files import canonical_json, write_bytes, write_json

FORMAT = 1
"""Raised when an older emovae could not read the folder rightly."""
WEIGHTS, CONFIG, FACTS, CARD = "model.safetensors", "config.json", "model.json", "README.md"
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".npy", ".npz")
EXPORTED = ".onnx"
"""A model as one file, which holds no more than its answers."""
LARGEST = {WEIGHTS: 2**31, CONFIG: 2**20, FACTS: 2**20}
"""Bytes: a model of the paper's widths has 6 MB."""


class Content(NamedTuple):
    """What a model folder holds.

    Attributes:
        facts: what `model.json` tells, but for its checksums.
        settings: the configuration.
        tensors: every array by its name.
    """

    facts: Mapping[str, Any]
    settings: Experiment
    tensors: dict[str, Tensor]


def write_model(folder: Path, content: Content, card: str) -> None:
    """Writes a model folder, the facts last: a folder without them is no model yet.

    Raises:
        OutputError: when the folder cannot be written.
    """
    weights = safetensors.torch.save({name: tensor.cpu().contiguous() for name, tensor in content.tensors.items()})
    config = (json.dumps(content.settings.model_dump(mode="json"), indent=1) + "\n").encode()
    digests = {name: hashlib.sha256(held).hexdigest() for name, held in ((WEIGHTS, weights), (CONFIG, config))}
    facts = {"format": FORMAT, **content.facts, "sha256": digests}
    (folder / FACTS).unlink(missing_ok=True)  # those of an earlier model would not fit what is written now
    write_bytes(folder / WEIGHTS, weights)
    write_bytes(folder / CONFIG, config)
    write_bytes(folder / CARD, card.encode(errors="backslashreplace"))
    write_json(folder / FACTS, {**facts, "signed": _signature(facts)})


def read_model(folder: Path) -> Content:
    """Reads a model folder.

    Raises:
        OutputError: for a folder that is none, or a file of it that is missing, cut, edited, newer or a pickle.
    """
    facts = _facts(folder)
    try:
        digests = facts.pop("sha256")
        weights, config = (_content(folder, name, str(digests[name])) for name in (WEIGHTS, CONFIG))
        return Content(facts, Experiment.model_validate_json(config), safetensors.torch.load(weights))
    except (KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise refused(folder, f"its files are not what emovae writes ({type(error).__name__}: {error})") from error


def _facts(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        if folder.suffix.lower() == EXPORTED:
            raise OutputError(
                f"{folder} is an ONNX file, which `emovae predict` and `serve` can ask and nothing else can use; give"
                " the model folder that it was exported from"
            )
        raise OutputError(f"{folder} is no folder; give a model folder, such as `emovae train --out` makes")
    pickles = sorted(each.name for each in folder.iterdir() if each.suffix.lower() in PICKLES)
    if pickles:
        raise refused(folder, f"it holds {pickles[0]}, which may be a pickle and run code; take it out")
    try:
        facts = json.loads(_content(folder, FACTS, None))
        signed = facts.pop("signed")
        newer, whole = facts["format"] > FORMAT, signed == _signature(facts)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise refused(folder, f"{FACTS} is not what emovae wrote ({type(error).__name__}: {error})") from error
    if newer:
        raise refused(
            folder, f"{FACTS} is of format {facts['format']}, and this emovae knows {FORMAT}; install a newer one"
        )
    if not whole:
        raise refused(folder, f"{FACTS} has been edited: its checksum is not its content's")
    return dict(facts)


def _signature(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(facts).encode(errors="backslashreplace")).hexdigest()


def _content(folder: Path, name: str, digest: str | None) -> bytes:
    """A file of the folder, whole and unchanged."""
    place = folder / name
    try:
        state = place.stat()
        if not stat.S_ISREG(state.st_mode):
            raise refused(folder, f"{name} is no plain file")
        size = state.st_size
        if size > LARGEST[name]:
            raise refused(folder, f"{name} has {size:,} bytes, more than the {LARGEST[name]:,} of any model")
        content = place.read_bytes()
    except FileNotFoundError as error:
        raise refused(folder, f"{name} is missing") from error
    except OSError as error:
        raise refused(folder, f"{name} cannot be read: {error.strerror or error}") from error
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise refused(folder, f"{name} is cut or has been edited: its checksum is not the one in {FACTS}")
    return content


def refused(folder: Path, why: str) -> OutputError:
    """The error to raise for a folder that holds no model that can be used."""
    return OutputError(f"{folder} is no model that can be used: {why}; copy the folder anew, or train it again")
