"""The commands of experiments: `emovae quickstart`, `run` and `report`."""

from pathlib import Path

import click

from emovae.shells.options import (
    at_home,
    cache_option,
    cluster_option,
    device_option,
    jobs_option,
    reader_option,
    require_one_division,
)


@click.command()
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


@click.command()
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option("--corpus", default="synthetic", show_default=True, help="A folder, a label table, or synthetic[:N].")
@reader_option
@click.option("--out", type=click.Path(path_type=Path), help="The run folder.  [default: runs/EXPERIMENT-CORPUS]")
@click.option("--preset", help="paper (as printed), default (a careful study) or best.  [default: the experiment's]")
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


@click.command()
@click.argument("folder", metavar="RUN_DIR", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Write report.html, table.tex and figures/ into the folder of a finished run, as `run` does at its end."""
    from emovae.shells.running import tell_report

    tell_report(folder)
    click.echo(folder / "report.html")
