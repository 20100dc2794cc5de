"""What `emovae check` tells of a corpus, for people (lines) and for programs (JSON)."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emovae.corpora.corpus import Finding
from emovae.counts import Count, Counts, named

WIDTH = 100
ROWS = 14
"""A longer table of counts is told in one line, and in those of its rows that are not as published."""
PLACES = 5


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All that the doctor found.

    Attributes:
        corpus: its name.
        reader: the reader's.
        folder: the place as it was given.
        utterances: how many the labels name.
        recordings: how many recordings of them are here.
        speakers: how many speak in them.
        seconds: how long those last that can be used.
        rates_hz: sample rate -> recordings.
        counts: by emotion, session, speaker, subset and as published.
        findings: what is wrong.
        notices: what one should know.
    """

    corpus: str
    reader: str
    folder: str
    utterances: int
    recordings: int
    speakers: int
    seconds: float
    rates_hz: Mapping[int, int]
    counts: tuple[Counts, ...]
    findings: tuple[Finding, ...]
    notices: tuple[Finding, ...]

    @property
    def verdict(self) -> str:
        """The last line."""
        if self.findings:
            count = f"{len(self.findings)} {'finding' if len(self.findings) == 1 else 'findings'}"
            return f"{count}: " + "; ".join(f"{one.kind} ({_size(one)})" for one in self.findings)
        known = any(row.known is not None for table in self.counts for row in table.rows)
        published = ", every count as published" if known else ""
        return f"nothing wrong: {self.utterances:,} utterances, {self.speakers:,} speakers{published}"


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The whole diagnosis as a JSON value; no list is cut short."""
    return {
        "corpus": diagnosis.corpus,
        "reader": diagnosis.reader,
        "folder": diagnosis.folder,
        "ok": not diagnosis.findings,
        "verdict": diagnosis.verdict,
        "utterances": diagnosis.utterances,
        "recordings": diagnosis.recordings,
        "speakers": diagnosis.speakers,
        "seconds": round(diagnosis.seconds, 3),
        "sample_rates_hz": {str(rate): count for rate, count in sorted(diagnosis.rates_hz.items())},
        "counts": [
            {
                "title": table.title,
                "by": list(table.by),
                "mapping": table.mapping,
                "rows": [
                    {"values": list(row.values), "found": row.found, "known": row.known, "difference": row.difference}
                    for row in table.rows
                ],
            }
            for table in diagnosis.counts
        ],
        "findings": [_finding(one) for one in diagnosis.findings],
        "notices": [_finding(one) for one in diagnosis.notices],
    }


def lines(diagnosis: Diagnosis) -> Iterator[str]:
    """The diagnosis for a terminal of 100 columns, long lists cut short; the last line is the verdict, in one piece."""
    minutes = diagnosis.seconds / 60
    rates = ", ".join(f"{rate} Hz" for rate in sorted(diagnosis.rates_hz)) or "none"
    yield (
        f"{_plain(diagnosis.corpus)}: {diagnosis.recordings:,} recordings of {diagnosis.utterances:,} utterances by"
        f" {diagnosis.speakers:,} speakers, {minutes:.1f} min, {rates} (reader {diagnosis.reader})"
    )
    for table in diagnosis.counts:
        yield ""
        yield from map(_plain, _counts(table))
    for heading, told in (("note", diagnosis.notices), ("finding", diagnosis.findings)):
        for one in told:
            yield ""
            yield from _told(heading, one)
    yield ""
    yield diagnosis.verdict


def _size(finding: Finding) -> int:
    return max(1, len(finding.places))


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "count": _size(finding),
        "message": finding.message,
        "places": list(finding.places),
    }


def _told(heading: str, finding: Finding) -> Iterator[str]:
    kind = "" if finding.kind == heading else f"{finding.kind}: "
    yield from _wrapped(f"{heading}: {kind}{finding.message}", "  ")
    shown = finding.places[:PLACES]
    yield from (f"    {_plain(place)}" for place in shown)
    if more := len(finding.places) - len(shown):
        yield f"    and {more:,} more; --json lists all"


def _counts(table: Counts) -> Iterator[str]:
    if len(table.rows) <= ROWS:
        yield from _grid(table, table.rows)
        return
    found = [row.found for row in table.rows if row.found]
    known = any(row.known is not None for row in table.rows)
    differing = [row for row in table.rows if row.difference]
    rest = ", all as published" if known and not differing else ""
    yield f"{table.title}: {len(found)}, each with {min(found, default=0)} to {max(found, default=0)} utterances{rest}"
    if differing:
        yield from _grid(table, differing[:ROWS])
    if len(differing) > ROWS:
        yield f"and {len(differing) - ROWS} more that are not as published; --json lists all"


def _grid(table: Counts, rows: Sequence[Count]) -> Iterator[str]:
    """Aligned columns: names to the left, numbers to the right; a column of differences only where there are any."""
    known = any(row.known is not None for row in rows)
    differ = any(row.difference for row in rows)
    header = [table.title, "here", *(["published"] if known else []), *(["difference"] if differ else [])]
    body = [
        [
            named(row.values),
            f"{row.found:,}",
            *([f"{row.known:,}"] if known else []),
            *([f"{row.difference:+,}" if row.difference else ""] if differ else []),
        ]
        for row in rows
    ]
    widths = [max(len(line[column]) for line in (header, *body)) for column in range(len(header))]
    for line in (header, *body):
        first, *numbers = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  ".join((first, *numbers)).rstrip()


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(_plain(text), WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _plain(text: str) -> str:
    """A name may hold what would move a terminal's cursor, or what is no character at all."""
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)
