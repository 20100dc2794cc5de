"""Words for turns: random ones, as many as fit the time, and some lines of the scripts said in every session."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from emovae.corpora.iemocap.facts import SAID_IN_ANOTHER_SESSION
from emovae.corpora.iemocap_like.counts import FOUR_CLASS_CODES, Kind, shared

WORDS_PER_S = 2.6
SENTENCE_WORDS = (4, 12)

_COMMON = (
    "the a my your this that one some no every other old new long small late early good bad quiet open door window "
    "garden table letter train river road winter morning evening summer house street chair coat hat bread water "
    "coffee music story number paper ticket brother sister friend doctor teacher neighbor we you they he she it "
    "someone nobody everyone go stay come wait look listen find lose carry bring keep leave call write read close "
    "remember forget think know believe want need hear see tell ask answer promise again never always maybe still "
    "only too very just here there now then today tomorrow yesterday because but and or if when while with without "
    "before after under over behind between"
)
VOCABULARY = _COMMON.split()


class Spoken(NamedTuple):
    """What a text must fit: the kind of turn and its length."""

    kind: Kind
    length_s: float


def texts(turns: Mapping[str, Spoken], generator: np.random.Generator) -> dict[str, str]:
    """The words of each turn: id -> text.

    The published share of scripted and of improvised turns, of the four classes and of the others alike, say what is
    said in another session, too; all other texts are each said once.
    """
    seen: set[str] = set()
    said: dict[str, str] = {}
    alike: dict[tuple[str, bool], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, (kind, _) in turns.items():
        alike[kind.subset, kind.code in FOUR_CLASS_CODES][kind.session].append(name)
    for (subset, _), sessions in sorted(alike.items()):
        sizes = [len(names) for names in sessions.values()]
        counts = shared(round(SAID_IN_ANOTHER_SESSION[subset] * sum(sizes)), sizes)
        lines: list[str] = []
        for names, count in zip(sessions.values(), counts, strict=True):
            chosen = generator.choice(names, count, replace=False).tolist() if min(counts) else []
            # By length, so that a line takes about as long in every session.
            for rank, name in enumerate(sorted(chosen, key=lambda name: (turns[name].length_s, name))):
                line = rank * min(counts) // count
                if line == len(lines):
                    lines.append(_text(turns[name].length_s, seen, generator))
                said[name] = lines[line]
    return {name: said[name] if name in said else _text(turns[name].length_s, seen, generator) for name in turns}


def _text(length_s: float, seen: set[str], generator: np.random.Generator) -> str:
    """Words that nobody has said yet; where the time leaves no choice, more of them."""
    count = max(1, round(WORDS_PER_S * length_s))
    while (text := _sentences(generator.choice(len(VOCABULARY), count).tolist(), generator)) in seen:
        count += 1
    seen.add(text)
    return text


def _sentences(places: list[int], generator: np.random.Generator) -> str:
    sentences = []
    while places:
        count = int(generator.integers(*SENTENCE_WORDS, endpoint=True))
        sentences.append(" ".join(VOCABULARY[place] for place in places[:count]).capitalize() + ".")
        places = places[count:]
    return " ".join(sentences)
