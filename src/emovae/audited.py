"""What an audit tells of a corpus, for people (lines) and for programs (JSON)."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from emovae.diagnosis import WIDTH

SHORTCUTS = ("speaker", "words", "channel")
"""The questions whose answer may be a shortcut; the others tell what follows for the numbers."""
DIGITS = 4
TOGETHER = "\N{NO-BREAK SPACE}"

Figures = dict[str, float | int | None]
"""Shares are in 0..1, and units in the names."""


class Answer(NamedTuple):
    """One question that was asked of the corpus.

    Attributes:
        key: its name: one of `SHORTCUTS`, or `split` or `normalisation`.
        question: in words.
        found: whether it is a shortcut; None where that cannot be said, and for the questions that seek none.
        sentence: the answer, and what it means for the numbers.
        figures: what it rests on.
    """

    key: str
    question: str
    found: bool | None
    sentence: str
    figures: Figures


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All answers.

    Attributes:
        corpus: its name.
        mapping: under which the emotions are named, see `labels.MAPPINGS`.
        utterances: how many were looked at: those with an emotion and a recording that can be used.
        speakers: how many speak in them.
        classes: emotion -> utterances.
        answers: in the order of the questions.
        notices: what one should know of the corpus.
    """

    corpus: str
    mapping: str
    utterances: int
    speakers: int
    classes: Mapping[str, int]
    answers: tuple[Answer, ...]
    notices: tuple[str, ...] = ()

    @property
    def found(self) -> tuple[str, ...]:
        """The shortcuts."""
        return tuple(one.key for one in self.answers if one.found)

    @property
    def verdict(self) -> str:
        """The last line."""
        told = []
        for name, found in (("confounds", True), ("no confound", False), ("cannot be said", None)):
            if keys := [one.key for one in self.answers if one.key in SHORTCUTS and one.found is found]:
                told.append(f"{name}: {', '.join(keys)}")
        return "; ".join(told)


def as_json(audit: Audit) -> dict[str, Any]:
    """The whole audit as a JSON value."""
    return {
        "corpus": audit.corpus,
        "ok": not audit.found,
        "verdict": audit.verdict,
        "mapping": audit.mapping,
        "utterances": audit.utterances,
        "speakers": audit.speakers,
        "classes": dict(audit.classes),
        "answers": [
            {
                "key": one.key,
                "question": one.question,
                "found": one.found,
                "sentence": one.sentence,
                "figures": {
                    name: round(figure, DIGITS) if isinstance(figure, float) else figure
                    for name, figure in one.figures.items()
                },
            }
            for one in audit.answers
        ],
        "notices": list(audit.notices),
    }


def lines(audit: Audit) -> Iterator[str]:
    """The audit for a terminal of 100 columns; the last line is the verdict, in one piece."""
    classes = ", ".join(f"{name} {count:,}" for name, count in audit.classes.items())
    yield from _wrapped(
        f"{audit.corpus}: {audit.utterances:,} utterances by {audit.speakers:,} speakers; {classes} (mapping"
        f" {audit.mapping})"
    )
    for notice in audit.notices:
        yield from _wrapped(f"note: {notice}")
    for one in audit.answers:
        yield ""
        yield from _wrapped(_heading(one))
        yield from ("  " + line for line in _wrapped(one.sentence, WIDTH - 2, ""))
    yield ""
    yield audit.verdict


def percent(share: float) -> str:
    """A share as people read it; what is below nothing by chance is nothing.

    >>> percent(0.2345), percent(-0.001)
    ('23.4 %', '0.0 %')
    """
    return f"{100 * max(0.0, share):.1f} %"


def _heading(answer: Answer) -> str:
    told = {True: " YES", False: " no", None: " this cannot be said"}[answer.found]
    return answer.question + (told if answer.key in SHORTCUTS else "")


def _wrapped(text: str, width: int = WIDTH, indent: str = "  ") -> list[str]:
    # A name may hold what would move a terminal's cursor, or what is no character at all.
    plain = "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)
    held = plain.replace(" %", f"{TOGETHER}%")
    found = textwrap.wrap(held, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return [line.replace(TOGETHER, " ") for line in found]
