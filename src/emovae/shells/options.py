"""Options that several commands share, and what they mean."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from emovae.errors import ConfigError, OutputError

DEFAULT_CACHE = Path("~/.cache/emovae")
SOME_FAILED = 1
"""The exit code where some recordings could not be used."""
READERS = 4
"""So many recordings at once keep a network busy; each may take some GB."""
_DIVIDES = re.compile(r"\s*(dimensional_)?protocol(\.(kind|folds))?\s*=")
"""A setting that says who is held out."""

jobs_option = click.option(
    "--jobs", type=click.IntRange(min=1), help="Processes at once.  [default: one for each processor core]"
)
cache_option = click.option(
    "--cache",
    type=click.Path(path_type=Path),
    envvar="EMOVAE_CACHE",
    default=DEFAULT_CACHE,
    show_default=True,
    help="Where the frames of corpora are kept (environment: EMOVAE_CACHE).",
)
decoders_option = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Recordings decoded at once.  [default: as many as there are cores, and 4 at most]",
)
reader_option = click.option("--reader", help="How to read the corpus (see `emovae corpora`).  [default: guessed]")
device_option = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
cluster_option = click.option(
    "--cluster", metavar="ADDRESS", help="Compute on a Ray cluster; `auto` is one that runs here (an extra)."
)
shard_option = click.option(
    "--shard",
    "most",
    metavar="N",
    type=click.IntRange(min=1),
    help="An archive's recordings in a shard at most.  [default: 1000, and fewer where they are long]",
)


@contextmanager
def bar(of_what: str, *, shown: bool = True) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, told how many are done and of how many."""
    from rich.console import Console
    from rich.progress import Progress

    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not (shown and errors.is_terminal)) as bars:
        task = bars.add_task(of_what, total=None)
        yield lambda done, of: bars.update(task, completed=done, total=of)


def decoders(jobs: int | None) -> int:
    """How many recordings are decoded at once; None for as many as there are cores, and `READERS` at most."""
    from joblib import cpu_count

    return jobs or min(cpu_count(), READERS)


def require_one_division(published: Path | None, assignments: Sequence[str]) -> None:
    """Raises a ConfigError where both `--folds` and a setting say who is held out."""
    if published is not None and (both := [one for one in assignments if _DIVIDES.match(one)]):
        raise ConfigError(f"--folds {published} and --set {both[0]} both say who is held out; leave one of them out")


def at_home(cache: Path) -> Path:
    """The cache, `~` resolved."""
    try:
        return cache.expanduser()
    except RuntimeError as error:
        raise OutputError(f"--cache {cache}: {error}; give a folder you can write to") from error
