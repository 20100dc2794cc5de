import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from conftest import Ran
from emovae.audit import audit
from emovae.audited import as_json
from emovae.certainty import certainty
from emovae.errors import OutputError
from emovae.experiment import SUMMED
from emovae.report import write_report
from emovae.sums import write_sums
from processes import EMOVAE

CHROMIUM = shutil.which("chromium")
QUIET = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
SECTIONS = [
    "tables",
    "certainty",
    "confusion",
    "doubts",
    "learning",
    "latents",
    "reconstruction",
    "drawn",
    "protocol",
    "choices",
    "configuration",
]
KINDS = {
    "confusion": 6,
    "reliability": 1,
    "risk": 2,
    "learning": 6,
    "latents": 6,
    "reconstruction": 4,
    "drawn": 2,
}
EVIL = "<script>alert('x')</script>"


class Page(HTMLParser):
    """What a page holds: its texts, tables, pictures, and everything that it points to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.text = ""
        self.in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.in_cell = True
        elif tag == "small":
            self.tables[-1][-1][-1] += " | "

    def handle_endtag(self, tag: str) -> None:
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.in_cell:
            self.tables[-1][-1][-1] += data.strip()

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [facts for name, facts in self.tags if name == tag]


def page_of(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def copied(ran: Ran, place: Path) -> Path:
    return Path(shutil.copytree(ran.out, place / "out", ignore=shutil.ignore_patterns("cells")))


def changed(folder: Path, change: Callable[[Any], None]) -> Path:
    """A run folder whose results are others."""
    results = json.loads((folder / "results.json").read_text())
    change(results)
    (folder / "results.json").write_text(json.dumps(results))
    write_sums(folder, SUMMED)
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    return {str(place.relative_to(folder)): place.read_bytes() for place in folder.rglob("*") if place.is_file()}


@pytest.fixture(scope="module")
def folder(ran: Ran, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run with its report."""
    place = copied(ran, tmp_path_factory.mktemp("report"))
    write_report(place)
    return place


@pytest.fixture
def plain(ran: Ran, tmp_path: Path) -> Path:
    """A quick run folder to change: its report needs few figures."""
    place = copied(ran, tmp_path)
    (place / "views.safetensors").unlink()
    (place / "curves.parquet").unlink()

    def fewer(results: Any) -> None:
        results["rows"] = [row for row in results["rows"] if row["model"] == "VAE-LSTM" or row["test_condition"]]

    return changed(place, fewer)


# What it holds


def test_every_section_is_there_and_the_contents_lead_to_each(folder: Path) -> None:
    page = page_of(folder)
    assert [facts["id"] for facts in page.of("section")] == SECTIONS
    assert [facts["href"] for facts in page.of("a")] == [f"#{name}" for name in SECTIONS]


def test_every_figure_is_in_the_page_with_words_for_those_who_do_not_see_it_and_beside_it_as_files(
    folder: Path,
) -> None:
    pictures = page_of(folder).of("img")
    assert len(pictures) == sum(KINDS.values())
    for picture in pictures:
        assert len(str(picture["alt"])) > 20
        assert re.match(r"data:image/(png|svg\+xml);base64,[A-Za-z0-9+/=]{400}", str(picture["src"]))
    names = [place.name for place in (folder / "figures").iterdir()]
    for kind, count in KINDS.items():
        for ending in ("svg", "png"):
            assert len([name for name in names if name.startswith(f"{kind}-") and name.endswith(ending)]) == count


def test_the_tables_figures_are_those_of_results_json(ran: Ran, folder: Path) -> None:
    header, *lines = page_of(folder).tables[0]
    rows = ran.outcome.results["rows"]
    assert header == ["model", "WA", "UA", "macro F1", "weighted F1"]
    for line, row in zip(lines, rows, strict=True):
        condition = f" ({row['test_condition']})" if row["test_condition"] else ""
        assert line[0] == f"{row['model']}{condition}{'†' if row['uses_true_label'] else ''}"
        mean, std = row["folds"]["mean"], row["folds"]["std"]
        assert line[1:] == [
            f"{100 * row[key]:.1f} | {100 * mean[key]:.1f} ± {100 * std[key]:.1f}"
            for key in ("wa", "ua", "macro_f1", "weighted_f1")
        ]


def test_protocol_configuration_and_fingerprint_are_told(ran: Ran, folder: Path) -> None:
    page = page_of(folder)
    results = ran.outcome.results
    assert results["fingerprint"] in page.text
    assert (folder / "config.toml").read_text() in page.text
    protocol = next(table for table in page.tables if table[0][0] == "fold")
    for line, fold in zip(protocol[1:], results["plans"][0]["folds"], strict=True):
        assert line[0] == fold["name"]
        assert line[3] == f"{sum(fold['test']['classes'].values())} of {len(fold['test']['speakers'])} speakers"
        assert line[5] == ", ".join(fold["test"]["speakers"])
    assert "run.json is not here" in page.text


@pytest.mark.slow
def test_versions_are_told_but_neither_when_nor_where_nor_by_whom(folder: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(folder, tmp_path / "out"))
    run = {
        "command": ["secret"],
        "finished": "2026-01-02",
        "host": "mybox",
        "python": "3.11.9",
        "versions": {"torch": "9.9"},
    }
    (place / "run.json").write_text(json.dumps(run))
    write_report(place)
    text = page_of(place).text
    assert "python 3.11.9; torch 9.9" in text
    assert not [word for word in ("secret", "2026-01-02", "mybox") if word in text]


def test_the_note_on_the_true_label_stands_only_where_a_row_was_told_it(folder: Path, plain: Path) -> None:
    assert "an upper bound" in page_of(folder).text

    def honest(results: Any) -> None:
        results["rows"] = [row for row in results["rows"] if not row["uses_true_label"]]

    write_report(changed(plain, honest))
    assert "an upper bound" not in page_of(plain).text
    assert "†" not in page_of(plain).text


# How certain it is


def table_of(page: Page, key: str) -> list[list[str]]:
    place = [facts.get("id") for facts in page.of("table")].index(f"table-{key}")
    return page.tables[place]


def test_the_tables_on_certainty_are_in_the_page_and_among_those_for_a_paper(ran: Ran, folder: Path) -> None:
    page, told = page_of(folder), (folder / "table.tex").read_text()
    found = certainty(ran.outcome.results)
    assert len(found) == 5
    for table in found:
        assert table.caption in page.text
        assert f"\\label{{tab:{table.key}}}" in told
        for remark in table.remarks:
            assert remark in page.text
            assert remark in told
        if table.lines:
            header, *lines = table_of(page, table.key)
            assert header == list(table.header)
            assert lines == [[line.name, *(entry.printed for entry in line.entries)] for line in table.lines]


@pytest.mark.slow
def test_pairs_that_can_be_told_apart_are_named_as_they_are_called(plain: Path) -> None:
    def apart(results: Any) -> None:
        (pair, *_) = results["comparisons"][0]["pairs"]
        told = {"first": 0, "second": 2, "difference": -0.125, "p": 0.002, "corrected_p": 0.02}
        results["comparisons"][0]["pairs"] = [{**pair, **told}]

    write_report(changed(plain, apart))
    header, line = table_of(page_of(plain), "told-apart-emotion-complete")
    assert header == ["model", "against", "difference", "p", "p, corrected"]
    assert line == ["VAE-LSTM", "CVAE-LSTM (marginal)", "−12.5", "0.002", "0.02"]


def test_every_way_to_doubt_that_a_run_has_is_drawn(plain: Path) -> None:
    def drawn(results: Any) -> None:
        for row in results["rows"]:
            row["trust"]["posterior"] = row["trust"]["ensemble"]

    write_report(changed(plain, drawn))
    names = {place.name for place in (plain / "figures").iterdir()}
    for way in ("prediction-entropy", "posterior-mutual-information", "ensemble-mutual-information"):
        assert len([name for name in names if name.startswith(f"risk-emotion-complete-{way}")]) == 2, way
    assert "reliability-emotion-complete.svg" in names
    assert len([name for name in names if name.startswith("risk-")]) == 3 * 2


def test_a_single_seed_without_draws_shows_its_entropy_alone(plain: Path) -> None:
    def alone(results: Any) -> None:
        for row in results["rows"]:
            row["trust"].pop("ensemble")

    write_report(changed(plain, alone))
    names = [place.name for place in (plain / "figures").glob("risk-*.svg")]
    assert names == ["risk-emotion-complete-prediction-entropy.svg"]


def test_baselines_that_only_count_are_not_asked_for_their_doubt(plain: Path) -> None:
    def counting(results: Any) -> None:
        (row,) = (row for row in results["rows"] if row["model"] == "VAE-LSTM")
        results["rows"] = [
            {**row, "model": name, "latent": None, "use": None} for name in ("majority", "speaker-oracle")
        ]
        results["comparisons"] = []

    write_report(changed(plain, counting))
    assert not list((plain / "figures").glob("risk-*"))
    assert not list((plain / "figures").glob("reliability-*"))


def test_what_else_the_corpus_gives_away_is_told_where_it_was_asked(ran: Ran, plain: Path) -> None:
    write_report(plain)
    assert "audit" not in [facts["id"] for facts in page_of(plain).of("section")]
    asked = audit(ran.corpus, ran.cache)
    (plain / "audit.json").write_text(json.dumps(as_json(asked)))
    write_report(plain)
    page = page_of(plain)
    assert [facts["id"] for facts in page.of("section")][:3] == ["tables", "certainty", "audit"]
    assert "#audit" in [facts["href"] for facts in page.of("a")]
    for answer in asked.answers:
        assert answer.question in page.text
        assert answer.sentence in page.text


# Beside the paper


def _printed(corpus: str) -> Callable[[Any], None]:
    def change(results: Any) -> None:
        results["published_for"] = corpus
        for row in results["rows"]:
            row["published"] = {"wa": 0.6071} if row["model"] == "VAE-LSTM" else None
        results["quoted"] = [{"model": "BLSTM-ELM", "subset": "complete", "target": "emotion", "wa": 0.628}]

    return change


def test_printed_figures_stand_beside_ones_own_with_the_difference_in_points(plain: Path) -> None:
    write_report(changed(plain, _printed("synthetic")))
    results = json.loads((plain / "results.json").read_text())
    (own,) = (row["wa"] for row in results["rows"] if row["model"] == "VAE-LSTM")
    page = page_of(plain)
    header, first, *_, last = page.tables[0]
    assert header[5:] == ["paper WA", "diff."]
    assert first[5:] == ["60.7", f"−{100 * (0.6071 - own):.1f}"]
    assert last == ["BLSTM-ELM, quoted", "", "", "", "", "62.8", ""]
    assert "were not run here" in page.text
    assert r"BLSTM-ELM (quoted)" in (plain / "table.tex").read_text()


def test_another_corpus_printed_figures_are_left_out_and_it_is_said(plain: Path) -> None:
    write_report(changed(plain, _printed("iemocap")))
    page = page_of(plain)
    assert page.tables[0][0] == ["model", "WA", "UA", "macro F1", "weighted F1"]
    assert "60.7" not in page.text.split("config.toml")[0]
    assert "another corpus (iemocap)" in page.text


def test_several_latent_sizes_are_drawn_against_the_figures(plain: Path) -> None:
    def sized(results: Any) -> None:
        results["settings"]["latent_sizes"] = [4, 8]
        results["rows"] += [{**row, "latent": 8} for row in results["rows"] if row["latent"]]

    write_report(changed(plain, sized))
    page = page_of(plain)
    assert "sizes" in [facts["id"] for facts in page.of("section")]
    assert {"sizes-emotion-complete-wa.svg", "sizes-emotion-complete-ua.svg"} <= {
        place.name for place in (plain / "figures").iterdir()
    }
    assert page.tables[0][1][0] == "VAE-LSTM 4"


def test_the_mean_over_the_dimensions_has_a_table_of_its_own(plain: Path) -> None:
    def dimensional(results: Any) -> None:
        (row,) = (row for row in results["rows"] if row["model"] == "VAE-LSTM")
        targets = ("arousal", "power", "valence")
        results["rows"] = [{**row, "target": name, "macro_f1": 0.1 * (place + 1)} for place, name in enumerate(targets)]
        results["means"] = [{**row, "macro_f1": 0.2, "published": None}]

    write_report(changed(plain, dimensional))
    header, line = page_of(plain).tables[3]
    assert header == ["model", "arousal", "power", "valence", "mean"]
    assert line == ["VAE-LSTM", "10.0", "20.0", "30.0", "20.0"]


# It is safe to open, and the same each time


def test_the_page_asks_nothing_of_any_network(folder: Path) -> None:
    text, page = (folder / "report.html").read_text(), page_of(folder)
    assert not page.of("script")
    assert not page.of("link")
    assert not page.of("iframe")
    for _, facts in page.tags:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            assert str(facts.get(name) or "#").startswith(("#", "data:image/"))
        assert not [name for name in facts if name.startswith("on")]
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert "@import" not in style
    assert "url(" not in style
    policy = next(facts for facts in page.of("meta") if facts.get("http-equiv") == "Content-Security-Policy")
    assert str(policy["content"]).startswith("default-src 'none'")


def test_names_from_a_persons_files_are_text_and_nothing_else(plain: Path) -> None:
    results = (plain / "results.json").read_text()
    config = (plain / "config.toml").read_text()
    (plain / "results.json").write_text(results.replace("anger", EVIL).replace('"F1"', '"\\"><img src=x> & \\udcff"'))
    (plain / "config.toml").write_text(f"# {EVIL}\n{config}")
    write_sums(plain, SUMMED)
    write_report(plain)
    page = page_of(plain)
    assert not page.of("script")
    assert len(page.of("img")) == len(json.loads(results)["rows"]) + KINDS["reliability"] + KINDS["risk"]
    assert page.text.count(EVIL) >= 3
    assert '"><img src=x> & \\udcff' in page.text


@pytest.mark.slow
def test_the_same_run_folder_gives_the_same_bytes(ran: Ran, folder: Path, tmp_path: Path) -> None:
    again = copied(ran, tmp_path)
    subprocess.run(
        [EMOVAE, "report", again], check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": "7"}
    )
    assert everything(again) == everything(folder)


def test_figures_of_an_earlier_report_go_and_other_files_stay(plain: Path) -> None:
    figures = plain / "figures"
    figures.mkdir()
    mine = {"confusion-mine.svg", "confusion-notes.txt"}
    for name in ("confusion-old.svg", "latents-old.png", *mine):
        (figures / name).write_text("x")
    (figures / "contents.json").write_text('["confusion-old", "latents-old", "../table", "sizes-folder"]')
    (figures / "sizes-folder.png").mkdir()
    write_report(plain)
    left = {place.name for place in figures.iterdir()}
    assert mine <= left
    assert not left & {"confusion-old.svg", "latents-old.png"}
    assert (plain / "table.tex").exists()


def test_a_report_is_at_most_a_few_megabytes(folder: Path) -> None:
    assert (folder / "report.html").stat().st_size < 3_000_000


# What may be lacking, and what cannot be used


def test_without_curves_and_views_it_says_how_to_get_them(plain: Path) -> None:
    write_report(plain)
    page = page_of(plain)
    assert "curves.parquet is not here" in page.text
    assert "views.safetensors is not here" in page.text
    assert [facts["id"] for facts in page.of("section")][:6] == [
        *("tables", "certainty", "confusion", "doubts", "learning", "latents"),
    ]


def test_a_run_without_an_autoencoder_has_nothing_to_look_into(plain: Path) -> None:
    def baseline(results: Any) -> None:
        results["rows"] = [{**results["rows"][0], "model": "majority", "latent": None, "use": None}]

    write_report(changed(plain, baseline))
    assert "No autoencoder was run" in page_of(plain).text


def test_views_of_another_run_are_not_shown(ran: Ran, tmp_path: Path) -> None:
    place = copied(ran, tmp_path)
    (place / "curves.parquet").unlink()

    def other(results: Any) -> None:
        results["settings"]["normalise"] = "none"

    write_report(changed(place, other))
    assert "it is of another run" in page_of(place).text
    assert "drawn" not in [facts["id"] for facts in page_of(place).of("section")]


def _older(folder: Path) -> None:
    changed(folder, lambda results: results.update(schema=1))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (shutil.rmtree, "is no run folder"),
        (lambda folder: (folder / "results.json").unlink(), "is no run folder"),
        (lambda folder: (folder / "results.json").write_text("{"), "is damaged"),
        (lambda folder: (folder / "results.json").write_text("[]"), "is damaged"),
        (_older, "is of schema 1, and this emovae reads 4"),
        (lambda folder: changed(folder, lambda results: results.pop("plans")), "it lacks plans"),
        (lambda folder: changed(folder, lambda results: results["rows"][0].pop("recall")), "it lacks recall"),
        (lambda folder: changed(folder, lambda results: results.pop("comparisons")), "it lacks comparisons"),
        (lambda folder: changed(folder, lambda results: results["rows"][1].pop("trust")), "it lacks trust"),
        (lambda folder: changed(folder, lambda results: results["rows"][0]["trust"].clear()), "is damaged"),
        (lambda folder: (folder / "audit.json").write_text('{"answers": 1}'), "audit.json is damaged"),
        (lambda folder: (folder / "audit.json").write_text('{"answers": [{"key": "words"}]}'), "audit.json is damaged"),
        (lambda folder: changed(folder, lambda results: results.update(rows=[])), "it lacks rows"),
        (lambda folder: (folder / "curves.parquet").write_bytes(b"PAR1"), r"curves.parquet is damaged"),
        (lambda folder: (folder / "views.safetensors").write_bytes(b"{}"), r"views.safetensors is damaged"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_is_written(
    plain: Path, spoil: Callable[[Path], object], says: str
) -> None:
    spoil(plain)
    before = everything(plain)
    with pytest.raises(OutputError, match=says):
        write_report(plain)
    assert everything(plain) == before


@pytest.mark.slow
def test_the_command_names_the_page_and_tells_an_error_in_one_message(plain: Path, tmp_path: Path) -> None:
    done = subprocess.run([EMOVAE, "report", plain], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{plain / 'report.html'}\n")
    assert "report.html, table.tex, figures/" in done.stderr
    wrong = subprocess.run([EMOVAE, "report", tmp_path / "none"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("emovae: ")
    assert "Traceback" not in wrong.stderr


@pytest.mark.slow
def test_a_report_that_cannot_be_written_does_not_cost_the_results(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "figures").write_text("a file where a folder is wanted")
    smoke = Path(__file__).parents[1] / "experiments" / "smoke.toml"
    quick = ("--corpus", "synthetic:16", "--set", "models=[]", "--set", 'baselines=["majority"]', "--jobs", "1")
    done = subprocess.run(
        [EMOVAE, "run", smoke, *quick, "--out", out, "--cache", tmp_path / "cache"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.strip() == (out / "table.md").read_text(encoding="utf-8").strip()
    assert (out / "results.json").exists()
    assert not (out / "report.html").exists()


# In a browser


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_a_word_a_request_or_a_sideways_scroll(folder: Path, width: int) -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    said: list[str] = []
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((folder / "report.html").as_uri())
        page.wait_for_load_state("load")
        wide = page.evaluate("document.documentElement.scrollWidth")
        hidden = page.evaluate(
            "[...document.images].filter(one => !(one.naturalWidth > 50 && one.clientWidth > 200)).length"
        )
        shown = page.evaluate("document.images.length")
        text = page.evaluate("parseFloat(getComputedStyle(document.querySelector('td')).fontSize)")
        browser.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [(folder / "report.html").as_uri()]
    assert wide == width
    assert (hidden, shown) == (0, sum(KINDS.values()))
    assert text >= 13
