"""The commands of a trained model: `emovae train`, `predict`, `embed`."""

import re
import sys
from pathlib import Path
from typing import Literal, get_args

import click

from emovae.errors import ConfigError
from emovae.kinds import Model, Target
from emovae.shells.options import at_home, cache_option, device_option, jobs_option, reader_option, require_one_division

MODELS = {model.lower(): model for model in get_args(Model)}
SOME_FAILED = 1
SECONDS = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s)?")


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """A length of time: `2s`, `0.5`, `500ms`; whole hundredths of a second."""
    if value is None:
        return None
    found = SECONDS.fullmatch(value.strip())
    seconds = 0.0 if found is None else float(found[1]) / (1000 if found[2] == "ms" else 1)
    if seconds < 0.01 or abs(seconds * 100 - round(seconds * 100)) > 1e-6:
        raise click.BadParameter(f"{value!r} is no time in steps of 10 ms; write 2s, 0.5s or 500ms")
    return seconds


@click.command()
@click.option("--corpus", required=True, help="A folder, a label table, or synthetic[:N].")
@reader_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The model folder.")
@click.option("--model", type=click.Choice(list(MODELS)), default="vae-lstm", show_default=True)
@click.option("--target", type=click.Choice(get_args(Target)), default="emotion", show_default=True)
@click.option("--preset", help="paper (as printed) or default (a careful study).  [default: default]")
@click.option("--folds", "published", metavar="FILE", type=click.Path(path_type=Path), help="A published split.")
@click.option("--fold", help="Learn from the training side of this fold alone, by its name or number.")
@click.option("--estimate/--no-estimate", default=True, help="Train on every fold first, to say what to expect.")
@jobs_option
@device_option
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Any setting, such as normalise=none.")
@cache_option
def train(
    corpus: str,
    reader: str | None,
    out: Path,
    model: str,
    target: str,
    preset: str | None,
    published: Path | None,
    fold: str | None,
    estimate: bool,
    jobs: int | None,
    device: str,
    assignments: tuple[str, ...],
    cache: Path,
) -> None:
    """Train a model to take along, from all of a corpus, and say what to expect of it."""
    from emovae import presets
    from emovae.corpora import open_corpus
    from emovae.folds_file import read_folds

    if published is not None and fold is None:
        raise ConfigError(f"--folds {published} says who is held out, and --fold which of them; give both")
    require_one_division(published, assignments)
    stated = {"name": "train", "models": [MODELS[model]], "baselines": [], "targets": [target]}
    experiment = presets.resolve({**stated, "test_condition": ["marginal"]}, preset, assignments, "train")
    opened = open_corpus(corpus, reader)
    given = None if published is None else read_folds(published, opened.utterances)
    experiment = experiment if given is None else given.stated_in(experiment)

    from emovae.shells.graduating import graduate

    how = {"jobs": jobs, "device": device, "given": given, "fold": fold, "estimated": estimate}
    graduate(experiment, opened, out, at_home(cache), **how)  # type: ignore[arg-type]


_model = click.argument("model", type=click.Path(path_type=Path))
_inputs = click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
_window = click.option(
    "--window", metavar="TIME", callback=_seconds, help="A timeline: the length of its windows, such as 2s."
)
_hop = click.option(
    "--hop", metavar="TIME", callback=_seconds, default="0.5s", show_default=True, help="From one window to the next."
)
_channel = click.option(
    "--channel", type=click.Choice(["mix", "left", "right", "each"]), default="mix", show_default=True
)
_readers = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Recordings decoded at once.  [default: as many as there are cores, and 4 at most]",
)


@click.command()
@_model
@_inputs
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "jsonl", "parquet"]),
    help="[default: table, or by the name of --out]",
)
@click.option("--out", type=click.Path(path_type=Path), help="A file.  [default: standard output]")
@_window
@_hop
@click.option(
    "--reject",
    type=click.FloatRange(0, 1, max_open=True),
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
@_readers
def predict(
    model: Path,
    inputs: tuple[str, ...],
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

    Exit code 1 is an error in some rows, 0 in none.
    """
    from emovae.shells.asking import Asked
    from emovae.shells.predicting import Wish, tell

    failed = tell(model, Asked(inputs, window, hop, channel, jobs), Wish(form, out, reject, tempered))
    sys.exit(SOME_FAILED if failed else 0)


@click.command()
@_model
@_inputs
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A Parquet file.")
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
@_readers
def embed(
    model: Path,
    inputs: tuple[str, ...],
    out: Path,
    level: Literal["segment", "utterance"],
    window: float | None,
    hop: float,
    channel: str,
    jobs: int | None,
) -> None:
    """Write the latent features of recordings as Parquet, indexed by (file, start, end); inputs as for `predict`.

    Exit code 1 is some recordings that could not be used, which standard error names; 0 is none.
    """
    from emovae.shells.asking import Asked
    from emovae.shells.embedding import write

    failed = write(model, Asked(inputs, window, hop, channel, jobs), level, out)
    click.echo(out, err=True)
    sys.exit(SOME_FAILED if failed else 0)
