"""What may be wrong with people's own tables; each function finds one kind of it."""

import os
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from emovae.corpora.corpus import Finding, is_recording
from emovae.corpora.matching import AUDIO_WITHOUT_LABELS, LABELS_WITHOUT_AUDIO, NAMED_TWICE, below, odd_rows, sifted
from emovae.corpora.rows import Row, Rows, number
from emovae.utterance import Utterance


def empty_cells(rows: Rows, columns: Mapping[str, str]) -> Iterator[Finding]:
    """Rows that lack what each needs."""
    for field in ("path", "label", "speaker", "id"):
        empty = [row.where for row in rows.rows if field in columns and not row.cells.get(columns[field])]
        if empty:
            yield Finding(
                "empty cells",
                f"{rows.path}: {len(empty)} of {len(rows.rows)} rows have an empty {columns[field]}, "
                f"{empty[0]} first; fill them in or take the rows out",
                tuple(f"{rows.path.name}, {where}" for where in empty),
            )


def odd_numbers(rows: Rows, columns: Sequence[str]) -> tuple[Finding, ...]:
    """Cells of these columns that hold no number."""
    cells = [(row, column) for row in rows.rows for column in columns]
    return odd_rows(rows.path, sifted(cells, lambda cell: number(rows.path, *cell))[1])


def spellings(rows: Rows, field: str, names: Sequence[str]) -> Iterator[Finding]:
    """`Anna` and `anna` would be two people, one to learn from and one to be tested on."""
    spellings: dict[str, set[str]] = {}
    for name in names:
        spellings.setdefault(unicodedata.normalize("NFC", name).casefold(), set()).add(name)
    if several := sorted(sorted(alike) for alike in spellings.values() if len(alike) > 1):
        yield Finding(
            f"{field}s spelled in several ways",
            f"{rows.path}: {len(several)} {field}s are spelled in several ways, {' and '.join(map(repr, several[0]))}"
            " first; spell each in one way",
            tuple(" and ".join(map(repr, alike)) for alike in several),
        )


def _place(utterance: Utterance) -> str:
    """As text, since `./a.wav` is `a.wav`, while two links to one file may be meant."""
    return os.path.normpath(str(utterance.audio))


def named_twice(table: Path, named: Sequence[Row], utterances: Sequence[Utterance]) -> Iterator[Finding]:
    """Recordings that several rows name."""
    first: dict[str, tuple[Row, Utterance]] = {}
    places, example = [], ""
    for row, utterance in zip(named, utterances, strict=True):
        place = _place(utterance)
        if place in first:
            other, same = first[place]
            both = f"{other.where} and {row.where} both name"
            labels = f" as {same.emotion} and {utterance.emotion}" if same.emotion != utterance.emotion else ""
            example = example or f"{both} {place}{labels}"
            places.append(f"{both} {below(place, table.parent)}{labels}")
        first.setdefault(place, (row, utterance))
    if places:
        more = f" ({len(places) - 1} more such pairs)" if len(places) > 1 else ""
        yield Finding(NAMED_TWICE, f"{table}: {example}{more}; leave one", tuple(places))


def without_audio(table: Path, named: Sequence[Row], utterances: Sequence[Utterance]) -> Iterator[Finding]:
    """Rows whose recording is not there."""
    missing = [
        (place, row.where)
        for row, place in zip(named, map(_place, utterances), strict=True)
        if not os.path.isfile(place)  # noqa: PTH113 - unlike Path's, it never raises
    ]
    if missing:
        place, where = missing[0]
        message = (
            f"{len(missing)} of the {len(utterances)} recordings in {table} are not there, {place} ({where}) "
            f"first; paths count from {table.parent}: mend them, or take the rows out"
        )
        places = (f"{below(place, table.parent)} ({where})" for place, where in missing)
        yield Finding(LABELS_WITHOUT_AUDIO, message, tuple(places))


def without_labels(table: Path, utterances: Sequence[Utterance]) -> tuple[Finding, ...]:
    """The recordings that lie beside listed ones, in the same folders, and are not listed."""
    listed = {_place(utterance) for utterance in utterances}
    here = [place for place in listed if os.path.isfile(place)]  # noqa: PTH113
    folders = sorted({os.path.dirname(place) for place in here})  # noqa: PTH120
    beside: list[str] = []
    for folder in folders:
        try:
            names = sorted(path.name for path in Path(folder).iterdir() if is_recording(path))
        except OSError:  # a folder may be entered and not listed; nothing is known of it then
            continue
        beside += [place for name in names if (place := os.path.join(folder, name)) not in listed]  # noqa: PTH118
    if not beside:
        return ()
    places = tuple(below(place, table.parent) for place in beside)
    message = (
        f"{len(places)} of the {len(here) + len(places)} recordings in the folders of {table} have no row in it,"
        f" {places[0]} first; label them, or move them elsewhere (give the table itself if it lists a part on purpose)"
    )
    return (Finding(AUDIO_WITHOUT_LABELS, message, places),)


def reserved_classes(rows: Rows, utterances: Sequence[Utterance], names: Collection[str]) -> Iterator[Finding]:
    """Classes that have one of these names."""
    reserved = sorted({u.emotion for u in utterances if u.emotion and u.emotion.lower() in names})
    if reserved:
        message = f"{rows.path}: predictions have a column {', '.join(reserved)}; rename that class"
        yield Finding("classes called like a column of the predictions", message, tuple(reserved))
