"""What a corpus's recordings are like, each heard once: whether they can be used, their rate, clipping, content."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from emovae import audio
from emovae.corpora.corpus import Finding
from emovae.corpora.matching import LABELS_WITHOUT_AUDIO, below
from emovae.errors import AudioError
from emovae.files import digest_of_file
from emovae.settings import Segments
from emovae.utterance import Utterance

WINDOW_MS, HOP_MS = 25, 10
FRAMES_PER_SEGMENT = Segments().length_ms // HOP_MS
LEAST_MS = WINDOW_MS + (FRAMES_PER_SEGMENT - 1) * HOP_MS
LEAST_SAMPLES = LEAST_MS * audio.SAMPLE_RATE_HZ // 1000
"""The shortest recording that one segment can be cut from; `logmel` and `segments`, which know it too, need torch."""

FULL_SCALE = 0.999
"""From here on a sample counts as at full scale: 16 bits reach 0.99997, and a conversion may take a little off."""
CLIPPED_RUN = 3
"""So many samples in a row at full scale are a peak cut flat; one or two are what scaling to full scale leaves."""
CLIPPED_BADLY = 0.01
"""From this share of a recording in flat peaks its spectrum is no longer the voice's. Of the 400 recordings of URDU,
which are television, 12 have flat peaks, and the worst has 0.16 %."""

UNREADABLE, SILENT, UNUSABLE = "unreadable recordings", "silent recordings", "unusable recordings"

REMEDIES = {
    LABELS_WITHOUT_AUDIO: "have labels and are not there; put them there, or take the labels out",
    UNREADABLE: "cannot be read to their end; copy or fetch them anew, or convert them to WAV or FLAC",
    SILENT: "are silent; record or export them anew, or take them out",
    UNUSABLE: "hold what is no sound; export them anew with samples in -1..1",
}
SKIP = "(or leave them out with --set on_bad_audio=skip)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one recording is like.

    Attributes:
        utterance: the first that it belongs to.
        place: where it lies, as seen from the corpus's folder.
        trouble: the kind of finding that keeps it from being used, or "".
        why: the trouble in full.
        rate_hz: the file's own; 0 where it could not be decoded.
        seconds: how long it is; 0 where it could not be decoded.
        samples: at 16 kHz.
        clipped: the share of its samples in flat peaks.
        digest: of its waveform at 16 kHz: the same for the same sound in another container; "" where there is none.
    """

    utterance: Utterance
    place: str
    trouble: str = ""
    why: str = ""
    rate_hz: int = 0
    seconds: float = 0.0
    samples: int = 0
    clipped: float = 0.0
    digest: str = ""

    @property
    def path(self) -> Path:
        """The recording."""
        return Path(str(self.utterance.audio))

    @property
    def is_here(self) -> bool:
        """Whether there is a file at all."""
        return self.trouble != LABELS_WITHOUT_AUDIO


def hear(utterance: Utterance, folder: Path) -> Heard:
    """Decodes an utterance's recording, and lets it go again; the folder is the corpus's."""
    path = Path(str(utterance.audio))
    place = below(path, folder) + (f" {utterance.part} s" if utterance.part else "")
    if not os.path.isfile(path):  # noqa: PTH113 - unlike Path's, it never raises
        return Heard(utterance=utterance, place=place, trouble=LABELS_WITHOUT_AUDIO, why="is not there")
    try:
        sound = audio.decode(path, utterance.part)
    except AudioError as error:
        return Heard(utterance=utterance, place=place, trouble=UNREADABLE, why=_why(path, error))
    seconds = len(sound.samples) / sound.rate_hz
    try:
        waveform = audio.waveform_of(path, sound)
    except AudioError as error:
        is_silent = float(np.abs(sound.samples.mean(axis=1)).max()) < audio.SILENT_PEAK
        trouble = SILENT if is_silent else UNUSABLE
        return Heard(utterance=utterance, place=place, trouble=trouble, why=_why(path, error), rate_hz=sound.rate_hz)
    return Heard(
        utterance=utterance,
        place=place,
        rate_hz=sound.rate_hz,
        seconds=seconds,
        samples=len(waveform),
        clipped=clipped_share(sound.samples),
        digest=hashlib.sha256(waveform.data).hexdigest(),
    )


def clipped_share(samples: audio.Waveform) -> float:
    """The share of the samples [frame, channel] that lie in flat peaks, of the channel where it is largest.

    >>> import numpy as np
    >>> clipped_share(np.float32([[0], [1], [1], [1], [0], [1], [1], [0], [0], [-1]]))
    0.3
    """
    worst = 0
    for channel in samples.T:
        full = np.flatnonzero(np.abs(channel) >= FULL_SCALE)
        # Neighbours of one sign belong to one peak.
        breaks = np.flatnonzero((np.diff(full) > 1) | (np.diff(np.signbit(channel[full]).astype(np.int8)) != 0)) + 1
        lengths = np.diff(np.concatenate(([0], breaks, [full.size])))
        worst = max(worst, int(lengths[lengths >= CLIPPED_RUN].sum()))
    return worst / max(1, len(samples))


def findings(heard: Sequence[Heard]) -> Iterator[Finding]:
    """What is wrong with recordings, from the worst to the least."""
    for kind, remedy in REMEDIES.items():
        if bad := [one for one in heard if one.trouble == kind]:
            skip = "" if kind == LABELS_WITHOUT_AUDIO else f" {SKIP}"
            yield Finding(kind, f"{len(bad)} of {len(heard)} {remedy}{skip}", tuple(_told(one, one.why) for one in bad))
    sound = [one for one in heard if one.digest]
    if short := [one for one in sound if one.samples < LEAST_SAMPLES]:
        yield Finding(
            "recordings shorter than a segment",
            f"{len(short)} of {len(heard)} last less than the {LEAST_MS} ms that one segment needs; pad them with"
            f" --set segments.short=pad {SKIP}",
            tuple(_told(one, f"lasts {1000 * one.seconds:.0f} ms") for one in short),
        )
    if bad := [one for one in sound if one.clipped >= CLIPPED_BADLY]:
        yield Finding(
            "badly clipped recordings",
            f"{len(bad)} of {len(heard)} have {100 * CLIPPED_BADLY:g} % or more of their samples in peaks cut flat;"
            " record them with less gain, or take them out",
            tuple(_told(one, f"{100 * one.clipped:.1f} %") for one in bad),
        )
    yield from _odd_rates(sound)
    yield from _duplicates(sound)


def notices(heard: Sequence[Heard]) -> Iterator[Finding]:
    """What a person should know of recordings that can be used as they are."""
    rates = Counter(one.rate_hz for one in heard if one.digest)
    if len(rates) == 1 and (rate := next(iter(rates))) != audio.SAMPLE_RATE_HZ:
        empty = f"; bands above {rate // 2} Hz stay empty: set front_end.high_hz" if rate < audio.SAMPLE_RATE_HZ else ""
        yield Finding("sample rate", f"all have {rate} Hz; they are resampled to {audio.SAMPLE_RATE_HZ} Hz{empty}")
    if clipped := [one for one in heard if 0 < one.clipped < CLIPPED_BADLY]:
        yield Finding(
            "clipped recordings",
            f"{len(clipped)} of {len(heard)} have some peaks cut flat ({CLIPPED_RUN} or more samples in a row at full"
            " scale); they can be used",
            tuple(_told(one, f"{100 * one.clipped:.2f} % of its samples") for one in clipped),
        )


def _odd_rates(sound: Sequence[Heard]) -> Iterator[Finding]:
    rates = Counter(one.rate_hz for one in sound)
    if len(rates) < 2:
        return
    usual = max(rates, key=lambda rate: (rates[rate], rate))
    odd = [one for one in sound if one.rate_hz != usual]
    yield Finding(
        "odd sample rates",
        f"{len(odd)} of {len(sound)} have another sample rate than the {usual} Hz of most; a recogniser may learn the"
        " recorder in place of the emotion: see whether rate and label go together, and bring all to the lowest rate",
        tuple(_told(one, f"has {one.rate_hz} Hz") for one in odd),
    )


def _duplicates(sound: Sequence[Heard]) -> Iterator[Finding]:
    """The same sound under several names; with several labels or speakers it is worse than superfluous."""
    alike = groupby(sorted(sound, key=lambda one: (one.digest, str(one.path))), key=lambda one: one.digest)
    groups = [group for _, members in alike if len(group := list(members)) > 1]
    labels = [group for group in groups if len({_label(one.utterance) for one in group}) > 1]
    speakers = [group for group in groups if group not in labels and len({one.utterance.speaker for one in group}) > 1]
    plain = [group for group in groups if group not in labels and group not in speakers]
    for kind, chosen, remedy in (
        ("one sound, two labels", labels, "have different labels, so one is wrong: find out which, and leave one"),
        ("one sound, two speakers", speakers, "name different speakers, so a fold may be tested on what it learned"
         " from: find out who speaks, and leave one"),
        ("duplicate recordings", plain, "are superfluous: leave one of each"),
    ):  # fmt: skip
        if chosen:
            count = "a sound is" if len(chosen) == 1 else f"{len(chosen)} sounds are"
            message = f"{count} here more than once, and the copies {remedy}"
            yield Finding(kind, message, tuple(sorted(map(_copies, chosen))))


def _copies(group: Sequence[Heard]) -> str:
    names = " = ".join(_told(one, f"({_label(one.utterance)}, {one.utterance.speaker})") for one in group)
    try:
        same = len({digest_of_file(one.path) for one in group}) == 1
    except OSError:  # it was there a moment ago
        return names
    return names if same else f"{names}, in different files"


def _label(utterance: Utterance) -> str:
    if utterance.emotion is not None:
        return utterance.emotion
    ratings = (utterance.arousal, utterance.valence, utterance.dominance)
    return " ".join("-" if value is None else f"{value:g}" for value in ratings)


def _told(one: Heard, what: str) -> str:
    return f"{one.place} {what}"


def _why(path: Path, error: AudioError) -> str:
    """The reason alone: the remedy behind the semicolon is the finding's."""
    return str(error).removeprefix(f"{path} ").partition("; ")[0]
