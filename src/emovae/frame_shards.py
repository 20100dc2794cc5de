"""The frames of a corpus, made into the shards of an archive, here or on many machines; `archive` reads them back."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emovae.archive import KIND, Frames
from emovae.corpora import Corpus
from emovae.corpora.corpus import Voice
from emovae.errors import AudioError
from emovae.extraction import transformed, trying, why_of
from emovae.files import canonical_json
from emovae.frames import FRAMES_VERSION, frames_by
from emovae.handfuls import handfuls
from emovae.machine import one_thread
from emovae.prosody import PROSODY_VERSION
from emovae.settings import FrontEnd
from emovae.shards import Made, Plan, Weighed, planned
from emovae.utterance import Utterance

WRITTEN: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "use_dictionary": False}
"""How Parquet spells a shard."""
GROUP_BYTES = 2**23
"""Frames that are written together."""
TEXTS = ("speaker", "emotion", "session", "subset", "language", "gender", "sentence", "transcript")
NUMBERS = ("arousal", "valence", "dominance")


class FrameWork(NamedTuple):
    """Makes shards of a corpus's log-mel frames.

    Attributes:
        corpus: its name.
        voice: see `Corpus`.
        front_end: the filter bank.
    """

    corpus: str
    voice: Voice | None
    front_end: FrontEnd

    @property
    def about(self) -> dict[str, Any]:
        """What the frames depend on beside the recordings."""
        about = {
            "kind": KIND,
            "corpus": self.corpus,
            "front_end": self.front_end.model_dump(mode="json"),
            "frames_version": FRAMES_VERSION,
        }
        return about | ({"prosody_version": PROSODY_VERSION} if self.front_end.prosody else {})

    def weigh(self, utterance: Utterance) -> Weighed:
        """An utterance as a plan sees it; its sound by its file's size and time, or a made-up voice's recipe."""
        size, sound = 0, "missing"
        if self.voice is not None:
            sound = self.voice.digest(utterance)
        elif utterance.audio is not None:
            try:
                state = utterance.audio.stat()
                size, sound = state.st_size, f"{state.st_size} bytes of {state.st_mtime_ns}"
            except OSError:  # making the shard tells what is the matter
                sound = "missing"
        whole = utterance.part is None
        return Weighed(utterance.id, size if whole else 0, [repr(replace(utterance, audio=None)), sound])

    def file_of(self, item: Utterance) -> Path | None:
        """The recording of an utterance."""
        return item.audio

    def write(self, stream: BinaryIO, items: Sequence[Utterance]) -> Made:
        """Writes the frames of some utterances, see `shards.Work`."""
        rows, frames, content, problems = 0, 0, hashlib.sha256(), list[tuple[str, str]]()
        schema = _schema(self.front_end.columns)
        spelled = {"column_encoding": {f"{KIND}.list.element.list.element": "BYTE_STREAM_SPLIT"}, **WRITTEN}
        some, size = list[Frames](), 0
        with one_thread(), pq.ParquetWriter(stream, schema, **spelled) as writer:
            for one in self._each(items, problems):
                content.update(canonical_json([one.id, one.labels, one.recording, one.values.shape]).encode())
                content.update(one.values.tobytes())
                rows, frames, size = rows + 1, frames + len(one.values), size + one.values.nbytes
                some.append(one)
                if size > GROUP_BYTES:
                    writer.write_table(_table(some, schema))
                    some, size = [], 0
            if some or not rows:
                writer.write_table(_table(some, schema))
        return Made(rows, frames, content.hexdigest(), problems)

    def _each(self, items: Sequence[Utterance], problems: list[tuple[str, str]]) -> Iterator[Frames]:
        """The frames of utterances; `problems` is filled on the way."""
        corpus = Corpus(name=self.corpus, utterances=tuple(items), voice=self.voice)
        transform = frames_by(self.front_end)
        for some in handfuls(items):
            digests = {utterance.id: trying(corpus.digest)(utterance) for utterance in some}
            there = [utterance for utterance in some if not isinstance(digests[utterance.id], AudioError)]
            found = {utterance.id: values for utterance, values in transformed(corpus, transform, there)}
            for utterance in some:
                digest = digests[utterance.id]
                values = found.get(utterance.id, digest)
                if isinstance(values, AudioError):
                    problems.append((utterance.id, why_of(utterance, values)))
                else:
                    labels = {name: getattr(utterance, name) for name in (*TEXTS, *NUMBERS)}
                    yield Frames(utterance.id, labels, str(digest), np.asarray(values, np.float32))


def planned_frames(corpus: Corpus, work: FrameWork, most: int) -> Plan:
    """The plan of an archive of a corpus's frames, with so many utterances in a shard at most."""
    return planned(work.about, corpus.utterances, work.weigh, most)


def _schema(columns: int) -> pa.Schema:
    kinds: dict[str, pa.DataType] = {"id": pa.string()}
    kinds |= dict.fromkeys(TEXTS, pa.string()) | dict.fromkeys(NUMBERS, pa.float64())
    return pa.schema({**kinds, "recording": pa.string(), KIND: pa.list_(pa.list_(pa.float32(), columns))})


def _table(some: Sequence[Frames], schema: pa.Schema) -> pa.Table:
    width = schema.field(KIND).type.value_type.list_size
    values = np.concatenate([np.empty((0, width), np.float32), *(one.values for one in some)])
    ends = np.cumsum([0, *(len(one.values) for one in some)]).astype(np.int32)
    frames = pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()), pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), width)
    )
    told = [{"id": one.id, **one.labels, "recording": one.recording} for one in some]
    columns = [pa.array([row[name] for row in told], schema.field(name).type) for name in schema.names[:-1]]
    return pa.Table.from_arrays([*columns, frames], schema=schema)
