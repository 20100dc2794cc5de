"""Tables for a paper: `table.tex`, one `table` for each table of a run, with booktabs.

Only the figure that is named first is printed, so that a table fits a page; what stands behind it is left out.
"""

from collections.abc import Sequence

from emovae.comparison import MARK, MINUS, Line, Table

OPENING = "% Written by emovae. The preamble needs \\usepackage{booktabs}; UTF-8 is taken for granted.\n"
SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    '"': "\\textquotedbl{}",
    MINUS: "$-$",
    "±": "$\\pm$",
    MARK: "\\textsuperscript{\\textdagger}",
}


def escaped(text: str) -> str:
    r"""A text as LaTeX prints it, whatever it holds; line ends and the like become blanks.

    >>> escaped("50 % of a_b {x}\\n")
    '50 \\% of a\\_b \\{x\\}\\textbackslash{}n'
    """
    readable = "".join(character if character.isprintable() else " " for character in text)
    # A bracket after the end of a line would be read as an option of that end.
    return "".join(SPECIAL.get(character, character) for character in " ".join(readable.split())).replace("[", "{[}")


def latex(tables: Sequence[Table]) -> str:
    """The whole of `table.tex`."""
    return OPENING + "".join(f"\n{_table(table)}" for table in tables)


def _table(table: Table) -> str:
    body = [
        "\\begin{table}",
        "  \\centering",
        f"  \\caption{{{escaped(f'{table.title}. {table.caption}')}}}",
        f"  \\label{{tab:{_label(table.key)}}}",
        f"  \\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}",
        "    \\toprule",
        f"    {_joined(table.header)}",
        "    \\midrule",
        *(f"    {_line(line)}" for line in table.lines if not line.quoted),
    ]
    if quoted := [line for line in table.lines if line.quoted]:
        body += ["    \\midrule", *(f"    {_line(line)}" for line in quoted)]
    notes = [f"  \\par\\smallskip {{\\footnotesize {escaped(note)}}}" for note in table.notes]
    return "\n".join([*body, "    \\bottomrule", "  \\end{tabular}", *notes, "\\end{table}\n"])


def _line(line: Line) -> str:
    name = f"{line.name} (quoted)" if line.quoted else line.name
    return _joined([name, *(entry.printed for entry in line.entries)])


def _joined(texts: Sequence[str]) -> str:
    return " & ".join(escaped(text) for text in texts) + " \\\\"


def _label(key: str) -> str:
    """A label holds plain letters, digits and hyphens only."""
    return "".join(character if character.isascii() and character.isalnum() else "-" for character in key)
