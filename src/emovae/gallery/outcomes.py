"""How the models did: who is taken for whom, how much the latent size matters, how they learned."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emovae import figures
from emovae.comparison import ORACLE, f_measures, is_published_corpus, line_name, tasks_in
from emovae.curves import Curve
from emovae.figures import Drawing, Look
from emovae.gallery.section import Group, Section, later, slug
from emovae.published import nearest_size

NO_CURVES = "curves.parquet is not here: the same `emovae run` command writes it, and computes nothing twice."
LEARNING = (
    ("autoencoder", "reconstruction", "squared distance a segment, training", 1.0),
    ("autoencoder", "divergence", "KL a segment, nats, training", 1.0),
    ("autoencoder", "validation", "loss (eq. 2) a segment, held out", 1.0),
    ("classifier", "loss", "loss, training", 1.0),
    ("classifier", "validation", "loss, held out", 1.0),
    ("classifier", "accuracy", "accuracy, %, held out", 100.0),
)
"""Stage, figure, heading and scale of each panel of the learning curves."""


def confusions(results: dict[str, Any]) -> Section:
    """A confusion matrix for each row of the results."""
    groups = [
        Group(f"{target}, {subset}", tuple(_confusion(row, results) for row in rows))
        for target, subset, rows in tasks_in(results)
    ]
    told = [ORACLE] if any(row["uses_true_label"] for row in results["rows"]) else []
    text = (
        "Each line is a true class, each column what it was taken for: in per cent of the true class, and below it the"
        " count of utterances, summed over seeds. A good model is dark from the upper left to the lower right."
    )
    return Section("confusion", "Who is taken for whom", (text, *told), tuple(groups))


def _confusion(row: dict[str, Any], results: dict[str, Any]) -> Drawing:
    recalls = ", ".join(f"{name} {100 * share:.1f} %" for name, share in row["recall"].items() if share is not None)
    name = line_name(row, results)
    return figures.drawing(
        slug("confusion", row["target"], row["subset"], row["model"], row["latent"], row["test_condition"]),
        f"Confusion matrix of {name}, {row['target']}, {row['subset']}; recalls: {recalls}",
        later(figures.confusion, row, results),
        dense=True,
    )


def latent_sizes(results: dict[str, Any]) -> Section:
    """Figure 2: WA and UA of emotion, the F-measure of each dimension and of their mean, against the latent size."""
    groups = [_sizes(results, target, subset, rows) for target, subset, rows in tasks_in(results)]
    for subset in dict.fromkeys(one["subset"] for one in results["means"]):
        means = [one for one in results["means"] if one["subset"] == subset]
        groups.append(_sizes(results, "mean", subset, means))
    texts = [
        "The paper's Figure 2: what more or fewer latent features do, pooled over folds. Where there are several seeds,"
        " the line is their mean and the band goes from the lowest to the highest. Grey lines have no latent features."
    ]
    if is_published_corpus(results):
        texts.append("Large hollow marks are the paper's printed figures, which it gives for 128 features.")
    if any(row["uses_true_label"] for row in results["rows"]):
        texts.append(ORACLE)
    return Section("sizes", "How many latent features", tuple(texts), tuple(groups))


def _sizes(results: dict[str, Any], target: str, subset: str, rows: Sequence[dict[str, Any]]) -> Group:
    heading, f_measure = f_measures(results)[0]
    shown = [("WA", "wa", "wa"), ("UA", "ua", "ua")] if target == "emotion" else [(heading, f_measure, "f")]
    names = ", ".join(dict.fromkeys(row["model"] for row in rows))
    drawings = [
        figures.drawing(
            slug("sizes", target, subset, key),
            f"{name} in per cent against the number of latent features, a line each for {names}",
            later(figures.over_sizes, rows, key, printed, name, results, figures.looks_of(results)),
        )
        for name, key, printed in shown
    ]
    title = "mean of the dimensions" if target == "mean" else target
    return Group(f"{title}, {subset}", tuple(drawings))


def learning(results: dict[str, Any], curves: Sequence[Curve] | None) -> Section:
    """Every learning curve, epoch by epoch, for each target and subset; of several latent sizes, one."""
    if curves is None:
        return Section("learning", "How they learned", (NO_CURVES,))
    sizes = {curve.facts["latent"] for curve in curves} - {None}
    nearest = nearest_size(sizes)
    groups = []
    for target, subset, _ in tasks_in(results):
        among = [
            curve
            for curve in curves
            if (curve.facts["target"], curve.facts["subset"]) == (target, subset)
            and curve.facts["latent"] in (None, nearest)
        ]
        if drawings := tuple(_panels(among, (target, subset), figures.looks_of(results))):
            groups.append(Group(f"{target}, {subset}", drawings))
    if not groups:
        return Section("learning", "How they learned", ("Nothing was learned epoch by epoch.",))
    text = (
        "Means over folds and seeds; the band goes from the lowest training to the highest. Trainings stop on their"
        " own, and a line ends where fewer than half of them were still learning. Held out are speakers of the training"
        " side who decide when to stop, never the tested ones. An autoencoder without KL has no line there."
    )
    one_size = (f"Of the latent sizes, {nearest} is shown.",) if len(sizes) > 1 else ()
    told = any(curve.facts["test_condition"] == "oracle" for curve in curves)
    return Section("learning", "How they learned", (text, *one_size, *((ORACLE,) if told else ())), tuple(groups))


def _panels(
    curves: Sequence[Curve], task: tuple[str, str], looks: Mapping[tuple[str, str | None], Look]
) -> Iterator[Drawing]:
    for stage, key, heading, scale in LEARNING:
        told = [curve for curve in curves if curve.facts["stage"] == stage and key in curve.epochs]
        if key == "divergence":  # an autoencoder without a prior has none
            told = [curve for curve in told if any(curve.epochs[key])]
        if told:
            names = ", ".join(dict.fromkeys(curve.facts["model"] for curve in told))
            yield figures.drawing(
                slug("learning", *task, stage, key),
                f"{heading}, against the epoch, a line each for {names}",
                later(figures.learning, told, key, heading, looks, scale=scale),
            )
