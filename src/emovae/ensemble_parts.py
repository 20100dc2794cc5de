"""A trained ensemble becomes tensors by their names, and tensors an ensemble; see `assembly`."""

from collections.abc import Mapping
from itertools import product

import torch
from torch import Tensor

from emovae.answers import unfit
from emovae.autoencoders import Network, build, weights_in
from emovae.baselines.functionals_lda import Discriminant
from emovae.config import Experiment
from emovae.familiarity import Familiarity
from emovae.kinds import ENSEMBLES, SHARED
from emovae.model_folder import Content
from emovae.normalise import Scale
from emovae.readings import Readings
from emovae.seats import chosen
from emovae.segments import frames_per_segment
from emovae.takeable import require_takeable
from emovae.trained_ensemble import BY_SPEAKER, Machines, TrainedEnsemble

ALONE = "alone"


def tensors_of(model: TrainedEnsemble) -> dict[str, Tensor]:
    """All that an ensemble has learned, but for what is usual."""
    readings = model.readings
    tensors = of_scale("scale", readings.scale) | of_scale("cepstral_scale", readings.cepstral_scale)
    for place, encoder in enumerate(readings.encoders):
        tensors |= {f"encoder.{place}.{name}": tensor for name, tensor in encoder.state_dict().items()}
    for name, machines in ((ALONE, model.alone), (BY_SPEAKER, model.by_speaker)):
        for place, learned in enumerate(machines.discriminants if machines else ()):
            tensors |= {f"{name}.{place}.{part}": torch.tensor(held) for part, held in learned._asdict().items()}
    return tensors


def ensemble_of(content: Content, usual: Familiarity) -> TrainedEnsemble:
    """An ensemble of what a folder holds; any error means that the parts do not fit."""
    facts, settings, tensors = content
    require_takeable(settings)
    readings = Readings(
        settings=settings,
        encoders=_encoders(settings, tensors),
        scale=scale_in("scale", content),
        cepstral_scale=scale_in("cepstral_scale", content),
    )
    classes, by_speaker = tuple(facts["classes"]), facts["temperature_by_speaker"]
    if by_speaker is not None and (why := unfit(facts["classes"], facts["facts"][BY_SPEAKER]["confidences"])):
        raise ValueError(why)
    found = TrainedEnsemble(
        readings=readings,
        classes=classes,
        alone=_machines(ALONE, facts["temperature"], readings, len(classes), tensors),
        by_speaker=None if by_speaker is None else _machines(BY_SPEAKER, by_speaker, readings, len(classes), tensors),
        usual=usual,
        facts=facts["facts"],
    )
    stated = {name for name in tensors if not name.startswith("usual.")}
    if stray := sorted(stated ^ set(tensors_of(found))):
        raise ValueError(f"{stray[0]} is of no part of it")
    return found


def _encoders(settings: Experiment, tensors: Mapping[str, Tensor]) -> tuple[Network, ...]:
    asked = settings.ensemble
    model = SHARED[ENSEMBLES[chosen(settings)]]
    values = [frames_per_segment(span) * settings.front_end.columns for span in asked.spans]
    # Before anything is allocated: what is stated must be there.
    stated = sum(weights_in(model, width, 0, settings.autoencoder) for width in values) * asked.autoencoders
    if stated > sum(tensor.numel() for tensor in tensors.values()):
        raise ValueError("the widths of its networks are not those of its weights")
    found = []
    for place, (width, _) in enumerate(product(values, range(asked.autoencoders))):
        network = build(model, width, 0, settings.autoencoder, torch.Generator())
        network.load_state_dict(under(f"encoder.{place}.", tensors))
        found.append(network.eval())
    return tuple(found)


def _machines(
    name: str, temperature: object, readings: Readings, classes: int, tensors: Mapping[str, Tensor]
) -> Machines:
    learned = []
    for place in range(len(readings.seats)):
        held = under(f"{name}.{place}.", tensors)
        one = Discriminant(*(held[part].numpy() for part in Discriminant._fields))
        if not one.fits(classes):
            raise ValueError(f"the shapes of its machine {place} do not go together")
        learned.append(one)
    return Machines(tuple(learned), float(str(temperature)))


def of_scale(name: str, scale: Scale | None) -> dict[str, Tensor]:
    """A scale as tensors; none where there is none."""
    return {} if scale is None else {f"{name}.{part}": torch.tensor(held) for part, held in scale._asdict().items()}


def scale_in(name: str, content: Content) -> Scale | None:
    """A scale that a folder holds.

    Raises:
        ValueError: where there is none and the settings want one, or the other way round.
    """
    held = under(f"{name}.", content.tensors)
    if bool(held) != (content.settings.normalise == "train"):
        raise ValueError("the scale of its frames is missing, or of no use")
    if not held:
        return None
    if not (held["deviation"] > 0).all():
        raise ValueError("a deviation of the scale of its frames is not above zero")
    return Scale(held["mean"].numpy(), held["deviation"].numpy())


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
