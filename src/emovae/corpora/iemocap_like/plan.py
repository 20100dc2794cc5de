"""Who says what, when and in which dialogue of a corpus like IEMOCAP; no sound is made here."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from emovae.corpora.iemocap import facts
from emovae.corpora.iemocap_like.counts import FOUR_CLASS_CODES, Kind, kinds
from emovae.corpora.iemocap_like.votes import Opinion, opinions
from emovae.corpora.iemocap_like.words import Spoken, texts
from emovae.errors import ConfigError
from emovae.seeds import seed_for

VERSION = 1  # part of every seed: count it up with any change of what is written

TICKS_PER_S = 2_000  # all times are whole ticks: four decimals in a file, whole samples at 16 kHz
MEDIAN_S, SPREAD = 3.565, 0.70  # of the log-normal lengths of the four classes: their median and hours come out
OTHERS_MEDIAN_S, OTHERS_SPREAD = 3.33, 0.72  # the same for the others: the hours of all turns come out
PAUSE_S, OVERLAP_S = (0.1, 1.6), (0.1, 0.8)
OVERLAPPING = 0.25  # of the turns that answer the other speaker begin before that one has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn as it will be written; what an utterance has, too, is named alike.

    Attributes:
        id: as in the release.
        kind: what the published counts tell apart.
        start_s: into the dialogue.
        length_s: whole samples at 16 kHz.
        words: what is said.
        opinion: what raters say of it.
    """

    id: str
    kind: Kind
    start_s: float
    length_s: float
    words: str
    opinion: Opinion

    @property
    def session(self) -> str:
        """Such as `Ses01`."""
        return self.kind.session

    @property
    def subset(self) -> str:
        """Improvised or scripted."""
        return self.kind.subset

    @property
    def speaker(self) -> str:
        """Such as `Ses01F`."""
        return self.kind.session + self.kind.letter

    @property
    def gender(self) -> str:
        """Female or male."""
        return facts.GENDERS[self.kind.letter]

    @property
    def emotion(self) -> str | None:
        """In emovae's spelling; None where the raters don't agree."""
        return facts.CODES[self.kind.code]


class Dialog(NamedTuple):
    """A dialogue and its turns in the order of time."""

    name: str
    turns: tuple[Turn, ...]


class _Part(NamedTuple):
    kind: Kind
    ticks: int


def plan(scale: float = 1.0) -> tuple[Dialog, ...]:
    """Every dialogue, by name.

    Args:
        scale: share of the release, over 0 and at most 1; at 1 all published counts hold. See `kinds` for less.

    Raises:
        ConfigError: when the scale is outside.
    """
    if not 0 < scale <= 1:
        raise ConfigError(f"scale is {scale:g}; give a share of the release over 0 and at most 1, such as 0.02")
    counts = kinds(scale, _chance("counts"))
    dealt = _dealt(_parts(counts, _chance("lengths")), _chance("dialogues"))
    timing = _chance("times")
    placed = {name: _placed(name, parts, timing) for name, parts in sorted(dealt.items())}
    every = {turn: part for turns in placed.values() for turn, (part, _) in turns.items()}
    words = texts({turn: Spoken(part.kind, part.ticks / TICKS_PER_S) for turn, part in every.items()}, _chance("words"))
    said = opinions({turn: part.kind for turn, part in every.items()}, _chance("opinions"))
    return tuple(
        Dialog(
            name,
            tuple(
                Turn(
                    id=turn,
                    kind=part.kind,
                    start_s=start / TICKS_PER_S,
                    length_s=part.ticks / TICKS_PER_S,
                    words=words[turn],
                    opinion=said[turn],
                )
                for turn, (part, start) in turns.items()
            ),
        )
        for name, turns in placed.items()
    )


def _chance(use: str) -> np.random.Generator:
    return np.random.default_rng(seed_for(VERSION, "iemocap-like", use))


def _parts(counts: Counter[Kind], generator: np.random.Generator) -> list[_Part]:
    """Every turn with its length; which kind has the long ones is left to chance."""
    parts = []
    for four, median_s, spread in ((True, MEDIAN_S, SPREAD), (False, OTHERS_MEDIAN_S, OTHERS_SPREAD)):
        chosen = [kind for kind in sorted(counts) if (kind.code in FOUR_CLASS_CODES) == four]
        turns = [kind for kind in chosen for _ in range(counts[kind])]
        ticks = _ticks(len(turns), median_s, spread)
        if four:
            ticks[0], ticks[-1] = round(facts.SHORTEST_S * TICKS_PER_S), round(facts.LONGEST_S * TICKS_PER_S)
        parts += [
            _Part(kind, ticks[place]) for kind, place in zip(turns, generator.permutation(len(turns)), strict=True)
        ]
    return parts


def _ticks(number: int, median_s: float, spread: float) -> list[int]:
    """Evenly spaced quantiles of a log-normal law between the shortest and the longest turn, ascending."""
    law = NormalDist(float(np.log(median_s)), spread)
    lowest, highest = law.cdf(float(np.log(facts.SHORTEST_S))), law.cdf(float(np.log(facts.LONGEST_S)))
    steps = (lowest + (highest - lowest) * (place + 0.5) / number for place in range(number))
    return [round(float(np.exp(law.inv_cdf(step))) * TICKS_PER_S) for step in steps]


def _dealt(parts: Sequence[_Part], generator: np.random.Generator) -> dict[str, list[_Part]]:
    """Deals the turns to the dialogues of their session, subset and take, as to players of a game of cards."""
    hands: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for session in facts.SESSIONS:
        # Those with a suffix first, so that a small corpus has them, too.
        for name in sorted(facts.dialogs(session), key=lambda name: (name[-1] not in "ab", name)):
            named = facts.DIALOG.fullmatch(name)
            assert named is not None
            hands[session, facts.subset_of(named), named["take"]].append(name)
    dealt: dict[str, list[_Part]] = defaultdict(list)
    given = Counter[tuple[str, str, str]]()
    for place in generator.permutation(len(parts)).tolist():
        kind = parts[place].kind
        hand = kind.session, kind.subset, kind.take
        dealt[hands[hand][given[hand] % len(hands[hand])]].append(parts[place])
        given[hand] += 1
    return dealt


def _placed(name: str, parts: Sequence[_Part], generator: np.random.Generator) -> dict[str, tuple[_Part, int]]:
    """Turns one after the other, some before the last has ended: id -> what, and the tick at which it starts."""
    placed = {}
    numbers = Counter[str]()
    latest_start, latest_end, latest_letter = 0, 0, ""
    for part in parts:
        letter = part.kind.letter
        gap = round(float(generator.uniform(*PAUSE_S)) * TICKS_PER_S)
        if latest_letter not in ("", letter) and generator.random() < OVERLAPPING:
            gap = -round(float(generator.uniform(*OVERLAP_S)) * TICKS_PER_S)
        start = max(latest_end + gap, latest_start + TICKS_PER_S // 10)
        placed[f"{name}_{letter}{numbers[letter]:03d}"] = part, start
        numbers[letter] += 1
        latest_start, latest_end, latest_letter = start, max(latest_end, start + part.ticks), letter
    return placed
