"""How far results stand: confusions counted by hand, figures of scikit-learn, signs that are all tried out."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.stats
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, recall_score

from conftest import Ran
from emovae.experiment import run
from emovae.grid import Context
from emovae.judged import Judged
from emovae.presets import resolve
from emovae.standing import Counts, by_speaker, comparisons, standing
from emovae.utterance import Utterance
from handmade import judged, utterance, world

SPOKEN = ["ann anger", "ann anger", "ann sadness", "bob anger", "bob sadness", "cat sadness"]
"""Ann shows both classes, and so does Bob; Cat one alone."""


def three_people(genders: Sequence[str | None] = ("female", "male", None)) -> Context:
    gender = dict(zip(("ann", "bob", "cat"), genders, strict=True))
    spoken = [line.split() for line in SPOKEN]
    rows = [utterance(place, who, what, gender[who]) for place, (who, what) in enumerate(spoken)]
    return world(rows, [((), (0, 3, 5)), ((), (1, 2, 4))])


def two_seeds(context: Context) -> list[Judged]:
    """Seed 0 takes Ann's second anger and Bob's sadness for the other class; seed 1 is right but for Cat."""
    a, s = "anger", "sadness"
    return [
        judged(context, 0, [a, a, s], seed=0),
        judged(context, 1, [s, s, a], seed=0),
        judged(context, 0, [a, a, a], seed=1),
        judged(context, 1, [a, s, s], seed=1),
    ]


def stood(context: Context, said: Sequence[Judged]) -> dict[str, Any]:
    (task,) = context.tasks
    return standing(context, task, said, by_speaker(context, task, said))


def test_each_speakers_confusions_are_counted_over_all_folds_of_a_seed() -> None:
    context = three_people()
    counts = by_speaker(context, context.tasks[0], two_seeds(context))
    ann, bob, cat = [[1, 1], [0, 1]], [[1, 0], [1, 0]], [[0, 0], [0, 1]]
    assert counts[0].tolist() == [ann, bob, cat]
    ann, bob, cat = [[2, 0], [0, 1]], [[1, 0], [0, 1]], [[0, 0], [1, 0]]
    assert counts[1].tolist() == [ann, bob, cat]


def test_seeds_and_speakers_are_spread_as_worked_by_hand() -> None:
    context = three_people()
    told = stood(context, two_seeds(context))
    # Of six utterances seed 0 has four right and seed 1 five; recalls 2/3 and 2/3, then 3/3 and 2/3.
    assert told["over_seeds"]["wa"] == {
        "mean": pytest.approx(0.75),
        "deviation": pytest.approx((5 - 4) / 6 / 2**0.5),
        "n": 2,
    }
    assert told["over_seeds"]["ua"]["mean"] == pytest.approx((2 / 3 + 5 / 6) / 2)
    # A speaker's mean recall of the classes shown: Ann 3/4 and 1, Bob 1/2 and 1, Cat 1 and 0.
    assert told["over_speakers"]["each"] == pytest.approx({"ann": 0.875, "bob": 0.75, "cat": 0.5})
    assert told["over_speakers"]["mean"] == pytest.approx(2.125 / 3)
    assert told["over_speakers"]["deviation"] == pytest.approx(np.std([0.875, 0.75, 0.5], ddof=1))
    assert told["over_speakers"]["n"] == 3


def test_one_seed_has_no_deviation_and_one_speaker_no_interval() -> None:
    rows = [utterance(place, "ann", emotion) for place, emotion in enumerate(("anger", "sadness", "sadness"))]
    context = world(rows, [((), (0, 1, 2))])
    told = stood(context, [judged(context, 0, ["anger", "sadness", "anger"])])
    assert told["over_seeds"]["ua"] == {"mean": 0.75, "deviation": None, "n": 1}
    assert told["over_speakers"] == {"mean": 0.75, "deviation": None, "n": 1, "each": {"ann": 0.75}}
    assert told["intervals"] == dict.fromkeys(("wa", "ua", "macro_f1", "weighted_f1"))


def many_people(utterances_each: int) -> tuple[Context, Judged]:
    """Six people who show two classes; the n-th is recognised in n of six."""
    rows: list[Utterance] = []
    said: list[str] = []
    for speaker, emotion, place in itertools.product(range(6), ("anger", "sadness"), range(6 * utterances_each)):
        rows.append(utterance(len(rows), f"speaker {speaker}", emotion))
        other = "anger" if emotion == "sadness" else "sadness"
        said.append(emotion if place % 6 <= speaker else other)
    context = world(rows, [((), range(len(rows)))])
    return context, judged(context, 0, said)


def test_ten_times_as_many_utterances_of_the_same_people_narrow_no_interval() -> None:
    ends = []
    for utterances_each in (1, 10):
        context, said = many_people(utterances_each)
        ends.append(stood(context, [said])["intervals"]["ua"])
    assert ends[0] == pytest.approx(ends[1])
    low, high = ends[0]
    # The mean of 1/6, 2/6 to 6/6 lies between.
    assert low < 3.5 / 6 - 0.1 < 3.5 / 6 + 0.1 < high


def test_an_interval_is_the_same_whenever_it_is_asked_for() -> None:
    context = three_people()
    assert stood(context, two_seeds(context)) == stood(context, two_seeds(context))


# Groups


def test_the_figures_of_a_gender_are_those_of_its_people_alone() -> None:
    context = three_people()
    groups = stood(context, two_seeds(context))["groups"]
    assert list(groups) == ["gender"]
    assert list(groups["gender"]) == ["female", "male"]  # nobody knows of Cat
    # Ann: two of three and three of three right; recalls 1/2 and 1, then 1 and 1.
    assert groups["gender"]["female"] == {
        "n": 3,
        "classes": 2,
        "wa": pytest.approx((2 / 3 + 1) / 2),
        "ua": pytest.approx((0.75 + 1) / 2),
    }
    assert groups["gender"]["male"] == {"n": 2, "classes": 2, "wa": 0.75, "ua": 0.75}


def test_a_group_is_scored_over_the_classes_that_it_shows() -> None:
    context = three_people(("female", "female", "male"))
    groups = stood(context, two_seeds(context))["groups"]
    assert groups["gender"]["male"] == {"n": 1, "classes": 1, "wa": 0.5, "ua": 0.5}


@pytest.mark.parametrize("genders", [("female", "female", "female"), (None, None, None), ("male", None, None)])
def test_where_one_gender_at_most_is_known_there_are_no_groups(genders: Sequence[str | None]) -> None:
    context = three_people(genders)
    assert stood(context, two_seeds(context))["groups"] == {}


# Which lines can be told apart


def counts_of(right: Sequence[int], of: int = 10) -> Counts:
    """One seed and two classes; so many of each class are right, speaker by speaker."""
    return np.array([[[[hit, of - hit], [of - hit, hit]] for hit in right]], np.int64)


def test_every_pair_is_compared_over_speakers_and_corrected_for_all_pairs() -> None:
    (task,) = three_people().tasks
    lines = {4: counts_of([9, 8, 9, 7, 9, 8]), 7: counts_of([5, 5, 3, 4, 6, 2]), 9: counts_of([5, 5, 3, 4, 6, 2])}
    (told,) = comparisons([task], {0: lines})
    assert (told["target"], told["subset"], told["speakers"]) == ("emotion", "complete", 6)
    assert [(pair["first"], pair["second"]) for pair in told["pairs"]] == [(4, 7), (4, 9), (7, 9)]
    # Differences of 4, 3, 6, 3, 3 and 6 of ten, all for the first: the least likely of 2^6 signs, and its mirror image.
    assert [pair["difference"] for pair in told["pairs"]] == pytest.approx([2.5 / 6, 2.5 / 6, 0])
    assert [pair["p"] for pair in told["pairs"]] == pytest.approx([2 / 64, 2 / 64, 1])
    assert [pair["corrected_p"] for pair in told["pairs"]] == pytest.approx([6 / 64, 6 / 64, 1])
    assert [pair["smallest_p"] for pair in told["pairs"]] == pytest.approx([2 / 64, 2 / 64, 1])
    assert [pair["smallest_corrected_p"] for pair in told["pairs"]] == pytest.approx([6 / 64, 6 / 64, 1])


def test_tasks_are_compared_each_by_itself_and_a_line_alone_with_nobody() -> None:
    (task,) = three_people().tasks
    two = {0: counts_of([1, 2]), 1: counts_of([2, 2])}
    told = comparisons(
        [task, task, task], {0: two, 1: {2: counts_of([1, 1])}, 2: {3: counts_of([3]), 5: counts_of([4])}}
    )
    assert [[(pair["first"], pair["second"]) for pair in one["pairs"]] for one in told] == [[(0, 1)], [(3, 5)]]


# The same, of a real run


def told_of(out: Path, row: dict[str, Any]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = pq.read_table(out / "predictions.parquet").to_pylist()
    keys = ("model", "test_condition")
    return [line for line in lines if all(line[key] == row[key] for key in keys)]


def mean_recall(lines: Sequence[dict[str, Any]]) -> float:
    """As scikit-learn has it, over the classes that are shown, mean over seeds."""
    each = []
    for seed in sorted({line["seed"] for line in lines}):
        true, said = ([line[key] for line in lines if line["seed"] == seed] for key in ("label", "predicted"))
        each.append(recall_score(true, said, labels=sorted(set(true)), average="macro"))
    return float(np.mean(each))


def test_speakers_seeds_and_genders_of_a_run_agree_with_scikit_learn_on_its_predictions(ran: Ran) -> None:
    genders = {one.id: one.gender for one in ran.corpus.utterances}
    for row in ran.outcome.results["rows"]:
        lines = told_of(ran.out, row)
        by_name = {name: [x for x in lines if x["speaker"] == name] for name in sorted({x["speaker"] for x in lines})}
        expected = {name: mean_recall(some) for name, some in by_name.items()}
        assert list(row["over_speakers"]["each"]) == sorted(expected)
        assert row["over_speakers"]["each"] == pytest.approx(expected, abs=1e-12)
        assert row["over_speakers"]["deviation"] == pytest.approx(np.std(list(expected.values()), ddof=1))
        for figure in ("wa", "ua", "macro_f1", "weighted_f1"):
            seeds = [one[figure] for one in row["per_seed"]]
            assert row["over_seeds"][figure]["mean"] == pytest.approx(row[figure])
            assert row["over_seeds"][figure]["deviation"] == pytest.approx(np.std(seeds, ddof=1), abs=1e-12)
            if row["intervals"][figure] is not None:
                low, high = row["intervals"][figure]
                assert 0 <= low <= row[figure] <= high <= 1
        for gender, told in row["groups"]["gender"].items():
            among = [line for line in lines if genders[line["utterance"]] == gender]
            assert told["n"] == len(among) / 2 == 20
            assert told["ua"] == pytest.approx(mean_recall(among))
            right = accuracy_score([line["label"] for line in among], [line["predicted"] for line in among])
            assert told["wa"] == pytest.approx(right)


def enumerated_p(differences: NDArray[np.float64]) -> float:
    """Wilcoxon's signed ranks with every sign tried out, zeros ranked and then left alone."""
    rounded = np.round(differences, 12)
    ranks = scipy.stats.rankdata(np.abs(rounded))[rounded != 0]
    sums = np.array([np.dot(ranks, signs) for signs in itertools.product((0, 1), repeat=len(ranks))])
    least = min(ranks[rounded[rounded != 0] > 0].sum(), ranks[rounded[rounded != 0] < 0].sum())
    return min(1.0, 2 * float(np.mean(sums <= least + 1e-9)))


def test_all_lines_but_those_that_are_told_are_compared_with_each_other(ran: Ran) -> None:
    rows = ran.outcome.results["rows"]
    (told,) = ran.outcome.results["comparisons"]
    honest = [place for place, row in enumerate(rows) if not row["uses_true_label"]]
    assert len(honest) == len(rows) - 1
    assert [(pair["first"], pair["second"]) for pair in told["pairs"]] == list(itertools.combinations(honest, 2))
    assert told["speakers"] == 10
    for pair in told["pairs"]:
        ours, theirs = (
            np.array(list(rows[pair[one]]["over_speakers"]["each"].values())) for one in ("first", "second")
        )
        assert pair["difference"] == pytest.approx((ours - theirs).mean())
        assert pair["p"] == pytest.approx(enumerated_p(ours - theirs))
        assert pair["smallest_p"] <= pair["p"] <= pair["corrected_p"] <= 1
    # Holm: the least p of all counts as often as there are pairs.
    least = min(told["pairs"], key=lambda pair: float(pair["p"]))
    assert least["corrected_p"] == pytest.approx(min(1, len(told["pairs"]) * least["p"]))


def test_a_speaker_oracle_is_marked_and_compared_with_nobody(ran: Ran, tiny: dict[str, Any], tmp_path: Path) -> None:
    baselines = ["majority", "speaker-oracle", "functionals-SVM"]
    experiment = resolve({**tiny, "models": [], "baselines": baselines, "seeds": 1})
    results = run(experiment, ran.corpus, tmp_path, ran.cache).results
    assert [row["model"] for row in results["rows"] if row["uses_true_label"]] == ["speaker-oracle"]
    assert [(pair["first"], pair["second"]) for pair in results["comparisons"][0]["pairs"]] == [(0, 2)]
    assert "speaker-oracle†" in (tmp_path / "table.md").read_text()
