"""Results become a table that a person reads: `table.md`, which is also what the terminal shows."""

from collections.abc import Iterator, Sequence
from typing import Any

QUESTIONS = (
    ("the CVAE's condition at test time", "test_condition"),
    ("what the condition is, for dimensions", "condition"),
    ("decoder told the condition", "autoencoder.condition_decoder"),
    ("features", "features"),
    ("segments merged into", "merge"),
    ("Adam's betas", "autoencoder.betas"),
    ("autoencoder stops at", "autoencoder.stop"),
    ("threshold, squared distance a segment", "autoencoder.threshold"),
    ("KL weight (squared distance summed, KL in nats)", "autoencoder.kl_weight"),
    ("autoencoder's data", "autoencoder.data"),
    ("utterances", "utterances"),
    ("low, mid, high by", "binning"),
    ("F-measure first named", "f_measure"),
    ("WA and UA first named", "average"),
    ("an utterance's end", "segments.tail"),
    ("normalisation", "normalise"),
    ("activation", "autoencoder.activation"),
    (
        "autoencoder batch, epochs, patience",
        ("autoencoder.batch_size", "autoencoder.epochs", "autoencoder.patience"),
    ),
    ("LSTM width, layers", ("classifier.hidden", "classifier.layers")),
    ("LSTM batch, epochs, patience", ("classifier.batch_size", "classifier.epochs", "classifier.patience")),
    ("LSTM input scaled", "classifier.scale_inputs"),
    ("class weights", "classifier.class_weights"),
    ("share of training speakers for early stopping", "protocol.validation"),
    ("autoencoder's layers, latent size", ("autoencoder.hidden", "autoencoder.latent")),
    ("learning rates, autoencoder and LSTM", ("autoencoder.learning_rate", "classifier.learning_rate")),
    ("segments, ms: length, step", ("segments.length_ms", "segments.step_ms")),
    ("shorter recordings", "segments.short"),
    ("mel bands, from and to Hz", ("front_end.bands", "front_end.low_hz", "front_end.high_hz")),
)
"""What the paper leaves open -> the settings that answer it; every table prints them in full."""

FIGURES = (("WA", "wa"), ("UA", "ua"), ("macro F1", "macro_f1"), ("weighted F1", "weighted_f1"))
MARK = "†"


def markdown(results: dict[str, Any]) -> str:
    """The whole of `table.md` for the content of `results.json`."""
    rows = results["rows"]
    parts = [f"# {results['experiment']} on {results['corpus']}", _facts(results)]
    for target, subset in dict.fromkeys((row["target"], row["subset"]) for row in rows):
        among = [row for row in rows if (row["target"], row["subset"]) == (target, subset)]
        parts += [f"## {target}, {subset}", _about(among[0]), _grid(*_table(among, results))]
        parts += [_grid(*_recalls(among))]
    if any(row["model"] in ("majority", "functionals-SVM") for row in rows):
        parts.append("Baselines stop at nothing, so they learn from the speakers set apart for early stopping too.")
    if any(row["uses_true_label"] for row in rows):
        parts.append(f"{MARK} is told the true label of the utterance it names: an upper bound, not a result.")
    if notices := list(_notices(results)):
        parts.append("\n".join(f"- {notice}" for notice in notices))
    parts += [
        "## What the paper leaves open",
        _grid(["question", "here"], list(_answers(results["settings"]))),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(results: dict[str, Any]) -> str:
    seeds = results["rows"][0]["seeds"]
    return (
        f"{results['utterances']} utterances; {seeds} {'seed' if seeds == 1 else 'seeds'};"
        f" preset {results['preset']}; fingerprint {results['fingerprint']}"
    )


def _about(row: dict[str, Any]) -> str:
    transductive = " (transductive: the tested audio's own statistics)" if row["normalise"] == "speaker" else ""
    binning = f"; levels by {row['binning']}" if row["binning"] else ""
    return (
        f"{row['n']} utterances of {len(row['classes'])} classes; {row['protocol']}, {row['folds']['count']} folds;"
        f" normalise {row['normalise']}{transductive}{binning}; {row['precision']}. Per cent: pooled over folds"
        " (mean over folds ± deviation)."
    )


def _name(row: dict[str, Any]) -> str:
    condition = f" ({row['test_condition']})" if row["test_condition"] else ""
    return f"{row['model']}{condition}{MARK if row['uses_true_label'] else ''}"


def _table(rows: Sequence[dict[str, Any]], results: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Each figure pooled and over folds; which comes first is the settings' choice."""
    # Another corpus's printed numbers beside one's own would invite a comparison that means nothing.
    beside = [row for row in rows if row["published"] and row["published"]["corpus"] == results["corpus"]]
    figures = [("macro F1", "macro_f1"), ("weighted F1", "weighted_f1")]
    if results["settings"]["f_measure"] == "weighted":
        figures.reverse()
    figures = [*FIGURES[:2], *figures]
    header = ["model", *(name for name, _ in figures), *(["paper WA", "paper UA"] if beside else [])]
    body = []
    for row in rows:
        line = [_name(row), *(_figure(row, key, results["settings"]["average"]) for _, key in figures)]
        if beside:
            line += [_percent((row["published"] or {}).get(key)) for key in ("wa", "ua")]
        body.append(line)
    return header, body


def _figure(row: dict[str, Any], key: str, average: str) -> str:
    pooled, mean, std = row[key], row["folds"]["mean"][key], row["folds"]["std"]
    over_folds = _percent(mean) + (f" ± {_percent(std[key])}" if std else "")
    return f"{_percent(pooled)} ({over_folds})" if average == "pooled" else f"{over_folds} ({_percent(pooled)})"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _recalls(rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    header = ["recall", *rows[0]["classes"]]
    return header, [[_name(row), *(_percent(share) for share in row["recall"].values())] for row in rows]


def _notices(results: dict[str, Any]) -> Iterator[str]:
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
                f"{row['target']}, {row['subset']}, {_name(row)}: the autoencoder came below the threshold in"
                f" {count['reached']} of {count['trainings']} trainings; the others ended after the last epoch."
            )
    for plan in results["plans"]:
        for fold in plan["folds"]:
            if missing := [name for name, count in fold["validation"]["classes"].items() if count == 0]:
                yield (
                    f"{plan['target']}, {plan['subset']}, {fold['name']}: the speakers who stop the learning show no"
                    f" {', '.join(missing)}."
                )


def _answers(settings: dict[str, Any]) -> Iterator[list[str]]:
    for question, keys in QUESTIONS:
        names = (keys,) if isinstance(keys, str) else keys
        yield [question, ", ".join(_spelled(_looked_up(settings, name)) for name in names)]


def _looked_up(settings: dict[str, Any], dotted: str) -> Any:
    value: Any = settings
    for key in dotted.split("."):
        value = value[key]
    return value


def _spelled(value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(_spelled(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cell(text: str) -> str:
    """A name may hold what Markdown takes for the end of a cell."""
    return " ".join(text.split()).replace("|", "\\|")


def _grid(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are aligned, so that it reads well as plain text too."""
    header, *body = [[_cell(text) for text in line] for line in (header, *body)]
    widths = [max(len(line[column]) for line in (header, *body)) for column in range(len(header))]
    rule = ["-" * width for width in widths]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in (header, rule, *body)
    ]
    return "\n".join(lines)
