"""What the table of a corpus gives away beside the emotion: by who speaks, and by what is said.

Only labels, speakers and texts are looked at, so this is quick, and needs no recording.
"""

import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import make_pipeline

from emovae.chance import Codes, Dependence, Recognition, crossed, dependence, numbered, recognition, shuffles
from emovae.errors import ProtocolError
from emovae.utterance import Utterance

MOSTLY = 0.5
INSTEAD = {"normalise": "train", "normalise_statistics": "none"}
"""Settings that may be `speaker`, and what else they may be."""


class BySpeaker(NamedTuple):
    """What the speaker tells.

    Attributes:
        speakers: how many there are.
        of_one_class: how many of them show one class only.
        dependence: of the label on the speaker.
        oracle_wa: the share of utterances that are right where each speaker's most frequent class is named.
        oracle_ua: the mean of the classes' recalls then.
        chance_ua: the same where labels are shuffled.
    """

    speakers: int
    of_one_class: int
    dependence: Dependence
    oracle_wa: float
    oracle_ua: float
    chance_ua: float


class BySentence(NamedTuple):
    """What the sentence tells.

    Attributes:
        sentences: how many different ones there are.
        repeated: the share of utterances whose sentence somebody else says, too.
        crossed: how many sentences are said in several classes.
        crossed_fully: how many are said in all of them.
        dependence: of the label on the sentence.
    """

    sentences: int
    repeated: float
    crossed: int
    crossed_fully: int
    dependence: Dependence

    @property
    def repeats(self) -> bool:
        """Whether these are given sentences, which people repeat after each other, and not free speech."""
        return self.repeated >= MOSTLY


def by_speaker(utterances: Sequence[Utterance], labels: Sequence[str]) -> BySpeaker:
    """What the speaker tells of the label of each utterance.

    The oracle knows every speaker's labels, tested ones too; so it stands beside what it makes of shuffled labels.
    """
    speakers = [utterance.speaker for utterance in utterances]
    who, labels_of = numbered(speakers), numbered(labels)
    counts = crossed(who, labels_of)
    return BySpeaker(
        speakers=len(counts),
        of_one_class=int(((counts > 0).sum(axis=1) == 1).sum()),
        dependence=dependence(speakers, labels),
        oracle_wa=float(counts.max(axis=1).sum() / counts.sum()),
        oracle_ua=_oracle_ua(who, labels_of),
        chance_ua=float(np.mean([_oracle_ua(who, shuffled) for shuffled in shuffles(labels_of)])),
    )


def _oracle_ua(who: Codes, labels: Codes) -> float:
    counts = crossed(who, labels)
    named = np.eye(counts.shape[1])[counts.argmax(axis=1)]
    return float(((counts * named).sum(axis=0) / counts.sum(axis=0)).mean())


def sentence_of(utterance: Utterance) -> Hashable:
    """What tells an utterance's sentence from others: its id and language, or else its words; None where neither is.

    Words are the same whatever their letters' case and the marks between them.

    >>> told = [sentence_of(Utterance(id="", audio=None, speaker="", transcript=said)) for said in ("Oh, no!", "oh no")]
    >>> told[0] == told[1]
    True
    """
    if utterance.sentence is not None:
        return utterance.language, utterance.sentence
    return words_of(utterance) or None


def words_of(utterance: Utterance) -> str:
    """The words of a transcript in small letters, one blank between two; "" where there are none."""
    text = unicodedata.normalize("NFKC", utterance.transcript or "").casefold()
    return " ".join("".join(" " if unicodedata.category(mark)[0] in "PSZC" else mark for mark in text).split())


def by_sentence(utterances: Sequence[Utterance], labels: Sequence[str]) -> BySentence:
    """What the sentence tells of the label; every utterance must have one, see `sentence_of`."""
    sentences = [sentence_of(utterance) for utterance in utterances]
    speakers = [utterance.speaker for utterance in utterances]
    what, who, labels_of = numbered(sentences), numbered(speakers), numbered(labels)
    classes = (crossed(what, labels_of) > 0).sum(axis=1)
    voices = (crossed(what, who) > 0).sum(axis=1)
    return BySentence(
        sentences=len(classes),
        repeated=float((voices[what] > 1).mean()),
        crossed=int((classes > 1).sum()),
        crossed_fully=int((classes == len(set(labels))).sum()),
        dependence=dependence(sentences, labels, speakers),
    )


def by_words(utterances: Sequence[Utterance], labels: Sequence[str]) -> Recognition:
    """How well words alone, without any sound, tell the label of people who are not learned from.

    Words and pairs of them, weighted by how few utterances have them (TF-IDF), and a naive Bayes of each class's
    complement (Rennie et al. 2003), which does not mind classes of unlike size.

    Args:
        utterances: with words each, by two speakers at least.
        labels: the class of each.
    """
    counts = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), lowercase=False)
    values = counts.fit_transform([words_of(utterance) for utterance in utterances])
    return recognition(values, labels, [utterance.speaker for utterance in utterances], _reader)


def _reader() -> Any:
    return make_pipeline(TfidfTransformer(), ComplementNB())


def heard_before(utterances: Sequence[Utterance], sides: Iterable[tuple[Sequence[int], Sequence[int]]]) -> float:
    """The share of tested utterances whose sentence is among those that are learned from.

    Args:
        utterances: a corpus.
        sides: of each fold, who is learned from and who is tested, as places in the corpus.
    """
    sentences = [sentence_of(utterance) for utterance in utterances]
    tested = heard = 0
    for learned_from, judged in sides:
        known = {sentences[place] for place in learned_from} - {None}
        tested += len(judged)
        heard += sum(sentences[place] in known for place in judged)
    return heard / tested


def require_labels_within_speakers(
    utterances: Sequence[Utterance],
    labels: Sequence[str | None],
    remedy: str | None = None,
    *,
    setting: str = "normalise",
) -> None:
    """Requires that the label varies within speakers, so that normalising over each of them leaves it there.

    Args:
        utterances: a corpus.
        labels: the class of each utterance; None where it has none.
        remedy: what the message says to do; None for another value of the setting, or to insist.
        setting: which normalises so.

    Raises:
        ProtocolError: where the speaker tells the label.
    """
    labelled = {utterance: label for utterance, label in zip(utterances, labels, strict=True) if label is not None}
    if not labelled:
        return
    told = by_speaker(list(labelled), list(labelled.values()))
    remedy = remedy or (
        f"use --set {setting}={INSTEAD[setting]}, or insist with --set insist_on_speaker_normalisation=true"
    )
    if told.dependence.found is None and told.speakers > 1:
        raise ProtocolError(
            f"{setting}=speaker may take the label away with the voice: {len(labelled)} utterances of {told.speakers}"
            f" speakers are too few of each to tell; {remedy}"
        )
    if told.dependence.found:
        raise ProtocolError(
            f"{setting}=speaker would take the label away with the voice: {told.of_one_class} of {told.speakers}"
            f" speakers show one class only, and {told.dependence.share:.0%} of the label's entropy lies between"
            f" speakers (beyond chance; p {told.dependence.p:.3f}), which is what it removes; {remedy}"
        )
