"""The text files of a dialogue as IEMOCAP has them, and what other programs leave beside them."""

from collections.abc import Callable, Iterator, Mapping

from emovae.corpora.iemocap.files import HEADER
from emovae.corpora.iemocap.tree import LABELS, SOUND, WORDS
from emovae.corpora.iemocap_like.plan import Dialog, Turn
from emovae.corpora.iemocap_like.votes import RATERS
from emovae.utterance import Vote

EVERY = 7  # each irregularity shows in every so manieth dialogue of a session, beginning with the first
REMARKS = ("", "", "", "", "", "", "hesitant", "mildly amused", "tense; holding back")

# What macOS leaves on a disk that is not its own: magic number, version, and who wrote it.
APPLE_DOUBLE = bytes.fromhex("00051607 00020000") + b"Mac OS X".ljust(16) + bytes(range(256))

_ANVIL = """<?xml version="1.0" encoding="UTF-8"?>
<annotation>
 <head><specification src="emotion.xml" /></head>
 <body>
  <track name="{track}" type="primary">
{elements}
  </track>
 </body>
</annotation>
"""


def files(dialog: Dialog, place: int) -> Iterator[tuple[str, bytes]]:
    """Every file of a dialogue but its sound.

    Args:
        dialog: what is said.
        place: the dialogue's number in its session, from 0; it decides which irregularities show.

    Yields:
        The path in its session's folder, and the content.
    """
    name, odd = dialog.name, place % EVERY == 0
    yield f"{LABELS}/{name}.txt", _label_file(dialog).encode()
    yield f"{WORDS}/{name}.txt", _transcription(dialog, odd).encode()
    for number, rater in enumerate(RATERS):
        votes = {turn.id: turn.opinion.votes[number] for turn in dialog.turns}
        yield f"{LABELS}/Attribute/{name}_{rater.lower()}_atr.txt", _lines(votes, _rated).encode()
        yield f"{LABELS}/Categorical/{name}_{rater.lower()}_cat.txt", _lines(votes, _chosen).encode()
    for letter in sorted({turn.kind.letter for turn in dialog.turns}):
        own = {turn.id: turn.opinion.votes[-1] for turn in dialog.turns if turn.kind.letter == letter}
        stem = f"{LABELS}/Self-evaluation/{name}_{letter.lower()}1"
        yield f"{stem}_atr.txt", _lines(own, _rated).encode()
        yield f"{stem}_cat.txt", _lines(own, _chosen).encode()
        if odd:
            yield f"{stem}_cat.anvil", _anvil(dialog, letter).encode()
    if odd:
        yield f"{LABELS}/._{name}.txt", APPLE_DOUBLE
        yield f"{WORDS}/._{name}.txt", APPLE_DOUBLE
        yield f"{SOUND}/._{name}", APPLE_DOUBLE
        yield f"{SOUND}/{name}/._{dialog.turns[0].id}.wav", APPLE_DOUBLE
        yield f"{SOUND}/{name}/.DS_Store", b"\x00\x00\x00\x01Bud1"
        yield f"{SOUND}/{name}/{name}.pk", b"no sound"


def _label_file(dialog: Dialog) -> str:
    """Her turns, then his; the header and then each block with a blank line behind."""
    blocks = [f"{HEADER}\n", *(_block(turn) for turn in sorted(dialog.turns, key=lambda turn: turn.id))]
    return "\n".join(blocks)


def _block(turn: Turn) -> str:
    means = ", ".join(f"{value:.4f}" for value in turn.opinion.means)
    span = f"[{turn.start_s:.4f} - {turn.start_s + turn.length_s:.4f}]"
    lines = [f"{span}\t{turn.id}\t{turn.kind.code}\t[{means}]"]
    # Which remark is of no weight, but must be the same wherever it is written.
    remark = REMARKS[round(turn.start_s * 1_000) % len(REMARKS)]
    lines += [f"C-{vote.rater}:\t{' '.join(f'{name};' for name in vote.emotions)}\t()" for vote in turn.opinion.votes]
    lines += [f"A-{vote.rater}:\t{_attributes(vote)}\t({remark})" for vote in turn.opinion.votes]
    return "\n".join(lines) + "\n"


def _attributes(vote: Vote) -> str:
    dominance = "" if vote.dominance is None else f" dom  {vote.dominance:.0f};"
    return f"val {vote.valence:.0f}; act {vote.arousal:.0f};{dominance}"


def _rated(vote: Vote) -> str:
    dominance = "" if vote.dominance is None else f"{vote.dominance:.0f}"
    return f":act {vote.arousal:.0f}; :val {vote.valence:.0f}; :dom {dominance};"


def _chosen(vote: Vote) -> str:
    names = ("Neutral state" if name == "Neutral" else name for name in vote.emotions)
    return " ".join(f":{name};" for name in names) + " ()"


def _lines(votes: Mapping[str, Vote], told: Callable[[Vote], str]) -> str:
    return "".join(f"{turn} {told(votes[turn])}\n" for turn in sorted(votes))


def _transcription(dialog: Dialog, odd: bool) -> str:
    lines = [_said(turn.id, turn.start_s, turn.start_s + turn.length_s, turn.words) for turn in dialog.turns]
    if odd:  # somebody breathes, which is no turn
        start_s = dialog.turns[0].start_s
        lines.insert(1, _said(f"{dialog.name}_MXX0", start_s, start_s + 0.4, "[BREATHING]"))
    return "".join(lines)


def _said(name: str, start_s: float, end_s: float, words: str) -> str:
    return f"{name} [{start_s:08.4f}-{end_s:08.4f}]: {words}\n"


def _anvil(dialog: Dialog, letter: str) -> str:
    elements = "\n".join(
        f'   <el index="{number}" start="{turn.start_s:.4f}" end="{turn.start_s + turn.length_s:.4f}">'
        f'<attribute name="{turn.opinion.votes[-1].emotions[0]}">true</attribute></el>'
        for number, turn in enumerate(turn for turn in dialog.turns if turn.kind.letter == letter)
    )
    return _ANVIL.format(track=f"{letter}.emotion", elements=elements)
