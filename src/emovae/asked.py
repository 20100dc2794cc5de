"""Which utterances of a corpus a model can be asked about, and what each of them is labelled in the model's words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.errors import ConfigError
from emovae.labels import MAPPINGS
from emovae.targets import labels_of, mapping_of
from emovae.utterance import Utterance

LEFT_OUT = "-"
"""In place of a class."""


class Asked(NamedTuple):
    """What is asked about.

    Attributes:
        utterances: those with a label that the model knows.
        labels: of each, one of the model's classes.
        notices: what was renamed, left out or lacks.
    """

    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    notices: tuple[str, ...]


def wishes(words: Sequence[str]) -> dict[str, str]:
    """What `--map theirs=ours` says: the corpus's label -> the model's class, or `-` to leave it out.

    Raises:
        ConfigError: for what says nothing, or names one label twice.

    >>> wishes(["surprise=happiness", "boredom=-"])
    {'surprise': 'happiness', 'boredom': '-'}
    """
    found: dict[str, str] = {}
    for word in words:
        theirs, equals, ours = (part.strip() for part in word.rpartition("="))
        if not (theirs and equals and ours):
            raise ConfigError(f"--map {word!r} maps nothing; write --map theirs=ours, or theirs=- to leave it out")
        if theirs in found:
            raise ConfigError(f"--map names {theirs} twice, as {found[theirs]} and as {ours}; give it once")
        found[theirs] = ours
    return found


def asked(corpus: Corpus, settings: Experiment, classes: Sequence[str], wished: Mapping[str, str]) -> Asked:
    """The utterances that a model can be asked about, with their labels in its words.

    A label is what `wished` makes of it; else itself, where the model knows it; else what the model's label mapping
    makes of it, such as happiness of excited. Nothing else is guessed.

    Args:
        corpus: other people's, or the model's own.
        settings: those that the model was trained with, of one target.
        classes: the model's.
        wished: see `wishes`.

    Raises:
        ConfigError: for a label that the model does not know, and a wish that fits nothing.
        CorpusError: for a corpus without any such label.
    """
    (target,) = settings.targets
    raw = [utterance.emotion for utterance in corpus.utterances]
    given = labels_of(settings.model_copy(update={"utterances": "all"}), corpus.utterances, raw, target)
    counts = Counter(name for name in given if name is not None)
    usual = (MAPPINGS[mapping_of(settings, corpus)] or {}) if target == "emotion" else {}
    known = {name: name for name in counts if name in classes}
    renamed = {name: usual[name] for name in counts if name not in known and usual.get(name) in classes}
    words = {**renamed, **known, **wished}
    _require_fit(corpus, counts, classes, words, wished)
    labelled = [
        (utterance, words[name])
        for utterance, name in zip(corpus.utterances, given, strict=True)
        if name is not None and words[name] != LEFT_OUT
    ]
    if not labelled:
        raise ConfigError(f"every label of {corpus.name} is left out by --map; map one at least to {_all(classes)}")
    utterances, labels = zip(*labelled, strict=True)
    return Asked(utterances, labels, tuple(_notices(corpus, counts, classes, words, labels)))


def _require_fit(
    corpus: Corpus,
    counts: Mapping[str, int],
    classes: Sequence[str],
    words: Mapping[str, str],
    wished: Mapping[str, str],
) -> None:
    have = _counts(counts)
    if strange := [name for name in wished if name not in counts]:
        raise ConfigError(f"--map {strange[0]}: {corpus.name} has no such label; it has {have}")
    if strange := [name for name in wished if wished[name] not in (*classes, LEFT_OUT)]:
        name = strange[0]
        raise ConfigError(
            f"--map {name}={wished[name]}: the model knows no {wished[name]}; it knows {_all(classes)}, and"
            f" --map {name}={LEFT_OUT} leaves it out"
        )
    if unknown := sorted(name for name in counts if name not in words):
        leave = " ".join(_word(name, LEFT_OUT) for name in unknown)
        raise ConfigError(
            f"{corpus.name} has {have}, and the model knows {_all(classes)}: not {_all(unknown)}. Say what each is to"
            f" the model, such as {_word(unknown[0], classes[0])}, or leave them out: {leave}"
        )


def _word(theirs: str, ours: str) -> str:
    """An option as a shell takes it."""
    pair = f"{theirs}={ours}"
    return f"--map {pair}" if pair.replace("=", "").replace("-", "").isalnum() else f"--map '{pair}'"


def _notices(
    corpus: Corpus, counts: Mapping[str, int], classes: Sequence[str], words: Mapping[str, str], labels: Sequence[str]
) -> list[str]:
    told = [
        f"{name} ({counts[name]:,}) counts as {words[name]}"
        for name in sorted(counts)
        if words[name] not in (name, LEFT_OUT)
    ]
    if out := [name for name in sorted(counts) if words[name] == LEFT_OUT]:
        told.append(f"left out: {_counts({name: counts[name] for name in out})}")
    if unlabelled := len(corpus.utterances) - sum(counts.values()):
        told.append(f"{unlabelled:,} utterances have no label, and are left out")
    if lacking := [name for name in classes if name not in labels]:
        told.append(f"no utterance is {' or '.join(lacking)}, which the model may say: UA is over the other classes")
    return told


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({counts[name]:,})" for name in sorted(counts))


def _all(names: Sequence[str]) -> str:
    return ", ".join(names)
