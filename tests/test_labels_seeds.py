"""Names of emotions, three levels of a rating, and seeds that are the same everywhere."""

import random

import numpy as np
import pytest
import torch

from emovae.labels import DIMENSIONS, EMOTIONS, FOUR_CLASSES, LEVELS, emotion_name, level
from emovae.seeds import seed_for
from emovae.utterance import Utterance

# Labels


@pytest.mark.parametrize(
    ("value", "paper", "tian"),
    [
        (1.0, "low", "low"),
        (2.0, "low", "low"),
        (2.33, "low", "low"),
        (2.4999, "low", "low"),
        (2.5, "low", "mid"),
        (2.9999, "low", "mid"),
        (3.0, "mid", "mid"),
        (3.0001, "high", "mid"),
        (3.33, "high", "mid"),
        (3.4999, "high", "mid"),
        (3.5, "high", "high"),
        (4.0, "high", "high"),
        (5.0, "high", "high"),
    ],
)
def test_a_rating_is_low_mid_or_high_by_either_rule(value: float, paper: str, tian: str) -> None:
    assert level(value, "paper") == paper
    assert level(value, "tian") == tian


def test_levels_rise_with_the_rating() -> None:
    places_paper = [LEVELS.index(level(value / 100, "paper")) for value in range(100, 501)]
    places_tian = [LEVELS.index(level(value / 100, "tian")) for value in range(100, 501)]
    assert places_paper == sorted(places_paper)
    assert places_tian == sorted(places_tian)
    assert set(places_paper) == set(places_tian) == {0, 1, 2}
    assert places_paper.count(1) == 1  # 3.00 alone
    assert places_tian.count(1) == 100  # 2.50 to 3.49


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("Angry", "anger"),
        ("ANGER", "anger"),
        ("ang", "anger"),
        (" joy\n", "happiness"),
        ("hap", "happiness"),
        ("Sad", "sadness"),
        ("neu", "neutral"),
        ("Bored", "boredom"),
        ("fearful", "fear"),
        ("disgusted", "disgust"),
        ("Surprised", "surprise"),
    ],
)
def test_common_spellings_become_one(spelling: str, name: str) -> None:
    assert emotion_name(spelling) == name


@pytest.mark.parametrize("label", ["contempt", "Schadenfreude", "frustration", "xxx", "złość"])
def test_an_unknown_label_keeps_its_spelling_blanks_at_the_ends_aside(label: str) -> None:
    assert emotion_name(f"  {label}\t") == label


def test_the_one_spelling_is_its_own_spelling() -> None:
    for spelling, name in EMOTIONS.items():
        assert spelling == spelling.lower().strip()
        assert emotion_name(name) == name
    assert set(EMOTIONS.values()) >= FOUR_CLASSES


def test_the_papers_power_is_an_utterances_dominance() -> None:
    utterance = Utterance(id="u", audio=None, speaker="s", arousal=1.5, valence=2.5, dominance=3.5)
    assert {name: getattr(utterance, field) for name, field in DIMENSIONS.items()} == {
        "arousal": 1.5,
        "valence": 2.5,
        "power": 3.5,
    }


# Seeds


def test_a_seed_is_63_bits_of_the_sha_256_of_the_names() -> None:
    # printf '0\x1fvae\x1f3' | sha256sum: c0f32695ad9f36fe...; printf '7' | sha256sum: 7902699be42c8a8e...
    assert seed_for(0, "vae", 3) == 0xC0F32695AD9F36FE // 2
    assert seed_for(7) == 0x7902699BE42C8A8E // 2


def test_seeds_differ_by_root_by_name_and_by_order() -> None:
    names: list[tuple[str | int, ...]] = [
        (),
        ("vae",),
        ("vae", 0),
        ("vae", 1),
        ("vae", 10),
        ("vae", 1, 0),
        (1, "vae"),
        ("lstm", 1),
        ("vae1",),
        ("va", "e1"),
    ]
    seeds = {seed_for(root, *name) for root in (0, 1, 10) for name in names}
    assert len(seeds) == 3 * len(names)


def test_many_seeds_are_all_different_and_all_fit_every_generator() -> None:
    seeds = [seed_for(0, "fold", place) for place in range(5000)]
    assert len(set(seeds)) == 5000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62  # the whole range is used
    for seed in (min(seeds), max(seeds)):
        assert torch.Generator().manual_seed(seed).initial_seed() == seed
        np.random.default_rng(seed)


def test_deriving_a_seed_touches_no_global_generator() -> None:
    def states() -> tuple[object, str, bytes]:
        numpys = repr(np.random.get_state(legacy=False))  # noqa: NPY002  # what must not move
        return random.getstate(), numpys, torch.get_rng_state().numpy().tobytes()

    before = states()
    seed_for(0, "vae", 3)
    assert states() == before
