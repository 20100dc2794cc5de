"""The commands that ask a trained model about recordings: `emovae predict` and `embed`."""

import sys
from pathlib import Path
from typing import Literal

import click

from emovae.places import LOCATION
from emovae.shells.options import SOME_FAILED, cluster_option, decoders_option, shard_option
from emovae.shells.times import Share, seconds_option

_model = click.argument("model", type=click.Path(path_type=Path))
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
@click.option(
    "--speaker-column",
    metavar="NAME",
    help="Who speaks, in the tables of INPUT: each is judged on a scale of their own, by a model of --preset best.",
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
    speaker_column: str | None,
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
    from emovae.shells.asking import Asked, require_one_origin, require_one_pace, require_one_voice

    require_one_origin(ctx, inputs, microphone, seconds, channel)
    require_one_pace(ctx, window, hop, live=microphone)
    require_one_voice(ctx, speaker_column, window, channel, live=microphone)

    from emovae.shells.predicting import Wish, tell

    wish = Wish(form, out, reject, tempered)
    if microphone:
        from emovae.shells.listening import Pace, listen

        listen(model, Pace(window, hop, seconds), wish)
        return
    failed = tell(model, Asked(inputs, window, hop, channel, jobs, speaker_column), wish)
    sys.exit(SOME_FAILED if failed else 0)


@click.command()
@_model
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
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
