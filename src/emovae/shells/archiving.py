"""What `emovae cache` and `emovae embed` do to make an archive in shards."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from functools import partial
from typing import NamedTuple

import click
from joblib import cpu_count  # it knows the limits of a container too

from emovae.files import clear_begun
from emovae.locks import held
from emovae.places import Folder, Place
from emovae.seals import Seal, content_of, finished, keep_seal, stated
from emovae.shards import Plan, Work
from emovae.shells.options import bar
from emovae.shells.spreading import Spread, on_cluster, on_this_machine

TOLD = 10
"""So many recordings that cannot be used are named; the seals name them all."""


class Archived(NamedTuple):
    """What an archive has become.

    Attributes:
        made: how many shards were made now.
        rows: of all shards.
        frames: or segments, in all of them.
        failed: recordings that cannot be used.
        content: SHA-256 of all that the archive holds.
    """

    made: int
    rows: int
    frames: int
    failed: int
    content: str


def archive(work: Work, plan: Plan, place: Place, jobs: int | None, cluster: str | None) -> Archived:
    """Makes what is not yet made of an archive, and tells what it holds.

    Args:
        work: what is made of recordings.
        plan: of the archive.
        place: where it is to lie.
        jobs: processes of this machine; None for as many as there are cores.
        cluster: the address of a Ray cluster that does it in their place; None for none.

    Raises:
        EmovaeError: where the place, the cluster or the recordings cannot be used; finished shards are kept.
    """
    with ExitStack() as until_done:
        if isinstance(place, Folder):  # a location has no locks; two that write there write the same
            until_done.enter_context(held(place.path / "shards", _say))
            clear_begun(place.path, "shard-*")
        spread = until_done.enter_context(_spread(jobs or cpu_count(), cluster))
        stated(place, plan)
        seals = finished(place, plan, _say)
        ready = len(seals)
        _say(f"{place}: {plan.recordings:,} recordings in {len(plan.shards)} shards; {ready} finished before")
        _finish(work, plan, place, spread, seals)
    ordered = [seals[shard.number] for shard in plan.shards]
    _name([problem for seal in ordered for problem in seal.made.problems[:TOLD]])
    return Archived(
        len(ordered) - ready,
        sum(seal.made.rows for seal in ordered),
        sum(seal.made.frames for seal in ordered),
        sum(len(seal.made.problems) for seal in ordered),
        content_of(ordered),
    )


def _finish(work: Work, plan: Plan, place: Place, spread: Spread, seals: dict[int, Seal]) -> None:
    """Makes and seals what has no seal; `seals` is filled on the way."""
    todo = [shard for shard in plan.shards if shard.number not in seals]
    with bar("shards") as progress, closing(spread(work, todo, place)) as each:
        progress(len(seals), len(plan.shards))
        for shard, seal in each:
            keep_seal(place, shard, seal)
            seals[shard.number] = seal
            progress(len(seals), len(plan.shards))
            problems = f", {len(seal.made.problems)} unusable" if seal.made.problems else ""
            _say(f"[{len(seals)}/{len(plan.shards)}] {shard.name}: {seal.made.rows:,} rows{problems}")


@contextmanager
def _spread(jobs: int, cluster: str | None) -> Iterator[Spread]:
    if cluster is None:
        yield on_this_machine(jobs)
        return
    from emovae.shells.cluster import Cluster  # noqa: PLC0415 - only where it is asked for

    # Ray tells of lost processes on standard output, where only the result belongs.
    with redirect_stdout(sys.stderr), closing(Cluster(cluster)) as there:
        yield on_cluster(there)


def _name(problems: list[tuple[str, str]]) -> None:
    for utterance, why in problems[:TOLD]:
        _say(f"{utterance} {why}")


_say = partial(click.echo, err=True)
