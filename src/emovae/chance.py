"""Whether something tells the label of an utterance, held against chance.

No figure stands alone. With few utterances of each, speakers and sentences seem to tell whatever they are asked; so a
figure comes with what it is by chance, when labels are shuffled: the mean of it, and p, the share of shuffles that come
as high, the figure itself counted among them (Phipson and Smyth 2010, "Permutation p-values should never be zero").
Something is found where it is large, and not by chance.

What belongs to a person, such as words or a microphone, is not proven by being repeated: twenty recordings of one angry
person in one room are one case of an angry room. So for these, speakers exchange their labels in place of utterances,
and each person's keep together.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.groups import speaker_groups
from emovae.seeds import seed_for

Codes = NDArray[np.int64]
"""Names as numbers from 0, [utterance]."""

SHUFFLES = 199
"""The least p is 1 in 200."""
MOST_P = 0.01
LEAST_SHARE = 0.05
"""Of the label's entropy, or of the way from chance to a recogniser without fault; less moves no conclusion."""
FOLDS = 5


class Dependence(NamedTuple):
    """How much of the label something tells, in bits.

    Attributes:
        bits: mutual information.
        chance_bits: its mean when labels are shuffled: the bias of small numbers. Miller and Madow (1955) estimate it
            from the number of cells alone, which fails where cells are as many as utterances.
        entropy_bits: all there is to tell of the label.
        p: the share of shuffles that come as high.
    """

    bits: float
    chance_bits: float
    entropy_bits: float
    p: float

    @property
    def share(self) -> float:
        """The share of the label that is told beyond chance; 0 where chance alone would tell all of it.

        (I - E[I]) / (H(label) - E[I]): the adjusted mutual information of Vinh, Epps and Bailey (2010), with the
        label's entropy for the most there could be.
        """
        left = self.entropy_bits - self.chance_bits
        return (self.bits - self.chance_bits) / left if left > 1e-9 else 0.0

    @property
    def found(self) -> bool | None:
        """Whether it is large, and not by chance; None where chance leaves next to nothing of the label to tell."""
        if self.entropy_bits - self.chance_bits <= LEAST_SHARE * self.entropy_bits:
            return None
        return self.share >= LEAST_SHARE and self.p <= MOST_P


class Recognition(NamedTuple):
    """How well a small recogniser names the label of people it has not learned from.

    Attributes:
        ua: the mean of the classes' recalls.
        chance_ua: its mean when labels are shuffled.
        p: the share of shuffles that come as high.
    """

    ua: float
    chance_ua: float
    p: float

    @property
    def gain(self) -> float:
        """How much of the way from chance to a recogniser without fault it goes; 0 where chance is without fault."""
        left = 1 - self.chance_ua
        return (self.ua - self.chance_ua) / left if left > 1e-9 else 0.0

    @property
    def found(self) -> bool | None:
        """Whether it is large, and not by chance; None where chance is always right, or always wrong.

        Always right it is of a single class, always wrong where each class has a speaker of its own, so that who is
        held out shows what nobody else does.
        """
        if self.chance_ua >= 1 - LEAST_SHARE or self.chance_ua == 0:
            return None
        return self.gain >= LEAST_SHARE and self.p <= MOST_P


def dependence(things: Sequence[Hashable], labels: Sequence[str], speakers: Sequence[str] | None = None) -> Dependence:
    """How much things tell of labels.

    Args:
        things: one of each utterance, such as its sentence.
        labels: the class of each.
        speakers: who speaks, where speakers should exchange their labels; None where utterances should.

    >>> rooms = ["hall", "hall", "cabin", "cabin"] * 20
    >>> told = dependence(rooms, ["anger" if room == "hall" else "neutral" for room in rooms])
    >>> round(told.bits, 3), round(told.share, 3), told.found
    (1.0, 1.0, True)
    """
    things_of, labels_of = numbered(things), numbered(labels)
    bits = _shared_bits(things_of, labels_of)
    by_chance = np.array([_shared_bits(things_of, shuffled) for shuffled in shuffles(labels_of, speakers)])
    entropy_bits = _entropy_bits(np.bincount(labels_of))
    return Dependence(bits, float(by_chance.mean()), entropy_bits, _p(bits, by_chance))


def recognition(values: Any, labels: Sequence[str], speakers: Sequence[str], machine: Callable[[], Any]) -> Recognition:
    """How well the label can be told from some values of people who are not learned from.

    Whole speakers are held out in five groups that are balanced for the labels, for shuffled ones anew.

    Args:
        values: [utterance, value], an array or a sparse matrix.
        labels: the class of each utterance.
        speakers: who speaks, two at least.
        machine: makes a classifier of scikit-learn's kind that has not learned yet.
    """
    labels_of = numbered(labels)
    ua = _held_out_ua(values, labels_of, speakers, machine)
    by_chance = np.array(
        [_held_out_ua(values, shuffled, speakers, machine) for shuffled in shuffles(labels_of, speakers)]
    )
    return Recognition(ua, float(by_chance.mean()), _p(ua, by_chance))


def shuffles(labels: Codes, speakers: Sequence[str] | None = None) -> Iterator[Codes]:
    """The labels in `SHUFFLES` other orders, always the same ones.

    Args:
        labels: of each utterance.
        speakers: where they are given they exchange their labels: those of one, in any order, are dealt to the
            utterances of another, and what is left over to those of the next. Where all say as much, chance is so
            exactly what it should be; where some say far more than others, nearly.
    """
    generator = np.random.default_rng(seed_for(0, "shuffles"))
    who = None if speakers is None else numbered(speakers)
    for _ in range(SHUFFLES):
        if who is None:
            yield generator.permutation(labels)
        else:
            shuffled = np.empty_like(labels)
            shuffled[_person_by_person(who, generator)] = labels[_person_by_person(who, generator)]
            yield shuffled


def numbered(names: Sequence[Hashable]) -> Codes:
    """Names as numbers from 0, in the order in which they first come.

    >>> numbered(["b", "a", "b"]).tolist()
    [0, 1, 0]
    """
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def crossed(things: Codes, labels: Codes) -> NDArray[np.int64]:
    """How many utterances have each thing and each label, [thing, label]."""
    shape = (int(things.max()) + 1, int(labels.max()) + 1)
    counts: NDArray[np.int64] = np.bincount(things * shape[1] + labels, minlength=shape[0] * shape[1]).reshape(shape)
    return counts


def _person_by_person(who: Codes, generator: np.random.Generator) -> Codes:
    """The places of all utterances: people in any order, and what they say in any order, too."""
    return np.lexsort((generator.random(len(who)), generator.permutation(int(who.max()) + 1)[who]))


def _shared_bits(things: Codes, labels: Codes) -> float:
    """I(thing; label) = H(thing) + H(label) - H(thing, label)."""
    counts = crossed(things, labels)
    return max(0.0, sum(_entropy_bits(counts.sum(axis=axis)) for axis in (0, 1)) - _entropy_bits(counts.ravel()))


def _entropy_bits(counts: NDArray[np.int64]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(shares * np.log2(shares)).sum()))


def _held_out_ua(values: Any, labels: Codes, speakers: Sequence[str], machine: Callable[[], Any]) -> float:
    who, predicted = np.array(speakers), np.empty_like(labels)
    for group in speaker_groups(speakers, [str(label) for label in labels], min(FOLDS, len(set(speakers)))):
        tested = np.isin(who, group)
        present = np.unique(labels[~tested])
        if len(present) == 1:
            predicted[tested] = present[0]
        else:
            predicted[tested] = machine().fit(values[~tested], labels[~tested]).predict(values[tested])
    right = np.bincount(labels[predicted == labels], minlength=int(labels.max()) + 1)
    return float((right / np.bincount(labels)).mean())


def _p(figure: float, by_chance: NDArray[np.float64]) -> float:
    as_high = int((by_chance >= figure - 1e-9).sum())  # the same table, added in another order, differs by rounding
    return (1 + as_high) / (1 + len(by_chance))
