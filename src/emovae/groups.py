"""Groups of whole speakers, of like size and like classes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

MOST_GROUPS = 20
"""A share is met to the nearest of so many groups."""


def speaker_groups(speakers: Sequence[str], labels: Sequence[str], count: int) -> list[list[str]]:
    """Divides speakers into groups.

    The largest speakers are placed first, each where it adds least to the sum over groups of squared class shares
    and squared size: a greedy balance that depends on nothing but the counts and, for ties, the names.

    Args:
        speakers: the speaker of each utterance.
        labels: its class.
        count: how many groups; no group is empty when there are so many speakers.

    Returns:
        The names of the speakers in each group.

    >>> speaker_groups(["ann", "ann", "bob", "cai", "cai", "dee"], ["x", "y", "x", "x", "y", "y"], 2)
    [['ann', 'bob'], ['cai', 'dee']]
    """
    names, speaker_of = np.unique(speakers, return_inverse=True)
    classes, class_of = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (speaker_of, class_of), 1)
    # One column more for the size, so that a group without a class is not filled for ever.
    shares = np.column_stack([counts, counts.sum(axis=1)]) / np.append(counts.sum(axis=0), counts.sum())
    load = np.zeros((count, shares.shape[1]))
    members: list[list[str]] = [[] for _ in range(count)]
    for place in sorted(range(len(names)), key=lambda place: (-counts[place].sum(), names[place])):
        group = int(np.argmin(np.round(load @ shares[place], 12)))
        load[group] += shares[place]
        members[group].append(str(names[place]))
    return members


class SpeakerShare(NamedTuple):
    """Some of the speakers, and the share of all groups that they are."""

    speakers: list[str]
    share: float


def speaker_share(speakers: Sequence[str], labels: Sequence[str], share: float) -> SpeakerShare:
    """Whole speakers who are about this share: some of the groups above, of as many as come nearest.

    Args:
        speakers: the speaker of each utterance; two different ones at least.
        labels: its class.
        share: between 0 and 1.

    >>> speaker_share(["ann", "bob", "cai", "dee", "eve"], ["x"] * 5, 0.4)
    SpeakerShare(speakers=['ann', 'bob'], share=0.4)
    """
    counts = range(2, min(len(set(speakers)), MOST_GROUPS) + 1)
    possible = [(min(max(1, round(share * count)), count - 1), count) for count in counts]
    taken, count = min(possible, key=lambda pair: (abs(pair[0] / pair[1] - share), pair[1]))
    groups = speaker_groups(speakers, labels, count)[:taken]
    return SpeakerShare([name for group in groups for name in group], taken / count)
