"""The command `emovae fetch`: a corpus from its publisher, once its licence is agreed to."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emovae.errors import ConfigError

if TYPE_CHECKING:
    from emovae.corpora import Reader
    from emovae.fetch import Tell
    from emovae.fetched import Fetched


@click.command()
@click.argument("corpus", metavar="CORPUS")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new or empty folder.")
@click.option("--agree", is_flag=True, help="Agree to the corpus's licence, for scripts.  [default: asked]")
@click.option(
    "--like",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The fetched.json of another copy, whose files these must be.",
)
@click.option("--mirror", metavar="URL", help="Another server, with the publisher's paths.")
def fetch(corpus: str, out: Path, agree: bool, like: Path | None, mirror: str | None) -> None:
    """Download a corpus, pinned and checked, into the folder --out; what was cut off goes on from there.

    CORPUS is a name of `emovae corpora`. Of those that are not openly downloadable it says how to get them.
    """
    from emovae.downloading import pooch
    from emovae.fetch import fetch as bring
    from emovae.fetch import fetchable
    from emovae.fetched import already

    reader = fetchable(corpus)
    pooch()  # before anything is asked
    done = already(reader, out, like)
    if done is None:
        _require_agreed(reader, agree)
        with _bar() as tell:
            done = bring(reader, out, tell, mirror=mirror, like=like)
    click.echo("\n".join(_lines(reader, done)))


def _require_agreed(reader: "Reader", agree: bool) -> None:
    """Shows the licence; who has not said `--agree` is asked, where somebody can answer."""
    click.echo(f"{reader.title}\n  licence: {reader.licence}\n  source:  {reader.source}", err=True)
    if agree:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            f"the licence of {reader.name} ({reader.licence}; {reader.source}) must be agreed to, and nobody can be"
            " asked here; read it, and say --agree. Nothing was downloaded"
        )
    if not click.confirm("Have you read its licence, and do you agree to it?", err=True):
        raise ConfigError(f"without that, {reader.name} is not fetched; nothing was downloaded")


@contextmanager
def _bar() -> Iterator["Tell"]:
    """A progress bar on a terminal: the file, how much of it has come, how fast."""
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

    errors = Console(stderr=True)
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bars:
        task = bars.add_task("", total=None)

        def tell(label: str, done: int, of: int | None) -> None:
            bars.update(task, description=label, completed=done, total=of)

        yield tell


def _lines(reader: "Reader", done: "Fetched") -> Iterator[str]:
    from emovae.fetched import BY_NOBODY

    record, out = done.record, done.folder
    here = "fetched" if done.new else "already here, all files as they came"
    yield f"{out}: {record['corpus']}, {record['files']:,} files, {record['bytes'] / 1e6:,.1f} MB, {here}"
    if record["checked_by"] == BY_NOBODY:
        yield (
            f"  checked by nobody: its publisher states no checksum. Its tree {record['tree']} is recorded at first"
            " download; --like fetched.json holds another copy against it"
        )
    else:
        yield f"  checked by {record['checked_by']}; its tree is {record['tree']}"
    yield from (f"  its licence: {out / name}" for name in record["licence_files"])
    if not reader.fits(out):
        yield f"  its reader does not know it as it stands: that expects {reader.expects}; see what lies there"
    yield f"Next:  emovae check {out}"
    yield f"       emovae train --corpus {out} --out MODEL"
