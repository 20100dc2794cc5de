"""A trained model becomes what its folder holds, and what a folder holds a model."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emovae.answers import unfit
from emovae.audio import SAMPLE_RATE_HZ
from emovae.autoencoders import build, weights_in
from emovae.classifiers import LSTMClassifier
from emovae.config import Experiment
from emovae.familiarity import Familiarity
from emovae.files import fingerprint
from emovae.frames import FRAMES_VERSION
from emovae.model_folder import CONFIG, FACTS, Content, read_model, refused, write_model
from emovae.normalise import Scale
from emovae.segments import frames_per_segment
from emovae.settings import Classifier
from emovae.trained import TrainedModel


def save(model: TrainedModel, folder: str | Path, card: str) -> None:
    """Writes a model folder, with this text as its model card.

    Raises:
        OutputError: when the folder cannot be written.
    """
    tensors = {f"encoder.{name}": tensor for name, tensor in model.encoder.state_dict().items()}
    tensors |= {f"reader.{name}": tensor for name, tensor in model.reader.state_dict().items()}
    tensors |= {"usual.mean": torch.tensor(model.usual.mean), "usual.whitening": torch.tensor(model.usual.whitening)}
    if model.scale is not None:
        tensors |= {f"scale.{name}": torch.tensor(values) for name, values in model.scale._asdict().items()}
    own = {
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "model": model.settings.models[0],
        "classes": list(model.classes),
        "condition_weights": None if model.weights is None else model.weights.tolist(),
        "temperature": model.temperature,
        "greatest_usual_distance": model.usual.limit,
        "front_end": _front_end(model.settings),
        "versions": {name: version(name) for name in ("emovae", "torch", "numpy", "soxr", "soundfile")},
    }
    write_model(Path(folder), Content({**own, "facts": dict(model.facts)}, model.settings, tensors), card)


def load(folder: str | Path) -> TrainedModel:
    """Reads a model folder.

    Raises:
        OutputError: for a folder that is none, or a file of it that is missing, cut, edited, newer or a pickle.
    """
    place = Path(folder)
    content = read_model(place)
    try:
        return _assembled(content)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise refused(place, f"its files do not fit together ({type(error).__name__}: {error})") from error


def _assembled(content: Content) -> TrainedModel:
    """A model of what its folder holds; any error means that the parts do not fit."""
    facts, settings, tensors = content
    classes, told = tuple(facts["classes"]), facts["condition_weights"]
    own = (settings.models[0], SAMPLE_RATE_HZ, _front_end(settings))
    if (facts["model"], facts["sample_rate_hz"], facts["front_end"]) != own:
        raise ValueError(f"model, rate or front-end of {FACTS} are not those of {CONFIG}")
    if settings.front_end.prosody:
        raise ValueError("front_end.prosody is for experiments so far")
    weights, conditions = _under("reader.", tensors), len(told or ())
    if why := unfit(facts["classes"], facts["facts"]["confidences"]):
        raise ValueError(why)
    values = frames_per_segment(settings.segments) * settings.front_end.bands
    features = weights["lstm.weight_ih_l0"].shape[1]
    # Before anything is allocated: what is stated must be there.
    stated = weights_in(facts["model"], values, conditions, settings.autoencoder)
    stated += _weights_of_reader(features, len(classes), settings.classifier)
    if stated > sum(tensor.numel() for tensor in tensors.values()):
        raise ValueError("the widths of its networks are not those of its weights")
    encoder = build(facts["model"], values, conditions, settings.autoencoder, torch.Generator())
    encoder.load_state_dict(_under("encoder.", tensors))
    reader = LSTMClassifier(features, len(classes), settings.classifier, torch.Generator())
    reader.load_state_dict(weights)
    scale, usual = _under("scale.", tensors), _under("usual.", tensors)
    if bool(scale) != (settings.normalise == "train"):
        raise ValueError("the scale of its frames is missing, or of no use")
    model = TrainedModel(
        settings=settings,
        classes=classes,
        encoder=encoder.eval(),
        reader=reader.eval(),
        usual=Familiarity(usual["mean"].numpy(), usual["whitening"].numpy(), float(facts["greatest_usual_distance"])),
        scale=Scale(scale["mean"].numpy(), scale["deviation"].numpy()) if scale else None,
        weights=None if told is None else np.array(told, np.float32),
        temperature=float(facts["temperature"]),
        facts=facts["facts"],
    )
    found = model.judge([np.zeros((1, settings.front_end.bands), np.float32)])
    if not np.isfinite([*found.probabilities[0], *found.strangeness]).all():
        raise ValueError("what it says is no number")
    return model


def _weights_of_reader(features: int, classes: int, settings: Classifier) -> int:
    """How many weights the layers of a classifier have, without making any; four gates a unit."""
    width = settings.hidden
    return 4 * width * (features + width + 2 * width * (settings.layers - 1)) + classes * width


def _front_end(settings: Experiment) -> str:
    """A name of what the frames of a model are."""
    return fingerprint([FRAMES_VERSION, settings.front_end.model_dump(mode="json")])


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
