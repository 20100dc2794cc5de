"""eGeMAPS (Eyben et al. 2016, the paper's [1]) of a whole corpus: descriptors made by hand, for models that read them.

openSMILE computes them: the set eGeMAPSv02, either its 25 low-level descriptors every 10 ms, or their 88 functionals
over a recording. It is no part of emovae and not under its licence. audEERING's licence allows private use, research
and teaching and forbids any use in a commercial product; whoever accepts that installs `emovae[egemaps]`.

openSMILE itself reads 16-bit samples, and makes full scale overflow, so samples are kept below it here; a recording
shorter than its longest window of 60 ms is filled with silence.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.errors import AudioError, ConfigError
from emovae.extraction import Progress, Rows, Transform, extract, unusable
from emovae.files import fingerprint
from emovae.frames import CorpusFrames
from emovae.locks import Tell, nobody

Level = Literal["low_level", "functionals"]

READS: dict[str, Level] = {
    "ACNN-eGeMAPS": "low_level",
    "eGeMAPS-LSTM": "low_level",
    "eGeMAPS-SVM": "functionals",
}
"""The models that read descriptors, and which."""
SIDES = ("baselines", "rivals")
COLUMNS: dict[Level, int] = {"low_level": 25, "functionals": 88}
DESCRIPTORS_VERSION = 1
"""Raised when the same audio gives other descriptors than before, openSMILE's own versions aside."""
LOUDEST = 1 - 2.0**-15
LEAST_SAMPLES = SAMPLE_RATE_HZ * 60 // 1000
LICENCE = "audEERING's licence: research, teaching and private use; no commercial product"


class Descriptors(NamedTuple):
    """Where the descriptors of a corpus lie, None where no model reads them; utterances as in the frames.

    Attributes:
        low_level: 25 values every 10 ms.
        functionals: 88 values in the single row of each utterance.
    """

    low_level: CorpusFrames | None = None
    functionals: CorpusFrames | None = None

    def of(self, model: str) -> CorpusFrames:
        """What a model reads."""
        found: CorpusFrames | None = getattr(self, READS[model])
        assert found is not None, f"the descriptors that {model} reads were not computed"
        return found


def installed() -> bool:
    """Whether openSMILE can be had."""
    return find_spec("opensmile") is not None


def without_missing(experiment: Experiment) -> tuple[Experiment, tuple[str, ...]]:
    """The experiment without what openSMILE is missing for, and what to say of that.

    Raises:
        ConfigError: when nothing would be left of it.
    """
    readers = [model for model in (*experiment.baselines, *experiment.rivals) if model in READS]
    if not readers or installed():
        return experiment, ()
    verb = "was" if len(readers) == 1 else "were"
    said = f"{', '.join(readers)} {verb} left out: openSMILE is not installed; {remedy()}"
    able = {side: tuple(model for model in getattr(experiment, side) if model not in READS) for side in SIDES}
    if not (experiment.models or any(able.values())):
        raise ConfigError(f"{said}; without, nothing of {experiment.name} is left to run")
    return experiment.model_copy(update=able), (said,)


def descriptors_of(
    experiment: Experiment,
    corpus: Corpus,
    frames: CorpusFrames,
    folder: Path,
    *,
    threads: int = 1,
    progress: Progress = lambda _done, _of: None,
    tell: Tell = nobody,
) -> Descriptors:
    """The descriptors that the models of an experiment read, and no others; arguments as of `corpus_descriptors`."""
    levels = dict.fromkeys(READS[model] for model in (*experiment.baselines, *experiment.rivals) if model in READS)
    return Descriptors(
        **{
            level: corpus_descriptors(corpus, frames, level, folder, threads=threads, progress=progress, tell=tell)
            for level in levels
        }
    )


def corpus_descriptors(
    corpus: Corpus,
    frames: CorpusFrames,
    level: Level,
    folder: Path,
    *,
    threads: int = 1,
    progress: Progress = lambda _done, _of: None,
    tell: Tell = nobody,
) -> CorpusFrames:
    """Computes the descriptors of a corpus, or finds them in the cache.

    Args:
        corpus: the corpus.
        frames: whose utterances are wanted, in this order.
        level: which descriptors.
        folder: the cache.
        threads: how many recordings are read at once.
        progress: called with the recordings done and their number.
        tell: see `extract`.

    Raises:
        AudioError: when a recording has a descriptor that is no finite number; nothing is put in its place.
        ConfigError: when openSMILE is not installed.
        OutputError: when the cache cannot be written.
    """
    if not installed():
        raise ConfigError(f"eGeMAPS needs openSMILE; {remedy()}")
    corpus = replace(corpus, utterances=frames.utterances)
    facts = (DESCRIPTORS_VERSION, level, version("opensmile"))
    transform = Transform(_described(level), COLUMNS[level], facts)
    found = extract(corpus, transform, folder, threads=threads, progress=progress, tell=tell)
    if left_out := found.left_out(found.problems):
        raise unusable(left_out, corpus)
    return CorpusFrames(
        folder=folder,
        key=found.key,
        utterances=frames.utterances,
        spans=found.spans,
        left_out=(),
        digest=fingerprint([found.key], 32),
    )


def remedy() -> str:
    """How to come by openSMILE, and what its licence says."""
    return f"pip install 'emovae[egemaps]' ({LICENCE})"


def _described(level: Level) -> Callable[[Sequence[Waveform]], list[Rows | AudioError]]:
    import opensmile  # an extra that need not be there, and slow to import

    levels = opensmile.FeatureLevel
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level={"low_level": levels.LowLevelDescriptors, "functionals": levels.Functionals}[level],
    )
    return lambda waveforms: [_rows(smile, waveform) for waveform in waveforms]


def _rows(smile: Any, waveform: Waveform) -> Rows | AudioError:
    filled = np.pad(waveform.clip(-1.0, LOUDEST), (0, max(0, LEAST_SAMPLES - len(waveform))))
    rows: Rows = smile.process_signal(filled, SAMPLE_RATE_HZ).to_numpy(np.float32)
    if odd := int((~np.isfinite(rows)).sum()):
        return AudioError(
            f"has {odd} eGeMAPS descriptors of {rows.size} that are no finite numbers; leave the recording out of the"
            " corpus, or leave out the models that read eGeMAPS"
        )
    return rows
