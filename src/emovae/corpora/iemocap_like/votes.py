"""What three raters and the speaker would say of a turn, invented around the emotion it shows."""

from collections.abc import Mapping
from statistics import fmean
from typing import NamedTuple

import numpy as np

from emovae.corpora import synthetic
from emovae.corpora.iemocap.facts import CODES
from emovae.corpora.iemocap_like.counts import Kind
from emovae.utterance import Vote

RATERS = ("E1", "E2", "E3")

RATINGS = {  # arousal, valence, dominance on 1..5
    **synthetic.RATINGS,
    "excited": (4.2, 4.2, 3.7),
    "frustration": (3.5, 2.1, 3.3),
    "surprise": (3.8, 3.1, 2.8),
    "fear": (3.6, 1.9, 1.9),
    "disgust": (2.9, 1.9, 3.2),
    "other": (3.0, 3.0, 3.0),
}
SPREAD = 0.7  # standard deviation of a rater's value
AGREEING = 0.55  # how often all three choose alike where two are enough
SECOND_CHOICE = 0.06  # how often a rater names two emotions
SILENT_ON_DOMINANCE = 0.03  # how often the last rater, or the speaker, leaves dominance out


class Opinion(NamedTuple):
    """What is felt and what is said about it.

    Attributes:
        felt: the emotion that is heard; where the raters don't agree, the one of the first.
        strength: how much of its manner is heard, 1 being the usual.
        votes: of `RATERS`, then of the speaker, emotions as the label files write them.
    """

    felt: str
    strength: float
    votes: tuple[Vote, ...]

    @property
    def means(self) -> tuple[float, float, float]:
        """Valence, arousal and dominance: means over those who rate, the speaker aside."""
        others = [vote for vote in self.votes if not vote.self_report]
        columns = zip(*((vote.valence, vote.arousal, vote.dominance) for vote in others), strict=True)
        valence, arousal, dominance = (fmean(value for value in column if value is not None) for column in columns)
        return valence, arousal, dominance


def opinions(turns: Mapping[str, Kind], generator: np.random.Generator) -> dict[str, Opinion]:
    """What is said of each turn."""
    return {name: _opinion(kind, generator) for name, kind in turns.items()}


def _opinion(kind: Kind, generator: np.random.Generator) -> Opinion:
    chosen = _choices(CODES[kind.code], generator)
    felt, strength = chosen[0], float(generator.uniform(*synthetic.STRENGTH))
    middle = 3 + strength * (np.array(RATINGS[felt]) - 3)
    values = np.rint(middle + SPREAD * generator.standard_normal((len(RATERS) + 1, 3))).clip(1, 5).tolist()
    second = generator.random(len(RATERS) + 1) < SECOND_CHOICE
    silent = generator.random(2) < SILENT_ON_DOMINANCE
    # The speaker knows what was meant.
    raters = zip((*RATERS, f"{kind.letter}1"), (*chosen, felt), (*chosen[1:], felt, "other"), strict=True)
    votes = tuple(
        Vote(
            rater,
            (emotion.capitalize(), *((other.capitalize(),) if second[place] and other != emotion else ())),
            arousal=values[place][0],
            valence=values[place][1],
            dominance=None if place >= 2 and silent[place - 2] else values[place][2],
            self_report=place == len(RATERS),
        )
        for place, (rater, emotion, other) in enumerate(raters)
    )
    return Opinion(felt, strength, votes)


def _choices(emotion: str | None, generator: np.random.Generator) -> tuple[str, ...]:
    """What the three raters choose: all different where they don't agree, else at least two alike."""
    if emotion is None:
        common = ("anger", "excited", "frustration", "happiness", "neutral", "sadness")
        return tuple(str(name) for name in generator.choice(common, len(RATERS), replace=False))
    third = emotion if generator.random() < AGREEING else str(generator.choice(sorted(RATINGS)))
    return emotion, emotion, third
