import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from conftest import Ran
from emovae import figures
from emovae.curves import Curve
from emovae.figures.style import COLOURS, NOTE, Look, look
from emovae.gallery.doubts import doubts
from emovae.logmel import mel

Results = dict[str, Any]
FRONT_END = {"bands": 80, "low_hz": 20.0, "high_hz": 8000.0}


@pytest.fixture
def results(ran: Ran) -> Results:
    return copy.deepcopy(ran.outcome.results)


@pytest.fixture(autouse=True)
def _styled() -> Any:
    with figures.styled():
        yield


def row_of(results: Results, model: str, condition: str | None = None) -> Results:
    (row,) = (row for row in results["rows"] if (row["model"], row["test_condition"]) == (model, condition))
    return dict(row)


def texts(figure: Figure) -> list[str]:
    """All that is written in a figure."""
    found = [text.get_text() for axes in figure.axes for text in [*axes.texts, axes.title]]
    found += [text.get_text() for one in figure.legends for text in [*one.get_texts(), one.get_title()]]
    return found


def band_of(collection: Any) -> NDArray[np.float64]:
    """The corners of a band, [corner, (x, y)]."""
    return np.asarray(collection.get_paths()[0].vertices, np.float64)


def points_of(line: Any) -> list[tuple[float, float]]:
    return list(zip(line.get_xdata(), line.get_ydata(), strict=True))


def sized(results: Results) -> Results:
    """The results as if two latent sizes had been run, the second better by ten points."""
    results["settings"]["latent_sizes"] = [64, 128]
    rows = []
    for row in results["rows"]:
        for size, more in ((64, 0.0), (128, 0.1)) if row["latent"] else ((None, 0.0),):
            seeds = [{**one, "wa": one["wa"] + more} for one in row["per_seed"]]
            rows.append({**row, "latent": size, "wa": row["wa"] + more, "per_seed": seeds})
    return {**results, "rows": rows}


def curve(training: str, values: list[float], condition: str | None = None, stage: str = "autoencoder") -> Curve:
    facts = {"model": "VAE-LSTM", "test_condition": condition, "stage": stage, "training": training}
    return Curve(facts, {"reconstruction": values})


def test_a_confusion_matrix_prints_every_count_and_share(results: Results) -> None:
    row = row_of(results, "VAE-LSTM")
    axes = figures.confusion(row, results).axes[0]
    counts = np.array(row["confusion"])
    shares = counts / counts.sum(axis=1, keepdims=True)
    printed = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in axes.texts}
    assert printed == {place: f"{100 * share:.0f} %\n{counts[place]}" for place, share in np.ndenumerate(shares)}
    assert [label.get_text() for label in axes.get_yticklabels()] == row["classes"]


def test_a_class_that_nobody_shows_has_counts_and_no_share(results: Results) -> None:
    row = row_of(results, "VAE-LSTM")
    row["confusion"][1] = [0, 0, 0, 0]
    axes = figures.confusion(row, results).axes[0]
    assert [text.get_text() for text in axes.texts][4:8] == ["–\n0"] * 4


def test_whatever_is_told_the_true_label_says_so_in_the_figure(results: Results) -> None:
    oracle, marginal = (row_of(results, "CVAE-LSTM", condition) for condition in ("oracle", "marginal"))
    assert any(NOTE in text and "oracle)†" in text for text in texts(figures.confusion(oracle, results)))
    assert not any("†" in text for text in texts(figures.confusion(marginal, results)))
    two = sized(results)
    drawn = figures.over_sizes(two["rows"], "wa", "wa", "WA", two, figures.looks_of(two))
    assert {NOTE, "CVAE-LSTM (oracle)†", "CVAE-LSTM (marginal)"} <= set(texts(drawn))
    told = [
        {**row, "uses_true_label": row["model"] == "majority"} for row in two["rows"] if row["model"] != "CVAE-LSTM"
    ]
    constant = figures.over_sizes(told, "wa", "wa", "WA", two, figures.looks_of(two))
    assert {NOTE, "majority†"} <= set(texts(constant))


def test_no_two_lines_look_alike_even_without_colour() -> None:
    many = [look(place) for place in range(40)]
    assert len({(one.marker, str(one.dashes)) for one in many}) == 40
    assert len(set(COLOURS)) == 8


def test_the_size_figure_has_the_results_and_a_band_from_the_lowest_to_the_highest_seed(results: Results) -> None:
    two = sized(results)
    axes = figures.over_sizes(two["rows"], "wa", "wa", "WA", two, figures.looks_of(two)).axes[0]
    lines = {str(line.get_label()): line for line in axes.lines}
    small, large = (row for row in two["rows"] if row["model"] == "VAE-LSTM")
    drawn = points_of(lines["VAE-LSTM"])
    assert [x for x, _ in drawn] == [64, 128]
    assert [y for _, y in drawn] == pytest.approx([100 * small["wa"], 100 * large["wa"]])
    bands = [band_of(band) for band in axes.collections]
    seeds = sorted(100 * one["wa"] for one in small["per_seed"])
    assert any(
        sorted({y for x, y in band if x == 64}) == pytest.approx(sorted({seeds[0], seeds[-1]})) for band in bands
    )
    assert {"majority", "functionals-SVM"} <= set(lines)


@pytest.mark.parametrize("same", [True, False])
def test_printed_points_are_marks_of_their_own_and_only_for_the_same_corpus(results: Results, same: bool) -> None:
    two = sized(results)
    two["published_for"] = two["corpus"] if same else "iemocap"
    for row in two["rows"]:
        row["published"] = {"wa": 0.6071} if (row["model"], row["latent"]) == ("VAE-LSTM", 128) else None
    axes = figures.over_sizes(two["rows"], "wa", "wa", "WA", two, figures.looks_of(two)).axes[0]
    printed = [line for line in axes.lines if "paper" in str(line.get_label())]
    assert len(printed) == same
    if same:
        assert points_of(printed[0])[0] == pytest.approx((128, 60.71))
        assert (printed[0].get_markerfacecolor(), printed[0].get_linestyle()) == ("none", "None")


def test_a_training_that_several_cells_share_is_counted_once() -> None:
    looks: dict[tuple[str, str | None], Look] = {("VAE-LSTM", None): look(0)}
    shared = [curve("a", [4.0, 2.0], "oracle"), curve("a", [4.0, 2.0], "marginal"), curve("b", [1.0, 2.0])]
    axes = figures.learning(shared, "reconstruction", "distance", looks).axes[0]
    (line,) = axes.lines
    assert points_of(line) == [(1, 2.5), (2, 2.0)]
    band = band_of(axes.collections[0])
    assert (band[:, 1].min(), band[:, 1].max()) == (1.0, 4.0)


def test_a_learning_curve_ends_where_fewer_than_half_were_still_learning() -> None:
    looks: dict[tuple[str, str | None], Look] = {("VAE-LSTM", None): look(0)}
    some = [curve("a", [3.0]), curve("b", [3.0, 2.0]), curve("c", [3.0, 4.0, 1.0]), curve("d", [3.0, 3.0, 1.0, 1.0])]
    (line,) = figures.learning(some, "reconstruction", "distance", looks).axes[0].lines
    assert points_of(line) == [(1, 3.0), (2, 3.0), (3, 1.0)]


def test_recording_and_reconstructions_share_one_scale_of_colour_and_one_time() -> None:
    frames = np.random.default_rng(0).normal(size=(250, 80)).astype(np.float32)
    figure = figures.reconstructions(frames, {"AE-LSTM": frames * 2, "VAE-LSTM": frames - 1}, FRONT_END, "anger: a")
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 3
    assert len({image.get_clim() for image in images}) == 1
    assert {tuple(image.get_extent()) for image in images} == {(0, 2.5, -0.5, 79.5)}


def test_a_band_is_labelled_with_the_frequency_at_its_centre() -> None:
    frames = np.zeros((10, 80), np.float32)
    axes = figures.reconstructions(frames, {}, FRONT_END, "").axes[0]
    edges = np.linspace(mel(20), mel(8000), 82)
    for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        if place < 79:
            assert np.interp(place + 1, range(82), edges) == pytest.approx(mel(float(label.get_text())))


def test_a_scatter_embeds_the_same_each_time_and_gives_up_on_a_handful() -> None:
    latents = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    first, again = figures.embedded(latents), figures.embedded(latents)
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(first, again)
    assert figures.embedded(latents[:4]) is None
    assert figures.embedded(np.ones((40, 6), np.float32)) is None


def test_of_many_names_the_rarest_share_a_mark() -> None:
    names = [f"speaker {place % 20:02}" for place in range(90)]
    figure = figures.scattered(np.zeros((90, 2), np.float32), names, "by speaker")
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told[0] == "others"
    assert len(told) == 17


@pytest.mark.parametrize("name", ["$x_1$", "a\nb", "喜怒", "\udcff", "<script>", "x" * 300, "%s {0} \\frac"])
def test_any_name_can_be_drawn(results: Results, name: str) -> None:
    row = row_of(results, "VAE-LSTM")
    row["classes"] = [name, *row["classes"][1:]]
    drawn = figures.drawing("any", "", lambda: figures.confusion(row, results))
    assert drawn.png.startswith(b"\x89PNG")
    assert figures.drawing("any", "", lambda: figures.confusion(row, results)) == drawn


def test_a_drawing_holds_no_date_and_is_the_same_whatever_matplotlib_is_set_to(results: Results) -> None:
    row = row_of(results, "VAE-LSTM")
    usual = figures.drawing("one", "", lambda: figures.confusion(row, results))
    with mpl.rc_context({"font.size": 30, "svg.hashsalt": None, "axes.grid": True}):
        assert figures.drawing("one", "", lambda: figures.confusion(row, results)) == usual
        assert mpl.rcParams["font.size"] == 30
    assert b"dc:date" not in usual.svg
    assert b"<script" not in usual.svg
    assert Path(usual.name).name == "one"


# Whether they know when they are wrong


def binned(results: Results, model: str, *bins: tuple[int, float | None, float | None]) -> Results:
    """A row whose reliability table is these bins: count, confidence, accuracy."""
    row = row_of(results, model)
    told = [{"n": n, "confidence": confidence, "accuracy": accuracy} for n, confidence, accuracy in bins]
    return {**row, "trust": {"prediction": {"reliability": told}}}


def test_reliability_is_drawn_where_ten_utterances_and_more_can_tell_of_it(results: Results) -> None:
    bins = [(0, None, None), (9, 0.4, 0.9), (10, 0.5, 0.25), (21, 0.75, 0.5)]
    rows = [binned(results, "VAE-LSTM", *bins), binned(results, "AE-LSTM", (3, 0.5, 0.5))]
    axes = figures.reliability(rows, results, figures.looks_of(results)).axes[0]
    lines = {str(line.get_label()): points_of(line) for line in axes.lines}
    assert lines == {"calibrated": [(0, 0), (100, 100)], "VAE-LSTM": [(50, 25), (75, 50)], "AE-LSTM": []}


def curved(results: Results, model: str, risk: list[float], condition: str | None = None) -> Results:
    coverage = [(place + 1) / len(risk) for place in range(len(risk))]
    return {
        **row_of(results, model, condition),
        "trust": {"ensemble": {"mutual_information": {"curve": {"coverage": coverage, "risk": risk}}}},
    }


def test_what_is_wrong_is_drawn_against_how_many_are_kept(results: Results) -> None:
    rows = [curved(results, "VAE-LSTM", [0.0, 0.25]), curved(results, "CVAE-LSTM", [0.5, 0.125], "oracle")]
    looks = figures.looks_of(results)
    figure = figures.risk_coverage(rows, "ensemble", "mutual_information", results, looks)
    axes = figure.axes[0]
    assert [(line.get_label(), points_of(line)) for line in axes.lines] == [
        ("VAE-LSTM", [(50, 0), (100, 25)]),
        ("CVAE-LSTM (oracle)†", [(50, 50), (100, 12.5)]),
    ]
    assert axes.get_ylim()[0] == 0
    assert NOTE in texts(figure)
    # A line looks the same as in all other figures of the run.
    for line, name in zip(axes.lines, (("VAE-LSTM", None), ("CVAE-LSTM", "oracle")), strict=True):
        assert (line.get_color(), line.get_marker()) == (looks[name].colour, looks[name].marker)


def test_doubts_of_a_real_run_can_be_drawn_and_fall_or_rise_within_what_is_wrong(results: Results) -> None:
    row = row_of(results, "VAE-LSTM")
    figure = figures.risk_coverage([row], "prediction", "entropy", results, figures.looks_of(results))
    (line,) = figure.axes[0].lines
    kept, wrong = zip(*points_of(line), strict=True)
    assert kept[-1] == 100
    assert list(kept) == sorted(kept)
    assert all(0 <= share <= 100 for share in wrong)
    assert wrong[-1] == pytest.approx(100 * (1 - row["per_seed"][0]["wa"]))  # the first seed's, of all utterances


def test_of_several_latent_sizes_doubts_show_one(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Results] = []
    draw = figures.reliability

    def spied(rows: Sequence[Results], *given: Any) -> Figure:
        drawn.extend(rows)
        return draw(rows, *given)

    monkeypatch.setattr(figures, "reliability", spied)
    many = sized(results)
    section = doubts(many)
    shown = {row["latent"] for row in drawn} - {None}
    assert len({row["latent"] for row in many["rows"]} - {None}) > len(shown) == 1
    assert f"Of the latent sizes, {shown.pop()} is shown." in section.texts
    assert len({(row["model"], row["test_condition"]) for row in drawn}) == len(drawn)
