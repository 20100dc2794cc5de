"""What `emovae run`, `quickstart` and `report` do once their arguments and the corpus are read; this brings torch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from joblib import cpu_count  # it knows the limits of a container too

from emovae.audited import as_json
from emovae.boards import open_board
from emovae.config import Experiment
from emovae.corpora import Corpus
from emovae.errors import AudioError, ConfigError, CorpusError, EmovaeError, OutputError, ProtocolError
from emovae.experiment import Outcome, run
from emovae.files import fingerprint, read_json, write_bytes, write_json
from emovae.freshness import is_fresh
from emovae.given_folds import GivenFolds
from emovae.locks import held
from emovae.machine import resolve_device
from emovae.presets import variants
from emovae.shells.progress import Progress, record
from emovae.tasks import tasks_of
from emovae.tracking import Tracker
from emovae.watcher import Several

if TYPE_CHECKING:
    from emovae.shells.cluster import Cluster


def perform(
    experiment: Experiment,
    corpus: Corpus,
    where: str,
    out: Path | None,
    cache: Path,
    *,
    jobs: int | None,
    device: str,
    track: Sequence[str] = (),
    given: GivenFolds | None = None,
    memory_gib: float | None = None,
    cluster: str | None = None,
) -> None:
    """Runs an experiment with progress on standard error, prints its table, and writes its report.

    Args:
        experiment: the configuration as resolved.
        corpus: what to run it on.
        where: the corpus as the command line named it.
        out: the run folder; None for one in `runs`.
        cache: where frames are kept, `~` resolved.
        jobs: how many processes; None for as many as there are cores, or one on a GPU.
        device: `auto`, `cpu` or `cuda`.
        track: which boards are told, see `boards`.
        given: the folds that others have made, where the experiment's protocols are `given`.
        memory_gib: what segments and latents may take; None for half of the machine's memory.
        cluster: the address of a Ray cluster that computes the cells; None for processes of this machine.

    Raises:
        EmovaeError: see `experiment.run`.
    """
    out = Path("runs") / f"{experiment.name}-{corpus.name}" if out is None else out
    with ExitStack() as until_done:
        elsewhere = None if cluster is None else until_done.enter_context(closing(_cluster(cluster)))
        chosen = resolve_device(device) if elsewhere is None else elsewhere.device(device)
        jobs = jobs or (1 if chosen == "cuda" else cpu_count())
        run_here = partial(
            run,
            corpus=corpus,
            cache=cache,
            jobs=jobs,
            device=chosen,
            memory_gib=memory_gib,
            given=given,
            cells_in=out / "cells",
            elsewhere=elsewhere,
        )
        facts = {"corpus": where, "jobs": jobs, "device": chosen}
        run_one = partial(_run_one, run_here, facts, track, corpus.name)
        _require_possible(experiment, corpus, out, given)
        until_done.enter_context(held(out / "cells", partial(click.echo, err=True)))
        if experiment.variants:
            _run_variants(experiment, corpus.name, out, run_one)
            return
        outcome = run_one(experiment, out)
        _write_audit(experiment, corpus, outcome.recordings, cache, jobs, out)
        click.echo((out / "table.md").read_text(encoding="utf-8"))
        click.echo(
            f"{out}: results.json, table.md, predictions.parquet, curves.parquet, config.toml, run.json", err=True
        )
        tell_report(out, again=False)


def _cluster(address: str) -> "Cluster":
    from emovae.shells.cluster import Cluster  # noqa: PLC0415 - only where it is asked for

    return Cluster(address)


def _require_possible(experiment: Experiment, corpus: Corpus, out: Path, given: GivenFolds | None) -> None:
    """What is wrong with variants is told before anything is learned, or written."""
    for name, one in variants(experiment).items() if experiment.variants else ():
        with _of_variant(name):
            tasks_of(one, corpus, corpus.utterances, given)
    if experiment.variants and (out / "results.json").exists():
        raise OutputError(f"{out} holds a run without variants; give --out a folder of its own, or remove that run")


def _run_one(
    run_here: Callable[..., Outcome],
    facts: Mapping[str, object],
    track: Sequence[str],
    corpus: str,
    experiment: Experiment,
    out: Path,
) -> Outcome:
    """One run with all that is written beside it; `facts` go into `run.json`."""
    with ExitStack() as open_until_done:
        progress = open_until_done.enter_context(Progress(f"{experiment.name} on {corpus}", out))
        boards = [Tracker(open_board(name, out), experiment, progress.say) for name in track]
        watcher = Several(progress, *map(open_until_done.enter_context, boards))
        outcome = run_here(experiment, out=out, watcher=watcher)
    record(out, **facts, computed=outcome.computed, seconds=progress.seconds())
    return outcome


@contextmanager
def _of_variant(name: str) -> Iterator[None]:
    """Says whose error it is, and how to go on without: `--set` cannot change what a variant states."""
    try:
        yield
    except (ConfigError, ProtocolError) as error:
        remedy = "to run without variants, give --set 'variants=[]' with the settings that you want"
        raise type(error)(f"variant {name}: {error}; {remedy}") from error
    except EmovaeError as error:
        raise type(error)(f"variant {name}: {error}") from error


def _run_variants(
    experiment: Experiment, corpus: str, out: Path, run_one: Callable[[Experiment, Path], Outcome]
) -> None:
    """Every variant in a folder of its own, each with its report, and one table of all."""
    from emovae.ablation import ablation, markdown  # noqa: PLC0415

    told = {}
    for name, one in variants(experiment).items():
        with _of_variant(name):
            told[name] = run_one(one, out / name).results
            tell_report(out / name, again=False)
    text = markdown(experiment.name, corpus, ablation(told))
    write_bytes(out / "table.md", text.encode())
    click.echo(text)
    click.echo(f"{out}: table.md, and a folder for each of {', '.join(told)}", err=True)


def _write_audit(experiment: Experiment, corpus: Corpus, recordings: str, cache: Path, jobs: int, out: Path) -> None:
    """What else than emotion the corpus gives away, for the report; a corpus that cannot be asked has no audit.

    One of the same recordings and labels, as an earlier run has left it, stays as it is.
    """
    from emovae.audit import AUDIT_VERSION, audit  # noqa: PLC0415

    place = out / "audit.json"
    if "emotion" not in experiment.targets:
        place.unlink(missing_ok=True)  # of an earlier run with other settings
        return
    labels = repr([replace(utterance, audio=None) for utterance in corpus.utterances])
    about = [AUDIT_VERSION, corpus.name, list(corpus.notices), corpus.mapping, experiment.mapping]
    asked = fingerprint([*about, recordings, labels])
    if _is_of(place, asked):
        return
    place.unlink(missing_ok=True)
    try:
        told = as_json(audit(corpus, cache, mapping=experiment.mapping, jobs=jobs))
        write_json(place, {**told, "asked": fingerprint([asked, told])})
    except (CorpusError, AudioError) as error:
        click.echo(f"no audit: {error}", err=True)


def _is_of(place: Path, asked: str) -> bool:
    """Whether an audit lies there that answers just this, and that nobody has changed."""
    try:
        told = read_json(place)
        return bool(told.pop("asked") == fingerprint([asked, told]))
    except (OutputError, AttributeError, KeyError, TypeError, ValueError):  # none, or not as it was written
        return False


def tell_report(folder: Path, *, again: bool = True) -> None:
    """Writes the report of a finished run, and says so; unless asked for again, not if it is as it would be."""
    if again or not is_fresh(folder):
        from emovae.report import write_report  # noqa: PLC0415 - with matplotlib, which no run should wait for

        write_report(folder)
    click.echo(f"{folder}: report.html, table.tex, figures/", err=True)
