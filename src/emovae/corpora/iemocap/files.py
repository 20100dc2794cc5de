"""What IEMOCAP writes about one dialogue: its label file and its transcription.

A block of a label file, tabs shown as bars, its values invented; in brackets valence, activation and dominance:

    [6.2901 - 8.2357]|Ses01F_impro01_F000|neu|[2.5000, 2.5000, 2.5000]
    C-E2:|Neutral;|()
    C-F1:|Neutral; Anger;|(curious)
    A-E3:|val 3; act 2; dom  2;|()
    A-F1:|val 3; act 2;|()

`C` lines choose categories, `A` lines rate; raters F1 and M1 are the speakers themselves, whom the mean in brackets
leaves out. The transcription has one line for each turn, and some of no turn at all (`_MXX0`):

    Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from emovae.corpora.iemocap.facts import CODES, TURN
from emovae.labels import SLIP_IN_MEAN, off_scale
from emovae.utterance import Vote

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
SLIP = 1.0  # a rater's 0 or 6 is a slip of the pen that is kept as published; more is no rating

_NUMBER = r"(\d+(?:\.\d+)?)"
_VALUE = r"([-+]?\d+(?:\.\d+)?|[-+]?nan|[-+]?inf)"  # what a bracket holds; `_fault` judges it
_LABEL = re.compile(
    rf"\[{_NUMBER} - {_NUMBER}\]\t(?P<id>[^\t]+)\t(?P<code>[^\t]+)\t\[{_VALUE}, {_VALUE}, {_VALUE}\]\s*",
    re.ASCII | re.IGNORECASE,
)
_VOTE = re.compile(r"(?P<kind>[CA])-(?P<rater>\w+):\s*(?P<says>[^(]*)(?P<remark>.*)", re.ASCII)
_RATING = re.compile(r"(val|act|dom)\s*([^;]*);", re.ASCII)
_SELF = frozenset({"F1", "M1"})
_WORDS = re.compile(rf"(?P<id>{TURN.pattern})\s+\[[^\]]*\]:\s*(?P<words>.*)", re.ASCII)


FaultKind: TypeAlias = Literal["unreadable", "cut", "id", "twice", "code", "value"]


class Turn(NamedTuple):
    """One block of a label file; values on the scale from 1 to 5, times in seconds into the dialogue."""

    id: str
    code: str
    start_s: float
    end_s: float
    valence: float
    arousal: float
    dominance: float
    votes: tuple[Vote, ...]


class Fault(NamedTuple):
    """What is wrong in a label file: where in it, empty for the file as a whole, and what."""

    kind: FaultKind
    place: str
    what: str


class Labels(NamedTuple):
    """A label file: the turns it names, in its order, its faults, and where ratings slip off the scale a little."""

    turns: tuple[Turn, ...]
    faults: tuple[Fault, ...]
    slips: tuple[str, ...]


class _Block(NamedTuple):
    line: int
    label: re.Match[str]
    votes: dict[str, Vote]


def read_labels(path: Path) -> Labels:
    """Reads a label file as far as it goes; what is wrong with it is told, never raised."""
    try:
        lines = _lines(path)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        return Labels((), (Fault("unreadable", "", f"cannot be read: {why}"),), ())
    if not any(line.startswith("%") for line in lines):
        return Labels((), (Fault("unreadable", "", f"lacks the header {HEADER!r}"),), ())
    blocks, faults = _blocks(lines)
    turns: dict[str, Turn] = {}
    slips = []
    for block in blocks:
        turn = _turn(block)
        fault = _fault(turn, path.stem, turns, f"line {block.line}")
        if fault is not None:
            faults.append(fault)
        elif off_scale(*_means(turn), *(rating for vote in turn.votes for rating in _rated(vote))):
            slips.append(f"line {block.line}, {turn.id}")
        if fault is None or fault.kind in {"code", "value"}:
            turns[turn.id] = turn
    if not blocks and not faults:
        faults.append(Fault("cut", "", "names no turn"))
    return Labels(tuple(turns.values()), tuple(faults), tuple(slips))


def read_words(path: Path) -> Mapping[str, str]:
    """The words of each turn in a transcription; lines that are of no turn (`_MXX0`) are left out.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when it is no text.
    """
    spoken = (_WORDS.fullmatch(line.strip()) for line in _lines(path))
    return {said["id"]: said["words"].strip() for said in spoken if said is not None}


def _lines(path: Path) -> list[str]:
    """The lines of a text, whatever the system that wrote it."""
    content = path.read_bytes()
    if not content.strip():
        raise ValueError(f"it is empty: {len(content)} bytes")
    if b"\0" in content:
        raise ValueError(f"it is no text: its {len(content)} bytes begin with {content[:8]!r}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")  # remarks and words typed on Windows
    # str.splitlines would also cut at characters that remarks may hold.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _blocks(lines: list[str]) -> tuple[list[_Block], list[Fault]]:
    blocks: list[_Block] = []
    faults = []
    lost = False  # the votes behind a label that cannot be read are nobody's
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("%"):
            continue
        label, vote = _LABEL.fullmatch(line), _VOTE.fullmatch(line)
        # The last line of a whole file ends; elsewhere a remark may lack its bracket.
        ended = number < len(lines) or line.rstrip().endswith(")")
        if label is not None:
            blocks.append(_Block(number, label, {}))
            lost = False
        elif vote is not None and lost:
            continue
        elif vote is not None and blocks and ended:
            _add(blocks[-1].votes, vote)
        else:
            lost = vote is None
            faults.append(Fault("cut", f"line {number}", f"{line[:60]!r} is neither a whole turn nor a whole vote"))
    if blocks and not faults and not _is_rated(blocks[-1]) and (len(blocks) == 1 or any(map(_is_rated, blocks))):
        what = f"the last turn, {blocks[-1].label['id']}, has no ratings"
        faults.append(Fault("cut", f"line {blocks[-1].line}", what))
    return blocks, faults


def _is_rated(block: _Block) -> bool:
    """Whether a rater other than the speaker has given it a value."""
    return any(_rated(vote) for vote in block.votes.values() if not vote.self_report)


def _add(votes: dict[str, Vote], line: re.Match[str]) -> None:
    """Adds a line to what its rater has said so far."""
    rater, says = line["rater"], line["says"]
    vote = votes.get(rater, Vote(rater, self_report=rater in _SELF))
    if line["kind"] == "C":
        emotions = (emotion.strip() for emotion in says.split(";"))
        votes[rater] = vote._replace(emotions=tuple(filter(None, emotions)))
    else:
        given = {name: _number(value.strip()) for name, value in _RATING.findall(says) if value.strip()}
        votes[rater] = vote._replace(arousal=given.get("act"), valence=given.get("val"), dominance=given.get("dom"))


def _number(text: str) -> float:
    """What a rater wrote; not a number for anything else."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _turn(block: _Block) -> Turn:
    start_s, end_s, valence, arousal, dominance = (float(block.label[group]) for group in (1, 2, 5, 6, 7))
    votes = tuple(block.votes.values())
    return Turn(block.label["id"], block.label["code"], start_s, end_s, valence, arousal, dominance, votes)


def _means(turn: Turn) -> tuple[float, float, float]:
    return turn.valence, turn.arousal, turn.dominance


def _rated(vote: Vote) -> list[float]:
    return [value for value in (vote.valence, vote.arousal, vote.dominance) if value is not None]


def _fault(turn: Turn, dialog: str, known: Mapping[str, Turn], place: str) -> Fault | None:
    named = TURN.fullmatch(turn.id)
    if named is None or named["dialog"] != dialog:
        return Fault("id", place, f"{turn.id!r} is no turn of {dialog}")
    if turn.id in known:
        return Fault("twice", place, f"{turn.id} is labelled a second time")
    if turn.code not in CODES:
        return Fault("code", place, f"{turn.id} has the unknown emotion {turn.code!r}")
    means = _means(turn)
    if off_scale(*means) > SLIP_IN_MEAN:
        return Fault("value", place, f"{turn.id} is rated {', '.join(f'{value:g}' for value in means)}")
    for vote in turn.votes:
        if off_scale(*_rated(vote)) > SLIP:
            rated = ", ".join(f"{value:g}" for value in _rated(vote))
            return Fault("value", place, f"{turn.id} is rated {rated} by {vote.rater}")
    return None
