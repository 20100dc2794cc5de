"""Where IEMOCAP lies on a disk, and what is there of each dialogue.

    IEMOCAP_full_release/Session1/dialog/EmoEvaluation/Ses01F_impro01.txt
    IEMOCAP_full_release/Session1/dialog/transcriptions/Ses01F_impro01.txt
    IEMOCAP_full_release/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav

Folders are listed, single files never looked up. People's copies hold files of other programs beside these.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from emovae.corpora.corpus import Finding
from emovae.corpora.iemocap.facts import DIALOG, SESSIONS
from emovae.corpora.iemocap.files import Fault, Labels, Turn, read_labels, read_words
from emovae.corpora.matching import Listing, listing
from emovae.errors import CorpusError

FOLDERS = tuple(f"Session{session[-1]}" for session in SESSIONS)
LABELS, WORDS, SOUND = "dialog/EmoEvaluation", "dialog/transcriptions", "sentences/wav"
EXPECTS = f"Session1 to Session5, each with {LABELS} and {SOUND}, in this folder (IEMOCAP_full_release) or below it"
DEEPEST, MOST_FOLDERS = 3, 1_000  # how far below a folder the release is looked for, and in how many a level


class Dialog(NamedTuple):
    """All there is of one dialogue; labels, words, or recordings may be missing."""

    folder: str  # of the session
    name: str
    labels: Labels | None
    words: Mapping[str, str] | None
    audio: Mapping[str, Path]

    @property
    def label_file(self) -> str:
        """Where its labels are, or should be, in the release."""
        return f"{self.folder}/{LABELS}/{self.name}.txt"

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What its labels name."""
        return self.labels.turns if self.labels else ()


def find(root: Path) -> Path:
    """The folder that holds Session1 to Session5.

    Raises:
        CorpusError: when there is none or more than one, or a folder cannot be listed.
    """
    try:
        found = _releases(root)
        above = None if found else _above(root)
    except OSError as error:
        raise CorpusError(f"folder {root} cannot be listed: {error.strerror}; check the path and rights") from error
    if above:
        raise CorpusError(f"{root} lies inside IEMOCAP, whose sessions are read together; give {above} in its place")
    if not found:
        raise CorpusError(f"{root} holds no IEMOCAP: it needs {EXPECTS}")
    if len(found) > 1:
        listed = ", ".join(map(str, found))
        raise CorpusError(f"{root} holds {len(found)} copies of IEMOCAP: {listed}; give one of them in its place")
    return found[0]


def _releases(root: Path) -> list[Path]:
    """The releases nearest to the top, at most some levels below a folder."""
    level = [root]
    for _ in range(DEEPEST + 1):
        found = [folder for folder in level if _is_release(folder)]
        if found:
            return found
        level = [below for folder in level for below in _folders(folder, must=folder == root)][:MOST_FOLDERS]
    return []


def _is_release(folder: Path) -> bool:
    return any((folder / session / part).is_dir() for session in FOLDERS for part in (LABELS, SOUND))


def _folders(folder: Path, must: bool = False) -> list[Path]:
    """The folders in a folder by name, hidden ones aside; none where it cannot be listed, unless it must."""
    try:
        return sorted(below for below in folder.iterdir() if below.name[0] != "." and below.is_dir())
    except OSError:
        if must:
            raise
        return []


def _above(root: Path) -> Path | None:
    """The release in one of whose sessions a folder lies."""
    inside = [root.absolute(), *root.absolute().parents]
    for folder, parent in pairwise(inside):
        if folder.name in FOLDERS and _is_release(parent):
            return parent
    return None


def is_there(root: Path) -> bool:
    """Whether IEMOCAP lies in, below or around a folder; what cannot be looked at is no IEMOCAP."""
    try:
        return root.is_dir() and bool(_releases(root) or _above(root))
    except (OSError, ValueError):  # ValueError: no file system has such a name
        return False


def dialogs_of(release: Path, folder: str, findings: list[Finding]) -> list[Dialog]:
    """The dialogues of a session that have labels or recordings, by name.

    Args:
        release: the folder that holds Session1 to Session5.
        folder: one of them.
        findings: to which folders of recordings that are not as they should be are added.

    Raises:
        CorpusError: when the folder of labels or the one of recordings cannot be listed.
    """
    session = release / folder
    sound: dict[str, Mapping[str, Path]] = {}
    for below in _listed(session / SOUND):
        if below.name[0] == "." or below.is_file():
            continue
        try:
            listed = listing(below)
        except CorpusError as error:
            listed = Listing({}, (Finding("unclear recordings", str(error)),))
        sound[below.name] = listed.audio
        findings.extend(one._replace(places=(f"{folder}/{SOUND}/{below.name}",)) for one in listed.findings)
    labelled = {path.stem for path in _listed(session / LABELS) if path.match("Ses*.txt")}
    recorded = {name for name, audio in sound.items() if audio}
    return [_dialog(session, name, name in labelled, sound.get(name, {})) for name in sorted(labelled | recorded)]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise CorpusError(f"folder {folder} cannot be listed: {error.strerror}; check the path and rights") from error


def _dialog(session: Path, name: str, labelled: bool, audio: Mapping[str, Path]) -> Dialog:
    path = session / LABELS / f"{name}.txt"
    words: Mapping[str, str] | None
    try:
        words = read_words(session / WORDS / f"{name}.txt")
    except (OSError, ValueError):
        words = None
    labels = read_labels(path) if labelled else None
    known = DIALOG.fullmatch(name)
    if labels and (known is None or known["session"] != SESSIONS[FOLDERS.index(session.name)]):
        labels = Labels((), (Fault("id", "", f"{name} is no dialogue of {session.name}"),), ())
    return Dialog(session.name, name, labels, words, audio)
