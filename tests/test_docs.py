"""The documentation is held against the code, and its examples are run.

Every fenced block of `own-corpus.md`, `reproduce.md`, `audit.md`, `model.md` and `archive.md` that says `bash` or
`python` is run as it stands, in the order of the page, in one new folder beside `experiments`. A comment in front of a
block changes that:

    <!-- shown, not run: why -->    the block is parsed and no more, because it needs IEMOCAP or hours
    <!-- ends with 1 -->            its exit code

A `text` block is a part of what the block before it prints, line by line; other lines may stand between.
"""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import pytest

from emovae.config import Experiment
from emovae.corpora.table import COLUMNS
from emovae.presets import PRESETS, load, resolve
from emovae.questions import QUESTIONS
from emovae.shells.cli import cli

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
RUN = ("docs/own-corpus.md", "docs/reproduce.md", "docs/audit.md", "docs/model.md", "docs/archive.md")
NOT_RUN, ENDS = "shown, not run", "ends with "
BLOCK = re.compile(r"(?:^<!-- ([^\n]+) -->\n\n)?^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED_BY_THE_PAPER = {
    *("autoencoder.hidden", "autoencoder.learning_rate", "segments.length_ms", "front_end.bands"),
    *("classifier.layers", "classifier.learning_rate"),
}
PATIENCE_S = 540


class Block(NamedTuple):
    """A fenced block of a page, and the comment in front of it."""

    mark: str
    language: str
    body: str

    @property
    def shown(self) -> bool:
        return self.mark.startswith(NOT_RUN)


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks_of(page: str) -> list[Block]:
    found = [Block(*parts) for parts in BLOCK.findall(text_of(page))]
    assert 2 * len(found) == len(re.findall(r"^\s*```", text_of(page), re.MULTILINE)), f"{page}: an odd fence"
    return found


def commands_of(block: Block) -> Iterator[list[str]]:
    """The calls of emovae in a block, as words."""
    for line in block.body.replace("\\\n", " ").splitlines():
        if line.startswith("emovae "):
            yield shlex.split(line, comments=True)


COMMANDS = [
    (page, command)
    for page in PAGES
    for block in blocks_of(page)
    if block.shown or page not in RUN
    for command in commands_of(block)
]


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=[f"{page}: {' '.join(words)}" for page, words in COMMANDS])
def test_every_command_that_is_only_shown_is_understood(page: str, words: list[str]) -> None:
    name, *arguments = words[1:]
    told = cli.commands[name].make_context(name, arguments).params
    if "experiment" in told:
        load(ROOT / told["experiment"], told["preset"], told["assignments"])


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_and_every_file_that_a_page_names_is_there(page: str) -> None:
    prose = BLOCK.sub("", text_of(page))
    for code in re.findall(r"`([^`\n]+)`", prose):
        words = shlex.split(code) if "--set " in code else []
        for flag, assignment in pairwise(words):
            if flag == "--set" and "..." not in assignment and assignment != "KEY=VALUE":
                resolve({"name": "a"}, None, [assignment])
        if re.fullmatch(r"(src|experiments|docs|tests)/[\w/.-]*", code):
            assert (ROOT / code).exists(), code
    for block in blocks_of(page):
        if block.language == "toml":
            resolve(tomllib.loads(block.body))


def test_the_python_of_the_readme_runs_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    monkeypatch.chdir(tmp_path)
    (block,) = (block for block in blocks_of("README.md") if block.language == "python")
    exec(compile(block.body, "README.md", "exec"), {})
    assert (tmp_path / "runs" / "mine" / "results.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_the_blocks_of_a_page_run_in_their_order(page: str, tmp_path: Path) -> None:
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "EMOVAE_CACHE": str(tmp_path / "cache"),
    }
    said = ""
    for block in blocks_of(page):
        if block.language == "csv":
            assert (tmp_path / "mine" / "metadata.csv").read_text().startswith(block.body)
        elif block.language == "text":
            assert_said(block.body, said)
        elif block.shown:
            assert block.mark.partition(": ")[2], f"{page}: say why a block is not run"
        elif block.language in {"bash", "python"}:
            program = ["bash", "-euo", "pipefail", "-c"] if block.language == "bash" else [sys.executable, "-c"]
            done = subprocess.run(
                [*program, block.body],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
            said = done.stdout
            assert done.returncode == int(block.mark.removeprefix(ENDS) or 0), f"{block.body}\n{said}"
    assert said


def assert_said(lines: str, said: str) -> None:
    """Every line is a part of a line that was printed, one after the other."""
    printed = iter(said.splitlines())
    for line in lines.splitlines():
        assert any(line in one for one in printed), f"not printed, or not in this place: {line}\n{said}"


def test_every_block_of_the_pages_that_are_run_says_what_it_is() -> None:
    for page in RUN:
        for block in blocks_of(page):
            assert block.language in {"bash", "python", "text", "csv", "toml"}, f"{page}: {block.body}"
            assert block.mark.startswith((NOT_RUN, ENDS)) or not block.mark, f"{page}: {block.mark}"


def test_the_columns_in_the_docs_are_those_of_the_reader() -> None:
    part = text_of("docs/own-corpus.md").partition("| column |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| ", part, re.MULTILINE)
    assert {name: (name, *re.findall(r"`(\w+)`", others)) for name, others in rows} == dict(COLUMNS)


QUESTIONS_PAGE = "docs/open-questions.md"
READINGS = ("paper", "default")
SETTINGS = {preset: resolve({"name": "a"}, preset).model_dump(mode="json") for preset in READINGS}


def looked_up(settings: Mapping[str, Any], dotted: str) -> Any:
    value: Any = settings
    for key in dotted.split("."):
        value = value[key]
    return value


def told_answers() -> list[tuple[str, str, str]]:
    """Setting, and what the tables of the page say of it under `paper` and `default`."""
    rows = re.findall(r"\| `([a-z_.]+)` \| ([^|\n]+) \| ([^|\n]+) \|", text_of(QUESTIONS_PAGE))
    return [row for row in rows if row[0] not in READINGS]


def test_the_answers_in_the_docs_are_those_of_the_presets() -> None:
    rows = told_answers()
    for key, paper, default in rows:
        for preset, told in (("paper", paper), ("default", default)):
            if told != "not used":
                assert parsed(told.strip("`")) == looked_up(SETTINGS[preset], key), (key, preset)
    assert len(rows) >= 40


def parsed(told: str) -> Any:
    """A value as TOML writes it, or a plain word."""
    try:
        return tomllib.loads(f"value = {told}")["value"]
    except tomllib.TOMLDecodeError:
        return told


def test_no_open_question_is_left_out_of_the_docs() -> None:
    told = {key for key, _, _ in told_answers()}
    printed = {key for _, keys in QUESTIONS for key in ((keys,) if isinstance(keys, str) else keys)}
    differing = {key for preset in READINGS for key in dotted(PRESETS[preset])}
    assert (printed | differing) - told == PRINTED_BY_THE_PAPER


def dotted(settings: Mapping[str, Any]) -> Iterator[str]:
    for key, value in settings.items():
        yield from (f"{key}.{below}" for below in dotted(value)) if isinstance(value, Mapping) else (key,)


def choices_of(key: str) -> set[str]:
    """The words that a setting may be; none where it is a number."""
    model: Any = Experiment
    *above, last = key.split(".")
    for part in above:
        model = model.model_fields[part].annotation
    return set(words_in(model.model_fields[last].annotation))


def words_in(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for part in get_args(annotation):
            yield from words_in(part)


def discussed() -> Iterator[tuple[str, dict[str, set[str]]]]:
    """Setting, and each choice that the page discusses with the presets that take it."""
    for part in re.split(r"^Setting ", text_of(QUESTIONS_PAGE), flags=re.MULTILINE)[1:]:
        key = part.partition("`")[2].partition("`")[0]
        within = re.split(r"^#", part, flags=re.MULTILINE)[0]
        bullets = re.findall(r"^- `([^`]+)`(?: \(([^)]+)\))?:", within, re.MULTILINE)
        yield key, {choice: set(re.findall(r"`(\w+)`", presets)) for choice, presets in bullets}


@pytest.mark.parametrize(("key", "choices"), tuple(discussed()), ids=[key for key, _ in discussed()])
def test_every_choice_is_discussed_and_those_of_the_presets_are_marked(key: str, choices: dict[str, set[str]]) -> None:
    words = choices_of(key)
    assert choices, key
    if key == "dimensional_protocol.kind":
        assert set(choices) < words
    elif words:
        assert set(choices) == words
    for preset, settings in SETTINGS.items():
        answer = looked_up(settings, key)
        several = isinstance(answer, list) and bool(words)
        taken = {choice for choice in choices if (parsed(choice) in answer if several else parsed(choice) == answer)}
        assert taken == {choice for choice, presets in choices.items() if preset in presets}, (key, preset)
        assert taken, (key, preset)


def test_every_setting_in_the_table_is_discussed() -> None:
    page = text_of(QUESTIONS_PAGE)
    for key, _, _ in told_answers():
        assert f"Setting `{key}`" in page or page.count(f"| `{key}` |") == 2, key


def test_all_that_the_map_from_the_paper_to_the_code_names_is_there() -> None:
    rows = re.findall(r"^\|.*\| (`[^|]*) \|$", text_of("docs/paper.md"), re.MULTILINE)
    for cell in rows:
        for part in cell.split("; "):
            first, *names = re.findall(r"`([^`]+)`", part)
            if part.startswith("setting"):
                for key in (first, *names):
                    looked_up(SETTINGS["default"], key)
            elif first.endswith(".py"):
                module = import_module("emovae." + first.removesuffix(".py").replace("/", "."))
                assert not [name for name in names if not hasattr(module, name)], part
                assert names, part
            else:
                assert (ROOT / first).is_file(), part
    assert len(rows) >= 35


class _Wanted(HTMLParser):
    """The addresses that a page asks for by itself, when it is opened."""

    ASKING: Mapping[str, str] = {
        **dict.fromkeys(("script", "img", "iframe", "source", "audio", "video", "embed"), "src"),
        "link": "href",
        "object": "data",
    }

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if address := told.get(self.ASKING.get(tag, "")):
            self.addresses.append(address)
        # Material's own program asks a network for these two.
        assert "mermaid" not in (told.get("class") or "")
        assert told.get("data-md-component") != "source"


def test_the_site_is_built_strictly_and_asks_nothing_of_any_network(tmp_path: Path) -> None:
    site = tmp_path / "site"
    built = subprocess.run(
        [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--quiet", "--site-dir", site],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    pages = sorted(site.glob("*.html"))
    assert {path.stem for path in pages} == {Path(page).stem for page in PAGES[1:]} | {"404"}
    for path in pages:
        wanted = _Wanted()
        wanted.feed(path.read_text(encoding="utf-8"))
        assert wanted.addresses
        assert not [one for one in wanted.addresses if re.match(r"(\w+:)?//", one)], path.name
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", text), path.name
