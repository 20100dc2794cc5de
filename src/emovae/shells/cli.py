"""The command line: experiments and their reports are here; modules beside this one have the other commands.

Commands import what they need when they run, so that help and argument errors come at once.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from emovae.errors import EmovaeError
from emovae.shells.caching import cache as cache_command
from emovae.shells.examining import audit, check, corpora, synthesize
from emovae.shells.exchanging import pull, push
from emovae.shells.exporting import export
from emovae.shells.fetching import fetch
from emovae.shells.judging import compare, evaluate
from emovae.shells.models import embed, predict, train
from emovae.shells.options import (
    at_home,
    cache_option,
    cluster_option,
    device_option,
    jobs_option,
    reader_option,
    require_one_division,
)
from emovae.shells.serving import serve

INTERRUPTED = 130
BROKEN_PIPE = 141
ENDED = 143
WRONG = 2


class _Commands(click.Group):
    """Ends as a shell expects it where nobody reads on; click would end with 1, which here means findings."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to be flushed has a place
            sys.exit(BROKEN_PIPE)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="emovae")
def cli() -> None:
    """Latent representations of speech emotion with variational autoencoders, after Latif et al. (2018)."""


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/quickstart"), show_default=True)
@jobs_option
@cache_option
def quickstart(out: Path, jobs: int | None, cache: Path) -> None:
    """The paper's pipeline on synthetic speech: a table within minutes."""
    from emovae import presets
    from emovae.corpora import open_corpus
    from emovae.shells.running import perform

    experiment = presets.load(Path(__file__).with_name("quickstart.toml"))
    perform(experiment, open_corpus("synthetic"), "synthetic", out, at_home(cache), jobs=jobs, device="cpu")
    click.echo("\nYour own recordings:  emovae run experiments/table1.toml --corpus FOLDER   (see `emovae corpora`)")


@cli.command()
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option("--corpus", default="synthetic", show_default=True, help="A folder, a label table, or synthetic[:N].")
@reader_option
@click.option("--out", type=click.Path(path_type=Path), help="The run folder.  [default: runs/EXPERIMENT-CORPUS]")
@click.option("--preset", help="paper (as printed) or default (a careful study).  [default: the experiment's]")
@click.option("--seeds", type=click.IntRange(min=1), help="How often everything is trained.")
@click.option(
    "--folds",
    "published",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A published split: CSV, JSON lines or JSON of id, fold and role.  [default: the experiment's protocol]",
)
@jobs_option
@device_option
@click.option(
    "--track",
    multiple=True,
    type=click.Choice(["tensorboard", "mlflow"]),
    help="Tell curves and results there too (extras; MLFLOW_TRACKING_URI names the server).",
)
@click.option(
    "--memory",
    "memory_gib",
    metavar="GIB",
    type=click.FloatRange(min=0, min_open=True),
    help="What segments and latents may take; more lies in files in the cache.  [default: half of the machine's]",
)
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Any setting, such as normalise=none.")
@cluster_option
@cache_option
def run(
    experiment: Path,
    corpus: str,
    reader: str | None,
    out: Path | None,
    preset: str | None,
    seeds: int | None,
    published: Path | None,
    jobs: int | None,
    device: str,
    track: tuple[str, ...],
    memory_gib: float | None,
    assignments: tuple[str, ...],
    cluster: str | None,
    cache: Path,
) -> None:
    """Run an experiment file and print its table."""
    from emovae import presets
    from emovae.corpora import open_corpus
    from emovae.folds_file import read_folds

    # All are read before torch is imported: a wrong setting, folder or file is told at once.
    stated = presets.load(experiment, preset, [*assignments, *([f"seeds={seeds}"] if seeds else [])])
    presets.variants(stated)
    require_one_division(published, assignments)
    opened = open_corpus(corpus, reader)
    given = None if published is None else read_folds(published, opened.utterances)
    stated = stated if given is None else given.stated_in(stated)

    from emovae.shells.running import perform

    perform(
        stated,
        opened,
        corpus,
        out,
        at_home(cache),
        jobs=jobs,
        device=device,
        track=track,
        given=given,
        memory_gib=memory_gib,
        cluster=cluster,
    )


@cli.command()
@click.argument("folder", metavar="RUN_DIR", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Write report.html, table.tex and figures/ into the folder of a finished run, as `run` does at its end."""
    from emovae.shells.running import tell_report

    tell_report(folder)
    click.echo(folder / "report.html")


_OF_CORPORA = (corpora, check, audit, synthesize, fetch, cache_command)
_OF_MODELS = (train, predict, embed, push, pull, serve, export)
_OF_RESULTS = (evaluate, compare)
for _command in (*_OF_CORPORA, *_OF_MODELS, *_OF_RESULTS):
    cli.add_command(_command)


def _end(_signal: int, _frame: object) -> None:
    """A polite request to end unwinds the run, so that it takes its workers along."""
    click.echo(f"emovae: told to end{_kept()}", err=True)
    sys.exit(ENDED)


def _kept() -> str:
    """What an interrupted command leaves behind."""
    if sys.argv[1:2] == ["fetch"]:
        return "; what has come is kept, and the same command goes on from it where the server can"
    in_shards = any(given.startswith(("--shard", "--cluster")) for given in sys.argv)
    if sys.argv[1:2] == ["cache"] or (sys.argv[1:2] == ["embed"] and in_shards):
        return "; finished shards are kept, and the same command goes on from them"
    learns = {"run", "quickstart", "train"} & set(sys.argv[1:2])
    return "; finished cells are kept, and the same command goes on from them" if learns else ""


def main() -> None:
    """The entry point: every error that a person can mend is one message and exit code 2; Ctrl-C is 130."""
    signal.signal(signal.SIGTERM, _end)
    try:
        cli.main(standalone_mode=False)
    except click.Abort:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C has nothing left to say
        click.echo(f"emovae: interrupted{_kept()}", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except EmovaeError as error:
        click.echo(f"emovae: {error}", err=True)
        sys.exit(WRONG)
    except ModuleNotFoundError as error:  # of the core: a missing extra is named where it is needed
        if (error.name or "emovae").startswith("emovae"):
            raise
        click.echo(
            f"emovae: {error.name} is not installed. This environment can ask ONNX files with `emovae predict`; for all"
            " else install emovae with what it needs: pip install emovae",
            err=True,
        )
        sys.exit(WRONG)
    except OSError as error:  # such as a full disk under the terminal's output; 1 would mean findings
        click.echo(f"emovae: {error.strerror or error}", err=True)
        sys.exit(WRONG)
