"""How many turns of each kind a corpus like IEMOCAP has: the published sums, taken apart into whole numbers.

Where only sums are published, as of frustration in a session, they are taken apart in proportion, or by chance.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from emovae.corpora.iemocap import facts

FOUR_CLASS_CODES = frozenset({"neu", "hap", "exc", "ang", "sad"})

Place: TypeAlias = tuple[str, str, str, str]
"""Session, subset, code or class, and the letter of who speaks."""


class Kind(NamedTuple):
    """What a published count tells apart: `take` is the first F or M of an id, `letter` the last."""

    session: str
    subset: str
    code: str
    letter: str
    take: str


def shared(total: int, weights: Sequence[float]) -> list[int]:
    """Divides a whole number in proportion, the largest remainders rounded up.

    >>> shared(10, [1, 1, 3])
    [2, 2, 6]
    """
    exact = [total * weight / sum(weights) for weight in weights]
    whole = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: (whole[place] - exact[place], place))
    for place in by_remainder[: total - sum(whole)]:
        whole[place] += 1
    return whole


def kinds(scale: float, generator: np.random.Generator) -> Counter[Kind]:
    """How many turns of each kind.

    Args:
        scale: share of the release, over 0 and at most 1; at 1 every published sum holds. Below, what is left of the
            four classes for a speaker and a subset is at least one turn of each code that is there.
        generator: deals out what is not published.
    """
    four = _by_code(_by_class())
    others = _others(four, scale, generator)
    four = {place: max(min(count, 1), round(scale * count)) for place, count in four.items()}
    crossing_share = facts.OTHER_WEARS_MARKERS / sum(facts.FOUR_CLASS_TURNS_BY_SPEAKER.values())
    return _in_takes(four, crossing_share) + _in_takes(others, crossing_share)


def _by_class() -> dict[Place, int]:
    """The four classes by who truly speaks."""
    counts = {}
    for session in facts.SESSIONS:
        classes = {
            (subset, name): count
            for subset in facts.SUBSETS
            for name, count in zip(facts.CLASSES, facts.FOUR_CLASS_TURNS[session, subset], strict=True)
        }
        hers = shared(facts.FOUR_CLASS_TURNS_BY_SPEAKER[f"{session}F"], list(classes.values()))
        for ((subset, name), count), part in zip(classes.items(), hers, strict=True):
            counts[session, subset, name, "F"], counts[session, subset, name, "M"] = part, count - part
    return counts


def _by_code(by_class: Mapping[Place, int]) -> dict[Place, int]:
    """The same by code: happiness divided into happy and excited."""
    codes = {"neutral": "neu", "happiness": "exc", "anger": "ang", "sadness": "sad"}
    counts = {(session, subset, codes[name], letter): n for (session, subset, name, letter), n in by_class.items()}
    for subset, happy in facts.HAPPY_TURNS.items():
        merged = [place for place in counts if place[1:3] == (subset, "exc")]
        for place, part in zip(merged, shared(happy, [counts[place] for place in merged]), strict=True):
            session, _, _, letter = place
            counts[session, subset, "hap", letter] = part
            counts[place] -= part
    return counts


def _others(four: Mapping[Place, int], scale: float, generator: np.random.Generator) -> dict[Place, int]:
    """The turns outside the four classes: only their sums are known, so chance deals them out."""
    codes = {code: n for code, n in facts.TURNS_BY_CODE.items() if code not in FOUR_CLASS_CODES}
    codes = {code: max(1, round(scale * n)) for code, n in codes.items()}
    genders = {letter: facts.TURNS_BY_GENDER[gender] for letter, gender in facts.GENDERS.items()}
    columns = []
    for field, sums in enumerate((facts.TURNS, facts.TURNS_BY_SUBSET, codes, genders)):
        left = sums if sums is codes else {name: n - _sum(four, field, name) for name, n in sums.items()}
        counts = shared(sum(codes.values()), list(left.values()))
        column = [name for name, count in zip(left, counts, strict=True) for _ in range(count)]
        columns.append([column[place] for place in generator.permutation(len(column))])
    return dict(sorted(Counter(zip(*columns, strict=True)).items()))


def _sum(counts: Mapping[Place, int], field: int, name: str) -> int:
    return sum(count for place, count in counts.items() if place[field] == name)


def _in_takes(counts: Mapping[Place, int], crossing_share: float) -> Counter[Kind]:
    """Divides between the two takes of a scene: in one the speaker wears the markers, in one the other does."""
    crossing = shared(round(crossing_share * sum(counts.values())), list(counts.values()))
    found = Counter[Kind]()
    for (place, count), crossed in zip(counts.items(), crossing, strict=True):
        own, other = ("F", "M") if place[3] == "F" else ("M", "F")
        found[Kind(*place, own)] = count - crossed
        found[Kind(*place, other)] = crossed
    return +found
