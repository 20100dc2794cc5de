"""Groups of whole speakers, of like size and like classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MISSING_CLASS = 1e6
"""Outweighs any distance: a class that the chosen don't show at all."""


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
    names, counts = _counted(speakers, labels)
    # One column more for the size, so that a group without a class is not filled for ever.
    shares = np.column_stack([counts, counts.sum(axis=1)]) / np.append(counts.sum(axis=0), counts.sum())
    load = np.zeros((count, shares.shape[1]))
    members: list[list[str]] = [[] for _ in range(count)]
    for place in sorted(range(len(names)), key=lambda place: (-counts[place].sum(), names[place])):
        group = int(np.argmin(np.round(load @ shares[place], 12)))
        load[group] += shares[place]
        members[group].append(names[place])
    return members


def choose_speakers(speakers: Sequence[str], labels: Sequence[str], share: float) -> list[str]:
    """Chooses whole speakers who hold about this share of the utterances, and of each class.

    They are added one by one, and then exchanged, as long as they show more of the classes or, at that, come nearer to
    the share of each class and of all. The others keep at least one utterance of every class.

    Args:
        speakers: the speaker of each utterance.
        labels: its class.
        share: between 0 and 1.

    Returns:
        Their names, sorted; none where nobody can be spared.

    >>> choose_speakers(["ann", "bob", "cai", "dee", "eve"], ["x"] * 5, 0.4)
    ['ann', 'bob']
    """
    names, counts = _counted(speakers, labels)
    totals = counts.sum(axis=0)

    chosen: list[int] = []
    least = np.inf
    while True:
        others = [one for one in range(len(names)) if one not in chosen]
        # Nobody is exchanged for a newcomer first, so that one is simply added; then each of the chosen in turn.
        steps = [(out, counts[[one for one in chosen if one != out]].sum(axis=0)) for out in (None, *chosen)]
        demerits = np.array([_demerits(left + counts[others], totals, share) for _, left in steps])
        if not others or demerits.min() >= least:
            return sorted(names[one] for one in chosen)
        step, newcomer = np.unravel_index(int(demerits.argmin()), demerits.shape)
        least = float(demerits.min())
        chosen = sorted([one for one in chosen if one != steps[step][0]] + [others[newcomer]])


def _counted(speakers: Sequence[str], labels: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
    """The speakers by name, and how many utterances of each class they say, [speaker, class]."""
    names, speaker_of = np.unique(speakers, return_inverse=True)
    classes, class_of = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (speaker_of, class_of), 1)
    return names.tolist(), counts


def _demerits(loads: NDArray[np.float64], totals: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """How far loads [choice, class] are from a share of the totals [class]; infinite where a class is used up."""
    off = np.column_stack([loads / totals, loads.sum(axis=1) / totals.sum()]) - share
    missing = (loads == 0).sum(axis=1)
    far = MISSING_CLASS * missing + np.round(np.square(off).sum(axis=1), 12)
    return np.where((loads == totals).any(axis=1), np.inf, far)
