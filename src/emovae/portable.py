"""A model as one ONNX file, asked with onnxruntime: waveforms in, probabilities out, and no torch.

The file holds the whole computation (`whole_graph`), and what else is to be known
as JSON under one key of its metadata.
"""

import hashlib
import json
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from emovae import wire
from emovae.answers import Answers, unfit
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.errors import ConfigError, OutputError
from emovae.files import fingerprint

SUFFIX = ".onnx"
KEY = "emovae"
"""Of the metadata."""
FORMAT = 1
"""Raised when an older emovae could not read the file rightly."""
LARGEST_BYTES = 2**31 - 1
"""No protocol buffer is larger."""
INPUTS = ("waveform", "length")
OUTPUTS = ("probabilities", "said", "strangeness")
AT_ONCE_SAMPLES = 60 * SAMPLE_RATE_HZ
"""Padded samples of a batch: some 50 MB on the way."""
LONGER = 1.25
"""The longest of a batch has at most so many times the samples of its shortest."""


def needed(package: str) -> Any:
    """A package that not everybody has.

    Raises:
        ConfigError: when it is not installed.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise ConfigError(f"ONNX models need {package}, which is not installed: pip install 'emovae[onnx]'") from error


@dataclass(frozen=True, kw_only=True)
class PortableModel:
    """A model in an ONNX file.

    Attributes:
        classes: their names, in the order of all probabilities.
        confidences: quantiles of the confidence on the validation utterances.
        least_samples: what has fewer is filled up to a segment.
        card: the model card.
        session: onnxruntime's.
    """

    classes: tuple[str, ...]
    confidences: Sequence[float]
    least_samples: int
    card: str
    session: Any

    def answer(self, waveforms: Sequence[Waveform]) -> Answers:
        """What is said of waveforms [sample] at 16 kHz.

        Raises:
            ValueError: for no waveform.
            OutputError: where the graph cannot be computed for these.
        """
        if not waveforms:
            raise ValueError("there is no utterance to answer about; give one at least")
        classes = len(self.classes)
        found = Answers(
            np.empty((len(waveforms), classes)),
            np.empty((len(waveforms), classes), np.float32),
            np.empty(len(waveforms)),
        )
        for members in _of_like_length([len(one) for one in waveforms]):
            some = self._asked([waveforms[one] for one in members])
            found.probabilities[members] = some.probabilities
            found.said[members] = some.said
            found.strangeness[members] = some.strangeness
        return found

    def _asked(self, waveforms: Sequence[Waveform]) -> Answers:
        lengths = np.array([len(one) for one in waveforms], np.int64)
        batch = np.zeros((len(waveforms), int(lengths.max())), np.float32)
        for row, one in zip(batch, waveforms, strict=True):
            row[: len(one)] = one
        try:
            found = Answers(*self.session.run(list(OUTPUTS), dict(zip(INPUTS, (batch, lengths), strict=True))))
        except Exception as error:  # onnxruntime's have no base of their own
            raise _incomputable(f"{type(error).__name__}: {error}") from error
        shapes = [np.shape(each) for each in found]
        wanted = [(len(batch), len(self.classes))] * 2 + [(len(batch),)]
        if shapes != wanted:
            raise _incomputable(f"what it says has the shapes {shapes}, not {wanted}")
        return found


def load_portable(path: str | Path) -> PortableModel:
    """Reads an ONNX file that `emovae export` wrote.

    Raises:
        ConfigError: when onnxruntime is not installed.
        OutputError: for a file that is none, damaged or newer, or needs what emovae does not write.
    """
    return opened(_content(Path(path)), Path(path))


def opened(content: bytes, path: Path) -> PortableModel:
    """The same from the file's content; errors name the path."""
    facts = _facts(content, path)
    runtime = needed("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it would keep what the longest recording took
    options.enable_mem_pattern = False  # it would keep a plan for each length that it has met
    options.log_severity_level = 4
    try:
        model = PortableModel(
            classes=tuple(facts["classes"]),
            confidences=facts["confidences"],
            least_samples=facts["least_samples"],
            card=facts["card"],
            session=runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"]),
        )
        found = model.answer([np.zeros(1, np.float32)])
    except Exception as error:  # onnxruntime's have no base of their own
        raise refused(path, f"onnxruntime cannot compute it ({type(error).__name__}: {error})") from error
    if not all(np.isfinite(each).all() for each in found):
        raise refused(path, "what it says is no number")
    return model


def signed(facts: Mapping[str, Any], content: bytes) -> str:
    """The text for the metadata: facts, the format, and checksums of the graph in a file and of all of these."""
    graph = hashlib.sha256(wire.told(content).graph).hexdigest()
    whole = {"format": FORMAT, **facts, "graph": graph}
    return json.dumps({**whole, "signed": fingerprint(whole, 64)}, ensure_ascii=False)


def _facts(content: bytes, path: Path) -> dict[str, Any]:
    try:
        graph, metadata = wire.told(content)
    except (ValueError, OverflowError) as error:
        raise refused(path, str(error)) from error
    if KEY not in metadata:
        raise refused(path, "`emovae export` did not write it: it does not tell its classes")
    try:
        facts = dict(json.loads(metadata[KEY]))
        signature, newer = facts.pop("signed"), facts["format"] > FORMAT
        whole = signature == fingerprint(facts, 64) and facts["graph"] == hashlib.sha256(graph).hexdigest()
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise refused(path, f"its metadata are not what emovae wrote ({type(error).__name__}: {error})") from error
    if newer:
        raise refused(path, f"it is of format {facts['format']}, and this emovae knows {FORMAT}; install a newer one")
    if not whole:
        raise refused(path, "it has been edited or damaged: its checksum is not its content's")
    if why := unfit(facts.get("classes"), facts.get("confidences")):
        raise refused(path, why)
    if not isinstance(facts.get("least_samples"), int) or not isinstance(facts.get("card"), str):
        raise refused(path, "its least number of samples is no whole number, or its card no text")
    return facts


def _incomputable(why: str) -> OutputError:
    return OutputError(f"onnxruntime cannot compute this model ({why}); copy it anew, or `emovae export` it again")


def _content(path: Path) -> bytes:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise refused(path, "it is no plain file")
        if state.st_size > LARGEST_BYTES:
            raise refused(path, f"it has {state.st_size:,} bytes, more than the {LARGEST_BYTES:,} of any")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise refused(path, f"it cannot be read ({getattr(error, 'strerror', None) or error})") from error


def refused(path: Path, why: str) -> OutputError:
    """The error to raise for a file that holds no model that can be used."""
    return OutputError(f"{path} is no ONNX model that can be used: {why}; copy it anew, or `emovae export` it again")


def _of_like_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places, shortest first, batch by batch: little padding and bounded memory."""
    some = list[int]()
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[place]
        if some and ((len(some) + 1) * length > AT_ONCE_SAMPLES or length > LONGER * lengths[some[0]]):
            yield some
            some = []
        some.append(place)
    yield some
