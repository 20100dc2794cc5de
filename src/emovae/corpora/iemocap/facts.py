"""IEMOCAP in numbers: facts about the release, which the reader knows it by and the synthesizer imitates.

Nothing of the corpus itself is here, neither a word nor a rating. Sessions are named as ids begin: `Ses01`.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from emovae.corpora.corpus import KnownCount

Counts = dict[tuple[str | None, ...], int]

MARKER = "SYNTHETIC.txt"
MARKED = """This is not IEMOCAP: voices, words and ratings were made up by `emovae synthesize`.
What a model does here says nothing about people, and is not to be compared with published figures.
"""
"""What lies in a tree that only looks like the release, so that nobody takes one for the other."""

SESSIONS = ("Ses01", "Ses02", "Ses03", "Ses04", "Ses05")
SUBSETS = ("improvised", "scripted")
GENDERS: Mapping[str, str] = MappingProxyType({"F": "female", "M": "male"})

CODES: Mapping[str, str | None] = MappingProxyType(
    {
        "neu": "neutral",
        "hap": "happiness",
        "exc": "excited",
        "sad": "sadness",
        "ang": "anger",
        "fru": "frustration",
        "sur": "surprise",
        "fea": "fear",
        "dis": "disgust",
        "oth": "other",
        "xxx": None,  # the raters don't agree
    }
)
"""What the label files write -> the emotion in emovae's spelling."""

DIALOG = re.compile(
    r"(?P<session>Ses0[1-5])(?P<take>[FM])_(?P<scene>(?P<kind>impro)\d\d[ab]?|script\d\d_\d[ab]?)", re.ASCII
)
"""A dialogue: `Ses05M_script01_1b`. Its F or M is the actor who wears the markers."""

TURN = re.compile(rf"(?P<dialog>{DIALOG.pattern})_(?P<speaker>[FM])\d{{3}}", re.ASCII)
"""A turn: `Ses05M_script01_1b_F007`. The last F or M is who speaks."""


def subset_of(dialog: re.Match[str]) -> str:
    """Whether a dialogue, or the turn in it, is improvised or scripted."""
    return "improvised" if dialog["kind"] else "scripted"


def dialogs(session: str) -> tuple[str, ...]:
    """The dialogues of a session: each pair plays every scene twice, the markers once on her and once on him."""
    scripts = ("script01_1", "script01_2", "script01_3", "script02_1", "script02_2", "script03_1", "script03_2")
    names = [
        f"{session}{take}_{scene}"
        for take in GENDERS
        for scene in (*(f"impro{number:02d}" for number in range(1, 8 if session == "Ses01" else 9)), *scripts)
    ]
    if session == "Ses03":
        whole = ("Ses03M_impro05", "Ses03M_impro08")
        names = [*(name for name in names if name not in whole), *(f"{name}{part}" for name in whole for part in "ab")]
    if session == "Ses05":
        names.append("Ses05M_script01_1b")
    return tuple(sorted(names))


TURNS = MappingProxyType(dict(zip(SESSIONS, (1819, 1811, 2136, 2103, 2170), strict=True)))
TURNS_BY_SUBSET = MappingProxyType({"improvised": 4784, "scripted": 5255})
TURNS_BY_GENDER = MappingProxyType({"female": 4800, "male": 5239})
TURNS_BY_CODE = MappingProxyType(
    {
        "neu": 1708,
        "hap": 595,
        "exc": 1041,
        "sad": 1084,
        "ang": 1103,
        "fru": 1849,
        "sur": 107,
        "fea": 40,
        "dis": 2,
        "oth": 3,
        "xxx": 2507,
    }
)

CLASSES = ("neutral", "happiness", "anger", "sadness")

FOUR_CLASS_TURNS: Mapping[tuple[str, str], tuple[int, ...]] = MappingProxyType(
    {
        ("Ses01", "improvised"): (223, 132, 62, 104),
        ("Ses01", "scripted"): (161, 146, 167, 90),
        ("Ses02", "improvised"): (217, 191, 22, 100),
        ("Ses02", "scripted"): (145, 136, 115, 97),
        ("Ses03", "improvised"): (198, 149, 90, 190),
        ("Ses03", "scripted"): (122, 137, 150, 115),
        ("Ses04", "improvised"): (174, 195, 84, 81),
        ("Ses04", "scripted"): (84, 108, 243, 62),
        ("Ses05", "improvised"): (287, 280, 31, 133),
        ("Ses05", "scripted"): (97, 162, 139, 112),
    }
)
"""Session and subset -> how many of each of `CLASSES`, excited merged into happiness: 5,531 in all."""

HAPPY_TURNS = MappingProxyType({"improvised": 284, "scripted": 311})
"""How many of the turns of class happiness carry the code `hap`; the others are `exc`."""

FOUR_CLASS_TURNS_BY_SPEAKER: Mapping[str, int] = MappingProxyType(
    {"Ses01F": 528, "Ses01M": 557, "Ses02F": 481, "Ses02M": 542, "Ses03F": 522, "Ses03M": 629}
    | {"Ses04F": 528, "Ses04M": 503, "Ses05F": 590, "Ses05M": 651}
)
"""Who truly speaks, not who wears the markers."""

OTHER_WEARS_MARKERS = 2_750  # of the four-class turns: the first letter of the id is not the speaker's
SHORTEST_S, LONGEST_S = 0.585, 34.14
FOUR_CLASS_MEDIAN_S, FOUR_CLASS_HOURS, ALL_HOURS = 3.58, 6.99, 12.4
SAID_IN_ANOTHER_SESSION = MappingProxyType({"improvised": 0.003, "scripted": 0.399})
"""Share of the four-class turns whose very words are said in another session, too."""


def _by_one(counts: Mapping[str, int]) -> Counts:
    return {(value,): count for value, count in counts.items()}


_FOUR_CLASS_COUNTS: Counts = {
    (session, subset, emotion): count
    for (session, subset), counts in FOUR_CLASS_TURNS.items()
    for emotion, count in zip(CLASSES, counts, strict=True)
}

KNOWN = (
    KnownCount("turns in each session", ("session",), _by_one(TURNS)),
    KnownCount("turns in each subset", ("subset",), _by_one(TURNS_BY_SUBSET)),
    KnownCount("turns by each gender", ("gender",), _by_one(TURNS_BY_GENDER)),
    KnownCount("emotions", ("emotion",), {(CODES[code],): count for code, count in TURNS_BY_CODE.items()}),
    KnownCount("four classes", ("session", "subset", "emotion"), _FOUR_CLASS_COUNTS, "four"),
    KnownCount("four classes by speaker", ("speaker",), _by_one(FOUR_CLASS_TURNS_BY_SPEAKER), "four"),
)
