"""The commands of corpora as such: `emovae corpora`, `check` and `audit` look at them, `synthesize` makes one."""

import sys
from pathlib import Path
from typing import Literal

import click

from emovae.labels import MAPPINGS, LabelMapping
from emovae.shells.options import at_home, bar, cache_option, jobs_option, reader_option

FINDINGS = 1
"""The exit code where something was found."""

_recordings_option = click.option(
    "--jobs", type=click.IntRange(min=1), help="Recordings at once.  [default: one for each processor core]"
)


@click.command()
def corpora() -> None:
    """Every reader: what it expects, its licence, where to get it."""
    from emovae.corpora import READERS
    from emovae.corpora.release import ByHand

    for reader in READERS:
        click.echo(f"{reader.name}: {reader.title}")
        for what in ("expects", "licence", "source"):
            click.echo(f"  {what + ':':9}{getattr(reader, what)}")
        if reader.release is not None and not isinstance(reader.release, ByHand):
            click.echo(f"  fetch:   emovae fetch {reader.name} --out FOLDER")
    click.echo("synthetic: made-up voices, the default of --corpus; synthetic:N makes N utterances")


@click.command()
@click.argument("corpus")
@reader_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every list in full.")
@_recordings_option
def check(corpus: str, reader: str | None, as_json: bool, jobs: int | None) -> None:
    """Examine a corpus, a folder or a label table, and tell all that is wrong: exit code 0 is nothing, 1 findings."""
    import json

    from joblib import cpu_count

    from emovae import corpora, diagnosis, doctor

    chosen = corpora.recorded(corpus, reader)
    with bar("recordings") as progress:
        found = doctor.examine(chosen, Path(corpus), jobs=jobs or cpu_count(), progress=progress)
    click.echo(json.dumps(diagnosis.as_json(found), indent=1) if as_json else "\n".join(diagnosis.lines(found)))
    sys.exit(FINDINGS if found.findings else 0)


@click.command()
@click.argument("corpus")
@reader_option
@click.option(
    "--mapping",
    type=click.Choice(["corpus", *MAPPINGS]),
    default="corpus",
    show_default=True,
    help="Which emotions are told apart; `corpus` is what studies of it usually take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every figure.")
@_recordings_option
@cache_option
def audit(
    corpus: str,
    reader: str | None,
    mapping: LabelMapping | Literal["corpus"],
    as_json: bool,
    jobs: int | None,
    cache: Path,
) -> None:
    """Ask what else than emotion a corpus gives away: exit code 0 is nothing, 1 is speaker, words or channel."""
    import json

    from joblib import cpu_count

    from emovae import audited
    from emovae.corpora import open_corpus

    opened = open_corpus(corpus, reader)  # before torch is imported: a wrong folder is told at once

    from emovae.audit import audit as ask

    with bar("recordings") as progress:
        told = ask(opened, at_home(cache), mapping=mapping, jobs=jobs or cpu_count(), progress=progress)
    click.echo(json.dumps(audited.as_json(told), indent=1) if as_json else "\n".join(audited.lines(told)))
    sys.exit(FINDINGS if told.found else 0)


@click.command()
@click.argument("corpus", type=click.Choice(["iemocap"]))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--scale", type=float, default=1.0, show_default=True, help="Share of the turns, over 0 and at most 1.")
@jobs_option
def synthesize(corpus: str, out: Path, scale: float, jobs: int | None) -> None:
    """Write a corpus like IEMOCAP, of synthetic voices, into the new or empty folder OUT."""
    from joblib import cpu_count

    from emovae.corpora import iemocap_like

    with bar(f"turns like {corpus}'s") as progress:
        written = iemocap_like.synthesize(out, scale, jobs or cpu_count(), tell=progress)
    click.echo(
        f"{written.release}: {written.turns:,} turns in {written.dialogs} dialogues, {written.hours:.2f} h of "
        f"synthetic voices; see `emovae check {out}`"
    )
