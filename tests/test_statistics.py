"""Uncertainty of results: against enumeration, SciPy, cases worked by hand, and simulated speakers of known truth."""

import itertools
import math
from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
import scipy.special
import scipy.stats
from numpy.typing import NDArray

from emovae.metrics import Scores, scores, stacked_scores
from emovae.statistics import (
    Comparison,
    as_family,
    compare,
    concordance,
    figures_of,
    holm,
    intervals,
    over_seeds,
    over_speakers,
    resampled,
    signed_rank,
    speaker_ua,
)

UA = Scores._fields.index("ua")


def some_counts(seed: int, seeds: int = 2, speakers: int = 3, classes: int = 3) -> NDArray[np.int64]:
    """Counts [seed, speaker, true class, predicted class]; who shows how many of which class is alike for all seeds."""
    generator = np.random.default_rng(seed)
    shown = generator.integers(0, 9, (speakers, classes))
    shown[:, 0] += 1
    return generator.multinomial(shown, np.full(classes, 1 / classes), size=(seeds, *shown.shape))


class Population(NamedTuple):
    """People of whom each recognises each class with a probability of his own, on the logit scale normal.

    Attributes:
        classes: how many.
        base: about what share is right.
        deviation: between people, of the logit; half of its square is common to all classes.
    """

    classes: int = 4
    base: float = 0.6
    deviation: float = 0.7

    @property
    def centres(self) -> NDArray[np.float64]:
        return scipy.special.logit(self.base) + np.linspace(-0.6, 0.6, self.classes)

    @property
    def ua(self) -> float:
        """The true one, by quadrature over people."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        recalls = scipy.special.expit(self.centres[:, None] + self.deviation * nodes)
        return float((recalls @ weights / weights.sum()).mean())

    def sample(self, speakers: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Counts of people with 5 to 40 utterances of each class."""
        half = self.deviation / math.sqrt(2)
        own = generator.normal(0, half, (speakers, 1)) + generator.normal(0, half, (speakers, self.classes))
        right = scipy.special.expit(self.centres + own)
        chances = np.repeat(((1 - right) / (self.classes - 1))[:, :, None], self.classes, axis=2)
        chances[:, np.arange(self.classes), np.arange(self.classes)] = right
        return generator.multinomial(generator.integers(5, 41, right.shape), chances)[None]


def covered(population: Population, speakers: int, simulations: int, resamples: int) -> tuple[int, int]:
    """How many intervals of the UA hold the truth: ours, and plain percentiles."""
    truth, generator = population.ua, np.random.default_rng(speakers)
    ours = plain = 0
    for seed in range(simulations):
        counts = population.sample(speakers, generator)
        found = intervals(counts, seed, resamples=resamples)["ua"]
        ours += found is not None and found.low <= truth <= found.high
        low, high = np.quantile(resampled(counts, seed, resamples)[:, UA], [0.025, 0.975])
        plain += low <= truth <= high
    return ours, plain


def between(simulations: int, low: float, high: float) -> tuple[int, int]:
    """Hits that a coverage of low to high gives in 999 of 1,000 such tests."""
    return int(scipy.stats.binom.ppf(0.0005, simulations, low)), int(scipy.stats.binom.ppf(0.9995, simulations, high))


def test_stacked_scores_are_those_of_each_matrix() -> None:
    counts = some_counts(1, seeds=30, speakers=40, classes=4)
    counts[0, 0, 1] = 0  # a class that is said and never shown
    one_by_one = [[scores(matrix) for matrix in of_seed] for of_seed in counts]
    assert stacked_scores(counts) == pytest.approx(np.array(one_by_one), abs=1e-12)


def test_stacked_scores_tell_how_many_matrices_are_empty() -> None:
    with pytest.raises(ValueError, match="1 of 2 confusion matrices count no utterance"):
        stacked_scores(np.array([[[1, 0], [0, 1]], [[0, 0], [0, 0]]]))


def test_the_figures_are_pooled_over_speakers_and_averaged_over_seeds() -> None:
    counts = some_counts(2)
    each = [scores(of_seed.sum(axis=0)) for of_seed in counts]
    assert figures_of(counts) == pytest.approx(np.mean(each, axis=0), abs=1e-12)


def test_resamples_are_draws_of_speakers_each_as_often_as_it_should_be() -> None:
    """All 27 draws of 3 from 3 are enumerated; each must come with its chance, all four figures together."""
    counts, resamples = some_counts(3), 20_000
    chances: Counter[tuple[float, ...]] = Counter()
    for drawn in itertools.product(range(3), repeat=3):
        each = [scores(of_seed[list(drawn)].sum(axis=0)) for of_seed in counts]
        chances[tuple(np.mean(each, axis=0).round(9).tolist())] += 1
    assert len(chances) == 10
    found = Counter(tuple(row) for row in resampled(counts, 5, resamples).round(9).tolist())
    assert found.keys() == chances.keys()
    expected = [chances[figures] * resamples / 27 for figures in found]
    assert scipy.stats.chisquare(list(found.values()), expected).pvalue > 1e-3


def test_speakers_of_one_size_differ_in_a_resample_as_in_scipys_bootstrap_of_their_uas() -> None:
    generator = np.random.default_rng(4)
    counts = generator.multinomial(20, [0.6, 0.3, 0.1], size=(1, 12, 3))
    theirs = scipy.stats.bootstrap((speaker_ua(counts),), np.mean, n_resamples=20_000, rng=generator)
    ours = resampled(counts, 1, 20_000)[:, UA]
    assert ours.std() == pytest.approx(float(theirs.standard_error), rel=0.03)
    assert ours.std() == pytest.approx(speaker_ua(counts).std() / math.sqrt(12), rel=0.02)


def test_an_interval_is_the_t_interval_on_logits_of_speakers_of_one_size() -> None:
    """There the resamples' deviation is known: that of the speakers over the root of their number."""
    counts = np.random.default_rng(6).multinomial(20, [0.6, 0.3, 0.1], size=(1, 4, 3))
    each = speaker_ua(counts)
    figure = each.mean()
    low, high = scipy.stats.t.interval(0.9, 3, loc=0, scale=each.std(ddof=1) / 2)
    wanted = scipy.special.expit(scipy.special.logit(figure) + np.array([low, high]) / (figure * (1 - figure)))
    assert intervals(counts, 1, level=0.9, resamples=200_000)["ua"] == pytest.approx(wanted, abs=5e-4)


@pytest.mark.parametrize("speakers", [8, 20])
def test_intervals_hold_the_truth_as_often_as_they_say_and_percentiles_do_not(speakers: int) -> None:
    """Plain percentiles of 8 speakers show that the simulation can tell."""
    simulations = 300
    ours, plain = covered(Population(), speakers, simulations, resamples=500)
    least, most = between(simulations, 0.92, 0.97)
    assert least <= ours <= most
    assert plain < ours
    assert speakers > 8 or plain < least


@pytest.mark.slow
@pytest.mark.parametrize("speakers", [4, 8, 10, 20, 40])
@pytest.mark.parametrize(
    "population",
    [Population(), Population(7, 0.6, 1.0), Population(2, 0.6), Population(4, 0.8, 1.0), Population(4, 0.93)],
)
def test_intervals_hold_the_truth_for_few_and_many_speakers_and_near_1(population: Population, speakers: int) -> None:
    simulations = 1000
    ours, _ = covered(population, speakers, simulations, resamples=1000)
    least, most = between(simulations, 0.92, 0.97)
    assert least <= ours <= most


def test_an_interval_depends_on_its_seed_alone() -> None:
    counts = some_counts(7, speakers=6)
    assert intervals(counts, 1) == intervals(counts, 1)
    assert intervals(counts, 1) != intervals(counts, 2)


def test_the_order_of_classes_and_seeds_changes_no_interval() -> None:
    counts = some_counts(8, seeds=3, speakers=6)
    turned = counts[::-1, :, ::-1, ::-1]
    for one, other in zip(intervals(counts, 1).values(), intervals(turned, 1).values(), strict=True):
        assert one == pytest.approx(other, abs=1e-12)


def test_a_higher_level_is_a_longer_interval_around_the_figure() -> None:
    counts = some_counts(9, speakers=7)
    for name, figure in figures_of(counts)._asdict().items():
        narrow, wide = (intervals(counts, 1, level)[name] for level in (0.8, 0.99))
        assert narrow is not None
        assert wide is not None
        assert 0 < wide.low < narrow.low < figure < narrow.high < wide.high < 1


def test_speakers_drawn_once_for_all_seeds_keep_what_is_theirs() -> None:
    """Three seeds that say the same are no more speakers than one."""
    counts = some_counts(10, seeds=1, speakers=6)
    threefold = intervals(np.repeat(counts, 3, axis=0), 1)
    for name, found in intervals(counts, 1).items():
        assert threefold[name] == pytest.approx(found)


def test_one_speaker_has_no_interval() -> None:
    assert intervals(some_counts(11, speakers=1), 1) == dict.fromkeys(Scores._fields)


def test_a_figure_of_0_or_1_has_no_interval() -> None:
    perfect = np.tile(np.diag([3, 4]), (1, 5, 1, 1))
    assert intervals(perfect, 1) == dict.fromkeys(Scores._fields)
    assert intervals(perfect[..., ::-1], 1) == dict.fromkeys(Scores._fields)


def test_what_always_says_one_class_has_the_same_ua_with_all_speakers() -> None:
    majority = np.array([[[[n, 0], [3, 0]] for n in (2, 5, 9)]])
    found = intervals(majority, 1)
    assert found["ua"] == pytest.approx((0.5, 0.5))
    assert found["wa"] is not None
    assert found["wa"].low < found["wa"].high


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (np.ones((2, 3, 3), np.int64), r"shape \(2, 3, 3\); wanted is \[seed, speaker, true class, predicted class\]"),
        (np.ones((1, 2, 3, 4), np.int64), r"shape \(1, 2, 3, 4\)"),
        (np.ones((1, 0, 3, 3), np.int64), r"shape \(1, 0, 3, 3\)"),
        (-np.ones((1, 2, 2, 2), np.int64), "a count is -1"),
        (np.array([[[[1]], [[2]]], [[[1]], [[0]]]]), "speaker 1 has no utterance with seed 1"),
    ],
)
def test_counts_that_are_none_are_refused(counts: NDArray[np.int64], told: str) -> None:
    for function in (figures_of, over_seeds, over_speakers, speaker_ua):
        with pytest.raises(ValueError, match=told):
            function(counts)
    with pytest.raises(ValueError, match=told):
        intervals(counts, 1)


@pytest.mark.parametrize("level", [0, 1, 95, math.nan])
def test_a_level_that_is_none_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match=f"level is {level}; .* between 0 and 1"):
        intervals(some_counts(1), 1, level)


def test_too_few_resamples_are_refused() -> None:
    with pytest.raises(ValueError, match="resamples is 0; draw one at least"):
        resampled(some_counts(1), 1, resamples=0)
    with pytest.raises(ValueError, match="resamples is 99; an interval needs 100 at least, and 10,000 as a rule"):
        intervals(some_counts(1), 1, resamples=99)


def test_spreads_worked_by_hand() -> None:
    """Two speakers of two classes; the second shows only one of them. UAs: seed 0: 3/4, 1/2; seed 1: 1/2, 1."""
    counts = np.array([[[[2, 2], [0, 4]], [[1, 1], [0, 0]]], [[[2, 2], [2, 2]], [[2, 0], [0, 0]]]])
    assert speaker_ua(counts) == pytest.approx([5 / 8, 3 / 4])
    speakers = over_speakers(counts)
    assert speakers == pytest.approx((11 / 16, math.sqrt(2) / 16, 2))
    ua = over_seeds(counts)["ua"]
    pooled = ((3 / 6 + 1) / 2, (4 / 6 + 2 / 4) / 2)
    assert ua == pytest.approx((sum(pooled) / 2, (pooled[0] - pooled[1]) / math.sqrt(2), 2))


def test_one_of_a_kind_has_no_deviation() -> None:
    counts = some_counts(12, seeds=1, speakers=1)
    assert over_speakers(counts).deviation is None
    assert {found.deviation for found in over_seeds(counts).values()} == {None}


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


def test_concordance_worked_by_hand() -> None:
    """Means 2.5 and 3, variances 5/4 and 2, covariance 3/2: 3 / (5/4 + 2 + 1/4)."""
    first, second = np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 3, 5])
    assert concordance(first, second) == pytest.approx(6 / 7, abs=1e-12)


def test_concordance_is_pearsons_correlation_shrunk_by_scale_and_place() -> None:
    """Lin (1989): r times 2 / (v + 1/v + u²), with v the ratio of deviations and u the shift in units of both."""
    generator = np.random.default_rng(15)
    first = generator.normal(3, 2, 50)
    second = first / 2 + generator.normal(1, 1, 50)
    v = first.std() / second.std()
    u = (first.mean() - second.mean()) / math.sqrt(first.std() * second.std())
    wanted = scipy.stats.pearsonr(first, second).statistic * 2 / (v + 1 / v + u**2)
    assert concordance(first, second) == pytest.approx(float(wanted), abs=1e-12)
    assert concordance(second, first) == pytest.approx(float(wanted), abs=1e-12)


def test_equal_values_concord_and_opposite_ones_discord() -> None:
    values = np.array([-1.0, 0, 2, -1])
    assert concordance(values, values) == pytest.approx(1)
    assert concordance(values, -values) == pytest.approx(-1)


def test_a_constant_concords_with_nothing_and_with_itself_it_is_no_number() -> None:
    constant, values = np.full(3, 0.1), np.array([0.1, 0.2, 0.3])
    assert concordance(constant, values) == concordance(values, constant) == 0
    assert concordance(constant, constant + 1) == 0
    assert math.isnan(concordance(constant, constant))


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ([1.0], [1.0, 2], r"shapes \(1,\) and \(2,\)"),
        ([], [], "two vectors"),
        ([1.0, math.nan], [1.0, 2], "not finite"),
    ],
)
def test_values_that_cannot_concord_are_refused(first: list[float], second: list[float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        concordance(np.array(first), np.array(second))
