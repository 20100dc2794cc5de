"""A trained model becomes what its folder holds, and what a folder holds a model."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emovae.answers import LEAST_KNOWN, unfit
from emovae.audio import SAMPLE_RATE_HZ
from emovae.autoencoders import build, weights_in
from emovae.classifiers import LSTMClassifier
from emovae.config import Experiment
from emovae.ensemble_parts import ensemble_of, of_scale, scale_in, tensors_of, under
from emovae.errors import ConfigError
from emovae.familiarity import Familiarity
from emovae.files import fingerprint
from emovae.frames import FRAMES_VERSION
from emovae.kinds import ENSEMBLES
from emovae.model_folder import CONFIG, FACTS, Content, read_model, refused, write_model
from emovae.seats import chosen
from emovae.segments import frames_per_segment
from emovae.settings import Classifier
from emovae.trained import TrainedModel
from emovae.trained_ensemble import Trained, TrainedEnsemble


def save(model: Trained, folder: str | Path, card: str) -> None:
    """Writes a model folder, with this text as its model card.

    Raises:
        OutputError: when the folder cannot be written.
    """
    tensors = tensors_of(model) if isinstance(model, TrainedEnsemble) else _tensors(model)
    tensors |= {"usual.mean": torch.tensor(model.usual.mean), "usual.whitening": torch.tensor(model.usual.whitening)}
    own = {
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "model": chosen(model.settings),
        "classes": list(model.classes),
        "temperature": model.temperature,
        "greatest_usual_distance": model.usual.limit,
        "front_end": _front_end(model.settings),
        "versions": {name: version(name) for name in ("emovae", "torch", "numpy", "soxr", "soundfile")},
    }
    if isinstance(model, TrainedEnsemble):
        own["temperature_by_speaker"] = None if model.by_speaker is None else model.by_speaker.temperature
    else:
        own["condition_weights"] = None if model.weights is None else model.weights.tolist()
    write_model(Path(folder), Content({**own, "facts": dict(model.facts)}, model.settings, tensors), card)


def load(folder: str | Path) -> Trained:
    """Reads a model folder.

    Raises:
        OutputError: for a folder that is none, or a file of it that is missing, cut, edited, newer or a pickle.
    """
    place = Path(folder)
    content = read_model(place)
    try:
        return _assembled(content)
    except (ArithmeticError, AttributeError, ConfigError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise refused(place, f"its files do not fit together ({type(error).__name__}: {error})") from error


def load_network(folder: str | Path, use: str) -> TrainedModel:
    """Reads a model folder for a use that an ensemble has no answer to.

    Args:
        folder: the model's.
        use: what for, such as "emovae embed".

    Raises:
        ConfigError: for an ensemble.
        OutputError: as `load`.
    """
    model = load(folder)
    if isinstance(model, TrainedEnsemble):
        raise ConfigError(
            f"{folder} is a {chosen(model.settings)}, several machines without a classifier over time, and {use} is"
            " for one network: train that with --preset default"
        )
    return model


def _assembled(content: Content) -> Trained:
    """A model of what its folder holds; any error means that the parts do not fit."""
    facts, settings, tensors = content
    own = (chosen(settings), SAMPLE_RATE_HZ, _front_end(settings))
    if (facts["model"], facts["sample_rate_hz"], facts["front_end"]) != own:
        raise ValueError(f"model, rate or front-end of {FACTS} are not those of {CONFIG}")
    if why := unfit(facts["classes"], facts["facts"]["confidences"]):
        raise ValueError(why)
    found = under("usual.", tensors)
    usual = Familiarity(found["mean"].numpy(), found["whitening"].numpy(), float(facts["greatest_usual_distance"]))
    model = ensemble_of(content, usual) if facts["model"] in ENSEMBLES else _network_of(content, usual)
    silence = np.zeros((1, settings.front_end.columns), np.float32)
    told = [model.judge([silence])]
    if isinstance(model, TrainedEnsemble) and model.by_speaker is not None:
        told.append(model.said_of(model.heard([silence] * LEAST_KNOWN), ["somebody"] * LEAST_KNOWN))
    if not all(np.isfinite([*one.probabilities[0], *one.strangeness]).all() for one in told):
        raise ValueError("what it says is no number")
    return model


def _tensors(model: TrainedModel) -> dict[str, Tensor]:
    tensors = {f"encoder.{name}": tensor for name, tensor in model.encoder.state_dict().items()}
    tensors |= {f"reader.{name}": tensor for name, tensor in model.reader.state_dict().items()}
    return tensors | of_scale("scale", model.scale)


def _network_of(content: Content, usual: Familiarity) -> TrainedModel:
    facts, settings, tensors = content
    if settings.front_end.prosody:
        raise ValueError("front_end.prosody is for ensembles")
    classes, told = tuple(facts["classes"]), facts["condition_weights"]
    weights, conditions = under("reader.", tensors), len(told or ())
    values = frames_per_segment(settings.segments) * settings.front_end.bands
    features = weights["lstm.weight_ih_l0"].shape[1]
    # Before anything is allocated: what is stated must be there.
    stated = weights_in(facts["model"], values, conditions, settings.autoencoder)
    stated += _weights_of_reader(features, len(classes), settings.classifier)
    if stated > sum(tensor.numel() for tensor in tensors.values()):
        raise ValueError("the widths of its networks are not those of its weights")
    encoder = build(facts["model"], values, conditions, settings.autoencoder, torch.Generator())
    encoder.load_state_dict(under("encoder.", tensors))
    reader = LSTMClassifier(features, len(classes), settings.classifier, torch.Generator())
    reader.load_state_dict(weights)
    return TrainedModel(
        settings=settings,
        classes=classes,
        encoder=encoder.eval(),
        reader=reader.eval(),
        usual=usual,
        scale=scale_in("scale", content),
        weights=None if told is None else np.array(told, np.float32),
        temperature=float(facts["temperature"]),
        facts=facts["facts"],
    )


def _weights_of_reader(features: int, classes: int, settings: Classifier) -> int:
    """How many weights the layers of a classifier have, without making any; four gates a unit."""
    width = settings.hidden
    return 4 * width * (features + width + 2 * width * (settings.layers - 1)) + classes * width


def _front_end(settings: Experiment) -> str:
    """A name of what the frames of a model are."""
    return fingerprint([FRAMES_VERSION, settings.front_end.model_dump(mode="json")])
