"""Trained weights in a file with the checksum of what it holds, so that a torn or an edited one is known as such."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
from torch import Tensor

from emovae.files import canonical_json, damaged, write_bytes


class Weights(NamedTuple):
    """Tensors by their names, and what is told of them, JSON."""

    tensors: dict[str, Tensor]
    told: dict[str, Any]


def keep(path: Path, tensors: Mapping[str, Tensor], told: dict[str, Any]) -> None:
    """Writes weights.

    Raises:
        OutputError: when the folder cannot be written.
    """
    here = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    # One entry: the order of several is not the same in every file.
    stated = json.dumps({**told, "sha256": _digest(here, told)})
    write_bytes(path, safetensors.torch.save(here, {"told": stated}))


def kept(path: Path) -> Weights | None:
    """Weights that were kept, on the CPU, or None where there is no such file.

    Raises:
        DamagedError: when it is not as it was written.
    """
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(path, "pt") as file:
            told = json.loads(file.metadata()["told"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        stated = told.pop("sha256")
    except (
        safetensors.SafetensorError,
        RuntimeError,
        OSError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error
    if stated != _digest(tensors, told):
        raise damaged(path, "its checksum is not its content's")
    return Weights(tensors, told)


def _digest(tensors: Mapping[str, Tensor], told: dict[str, Any]) -> str:
    digest = sha256(canonical_json(told).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(canonical_json([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()
