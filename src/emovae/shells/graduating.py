"""What `emovae train` does once its arguments and the corpus are read; this brings torch."""

from contextlib import ExitStack, closing
from pathlib import Path

import click
from joblib import cpu_count

from emovae.assembly import save
from emovae.card import model_card
from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.errors import OutputError
from emovae.everyone import EVERYONE
from emovae.files import is_free, require_writable
from emovae.final import Means, estimate, train_final
from emovae.given_folds import GivenFolds
from emovae.machine import resolve_device
from emovae.model_folder import FACTS, read_model
from emovae.seats import chosen
from emovae.shells.progress import Progress
from emovae.watcher import Watcher


def require_free(
    out: Path, asked: Experiment, corpus: str, *, replace: bool, fold: str | None, estimated: bool
) -> None:
    """Raises an OutputError for a folder that holds something else, or another model that is not to be replaced."""
    if not (out / FACTS).exists():
        if not is_free(out):
            raise OutputError(f"{out} holds something that is no model; give --out a new or empty folder")
    elif not replace:
        kept = read_model(out)
        facts, settings = kept.facts["facts"], kept.settings.model_copy(update={"precision": asked.precision})
        told = facts["training"]["fold"], facts["training"]["corpus"], facts["estimate"] is not None
        if fold is not None or settings != asked or told != (EVERYONE, corpus, estimated):
            raise OutputError(f"{out} holds a model; say --replace to write over it, or give another --out")


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
    cluster: str | None,
    workers: int | None,
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
        cluster: the address of a Ray cluster that computes the cells of the estimate; None for this machine.
        workers: how many processes of the cluster learn the autoencoder together; None for this process.

    Raises:
        EmovaeError: see `final.train_final`.
    """
    require_writable(out)
    where, model_name = resolve_device(device), chosen(experiment)
    means = Means(cache, Watcher(), jobs or (1 if where == "cuda" else cpu_count()), where, given)
    with ExitStack() as until_done:
        if cluster is not None:
            means = _on_cluster(means, cluster, workers, until_done)
        expected = None
        if estimated and fold is None:
            with Progress(f"what to expect of {model_name} on {corpus.name}", cache) as progress:
                expected = estimate(experiment, corpus, means._replace(watcher=progress))
        with Progress(f"{model_name} of {corpus.name}", out) as progress:
            model = train_final(experiment, corpus, means._replace(watcher=progress), fold=fold, expected=expected)
    card = model_card(model)
    save(model, out, card)
    click.echo(card.partition("## What to expect\n\n")[2].partition("\n\n## ")[0])
    click.echo(f"{out}: model.safetensors, config.json, model.json, README.md", err=True)


def _on_cluster(means: Means, address: str, workers: int | None, until_done: ExitStack) -> Means:
    """The same with a cluster, which is left when all is done."""
    from emovae.shells.cluster import Cluster  # noqa: PLC0415 - only where it is asked for

    cluster = until_done.enter_context(closing(Cluster(address)))
    means = means._replace(elsewhere=cluster, device=cluster.device(means.device))
    if workers is None:
        return means
    from emovae.shells.learners import Learners  # noqa: PLC0415

    return means._replace(learn=Learners(cluster, workers, means.device), learners=workers)
