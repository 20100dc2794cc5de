"""What every reader gives: a corpus, which is a table of utterances and a way to hear each of them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from emovae import audio
from emovae.corpora.release import Release
from emovae.errors import CorpusError
from emovae.files import digest_of_file
from emovae.labels import LabelMapping
from emovae.refusals import unreadable
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
        mapping: which classes studies of this corpus usually tell apart, see `labels.MAPPINGS`.

    Raises:
        CorpusError: when there is no utterance, or two share an id.
    """

    name: str
    utterances: tuple[Utterance, ...]
    notices: tuple[str, ...] = ()
    voice: Voice | None = None
    mapping: LabelMapping = "raw"

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
        return audio.read(_recording(utterance), utterance.part)

    def digest(self, utterance: Utterance) -> str:
        """A name of exactly that sound: the SHA-256 of its file and the part of it, or a synthetic voice's recipe.

        Raises:
            AudioError: when the file is not there or cannot be read.
        """
        if self.voice is not None:
            return self.voice.digest(utterance)
        recording = _recording(utterance)
        try:
            if utterance.part is None:
                return digest_of_file(recording)
            state = recording.stat()
            return f"{_digest_of_whole(recording, state.st_mtime_ns, state.st_size)} {utterance.part}"
        except OSError as error:
            raise unreadable(recording, error) from error


@lru_cache(maxsize=64)
def _digest_of_whole(recording: Path, _mtime_ns: int, _size: int) -> str:
    """An hour of a dialogue has hundreds of parts, and is read once for them."""
    return digest_of_file(recording)


def _recording(utterance: Utterance) -> Path:
    if utterance.audio is None:
        raise CorpusError(f"utterance {utterance.id} names no recording")
    return utterance.audio


class Finding(NamedTuple):
    """Something wrong with a corpus: a reader stops at it, and `emovae check` tells all there are.

    Attributes:
        kind: what sort of thing in few words, such as `labels without audio`.
        message: what is wrong, where, how much, and what to do.
        places: each file or line concerned.
    """

    kind: str
    message: str
    places: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class KnownCount:
    """How many utterances of each kind the publisher's release has.

    Attributes:
        title: what is counted, such as `emotions`.
        by: the fields of an utterance that are counted by, such as `("session", "subset", "emotion")`.
        counts: their values, in that order -> how many utterances.
        mapping: under which the emotions are named; what it leaves out is not counted.
    """

    title: str
    by: tuple[str, ...]
    counts: Mapping[tuple[str | None, ...], int]
    mapping: LabelMapping = "raw"


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All that a reader finds in a folder, right or wrong; fields as in `Corpus`, but that it may be empty.

    Attributes:
        name: see `Corpus`.
        utterances: what the labels name, whether or not the recording is there.
        notices: see `Corpus`.
        findings: what keeps it from being read.
        remarks: what keeps it from nothing, and is as wrong all the same; only `emovae check` tells it.
        mapping: see `Corpus`.
    """

    name: str
    utterances: tuple[Utterance, ...]
    notices: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()
    mapping: LabelMapping = "raw"


class Reader(NamedTuple):
    """One kind of corpus on disk.

    Attributes:
        name: what `--reader` takes.
        title: the corpus in one line.
        expects: what must lie in the folder.
        licence: what its owner allows.
        source: where to get it.
        fits: folder -> whether this reader knows it; a glance, not a check.
        survey: folder -> all that it finds; raises CorpusError where nothing at all can be told.
        known: the counts of the publisher's release, where they are known.
        release: how it can be downloaded; None is a corpus of one's own.
    """

    name: str
    title: str
    expects: str
    licence: str
    source: str
    fits: Callable[[Path], bool]
    survey: Callable[[Path], Survey]
    known: tuple[KnownCount, ...] = ()
    release: Release | None = None

    def read(self, root: Path) -> Corpus:
        """Reads a folder.

        Raises:
            CorpusError: at the first thing that is wrong.
        """
        found = self.survey(root)
        if found.findings:
            others = len(found.findings) - 1
            more = (
                f"\n{others} more {'finding' if others == 1 else 'findings'}: `emovae check` tells all"
                if others
                else ""
            )
            raise CorpusError(found.findings[0].message + more)
        return Corpus(name=found.name, utterances=found.utterances, notices=found.notices, mapping=found.mapping)


def is_recording(path: Path) -> bool:
    """Whether a name is one of an audio file; hidden ones (`._x.wav`, `.DS_Store`) are no recordings."""
    return path.suffix.lower() in RECORDING_ENDINGS and not path.name.startswith(".")


def holds(root: Path, file: str, folder: str) -> bool:
    """Whether a file and a folder of these names lie under root; what cannot be looked at does not."""
    try:
        return (root / file).is_file() and (root / folder).is_dir()
    except (OSError, ValueError):  # ValueError: no file system has such a name
        return False
