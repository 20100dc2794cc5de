"""Two results are paired utterance by utterance: by hand, by SciPy, by enumeration, and as a run compares its lines."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats
from click.testing import CliRunner

from conftest import Ran
from emovae.compare import Difference, as_json, difference, lines
from emovae.errors import ConfigError, EmovaeError, OutputError
from emovae.result_lines import result_in
from emovae.shells.cli import WRONG, cli

CLASSES = ("a", "b")
PLACES = (Path("first"), Path("second"))


def row(utterance: str, speaker: str, label: str, predicted: str, seed: int = 0, **others: Any) -> dict[str, Any]:
    line = {"model": "VAE-LSTM", "latent": 4, "test_condition": None, "target": "emotion", "subset": "complete"}
    beside = {"uses_true_label": False, "utterance": utterance, "speaker": speaker}
    return {**line, **beside, "label": label, "predicted": predicted, "seed": seed, **others}


def folder_of(place: Path, rows: Sequence[dict[str, Any]]) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), place / "predictions.parquet")
    return place


def people(right: Sequence[Sequence[int]], **others: Any) -> list[dict[str, Any]]:
    """Two classes of four utterances for each speaker; `right` says how many of each class are recognised."""
    return [
        row(f"s{who}-{label}{number}", f"s{who}", label, label if number < hits else CLASSES[1 - place], **others)
        for who, each in enumerate(right)
        for place, (label, hits) in enumerate(zip(CLASSES, each, strict=True))
        for number in range(4)
    ]


def compared(place: Path, first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]], **how: Any) -> Difference:
    results = [
        result_in(folder_of(place / name, rows), None, f"--row-{name}")
        for name, rows in zip("ab", (first, second), strict=True)
    ]
    return difference(*results, **how)


def emovae(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(cli, list(map(str, words)))
    is_told = isinstance(done.exception, EmovaeError)
    assert (WRONG if is_told else done.exit_code) == code, done.exception
    return str(done.exception) if is_told else done.stdout


FIRST = [(4, 3), (3, 3), (4, 2), (2, 4), (4, 4), (3, 4)]
SECOND = [(2, 3), (3, 2), (1, 2), (2, 3), (2, 1), (3, 3)]


def test_a_difference_worked_by_hand(tmp_path: Path) -> None:
    """20 and 20 of 24 in each class against 13 and 14; of speakers 2, 1, 3, 1, 5, 1 eighths, so all six for A."""
    found = compared(tmp_path, people(FIRST), people(SECOND))
    assert (found.utterances, found.test.speakers, found.beside) == (48, 6, 0)
    assert found.figures[0]["wa"] == pytest.approx(40 / 48)
    assert found.figures[1]["ua"] == pytest.approx((13 / 24 + 14 / 24) / 2)
    assert found.test.difference == pytest.approx(np.mean([2, 1, 3, 1, 5, 1]) / 8)
    assert found.test.p == pytest.approx(2 / 2**6)
    each = [(sum(ours) - sum(theirs)) / 8 for ours, theirs in zip(FIRST, SECOND, strict=True)]
    theirs = scipy.stats.wilcoxon(each, method=scipy.stats.PermutationMethod(n_resamples=10_000))
    assert found.test.p == pytest.approx(float(theirs.pvalue))
    assert "A is better, by more than chance" in list(lines(found, PLACES))[-1]


def test_the_interval_is_that_of_all_resamples_of_the_speakers(tmp_path: Path) -> None:
    """Of six speakers there are 6^6 resamples; all speak alike much, so the WA of one is a plain mean."""
    found = compared(tmp_path, people(FIRST), people(SECOND))
    each = np.array([(sum(ours) - sum(theirs)) / 8 for ours, theirs in zip(FIRST, SECOND, strict=True)])
    every = each[np.array(list(itertools.product(range(6), repeat=6)))].mean(axis=1)
    reach = scipy.stats.t.ppf(0.975, 5) * np.sqrt(6 / 5) * every.std()
    expected = each.mean() - reach, each.mean() + reach
    assert found.intervals["wa"] == pytest.approx(expected, abs=0.02 * reach)
    # So many draws of a mean are its classical t interval.
    classical = scipy.stats.t.interval(0.95, 5, loc=each.mean(), scale=scipy.stats.sem(each))
    assert expected == pytest.approx(classical)


def test_it_is_the_other_way_round_the_other_way_round(tmp_path: Path) -> None:
    there = compared(tmp_path / "1", people(FIRST), people(SECOND))
    back = compared(tmp_path / "2", people(SECOND), people(FIRST))
    assert (back.test.p, back.figures) == (there.test.p, there.figures[::-1])
    assert there.intervals["ua"] is not None
    assert back.intervals["ua"] == pytest.approx([-end for end in there.intervals["ua"][::-1]])
    assert "B is better" in list(lines(back, PLACES))[-1]


def test_pairing_makes_a_steady_difference_sure(tmp_path: Path) -> None:
    """Speakers differ by much, and each is better by one in A: unpaired that would drown."""
    low = [(0, 0), (1, 0), (2, 1), (3, 1), (3, 2), (3, 3)]
    found = compared(tmp_path, people([(a, b + 1) for a, b in low]), people(low))
    assert found.intervals["wa"] == pytest.approx([0.125, 0.125])
    assert found.test.difference == pytest.approx(0.125)


def test_seeds_are_averaged_and_need_not_be_as_many(tmp_path: Path) -> None:
    first = people(FIRST, seed=3) + people(SECOND, seed=1)
    found = compared(tmp_path, first, people(SECOND, seed=9))
    alone = compared(tmp_path / "alone", people(FIRST), people(SECOND))
    assert found.figures[0]["wa"] == pytest.approx((40 / 48 + 27 / 48) / 2)
    assert found.test.difference == pytest.approx(alone.test.difference / 2)


def test_the_order_of_rows_is_nothing(tmp_path: Path) -> None:
    found = compared(tmp_path / "1", people(FIRST), people(SECOND))
    assert compared(tmp_path / "2", people(FIRST)[::-1], people(SECOND)) == found


def test_few_speakers_or_none_who_differ_are_not_told_apart(tmp_path: Path) -> None:
    few = list(lines(compared(tmp_path / "1", people(FIRST[:3]), people(SECOND[:3])), PLACES))[-1]
    assert "They cannot be told apart, which is no proof that they are alike." in few
    assert "With so few who differ nothing could be, whatever its size: 0.25 is the least p." in few
    same = compared(tmp_path / "2", people(FIRST), people(FIRST))
    assert (same.test.p, same.test.differing) == (1, 0)
    mixed = people([SECOND[place] if place % 2 else FIRST[place] for place in range(6)])
    other = people([FIRST[place] if place % 2 else SECOND[place] for place in range(6)])
    assert "cannot be told apart" in list(lines(compared(tmp_path / "3", mixed, other), PLACES))[-1]
    assert as_json(same)["told_apart"] is False


def test_one_speaker_tells_nothing_of_others(tmp_path: Path) -> None:
    found = compared(tmp_path, people(FIRST[:1]), people(SECOND[:1]))
    assert set(found.intervals.values()) == {None}
    assert as_json(found)["difference"]["wa"] == {"value": pytest.approx(2 / 8), "interval": None}


# What is paired


def test_other_utterances_are_refused_and_their_shared_part_is_compared(tmp_path: Path) -> None:
    first, second = people(FIRST), people(SECOND)
    with pytest.raises(ConfigError, match="40 in both, 8 in A alone and 0 in B alone; --shared compares"):
        compared(tmp_path, first, second[:40])
    found = compared(tmp_path, first, second[:40], shared=True)
    assert found._replace(beside=0) == compared(tmp_path, first[:40], second[:40])
    assert found.beside == 8
    assert any("8 utterances that are not in both" in line for line in lines(found, PLACES))


def test_other_labels_are_refused_and_what_is_labelled_alike_is_compared(tmp_path: Path) -> None:
    first, second = people(FIRST), people(SECOND)
    changed = [*second[:47], {**second[47], "label": "a"}]
    with pytest.raises(ConfigError, match="1 of 48 utterances are not labelled alike; --shared compares the others"):
        compared(tmp_path, first, changed)
    found = compared(tmp_path, first, changed, shared=True)
    assert (found.utterances, found.beside) == (47, 1)
    assert found._replace(beside=0) == compared(tmp_path, first[:47], second[:47])


def test_another_corpus_is_refused_shared_or_not(tmp_path: Path) -> None:
    strangers = [{**each, "speaker": "x"} for each in people(SECOND)]
    with pytest.raises(ConfigError, match="48 of 48 utterances are of other speakers, s0-a0 first"):
        compared(tmp_path, people(FIRST), strangers, shared=True)
    others = [{**each, "utterance": f"x{each['utterance']}"} for each in people(SECOND)]
    with pytest.raises(ConfigError, match="have 0 utterances in common, and label none alike"):
        compared(tmp_path, people(FIRST), others, shared=True)


def test_a_model_of_more_classes_may_say_them(tmp_path: Path) -> None:
    second = [{**each, "predicted": "c"} if each["predicted"] != each["label"] else each for each in people(SECOND)]
    found, plain = (compared(tmp_path, people(FIRST), rows) for rows in (second, people(SECOND)))
    assert found.figures[1]["ua"] == plain.figures[1]["ua"]
    assert found.test == plain.test


# Which line


def test_one_of_several_lines_is_named_by_its_own_words(ran: Ran) -> None:
    found = result_in(ran.out, "CVAE-LSTM marginal", "--row-a")
    assert (found.name, found.is_told) == ("CVAE-LSTM, 4, marginal, emotion, complete", False)
    assert result_in(ran.out, "ORACLE", "--row-a").is_told
    assert {len(rows) for rows in found.rows.values()} == {2}
    for words, trouble in ((None, "say which with --row-a"), ("CVAE-LSTM", "fits 2 of them"), ("LSTM", "fits none")):
        with pytest.raises(ConfigError, match=trouble) as refused:
            result_in(ran.out, words, "--row-a")
        assert "\n  VAE-LSTM, 4, emotion, complete" in str(refused.value)


def test_lines_of_a_run_are_compared_as_the_run_compares_them(ran: Ran) -> None:
    results = json.loads((ran.out / "results.json").read_text(encoding="utf-8"))
    (among,) = results["comparisons"]
    for pair in among["pairs"]:
        sides = [results["rows"][pair[which]] for which in ("first", "second")]
        names = [" ".join(str(one[key]) for key in ("model", "test_condition") if one[key]) for one in sides]
        found = difference(*(result_in(ran.out, name, "--row") for name in names))
        assert (found.test.difference, found.test.p) == pytest.approx((pair["difference"], pair["p"]))
        for figures, one in zip(found.figures, sides, strict=True):
            assert figures == pytest.approx({key: one[key] for key in figures})
    assert len(among["pairs"]) > 2


def test_the_command_tells_people_and_programs_the_same(ran: Ran) -> None:
    words = ["compare", ran.out, ran.out, "--row-a", "functionals-SVM", "--row-b", "oracle"]
    told, printed = json.loads(emovae(*words, "--json")), emovae(*words)
    assert f"A: functionals-SVM, emotion, complete of {ran.out}" in printed
    assert "B: CVAE-LSTM, 4, oracle, emotion, complete† of" in printed
    assert "† is told the true label" in printed
    assert f"{100 * told['difference']['ua']['value']:+.1f}" in printed
    assert told["second"]["uses_true_label"] is True
    assert ("cannot be told apart" in printed) == (not told["told_apart"])
    assert "say which with --row-b" in emovae(*words[:-2], code=2)


# What is no result


def test_a_folder_that_holds_no_predictions_is_refused(tmp_path: Path) -> None:
    assert "predictions.parquet is not there; give the folder of `emovae run`" in emovae(
        "compare", tmp_path, tmp_path, code=2
    )
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(OutputError, match="cannot be read"):
        result_in(tmp_path, None, "--row-a")


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"utterance": "x"}],
        [row("x", "s", "a", "a", seed=None)],  # type: ignore[arg-type]
        [{**row("x", "s", "a", "a"), "speaker": None}],
    ],
)
def test_rows_that_lack_something_are_refused(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"lacks some of model, latent|cannot be read"):
        result_in(folder_of(tmp_path / "a", rows), None, "--row-a")


@pytest.mark.parametrize("more", [row("s0-a0", "s0", "a", "b"), row("s0-a0", "s0", "a", "b", seed=1)])
def test_an_utterance_that_comes_too_often_is_refused(more: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="utterances do not come once for each seed"):
        result_in(folder_of(tmp_path / "a", [*people(FIRST), more]), None, "--row-a")
