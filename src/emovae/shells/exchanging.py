"""The commands of models that people share: `emovae push` and `pull`."""

from pathlib import Path

import click

_endpoint = click.option(
    "--endpoint", metavar="URL", help="Another server than the public one (environment: HF_ENDPOINT)."
)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--private", is_flag=True, help="A new repository is seen by its owner alone.")
@_endpoint
def push(model: Path, repository: str, private: bool, endpoint: str | None) -> None:
    """Upload a model folder to the Hugging Face Hub: safetensors, settings and card; never a recording."""
    from emovae.hub import push as upload

    click.echo(upload(model, repository, private=private, endpoint=endpoint))


@click.command()
@click.argument("repository", metavar="OWNER/NAME")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--revision", default="main", show_default=True, help="A branch, a tag or a commit.")
@_endpoint
def pull(repository: str, out: Path, revision: str, endpoint: str | None) -> None:
    """Download a model from the Hugging Face Hub into the new folder OUT, and verify it."""
    from emovae.hub import pull as download

    click.echo(f"{out}: {repository} at {download(repository, out, revision=revision, endpoint=endpoint)}")
