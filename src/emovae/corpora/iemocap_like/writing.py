"""A corpus with the shape of IEMOCAP and nothing of its content: synthetic voices, invented ratings, random words.

IEMOCAP itself may not be passed on. This tree takes its place in tests and trials: the same folders, files and ids,
the same irregularities, and at scale 1 every count of `iemocap.facts`. The stereo recordings of whole dialogues, videos
and motion capture are left out, as in many people's copies. How well a model does here says nothing about people.

    OUT/IEMOCAP_full_release/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav

`counts` says how much of what there is, `plan` who says it when, `votes` and `words` what raters and speakers say, and
`files` how that is written. The same scale gives the same bytes, however many processes write them.
"""

import shutil
import wave
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emovae.apart import apart
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import synthetic
from emovae.corpora.iemocap.facts import MARKED, MARKER
from emovae.corpora.iemocap.tree import SOUND
from emovae.corpora.iemocap_like.files import files
from emovae.corpora.iemocap_like.plan import VERSION, Dialog, Turn, plan
from emovae.corpora.voices import LARGEST, Manner, speak
from emovae.errors import OutputError
from emovae.seeds import seed_for

RELEASE = "IEMOCAP_full_release"

MANNERS = {
    **synthetic.MANNERS,
    "excited": Manner(5.5, 0.9, 0.3, 4.5, 0.8),
    "frustration": Manner(1.2, 0.2, -0.1, 2.5, 0.7),
    "surprise": Manner(5.0, 1.1, -0.1, 1.5, 0.2),
    "fear": Manner(4.0, -0.2, 0.4, -2.0, -0.3),
    "disgust": Manner(-1.0, -0.1, -0.3, 1.0, 0.4),
    "other": Manner(0.0, 0.3, 0.0, 0.0, 0.0),
}
OTHER_VOICE = 0.4  # how loud the other speaker is at this speaker's microphone

_VOICES = {f"Ses0{speaker.session}{speaker.name[0]}": speaker for speaker in synthetic.SPEAKERS}


class Written(NamedTuple):
    """What has been written; hours are those of all turns."""

    release: Path
    dialogs: int
    turns: int
    hours: float


def synthesize(out: Path, scale: float = 1.0, jobs: int = 1, tell: Callable[[int, int], None] | None = None) -> Written:
    """Writes the corpus.

    Args:
        out: a folder that is not there yet or is empty; the release becomes a folder in it.
        scale: see `plan.plan`; 1 takes 1.5 GB.
        jobs: processes at once.
        tell: told after each dialogue how many turns are written, and of how many.

    Raises:
        ConfigError: when the scale is outside.
        OutputError: when the folder holds something, or cannot be written.
    """
    dialogs = plan(scale)
    _require_empty(out)
    release, beside = out / RELEASE, out / f".{RELEASE}.part"
    turns, done = [turn for dialog in dialogs for turn in dialog.turns], 0
    try:
        with closing(_write_all(beside, dialogs, jobs)) as written:
            for number in written:
                done += number
                if tell:
                    tell(done, len(turns))
        (beside / MARKER).write_text(MARKED, encoding="utf-8")
        # The tree takes its name when it is whole. Its 12,000 files are not synced one by one, which takes minutes:
        # what a loss of power does to them the reader tells, and the same command writes them again.
        beside.replace(release)
    except OSError as error:
        raise OutputError(f"cannot write {release}: {error.strerror or error}; give a folder with room") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Written(release, len(dialogs), len(turns), sum(turn.length_s for turn in turns) / 3600)


def _require_empty(out: Path) -> None:
    try:
        found = sorted(path.name for path in out.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{out} is no folder to write to: {error.strerror}; give a new or an empty folder") from error
    if found:
        raise OutputError(f"{out} is not empty: it holds {found[0]} (1 of {len(found)}); give a new or an empty folder")


def _write_all(release: Path, dialogs: tuple[Dialog, ...], jobs: int) -> Generator[int, None, None]:
    """Writes every dialogue and gives, in no order, how many turns each has."""
    tasks = [
        _Task(release / f"Session{session[-1]}", dialog, place)
        for session, group in groupby(dialogs, key=lambda dialog: dialog.name[:5])
        for place, dialog in enumerate(group)
    ]
    if jobs == 1:
        yield from map(_write, tasks)
        return
    killed = OutputError(f"a process that wrote to {release} was ended from outside; try --jobs 1")
    yield from apart(jobs, _write, tasks, lambda _, turns: turns, killed=killed)


class _Task(NamedTuple):
    """A dialogue, the folder of its session, and its place in that."""

    session: Path
    dialog: Dialog
    place: int


def _write(task: _Task) -> int:
    session, dialog, place = task
    for name, content in files(dialog, place):
        path = session / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    folder = session / SOUND / dialog.name
    folder.mkdir(parents=True, exist_ok=True)
    for turn, sound in heard(dialog):
        with (folder / f"{turn.id}.wav").open("wb") as stream, wave.open(stream, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes((sound * 32_767).round().astype("<i2").tobytes())
    return len(dialog.turns)


def heard(dialog: Dialog) -> Iterator[tuple[Turn, Waveform]]:
    """Each turn as the speaker's microphone hears it: where turns overlap, the other voice, too.

    Yields:
        The turn, and its float32 samples at 16 kHz within -0.97..0.97.
    """
    spoken = [(turn, round(turn.start_s * SAMPLE_RATE_HZ), _voice(turn)) for turn in dialog.turns]
    for turn, start, own in spoken:
        sound = own.copy()
        for other, other_start, voice in spoken:
            begin, end = max(start, other_start), min(start + own.size, other_start + voice.size)
            if other is not turn and begin < end:
                sound[begin - start : end - start] += OTHER_VOICE * voice[begin - other_start : end - other_start]
        yield turn, sound * np.float32(min(1.0, LARGEST / float(np.abs(sound).max())))


def _voice(turn: Turn) -> Waveform:
    generator = np.random.default_rng(seed_for(VERSION, "iemocap-like", "sound", turn.id))
    chance = np.array(synthetic.SPREAD) * generator.standard_normal(len(synthetic.SPREAD)).clip(-2, 2)
    manner = Manner(*(turn.opinion.strength * np.array(MANNERS[turn.opinion.felt]) + chance))
    return speak(_VOICES[turn.speaker], manner, generator, turn.length_s)
