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
from emovae.statistics import figures_of, intervals, over_seeds, over_speakers, resampled, speaker_ua
from handmade import some_counts

UA = Scores._fields.index("ua")


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
