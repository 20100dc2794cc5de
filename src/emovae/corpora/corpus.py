"""What every reader gives: a corpus, which is a table of utterances and a way to hear each of them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from emovae import audio
from emovae.errors import CorpusError
from emovae.files import digest_of_file
from emovae.utterance import Utterance

RECORDING_ENDINGS = frozenset({".wav", ".flac", ".ogg", ".mp3"})


class Voice(NamedTuple):
    """How a corpus without files makes its sound.

    Attributes:
        waveform: utterance -> float32 samples at 16 kHz.
        digest: utterance -> a name of exactly that sound, without making it.
    """

    waveform: Callable[[Utterance], audio.Waveform]
    digest: Callable[[Utterance], str]


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A corpus as its reader found it.

    Attributes:
        name: the reader's name, or the folder's for people's own tables; results are printed under it.
        utterances: in the reader's order, which is the same on every machine.
        notices: what a person should know, such as that only a part of the listed recordings is here.
        voice: makes the sound of a corpus that has no files; None where there are recordings.

    Raises:
        CorpusError: when there is no utterance, or two share an id.
    """

    name: str
    utterances: tuple[Utterance, ...]
    notices: tuple[str, ...] = ()
    voice: Voice | None = None

    def __post_init__(self) -> None:
        if not self.utterances:
            raise CorpusError(f"corpus {self.name} has no utterance; check the folder")
        utterance_id, times = Counter(utterance.id for utterance in self.utterances).most_common(1)[0]
        if times > 1:
            raise CorpusError(f"corpus {self.name} names utterance {utterance_id} {times} times; leave one row of each")

    def waveform(self, utterance: Utterance) -> audio.Waveform:
        """The sound of an utterance: float32 samples, mono, 16 kHz, in -1..1.

        Raises:
            AudioError: when the recording cannot be used.
        """
        if self.voice is not None:
            return self.voice.waveform(utterance)
        return audio.read(_recording(utterance))

    def digest(self, utterance: Utterance) -> str:
        """A name of exactly that sound: the SHA-256 of its file, or the recipe of a synthetic voice.

        Raises:
            AudioError: when the file is not there or cannot be read.
        """
        if self.voice is not None:
            return self.voice.digest(utterance)
        recording = _recording(utterance)
        try:
            return digest_of_file(recording)
        except OSError as error:
            raise audio.unreadable(recording, error) from error


def _recording(utterance: Utterance) -> Path:
    if utterance.audio is None:
        raise CorpusError(f"utterance {utterance.id} names no recording")
    return utterance.audio


class Reader(NamedTuple):
    """One kind of corpus on disk.

    Attributes:
        name: what `--reader` takes.
        title: the corpus in one line.
        expects: what must lie in the folder.
        licence: what its owner allows.
        source: where to get it.
        fits: folder -> whether this reader knows it; a glance, not a check.
        read: folder -> corpus; raises CorpusError at the first odd thing, naming it.
    """

    name: str
    title: str
    expects: str
    licence: str
    source: str
    fits: Callable[[Path], bool]
    read: Callable[[Path], Corpus]


def is_recording(path: Path) -> bool:
    """Whether a name is one of an audio file; hidden ones (`._x.wav`, `.DS_Store`) are no recordings."""
    return path.suffix.lower() in RECORDING_ENDINGS and not path.name.startswith(".")


def recordings(folder: Path) -> dict[str, Path]:
    """The audio files directly in a folder: name without ending -> file, in the order of the names.

    Raises:
        CorpusError: when the folder cannot be listed, or holds one name with two endings.
    """
    try:
        paths = sorted(filter(is_recording, folder.iterdir()), key=lambda path: path.name)
    except OSError as error:
        raise CorpusError(f"folder {folder} cannot be listed: {error.strerror}; check the path and rights") from error
    found: dict[str, Path] = {}
    for path in paths:
        if path.stem in found:
            raise CorpusError(f"{folder} holds both {found[path.stem].name} and {path.name}; leave one of them")
        found[path.stem] = path
    return found


def holds(root: Path, file: str, folder: str) -> bool:
    """Whether a file and a folder of these names lie under root; what cannot be looked at does not."""
    try:
        return (root / file).is_file() and (root / folder).is_dir()
    except (OSError, ValueError):  # ValueError: no file system has such a name
        return False
