"""Corpora whose recordings tell all by their names: which are named as published, and which are not."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from emovae.corpora.corpus import Finding, is_recording
from emovae.errors import CorpusError


class Naming(NamedTuple):
    """How a publisher names recordings.

    Attributes:
        title: the corpus, as people call it.
        place: a recording's place under the corpus's folder, such as `wav/03a01Fa.wav`.
        example: one such place.
        glances: glob patterns under which at least one of them lies, for a glance at a folder.
        published: how many recordings the publisher's release has.
        within: the only folder that is looked into; "" is all of the corpus.
    """

    title: str
    place: re.Pattern[str]
    example: str
    glances: tuple[str, ...]
    published: int
    within: str = ""

    def fits(self, root: Path) -> bool:
        """Whether a recording with such a name lies where they do."""
        try:
            paths = (path for glance in self.glances for path in root.glob(glance))
            return any(self.place.fullmatch(path.relative_to(root).as_posix()) for path in paths)
        except (OSError, ValueError):  # ValueError: no file system has such a name
            return False


class Found(NamedTuple):
    """The recordings of a corpus.

    Attributes:
        named: place under the corpus's folder -> what its name tells, in the order of the places.
        misnamed: the recordings that are not named as published: at most one finding.
    """

    named: Mapping[str, re.Match[str]]
    misnamed: tuple[Finding, ...]


def find(root: Path, naming: Naming) -> Found:
    """Looks for all recordings, in whatever folder, and reads their names.

    Raises:
        CorpusError: when the folder cannot be listed.
    """
    folder = root / naming.within
    try:
        places = sorted(path.relative_to(root).as_posix() for path in folder.rglob("*") if is_recording(path))
    except OSError as error:
        raise CorpusError(f"folder {folder} cannot be listed: {error.strerror}; check the path and rights") from error
    # A place in a hidden folder, such as a bin, is none of the corpus.
    places = [place for place in places if not re.match(r"\.|.*/\.", place)]
    named = {place: name for place in places if (name := naming.place.fullmatch(place))}
    return Found(named, _misnamed(root, naming, [place for place in places if place not in named]))


def here(naming: Naming, count: int) -> tuple[str, ...]:
    """A notice where fewer or more recordings are here than the publisher's release has."""
    if count == naming.published:
        return ()
    return (f"{count:,} of the {naming.published:,} recordings of {naming.title} are here",)


def torn(root: Path, places: Sequence[str], what: str) -> tuple[Finding, ...]:
    """The recordings whose folder and name disagree: at most one finding.

    Args:
        root: the corpus's folder.
        places: of these recordings.
        what: what the two say differently, such as `actor`.
    """
    if not places:
        return ()
    message = f"{root / places[0]}: the folder says another {what} than the name{more(places)}; fetch the corpus anew"
    return (Finding("folder and name disagree", message, tuple(places)),)


def more(places: Sequence[str]) -> str:
    """How many recordings there are besides the first."""
    return f" ({len(places) - 1} more such recordings)" if len(places) > 1 else ""


def _misnamed(root: Path, naming: Naming, places: Sequence[str]) -> tuple[Finding, ...]:
    if not places:
        return ()
    message = (
        f"{root / places[0]} is not named as {naming.title}'s recordings are, such as {naming.example}"
        f"{more(places)}; take it out, or fetch the corpus anew"
    )
    return (Finding("misnamed recordings", message, tuple(places)),)
