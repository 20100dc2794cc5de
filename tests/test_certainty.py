"""What is printed of how certain a run is."""

import copy
from collections.abc import Sequence
from typing import Any

import pytest

from conftest import Ran
from emovae.certainty import certainty
from emovae.comparison import Table
from emovae.latex import latex
from emovae.tables import markdown

Results = dict[str, Any]

NAMES = ["majority", "functionals-SVM", "AE-LSTM", "VAE-LSTM", "CVAE-LSTM (oracle)†", "CVAE-LSTM (marginal)"]
LEARNED = NAMES[2:]  # the others say the same for every seed


@pytest.fixture
def results(ran: Ran) -> Results:
    return copy.deepcopy(ran.outcome.results)


def table_of(results: Results, kind: str) -> Table:
    (table,) = (table for table in certainty(results) if table.key.startswith(f"{kind}-"))
    return table


def column(table: Table, heading: str) -> dict[str, str]:
    place = table.header.index(heading) - 1
    return {line.name: line.entries[place].figure for line in table.lines}


def share(shown: float) -> str:
    return f"{100 * shown:.1f}"


def test_each_task_has_its_tables_in_the_same_order(results: Results) -> None:
    kinds = ["standing", "told-apart", "gender", "trust", "use"]
    assert [table.key for table in certainty(results)] == [f"{kind}-emotion-complete" for kind in kinds]
    results["rows"] += [{**row, "subset": "improvised"} for row in results["rows"]]
    assert [table.key for table in certainty(results)][5:] == [
        f"{kind}-emotion-improvised" for kind in kinds if kind != "told-apart"
    ]


def test_every_table_has_an_entry_for_each_column_of_its_header(results: Results) -> None:
    for table in certainty(results):
        assert all(len(line.entries) == len(table.header) - 1 for line in table.lines)
        assert len(set(table.header)) == len(table.header)


def test_a_table_goes_after_those_of_the_results_and_before_what_the_paper_leaves_open(results: Results) -> None:
    text = markdown(results)
    titles = [table.title for table in certainty(results)]
    places = [text.index(f"\n## {title}\n") for title in titles]
    assert places == sorted(places)
    assert text.index("| recall ") < places[0]
    assert places[-1] < text.index("## What the paper leaves open")
    for remark in table_of(results, "told-apart").remarks:
        assert f"\n{remark}\n" in text


# How far figures stand


def test_intervals_and_spreads_are_those_of_the_rows(results: Results) -> None:
    results["rows"][3]["intervals"]["ua"] = [0.12345, 0.5]
    results["rows"][3]["over_seeds"]["ua"] = {"mean": 0.3, "deviation": 0.015, "n": 2}
    results["rows"][3]["over_speakers"].update(mean=0.25, deviation=None)
    table = table_of(results, "standing")
    assert table.header == (
        *("model", "WA, 95 %", "UA, 95 %", "macro F1, 95 %", "weighted F1, 95 %"),
        *("UA over seeds", "UA over speakers"),
    )
    assert [line.name for line in table.lines] == NAMES
    assert [line.told for line in table.lines] == [name.endswith("†") for name in NAMES]
    assert column(table, "UA, 95 %")["VAE-LSTM"] == "12.3 to 50.0"
    assert column(table, "UA over seeds")["VAE-LSTM"] == "30.0 ± 1.5"
    assert column(table, "UA over speakers")["VAE-LSTM"] == "25.0"
    for row, name in zip(results["rows"], NAMES, strict=True):
        low, high = row["intervals"]["wa"]
        assert column(table, "WA, 95 %")[name] == f"{share(low)} to {share(high)}"
    assert "the 10 tested speakers" in table.caption
    assert "One speaker" not in table.caption


def test_one_speaker_has_no_interval_and_it_is_said_why(results: Results) -> None:
    for row in results["rows"]:
        row["intervals"] = dict.fromkeys(row["intervals"])
        row["over_speakers"].update(n=1, deviation=None)
    table = table_of(results, "standing")
    assert "One speaker tells nothing of others" in table.caption
    assert set(column(table, "UA, 95 %").values()) == {""}


# Which lines can be told apart


def pair(first: int, second: int, difference: float, p: float, corrected: float) -> dict[str, Any]:
    smallest = {"smallest_p": 0.001, "smallest_corrected_p": 0.01}
    return {"first": first, "second": second, "difference": difference, "p": p, "corrected_p": corrected, **smallest}


def test_pairs_that_differ_stand_in_the_table_the_surest_first_and_the_others_are_counted(results: Results) -> None:
    pairs = [pair(0, 1, -0.2, 0.004, 0.04), pair(0, 2, 0.1, 0.02, 0.06), pair(1, 3, 0.123, 0.0001, 0.0005)]
    results["comparisons"][0]["pairs"] = pairs
    table = table_of(results, "told-apart")
    told = [(line.name, *(entry.figure for entry in line.entries)) for line in table.lines]
    assert told == [
        ("functionals-SVM", "VAE-LSTM", "+12.3", "< 0.001", "< 0.001"),
        ("majority", "functionals-SVM", "-20.0", "0.004", "0.04"),
    ]
    assert table.remarks == ("1 of 3 pairs cannot be told apart.",)
    assert "UAs of 10 speakers" in table.caption
    assert "all 3 pairs" in table.caption


def test_where_speakers_are_too_few_for_any_pair_it_is_said(results: Results) -> None:
    for one in results["comparisons"][0]["pairs"]:
        one.update(corrected_p=0.3, smallest_corrected_p=0.125)
    table = table_of(results, "told-apart")
    assert not table.lines
    (remark,) = table.remarks
    assert remark.startswith("10 of 10 pairs cannot be told apart: with so few speakers")
    assert remark.endswith("0.12 is the least.")
    results["comparisons"][0]["pairs"][0]["smallest_corrected_p"] = 0.05
    assert table_of(results, "told-apart").remarks == ("10 of 10 pairs cannot be told apart.",)


def test_a_line_that_is_told_the_label_is_said_to_be_compared_with_nobody_where_there_is_one(results: Results) -> None:
    assert "told the true label are not compared" in table_of(results, "told-apart").caption
    results["rows"] = [row for row in results["rows"] if not row["uses_true_label"]]
    assert "true label" not in table_of(results, "told-apart").caption


def test_a_minus_is_printed_and_the_hyphen_of_a_name_stays(results: Results) -> None:
    results["comparisons"][0]["pairs"] = [pair(0, 3, -0.2, 0.004, 0.04)]
    (line,) = (line for line in latex(certainty(results)).splitlines() if "VAE-LSTM & $-$20.0" in line)
    assert line.strip() == r"majority & VAE-LSTM & $-$20.0 & 0.004 & 0.04 \\"


# Whom it serves


def test_genders_have_their_figures_side_by_side(results: Results) -> None:
    results["rows"][2]["groups"]["gender"]["female"].update(wa=0.125, ua=0.25)
    table = table_of(results, "gender")
    assert table.header == ("model", "WA female", "UA female", "WA male", "UA male")
    assert "female 20 of 4 classes, male 20 of 4 classes" in table.caption
    assert (column(table, "WA female")["AE-LSTM"], column(table, "UA female")["AE-LSTM"]) == ("12.5", "25.0")
    for row, name in zip(results["rows"], NAMES, strict=True):
        assert column(table, "UA male")[name] == share(row["groups"]["gender"]["male"]["ua"])


def test_languages_have_a_table_of_their_own_and_no_group_has_none(results: Results) -> None:
    for row in results["rows"]:
        row["groups"] = {"language": {"Danish": {"n": 3, "classes": 2, "wa": 0.5, "ua": 0.25}}}
    assert table_of(results, "language").title == "By language: emotion, complete"
    for row in results["rows"]:
        row["groups"] = {}
    assert not [table for table in certainty(results) if table.title.startswith("By ")]


# How far probabilities can be believed


def test_every_way_to_a_probability_has_a_line(results: Results) -> None:
    results["rows"][3]["trust"]["posterior"] = results["rows"][3]["trust"]["ensemble"]
    names = [line.name for line in table_of(results, "trust").lines]
    expected = [way for name in NAMES for way in ((name, f"{name}, ensemble") if name in LEARNED else (name,))]
    expected.insert(expected.index("VAE-LSTM") + 1, "VAE-LSTM, posterior")
    assert names == expected


def test_the_figures_of_trust_are_those_of_the_rows(results: Results) -> None:
    figures = results["rows"][3]["trust"]["prediction"]
    figures.update(nll=1.23456, brier=0.5, ece=0.0625, adaptive_ece=0.125)
    figures.update(temperature=2.0, tempered_nll=123.4, tempered_ece=0.25)
    figures["entropy"].update(aurc=0.375, accuracy_at_80=0.7)
    line = next(line for line in table_of(results, "trust").lines if line.name == "VAE-LSTM")
    shown = [entry.figure for entry in line.entries]
    assert shown == ["1.23", "0.5", "6.2", "12.5", "2", "123", "25.0", "37.5", "70.0", ""]


def test_what_a_line_does_not_have_is_left_empty(results: Results) -> None:
    table = table_of(results, "trust")
    assert column(table, "T")["majority"] == column(table, "NLL, T")["majority"] == ""
    assert column(table, "T")["VAE-LSTM"] != ""
    disagreement = column(table, "AURC, MI")
    assert {name for name, figure in disagreement.items() if figure} == {f"{name}, ensemble" for name in LEARNED}


def test_the_raters_have_columns_where_there_are_any(results: Results) -> None:
    assert "JS" not in table_of(results, "trust").header
    assert "raters" not in table_of(results, "trust").caption
    for row in results["rows"]:
        row["trust"]["prediction"]["votes"] = {"n": 3, "jensen_shannon": 0.125, "entropy_correlation": None}
    results["rows"][3]["trust"]["prediction"]["votes"]["entropy_correlation"] = -0.25
    table = table_of(results, "trust")
    assert table.header[-2:] == ("JS", "rank corr.")
    assert column(table, "JS")["VAE-LSTM"] == "0.125"
    assert (column(table, "rank corr.")["VAE-LSTM"], column(table, "rank corr.")["majority"]) == ("-0.25", "")
    assert "the raters' votes" in table.caption


# What a latent space is used for


def test_each_autoencoder_has_one_line_whatever_its_conditions(results: Results) -> None:
    for row in results["rows"]:
        if row["use"]:
            row["use"].update(active=2.25)
    table = table_of(results, "use")
    assert [line.name for line in table.lines] == ["AE-LSTM", "VAE-LSTM", "CVAE-LSTM"]
    assert column(table, "active features")["VAE-LSTM"] == "2.2 of 4"
    (row,) = (row for row in results["rows"] if row["model"] == "VAE-LSTM")
    assert column(table, "KL") == {
        "AE-LSTM": "",
        "VAE-LSTM": f"{row['use']['kl_nats']:.2f}",
        "CVAE-LSTM": f"{results['rows'][4]['use']['kl_nats']:.2f}",
    }


def test_without_an_autoencoder_there_is_no_such_table(results: Results) -> None:
    for row in results["rows"]:
        row["use"] = None
    assert not [table for table in certainty(results) if table.key.startswith("use-")]


@pytest.mark.parametrize("kept", [("majority",), ("VAE-LSTM", "AE-LSTM")])
def test_any_part_of_the_lines_can_be_printed(results: Results, kept: Sequence[str]) -> None:
    results["rows"] = [row for row in results["rows"] if row["model"] in kept]
    results["comparisons"] = []
    assert [line.name for line in table_of(results, "standing").lines] == [n for n in NAMES if n in kept]
    assert latex(certainty(results)).count(r"\begin{table}") == len(certainty(results))


def test_the_written_table_holds_all_of_it(ran: Ran) -> None:
    text = (ran.out / "table.md").read_text(encoding="utf-8")
    for table in certainty(ran.outcome.results):
        assert f"## {table.title}\n\n{table.caption}\n" in text
