"""What `emovae train` does once its arguments and the corpus are read; this brings torch."""

from pathlib import Path

import click
from joblib import cpu_count

from emovae.assembly import save
from emovae.card import model_card
from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.errors import OutputError
from emovae.files import require_writable
from emovae.final import Means, estimate, train_final
from emovae.given_folds import GivenFolds
from emovae.machine import resolve_device
from emovae.model_folder import FACTS
from emovae.shells.progress import Progress


def graduate(
    experiment: Experiment,
    corpus: Corpus,
    out: Path,
    cache: Path,
    *,
    jobs: int | None,
    device: str,
    given: GivenFolds | None,
    fold: str | None,
    estimated: bool,
) -> None:
    """Trains a model to take along, and writes its folder.

    Args:
        experiment: of one model and one target.
        corpus: what to learn from.
        out: the model folder.
        cache: where frames and finished cells are kept, `~` resolved.
        jobs: how many processes; None for as many as there are cores.
        device: `auto`, `cpu` or `cuda`.
        given: the folds that others have made.
        fold: the one whose training side alone is learned from; None for everyone.
        estimated: whether to estimate what to expect, where everyone is learned from.

    Raises:
        OutputError: for a folder that holds something else.
        EmovaeError: see `final.train_final`.
    """
    if out.exists() and not (out / FACTS).exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out} holds something that is no model; give --out a new or empty folder")
    require_writable(out)
    chosen = resolve_device(device)
    jobs = jobs or (1 if chosen == "cuda" else cpu_count())
    expected = None
    if estimated and fold is None:
        with Progress(f"what to expect of {experiment.models[0]} on {corpus.name}", cache) as progress:
            expected = estimate(experiment, corpus, Means(cache, progress, jobs, chosen, given))
    with Progress(f"{experiment.models[0]} of {corpus.name}", out) as progress:
        means = Means(cache, progress, jobs, chosen, given)
        model = train_final(experiment, corpus, means, fold=fold, expected=expected)
    card = model_card(model)
    save(model, out, card)
    click.echo(card.partition("## What to expect\n\n")[2].partition("\n\n## ")[0])
    click.echo(f"{out}: model.safetensors, config.json, model.json, README.md", err=True)
