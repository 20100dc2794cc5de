"""How far probabilities can be believed: everything is computed again by scikit-learn, SciPy or in plain loops."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.optimize
import scipy.spatial.distance
import scipy.special
import scipy.stats
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from conftest import Ran
from emovae.grid import Context
from emovae.judged import Judged
from emovae.labels import LabelMapping
from emovae.seeds import seed_for
from emovae.stages import Averaged
from emovae.trust import CURVE_POINTS, trust
from emovae.utterance import Vote
from handmade import Shares, judged, relabelled, utterance, world

CLASSES = ("anger", "happiness", "sadness")
FOLDS = ((range(30), range(30, 60)), (range(30, 60), [*range(30), *range(60, 84)]))
"""Who stops the learning and who is tested, of 84 utterances."""
ORDER = [member for _, test in FOLDS for member in test]

Array = NDArray[np.float64]


def heard(votes: Mapping[int, Sequence[Vote]] | None = None) -> Context:
    generator = np.random.default_rng(0)
    votes = votes or {}
    return world(
        [
            utterance(place, f"speaker {place % 7}", CLASSES[generator.integers(3)], votes=votes.get(place, ()))
            for place in range(84)
        ],
        FOLDS,
    )


def shares(context: Context, members: Sequence[int], seed: tuple[int | str, ...], sureness: float = 1.0) -> Shares:
    """Probabilities [utterance, class] that lean to what is true, and are now and then quite wrong."""
    generator = np.random.default_rng(seed_for(0, *seed))
    logits = generator.normal(size=(len(members), 3)) + 1.2 * np.eye(3)[context.tasks[0].numbers(members)]
    return np.asarray(scipy.special.softmax(sureness * logits, axis=1), np.float32)


def line(context: Context, seeds: Sequence[int] = (0, 1), sureness: float = 3.0) -> list[Judged]:
    """All cells of a line whose model is too sure of itself."""
    return [
        judged(
            context,
            fold,
            shares(context, test, (seed, fold), sureness),
            seed=seed,
            validation=shares(context, validation, (seed, fold, "held out"), sureness),
        )
        for seed in seeds
        for fold, (validation, test) in enumerate(FOLDS)
    ]


def believed(context: Context, said: Sequence[Judged], mapping: LabelMapping = "raw") -> dict[str, Any]:
    (task,) = context.tasks
    return trust(context, task, said, mapping)


def left(one: Judged, **fields: Any) -> Judged:
    """The same cell, which left something else."""
    return one._replace(result=one.result._replace(**fields))


def pooled(said: Sequence[Judged], seed: int) -> Array:
    """The probabilities of a seed, fold after fold, [utterance, class]."""
    found = np.concatenate([one.result.probabilities for one in said if one.cell.seed == seed]).astype(np.float64)
    return np.asarray(found / found.sum(axis=1, keepdims=True))  # float32 sums to 1 within its own precision only


def truth(context: Context) -> NDArray[np.int64]:
    return context.tasks[0].numbers(ORDER)


def expected_error(probabilities: Array, labels: NDArray[np.int64]) -> float:
    """ECE by scikit-learn's reliability curve, whose bins are weighed here."""
    right, confidence = probabilities.argmax(1) == labels, probabilities.max(1)
    accuracy, mean = calibration_curve(right, confidence, n_bins=15, strategy="uniform")
    counts = np.histogram(confidence, np.linspace(0, 1, 16))[0]
    return float(np.abs(accuracy - mean) @ counts[counts > 0] / len(labels))


def entropies(probabilities: Array) -> Array:
    """In nats, [..., class] -> [...]."""
    return np.asarray(scipy.stats.entropy(probabilities, axis=-1), np.float64)


def area(doubt: Array, right: NDArray[np.bool_]) -> float:
    """The mean of what is wrong among the k least doubtful."""
    wrong = ~right[np.argsort(doubt)]
    return float(np.mean([wrong[:kept].mean() for kept in range(1, len(wrong) + 1)]))


def likeliest(probabilities: Shares, labels: NDArray[np.int64]) -> float:
    """The temperature by another search on another scale: scikit-learn's loss over 1 / T."""
    logs = np.log(probabilities.astype(np.float64))

    def loss(sharpness: float) -> float:
        return float(log_loss(labels, scipy.special.softmax(sharpness * logs, axis=1), labels=[0, 1, 2]))

    return 1 / float(
        scipy.optimize.minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-10}).x
    )


def temperatures(context: Context, said: Sequence[Judged], seed: int) -> list[float]:
    return [
        likeliest(one.result.validation, context.tasks[0].numbers(FOLDS[one.cell.fold][0]))
        for one in said
        if one.cell.seed == seed and one.result.validation is not None
    ]


def tempered(folds: Sequence[Shares | Array], ts: Sequence[float]) -> Array:
    parts = [
        scipy.special.softmax(np.log(one.astype(np.float64)) / t, axis=1) for one, t in zip(folds, ts, strict=True)
    ]
    return np.concatenate(parts)


# What is said once


def test_figures_are_those_of_scikit_learn_pooled_over_folds_and_averaged_over_seeds() -> None:
    context = heard()
    said, labels = line(context), truth(context)
    told = believed(context, said)["prediction"]
    seeds = [pooled(said, seed) for seed in (0, 1)]
    assert told["nll"] == pytest.approx(np.mean([log_loss(labels, one, labels=[0, 1, 2]) for one in seeds]), abs=1e-6)
    each = [sum(brier_score_loss(labels == k, one[:, k]) for k in range(3)) for one in seeds]
    assert told["brier"] == pytest.approx(np.mean(each), abs=1e-6)
    assert told["ece"] == pytest.approx(np.mean([expected_error(one, labels) for one in seeds]), abs=1e-6)


def test_the_reliability_table_is_scikit_learns_of_the_first_seed() -> None:
    context = heard()
    said, labels = line(context), truth(context)
    bins = [one for one in believed(context, said)["prediction"]["reliability"] if one["n"]]
    first = pooled(said, 0)
    accuracy, mean = calibration_curve(first.argmax(1) == labels, first.max(1), n_bins=15, strategy="uniform")
    assert [one["accuracy"] for one in bins] == pytest.approx(accuracy)
    assert [one["confidence"] for one in bins] == pytest.approx(mean)
    assert sum(one["n"] for one in bins) == len(labels)


def test_a_temperature_is_set_fold_by_fold_on_those_who_stop_the_learning() -> None:
    context = heard()
    said, labels = line(context), truth(context)
    told = believed(context, said)["prediction"]
    ts = [temperatures(context, said, seed) for seed in (0, 1)]
    assert all(scipy.stats.gmean(one) > 1.2 for one in ts)  # they are too sure of themselves
    assert told["temperature"] == pytest.approx(np.mean([scipy.stats.gmean(one) for one in ts]), rel=1e-5)
    after = [tempered([one.result.probabilities for one in said if one.cell.seed == seed], ts[seed]) for seed in (0, 1)]
    losses = [log_loss(labels, one, labels=[0, 1, 2]) for one in after]
    assert told["tempered_nll"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert told["tempered_ece"] == pytest.approx(np.mean([expected_error(one, labels) for one in after]), rel=1e-4)
    assert told["tempered_nll"] < told["nll"]


def permuted(context: Context, members: Sequence[int]) -> Context:
    labels = [str(context.tasks[0].labels[member]) for member in members]
    others = np.random.default_rng(1).permutation(labels).tolist()
    assert others != labels
    return relabelled(context, dict(zip(members, others, strict=True)))


def test_the_labels_of_who_is_tested_move_no_temperature() -> None:
    context = heard()
    said = line(context)
    before = believed(context, said)
    # Nobody of these stops the learning anywhere.
    other = permuted(context, range(60, 84))
    after = believed(other, said)
    for way in ("prediction", "ensemble"):
        assert after[way]["temperature"] == before[way]["temperature"]
        assert after[way]["nll"] != before[way]["nll"]
    stopping = permuted(context, range(60))
    for way in ("prediction", "ensemble"):
        assert believed(stopping, said)[way]["temperature"] != before[way]["temperature"]


def test_who_stopped_at_nothing_has_no_temperature() -> None:
    context = heard()
    said = [left(one, validation=None) for one in line(context)]
    for figures in believed(context, said).values():
        assert not [name for name in figures if "temper" in name]
        assert {"nll", "brier", "ece", "adaptive_ece", "entropy"} <= set(figures)


def test_doubt_by_entropy_is_ranked_after_the_temperature_was_set() -> None:
    context = heard()
    said, labels = line(context, seeds=[0]), truth(context)
    told = believed(context, said)["prediction"]["entropy"]
    after = tempered([one.result.probabilities for one in said], temperatures(context, said, 0))
    doubt, right = entropies(after), after.argmax(1) == labels
    assert told["aurc"] == pytest.approx(area(doubt, right), abs=1e-6)
    least_doubtful = np.argsort(doubt)[: int(np.ceil(0.8 * len(labels)))]
    assert told["accuracy_at_80"] == pytest.approx(right[least_doubtful].mean())
    curve = told["curve"]
    assert len(curve["coverage"]) == len(curve["risk"]) == CURVE_POINTS < len(labels)
    assert curve["coverage"][0] == pytest.approx(1 / len(labels))
    assert curve["coverage"][-1] == 1
    assert curve["risk"][-1] == pytest.approx(1 - right.mean())


# What the seeds say together


def test_an_ensemble_is_the_mean_of_the_seeds_probabilities() -> None:
    context = heard()
    said, labels = line(context, seeds=[0, 1, 5]), truth(context)
    told = believed(context, said)["ensemble"]
    each = np.stack([pooled(said, seed) for seed in (0, 1, 5)])
    mean = each.mean(0)
    assert told["nll"] == pytest.approx(log_loss(labels, mean, labels=[0, 1, 2]), abs=1e-6)
    assert told["ece"] == pytest.approx(expected_error(mean, labels), abs=1e-6)
    held_out = [
        np.mean([np.asarray(one.result.validation) for one in said if one.cell.fold == fold], axis=0)
        for fold in range(len(FOLDS))
    ]
    ts = [
        likeliest(one, context.tasks[0].numbers(validation))
        for one, (validation, _) in zip(held_out, FOLDS, strict=True)
    ]
    assert told["temperature"] == pytest.approx(scipy.stats.gmean(ts), rel=1e-5)
    # What they disagree in: the entropy of their mean less the mean of their entropies.
    apart = entropies(mean) - entropies(each).mean(0)
    assert told["mutual_information"]["aurc"] == pytest.approx(area(apart, mean.argmax(1) == labels), abs=1e-6)


def test_a_single_seed_is_no_ensemble() -> None:
    context = heard()
    assert list(believed(context, line(context, seeds=[3]))) == ["prediction"]


# What draws say, and what an autoencoder cannot rebuild


def drawn(context: Context, members: Sequence[int], *seed: int | str) -> Array:
    return np.stack([shares(context, members, (*seed, draw), 2.0) for draw in range(5)]).astype(np.float64)


def with_draws(context: Context, one: Judged, way: str) -> Judged:
    validation, test = FOLDS[one.cell.fold]
    asked, held_out = (
        drawn(context, members, one.cell.seed, one.cell.fold, way, len(members)) for members in (test, validation)
    )
    averaged = Averaged(
        np.asarray(asked.mean(0), np.float32),
        np.asarray(entropies(asked).mean(0), np.float32),
        np.asarray(held_out.mean(0), np.float32),
    )
    return left(one, averaged={**one.result.averaged, way: averaged})


@pytest.mark.parametrize("way", ["posterior", "dropout"])
def test_averaged_probabilities_are_judged_as_those_that_are_said_once(way: str) -> None:
    context = heard()
    labels = truth(context)
    said = [with_draws(context, one, way) for one in line(context, seeds=[0])]
    told = believed(context, said)
    assert list(told) == ["prediction", way]
    asked = np.concatenate(
        [drawn(context, test, 0, fold, way, len(test)) for fold, (_, test) in enumerate(FOLDS)], axis=1
    )
    mean = asked.mean(0)
    assert told[way]["nll"] == pytest.approx(log_loss(labels, mean, labels=[0, 1, 2]), rel=1e-5)
    apart = entropies(mean) - entropies(asked).mean(0)
    assert told[way]["mutual_information"]["aurc"] == pytest.approx(area(apart, mean.argmax(1) == labels), abs=1e-6)
    stopping = [drawn(context, stops, 0, fold, way, len(stops)).mean(0) for fold, (stops, _) in enumerate(FOLDS)]
    ts = [
        likeliest(one, context.tasks[0].numbers(validation))
        for one, (validation, _) in zip(stopping, FOLDS, strict=True)
    ]
    assert told[way]["temperature"] == pytest.approx(scipy.stats.gmean(ts), rel=1e-4)
    assert "mutual_information" not in told["prediction"]


def test_what_an_autoencoder_cannot_rebuild_is_a_doubt_where_all_of_them_tell() -> None:
    context = heard()
    labels = truth(context)
    errors = np.random.default_rng(2).uniform(100, 900, (2, len(labels))).astype(np.float32)
    lengths = [len(test) for _, test in FOLDS]
    said = [
        left(one, reconstruction=np.split(errors[one.cell.seed], [lengths[0]])[one.cell.fold]) for one in line(context)
    ]
    told = believed(context, said)["reconstruction"]["reconstruction"]
    areas = [area(errors[seed].astype(np.float64), pooled(said, seed).argmax(1) == labels) for seed in (0, 1)]
    assert told["aurc"] == pytest.approx(np.mean(areas), abs=1e-6)
    assert "reconstruction" not in believed(context, [left(said[0], reconstruction=None), *said[1:]])


# Beside the raters


def votes_of(*raters: Sequence[str], self_report: Sequence[str] = ()) -> list[Vote]:
    own = [Vote("own", tuple(self_report), self_report=True)] if self_report else []
    return [Vote(f"E{place}", tuple(chosen)) for place, chosen in enumerate(raters)] + own


RATED = {
    13: votes_of(["anger"], ["anger"], ["sadness"]),
    20: votes_of(["Angry", "sadness"], ["happiness"], self_report=["sadness"]),  # a vote is shared by what is chosen
    61: votes_of(["anger"], ["anger"], ["boredom"]),  # which is none of the classes
    62: votes_of(["happiness"], ["anger"], ["sadness"]),
    70: votes_of(["anger"], self_report=["anger"]),  # one rater is no distribution
    71: votes_of(["boredom"], ["boredom"]),  # nor are those who heard something else
    72: votes_of([], [], ["anger"]),
    83: [Vote("E1", arousal=4.0), Vote("E2", arousal=3.0)],
}
SHARES: dict[int, list[float]] = {13: [2, 0, 1], 20: [0.5, 1, 0.5], 61: [2, 0, 0], 62: [1, 1, 1]}
DOUBTS: dict[int, list[float]] = {13: [2, 1], 20: [0.5, 1, 0.5], 61: [2, 1], 62: [1, 1, 1]}  # boredom is heard, too


def test_what_is_said_is_held_against_the_raters_who_are_two_at_least() -> None:
    context = heard(RATED)
    said = [left(one, validation=None) for one in line(context, seeds=[0])]
    told = believed(context, said)["prediction"]["votes"]
    probabilities = pooled(said, 0)[[ORDER.index(member) for member in SHARES]]
    voted = np.array(list(SHARES.values())) / np.sum(list(SHARES.values()), axis=1, keepdims=True)
    distance = scipy.spatial.distance.jensenshannon(probabilities, voted, axis=1) ** 2
    assert told["n"] == len(SHARES)
    assert told["jensen_shannon"] == pytest.approx(distance.mean(), abs=1e-6)
    doubts = [scipy.stats.entropy(one) for one in DOUBTS.values()]
    ranks = scipy.stats.spearmanr(entropies(probabilities), np.round(doubts, 9)).statistic
    assert told["entropy_correlation"] == pytest.approx(ranks)


def test_votes_go_through_the_mapping_of_the_labels() -> None:
    context = heard({13: votes_of(["excited"], ["Happy"], ["happiness"])})
    said = [left(one, validation=None) for one in line(context, seeds=[0])]
    share = pooled(said, 0)[ORDER.index(13)]
    happy = scipy.spatial.distance.jensenshannon(share, [0, 1, 0]) ** 2
    for mapping in ("four", "four-without-excited", "raw"):  # an excited vote is for happiness, or for no class
        assert believed(context, said, mapping)["prediction"]["votes"]["jensen_shannon"] == pytest.approx(happy)
    boredom = heard({13: votes_of(["boredom"], ["excited"], ["Happy"])})
    assert believed(boredom, said, "four-without-excited")["prediction"]["votes"] is None
    assert believed(boredom, said, "four")["prediction"]["votes"]["n"] == 1


def test_without_raters_or_for_a_dimension_nothing_is_said_of_votes() -> None:
    assert believed(heard(), line(heard()))["prediction"]["votes"] is None
    context = heard(RATED)
    (task,) = context.tasks
    said = line(context)
    of_levels = {**{name: getattr(task, name) for name in task.__dataclass_fields__}, "target": "arousal"}
    assert trust(context, type(task)(**of_levels), said, "raw")["prediction"]["votes"] is None


def test_the_same_votes_for_all_have_no_rank_to_go_with() -> None:
    alike = {member: votes_of(["anger"], ["sadness"]) for member in range(84)}
    told = believed(heard(alike), line(heard(alike)))["prediction"]["votes"]
    assert told["n"] == 84
    assert told["entropy_correlation"] is None


# The same, of a real run


def test_the_figures_of_a_run_follow_from_its_predictions(ran: Ran) -> None:
    lines = pq.read_table(ran.out / "predictions.parquet").to_pylist()
    for row in ran.outcome.results["rows"]:
        classes = row["classes"]
        mine = [one for one in lines if (one["model"], one["test_condition"]) == (row["model"], row["test_condition"])]
        by_seed = [sorted((x for x in mine if x["seed"] == seed), key=lambda x: str(x["utterance"])) for seed in (0, 1)]
        labels = np.array([classes.index(one["label"]) for one in by_seed[0]])
        each = np.array([[[one[name] for name in classes] for one in some] for some in by_seed], np.float64)
        each /= each.sum(axis=2, keepdims=True)  # float32 sums to 1 within its own precision only
        losses = [log_loss(labels, np.maximum(one, 1e-38), labels=range(4)) for one in each]
        told = row["trust"]
        assert told["prediction"]["nll"] == pytest.approx(np.mean(losses), rel=1e-5)
        assert told["prediction"]["brier"] == pytest.approx(
            np.mean([sum(brier_score_loss(labels == k, one[:, k]) for k in range(4)) for one in each]), rel=1e-5
        )
        assert ("ensemble" in told) == (each[0] != each[1]).any()
        if "ensemble" in told:
            assert told["ensemble"]["nll"] == pytest.approx(log_loss(labels, each.mean(0), labels=range(4)), rel=1e-5)
        wrong = [1 - accuracy_score(labels, one.argmax(1)) for one in each]
        assert told["prediction"]["entropy"]["curve"]["risk"][-1] == pytest.approx(wrong[0])
        learned = row["latent"] is not None
        assert ("temperature" in told["prediction"]) == learned
        assert ("reconstruction" in told) == learned


def test_every_way_of_a_line_has_the_same_figures(ran: Ran) -> None:
    rows = [row["trust"] for row in ran.outcome.results["rows"]]
    together = [row for row in rows if "ensemble" in row]
    assert len(together) < len(rows)  # the majority is the same for every seed
    assert together
    for row in together:
        names = [set(row[way]) - {"mutual_information"} for way in ("prediction", "ensemble")]
        assert names[0] == names[1]
        assert "mutual_information" in row["ensemble"]
    assert list(itertools.chain(*(row["trust"] for row in ran.outcome.results["rows"]))).count("posterior") == 0
