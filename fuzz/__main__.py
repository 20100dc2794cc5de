"""Tries inputs, prints a table, and keeps each finding with what makes it again."""

import shutil
import sys
import tempfile
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import click

from fuzz import seeds
from fuzz.target import TARGETS, counts, prepared
from fuzz.watched import Tally, watch
from fuzz.worker import DIED, Finding, ask_one

FINDINGS = Path(__file__).parent / "findings"
KEPT = 3
"""Of findings that end in the same line so many are kept."""
MEMORY = Path("/dev/shm")
"""Where inputs lie, if the system has such a place: a disk would be what is waited for."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("targets", nargs=-1, type=click.Choice(list(TARGETS)))
@click.option("--inputs", default=100_000, show_default=True, type=click.IntRange(min=1), help="Over all targets.")
@click.option("--seed", default=0, show_default=True, help="Another one makes other inputs.")
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(min=1), help="Processes at once.")
@click.option("--only", type=int, help="Try this one input of the one target here, and say what comes of it.")
def main(targets: tuple[str, ...], inputs: int, seed: int, jobs: int, only: int | None) -> None:
    """Gives broken and hostile input to emovae: exit code 0 is nothing found, 1 is findings."""
    names = list(targets or TARGETS)
    if only is not None and len(names) != 1:
        raise click.UsageError("--only is about one target; name it")
    with tempfile.TemporaryDirectory(prefix="emovae-fuzz-", dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        _make_seeds(folder / "seeds")
        if only is not None:
            asked = ask_one(prepared(names[0], folder / "seeds"), names[0], seed, only, folder / "input")
            click.echo(asked.wrong or asked.refused or "accepted")
            sys.exit(bool(asked.wrong))
        began, seen = time.monotonic(), Counter[str]()

        def found(finding: Finding, place: Path) -> None:
            last = finding.what.strip().splitlines()[-1][:100]
            seen[last] += 1
            if seen[last] <= KEPT:
                click.echo(f"{finding.target} {finding.number}: {last}")
                _keep(finding, place, seed)

        tallies = watch(counts(names, inputs), seed, folder, jobs, found)
    click.echo("\n".join(table(tallies)))
    total = sum(len(tally.findings) for tally in tallies.values())
    click.echo(
        f"seed {seed}, {time.monotonic() - began:.0f} s, {total} findings" + (f" in {FINDINGS}" if total else "")
    )
    sys.exit(bool(total))


def table(tallies: dict[str, Tally]) -> list[str]:
    """What came of each target, and of all."""
    whole = Tally()
    for tally in tallies.values():
        whole.refused += tally.refused
        whole.accepted += tally.accepted
        whole.findings += tally.findings
        whole.slowest_s = max(whole.slowest_s, tally.slowest_s)
        whole.peak_bytes = max(whole.peak_bytes, tally.peak_bytes)
    head = f"{'target':10} {'inputs':>8} {'refused':>8} {'accepted':>8} {'findings':>8} {'slowest':>9} {'memory':>9}"
    lines = [f"| {head} |"]
    for name, tally in [*tallies.items(), ("all", whole)]:
        count = tally.refused + tally.accepted + len(tally.findings)
        lines.append(
            f"| {name:10} {count:8,} {tally.refused:8,} {tally.accepted:8,} {len(tally.findings):8,}"
            f" {tally.slowest_s:7.2f} s {tally.peak_bytes / 2**20:5.0f} MiB |"
        )
    return lines


def _make_seeds(folder: Path) -> None:
    """In a process of its own, which takes the memory of the training along when it ends."""
    folder.mkdir()
    process = get_context("spawn").Process(target=seeds.make, args=(folder,))
    process.start()
    process.join()
    if process.exitcode:
        raise click.ClickException("the seeds could not be made; see above")


def _keep(finding: Finding, place: Path, seed: int) -> None:
    """The input and what came of it, under the name that makes it again."""
    kept = FINDINGS / f"{finding.target}-{seed}-{finding.number}"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(
        place,
        kept,
        symlinks=True,
        ignore=lambda _, names: [n for n in names if n == DIED],
        dirs_exist_ok=True,
        copy_function=_copied,
    )
    again = f"python -m fuzz {finding.target} --seed {seed} --only {finding.number}"
    (kept / "finding.txt").write_text(f"{again}\n\n{finding.what}\n", encoding="utf-8", errors="replace")


def _copied(source: str, target: str) -> str:
    """What is a plain file; a pipe would be waited for without end."""
    if Path(source).is_file():
        shutil.copy2(source, target)
    return target


if __name__ == "__main__":
    main()
