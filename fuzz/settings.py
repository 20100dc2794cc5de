"""Experiment files and `--set`: what people type."""

from collections.abc import Callable
from pathlib import Path
from random import Random

from emovae import presets
from emovae.config import Experiment
from fuzz.mutation import DEPTHS, TEXTS, encoded, mutated, retold

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
WORDS = (
    *("name", "preset", "paper", "default", "true", "false", "nan", "inf", "-inf", "1e400", "99999999999999999999"),
    *("[", "]", "[[", "]]", "{", "}", "=", "'''", '"""', "#", "\n", ".", "1979-05-27T07:32:00Z", "0x7f", "variants"),
    *("autoencoder", "latent", "classifier", "protocol", "kind", "given", "published", "segments", "set", "classes"),
)
KEYS = (
    *Experiment.model_fields,
    *("autoencoder.latent", "autoencoder.hidden", "autoencoder.betas", "protocol.kind", "classifier.layers"),
    *(
        "front_end.bands",
        "front_end.low_hz",
        "segments.length_ms",
        "segments.stride_ms",
        "published.0.wa",
        "variants.set",
        "a.b.c",
        "",
    ),
)
VALUES = ("1", "-1", "0.5", "true", "paper", "[1, 2]", "{a = 1}", '"x"', "[]", "1e308", "9" * 5000, "x y", "'", "given")


def prepared(_: Path) -> Callable[[Random, Path], None]:
    """What asks for one experiment file with its assignments."""
    good = [place.read_text(encoding="utf-8") for place in sorted(EXPERIMENTS.rglob("*.toml"))]

    def ask(chance: Random, place: Path) -> None:
        text, file = chance.choice(good), place / "experiment.toml"
        match chance.randrange(4):
            case 0:
                content = mutated(chance, text.encode())
            case 1:
                content = text.encode()
            case _:
                content = encoded(retold(chance, text, WORDS))
        file.write_bytes(content)
        some = [_assignment(chance) for _ in range(chance.choice((0, 1, 1, 2)))]
        preset = chance.choice((None, None, None, "paper", "default", chance.choice(TEXTS)))
        experiment = presets.load(file, preset, some)
        presets.variants(experiment)
        assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment

    return ask


def _assignment(chance: Random) -> str:
    key = chance.choice((chance.choice(KEYS), chance.choice(TEXTS), "a" + ".a" * chance.choice(DEPTHS[:4])))
    held = chance.choice((chance.choice(VALUES), chance.choice(TEXTS), "[" * chance.choice(DEPTHS)))
    return chance.choice((f"{key}={held}", f"{key}={held}", f"{key}={held}", f"{key}{held}"))
