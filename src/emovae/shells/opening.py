"""The model of a file or a folder; a folder brings torch, an ONNX file does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from emovae.answers import Model, People
from emovae.errors import ConfigError
from emovae.portable import SUFFIX, PortableModel, load_portable

if TYPE_CHECKING:
    from emovae.trained import TrainedModel
    from emovae.trained_ensemble import Trained


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


def kept_of(model: Model) -> "Trained | None":
    """The model of a folder; None for an ONNX file, which has answers alone."""
    if isinstance(model, PortableModel):
        return None
    from emovae.trained import TrainedModel  # noqa: PLC0415 - torch
    from emovae.trained_ensemble import TrainedEnsemble  # noqa: PLC0415

    return model if isinstance(model, TrainedModel | TrainedEnsemble) else None


def trained_of(model: Model) -> "TrainedModel | None":
    """A network with all its parts; None for an ONNX file and for an ensemble."""
    kept = kept_of(model)
    if kept is None:
        return None
    from emovae.trained import TrainedModel  # noqa: PLC0415

    return kept if isinstance(kept, TrainedModel) else None


def people_of(place: Path, model: Model) -> People:
    """A model that can be told who speaks.

    Raises:
        ConfigError: for any other.
    """
    from emovae.trained_ensemble import TrainedEnsemble  # noqa: PLC0415 - torch, which an ONNX file does without

    kept = kept_of(model)
    if not isinstance(kept, TrainedEnsemble):
        raise ConfigError(
            f"{place} hears each recording by itself, whoever speaks; ask without speakers, or train an ensemble:"
            " emovae train --preset best"
        )
    if kept.by_speaker is None:
        raise ConfigError(f"{place} has learned nothing of speakers: {kept.why_alone}; ask without speakers")
    return kept
