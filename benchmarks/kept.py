"""What was measured on a machine, as JSON to go on from and as Markdown to read."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, spelt

HEAD = ("what", "against", "emovae", "the other", "ratio", "rounds from .. to", "asked for", "checked")


def told(row: Row) -> str:
    """A row for a screen."""
    between = "" if row.lowest == row.highest else f" ({spelt(row.lowest)} .. {spelt(row.highest)})"
    asked = f" [{row.bound}: {_verdict(row)}]" if row.bound else ""
    sides = " : ".join(filter(None, [row.ours, row.theirs]))
    return f"{row.what} / {row.against}: {spelt(row.figure)}{between}{asked}  {sides}  {row.check}".rstrip()


def _verdict(row: Row) -> str:
    return {True: "reached", False: "NOT REACHED", None: "open"}[row.within]


def keep(folder: Path, facts: dict[str, Any], name: str, rows: Sequence[Row]) -> None:
    """Puts the rows of a comparison in the place of those of before, in the files of this machine."""
    slug = re.sub(r"[^a-z0-9]+", "-", f"{facts['gpu'] or facts['processor']} {facts['cores']} cores".lower()).strip("-")
    place = folder / f"bench-{slug}.json"
    before = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {"comparisons": {}}
    found = {"taken": datetime.now(UTC).date().isoformat(), "rows": [row._asdict() for row in rows]}
    content = {"machine": facts, "comparisons": {**before["comparisons"], name: found}}
    folder.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    place.with_suffix(".md").write_text(_markdown(content), encoding="utf-8")


def _markdown(content: dict[str, Any]) -> str:
    facts = content["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    lines = [
        "# What `make bench` measured",
        "",
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB,"
        f" {', '.join(facts['bfloat16']) or 'no bfloat16 products'}; GPU: {facts['gpu'] or 'none'};"
        f" {facts['system']}, Python {facts['python']}; {versions}.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|" + "---|" * len(HEAD),
    ]
    for found in content["comparisons"].values():
        for kept in found["rows"]:
            row = Row(**kept)
            asked = f"{row.bound}: {_verdict(row).lower()}" if row.bound else ""
            between = "" if row.lowest == row.highest else f"{spelt(row.lowest)} .. {spelt(row.highest)}"
            cells = (row.what, row.against, row.ours, row.theirs, spelt(row.figure), between, asked, row.check)
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
