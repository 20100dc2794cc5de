"""What else than emotion a corpus gives away, and what that means for the numbers.

Three shortcuts are looked for: the speaker, the words, the channel. Each is held against chance (`chance`), so that a
small corpus is not accused of what small numbers do. Two more questions tell what follows (`splits`): how much higher a
random split comes out than one that keeps speakers whole, and whether normalising over each speaker would erase the
emotion.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emovae import channel, confounds, splits, verdicts
from emovae.audited import Answer, Audit
from emovae.chance import dependence, recognition
from emovae.corpora import Corpus
from emovae.errors import AudioError, CorpusError
from emovae.extraction import Progress
from emovae.files import require_writable
from emovae.frames import CorpusFrames, corpus_frames
from emovae.labels import LabelMapping, mapped
from emovae.segments import least_frames
from emovae.settings import FrontEnd, Segments
from emovae.splits import Splits
from emovae.utterance import Utterance

AUDIT_VERSION = 1
"""Raised when the same corpus gets other answers than before."""


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What is asked: utterances with an emotion and a recording that can be used, and their places in the frames."""

    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    places: tuple[int, ...]
    frames: CorpusFrames
    jobs: int

    @property
    def speakers(self) -> list[str]:
        return [utterance.speaker for utterance in self.utterances]

    def only(self, members: Sequence[int]) -> tuple[list[Utterance], list[str]]:
        return [self.utterances[member] for member in members], [self.labels[member] for member in members]


def audit(
    corpus: Corpus,
    cache: Path,
    *,
    mapping: LabelMapping | Literal["corpus"] = "corpus",
    jobs: int = 1,
    progress: Progress = lambda _done, _of: None,
) -> Audit:
    """Asks all questions of a corpus; the answers are the same each time.

    Args:
        corpus: the corpus. Recordings that cannot be used are left out, and the answer says how many.
        cache: where frames are kept, the same as those of experiments.
        mapping: which emotions are told apart; `corpus` for those that studies of it usually take.
        jobs: how many recordings are read, and machines trained, at once.
        progress: called with the recordings done and their number.

    Raises:
        AudioError: when no recording can be used.
        CorpusError: when fewer than two emotions are left under the mapping.
        OutputError: when the cache cannot be written.
    """
    chosen = corpus.mapping if mapping == "corpus" else mapping
    _require_emotions(corpus, corpus.utterances, chosen)
    require_writable(cache)
    enough = least_frames(Segments())
    try:
        frames = corpus_frames(
            corpus, FrontEnd(), cache / "frames", at_least=enough, skip=True, threads=jobs, progress=progress
        )
    except AudioError as error:  # its remedies are settings of experiments, which an audit has none of
        raise AudioError(f"{str(error).partition('; ')[0]}; `emovae check` tells what to do about each") from error
    _require_emotions(corpus, frames.utterances, chosen, *_left_out(corpus, frames))
    asked = _asked(frames, chosen, jobs)
    return Audit(
        corpus=corpus.name,
        mapping=chosen,
        utterances=len(asked.utterances),
        speakers=len(set(asked.speakers)),
        classes=dict(sorted(Counter(asked.labels).items())),
        answers=tuple(_answers(asked, splits.divided(corpus, frames, chosen))),
        notices=(*corpus.notices, *_left_out(corpus, frames)),
    )


def _require_emotions(corpus: Corpus, utterances: Sequence[Utterance], mapping: LabelMapping, *why: str) -> None:
    emotions = {utterance.emotion for utterance in utterances if utterance.emotion is not None}
    classes = sorted({name for emotion in emotions if (name := mapped(emotion, mapping)) is not None})
    if len(classes) < 2:
        remedy = "choose another mapping" if len(emotions) > 1 else "label the recordings with emotions"
        raise CorpusError(
            f"an audit needs two emotions, and under the mapping {mapping} {corpus.name} has"
            f" {', '.join(classes) or 'none'}; {'; '.join(why) or remedy}"
        )


def _asked(frames: CorpusFrames, mapping: LabelMapping, jobs: int) -> _Asked:
    emotions = [mapped(utterance.emotion, mapping) for utterance in frames.utterances]
    labelled = {place: emotion for place, emotion in enumerate(emotions) if emotion is not None}
    return _Asked(
        utterances=tuple(frames.utterances[place] for place in labelled),
        labels=tuple(labelled.values()),
        places=tuple(labelled),
        frames=frames,
        jobs=jobs,
    )


def _left_out(corpus: Corpus, frames: CorpusFrames) -> tuple[str, ...]:
    if not frames.left_out:
        return ()
    first = frames.left_out[0]
    return (
        f"{len(frames.left_out)} of {len(corpus.utterances)} recordings are left out, {first.where} first:"
        f" {first.why.partition('; ')[0]} (`emovae check` tells all)",
    )


def _answers(asked: _Asked, divided: Splits) -> Iterator[Answer]:
    by_speaker = confounds.by_speaker(asked.utterances, asked.labels)
    yield verdicts.speaker(by_speaker)
    yield verdicts.words(_words(asked, divided), len(asked.utterances))
    yield _channel(asked)
    if divided.apart is None or divided.mixed is None:
        yield from splits.undivided(divided.why)
        return
    reached = splits.reached(asked.frames, divided.apart, divided.mixed, asked.jobs)
    yield splits.split(reached)
    yield splits.normalisation(reached, by_speaker.dependence)


def _words(asked: _Asked, divided: Splits) -> verdicts.Words:
    texts = [place for place, one in enumerate(asked.utterances) if confounds.sentence_of(one) is not None]
    if not texts:
        return verdicts.Words(0)
    by_sentence = confounds.by_sentence(*asked.only(texts))
    written = [place for place in texts if confounds.words_of(asked.utterances[place])]
    by_words = None
    if not by_sentence.repeats and len({asked.utterances[place].speaker for place in written}) > 1:
        by_words = confounds.by_words(*asked.only(written))
    heard_before = None
    if divided.apart is not None:
        sides = [(splits.learned_from(fold), fold.test) for fold in divided.apart.plan.folds]
        heard_before = confounds.heard_before(asked.frames.utterances, sides)
    return verdicts.Words(len(texts), by_sentence, by_words, heard_before)


def _channel(asked: _Asked) -> Answer:
    headers = channel.headers(asked.utterances, asked.jobs)
    by_header = dependence(headers, asked.labels, asked.speakers) if len(set(headers)) > 1 else None
    noise = None
    if len(set(asked.speakers)) > 1:
        floors = channel.noise_floors(map(asked.frames.of, asked.places))
        noise = recognition(floors, asked.labels, asked.speakers, channel.Listener)
    return verdicts.channel(sorted({one for one in headers if one is not None}), by_header, noise)
