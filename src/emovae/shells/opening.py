"""The model of a file or a folder; a folder brings torch, an ONNX file does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emovae.answers import Model
from emovae.portable import SUFFIX, load_portable


@contextmanager
def opened(place: Path) -> Iterator[Model]:
    """The model of an ONNX file or a model folder, which answers with one thread.

    Raises:
        ConfigError: for an ONNX file where onnxruntime is not installed.
        OutputError: for what is neither.
    """
    if place.suffix.lower() == SUFFIX and not place.is_dir():
        yield load_portable(place)
        return
    from emovae.assembly import load  # noqa: PLC0415 - torch, which an ONNX file does without
    from emovae.machine import one_thread  # noqa: PLC0415

    model = load(place)
    with one_thread():
        yield model
