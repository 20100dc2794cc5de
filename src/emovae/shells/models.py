"""The commands of a trained model: `emovae train`, `predict`, `embed`."""

import sys
from pathlib import Path
from typing import Literal, get_args

import click

from emovae.errors import ConfigError
from emovae.kinds import Model, Target
from emovae.places import LOCATION
from emovae.shells.options import (
    SOME_FAILED,
    at_home,
    cache_option,
    cluster_option,
    decoders_option,
    device_option,
    jobs_option,
    reader_option,
    require_one_division,
    shard_option,
)
from emovae.shells.times import Share, seconds_option

MODELS = {model.lower(): model for model in get_args(Model)}


@click.command()
@click.option("--corpus", required=True, help="A folder, a label table, or synthetic[:N].")
@reader_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The model folder.")
@click.option("--model", type=click.Choice(list(MODELS)), default="vae-lstm", show_default=True)
@click.option("--target", type=click.Choice(get_args(Target)), default="emotion", show_default=True)
@click.option("--preset", help="paper (as printed) or default (a careful study).  [default: default]")
@click.option("--folds", "published", metavar="FILE", type=click.Path(path_type=Path), help="A published split.")
@click.option("--replace", is_flag=True, help="Write over the model that --out holds.")
@click.option("--fold", help="Learn from the training side of this fold alone, by its name or number.")
@click.option("--estimate/--no-estimate", default=True, help="Train on every fold first, to say what to expect.")
@jobs_option
@device_option
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Any setting, such as normalise=none.")
@click.option("--cluster", metavar="ADDRESS", help="A Ray cluster for the estimate; `auto` is one here (an extra).")
@click.option("--workers", type=click.IntRange(min=1), help="With --cluster: so many learn the autoencoder together.")
@cache_option
def train(
    corpus: str,
    reader: str | None,
    out: Path,
    model: str,
    target: str,
    preset: str | None,
    published: Path | None,
    replace: bool,
    fold: str | None,
    estimate: bool,
    jobs: int | None,
    device: str,
    assignments: tuple[str, ...],
    cluster: str | None,
    workers: int | None,
    cache: Path,
) -> None:
    """Train a model to take along, from all of a corpus, and say what to expect of it."""
    from emovae import presets
    from emovae.corpora import open_corpus
    from emovae.folds_file import read_folds

    if published is not None and fold is None:
        raise ConfigError(f"--folds {published} says who is held out, and --fold which of them; give both")
    if workers is not None and cluster is None:
        raise ConfigError(f"--workers {workers} are processes of a Ray cluster; name it with --cluster")
    require_one_division(published, assignments)
    stated = {"name": "train", "models": [MODELS[model]], "baselines": [], "targets": [target]}
    experiment = presets.resolve({**stated, "test_condition": ["marginal"]}, preset, assignments, "train")
    opened = open_corpus(corpus, reader)
    given = None if published is None else read_folds(published, opened.utterances)
    experiment = experiment if given is None else given.stated_in(experiment)

    from emovae.shells.graduating import graduate, require_free

    require_free(out, experiment, opened.name, replace=replace, fold=fold, estimated=estimate)
    how = {"jobs": jobs, "device": device, "given": given, "fold": fold, "estimated": estimate}
    there = {"cluster": cluster, "workers": workers}
    graduate(experiment, opened, out, at_home(cache), **how, **there)  # type: ignore[arg-type]


_model = click.argument("model", type=click.Path(path_type=Path))
_inputs = click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
_window = click.option(
    "--window", metavar="TIME", callback=seconds_option, help="A timeline: the length of its windows, such as 2s."
)
_hop = click.option(
    "--hop",
    metavar="TIME",
    callback=seconds_option,
    default="0.5s",
    show_default=True,
    help="From one window to the next.",
)
_channel = click.option(
    "--channel", type=click.Choice(["mix", "left", "right", "each"]), default="mix", show_default=True
)


@click.command()
@_model
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@click.option("--microphone", is_flag=True, help="Hear the default input device in place of INPUT; Ctrl-C ends it.")
@click.option("--seconds", metavar="TIME", callback=seconds_option, help="With --microphone: the end, such as 10s.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "jsonl", "parquet", "audformat"]),
    help="[default: table, or by the name of --out]",
)
@click.option("--out", type=click.Path(path_type=Path), help="A file.  [default: standard output]")
@_window
@_hop
@click.option(
    "--reject",
    type=Share(),
    default=0.0,
    help="Give no label below the confidence that turned away this share of the validation speakers' utterances.",
)
@click.option(
    "--temperature/--no-temperature",
    "tempered",
    default=True,
    help="Doubt as validation speakers taught, or probabilities as `emovae run` tells them.",
)
@_channel
@decoders_option
@click.pass_context
def predict(
    ctx: click.Context,
    model: Path,
    inputs: tuple[str, ...],
    microphone: bool,
    seconds: float | None,
    form: str | None,
    out: Path | None,
    window: float | None,
    hop: float,
    reject: float,
    tempered: bool,
    channel: str,
    jobs: int | None,
) -> None:
    """Say what is heard in files, folders, globs, `-` (a file on standard input), and tables of file, start, end.

    MODEL is a model folder, or an ONNX file that `emovae export` wrote; that needs no torch.

    With --out FOLDER/NAME.yaml the answers are the table `predictions` of an audformat database; recordings lie in its
    FOLDER, or below, and what is there stays as it is.

    With --microphone a row each --hop says what is heard so far, or in the last --window.

    Exit code 1 is an error in some rows, 0 in none.
    """
    from emovae.shells.asking import Asked, require_one_origin, require_one_pace

    require_one_origin(ctx, inputs, microphone, seconds, channel)
    require_one_pace(ctx, window, hop, live=microphone)

    from emovae.shells.predicting import Wish, tell

    wish = Wish(form, out, reject, tempered)
    if microphone:
        from emovae.shells.listening import Pace, listen

        listen(model, Pace(window, hop, seconds), wish)
        return
    failed = tell(model, Asked(inputs, window, hop, channel, jobs), wish)
    sys.exit(SOME_FAILED if failed else 0)


@click.command()
@_model
@_inputs
@click.option(
    "--out",
    required=True,
    metavar="PLACE",
    help="A Parquet or CSV file, or FOLDER/NAME.yaml for an audformat database; of an archive a folder or a URL.",
)
@click.option(
    "--level",
    type=click.Choice(["segment", "utterance"]),
    default="segment",
    show_default=True,
    help="A row for each segment, or the statistics over time of each recording or window.",
)
@_window
@_hop
@_channel
@shard_option
@cluster_option
@decoders_option
@click.pass_context
def embed(
    ctx: click.Context,
    model: Path,
    inputs: tuple[str, ...],
    out: str,
    level: Literal["segment", "utterance"],
    window: float | None,
    hop: float,
    channel: str,
    most: int | None,
    cluster: str | None,
    jobs: int | None,
) -> None:
    """Write latent features of recordings as Parquet or CSV, indexed by (file, start, end); inputs as for `predict`.

    With --out FOLDER/NAME.yaml as the table `latents` of an audformat database; recordings lie in its FOLDER, or below.

    With --shard, --cluster or a URL as an archive in shards, as `emovae cache` writes them: --jobs are processes then.

    Exit code 1 is some recordings that could not be used, which standard error names; 0 is none.
    """
    from emovae.files import require_parquet
    from emovae.shells.asking import Asked, require_form_of_features, require_one_pace

    require_one_pace(ctx, window, hop)
    in_shards = most is not None or cluster is not None or LOCATION in out
    if not in_shards:
        require_form_of_features(Path(out))
    require_parquet()

    asked = Asked(inputs, window, hop, channel, jobs)
    if in_shards:
        from emovae.shells.embedding_apart import write_archive

        failed = write_archive(model, asked, level, out, most, cluster)
    else:
        from emovae.shells.embedding import write

        failed = write(model, asked, level, Path(out))
    click.echo(out, err=True)
    sys.exit(SOME_FAILED if failed else 0)
