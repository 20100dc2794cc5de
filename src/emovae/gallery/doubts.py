"""Whether the models know when they are wrong."""

from collections.abc import Iterator, Sequence
from typing import Any

from emovae import figures
from emovae.believed import WAYS
from emovae.comparison import ORACLE, tasks_in
from emovae.figures import Drawing
from emovae.gallery.section import Group, Section, later, slug
from emovae.published import nearest_size

CONSTANT = ("majority", "speaker-oracle")
"""Baselines whose probabilities are shares that they have counted."""
SCORES = (("entropy", "entropy"), ("mutual_information", "mutual information"))


def doubts(results: dict[str, Any]) -> Section:
    """Reliability diagrams and risk-coverage curves of each task."""
    groups, told = list[Group](), False
    sizes = {row["latent"] for row in results["rows"]} - {None}
    nearest = nearest_size(sizes)
    for target, subset, among in tasks_in(results):
        rows = [row for row in among if row["model"] not in CONSTANT and row["latent"] in (None, nearest)]
        if rows:
            told = told or any(row["uses_true_label"] for row in rows)
            groups.append(Group(f"{target}, {subset}", tuple(_drawings(rows, results, target, subset))))
    text = (
        "A reliability diagram shows the share that is right against the probability that was said, for bins of ten"
        " utterances and more: below the diagonal a model is too sure of itself. A risk-coverage curve shows what is"
        " wrong among those that are kept when the most doubtful are let go: it should fall to the left. Entropies"
        " are taken after the temperature was set on the validation speakers, where a model has any; mutual information"
        " is that of the draws as they are. Curves are those of the first seed, of an ensemble those of all."
    )
    one_size = (f"Of the latent sizes, {nearest} is shown.",) if len(sizes) > 1 else ()
    return Section(
        "doubts",
        "Whether they know when they are wrong",
        (text, *one_size, *((ORACLE,) if told else ())),
        tuple(groups),
    )


def _drawings(rows: Sequence[dict[str, Any]], results: dict[str, Any], target: str, subset: str) -> Iterator[Drawing]:
    looks = figures.looks_of(results)
    yield figures.drawing(
        slug("reliability", target, subset),
        "Share that is right against the probability that was said, a line for each model",
        later(figures.reliability, rows, results, looks),
    )
    for way in WAYS:
        for score, heading in SCORES:
            having = [row for row in rows if score in row["trust"].get(way, {})]
            if having and (score != "entropy" or way == "prediction"):
                yield figures.drawing(
                    slug("risk", target, subset, way, score),
                    f"What is wrong among those that are kept by {heading} ({way}), a line for each model",
                    later(figures.risk_coverage, having, way, score, results, looks),
                )
