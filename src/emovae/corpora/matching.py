"""Labels against recordings: what one has and the other lacks, and the rows that say nothing that can be read."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from emovae.corpora.corpus import Finding, is_recording
from emovae.errors import CorpusError

LABELS_WITHOUT_AUDIO = "labels without audio"
AUDIO_WITHOUT_LABELS = "audio without labels"
NAMED_TWICE = "recordings named twice"
ODD_ROWS = "odd rows"

Thing = TypeVar("Thing")
Made = TypeVar("Made")


class Listing(NamedTuple):
    """The audio files directly in a folder.

    Attributes:
        audio: name without ending -> file, in the order of the names.
        findings: names that two files share; `audio` has the first.
    """

    audio: Mapping[str, Path]
    findings: tuple[Finding, ...]


def listing(folder: Path) -> Listing:
    """Lists the audio files directly in a folder.

    Raises:
        CorpusError: when the folder cannot be listed.
    """
    try:
        paths = sorted(filter(is_recording, folder.iterdir()), key=lambda path: path.name)
    except OSError as error:
        raise CorpusError(f"folder {folder} cannot be listed: {error.strerror}; check the path and rights") from error
    audio: dict[str, Path] = {}
    for path in paths:
        audio.setdefault(path.stem, path)
    pairs = [f"{audio[path.stem].name} and {path.name}" for path in paths if path is not audio[path.stem]]
    if not pairs:
        return Listing(audio, ())
    more = f" ({len(pairs) - 1} more such pairs)" if len(pairs) > 1 else ""
    message = f"{folder} holds both {pairs[0]}{more}; leave one of them"
    return Listing(audio, (Finding("one name, two recordings", message, tuple(pairs)),))


def below(path: Path | str, folder: Path) -> str:
    """A recording's place as seen from a folder; as it stands where it lies elsewhere.

    >>> below("mine/clips/a.wav", Path("mine")), below("clips/a.wav", Path(".")), below("other/a.wav", Path("mine"))
    ('clips/a.wav', 'clips/a.wav', 'other/a.wav')
    """
    place = Path(os.path.normpath(path))
    root = Path(os.path.normpath(folder))
    return (place.relative_to(root) if place.is_relative_to(root) else place).as_posix()


def sifted(things: Iterable[Thing], make: Callable[[Thing], Made]) -> tuple[list[Made], list[CorpusError]]:
    """What could be made of each thing, and the errors of those of which nothing could."""
    made, errors = [], []
    for thing in things:
        try:
            made.append(make(thing))
        except CorpusError as error:
            errors.append(error)
    return made, errors


def odd_rows(table: Path, errors: Collection[CorpusError]) -> tuple[Finding, ...]:
    """One finding of all the rows that could not be read, each place saying why; none where there is no error."""
    if not errors:
        return ()
    messages = [str(error) for error in errors]
    more = f" ({len(messages) - 1} more such rows)" if len(messages) > 1 else ""
    # The remedy, behind the semicolon, is the message's; a place says where and what.
    places = (f"{table.name}{message.removeprefix(str(table))}".rpartition("; ")[0] for message in messages)
    return (Finding(ODD_ROWS, messages[0] + more, tuple(places)),)


def labels_without_audio(table: Path, named: Collection[str], listed: Listing, folder: Path) -> tuple[Finding, ...]:
    """The labels whose recording is not in the folder: at most one finding."""
    missing = [name for name in named if name not in listed.audio]
    if not missing:
        return ()
    message = (
        f"{len(missing)} of the {len(named)} recordings in {table} are not in {folder}, {missing[0]} first;"
        " fetch the corpus anew"
    )
    return (Finding(LABELS_WITHOUT_AUDIO, message, tuple(missing)),)


def audio_without_labels(table: Path, named: Collection[str], listed: Listing, folder: Path) -> tuple[Finding, ...]:
    """The recordings that no label names: at most one finding."""
    unknown = [f"{folder.name}/{path.name}" for name, path in listed.audio.items() if name not in named]
    if not unknown:
        return ()
    message = (
        f"{len(unknown)} of the {len(listed.audio)} recordings in {folder} have no row in {table},"
        f" {Path(unknown[0]).name} first; take them out, or fetch the corpus anew"
    )
    return (Finding(AUDIO_WITHOUT_LABELS, message, tuple(unknown)),)
