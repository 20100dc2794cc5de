"""The doctor: everything that is wrong with a corpus, told at once, in place of stopping at the first of it."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emovae import counts, divisible, recordings
from emovae.corpora.corpus import Finding, Reader
from emovae.corpora.matching import LABELS_WITHOUT_AUDIO, NAMED_TWICE, below
from emovae.diagnosis import Diagnosis
from emovae.recordings import Heard
from emovae.utterance import Utterance

Progress = Callable[[int, int], None]


def examine(reader: Reader, root: Path, *, jobs: int = 1, progress: Progress = lambda _done, _of: None) -> Diagnosis:
    """Examines a corpus; nothing is written, and one recording for each job is in memory at a time.

    Args:
        reader: how to read it.
        root: its folder, or the table itself.
        jobs: how many recordings are heard at once.
        progress: called with the recordings done and their number.

    Raises:
        CorpusError: when nothing at all can be told, such as for a label file that cannot be read.
    """
    survey = reader.survey(root)
    folder = root if root.is_dir() else root.parent
    present = (one for one in reversed(survey.utterances) if one.audio is not None)
    by_place = {(os.path.normpath(str(one.audio)), one.part): one for one in present}
    heard = _hear(list(reversed(by_place.values())), folder, jobs, progress)
    here = {os.path.normpath(one.path) for one in heard if one.is_here}
    utterances = [one for one in survey.utterances if os.path.normpath(str(one.audio)) in here]
    counted = counts.tables(utterances, reader.known)
    told = {one.kind for one in survey.findings}
    # What the reader tells of missing and repeated recordings is better than what the ear can tell.
    audible = [one for one in heard if one.is_here or LABELS_WITHOUT_AUDIO not in told]
    # A published corpus of two speakers is as it should be, and still nothing to train on by the usual protocol.
    obstacles = tuple(divisible.obstacles(survey.utterances, survey.mapping))
    findings = (
        *survey.findings,
        *survey.remarks,
        *_nothing(survey.utterances),
        *_ids(survey.utterances, folder, told_of_same=NAMED_TWICE in told),
        *(obstacles if reader.release is None else ()),
        *counts.findings(counted),
        *recordings.findings(audible),
    )
    notices = (
        *(Finding("note", notice) for notice in survey.notices),
        *(() if reader.release is None else obstacles),
        *recordings.notices(heard),
    )
    return Diagnosis(
        corpus=survey.name,
        reader=reader.name,
        folder=str(root),
        utterances=len(survey.utterances),
        recordings=len(here),
        speakers=len({utterance.speaker for utterance in survey.utterances}),
        seconds=sum(one.seconds for one in heard),
        rates_hz=Counter(one.rate_hz for one in heard if one.rate_hz),
        counts=counted,
        findings=findings,
        notices=notices,
    )


def _hear(utterances: Sequence[Utterance], folder: Path, jobs: int, progress: Progress) -> list[Heard]:
    heard = []
    pool = ThreadPoolExecutor(jobs)
    try:
        for one in pool.map(lambda utterance: recordings.hear(utterance, folder), utterances):
            heard.append(one)
            progress(len(heard), len(utterances))
    finally:
        # Who presses Ctrl-C does not want to wait for those that have not begun.
        pool.shutdown(cancel_futures=True)
    return heard


def _nothing(utterances: Sequence[Utterance]) -> Iterator[Finding]:
    if not utterances:
        yield Finding("no utterances", "no utterance is here; check the folder, or fetch the corpus anew")


def _ids(utterances: Sequence[Utterance], folder: Path, *, told_of_same: bool) -> Iterator[Finding]:
    """Ids that several labels have; unless the reader has told of them, those of one recording too."""
    places: dict[str, list[str]] = {}
    for utterance in utterances:
        places.setdefault(utterance.id, []).append(below(str(utterance.audio), folder))
    twice = {
        name: paths for name, paths in places.items() if len(set(paths)) > 1 or (len(paths) > 1 and not told_of_same)
    }
    if twice:
        count = "an id names" if len(twice) == 1 else f"{len(twice)} ids name"
        yield Finding(
            "one id twice",
            f"{count} several utterances; leave one of each, or give each an id of its own",
            tuple(f"{name}: {' and '.join(paths)}" for name, paths in twice.items()),
        )
