"""What an evaluation tells: for people (lines), for programs (JSON), and row by row (Parquet)."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emovae import calibration
from emovae.by_speaker import Said, counted, figures
from emovae.certainty import interval
from emovae.comparison import FIGURES, percent
from emovae.evaluate import Evaluation
from emovae.extraction import Problem
from emovae.metrics import recalls
from emovae.seats import chosen
from emovae.standing import GROUPED_BY
from emovae.statistics import over_speakers
from emovae.tables import grid
from emovae.tasks import WHOLE
from emovae.trained_ensemble import Trained

SCHEMA = 1
PROTOCOL = "evaluate"


def as_json(model: Trained, corpus: str, found: Evaluation) -> dict[str, Any]:
    """The content of `evaluation.json`: no time, host or path. Names of figures are those of `results.json`.

    Calibration is that of the probabilities as `emovae run` tells them, and under `tempered_` as `emovae predict` does.
    """
    said, training = _said(model, found), model.facts["training"]
    counts = counted(said, model.classes)
    pooled = counts.sum(axis=(0, 1))
    places = np.array([model.classes.index(label) for label in found.labels])
    shares = {"": found.answers.said.astype(np.float64), "tempered_": found.answers.probabilities}
    return {
        "schema": SCHEMA,
        "model": chosen(model.settings),
        "trained_on": {name: training[name] for name in ("corpus", "fold", "fingerprint")},
        "corpus": corpus,
        "target": model.settings.targets[0],
        "n": len(found.labels),
        "speakers": counts.shape[1],
        "classes": list(model.classes),
        "notices": list(found.notices),
        **figures(counts),
        "over_speakers": over_speakers(counts)._asdict(),
        "recall": {
            name: None if np.isnan(share) else float(share)
            for name, share in zip(model.classes, recalls(pooled), strict=True)
        },
        "confusion": pooled.tolist(),
        "temperature": found.temperature,
        "temperature_alone": found.temperature_alone,
        "calibration": {
            f"{prefix}{measure.__name__}": measure(share, places)
            for prefix, share in shares.items()
            for measure in (calibration.nll, calibration.brier, calibration.ece, calibration.adaptive_ece)
        },
        "unlike": float(np.mean(found.answers.strangeness > 1)),
        "short": found.short,
        "groups": {kind: told for kind in GROUPED_BY if (told := _groups(model, found, said, kind))},
        "failed": [{"utterance": one.utterance, "why": one.why} for one in found.failed],
    }


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """An evaluation for people, Markdown, of its JSON."""
    trained = told["trained_on"]
    yield f"# {told['model']} of {trained['corpus']} ({trained['fold']}), asked about {told['corpus']}"
    yield ""
    yield (
        f"{told['target']}: {told['n']:,} utterances of {told['speakers']:,} speakers. Per cent; intervals of 95 % over"
        f" speakers. By chance UA is {percent(1 / sum(share is not None for share in told['recall'].values()))}."
    )
    if told["notices"]:
        yield from ("", *(f"- {notice}" for notice in told["notices"]))
    body = [[name, percent(told[key]), interval(told["intervals"][key])] for name, key in FIGURES]
    yield from ("", grid(["", "figure", "95 %"], body))
    known = [name for name in told["classes"] if told["recall"][name] is not None]
    rows = dict(zip(told["classes"], told["confusion"], strict=True))
    body = [[name, *map(str, rows[name]), percent(told["recall"][name])] for name in known]
    yield from ("", grid(["true, and said", *told["classes"], "recall"], body))
    for kind, groups in told["groups"].items():
        body = [
            [name, f"{one['n']:,} of {one['classes']} classes", f"{one['speakers']:,}", *_both(one)]
            for name, one in groups.items()
        ]
        yield from ("", grid([kind, "utterances", "speakers", "WA", "95 %", "UA", "95 %"], body))
    sure, alone = told["calibration"], told["temperature_alone"]
    others = "" if alone is None else f", {alone:.3g} for those judged by themselves"
    yield ""
    yield (
        f"Said and found frequencies lie {percent(sure['tempered_ece'])} points apart (ECE; {percent(sure['ece'])}"
        f" before the temperature of {told['temperature']:.3g}{others}). {percent(told['unlike'])} % of the utterances"
        " are of a spectrum unlike the training speech."
    )
    if told["short"]:
        yield f"{told['short']:,} were shorter than a segment, and filled up."
    if told["failed"]:
        count = len(told["failed"])
        whose = "recording is" if count == 1 else "recordings are"
        yield f"{count:,} {whose} left out, as standard error tells."


def failures(failed: Sequence[Problem]) -> Iterator[str]:
    """Each recording that could not be used, and why."""
    yield from (f"{one.where} {one.why}" for one in failed)


def predictions(model: Trained, found: Evaluation) -> bytes:
    """The content of `predictions.parquet`, with the columns of a run's, and `strangeness`.

    The fold is the one whose training side the model learned from; probabilities are as `emovae run` tells them.
    """
    count, settings = len(found.labels), model.settings
    condition = settings.test_condition[0] if chosen(settings) == "CVAE-LSTM" else None
    said = _said(model, found)
    columns: dict[str, Any] = {
        "utterance": [utterance.id for utterance in found.utterances],
        "speaker": said.speakers,
        "fold": [model.facts["training"]["fold"]] * count,
        "seed": pa.array(said.seeds, pa.int64()),
        "model": [chosen(settings)] * count,
        "subset": [WHOLE] * count,
        "target": [settings.targets[0]] * count,
        "protocol": [PROTOCOL] * count,
        "test_condition": pa.array([condition] * count, pa.string()),
        "latent": pa.array([settings.autoencoder.latent] * count, pa.int64()),
        "uses_true_label": [False] * count,
        "label": said.true,
        "predicted": said.predicted,
        "reconstruction": pa.nulls(count, pa.float32()),
        "strangeness": pa.array(found.answers.strangeness, pa.float64()),
    }
    columns |= {name: pa.array(found.answers.said[:, place]) for place, name in enumerate(model.classes)}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()


def _said(model: Trained, found: Evaluation) -> Said:
    places = found.answers.said.argmax(axis=1).tolist()
    speakers = [utterance.speaker for utterance in found.utterances]
    return Said([0] * len(places), speakers, found.labels, [model.classes[place] for place in places])


def _groups(model: Trained, found: Evaluation, said: Said, kind: str) -> dict[str, Any]:
    """The figures of each gender or language apart, where the corpus tells of two at least."""
    names: list[str | None] = [getattr(utterance, kind) for utterance in found.utterances]
    each = sorted({name for name in names if name is not None})
    return {name: _of_group(model, said.of(_places(names, name))) for name in each} if len(each) > 1 else {}


def _places(names: Sequence[str | None], name: str) -> list[int]:
    return [place for place, one in enumerate(names) if one == name]


def _of_group(model: Trained, said: Said) -> dict[str, Any]:
    counts = counted(said, model.classes)
    told: dict[str, Any] = figures(counts)
    return {
        "n": len(said.true),
        "speakers": counts.shape[1],
        "classes": len(set(said.true)),
        **{name: told[name] for name in ("wa", "ua")},
        "intervals": {name: told["intervals"][name] for name in ("wa", "ua")},
    }


def _both(one: Mapping[str, Any]) -> list[str]:
    return [text for key in ("wa", "ua") for text in (percent(one[key]), interval(one["intervals"][key]))]
