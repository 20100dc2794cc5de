"""A run folder becomes a page and files to put into a paper: `report.html`, `table.tex` and `figures/`.

The page holds everything it shows, asks nothing of any network, and is the same for the same folder.
"""

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, UndefinedError

from emovae.certainty import certainty
from emovae.comparison import ORACLE, compared, is_published_corpus
from emovae.curves import read_curves
from emovae.errors import OutputError
from emovae.figures import Drawing
from emovae.files import damaged, fingerprint, read_json, unreadable, write_bytes, write_json
from emovae.freshness import PAGE, signed
from emovae.gallery import Section, sections
from emovae.latex import latex
from emovae.questions import answers
from emovae.results import SCHEMA
from emovae.sums import require_sums
from emovae.tables import markdown, notices
from emovae.views import Views, read_views

TEMPLATE = Path(__file__).with_name("report.html.jinja")
TOP = (
    *(
        "schema",
        "experiment",
        "corpus",
        "fingerprint",
        "settings",
        "plans",
        "rows",
        "means",
        "comparisons",
        "continuous",
    ),
    *("quoted", "published_for"),
)
IN_ROW = (
    *("model", "target", "subset", "latent", "classes", "confusion", "recall", "folds", "per_seed", "published"),
    *("intervals", "over_seeds", "over_speakers", "groups", "trust", "use"),
)
CONTENTS = "contents.json"
"""The figures that a report wrote, in their folder; others' files there are left alone."""
SPEAKERS_NAMED = 12


def write_report(folder: Path) -> None:
    """Writes `report.html`, `table.tex`, `table.md` and `figures/` into a run folder, from what lies in it.

    Everything is made before anything is written, and the page comes last.

    Raises:
        OutputError: when it is not a run folder, a file in it is damaged or of another version of emovae, or it cannot
            be written.
    """
    results = _results(folder)
    try:
        page, tables, drawings = _made(folder, results)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, UndefinedError) as error:
        raise damaged(folder / "results.json", f"{type(error).__name__}: {error}") from error
    for one in drawings.values():
        write_bytes(folder / "figures" / f"{one.name}.svg", one.svg)
        write_bytes(folder / "figures" / f"{one.name}.png", one.png)
    _clear(folder / "figures", drawings)
    write_bytes(folder / "table.tex", tables.encode(errors="replace"))
    write_bytes(folder / "table.md", markdown(results).encode())
    write_bytes(folder / PAGE, signed(folder, page.encode(errors="backslashreplace")))


def _made(folder: Path, results: dict[str, Any]) -> tuple[str, str, dict[str, Drawing]]:
    """The page, the tables for LaTeX, and every figure by its name."""
    curves, views = folder / "curves.parquet", folder / "views.safetensors"
    parts = sections(
        results,
        read_curves(curves) if curves.exists() else None,
        _views_of(results, read_views(views)) if views.exists() else None,
    )
    drawings = {one.name: one for part in parts for group in part.groups for one in group.drawings}
    return _page(folder, results, parts), latex([*compared(results), *certainty(results)]), drawings


def _results(folder: Path) -> dict[str, Any]:
    place = folder / "results.json"
    if not place.is_file():
        raise OutputError(f"{folder} is no run folder: it holds no results.json; give a folder that `emovae run` wrote")
    results = read_json(place)
    if not isinstance(results, dict) or not isinstance(results.get("schema"), int):
        raise damaged(place, "it is not what emovae writes")
    if results["schema"] != SCHEMA:
        raise OutputError(
            f"{place} is of schema {results['schema']}, and this emovae reads {SCHEMA}; the same `emovae run` command"
            " writes it anew"
        )
    rows = results.get("rows")
    lacking = [key for key in TOP if key not in results]
    if not isinstance(rows, list) or not rows:
        lacking.append("rows")
    else:
        lacking += [key for row in rows for key in IN_ROW if not isinstance(row, dict) or key not in row]
    if lacking:
        raise damaged(place, f"it lacks {lacking[0]}")
    require_sums(folder)
    return results


def _views_of(results: dict[str, Any], views: Views) -> Views | None:
    """The views, if they are of the run that wrote the results."""
    plans = {row["fingerprint"] for row in results["rows"]}
    same = views.about["settings"] == fingerprint(results["settings"]) and views.about["plan"] in plans
    return views if same else None


def _page(folder: Path, results: dict[str, Any], parts: Sequence[Section]) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals["picture"] = _picture
    run = folder / "run.json"
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        results=results,
        seeds=max(row["seeds"] for row in results["rows"]),
        tables=compared(results),
        certainty=certainty(results),
        oracle=ORACLE if any(row["uses_true_label"] for row in results["rows"]) else "",
        is_published_corpus=is_published_corpus(results),
        notices=list(notices(results)),
        sections=parts,
        plans=[_plan(plan) for plan in results["plans"]],
        answers=list(answers(results["settings"])),
        versions=_versions(read_json(run)) if run.exists() else {},
        audit=_audit(folder / "audit.json"),
        config=_text(folder / "config.toml"),
    )


def _audit(place: Path) -> dict[str, Any] | None:
    """What was found out about the corpus, or None."""
    if not place.exists():
        return None
    audit = read_json(place)
    answers = audit.get("answers") if isinstance(audit, dict) else None
    told = {"key", "question", "found", "sentence"}
    if not isinstance(answers, list) or not all(isinstance(one, dict) and told <= set(one) for one in answers):
        raise damaged(place, "it is not what emovae writes")
    return {"answers": answers}


def _text(place: Path) -> str:
    try:
        return place.read_text(encoding="utf-8", errors="replace") if place.exists() else ""
    except OSError as error:
        raise unreadable(place, error) from error


def _picture(one: Drawing) -> str:
    """A figure as an address that holds it: an image of its own, so that the ids of two cannot meet."""
    kind, content = ("png", one.png) if one.dense else ("svg+xml", one.svg)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a plan as texts: who is on each side of each fold."""
    folds = []
    for fold in plan["folds"]:
        sides = {
            role: f"{sum(fold[role]['classes'].values())} of {_speakers(len(fold[role]['speakers']))}"
            for role in ("train", "validation", "test")
        }
        named = fold["test"]["speakers"]
        more = f" and {len(named) - SPEAKERS_NAMED} more" if len(named) > SPEAKERS_NAMED else ""
        classes = ", ".join(f"{name} {count}" for name, count in fold["test"]["classes"].items())
        tested = ", ".join(named[:SPEAKERS_NAMED]) + more
        folds.append({"name": fold["name"], **sides, "classes": classes, "tested": tested})
    return {"title": f"{plan['target']}, {plan['subset']}", "protocol": plan["protocol"], "folds": folds}


def _speakers(count: int) -> str:
    return f"{count} {'speaker' if count == 1 else 'speakers'}"


def _versions(run: Any) -> dict[str, str]:
    """What a result can depend on; not when, where and by whose command it was made."""
    if not isinstance(run, dict):
        return {}
    told = {name: str(run[name]) for name in ("python", "machine", "device") if name in run}
    versions = run.get("versions")
    return {**told, **({str(name): str(one) for name, one in versions.items()} if isinstance(versions, dict) else {})}


def _clear(folder: Path, drawings: Mapping[str, Drawing]) -> None:
    """Removes the figures that an earlier report listed and this one does not have, and writes the list anew."""
    listed = folder / CONTENTS
    before = read_json(listed) if listed.is_file() else []
    for name in before if isinstance(before, list) else ():
        # A name from a file is taken for a figure beside it, never for a place elsewhere.
        if name not in drawings and Path(str(name)).name == name:
            for suffix in (".svg", ".png"):
                with suppress(OSError):
                    (folder / f"{name}{suffix}").unlink(missing_ok=True)
    write_json(listed, sorted(drawings))
