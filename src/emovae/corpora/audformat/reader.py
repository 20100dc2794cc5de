"""audformat databases: a header `db.yaml`, and tables that tell of files or of segments of them.

A real shape of `db.emotion.csv`, made-up values: `audio/001.wav,0 days 00:00:01.500000,0 days 00:00:03,anger` under
`file,start,end,emotion`. Ratings whose scheme has a minimum and a maximum are brought to emovae's 1 to 5.

https://audeering.github.io/audformat/
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from emovae.corpora.audformat.cells import Cell, Content, content_of, meaning, rating
from emovae.corpora.audformat.choice import CHOICE, HEADER, HEADERS, chosen
from emovae.corpora.audformat.tables import Line
from emovae.corpora.corpus import Finding, Reader, Survey
from emovae.corpora.matching import odd_rows, sifted
from emovae.corpora.rows import Row, Rows
from emovae.corpora.table import DIMENSIONS, GENDERS, RESERVED
from emovae.corpora.table_findings import reserved_classes, spellings, without_audio
from emovae.errors import CorpusError
from emovae.labels import emotion_name
from emovae.utterance import Utterance

_PLAIN_NAME = re.compile(r"\w[\w .+-]*")


class _Read(NamedTuple):
    """An utterance, the row that it came from, and what its label and gender were there."""

    utterance: Utterance
    row: Row
    label: Cell
    gender: str


def _survey(root: Path) -> Survey:
    content = content_of(chosen(root))
    path, header = content.chosen.path, content.chosen.header
    each = [(table, line) for table in content.chosen.tables for line in content.tables[table].lines]
    if not each:
        raise CorpusError(f"{path}: the tables {', '.join(content.chosen.tables)} have no row; fetch the database anew")
    read, odd = sifted(each, lambda one: _read(content, *one))
    utterances, rows = [one.utterance for one in read], [one.row for one in read]
    as_rows = Rows(path, (), tuple(rows))
    return Survey(
        name=header.name if _PLAIN_NAME.fullmatch(header.name) else path.parent.resolve().name or "audformat",
        utterances=tuple(utterances),
        notices=(*content.chosen.notices, *content.scales, *_left_open(content, read)),
        findings=(
            *odd_rows(path, odd),
            *_outside_the_scheme(path, read),
            *_without_speaker(path, read),
            *without_audio(path, rows, utterances),
            *spellings(as_rows, "label", [utterance.emotion or "" for utterance in utterances]),
            *spellings(as_rows, "speaker", [utterance.speaker for utterance in utterances]),
            *reserved_classes(as_rows, utterances, RESERVED),
        ),
    )


def _read(content: Content, table: str, line: Line) -> _Read:
    told = {field: content.cell(field, table, line) for field in content.chosen.told}
    texts = {field: cell.text for field, cell in told.items() if cell.text}
    facts = content.speakers.get(texts.get("speaker", ""), {})
    arousal, valence, dominance = (rating(told.get(field, Cell())) for field in DIMENSIONS)
    file, part = line.key
    languages = content.chosen.header.languages
    gender = texts.get("gender") or facts.get("gender", "")
    label = told.get("label", Cell())
    utterance = Utterance(
        id=file if part is None else f"{file}#{part}",
        audio=content.chosen.path.parent / file,
        part=part,
        speaker=texts.get("speaker", ""),
        emotion=emotion_name(label.text) if label.text else None,
        arousal=arousal,
        valence=valence,
        dominance=dominance,
        session=texts.get("session"),
        subset=texts.get("subset"),
        language=texts.get("language") or facts.get("language") or (languages[0] if len(languages) == 1 else None),
        gender=GENDERS.get(gender.lower()),
        sentence=texts.get("sentence"),
        transcript=meaning(told["transcript"]) if "transcript" in told else None,
    )
    return _Read(utterance, Row(f"{content.tables[table].path.name}, {line.where}", line.cells), label, gender)


def _left_open(content: Content, read: Sequence[_Read]) -> Iterator[str]:
    """What the tables leave open, as audformat lets them."""
    unlabelled = [one for one in read if not one.label.text]
    if unlabelled and "label" in content.chosen.told:
        yield f"{len(unlabelled)} of {len(read)} rows have no label, {unlabelled[0].utterance.id} first"
    others = [one.gender for one in read if one.gender and one.utterance.gender is None]
    if others:
        yield f"gender not read in {len(others)} of {len(read)} rows, {others[0]!r} first"


def _outside_the_scheme(path: Path, read: Sequence[_Read]) -> Iterator[Finding]:
    """Labels that the header does not know: audformat would take them for none."""
    odd = [one for one in read if one.label.is_odd]
    if odd:
        first = odd[0]
        yield Finding(
            "labels outside their scheme",
            f"{path}: {len(odd)} of {len(read)} labels are not in their scheme, {first.label.text!r} of"
            f" {first.utterance.id} first ({first.row.where}); mend them, or add them to the scheme",
            tuple(f"{one.row.where}: {one.label.text!r}" for one in odd),
        )


def _without_speaker(path: Path, read: Sequence[_Read]) -> Iterator[Finding]:
    empty = [one for one in read if not one.utterance.speaker]
    if empty:
        yield Finding(
            "empty cells",
            f"{path}: {len(empty)} of {len(read)} rows have no speaker, {empty[0].utterance.id} first"
            f" ({empty[0].row.where}); fill them in or take the rows out",
            tuple(f"{one.row.where}: {one.utterance.id}" for one in empty),
        )


def _fits(root: Path) -> bool:
    try:
        return (root / HEADER).is_file() or (root.suffix.lower() in {*HEADERS, CHOICE} and root.is_file())
    except (OSError, ValueError):  # ValueError: no file system has such a name
        return False


READER = Reader(
    name="audformat",
    title="any audformat database, such as those that audb fetches; labels of files or of segments of them",
    expects="db.yaml and its tables beside it, such as db.emotion.csv; or a .toml file that says which columns count",
    licence="as its header says",
    source="https://audeering.github.io/datasets/",
    fits=_fits,
    survey=_survey,
)
