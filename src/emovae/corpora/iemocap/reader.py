"""IEMOCAP: five pairs of actors, improvising and after scripts, in 10,039 turns with categories and dimensions.

A real id: `Ses01F_impro01_F000` is the first turn of the woman of session 1. The first F or M is the actor who wears
the markers for the cameras; the last one is who speaks. So the speaker is session and last letter, `Ses01F`.

Busso et al. (2008), "IEMOCAP: interactive emotional dyadic motion capture database". The release has 23 GB, of which
`dialog/EmoEvaluation`, `dialog/transcriptions` and `sentences/wav` are read (1.4 GB); the rest need not be there.
`files` tells what the files look like, `facts` how much there is of everything.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from emovae.corpora.corpus import Finding, Reader, Survey
from emovae.corpora.iemocap.facts import CODES, GENDERS, KNOWN, MARKED, MARKER, SESSIONS, TURN, TURNS, subset_of
from emovae.corpora.iemocap.facts import dialogs as known_dialogs
from emovae.corpora.iemocap.files import Fault, FaultKind, Turn
from emovae.corpora.iemocap.tree import EXPECTS, FOLDERS, LABELS, SOUND, WORDS, Dialog, dialogs_of, find, is_there
from emovae.corpora.release import ByHand
from emovae.utterance import Utterance

FAULTS: Mapping[FaultKind, tuple[str, str, str]] = {
    "unreadable": ("unreadable label file", "label files that cannot be used", "copy them anew from the release"),
    "cut": ("cut label file", "label files that are not whole", "copy them anew from the release"),
    "id": ("odd name", "labels of something that IEMOCAP has not", "take them out, or copy the files anew"),
    "twice": ("turn labelled twice", "turns labelled twice", "copy the label files anew from the release"),
    "code": ("unknown emotion", f"emotions that are none of {', '.join(CODES)}", "copy the label files anew"),
    "value": ("value outside 1 to 5", "ratings far outside 1 to 5", "copy the label files anew from the release"),
}
"""A fault -> its kind of finding, what there is, and the way out."""


def _survey(root: Path) -> Survey:
    release = find(root)
    findings: list[Finding] = []
    dialogs = [dialog for folder in FOLDERS for dialog in dialogs_of(release, folder, findings)]
    utterances = [_utterance(release, dialog, turn) for dialog in dialogs for turn in dialog.turns]
    findings += [*_missing(release, dialogs), *_faults(release, dialogs), *_unlike(release, dialogs)]
    return Survey(
        name="iemocap",
        utterances=tuple(sorted(utterances, key=lambda utterance: utterance.id)),
        notices=tuple(_notices(release, dialogs)),
        findings=tuple(findings),
        remarks=_slips(release, dialogs),
        mapping="four",
    )


def _utterance(release: Path, dialog: Dialog, turn: Turn) -> Utterance:
    named = TURN.fullmatch(turn.id)
    assert named is not None  # any other name is a fault of its file
    place = release / dialog.folder / SOUND / dialog.name / f"{turn.id}.wav"
    return Utterance(
        id=turn.id,
        audio=dialog.audio.get(turn.id, place),
        speaker=named["session"] + named["speaker"],
        emotion=CODES.get(turn.code, turn.code),
        arousal=turn.arousal,
        valence=turn.valence,
        dominance=turn.dominance,
        session=named["session"],
        subset=subset_of(named),
        language="English",
        gender=GENDERS[named["speaker"]],
        transcript=(dialog.words or {}).get(turn.id) or None,
        start_s=turn.start_s,
        end_s=turn.end_s,
        votes=turn.votes,
    )


def _missing(release: Path, dialogs: Sequence[Dialog]) -> list[Finding]:
    """Sessions of which nothing is there."""
    told = []
    missing = []
    for folder in FOLDERS:
        here = [dialog for dialog in dialogs if dialog.folder == folder]
        turns, sounds = sum(len(dialog.turns) for dialog in here), sum(len(dialog.audio) for dialog in here)
        told.append(f"{folder} {turns:,} labelled turns and {sounds:,} recordings")
        if not here:
            missing.append(folder)
    if not missing:
        return []
    message = (
        f"IEMOCAP has five sessions, and {release} lacks {len(missing)}, {missing[0]} first: it has "
        f"{', '.join(told)}; copy {LABELS}, {WORDS} and {SOUND} of each from the release"
    )
    return [Finding("missing session", message, tuple(missing))]


def _faults(release: Path, dialogs: Sequence[Dialog]) -> list[Finding]:
    """What is wrong in the label files, one finding of each kind."""
    found: dict[FaultKind, dict[str, str]] = {}
    for dialog in dialogs:
        for kind, where, what in (*(dialog.labels.faults if dialog.labels else ()), *_short(dialog)):
            found.setdefault(kind, {})[", ".join(filter(None, (dialog.label_file, where)))] = what
    return [_finding(release, *FAULTS[kind], found[kind]) for kind in FAULTS if kind in found]


def _short(dialog: Dialog) -> list[Fault]:
    """Whether a label file has fewer turns than its transcription or its recordings."""
    if dialog.labels is None or any(fault.kind in {"unreadable", "id", "twice"} for fault in dialog.labels.faults):
        return []
    known = _expected(dialog)
    here = len(known & {turn.id for turn in dialog.turns})
    if here == len(known):
        return []
    source = "transcription tells" if dialog.words else "recordings are"
    return [Fault("cut", "", f"labels {here} of the {len(known)} turns that its {source}")]


def _expected(dialog: Dialog) -> set[str]:
    """The turns that a dialogue should have: those transcribed, or else those recorded."""
    named = ((turn, TURN.fullmatch(turn)) for turn in dialog.words or dialog.audio)
    return {turn for turn, match in named if match is not None and match["dialog"] == dialog.name}


def _unlike(release: Path, dialogs: Sequence[Dialog]) -> list[Finding]:
    """Labels without recordings and recordings without labels."""
    unlabelled = {
        dialog.label_file: f"the {len(dialog.audio)} recordings of {dialog.name} have no labels"
        for dialog in dialogs
        if dialog.labels is None
    }
    silent = {
        f"{dialog.folder}/{SOUND}/{dialog.name}/{turn.id}.wav": "is not there"
        for dialog in dialogs
        for turn in dialog.turns
        if turn.id not in dialog.audio
    }
    unknown = {
        f"{dialog.folder}/{SOUND}/{dialog.name}/{dialog.audio[name].name}": "no label names it"
        for dialog in dialogs
        if dialog.turns
        for name in sorted(dialog.audio.keys() - _expected(dialog) - {turn.id for turn in dialog.turns})
    }
    by_session = [
        f"{folder} {count:,} of {sum(len(dialog.turns) for dialog in dialogs if dialog.folder == folder):,}"
        for folder in FOLDERS
        if (count := sum(place.startswith(folder) for place in silent))
    ]
    found = (
        ("missing label file", "label files that are not there", f"copy {LABELS} from the release", unlabelled),
        (
            "labels without audio",
            f"labelled turns without a recording ({', '.join(by_session)})",
            f"copy {SOUND} from the release",
            silent,
        ),
        ("audio without labels", "recordings that no label names", "take them out, or copy the labels anew", unknown),
    )
    return [_finding(release, *finding) for finding in found if finding[-1]]


def _finding(release: Path, kind: str, what: str, remedy: str, places: Mapping[str, str]) -> Finding:
    first, why = next(iter(places.items()))
    files = len({place.partition(", ")[0] for place in places})
    count = f"{len(places):,}" if files == len(places) else f"{len(places):,} lines of {files:,} files"
    message = f"{what}: {count} in {release}, first {first}: {why}; {remedy}"
    return Finding(kind, message, tuple(places))


def _slips(release: Path, dialogs: Sequence[Dialog]) -> tuple[Finding, ...]:
    """Ratings just outside the scale, which are kept: raters of a whole release may have written them."""
    slips = {
        f"{dialog.label_file}, {place}": "kept as it is written"
        for dialog in dialogs
        for place in (dialog.labels.slips if dialog.labels else ())
    }
    what = "turns with a rating just outside 1 to 5"
    remedy = "compare these files with the release, and leave them if they are as published"
    return (_finding(release, "value outside 1 to 5", what, remedy, slips),) if slips else ()


def _notices(release: Path, dialogs: Sequence[Dialog]) -> list[str]:
    """What a person should know, though it keeps nothing from being read."""
    notices = [" ".join(MARKED.split())] if (release / MARKER).is_file() else []
    here, all_turns = sum(len(dialog.turns) for dialog in dialogs), sum(TURNS.values())
    if here != all_turns:
        whole = sum(len(known_dialogs(session)) for session in SESSIONS)
        notices.append(
            f"{here:,} of the {all_turns:,} turns of IEMOCAP are here, in {len(dialogs)} of {whole} dialogues"
        )
    mute = [dialog.name for dialog in dialogs if dialog.words is None]
    if mute:
        notices.append(
            f"{len(mute):,} of the {len(dialogs):,} dialogues have no transcription, {mute[0]} first: no words there"
        )
    return notices


READER = Reader(
    name="iemocap",
    title="IEMOCAP: improvised and scripted English, 10,039 turns, 10 speakers, emotions and three ratings",
    expects=EXPECTS,
    licence="research use, by an agreement signed with the University of Southern California",
    source="https://sail.usc.edu/iemocap/",
    fits=is_there,
    survey=_survey,
    known=KNOWN,
    release=ByHand("fill in the release form on that page; the address of the download comes by mail"),
)
