"""Tables of labels, folds and recordings, in every form in which people keep them."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emovae.corpora import open_corpus
from emovae.folds_file import read_folds
from emovae.sources import sources
from emovae.utterance import Utterance
from fuzz.mutation import TEXTS, as_json, encoded, mutated, spoilt

HEADERS = (
    ("path", "label", "speaker"),
    ("file_name", "emotion", "speaker_id", "arousal", "valence", "dominance", "gender", "text"),
    ("id", "fold", "role"),
    ("utterance", "fold"),
    ("key", "wav", "split", "train", "test"),
    ("file", "start", "end"),
)
CELLS = (
    *("a.wav", "b.wav", "clips/c.wav", "a", "b", "c", "anger", "Anger", "neutral", "ann", "bo", "1", "2", "3.5", "f"),
    *("train", "test", "dev", "fold 1", "1.25", "0 days 00:00:01.5", "0:00:99", "NaT", "label", "seed"),
)
NAMES = ("a", "b", "clips/c", "d")
PUBLISHED = {
    "msp_podcast": (
        "Labels/labels_consensus.csv",
        "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender\n"
        "MSP-PODCAST_0001_0008.wav,N,2.2,4,3,127,Male\nMSP-PODCAST_0002_0009.wav,A,1,7,3.5,128,Female\n",
        "Audios/MSP-PODCAST_0001_0008.wav",
    ),
    "nemo": (
        "data.tsv",
        "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
        "EB0_neutral_13.wav\tneutral\ta\ta\tEB0\tfemale\t20\n",
        "samples/EB0_neutral_13.wav",
    ),
    "cremad": ("VideoDemographics.csv", "ActorID,Age,Sex\n1001,51,Male\n", "AudioWAV/1001_DFA_ANG_XX.wav"),
    "esd": ("0001/0001.txt", "0001_000351\twords\tAngry\n", "0001/Angry/0001_000351.wav"),
}
"""A published corpus -> its label file, what stands there, and a recording."""


def prepared(_: Path) -> Callable[[Random, Path], None]:
    """What asks for one table."""
    utterances = [Utterance(id=name, audio=Path(f"{name}.wav"), speaker="ann", emotion="anger") for name in NAMES]

    def ask(chance: Random, place: Path) -> None:
        if chance.random() < 0.1:
            _published(chance, place)
            return
        ending, content = _table(chance)
        if chance.random() < 0.4:
            content = mutated(chance, content)
        for name in NAMES[: chance.randrange(3)]:
            (place / f"{name}.wav").write_bytes(b"RIFF")
        file = place / f"{chance.choice(('metadata', 'x_test_fold_1', 'train'))}{ending}"
        file.write_bytes(content)
        whole = place if chance.random() < 0.2 else file
        match chance.randrange(3):
            case 0:
                open_corpus(str(whole))
            case 1:
                read_folds(whole, utterances)
            case _:
                list(sources([str(file)]))

    return ask


def _published(chance: Random, place: Path) -> None:
    """The label file of a publisher, spoilt on the way."""
    labels, text, recording = PUBLISHED[chance.choice(sorted(PUBLISHED))]
    for name, content in ((labels, mutated(chance, text.encode())), (recording, b"RIFF")):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    open_corpus(str(place))


def _table(chance: Random) -> tuple[str, bytes]:
    """An ending and a table of that kind."""
    header = list(chance.choice(HEADERS))
    if chance.random() < 0.2:
        header[chance.randrange(len(header))] = chance.choice((*TEXTS, *header, header[0].upper()))
    rows = [[_cell(chance) for _ in header] for _ in range(chance.choice((0, 1, 3, 20)))]
    match chance.randrange(6):
        case 0 | 1:
            return _as_text(chance, header, rows)
        case 2:
            records = [dict(zip(header, row, strict=True)) for row in rows]
            records = [spoilt(chance, record) if chance.random() < 0.2 else record for record in records]
            return ".jsonl", b"\n".join(as_json(record) for record in records)
        case 3:
            return ".json", as_json(_folds(chance, header, rows))
        case _:
            return ".parquet", _as_parquet(chance, header, rows)


def _cell(chance: Random) -> str:
    return chance.choice(TEXTS) if chance.random() < 0.1 else chance.choice(CELLS)


def _as_text(chance: Random, header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, bytes]:
    stream = io.StringIO()
    mark = chance.choice(",;\t")
    quoting: Any = chance.choice((csv.QUOTE_ALL, csv.QUOTE_MINIMAL))
    writer = csv.writer(stream, delimiter=mark, quoting=quoting)
    for row in (header, *rows):
        writer.writerow(row[: chance.randrange(len(row) + 1)] if chance.random() < 0.03 else row)
    content = stream.getvalue()
    start = chance.choice((b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe"))
    return (".tsv" if mark == "\t" else ".csv"), start + encoded(content)


def _folds(chance: Random, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    """A JSON of folds in one of its forms, spoilt."""
    sides = {role: chance.sample(NAMES, chance.randrange(4)) for role in ("train", "validation", "test")}
    whole = chance.choice(
        (
            sides,
            {"1": sides, "fold 2": sides},
            {"1": list(NAMES)},
            [dict(zip(header, row, strict=True)) for row in rows],
        )
    )
    return spoilt(chance, whole) if chance.random() < 0.7 else whole


def _as_parquet(chance: Random, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    def column(number: int) -> Any:
        texts = [row[number].encode(errors="replace").decode() for row in rows]
        match chance.randrange(12):
            case 0:
                return pa.array([chance.choice((2**63 - 1, -1, 0, None)) for _ in rows], pa.int64())
            case 1:
                return pa.array([chance.choice((float("nan"), 1e300, None, 0.5)) for _ in rows], pa.float64())
            case 2:
                units: Any = chance.choice(("s", "ms", "us", "ns"))
                return pa.array([chance.choice((2**62, -(2**62), 10**9, None)) for _ in rows], pa.duration(units))
            case 3:
                return pa.array([text.encode() for text in texts], pa.binary())
            case 4:
                return pa.array([[text] for text in texts], pa.list_(pa.string()))
            case 5:
                return pa.array([{"a": text} for text in texts], pa.struct([("a", pa.string())]))
            case 6:
                return pa.array([2**40] * len(rows), pa.timestamp(chance.choice(("s", "us")), "Europe/Nowhere"))
            case 7:
                return pa.array(texts, pa.string()).dictionary_encode()
            case _:
                return pa.array(texts, pa.string())

    names = [name.encode(errors="replace").decode() for name in header]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([column(place) for place in range(len(names))], names=names), sink)
    return sink.getvalue()
