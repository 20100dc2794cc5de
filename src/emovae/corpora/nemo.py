"""nEMO: nine Polish actors read the same ninety sentences in six emotions.

A real record of `data.tsv`, tabs shown as bars, the third and fourth column (the words) left out:
`EB0_neutral_13.wav|neutral|...|...|        EB0|female|27`; the blanks before the speaker are the publisher's.

Christop (2024), "nEMO: dataset of emotional speech in Polish". The corpus is large, and people copy a part
of it: what lies in `samples/` is taken, and a notice says how much that is.
"""

import re
from pathlib import Path

from emovae.corpora.corpus import Corpus, Reader, holds, recordings
from emovae.corpora.rows import Row, read_text
from emovae.errors import CorpusError
from emovae.labels import emotion_name
from emovae.utterance import Utterance

NAME = re.compile(
    r"(?P<id>(?P<speaker>[A-Z]+\d+)_(?P<emotion>anger|fear|happiness|neutral|sadness|surprised)_(?P<sentence>\d+))"
    r"\.(?i:wav|flac)"
)
"""A recording in `data.tsv`: `EB0_neutral_13.wav`, also where the folder holds a .flac."""


def _read(root: Path) -> Corpus:
    table = read_text(root / "data.tsv", "\t", needed=["file_id", "emotion", "raw_text", "speaker_id", "gender"])
    audio = recordings(root / "samples")
    listed = [(_name(table.path, row), row) for row in table.rows]
    unknown = audio.keys() - {named["id"] for named, _ in listed}
    if unknown:
        raise CorpusError(
            f"{len(unknown)} of the {len(audio)} recordings in {root / 'samples'} have no row in "
            f"{table.path}, {audio[min(unknown)].name} first; take them out, or fetch the corpus anew"
        )
    utterances = [_utterance(named, row, audio[named["id"]]) for named, row in listed if named["id"] in audio]
    notices = (f"{len(utterances):,} of the {len(listed):,} recordings that data.tsv lists are here",)
    return Corpus(
        name="nemo",
        utterances=tuple(sorted(utterances, key=lambda utterance: utterance.id)),
        notices=notices if len(utterances) < len(listed) else (),
    )


def _name(table: Path, row: Row) -> re.Match[str]:
    cells = row.cells
    named = NAME.fullmatch(cells["file_id"])
    if named is None or (named["speaker"], named["emotion"]) != (cells["speaker_id"], cells["emotion"]):
        raise CorpusError(
            f"{table}, {row.where}: {cells['file_id']!r} by {cells['speaker_id']!r} in {cells['emotion']!r} "
            "is not as nEMO writes it, such as EB0_neutral_13.wav by EB0 in neutral; fetch the corpus anew"
        )
    if cells["gender"] not in ("female", "male"):
        raise CorpusError(f"{table}, {row.where}: gender is {cells['gender']!r}; fetch the corpus anew")
    return named


def _utterance(named: re.Match[str], row: Row, audio: Path) -> Utterance:
    return Utterance(
        id=named["id"],
        audio=audio,
        speaker=named["speaker"],
        emotion=emotion_name(named["emotion"]),
        language="Polish",
        gender=row.cells["gender"],
        sentence=named["sentence"],
        transcript=row.cells["raw_text"] or None,
    )


READER = Reader(
    name="nemo",
    title="nEMO: acted Polish, 4,481 utterances, 9 speakers, 6 emotions",
    expects="data.tsv and the folder samples/ with recordings such as EB0_neutral_13.wav",
    licence="CC BY-NC-SA 4.0",
    source="https://github.com/amu-cai/nEMO",
    fits=lambda root: holds(root, "data.tsv", "samples"),
    read=_read,
)
