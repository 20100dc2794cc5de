"""The Containerfile and the page about installing are held against the project; no image is built here."""

import fnmatch
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from emovae.assembly import save
from emovae.shells.cli import cli
from emovae.trained import TrainedModel

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = set(PROJECT["optional-dependencies"])
INSTRUCTIONS = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
PATIENCE_S = 60


class Step(NamedTuple):
    """An instruction of the Containerfile and what follows it, on one line."""

    instruction: str
    rest: str


def steps() -> list[Step]:
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()
    joined = "\n".join(line for line in lines if not line.lstrip().startswith("#")).replace("\\\n", " ")
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def of(instruction: str) -> list[str]:
    return [step.rest for step in steps() if step.instruction == instruction]


def words_of(listed: str) -> list[str]:
    """A command as a list, as `CMD` and others have it."""
    found: list[str] = tomllib.loads(f"words = {listed}")["words"]
    return found


def health_check() -> list[str]:
    (check,) = of("HEALTHCHECK")
    return words_of(check.partition("CMD")[2])


def installations() -> Iterator[list[str]]:
    """The words behind each `pip install`."""
    for run in of("RUN"):
        for command in run.split("&&"):
            words = shlex.split(command)
            if "install" in words:
                yield words[words.index("install") + 1 :]


def test_every_instruction_is_one_that_builders_know() -> None:
    assert {step.instruction for step in steps()} == INSTRUCTIONS


def test_the_base_is_pinned_to_a_python_that_the_project_allows() -> None:
    (tag,) = (rest.partition("=")[2] for rest in of("ARG") if rest.startswith("PYTHON="))
    assert Version(tag.partition("-")[0]) in SpecifierSet(PROJECT["requires-python"])
    assert {rest.split()[0] for rest in of("FROM")} == {"docker.io/library/python:${PYTHON}"}


def test_what_is_copied_is_there_and_not_left_out_of_the_context() -> None:
    ignored = [line for line in (ROOT / ".containerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored[0] == "*"
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {name for rest in of("COPY") if "--from" not in rest for name in rest.split()[:-1]}
    assert copied == kept
    assert all((ROOT / name).exists() for name in kept)
    named = {PROJECT["readme"], *PROJECT["license-files"]}
    assert all(any(fnmatch.fnmatch(name, pattern) for name in copied) for pattern in named)


def test_what_is_installed_are_pinned_versions_and_extras_that_exist() -> None:
    torch, project = installations()
    for words in (torch, project):
        assert words[words.index("-c") + 1] == "constraints.txt"
    assert torch[-1] == "torch"
    assert re.search(r"^torch==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert set(re.findall(r"\w+", project[-1])) <= EXTRAS
    assert project[-1] == ".[serve]"


def test_it_serves_what_is_mounted_as_a_user_without_rights() -> None:
    words = words_of(of("ENTRYPOINT")[0]) + words_of(of("CMD")[0])
    assert words[:2] == ["emovae", "serve"]
    told = cli.commands["serve"].make_context("serve", words[2:]).params
    assert (told["model"], told["host"]) == (Path("/model"), "0.0.0.0")
    assert of("EXPOSE") == [str(told["port"])]
    (user,) = of("USER")
    assert all(int(part) > 0 for part in user.split(":"))
    last = [step.instruction for step in steps()]
    assert last.index("USER") > len(last) - 1 - last[::-1].index(
        "FROM"
    )  # of the last image, not of the one that builds


@pytest.mark.slow
def test_the_health_check_tells_a_service_that_is_up_from_one_that_is_not(model: TrainedModel, tmp_path: Path) -> None:
    save(model, tmp_path / "m", "")
    words = [str(Path(sys.executable).with_name("emovae")), "serve", str(tmp_path / "m"), "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            port = next(found[1] for line in process.stderr if (found := re.search(r"http://\S+:(\d+)", line)))
            check = [sys.executable, *(word.replace(":8000", f":{port}") for word in health_check()[1:])]
            assert check != [sys.executable, *health_check()[1:]]
            subprocess.run(check, check=True, timeout=PATIENCE_S)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)
    assert subprocess.run(check, capture_output=True, check=False, timeout=PATIENCE_S).returncode == 1


def test_the_page_tells_of_every_extra() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == EXTRAS
    assert set(re.findall(r"'\.\[([\w,]+)\]'", page)) == {"serve,microphone"}
    assert {"serve", "microphone"} <= EXTRAS
    (index,) = (rest.partition("=")[2] for rest in of("ARG") if rest.startswith("TORCH_INDEX="))
    assert f"--index-url {index}" in page


def test_what_the_page_asks_of_the_image_is_understood() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    asked = [line.split(" emovae ")[1].split() for line in re.findall(r"^podman run .+ emovae .+$", page, re.MULTILINE)]
    assert {name for name, *_ in asked} == {"serve", "predict"}
    for name, *words in asked:
        assert cli.commands[name].make_context(name, words).params["model"] == Path("/model")
