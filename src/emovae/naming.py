"""Which utterance of a corpus a name means, where a file's authors had the corpus in another place and form.

An id means itself. Anything else is taken for a path, whatever folder it begins with and whichever ending it has: as
much of its end counts as is known, and that is the name of the recording at least.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from emovae.errors import ProtocolError
from emovae.heldout import few
from emovae.utterance import Utterance

ENDING = re.compile(r"\.(wav|flac|ogg|opus|mp3|m4a|aiff?|sph|mp4|avi)$", re.IGNORECASE)
"""Of a recording, in whatever form its publisher or its user keeps it."""


class Named(NamedTuple):
    """How a file calls an utterance, by one name or several, of which the first that is known counts; and where."""

    names: tuple[str, ...]
    where: str


class Meant(NamedTuple):
    """The utterance that is meant, by its id; how it is called; and whether that was taken for a path."""

    id: str
    path: str
    by_path: bool


def meant(file: str, named: Sequence[Named], utterances: Sequence[Utterance]) -> list[Meant]:
    """The utterance that each name means.

    Args:
        file: the name of the file, for messages.
        named: what it names.
        utterances: all of the corpus.

    Raises:
        ProtocolError: for names that mean no utterance or several, and for two recordings of which the corpus has one.

    >>> voices = [Utterance(id=name, audio=None, speaker="ann") for name in ("a", "clips/b.wav")]
    >>> [one.id for one in meant("split.csv", [Named(("a",), "line 2"), Named(("/old/b.flac",), "line 3")], voices)]
    ['a', 'clips/b.wav']
    """
    ids, ends = {utterance.id for utterance in utterances}, _by_end(utterances)
    each = [(one.names[0], _possible(one.names, ids, ends)) for one in named]
    if unknown := list(dict.fromkeys(name for name, possible in each if not possible)):
        raise ProtocolError(
            f"{len(unknown)} of the {len({name for name, _ in each})} utterances that {file} names are not in the"
            f" corpus: {few(unknown)}. It has {few([one.id for one in utterances])}; take the others out of the file,"
            " or fetch what the corpus lacks"
        )
    if unsure := {name: sorted(one.id for one in possible) for name, possible in each if len(possible) > 1}:
        name, several = next(iter(unsure.items()))
        raise ProtocolError(
            f"{len(unsure)} names in {file} mean several utterances each, {name} first: {few(several)}; write the ids"
            " of the corpus in their place"
        )
    sure = [one for _, (one,) in each]
    _require_one_recording_each(file, named, sure)
    return sure


def _possible(names: Sequence[str], ids: Collection[str], ends: Mapping[str, Collection[str]]) -> list[Meant]:
    """All that may be meant: one, if all is well."""
    for name in names:
        if name in ids:
            return [Meant(name, _ends(name)[0] if _ends(name) else name, by_path=False)]
    for path in map(_ends, [*names, *_composed(names)]):
        for end in path:
            if end in ends:
                return [Meant(member, path[0], by_path=True) for member in ends[end]]
    return []


def _by_end(utterances: Sequence[Utterance]) -> dict[str, set[str]]:
    """Every end of each utterance's id and path -> the ids of those who have it."""
    known: dict[str, set[str]] = {}
    for utterance in utterances:
        for path in (utterance.id, *([utterance.audio.as_posix()] if utterance.audio else [])):
            for end in {*_ends(path), *_ends(*_composed([path]))}:
                known.setdefault(end, set()).add(utterance.id)
    return known


def _composed(names: Sequence[str]) -> list[str]:
    """The names as one letter with its accent: some systems write two characters for it, and it looks the same."""
    return [unicodedata.normalize("NFC", name) for name in names]


def _ends(path: str) -> list[str]:
    """A path without the ending of a recording, then without its first folder, and so on.

    >>> _ends("/wav/DK/a.1.WAV")
    ['wav/DK/a.1', 'DK/a.1', 'a.1']
    """
    parts = [part for part in PurePosixPath(ENDING.sub("", path.replace("\\", "/"))).parts if part.strip("/")]
    return ["/".join(parts[first:]) for first in range(len(parts))]


def _require_one_recording_each(file: str, named: Sequence[Named], sure: Sequence[Meant]) -> None:
    """Of two recordings of one name in two folders the corpus may have one; the other must not be taken for it."""
    paths: dict[tuple[str, str], str] = {}
    for (_, where), (member, path, _) in zip(named, sure, strict=True):
        before = paths.setdefault((member, path.rpartition("/")[2]), path)
        if not f"/{before}".endswith(f"/{path}") and not f"/{path}".endswith(f"/{before}"):
            raise ProtocolError(
                f"{file}, {where}: {before} and {path} are two recordings, and the corpus has one of that name,"
                f" {member}; write the ids of the corpus in their place"
            )
