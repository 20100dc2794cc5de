"""A preset, an experiment file and single assignments become one configuration, each laid over the one before."""

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from emovae.config import Experiment, Published, Variant
from emovae.errors import ConfigError
from emovae.settings import Segments

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
            "dimensional_protocol": {"kind": "contiguous"},
            "segments": {"tail": "drop"},
            "autoencoder": {"data": "subset", "betas": [0.999, 0.99], "stop": "threshold"},
            "classifier": {"scale_inputs": False},
        },
        "best": {
            "models": [],
            "ensemble": {"of": ["VAE"], "autoencoders": 2},
            "features": "mean",
            "precision": "auto",
            "normalise_statistics": "speaker",
            "voices": 3,
            "front_end": {"prosody": 4},
            "segments": {"short": "pad"},  # as in ensemble.spans
            "autoencoder": {"kl_weight": 0.01, "epochs": 12},
        },
    }
)
"""Where a preset differs from the fields' defaults: `paper` as the text is printed, `best` for accuracy."""


OPTIONAL = {"title", "published", "published_for", "classes", "rivals", "latent_sizes", "variants"}
"""What a configuration as run may leave empty."""
LISTED = {"published": Published, "variants": Variant, "spans": Segments}
"""Keys that hold lists of tables."""
DEEPEST = 8
"""More dots than any key has."""
ALIKE = ("name", "preset", "variants")
"""What a variant cannot set: a preset is laid under everything else, so that here it would be a mere name."""
BESIDE = ("cells", "table.md")
"""What lies beside the folders of variants."""


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
        stated = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors put a mark before the text
    except OSError as error:
        raise ConfigError(f"cannot read experiment {path}: {error.strerror}; check the path") from error
    except (ValueError, RecursionError) as error:
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
    for assignment in assignments:
        stated = _laid_over(stated, _assigned(assignment))
    chosen = preset if preset is not None else stated.get("preset", "default")
    if not isinstance(chosen, str) or chosen not in PRESETS:
        raise ConfigError(f"{where}: there is no preset {chosen!r}; the presets are {', '.join(PRESETS)}")
    if preset is not None and set(stated) >= set(Experiment.model_fields) - OPTIONAL and preset != stated["preset"]:
        raise ConfigError(
            f"{where} is a configuration as run: it states every setting, so --preset {preset} would change its name"
            " alone; give --preset to the experiment file that it came from"
        )
    merged = _laid_over(PRESETS[chosen], {**stated, "preset": chosen})
    try:
        # Strict by way of JSON: a list may fill a tuple and a whole number a float, but "20" is no number.
        return Experiment.model_validate_json(json.dumps(merged, default=repr), strict=True)
    except ValidationError as error:
        raise ConfigError("\n".join(_complaints(error, where))) from error


def variants(experiment: Experiment) -> dict[str, Experiment]:
    """Name of a variant -> the experiment with its settings, named after both.

    Raises:
        ConfigError: for a name that stands there twice or is taken, or settings that are none or not a variant's.
    """
    _require_told_apart(experiment)
    stated = experiment.model_dump(mode="json", exclude={"variants"})
    return {
        variant.name: resolve(
            _laid_over(stated, {**variant.set, "name": f"{experiment.name}-{variant.name}"}),
            where=f"{experiment.name}, variant {variant.name}",
        )
        for variant in experiment.variants
    }


def _require_told_apart(experiment: Experiment) -> None:
    names = [variant.name for variant in experiment.variants]
    for name in dict.fromkeys(names):
        if (count := names.count(name)) > 1:
            raise ConfigError(f"{experiment.name}: {name} is the name of {count} variants; give each its own")
        if name in BESIDE:
            raise ConfigError(
                f"{experiment.name}: {name} lies beside the folders of variants; call the variant otherwise"
            )
    for variant in experiment.variants:
        if stated := [key for key in ALIKE if key in variant.set]:
            raise ConfigError(
                f"{experiment.name}, variant {variant.name}: {stated[0]} is the same for all variants; state it above"
                " them, once"
            )


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[key] = _laid_over(under, value) if both else value  # type: ignore[arg-type]
    return merged


def _assigned(assignment: str) -> dict[str, Any]:
    key, equals, text = assignment.partition("=")
    if not equals or not all(key.split(".")) or key.count(".") > DEEPEST:
        raise ConfigError(f"--set takes dotted.key=value, such as autoencoder.kl_weight=0.1; got {assignment!r}")
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError) as error:
        if text.startswith(("[", "{", '"', "'")) or not text.isprintable() or text[:1].isdigit():
            raise ConfigError(
                f"--set {key}: {text[:80]!r} is no value as TOML writes it ({error}); words in a list stand in quotes,"
                """ as in --set 'classes=["anger", "sadness"]'"""
            ) from error
        value = text
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _complaints(error: ValidationError, where: str) -> Iterator[str]:
    problems = error.errors()
    places = [problem["loc"] for problem in problems]
    for problem in problems:
        here = problem["loc"]
        if problem["type"] == "too_short" and any(place[: len(here)] == here != place for place in places):
            continue  # what is wrong with its parts is told; they are not counted then
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
            model = LISTED[part] if part in LISTED else model.model_fields[part].annotation
    return list(model.model_fields)
