"""A folder of 44.1 kHz recordings becomes cached frames, beside a loop of librosa."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import librosa
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.log_mel import by_librosa
from benchmarks.measure import Row, faster, paired
from emovae.audio import SAMPLE_RATE_HZ
from emovae.corpora import open_corpus
from emovae.frames import CorpusFrames, corpus_frames
from emovae.settings import FrontEnd

RECORDINGS, TURNS, RATE_HZ, THREADS = 300, 2, 44_100, 2
"""Two synthetic turns in each recording make the 4 to 5 s of a turn of IEMOCAP."""
TOLERANCE = 1e-3


def write_folder(folder: Path, kind: str, recordings: int = RECORDINGS) -> float:
    """Synthetic voices as 16-bit files of a kind, with a label table; the seconds of them."""
    folder.mkdir()
    corpus, lines, samples = open_corpus(f"synthetic:{max(8, recordings * TURNS)}"), ["path,emotion,speaker"], 0
    for place in range(recordings):
        turns = corpus.utterances[place * TURNS : (place + 1) * TURNS]
        speech = np.concatenate([corpus.waveform(turn) for turn in turns])
        waveform = soxr.resample(speech, SAMPLE_RATE_HZ, RATE_HZ, quality="HQ")
        soundfile.write(folder / f"{place:04}.{kind}", waveform, RATE_HZ, subtype="PCM_16")
        lines.append(f"{place:04}.{kind},{turns[0].emotion},{turns[0].speaker}")
        samples += len(waveform)
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return samples / RATE_HZ


def by_emovae(folder: Path, cache: Path) -> CorpusFrames:
    """Our frames, with librosa's triangles, in a new cache."""
    return corpus_frames(open_corpus(str(folder)), FrontEnd(triangles="hz"), cache, at_least=1, threads=THREADS)


def by_loop(folder: Path) -> list[NDArray[np.float32]]:
    """What a study's script does: load, transform, next; nothing is kept on disk."""
    return [by_librosa(librosa.load(path, sr=SAMPLE_RATE_HZ)[0]) for path in sorted(folder.glob("[0-9]*"))]


def furthest(ours: CorpusFrames, theirs: list[NDArray[np.float32]]) -> float:
    """The greatest difference; librosa's waveform may be a sample longer, and so have a frame more."""
    differences = []
    for place, other in enumerate(theirs):
        frames = ours.of(place)
        if not 0 <= len(other) - len(frames) <= 1:
            raise AssertionError(f"recording {place} has {len(frames)} frames, and {len(other)} by librosa")
        differences.append(float(np.abs(frames - other[: len(frames)]).max()))
    return max(differences)


def rows(rounds: int) -> Iterator[Row]:
    """The ratio for WAV and for FLAC, from the same folder, each round into a new cache."""
    for kind in ("wav", "flac"):
        with TemporaryDirectory() as root:
            yield _of(kind, Path(root), rounds)


def _of(kind: str, root: Path, rounds: int) -> Row:
    folder, caches = root / "corpus", (root / f"cache{number}" for number in count())
    seconds = write_folder(folder, kind)
    off = furthest(by_emovae(folder, next(caches)), by_loop(folder))
    if off > TOLERANCE:
        raise AssertionError(f"frames differ from librosa's by {off:.2g}, more than {TOLERANCE:g}")
    pairs = paired(lambda: by_emovae(folder, next(caches)), lambda: by_loop(folder), rounds)
    what = f"folder to cached frames, {kind.upper()} of {RATE_HZ / 1000:g} kHz, {THREADS} threads"
    return faster(what, "a loop of librosa", pairs, seconds, "s of speech", 3.0, f"within {off:.1g} of librosa")
