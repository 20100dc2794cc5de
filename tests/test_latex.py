import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import Ran
from emovae.comparison import Entry, Line, Table, compared
from emovae.latex import escaped, latex

TABLE = Table(
    key="emotion-50%_über",
    title="emotion, 50%_über",
    caption="3 utterances. Per cent, pooled over folds. More.",
    behind="mean over folds ± deviation",
    header=("model", "WA", "paper WA", "diff."),
    lines=(
        Line("CVAE (oracle)†", (Entry("50.0", "49.0 ± 1.0"), Entry("61.1"), Entry("-11.1")), told=True),
        Line("A&B_{x}$\\#", (Entry("40.0"), Entry(""), Entry(""))),
        Line("[24]", (Entry(""), Entry("54.0"), Entry("")), quoted=True),
    ),
)


def body(text: str) -> list[str]:
    """The lines of the tabulars."""
    inside = re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.DOTALL)
    return [line.strip() for part in inside for line in part.splitlines() if "&" in line]


def cells(line: str) -> list[str]:
    return re.split(r"(?<!\\) & ", line.removesuffix(" \\\\"))


def test_everything_that_latex_takes_for_a_command_is_escaped() -> None:
    assert escaped("a&b") == r"a\&b"
    assert escaped("50 % of $x_1^2 #3 {y} ~z \\n") == (
        r"50 \% of \$x\_1\textasciicircum{}2 \#3 \{y\} \textasciitilde{}z \textbackslash{}n"
    )
    assert escaped("two\nlines\tand \x07bell") == "two lines and bell"
    assert escaped("−1.5 ± 2 †") == r"$-$1.5 $\pm$ 2 \textsuperscript{\textdagger}"


def test_every_line_has_as_many_cells_as_the_header_and_braces_are_balanced() -> None:
    text = latex([TABLE, TABLE])
    lines = body(text)
    assert len(lines) == 2 * 4
    assert all(line.endswith(r" \\") and len(cells(line)) == 4 for line in lines)
    assert all(len(re.findall(r"(?<!\\)&", line)) == 3 for line in lines)
    assert len(re.findall(r"(?<!\\)\{", text)) == len(re.findall(r"(?<!\\)\}", text))
    assert text.isascii() or "über" in text


def test_only_the_figure_named_first_is_printed_and_the_caption_says_no_more() -> None:
    text = latex([TABLE])
    assert "49.0" not in text
    assert "small print" not in text
    assert "Per cent, pooled over folds. More." in text


def test_quoted_lines_stand_apart_and_say_so_and_the_oracle_has_its_note() -> None:
    text = latex([TABLE])
    assert text.index("\\midrule\n    {[}24] (quoted)") > text.index("A\\&B")
    assert "were not run here" in text
    assert text.count("an upper bound") == 1
    assert "an upper bound" not in latex([TABLE._replace(lines=TABLE.lines[1:])])


def test_a_runs_table_has_its_rows_and_their_figures(ran: Ran) -> None:
    lines = [cells(line) for line in body(latex(compared(ran.outcome.results)))]
    rows = ran.outcome.results["rows"]
    assert len(lines) == 1 + len(rows)
    for line, row in zip(lines[1:], rows, strict=True):
        assert line[0].startswith(row["model"])
        assert line[1:5] == [f"{100 * row[key]:.1f}" for key in ("wa", "ua", "macro_f1", "weighted_f1")]


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_itself_takes_it(tmp_path: Path) -> None:
    page = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}{latex([TABLE])}\\end{{document}}"
    (tmp_path / "page.tex").write_text(page, encoding="utf-8")
    subprocess.run(["pdflatex", "-halt-on-error", "page.tex"], cwd=tmp_path, check=True, capture_output=True)
