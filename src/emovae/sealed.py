"""JSON objects that carry the checksum of their content, and what becomes of one that is not as it was written."""

import json
from pathlib import Path
from typing import Any

from emovae.errors import DamagedError
from emovae.files import damaged, fingerprint, json_for_people, read_json, write_bytes


def write_sealed(path: Path, value: dict[str, Any]) -> None:
    """Writes a JSON object with the checksum of its content."""
    write_bytes(path, sealed(value))


def sealed(value: dict[str, Any]) -> bytes:
    """A JSON object with the checksum of its content, as it is written."""
    return json_for_people({**value, "sha256": fingerprint(value, 64)})


def read_sealed(path: Path) -> dict[str, Any]:
    """Reads what `write_sealed` wrote.

    Raises:
        DamagedError: when it is not as it was written.
        OutputError: when it cannot be read.
    """
    return _unsealed(path, read_json(path))


def unsealed(path: Path, content: bytes) -> dict[str, Any]:
    """The JSON object that `sealed` made, which lies at `path`.

    Raises:
        DamagedError: when it is not as it was made.
    """
    try:
        return _unsealed(path, json.loads(content))
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error


def _unsealed(path: Path, value: Any) -> dict[str, Any]:
    try:
        if value.pop("sha256") == fingerprint(value, 64):
            return dict(value)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"it holds no checksum: {error}") from error
    raise damaged(path, "its checksum is not its content's")


def set_aside(path: Path, why: DamagedError) -> str:
    """Takes a damaged file its name away, so that it is computed again; tells so."""
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    return f"{str(why).partition(';')[0]}; it lies in {aside.name} now, and is computed again"
