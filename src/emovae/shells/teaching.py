"""The command `emovae train`: a model to take along."""

from pathlib import Path
from typing import get_args

import click

from emovae.errors import ConfigError
from emovae.kinds import GRADUATES, ORDINARY, SHARED, USUAL, Target
from emovae.shells.options import at_home, cache_option, device_option, jobs_option, reader_option, require_one_division

MODELS = {model.lower(): model for model in GRADUATES}


class _ModelName(click.Choice[str]):
    """A model that can be taken along; of others it says which to train in their place."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if (model := value.upper()) in SHARED:
            raise ConfigError(f"{model} is for experiments so far; train {SHARED[model]}")
        return super().convert(value, param, ctx)


@click.command()
@click.option("--corpus", required=True, help="A folder, a label table, or synthetic[:N].")
@reader_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The model folder.")
@click.option("--model", type=_ModelName(list(MODELS)), help="[default: vae-lstm; with --preset best vae-ensemble]")
@click.option("--target", type=click.Choice(get_args(Target)), default="emotion", show_default=True)
@click.option("--preset", help="paper (as printed), default (careful) or best (an ensemble).  [default: default]")
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
    model: str | None,
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
    from emovae.seats import named

    if published is not None and fold is None:
        raise ConfigError(f"--folds {published} says who is held out, and --fold which of them; give both")
    if workers is not None and cluster is None:
        raise ConfigError(f"--workers {workers} are processes of a Ray cluster; name it with --cluster")
    require_one_division(published, assignments)
    stated = {"name": "train", "baselines": [], "targets": [target], "test_condition": ["marginal"]}
    asked = MODELS[model] if model else USUAL.get(preset or "", ORDINARY)
    experiment = presets.resolve({**stated, **named(asked)}, preset, assignments, "train")
    opened = open_corpus(corpus, reader)
    given = None if published is None else read_folds(published, opened.utterances)
    experiment = experiment if given is None else given.stated_in(experiment)

    from emovae.shells.graduating import graduate, require_free

    require_free(out, experiment, opened.name, replace=replace, fold=fold, estimated=estimate)
    graduate(
        experiment,
        opened,
        out,
        at_home(cache),
        jobs=jobs,
        device=device,
        given=given,
        fold=fold,
        estimated=estimate,
        cluster=cluster,
        workers=workers,
    )
