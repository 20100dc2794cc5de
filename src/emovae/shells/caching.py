"""The command `emovae cache`: the frames of a corpus as an archive in shards."""

import sys

import click

from emovae.errors import ConfigError
from emovae.shells.options import SOME_FAILED, cluster_option, jobs_option, reader_option, shard_option

FRONT_END = "front_end."


@click.command()
@click.option("--corpus", required=True, help="A folder, a label table, or synthetic[:N].")
@reader_option
@click.option("--out", required=True, metavar="PLACE", help="A folder, or a URL such as s3://BUCKET/FRAMES.")
@shard_option
@cluster_option
@jobs_option
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help=f"Settings such as {FRONT_END}bands=40.")
def cache(
    corpus: str,
    reader: str | None,
    out: str,
    most: int | None,
    cluster: str | None,
    jobs: int | None,
    assignments: tuple[str, ...],
) -> None:
    """Write the log-mel frames of a corpus as Parquet in shards, to a folder or to a store of objects.

    The same command goes on where it was ended: a shard that is finished is not made again. See `emovae.archive` for
    reading them.

    Exit code 1 is some recordings that could not be used, which the seals name; 0 is none.
    """
    from emovae import presets
    from emovae.corpora import open_corpus
    from emovae.files import require_parquet

    require_parquet()
    if strange := [one for one in assignments if not one.strip().startswith(FRONT_END)]:
        raise ConfigError(f"--set {strange[0]} is no setting of frames; those begin with {FRONT_END}")
    front_end = presets.resolve({"name": "cache"}, None, assignments, "cache").front_end
    opened = open_corpus(corpus, reader)

    from emovae.frame_shards import FrameWork, planned_frames
    from emovae.mel import HOP_MS
    from emovae.places import place_of
    from emovae.shards import RECORDINGS
    from emovae.shells.archiving import archive

    work = FrameWork(opened.name, opened.voice, front_end)
    told = archive(work, planned_frames(opened, work, most or RECORDINGS), place_of(out), jobs, cluster)
    hours = told.frames * HOP_MS / 3_600_000
    click.echo(f"{told.rows:,} utterances, {hours:.2f} h, {told.failed:,} unusable\nsha256 {told.content}")
    sys.exit(SOME_FAILED if told.failed else 0)
