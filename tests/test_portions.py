"""Portions together are what one process has, and each is its share."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from emovae import normalise
from emovae.corpora import Corpus
from emovae.encoders import examples_from, examples_of, members_of
from emovae.everyone import World, world_of
from emovae.examples import Examples
from emovae.experiment import frames_of
from emovae.grid import scale_members
from emovae.normalise import Normaliser
from emovae.portions import Block, Portion, gathered, portions
from emovae.presets import resolve
from emovae.room import IN_MEMORY, Room
from emovae.tasks import tasks_of
from emovae.watcher import Watcher

MODELS = ("VAE-LSTM", "CVAE-LSTM", "SSVAE-LSTM")


@pytest.fixture(scope="module", params=MODELS)
def world(request: pytest.FixtureRequest, small_corpus: Corpus, cache: Path, tiny: dict[str, Any]) -> World:
    keys = {**tiny, "models": [request.param], "baselines": [], "test_condition": ["marginal"], "precision": "float32"}
    experiment = resolve(keys)
    frames = frames_of(experiment, small_corpus, cache, Watcher(), 1)
    task = tasks_of(experiment, small_corpus, frames.utterances, None)[0]
    return world_of(experiment, frames, task, cache / "no cells", "cpu", None)


def normaliser_of(world: World) -> Normaliser:
    context, cell = world
    return normalise.fit(context.frames, scale_members(context, cell), context.experiment.normalise)


def all_gathered(world: World, found: list[Portion], room: Room = IN_MEMORY) -> list[list[Examples]]:
    """Of each side what each process holds."""
    normaliser = normaliser_of(world)

    def fetch(block: Block) -> Examples:
        return examples_from(*world, normaliser, block)

    return [[gathered(side, room, fetch) for side in sides] for sides in zip(*found, strict=True)]


def joined(parts: list[Tensor | None]) -> Tensor | None:
    some = [part for part in parts if part is not None]
    return torch.cat(some) if some else None


@pytest.mark.parametrize("processes", [1, 2, 3, 50])
def test_portions_in_a_row_are_all_examples_in_their_order(processes: int, world: World, tmp_path: Path) -> None:
    found = portions(*world, processes, block_bytes=2**17)
    assert len(found) == processes
    whole = examples_of(*world, normaliser_of(world))
    for room in (IN_MEMORY, Room(0, tmp_path)):
        for parts, one in zip(all_gathered(world, found, room), whole, strict=True):
            assert torch.equal(torch.cat([part.segments for part in parts]), one.segments)
            told = joined([part.conditions for part in parts])
            assert told is one.conditions is None or torch.equal(told, one.conditions)  # type: ignore[arg-type]


@pytest.mark.parametrize("processes", [2, 3])
def test_each_process_is_sent_its_equal_share_and_no_more(processes: int, world: World) -> None:
    normaliser, found = normaliser_of(world), portions(*world, processes)
    for members, sides in zip(members_of(*world), zip(*found, strict=True), strict=True):
        longest = max(len(examples_from(*world, normaliser, [member]).segments) for member in members)
        total = sum(side.rows for side in sides)
        assert all(abs(side.rows - total / processes) <= longest for side in sides)
        assert [member for side in sides for block in side.blocks for member in block] == members


def test_what_travels_at_once_is_small(world: World) -> None:
    normaliser, least = normaliser_of(world), 2**17
    blocks = [block for portion in portions(*world, 2, least) for side in portion for block in side.blocks]
    sizes = [[examples_from(*world, normaliser, [member]).segments.nbytes for member in block] for block in blocks]
    assert max(map(len, blocks)) > 1
    assert all(sum(each[:-1]) <= least for each in sizes)
