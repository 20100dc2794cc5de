"""Results become a table that a person reads: `table.md`, which is also what the terminal shows."""

from collections.abc import Iterator, Sequence
from typing import Any

from emovae.certainty import certainty
from emovae.comparison import ORACLE, Line, compared, line_name, percent, tasks_in
from emovae.kinds import MACHINES
from emovae.questions import answers


def markdown(results: dict[str, Any]) -> str:
    """The whole of `table.md` for the content of `results.json`."""
    rows = results["rows"]
    parts = [f"# {results['experiment']} on {results['corpus']}", _facts(results)]
    recalls = {f"{target}-{subset}": _recalls(among, results) for target, subset, among in tasks_in(results)}
    for table in compared(results):
        behind = f" (In brackets: {table.behind}.)" if table.behind else ""
        parts += [f"## {table.title}", table.caption + behind, grid(table.header, [*map(written, table.lines)])]
        parts += [grid(*recalls[table.key])] if table.key in recalls else []
    for table in certainty(results):
        parts += [f"## {table.title}", table.caption]
        parts += [grid(table.header, [*map(written, table.lines)])] if table.lines else []
        parts += table.remarks
    if unstopped := [model for model in dict.fromkeys(row["model"] for row in rows) if _stops_at_nothing(model)]:
        parts.append(_learn_from_all(unstopped))
    if any(row["uses_true_label"] for row in rows):
        parts.append(ORACLE)
    if told := list(notices(results)):
        parts.append("\n".join(f"- {notice}" for notice in told))
    parts += [
        "## What the paper leaves open",
        grid(["question", "here"], list(answers(results["settings"]))),
    ]
    return "\n\n".join(parts) + "\n"


def _stops_at_nothing(model: str) -> bool:
    return model in ("majority", "speaker-oracle", *MACHINES)


def _learn_from_all(models: Sequence[str]) -> str:
    """What they learn from.

    >>> _learn_from_all(["majority"])
    'What stops at nothing learns from the speakers set apart for early stopping too: majority.'
    """
    return f"What stops at nothing learns from the speakers set apart for early stopping too: {', '.join(models)}."


def _facts(results: dict[str, Any]) -> str:
    seeds = results["rows"][0]["seeds"]
    return (
        f"{results['utterances']} utterances; {seeds} {'seed' if seeds == 1 else 'seeds'};"
        f" preset {results['preset']}; labels {results['mapping']}; fingerprint {results['fingerprint']}"
    )


def written(line: Line) -> list[str]:
    """The cells of a line as Markdown shows them."""
    entries = (f"{entry.figure} ({entry.behind})" if entry.behind else entry.figure for entry in line.entries)
    return [f"{line.name}, quoted" if line.quoted else line.name, *entries]


def _recalls(rows: Sequence[dict[str, Any]], results: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    header = ["recall", *rows[0]["classes"]]
    return header, [[line_name(row, results), *(percent(share) for share in row["recall"].values())] for row in rows]


def notices(results: dict[str, Any]) -> Iterator[str]:
    """What a reader should know: of the corpus, of what was left out, of classes that a fold lacks, of thresholds."""
    yield from results["notices"]
    if results["left_out"]:
        yield f"{len(results['left_out'])} recordings were left out; `results.json` lists each with its reason."
    told = (
        f"{row['target']}, {row['subset']}: {fold} shows no {', '.join(classes)}, so that fold's means are over the"
        " other classes."
        for row in results["rows"]
        for fold, classes in row["folds"]["absent_classes"].items()
    )
    yield from dict.fromkeys(told)
    for row in results["rows"]:
        if count := row["threshold_reached"]:
            yield (
                f"{row['target']}, {row['subset']}, {line_name(row, results)}: the autoencoder came below the threshold"
                f" in {count['reached']} of {count['trainings']} trainings; of the others the best epoch was taken."
            )
        if row["diverged"]:
            trainings = row["folds"]["count"] * row["seeds"]
            yield (
                f"{row['target']}, {row['subset']}, {line_name(row, results)}: the autoencoder's loss ceased to be"
                f" finite in {row['diverged']} of {trainings} trainings; the best epoch before was taken."
            )
    for plan in results["plans"]:
        for fold in plan["folds"]:
            if missing := [name for name, count in fold["validation"]["classes"].items() if count == 0]:
                yield (
                    f"{plan['target']}, {plan['subset']}, {fold['name']}: the speakers who stop the learning show no"
                    f" {', '.join(missing)}."
                )


def _cell(text: str) -> str:
    """A name may hold what Markdown takes for the end of a cell."""
    return " ".join(text.split()).replace("|", "\\|")


def grid(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are aligned, so that it reads well as plain text too."""
    header, *body = [[_cell(text) for text in line] for line in (header, *body)]
    widths = [max(len(line[column]) for line in (header, *body)) for column in range(len(header))]
    rule = ["-" * width for width in widths]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in (header, rule, *body)
    ]
    return "\n".join(lines)
