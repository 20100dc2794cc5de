"""What `emovae evaluate` does once its arguments and the corpus are read; this brings torch."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from emovae.asked import asked
from emovae.assembly import load
from emovae.corpora import Corpus
from emovae.errors import OutputError
from emovae.evaluate import evaluated
from emovae.evaluated import as_json as told_of
from emovae.evaluated import failures, lines, predictions
from emovae.files import is_free, require_writable, write_bytes, write_json
from emovae.machine import one_thread
from emovae.shells.opening import people_of
from emovae.shells.options import bar, decoders

TOLD, ROWS = "evaluation.json", "predictions.parquet"


def tell(
    folder: Path,
    corpus: Corpus,
    wished: Mapping[str, str],
    out: Path | None,
    *,
    as_json: bool,
    jobs: int | None,
    by_speaker: bool,
) -> int:
    """Prints what a model folder says of a corpus, and writes it where wanted; how many recordings failed.

    Args:
        folder: the model's.
        corpus: other people's, or the model's own.
        wished: see `asked.wishes`.
        out: a folder for `evaluation.json` and `predictions.parquet`.
        as_json: whether JSON is printed.
        jobs: how many recordings are decoded at once; None for as many as there are cores, and `READERS` at most.
        by_speaker: whether people are judged on scales of their own.

    Raises:
        EmovaeError: for a model or a corpus that cannot be used, or a folder that cannot be written.
    """
    model = load(folder)
    if by_speaker:
        people_of(folder, model)
    wanted = asked(corpus, model.settings, model.classes, wished)
    if out is not None:
        if not (out / TOLD).exists() and not is_free(out):
            raise OutputError(f"{out} holds something that is no evaluation; give --out a new or empty folder")
        require_writable(out)
    with bar("recordings") as progress, one_thread():
        found = evaluated(model, corpus, wanted, decoders(jobs), progress, by_speaker=by_speaker)
    told = told_of(model, corpus.name, found)
    for line in failures(found.failed):
        click.echo(line, err=True)
    click.echo(json.dumps(told, indent=1, ensure_ascii=False) if as_json else "\n".join(lines(told)))
    if out is not None:
        write_json(out / TOLD, told)
        write_bytes(out / ROWS, predictions(model, found))
    return len(found.failed)
