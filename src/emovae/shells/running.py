"""What `emovae run`, `quickstart` and `report` do once their arguments and the corpus are read; this brings torch."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from joblib import cpu_count  # it knows the limits of a container too

from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.errors import OutputError
from emovae.experiment import Several, run
from emovae.machine import resolve_device
from emovae.shells.progress import Progress, record
from emovae.tracking import Tracker, open_board


def perform(
    experiment: Experiment,
    corpus: Corpus,
    where: str,
    out: Path | None,
    cache: Path,
    jobs: int | None,
    device: str,
    track: Sequence[str] = (),
) -> None:
    """Runs an experiment with progress on standard error, prints its table, and writes its report.

    Args:
        experiment: the configuration as resolved.
        corpus: what to run it on.
        where: the corpus as the command line named it.
        out: the run folder; None for one in `runs`.
        cache: where frames are kept.
        jobs: how many processes; None for as many as there are cores, or one on a GPU.
        device: `auto`, `cpu` or `cuda`.
        track: which boards are told, see `tracking`.

    Raises:
        EmovaeError: see `experiment.run`.
    """
    out = Path("runs") / f"{experiment.name}-{corpus.name}" if out is None else out
    try:
        cache = cache.expanduser()
    except RuntimeError as error:
        raise OutputError(f"--cache {cache}: {error}; give a folder you can write to") from error
    chosen = resolve_device(device)
    jobs = jobs or (1 if chosen == "cuda" else cpu_count())
    with ExitStack() as open_until_done:
        progress = open_until_done.enter_context(Progress(f"{experiment.name} on {corpus.name}", out))
        boards = [Tracker(open_board(name, out), experiment, progress.say) for name in track]
        watcher = Several(progress, *map(open_until_done.enter_context, boards))
        outcome = run(experiment, corpus, out, cache, watcher, jobs=jobs, device=chosen)
    record(out, corpus=where, jobs=jobs, device=chosen, computed=outcome.computed, seconds=progress.seconds())
    click.echo((out / "table.md").read_text(encoding="utf-8"))
    click.echo(f"{out}: results.json, table.md, predictions.parquet, curves.parquet, config.toml, run.json", err=True)
    tell_report(out)


def tell_report(folder: Path) -> None:
    """Writes the report of a finished run, and says so."""
    from emovae.report import write_report  # noqa: PLC0415 - with matplotlib, which no run should wait for

    write_report(folder)
    click.echo(f"{folder}: report.html, table.tex, figures/", err=True)
