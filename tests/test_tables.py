import copy
from typing import Any

import pytest

from conftest import Ran
from emovae.certainty import certainty
from emovae.questions import QUESTIONS
from emovae.tables import markdown

Results = dict[str, Any]

# Design, "The paper's open questions": the settings that answer them. The protocol is in the lines above each table.
OPEN = [
    "test_condition",
    "condition",
    "autoencoder.condition_decoder",
    "features",
    "merge",
    "autoencoder.betas",
    "autoencoder.stop",
    "autoencoder.kl_weight",
    "autoencoder.data",
    "utterances",
    "binning",
    "f_measure",
    "average",
    "segments.tail",
    "normalise",
    "classifier.hidden",
    "classifier.batch_size",
    "classifier.epochs",
    "autoencoder.batch_size",
    "autoencoder.epochs",
    "autoencoder.activation",
    "protocol.validation",
    "marginal_weights",
    "autoencoder.kl_warmup",
    "autoencoder.free_bits",
    "classifier.dropout",
    "draws",
]


@pytest.fixture
def results(ran: Ran) -> Results:
    return copy.deepcopy(ran.outcome.results)


def tables(text: str) -> list[list[str]]:
    """The lines of each table."""
    blocks = (block.splitlines() for block in text.split("\n\n"))
    return [block for block in blocks if block[0].startswith("|")]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def filled(results: Results) -> list[str]:
    """The titles of those tables on certainty that have lines."""
    return [table.title for table in certainty(results) if table.lines]


def body(table: list[str]) -> dict[str, list[str]]:
    return {cells(line)[0]: cells(line)[1:] for line in table[2:]}


def test_every_table_is_aligned_and_ruled(results: Results) -> None:
    found = tables(markdown(results))
    # Figures, recalls and questions, and in between how certain they are.
    assert len(found) == 3 + len(filled(results)) >= 7
    for table in found:
        bars = {tuple(place for place, letter in enumerate(line) if letter == "|") for line in table}
        assert len(bars) == 1
        assert set(table[1]) == {"|", "-", " "}
        assert all(line == line.rstrip() for line in table)


def test_the_figures_are_per_cent_of_the_rows(results: Results) -> None:
    row = results["rows"][2]
    row.update(wa=0.12345, ua=1.0, macro_f1=0.0, weighted_f1=0.5)
    row["folds"]["mean"].update(wa=0.5, ua=0.25)
    row["folds"]["std"].update(wa=0.0625, ua=0.1)
    table, *_ = tables(markdown(results))
    assert cells(table[0]) == ["model", "WA", "UA", "macro F1", "weighted F1"]
    line = body(table)["AE-LSTM"]
    assert line[:2] == ["12.3 (50.0 ± 6.2)", "100.0 (25.0 ± 10.0)"]
    assert line[2].startswith("0.0 (")
    assert line[3].startswith("50.0 (")


def test_the_settings_choose_which_figure_comes_first(results: Results) -> None:
    results["settings"].update(average="folds", f_measure="weighted")
    row = results["rows"][0]
    row["wa"], row["folds"]["mean"]["wa"], row["folds"]["std"]["wa"] = 0.75, 0.5, 0.0625
    table, *_ = tables(markdown(results))
    assert cells(table[0]) == ["model", "WA", "UA", "weighted F1", "macro F1"]
    assert body(table)["majority"][0] == "50.0 ± 6.2 (75.0)"


def test_a_line_of_recalls_stands_beside_every_row(results: Results) -> None:
    figures, recalls, *_ = tables(markdown(results))
    assert cells(recalls[0]) == ["recall", *results["rows"][0]["classes"]]
    assert list(body(recalls)) == list(body(figures))
    for row, line in zip(results["rows"], body(recalls).values(), strict=True):
        confusion = row["confusion"]
        shares = [100 * confusion[place][place] / sum(confusion[place]) for place in range(4)]
        assert [float(cell) for cell in line] == pytest.approx(shares, abs=0.051)


def test_the_oracle_is_marked_wherever_it_is_named_and_nothing_else_is(results: Results) -> None:
    text = markdown(results)
    for table in tables(text)[:2]:
        named = list(body(table))
        assert [name for name in named if name.endswith("†")] == ["CVAE-LSTM (oracle)†"]
        assert "CVAE-LSTM (marginal)" in named
    assert text.count("† is told the true label") == 1


def test_the_mark_is_explained_in_a_paragraph_that_markdown_does_not_take_for_a_list(results: Results) -> None:
    (line,) = (line for line in markdown(results).splitlines() if "is told the true label" in line)
    assert not line.startswith(("* ", "- ", "+ "))


def test_no_mark_is_explained_where_none_is(results: Results) -> None:
    results["rows"] = [row for row in results["rows"] if not row["uses_true_label"]]
    assert "true label" not in markdown(results)


def test_every_open_question_is_answered_in_print(results: Results) -> None:
    keys = {key for _, keys in QUESTIONS for key in ((keys,) if isinstance(keys, str) else keys)}
    assert set(OPEN) <= keys
    answers = body(tables(markdown(results))[-1])
    assert len(answers) == len(QUESTIONS)
    assert all(answer[0] for answer in answers.values())
    assert answers["the CVAE's condition at test time"] == ["oracle and marginal"]
    assert answers["Adam's betas"] == ["0.9 and 0.999"]
    assert answers["decoder told the condition"] == ["true"]
    assert answers["weights of the classes in its mixture"] == ["uniform"]
    assert answers["KL warm-up, epochs"] == answers["draws to average probabilities over"] == ["0"]
    assert answers["free bits, nats a feature"] == answers["LSTM dropout"] == ["0.0"]
    assert answers["LSTM width, layers"] == ["8, 2"]
    assert answers["autoencoder batch, epochs, patience"] == ["64, 2, 3"]


@pytest.mark.parametrize(
    ("question", "key", "value"),
    [
        ("features", "features", "mean+variance"),
        ("segments merged into", "merge", "statistics"),
        ("normalisation", "normalise", "speaker"),
        ("low, mid, high by", "binning", "paper"),
        ("utterances", "utterances", "four-class"),
    ],
)
def test_an_answer_follows_its_setting(results: Results, question: str, key: str, value: str) -> None:
    results["settings"][key] = value
    assert body(tables(markdown(results))[-1])[question] == [value]


@pytest.mark.parametrize(
    ("key", "value", "answer"),
    [
        ("marginal_weights", "prior", "prior"),
        ("autoencoder.kl_warmup", 10, "10"),
        ("autoencoder.free_bits", 0.05, "0.05"),
        ("classifier.dropout", 0.3, "0.3"),
        ("draws", 30, "30"),
    ],
)
def test_what_later_studies_do_is_answered_too(results: Results, key: str, value: object, answer: str) -> None:
    *above, last = key.split(".")
    settings = results["settings"]
    for part in above:
        settings = settings[part]
    settings[last] = value
    (question,) = (question for question, keys in QUESTIONS if keys == key)
    assert body(tables(markdown(results))[-1])[question] == [answer]


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        (["marginal"], "marginal"),
        (["oracle", "marginal"], "oracle and marginal"),
        (["oracle", "marginal", "bayes"], "oracle, marginal and bayes"),
        (
            ["oracle", "marginal", "predicted", "bayes", "marginal+elbo"],
            "oracle, marginal, predicted, bayes and marginal+elbo",
        ),
    ],
)
def test_several_answers_are_told_as_people_list_them(results: Results, conditions: list[str], told: str) -> None:
    results["settings"]["test_condition"] = conditions
    assert body(tables(markdown(results))[-1])["the CVAE's condition at test time"] == [told]


def test_no_answer_among_several_is_none(results: Results) -> None:
    results["settings"]["latent_sizes"] = []
    assert body(tables(markdown(results))[-1])["latent sizes in its place"] == ["none"]


def test_the_protocol_and_what_else_decides_the_figures_stand_above_the_table(results: Results) -> None:
    text = markdown(results)
    for fact in (
        "40 utterances of 4 classes",
        "2-groups-of-speakers",
        "2 folds",
        "normalise train",
        "float32",
        "2 seeds",
        "preset default",
        results["fingerprint"],
    ):
        assert fact in text.split("| model")[0]


def test_levels_are_named_with_their_rule(results: Results) -> None:
    for row in results["rows"]:
        row.update(target="arousal", binning="tian")
    assert "levels by tian" in markdown(results)
    assert "## arousal, complete" in markdown(results)


def printed(results: Results, corpus: str) -> Results:
    results["published_for"] = corpus
    results["rows"][2]["published"] = {"wa": 0.5984}
    results["rows"][3]["published"] = {"wa": 0.6321, "ua": 0.6091}
    results["quoted"] = [{"model": "BLSTM [16]", "target": "emotion", "subset": "complete", "wa": 0.54}]
    return results


def test_printed_figures_stand_beside_results_on_the_corpus_that_they_are_about(results: Results) -> None:
    results["corpus"] = "iemocap"
    table, *_ = tables(markdown(printed(results, "iemocap")))
    assert cells(table[0])[-4:] == ["paper WA", "diff.", "paper UA", "diff."]
    wa, ua = (100 * results["rows"][3][key] for key in ("wa", "ua"))
    assert body(table)["VAE-LSTM"][-4:] == ["63.2", f"{wa - 63.21:+.1f}", "60.9", f"{ua - 60.91:+.1f}"]
    assert body(table)["AE-LSTM"][-2:] == ["", ""]
    assert body(table)["majority"][-4:] == ["", "", "", ""]
    assert body(table)["BLSTM [16], quoted"] == ["", "", "", "", "54.0", "", "", ""]


def test_the_difference_is_of_the_figure_that_is_named_first(results: Results) -> None:
    results["corpus"], results["settings"]["average"] = "iemocap", "folds"
    table, *_ = tables(markdown(printed(results, "iemocap")))
    mean = 100 * results["rows"][3]["folds"]["mean"]["wa"]
    assert body(table)["VAE-LSTM"][-3] == f"{mean - 63.21:+.1f}"


def test_printed_figures_of_another_corpus_are_left_away(results: Results) -> None:
    text = markdown(printed(results, "iemocap"))
    assert "paper WA" not in text
    assert "59.8" not in text
    assert "quoted" not in text


def with_dimensions(results: Results) -> Results:
    """Three dimensions whose VAE row has macro F1 of 30, 40 and 50 per cent, and their mean."""
    first = results["rows"][3]
    for target, f1 in zip(("arousal", "power", "valence"), (0.3, 0.4, 0.5), strict=True):
        row = copy.deepcopy(first)
        row.update(target=target, macro_f1=f1, weighted_f1=f1 + 0.1, published={"f": f1 + 0.2}, binning="tian")
        results["rows"].append(row)
    mean = {key: first[key] for key in ("model", "subset", "test_condition", "latent", "uses_true_label", "folds")}
    results["means"] = [{**mean, "wa": 0.5, "ua": 0.5, "macro_f1": 0.4, "weighted_f1": 0.5, "published": {"f": 0.6}}]
    return results


def test_table_2_is_laid_out_as_printed_for_both_f_measures(results: Results) -> None:
    text = markdown(with_dimensions(results))
    macro, _ = [table for table in tables(text) if cells(table[0]) == ["model", "arousal", "power", "valence", "mean"]]
    assert body(macro) == {"VAE-LSTM": ["30.0", "40.0", "50.0", "40.0"]}
    assert text.index("## macro F1 over the dimensions") < text.index("## weighted F1 over the dimensions")


def test_table_2_has_the_printed_figures_beside_the_f_measure_named_first(results: Results) -> None:
    results["corpus"] = results["published_for"] = "iemocap"
    results["settings"]["f_measure"] = "weighted"
    quoted = {"model": "eGeMAPS [22]", "subset": "complete"}
    results["quoted"] = [{**quoted, "target": "arousal", "f": 0.601}, {**quoted, "target": "mean", "f": 0.53}]
    weighted, macro = [
        table
        for table in tables(markdown(with_dimensions(results)))
        if cells(table[0])[1:4] == ["arousal", "power", "valence"]
    ]
    assert body(weighted)["VAE-LSTM"] == ["40.0", "50.0", "60.0", "50.0", "50.0", "60.0", "70.0", "60.0", "-10.0"]
    assert body(weighted)["eGeMAPS [22], quoted"] == ["", "", "", "", "60.1", "", "", "53.0", ""]
    assert body(macro) == {"VAE-LSTM": ["30.0", "40.0", "50.0", "40.0"]}


def test_a_line_is_named_with_its_size_where_there_are_several(results: Results) -> None:
    assert "| AE-LSTM 4" not in markdown(results)
    results["settings"]["latent_sizes"] = [4, 8]
    text = markdown(results)
    assert "| AE-LSTM 4 " in text
    assert "| majority " in text


def test_every_task_has_a_table_of_its_own(results: Results) -> None:
    others = copy.deepcopy(results["rows"])
    for row in others:
        row["subset"] = "improvised"
    results["rows"] += others
    text = markdown(results)
    assert len(tables(text)) == 5 + len(filled(results))
    for heading in ("How far these figures stand", "By gender", "How far the probabilities can be believed"):
        assert text.index(f"## {heading}: emotion, complete") < text.index(f"## {heading}: emotion, improvised")
    assert text.index("## emotion, complete") < text.index("## emotion, improvised")


def test_notices_and_recordings_left_out_are_told(results: Results) -> None:
    results["notices"] = ["half of the recordings are not here"]
    results["left_out"] = [{"utterance": "a", "why": "broken"}] * 3
    text = markdown(results)
    assert "- half of the recordings are not here\n" in text
    assert "- 3 recordings were left out" in text


def test_a_class_that_a_fold_lacks_is_told_once_for_its_task(results: Results) -> None:
    for row in results["rows"]:
        row["folds"]["absent_classes"] = {"speakers A": ["anger", "sadness"]}
    text = markdown(results)
    assert text.count("speakers A shows no anger, sadness") == 1


def test_a_class_that_a_fold_lacks_is_told_for_every_task(results: Results) -> None:
    others = copy.deepcopy(results["rows"])
    for row in others:
        row["target"] = "arousal"
        row["folds"]["absent_classes"] = {"session 3": ["low"]}
    results["rows"] += others
    assert "arousal, complete: session 3 shows no low" in markdown(results)
