import re
import shlex
from pathlib import Path

import pytest

from emovae.presets import PRESETS, resolve
from emovae.shells.cli import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^emovae ([^#\n]+)", README, flags=re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_readme_is_understood(line: str) -> None:
    name, *arguments = shlex.split(line)
    context = cli.commands[name].make_context(name, arguments)
    if "experiment" in context.params:
        assert (ROOT / context.params["experiment"]).exists()


def test_the_python_of_the_readme_runs_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    assert (tmp_path / "runs" / "mine" / "results.json").exists()


def test_the_answers_in_the_docs_are_those_of_the_presets() -> None:
    rows = re.findall(
        r"^\| .* \| `([a-z_.]+)` \| (.+?) \| (.+?) \|$", (ROOT / "docs" / "paper.md").read_text(), re.MULTILINE
    )
    settings = {preset: resolve({"name": "a"}, preset).model_dump(mode="json") for preset in PRESETS}
    for key, paper, default in rows:
        for preset, told in (("paper", paper), ("default", default)):
            value = settings[preset]
            for part in key.split("."):
                value = value[part]
            printed = told.strip("`").replace('"', "").replace("[", "").replace("]", "")
            if printed != "not used":
                spelled = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
                assert printed.lower().removesuffix(".0") == spelled.lower().removesuffix(".0"), (key, preset)
    assert len(rows) >= 20
