"""The command line: which commands there are, and how they end.

The modules that have them import what they need when they run, so that help and argument errors come at once.
"""

import os
import signal
import sys
from typing import Any

import click

from emovae.errors import EmovaeError
from emovae.shells.caching import cache as cache_command
from emovae.shells.examining import audit, check, corpora, synthesize
from emovae.shells.exchanging import pull, push
from emovae.shells.experimenting import quickstart, report, run
from emovae.shells.exporting import export
from emovae.shells.fetching import fetch
from emovae.shells.judging import compare, evaluate
from emovae.shells.models import embed, predict
from emovae.shells.serving import serve
from emovae.shells.teaching import train

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


_OF_CORPORA = (corpora, check, audit, synthesize, fetch, cache_command)
_OF_EXPERIMENTS = (quickstart, run, report, evaluate, compare)
_OF_MODELS = (train, predict, embed, push, pull, serve, export)
for _command in (*_OF_CORPORA, *_OF_EXPERIMENTS, *_OF_MODELS):
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
