"""Names of emotions and the rule that makes three levels of a continuous value."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

DIMENSIONS: Mapping[str, str] = MappingProxyType({"arousal": "arousal", "power": "dominance", "valence": "valence"})
"""The paper's name of a dimension -> the field of an utterance that holds it; in the order of Table 2."""

LEVELS = ("low", "mid", "high")

Binning = Literal["paper", "tian"]

_MID_FROM_BELOW = MappingProxyType({"paper": (3.0, 3.0), "tian": (2.5, 3.5)})


def level(value: float, binning: Binning) -> str:
    """Low, mid or high of a rating on the scale from 1 to 5.

    `paper`: low below 3, mid equal to 3, high above 3 (Latif et al. 2018, section 4.1).
    `tian`: low below 2.5, high from 3.5, mid between: an interval reading of the labels published with the studies
    that the paper compares itself with (its references [18] and [22]).

    >>> [level(value, "paper") for value in (2.5, 3.0, 3.33)]
    ['low', 'mid', 'high']
    >>> [level(value, "tian") for value in (2.33, 2.5, 3.33, 3.5)]
    ['low', 'mid', 'mid', 'high']
    """
    low_below, high_from = _MID_FROM_BELOW[binning]
    if value < low_below:
        return "low"
    if value > high_from or (binning == "tian" and value == high_from):
        return "high"
    return "mid"


LOWEST_RATING, HIGHEST_RATING = 1.0, 5.0
SLIP_IN_MEAN = 0.5
"""What a rater's slip of the pen, a 0 or a 6 among two ratings, does to their mean: it moves no level."""


def off_scale(*ratings: float) -> float:
    """How far the furthest rating lies outside 1 to 5: 0 where none does, infinitely for what is no number.

    >>> off_scale(1.0, 4.5), off_scale(3.0, 0.25), off_scale()
    (0.0, 0.75, 0.0)
    """
    return max(
        (math.inf if math.isnan(one) else max(LOWEST_RATING - one, one - HIGHEST_RATING, 0.0) for one in ratings),
        default=0.0,
    )


FOUR_CLASSES = frozenset({"anger", "happiness", "neutral", "sadness"})
"""The paper's categories (section 4.1)."""

LabelMapping = Literal["raw", "four", "four-without-excited", "six"]

_FOUR = {name: name for name in sorted(FOUR_CLASSES)}

MAPPINGS: Mapping[LabelMapping, Mapping[str, str] | None] = MappingProxyType(
    {
        "raw": None,
        "four": {**_FOUR, "excited": "happiness"},
        "four-without-excited": _FOUR,
        "six": {**_FOUR, "excited": "excited", "frustration": "frustration"},
    }
)
"""A study's choice of classes: category as the corpus gives it -> class. `raw` takes all as they are; `four` is the
paper's, with excited merged into happiness (section 4.1), which for IEMOCAP gives the 5,531 utterances of most studies;
`six` is the other usual choice there."""


def mapped(emotion: str | None, mapping: LabelMapping) -> str | None:
    """The class of a category under a mapping; None where the mapping leaves it out.

    >>> mapped("excited", "four"), mapped("excited", "four-without-excited"), mapped("boredom", "raw")
    ('happiness', None, 'boredom')
    """
    classes = MAPPINGS[mapping]
    return emotion if classes is None or emotion is None else classes.get(emotion)


EMOTIONS: Mapping[str, str] = MappingProxyType(
    {
        "angry": "anger",
        "anger": "anger",
        "ang": "anger",
        "happy": "happiness",
        "happiness": "happiness",
        "joy": "happiness",
        "hap": "happiness",
        "sad": "sadness",
        "sadness": "sadness",
        "neutral": "neutral",
        "neu": "neutral",
        "boredom": "boredom",
        "bored": "boredom",
        "fear": "fear",
        "fearful": "fear",
        "disgust": "disgust",
        "disgusted": "disgust",
        "surprise": "surprise",
        "surprised": "surprise",
        "excited": "excited",
        "excitement": "excited",
        "frustrated": "frustration",
        "frustration": "frustration",
    }
)
"""Common spellings -> the one that emovae writes. A label that is not here keeps its own spelling."""


def emotion_name(label: str) -> str:
    """The one spelling of an emotion; labels that emovae does not know stay as they are, blanks at the ends aside.

    >>> emotion_name("Angry"), emotion_name("contempt")
    ('anger', 'contempt')
    """
    stripped = label.strip()
    return EMOTIONS.get(stripped.lower(), stripped)
