"""Runs the comparisons, prints their ratios and keeps them in `benchmarks/results`."""

import importlib
from pathlib import Path

import click

from benchmarks.kept import keep, told
from benchmarks.measure import machine

ROWS = (
    "log-mel",
    "folder",
    "autoencoder",
    "classifier",
    "one-recording",
    "prediction",
    "files",
    "load",
    "start-up",
    "growth",
    "table1",
)
"""Each a module of that name."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(ROWS))
@click.option("--rounds", default=5, show_default=True, help="How often both take their turn.")
@click.option("--results", type=click.Path(path_type=Path), default=Path(__file__).parent / "results")
def main(names: tuple[str, ...], rounds: int, results: Path) -> None:
    """Runs these comparisons, or all; what has been measured is kept after each."""
    facts = machine()
    click.echo(f"{facts['processor']}, {facts['cores']} cores")
    for name in names or ROWS:
        found = []
        for row in importlib.import_module(f"benchmarks.{name.replace('-', '_')}").rows(rounds):
            click.echo(told(row))
            found.append(row)
        keep(results, facts, name, found)


if __name__ == "__main__":
    main()
