"""The command line: `emovae quickstart`, `corpora`, `run`.

Commands import what they need when they run, so that help and argument errors come at once.
"""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emovae.errors import EmovaeError, OutputError

if TYPE_CHECKING:
    from emovae.config import Experiment

INTERRUPTED = 130
ENDED = 143
WRONG = 2
DEFAULT_CACHE = Path("~/.cache/emovae")

_jobs = click.option(
    "--jobs", type=click.IntRange(min=1), help="Processes at once.  [default: one for each processor core]"
)
_cache = click.option(
    "--cache",
    type=click.Path(path_type=Path),
    envvar="EMOVAE_CACHE",
    default=DEFAULT_CACHE,
    show_default=True,
    help="Where the frames of corpora are kept (environment: EMOVAE_CACHE).",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="emovae")
def cli() -> None:
    """Latent representations of speech emotion with variational autoencoders, after Latif et al. (2018)."""


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/quickstart"), show_default=True)
@_jobs
@_cache
def quickstart(out: Path, jobs: int | None, cache: Path) -> None:
    """The paper's pipeline on synthetic speech: a table within minutes."""
    from emovae import presets

    experiment = presets.load(Path(__file__).with_name("quickstart.toml"))
    _run(experiment, "synthetic", None, out, cache, jobs, "cpu")
    click.echo("\nYour own recordings:  emovae run experiments/table1.toml --corpus FOLDER   (see `emovae corpora`)")


@cli.command()
def corpora() -> None:
    """Every reader: what it expects, its licence, where to get it."""
    from emovae.corpora import READERS

    for reader in READERS:
        click.echo(f"{reader.name}: {reader.title}")
        for what in ("expects", "licence", "source"):
            click.echo(f"  {what + ':':9}{getattr(reader, what)}")
    click.echo("synthetic: made-up voices, the default of --corpus; synthetic:N makes N utterances")


@cli.command()
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option("--corpus", default="synthetic", show_default=True, help="A folder, a label table, or synthetic[:N].")
@click.option("--reader", help="How to read the corpus (see `emovae corpora`).  [default: guessed]")
@click.option("--out", type=click.Path(path_type=Path), help="The run folder.  [default: runs/EXPERIMENT-CORPUS]")
@click.option("--preset", help="paper (as printed) or default (a careful study).  [default: the experiment's]")
@click.option("--seeds", type=click.IntRange(min=1), help="How often everything is trained.")
@_jobs
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Any setting, such as normalise=none.")
@_cache
def run(
    experiment: Path,
    corpus: str,
    reader: str | None,
    out: Path | None,
    preset: str | None,
    seeds: int | None,
    jobs: int | None,
    device: str,
    assignments: tuple[str, ...],
    cache: Path,
) -> None:
    """Run an experiment file and print its table."""
    from emovae import presets

    stated = presets.load(experiment, preset, [*assignments, *([f"seeds={seeds}"] if seeds else [])])
    _run(stated, corpus, reader, out, cache, jobs, device)


def _run(
    experiment: "Experiment",
    where: str,
    reader: str | None,
    out: Path | None,
    cache: Path,
    jobs: int | None,
    device: str,
) -> None:
    from emovae.corpora import open_corpus

    # The corpus is read before torch is imported: a wrong folder is told at once.
    corpus = open_corpus(where, reader)

    from joblib import cpu_count  # it knows the limits of a container too

    from emovae import experiment as running
    from emovae.machine import resolve_device
    from emovae.shells.progress import Progress, record

    out = Path("runs") / f"{experiment.name}-{corpus.name}" if out is None else out
    try:
        cache = cache.expanduser()
    except RuntimeError as error:
        raise OutputError(f"--cache {cache}: {error}; give a folder you can write to") from error
    chosen = resolve_device(device)
    jobs = jobs or (1 if chosen == "cuda" else cpu_count())
    with Progress(f"{experiment.name} on {corpus.name}", out) as progress:
        outcome = running.run(experiment, corpus, out, cache, progress, jobs=jobs, device=chosen)
    record(out, corpus=where, jobs=jobs, device=chosen, computed=outcome.computed, seconds=progress.seconds())
    click.echo((out / "table.md").read_text(encoding="utf-8"))
    click.echo(f"{out}: results.json, table.md, predictions.parquet, config.toml, run.json", err=True)


def _end(_signal: int, _frame: object) -> None:
    """A polite request to end unwinds the run, so that it takes its workers along."""
    click.echo("emovae: told to end; finished cells are kept, and the same command goes on from them", err=True)
    sys.exit(ENDED)


def main() -> None:
    """The entry point: every error that a person can mend is one message and exit code 2; Ctrl-C is 130."""
    signal.signal(signal.SIGTERM, _end)
    try:
        cli.main(standalone_mode=False)
    except click.Abort:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C has nothing left to say
        click.echo("emovae: interrupted; finished cells are kept, and the same command goes on from them", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except EmovaeError as error:
        click.echo(f"emovae: {error}", err=True)
        sys.exit(WRONG)
