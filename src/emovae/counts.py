"""How many utterances a corpus has of each kind, beside how many its publisher's release has."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from emovae.corpora.corpus import Finding, KnownCount
from emovae.labels import LabelMapping, mapped
from emovae.utterance import Utterance

FIELDS = ("emotion", "session", "speaker", "subset")
"""What is counted in every corpus that tells it."""

Values = tuple[str | None, ...]


class Count(NamedTuple):
    """One row.

    Attributes:
        values: of the fields that are counted by.
        found: utterances whose recording is here.
        known: those of the release; None where nothing is known.
    """

    values: Values
    found: int
    known: int | None

    @property
    def difference(self) -> int:
        """How many too many, or too few where it is negative."""
        return 0 if self.known is None else self.found - self.known


class Counts(NamedTuple):
    """A table of counts.

    Attributes:
        title: what is counted.
        by: the fields of an utterance that are counted by.
        mapping: how emotions are named, see `labels.MAPPINGS`; what a mapping leaves out is not counted.
        rows: the release's first, in its order.
    """

    title: str
    by: tuple[str, ...]
    mapping: LabelMapping
    rows: tuple[Count, ...]


def tables(utterances: Sequence[Utterance], known: Sequence[KnownCount]) -> tuple[Counts, ...]:
    """Counts utterances by emotion, session, speaker and subset, and by whatever the release's counts are by.

    Args:
        utterances: those whose recording is here.
        known: what the reader knows of the release.
    """
    simple = {one.by[0]: one for one in known if len(one.by) == 1 and one.mapping == "raw"}
    found = []
    for field in FIELDS:
        if field in simple:
            found.append(_beside(utterances, simple[field]))
        elif any(getattr(utterance, field) is not None for utterance in utterances):
            counted = _count(utterances, (field,), "raw")
            rows = tuple(Count(values, counted[values], None) for values in sorted(counted, key=_natural))
            found.append(Counts(f"{field}s", (field,), "raw", rows))
    rest = (one for one in known if one not in simple.values() or one.by[0] not in FIELDS)
    return (*found, *(_beside(utterances, one) for one in rest))


def findings(counted: Sequence[Counts]) -> Iterator[Finding]:
    """Tells where the counts are not the release's; at most one finding."""
    places = tuple(
        f"{table.title}: {named(row.values)}: {row.found:,} here, {row.known:,} published"
        for table in counted
        for row in table.rows
        if row.difference
    )
    if not places:
        return
    wholes = [(sum(row.found for row in table.rows), table) for table in counted if table.rows[0].known is not None]
    here, table = max(wholes, key=lambda whole: sum(row.known or 0 for row in whole[1].rows))
    published = sum(row.known or 0 for row in table.rows)
    if here < published:
        text = f"{published - here:,} of the {published:,} utterances of the release are not here, {here:,} are"
    elif here > published:
        text = f"{here:,} utterances are here, {here - published:,} more than the {published:,} of the release"
    else:
        text = f"as many utterances are here as the release has, {here:,}, and not the same"
    remedy = (
        "fetch what is missing, or say with every result that it is of a part"
        if here < published
        else ("compare the labels with the publisher's, or fetch the corpus anew")
    )
    yield Finding("counts unlike the published ones", f"{text}; {remedy}", places)


def named(values: Values) -> str:
    """The values of a row as text.

    >>> named(("Session 1", None))
    'Session 1, none'
    """
    return ", ".join("none" if value is None else value or "''" for value in values)


def _beside(utterances: Sequence[Utterance], known: KnownCount) -> Counts:
    counted = _count(utterances, known.by, known.mapping)
    others = sorted(counted.keys() - known.counts.keys(), key=_natural)
    rows = tuple(Count(values, counted[values], known.counts.get(values, 0)) for values in (*known.counts, *others))
    return Counts(known.title, known.by, known.mapping, rows)


def _count(utterances: Sequence[Utterance], by: Sequence[str], mapping: LabelMapping) -> Counter[Values]:
    counted: Counter[Values] = Counter()
    for utterance in utterances:
        emotion = mapped(utterance.emotion, mapping)
        if emotion is not None or mapping == "raw":
            counted[tuple(emotion if field == "emotion" else getattr(utterance, field) for field in by)] += 1
    return counted


def _natural(values: Values) -> list[list[tuple[int, str]]]:
    """Sorts `S2` before `S10`."""
    parts = (re.split(r"(\d+)", value or "") for value in values)
    return [[(int(part) if part.isascii() and part.isdigit() else -1, part) for part in split] for split in parts]
