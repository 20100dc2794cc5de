"""Every configuration as a typed, frozen model, and the two presets.

The defaults of the fields are the preset `default`: what a careful study would take. `PRESETS["paper"]` holds where
the printed text asks for something else. An experiment file and `--set` override a preset, key by key.
"""

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from emovae.errors import ConfigError
from emovae.labels import Binning

Model = Literal["AE-LSTM", "VAE-LSTM", "CVAE-LSTM"]
Baseline = Literal["majority", "functionals-SVM"]
Target = Literal["emotion", "arousal", "power", "valence"]
TestCondition = Literal["oracle", "marginal"]
Features = Literal["mean", "mean+variance", "mean+log_variance", "sample"]
Normalise = Literal["none", "train", "speaker", "utterance"]
Share = Annotated[float, Field(gt=0, lt=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FrontEnd(_Frozen):
    """Log-mel frames (section 4.2); window, shift and transform are pinned in `logmel`."""

    bands: PositiveInt = 80
    low_hz: Annotated[float, Field(ge=0)] = 20.0
    high_hz: Annotated[float, Field(gt=0, le=8000)] = 8000.0
    triangles: Literal["mel", "hz"] = "mel"

    @model_validator(mode="after")
    def _is_a_range(self) -> "FrontEnd":
        if self.low_hz >= self.high_hz:
            raise ValueError(f"low_hz {self.low_hz:g} is not below high_hz {self.high_hz:g}")
        return self


class Segments(_Frozen):
    """How frames are cut (section 4.3): segments of 100 ms, 10 frames, 800 values."""

    length_ms: Annotated[int, Field(gt=0, multiple_of=10)] = 100
    step_ms: Annotated[int, Field(gt=0, multiple_of=10)] = 100
    tail: Literal["drop", "pad"] = "pad"
    short: Literal["refuse", "pad"] = "refuse"


class Protocol(_Frozen):
    """Who is held out; see `folds` for what each kind means."""

    kind: Literal[
        "session",
        "speaker",
        "leave-one-out",
        "speakers",
        "contiguous",
        "random",
        "held-out",
        "held-out-random",
    ] = "session"
    folds: Annotated[int, Field(ge=2)] = 5
    share: Share = 0.1
    validation: Share = 0.2


class Autoencoder(_Frozen):
    """The three autoencoders (sections 3.1 and 4.3), which differ by name and not by settings."""

    hidden: tuple[PositiveInt, ...] = (512, 256)
    latent: PositiveInt = 128
    activation: Literal["relu", "tanh", "elu"] = "relu"
    kl_weight: Annotated[float, Field(ge=0)] = 1.0
    condition_decoder: bool = True
    data: Literal["subset", "all"] = "all"
    batch_size: PositiveInt = 256
    learning_rate: PositiveFloat = 1e-3
    betas: tuple[Momentum, Momentum] = (0.9, 0.999)
    epsilon: PositiveFloat = 1e-8
    epochs: PositiveInt = 20
    stop: Literal["threshold", "patience", "epochs"] = "patience"
    threshold: PositiveFloat = 200.0
    patience: PositiveInt = 3


class Classifier(_Frozen):
    """Two LSTM layers, a projection and a softmax (sections 3.2 and 4.3)."""

    hidden: PositiveInt = 128
    layers: PositiveInt = 2
    scale_inputs: bool = True
    class_weights: Literal["none", "balanced"] = "none"
    batch_size: PositiveInt = 32
    learning_rate: PositiveFloat = 1e-3
    epochs: PositiveInt = 20
    patience: PositiveInt = 5


class Published(_Frozen):
    """One printed result, in per cent as printed."""

    model: str
    subset: str = "complete"
    target: Target = "emotion"
    wa: float | None = None
    ua: float | None = None


class Experiment(_Frozen):
    """A grid of models, targets, subsets and seeds, and everything that decides its results."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    title: str = ""
    preset: Literal["default", "paper"] = "default"
    models: tuple[Model, ...] = ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM")
    baselines: tuple[Baseline, ...] = ("majority", "functionals-SVM")
    targets: Annotated[tuple[Target, ...], Field(min_length=1)] = ("emotion",)
    subsets: Annotated[tuple[str, ...], Field(min_length=1)] = ("complete",)
    seeds: PositiveInt = 1
    seed: Annotated[int, Field(ge=0)] = 0
    classes: tuple[str, ...] = ()
    utterances: Literal["all", "four-class"] = "all"
    binning: Binning = "tian"
    protocol: Protocol = Protocol()
    on_bad_audio: Literal["stop", "skip"] = "stop"
    front_end: FrontEnd = FrontEnd()
    normalise: Normalise = "train"
    segments: Segments = Segments()
    autoencoder: Autoencoder = Autoencoder()
    condition: Literal["target", "emotion"] = "target"
    test_condition: Annotated[tuple[TestCondition, ...], Field(min_length=1)] = ("marginal",)
    features: Features = "mean+log_variance"
    merge: Literal["sequence", "statistics"] = "sequence"
    classifier: Classifier = Classifier()
    precision: Literal["float32", "bfloat16"] = "float32"
    average: Literal["pooled", "folds"] = "pooled"
    f_measure: Literal["macro", "weighted"] = "macro"
    published_for: str = ""
    published: tuple[Published, ...] = ()

    @field_validator("models", "baselines", "targets", "subsets", "classes", "test_condition")
    @classmethod
    def _names_each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise ValueError(f"{twice[0]} is named {names.count(twice[0])} times; name it once")
        return names

    @model_validator(mode="after")
    def _has_rows(self) -> "Experiment":
        if not self.models and not self.baselines:
            raise ValueError("models and baselines are both empty, so the table would have no row")
        return self


PRESETS: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "default": {},
        "paper": {
            "binning": "paper",
            "condition": "emotion",
            "test_condition": ["oracle", "marginal"],
            "features": "mean+variance",
            "average": "folds",
            "f_measure": "weighted",
            "segments": {"tail": "drop"},
            "autoencoder": {"data": "subset", "betas": [0.999, 0.99], "stop": "threshold"},
            "classifier": {"scale_inputs": False},
        },
    }
)
"""Where a preset differs from the fields' defaults: the value nearest to the printed text."""


def load(path: Path, preset: str | None = None, assignments: Sequence[str] = ()) -> Experiment:
    """Reads an experiment file.

    Args:
        path: a TOML file.
        preset: `paper` or `default`; None takes the file's own, or `default`.
        assignments: `dotted.key=value`, the value as TOML writes it or a plain word.

    Raises:
        ConfigError: for a file that is not there or is no TOML, an unknown key or a value of the wrong kind; the
            message names the key, the value and what would do.
    """
    try:
        stated = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read experiment {path}: {error.strerror}; check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    return resolve(stated, preset, assignments, where=str(path))


def resolve(
    stated: Mapping[str, Any],
    preset: str | None = None,
    assignments: Sequence[str] = (),
    where: str = "experiment",
) -> Experiment:
    """Lays an experiment's own keys and the assignments over a preset; arguments and errors as for `load`.

    >>> resolve({"name": "a"}, "paper", ["autoencoder.latent=64"]).autoencoder.betas
    (0.999, 0.99)
    """
    chosen = preset if preset is not None else stated.get("preset", "default")
    if not isinstance(chosen, str) or chosen not in PRESETS:
        raise ConfigError(f"{where}: there is no preset {chosen!r}; the presets are {', '.join(PRESETS)}")
    merged = _laid_over(PRESETS[chosen], {**stated, "preset": chosen})
    for assignment in assignments:
        merged = _laid_over(merged, _assigned(assignment))
    try:
        # Strict by way of JSON: a list may fill a tuple and a whole number a float, but "20" is no number.
        return Experiment.model_validate_json(json.dumps(merged, default=str), strict=True)
    except ValidationError as error:
        raise ConfigError("\n".join(_complaints(error, where))) from error


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[key] = _laid_over(under, value) if both else value  # type: ignore[arg-type]
    return merged


def _assigned(assignment: str) -> dict[str, Any]:
    key, equals, text = assignment.partition("=")
    if not equals or not all(key.split(".")):
        raise ConfigError(f"--set takes dotted.key=value, such as autoencoder.kl_weight=0.1; got {assignment!r}")
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _complaints(error: ValidationError, where: str) -> Iterator[str]:
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = _keys_beside(problem["loc"])
            close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"the keys here are {', '.join(known)}"
            yield f"{where}: unknown key {key}; {remedy}"
        elif problem["type"] == "missing":
            yield f"{where}: the key {key} is missing"
        elif not key:
            yield f"{where}: {problem['msg'].removeprefix('Value error, ')}"
        else:
            yield f"{where}: {key} = {problem['input']!r}: {problem['msg'].removeprefix('Value error, ')}"


def _keys_beside(place: tuple[str | int, ...]) -> list[str]:
    model: Any = Experiment
    for part in place[:-1]:
        if isinstance(part, str):
            model = Published if part == "published" else model.model_fields[part].annotation
    return list(model.model_fields)
