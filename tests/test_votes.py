"""Predictions beside raters' votes: against SciPy, and by hand."""

import itertools
import math

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats

from emovae.calibration import entropy
from emovae.utterance import Utterance, Vote
from emovae.votes import doubt_correlation, jensen_shannon, votes_of


def utterance_of(*raters: str) -> Utterance:
    votes = tuple(Vote(f"E{place}", tuple(chosen.split())) for place, chosen in enumerate(raters))
    return Utterance(id="u", audio=None, speaker="s", votes=votes)


def test_votes_are_shared_by_what_a_rater_chose() -> None:
    told = votes_of(utterance_of("Angry", "anger sad", "ang"), ["anger", "neutral", "sadness"], "raw")
    assert told is not None
    assert told.shares == pytest.approx([2.5 / 3, 0, 0.5 / 3], abs=1e-12)
    assert told.doubt == pytest.approx(scipy.stats.entropy([2.5, 0.5]), abs=1e-12)


def test_doubt_is_of_all_that_is_heard_and_shares_of_the_classes() -> None:
    told = votes_of(utterance_of("anger", "anger", "frustration", "frustration"), ["anger", "sadness"], "four")
    assert told is not None
    assert told.shares.tolist() == [1, 0]
    assert told.doubt == pytest.approx(math.log(2), abs=1e-12)


def test_one_rater_among_the_classes_is_no_distribution() -> None:
    assert votes_of(utterance_of("anger", "frustration", "frustration"), ["anger", "sadness"], "four") is None
    assert votes_of(utterance_of(), ["anger", "sadness"], "raw") is None


def test_divergence_is_the_square_of_scipys_distance() -> None:
    first, second = np.random.default_rng(9).dirichlet([0.5] * 4, (2, 30))
    second[0], first[1] = [1, 0, 0, 0], [0, 0.5, 0.5, 0]
    theirs = scipy.spatial.distance.jensenshannon(first, second, axis=1) ** 2
    assert jensen_shannon(first, second) == pytest.approx(theirs, abs=1e-12)


def test_divergences_of_equal_and_of_disjoint_distributions_are_their_bounds() -> None:
    one, other = np.array([0.2, 0.8, 0, 0]), np.array([0, 0, 0.5, 0.5])
    assert jensen_shannon(one, one) == pytest.approx(0, abs=0)
    assert jensen_shannon(one, other) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("raters", "by_divergence", "by_variation"), [(1, 0.885, 1), (3, 0.80, 2 / 3), (5, 0.779, 0.8)]
)
def test_the_divergence_draws_less_to_few_raters_than_total_variation(
    raters: int, by_divergence: float, by_variation: float
) -> None:
    """Which prediction is least in the mean over raters, each for the first class with probability 0.75."""
    predicted = np.linspace(0.002, 0.998, 997)[:, None] * [1, -1] + [0, 1]
    voted = np.arange(raters + 1)[:, None] / raters * [1, -1] + [0, 1]
    chances = scipy.stats.binom.pmf(np.arange(raters + 1), raters, 0.75)
    pairs = np.broadcast_arrays(predicted[:, None], voted[None])
    by_distance = (jensen_shannon(*pairs), by_divergence), (np.abs(pairs[0] - pairs[1]).sum(-1) / 2, by_variation)
    for distances, least in by_distance:
        means = distances @ chances
        assert predicted[means.argmin(), 0] == pytest.approx(least, abs=3e-3)


def test_the_correlation_of_doubts_is_scipys() -> None:
    predicted, voted = np.random.default_rng(11).uniform(0, 1.4, (2, 60)).round(1)  # with ties
    theirs = scipy.stats.spearmanr(predicted, voted)
    assert doubt_correlation(predicted, voted) == pytest.approx(float(theirs.statistic), abs=1e-12)
    order = np.random.default_rng(5).permutation(60)
    assert doubt_correlation(predicted[order], voted[order]) == pytest.approx(float(theirs.statistic), abs=1e-12)


def test_votes_that_only_name_other_classes_are_equally_doubtful() -> None:
    """Sums in another order differ in their last digits, which must not rank them."""
    doubts = entropy(np.array(list(itertools.permutations([5, 3, 2, 1, 1]))) / 12)
    assert len(set(doubts.tolist())) > 1
    assert doubt_correlation(np.random.default_rng(12).uniform(0, 1, len(doubts)), doubts) is None


def test_doubt_that_follows_the_votes_correlates_fully_and_a_constant_not_at_all() -> None:
    votes, follows = np.array([0, 0.5, 0.7]), np.array([0.1, 0.3, 0.31])
    assert doubt_correlation(follows, votes) == pytest.approx(1)
    assert doubt_correlation(follows, votes[::-1]) == pytest.approx(-1)
    assert doubt_correlation(np.full(3, 0.5), votes) is None
    assert doubt_correlation(follows[:1], votes[:1]) is None


def test_what_are_no_two_distributions_is_refused() -> None:
    shares = np.full((3, 2), 0.5)
    with pytest.raises(ValueError, match=r"shapes \(3, 2\) and \(2, 2\)"):
        jensen_shannon(shares, shares[1:])
    with pytest.raises(ValueError, match="wanted is 0 to 1"):
        jensen_shannon(shares, 3 * shares)
