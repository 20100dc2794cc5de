"""The paired test and its correction: against SciPy, the enumeration of all signs, and by hand."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from emovae.paired import Comparison, as_family, compare, holm, signed_rank
from emovae.statistics import speaker_ua
from handmade import some_counts


def enumerated(differences: list[float]) -> float:
    """The p of Pratt's test by all 2^n signs of those that are not zero; ranks doubled, hence whole."""
    ranks = np.rint(2 * scipy.stats.rankdata(np.abs(differences))).astype(int)
    counted = [(rank, difference > 0) for rank, difference in zip(ranks, differences, strict=True) if difference]
    seen = sum(rank for rank, positive in counted if positive)
    sums = [sum(signs) for signs in itertools.product(*((0, rank) for rank, _ in counted))]
    low = sum(one <= seen for one in sums) / len(sums)
    high = sum(one >= seen for one in sums) / len(sums)
    return float(min(1, 2 * min(low, high)))


def some_differences(seed: int) -> list[float]:
    """One to eleven, full of ties and zeros."""
    generator = np.random.default_rng(seed)
    return [int(eighths) / 8 for eighths in generator.integers(-3, 5, generator.integers(1, 12))]


def test_the_signed_rank_test_is_the_enumeration_of_all_signs() -> None:
    drawn = [some_differences(seed) for seed in range(60)]
    assert any(0 in one for one in drawn)
    assert any(len({abs(value) for value in one}) == len(one) > 2 for one in drawn)
    for differences in drawn:
        assert signed_rank(np.array(differences)).p == pytest.approx(enumerated(differences), abs=1e-12)


def test_the_signed_rank_test_is_scipys_permutation_test() -> None:
    exact = scipy.stats.PermutationMethod(n_resamples=10_000)
    for seed in range(12):
        differences = np.array([*some_differences(seed)[:9], 0.125])
        theirs = scipy.stats.wilcoxon(differences, zero_method="pratt", method=exact)
        assert signed_rank(differences).p == pytest.approx(float(theirs.pvalue), abs=1e-12)


@pytest.mark.parametrize("speakers", [3, 10, 24, 91, 400])
def test_without_ties_it_is_scipys_exact_distribution_for_any_number(speakers: int) -> None:
    differences = np.random.default_rng(speakers).normal(0.1, 1, speakers)
    theirs = scipy.stats.wilcoxon(differences, method="exact")
    assert signed_rank(differences).p == pytest.approx(float(theirs.pvalue), rel=1e-9)


def test_a_signed_rank_test_worked_by_hand() -> None:
    """Ranks 1, 2.5, 2.5, 4; the negative is 2.5, and of 16 signs four give so little: 0, 1, 2.5 and 2.5."""
    assert signed_rank(np.array([0.1, -0.2, 0.2, 0.3])) == pytest.approx((0.1, 2 * 4 / 16, 2 / 16, 4, 4))


@pytest.mark.parametrize("speakers", [1, 2, 6, 10])
def test_the_smallest_p_is_that_of_a_model_that_is_better_for_everybody(speakers: int) -> None:
    better = signed_rank(np.full(speakers, 0.25))
    assert better.p == better.smallest == min(1, 2 / 2**speakers)
    with_zeros = signed_rank(np.array([0.25] * speakers + [0.0] * 3))
    assert with_zeros == (0.25 * speakers / (speakers + 3), better.p, better.smallest, speakers + 3, speakers)


def test_no_difference_at_all_is_a_p_of_1() -> None:
    assert signed_rank(np.zeros(5)) == Comparison(difference=0, p=1, smallest=1, speakers=5, differing=0)


def test_differences_that_only_rounding_parts_are_tied() -> None:
    """0.1 + 0.2 is not 0.3, and 0.1 * 3 - 0.3 not 0."""
    assert signed_rank(np.array([0.1 + 0.2, -0.3, 0.5])).p == signed_rank(np.array([0.3, -0.3, 0.5])).p
    assert signed_rank(np.array([0.1 * 3 - 0.3, 0.5])).differing == 1


@pytest.mark.parametrize("differences", [[], [0.1, math.nan], [[0.1]]])
def test_differences_that_are_none_are_refused(differences: list[float]) -> None:
    with pytest.raises(ValueError, match="one finite number for each speaker"):
        signed_rank(np.array(differences))


def test_two_models_are_compared_by_the_uas_of_their_speakers() -> None:
    first, second = some_counts(13, seeds=3, speakers=8), some_counts(13, seeds=1, speakers=8)
    second = second[..., ::-1, ::-1][..., ::-1, :]
    found = compare(first, second)
    assert found == signed_rank(speaker_ua(first) - speaker_ua(second))
    assert found.difference == pytest.approx(-compare(second, first).difference)
    assert found.p == compare(second, first).p
    assert compare(first, first).p == 1


def test_models_that_heard_other_utterances_are_not_compared() -> None:
    counts = some_counts(14, seeds=1, speakers=4)
    with pytest.raises(ValueError, match="4 speakers and 3 classes, the other on 3 and 3"):
        compare(counts, counts[:, :3])
    more = counts.copy()
    more[0, 2, 1, 1] += 1
    shown = counts[0, 2, 1].sum()
    with pytest.raises(ValueError, match=f"speaker 2 shows {shown} utterances of class 1 .* and {shown + 1} to the"):
        compare(counts, more)


def test_holm_worked_by_hand() -> None:
    """Sorted 0.01, 0.02, 0.02, 0.3, 0.9, times 5, 4, 3, 2, 1; 0.06 does not fall below 0.08."""
    assert holm([0.3, 0.01, 0.9, 0.02, 0.02]) == pytest.approx([0.6, 0.05, 0.9, 0.08, 0.08])
    assert holm([0.4, 0.5, 0.6]) == [1, 1, 1]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_holm_is_the_largest_bonferroni_of_all_families_within_the_family() -> None:
    """Closed testing: a hypothesis falls when every intersection that contains it does."""
    for seed in range(20):
        p = np.random.default_rng(seed).uniform(0, 0.3, 5).round(2).tolist()
        subsets = [one for size in range(1, 6) for one in itertools.combinations(range(5), size)]
        closed = [
            max(min(1.0, len(one) * min(p[place] for place in one)) for one in subsets if mine in one)
            for mine in range(5)
        ]
        assert holm(p) == pytest.approx(closed, abs=1e-12)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="is no p-value"):
        holm([0.5, p])


def test_a_family_tells_the_smallest_p_that_it_can_give() -> None:
    """Three comparisons over six speakers can never come below 3 * 2 / 64; with one of ten speakers, the others can."""
    for_all, against = np.full(6, 0.1), np.array([0.1, -0.2, 0.3, -0.4, 0.5, -0.6])
    six = as_family([signed_rank(one) for one in (for_all, against, for_all)])
    assert [one.smallest for one in six] == pytest.approx([6 / 64] * 3)
    assert [one.p for one in six] == pytest.approx([6 / 64, enumerated(against.tolist()), 6 / 64])
    mixed = as_family([signed_rank(one) for one in (for_all, np.full(10, 0.1))])
    assert [one.smallest for one in mixed] == pytest.approx([2 / 64, 4 / 1024])
    assert as_family([]) == []
