"""The settings of a model said again, as somebody would have written them to train it."""

from collections.abc import Mapping
from typing import Any

from emovae.config import Experiment
from emovae.presets import resolve

OF_THE_CORPUS = {
    *("name", "title", "preset", "models", "baselines", "rivals", "targets", "subsets", "seeds", "seed", "mapping"),
    *("classes", "utterances", "binning", "protocol", "dimensional_protocol", "published", "published_for", "variants"),
}
"""Settings that say what was learned from, and not how."""


def assignments(settings: Experiment) -> tuple[str, ...]:
    """How a model was trained, beside what its preset states and what it learned from.

    Args:
        settings: those of the model.

    Returns:
        `KEY=VALUE` each, as `presets.resolve` takes them.
    """
    usual = resolve({"name": "usual"}, settings.preset).model_dump(mode="json", exclude=OF_THE_CORPUS)
    return tuple(_different(settings.model_dump(mode="json", exclude=OF_THE_CORPUS), usual, ""))


def _different(stated: Mapping[str, Any], usual: Mapping[str, Any], above: str) -> list[str]:
    found = []
    for name, value in stated.items():
        if isinstance(value, Mapping):
            found += _different(value, usual[name], f"{above}{name}.")
        elif value != usual.get(name):
            written = str(value).lower() if isinstance(value, bool) else str(value)
            found.append(f"{above}{name}={written}")
    return found
