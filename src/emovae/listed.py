"""A list of recordings with their labels becomes a corpus, as if a reader had found it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emovae.audio import Waveform
from emovae.corpora import Corpus
from emovae.corpora.corpus import Voice
from emovae.files import digest_of_file
from emovae.logmel import filled
from emovae.recordings_in import Rates, Several
from emovae.utterance import Utterance

NAME = "recordings"


def listed(recordings: Several, rates: Rates, labels: Sequence[str], speakers: Sequence[str]) -> Corpus:
    """The corpus of recordings, which are read when they are asked for.

    Args:
        recordings: paths or waveforms.
        rates: of the waveforms.
        labels: the emotion of each.
        speakers: who speaks in each.
    """

    def waveform(utterance: Utterance) -> Waveform:
        return filled(rates.waveform(recordings[int(utterance.id)]))  # as a model does with what it is asked about

    def digest(utterance: Utterance) -> str:
        recording = recordings[int(utterance.id)]
        if isinstance(recording, str | Path):
            return digest_of_file(Path(recording))
        return hashlib.sha256(f"{rates}".encode() + np.ascontiguousarray(recording).tobytes()).hexdigest()

    utterances = tuple(
        Utterance(id=f"{place:07d}", audio=None, speaker=speaker, emotion=label)
        for place, (label, speaker) in enumerate(zip(labels, speakers, strict=True))
    )
    return Corpus(name=NAME, utterances=utterances, voice=Voice(waveform, digest))
