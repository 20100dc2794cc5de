"""What to do about a place that no reader knows: the commonest mistakes, by what is found there."""

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from emovae.corpora.corpus import Reader, is_recording
from emovae.corpora.release import ByHand
from emovae.errors import CorpusError

LOOKED_AT = 200
"""Subfolders; one holding more is no folder of corpora."""
NAMED, ABOVE = 5, 4
"""Of subfolders so many are named, and of the folders above so many are looked at."""

Knowing = Callable[[Path], list[Reader]]


def of_nothing_there(where: str, known: Mapping[str, Reader]) -> str:
    """What is wrong with a place that does not exist.

    Args:
        where: as it was given.
        known: every reader by its name.
    """
    reader = known.get(where.lower())
    if reader is None or reader.release is None:
        return f"corpus {where} does not exist; check the path (or use --corpus synthetic)"
    how = "get it" if isinstance(reader.release, ByHand) else f"`emovae fetch {reader.name} --out FOLDER`"
    by_hand = f" ({reader.source})" if isinstance(reader.release, ByHand) else ""
    return f"{where} is the name of a corpus, and there is no such folder: give the one it is in, or {how}{by_hand}"


def of_folder(root: Path, knowing: Knowing) -> str | None:
    """What to give in place of a folder; None where nothing can be told.

    Args:
        root: a folder that no reader knows.
        knowing: the readers that know a folder, and not merely since some table lies in it.
    """
    try:
        if inside := [each.name for each in islice(_folders(root), LOOKED_AT) if knowing(each)]:
            more = f", and {len(inside) - NAMED} more" if len(inside) > NAMED else ""
            one = "subfolder" if len(inside) == 1 else "subfolders"
            which = f"{root / inside[0]}" if len(inside) == 1 else f"one of them, such as {root / inside[0]}"
            return f"{root} is no corpus, but its {one} {', '.join(inside[:NAMED])}{more} can be read; give {which}"
        whole = Path(os.path.abspath(root))  # noqa: PTH100 - links stay as named
        for above in whole.parents[:ABOVE]:
            if any(_has_recordings_in(whole, above, reader) for reader in knowing(above)):
                return f"{root} lies inside of a corpus; give that, the folder {_as_given(root, above)}"
        count = sum(is_recording(each) for each in root.rglob("*"))
    except OSError:
        return None
    if not count:
        return None
    recordings = "1 recording" if count == 1 else f"{count:,} recordings"
    return (
        f"{root} has {recordings} and no table of labels: write metadata.csv with the columns path,label,speaker"
        " beside them, one row for each (see docs/own-corpus.md)"
    )


def _folders(root: Path) -> Iterator[Path]:
    return (each for each in sorted(root.iterdir()) if each.is_dir() and not each.name.startswith("."))


def _has_recordings_in(folder: Path, above: Path, reader: Reader) -> bool:
    """Whether a corpus has recordings in this folder of it; one that merely lies near is another matter."""
    try:
        utterances = reader.survey(above).utterances
    except CorpusError:
        return False
    return any(one.audio is not None and one.audio.is_relative_to(folder) for one in utterances)


def _as_given(root: Path, above: Path) -> str:
    """A folder above another, from here if that was given so."""
    return str(above) if root.is_absolute() else os.path.relpath(above)
