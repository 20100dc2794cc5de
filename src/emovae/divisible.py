"""Whether a corpus can be learned from and judged as `emovae train` does it, and what stands in the way."""

import difflib
from collections.abc import Iterator, Mapping, Sequence

from emovae import presets
from emovae.corpora.corpus import Finding
from emovae.errors import ProtocolError
from emovae.folds import plan_folds
from emovae.labels import LabelMapping, mapped
from emovae.targets import strata_by_emotion
from emovae.utterance import Utterance

Speakers = Mapping[str, Sequence[str]]
"""Class -> the speaker of each utterance of it."""


def obstacles(utterances: Sequence[Utterance], mapping: LabelMapping) -> Iterator[Finding]:
    """Why emotions cannot be divided by the protocol that is usual; nothing where they can, or where there are none.

    Args:
        utterances: the whole corpus.
        mapping: which emotions are told apart.
    """
    experiment = presets.resolve({"name": "check"})
    labels = tuple(mapped(utterance.emotion, mapping) for utterance in utterances)
    said: dict[str, list[str]] = {}
    for utterance, label in zip(utterances, labels, strict=True):
        if label is not None:
            said.setdefault(label, []).append(utterance.speaker)
    if not said:  # values of arousal alone, perhaps
        return
    try:
        plan_folds(utterances, labels, experiment.protocol, strata_by_emotion(experiment, utterances, labels))
    except ProtocolError as error:
        in_sessions = any(utterance.session for utterance in utterances)
        least = 0 if in_sessions else max(3, experiment.protocol.folds)
        yield from _told(said, str(error), least) or (Finding("no division", str(error)),)


def _told(said: Speakers, refusal: str, least: int) -> list[Finding]:
    """The usual reasons, each by its name.

    Args:
        said: what is told apart.
        refusal: the first reason that was met, and how to go on.
        least: so many speakers are needed.
    """
    if len(said) == 1:
        return [Finding("one class", refusal)]
    found = list[Finding]()
    if len({speaker for speakers in said.values() for speaker in speakers}) < least:
        found.append(Finding("too few speakers", refusal))
    if alone := [name for name, speakers in said.items() if len(set(speakers)) == 1]:
        classes = "1 class is" if len(alone) == 1 else f"{len(alone)} classes are"
        found.append(
            Finding(
                "classes of one speaker",
                f"{classes} shown by one speaker only, and cannot be learned from some and told of others; mend a"
                " misspelled label, record more speakers, or name the other classes with --set classes=[...]",
                tuple(_place(name, said) for name in alone),
            )
        )
    return found


def _place(name: str, said: Speakers) -> str:
    count = len(said[name])
    alike = difflib.get_close_matches(name, [other for other in said if other != name], 1)
    meant = f"; perhaps {alike[0]} is meant" if alike else ""
    return f"{name}: {count} {'utterance' if count == 1 else 'utterances'} of speaker {said[name][0]}{meant}"
