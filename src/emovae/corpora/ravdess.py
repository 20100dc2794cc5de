"""RAVDESS: 24 North American actors speak two statements in eight emotions, at two intensities and twice.

A real record: `Actor_12/03-01-06-01-02-01-12.wav` is audio only (03), speech (01), fearful (06), of normal intensity
(01), statement 02, its first repetition (01), by actor 12; actors with even numbers are women.
The songs are another corpus by the same people: channel 02 is left out, and a notice says so.

Livingstone, Russo (2018), "The Ryerson audio-visual database of emotional speech and song".
"""

import re
from pathlib import Path

from emovae.corpora.corpus import KnownCount, Reader, Survey
from emovae.corpora.named import Naming, find, here, torn
from emovae.corpora.release import Deposit
from emovae.utterance import Utterance

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}

STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}

SPEECH = "01"

NAMING = Naming(
    title="RAVDESS",
    place=re.compile(
        r"(?i:audio_(?:speech|song)_actors_01-24/)?(?:Actor_(?P<folder>\d\d)/)?"
        r"(?P<id>03-(?P<channel>0[12])-(?P<emotion>0[1-8])-0[12]-(?P<statement>0[12])-0[12]"
        r"-(?P<actor>0[1-9]|1\d|2[0-4]))\.(?i:wav|flac)"
    ),
    example="Actor_12/03-01-06-01-02-01-12.wav",
    glances=("*", "Actor_*/*", "*/Actor_*/*"),
    published=1440,
)


def _survey(root: Path) -> Survey:
    found = find(root, NAMING)
    speech = {place: name for place, name in found.named.items() if name["channel"] == SPEECH}
    songs = len(found.named) - len(speech)
    astray = [place for place, name in speech.items() if name["folder"] not in (None, name["actor"])]
    return Survey(
        name="ravdess",
        utterances=tuple(_utterance(root / place, name) for place, name in speech.items()),
        notices=(
            *here(NAMING, len(speech)),
            *((f"songs are left out: {songs:,} recording{'s' if songs > 1 else ''}",) if songs else ()),
        ),
        findings=(*found.misnamed, *torn(root, astray, "actor")),
    )


def _utterance(path: Path, named: re.Match[str]) -> Utterance:
    return Utterance(
        id=named["id"],
        audio=path,
        speaker=named["actor"],
        emotion=EMOTIONS[named["emotion"]],
        language="English",
        gender="male" if int(named["actor"]) % 2 else "female",
        sentence=named["statement"],
        transcript=STATEMENTS[named["statement"]],
    )


KNOWN = (
    # Neutral has no strong intensity.
    KnownCount(
        "emotions", ("emotion",), {(emotion,): 96 if emotion == "neutral" else 192 for emotion in EMOTIONS.values()}
    ),
    KnownCount("speakers", ("speaker",), {(f"{actor:02}",): 60 for actor in range(1, 25)}),
)

READER = Reader(
    name="ravdess",
    title="RAVDESS: acted English speech, 1,440 utterances, 24 speakers, 8 emotions",
    expects="the folders Actor_01 to Actor_24 with recordings such as Actor_12/03-01-06-01-02-01-12.wav",
    licence="CC BY-NC-SA 4.0",
    source="https://zenodo.org/records/1188976",
    fits=NAMING.fits,
    survey=_survey,
    known=KNOWN,
    release=Deposit("https://zenodo.org", "zenodo", "10.5281/zenodo.1188976", ("Audio_Speech_Actors_01-24.zip",)),
)
