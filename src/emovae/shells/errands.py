"""What a worker of a Ray cluster does where several learn one autoencoder (see `learners`): one errand, sent to all."""

import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from torch import Tensor

from emovae.autoencoders import Network
from emovae.company import ALONE, Several
from emovae.course import Epoch
from emovae.encoders import examples_from
from emovae.errors import ConfigError, EmovaeError
from emovae.examples import Examples
from emovae.grid import Cell, Context
from emovae.machine import Machine, one_thread
from emovae.normalise import Normaliser
from emovae.portions import Block, Portion, gathered
from emovae.room import Room, machine_bytes
from emovae.settings import Autoencoder
from emovae.shells.cluster import another_version
from emovae.training import train_autoencoder

MIB = 2**20
RSS_UNIT = 1 if sys.platform == "darwin" else 2**10


class Errand(NamedTuple):
    """What all workers are sent.

    Attributes:
        network: before it has learned.
        settings: how it learns.
        seed: of its shuffle and its noise.
        machine: device and precision.
        portions: of each worker by its rank.
        source: an actor, see `Source`.
        told: a queue that leads back to who asks; takes epochs, notices, `Learned` and errors.
        wanted: the version of emovae that asks.
    """

    network: Network
    settings: Autoencoder
    seed: int
    machine: Machine
    portions: list[Portion]
    source: Any
    told: Any
    wanted: str


class Learned(NamedTuple):
    """What the first worker sends back: the trained weights and the curve."""

    weights: dict[str, Tensor]
    curve: list[Epoch]


class Source:
    """Where the cache lies: makes the segments of utterances when a worker asks for them."""

    def __init__(self, context: Context, cell: Cell, normaliser: Normaliser) -> None:
        self.context, self.cell, self.normaliser = context, cell, normaliser

    def examples(self, block: Block) -> Examples:
        """The segments of these utterances, and their conditions."""
        return examples_from(self.context, self.cell, self.normaliser, block)


def learn(told: dict[str, Any]) -> None:
    """What each worker does: fetches its portion, and learns in company.

    Args:
        told: the `Errand`, as "errand".

    Raises:
        EmovaeError: as `train_autoencoder`, or for another version of emovae; told to who asks, too.
    """
    errand: Errand = told["errand"]
    try:
        _learn(errand)
    except EmovaeError as error:
        errand.told.put(getattr(error, "cause", error))  # Ray wraps what an actor raised
        raise


def _learn(errand: Errand) -> None:
    if (other := another_version(errand.wanted)) is not None:
        raise other
    ray = ray_train()
    here = ray.train.get_context()
    rank, size = here.get_world_rank(), here.get_world_size()
    name = f"worker {rank + 1} of {size}"
    # Of the machine's memory half, for both sides of each worker on it.
    most = machine_bytes() // 4 // here.get_local_world_size()

    def fetch(block: Block) -> Examples:
        found: Examples = ray.get(errand.source.examples.remote(block))
        return found

    def tell(epoch: int, losses: Epoch) -> None:
        if rank == 0:
            errand.told.put((epoch, losses))

    with TemporaryDirectory() as folder, one_thread():
        train, validation = (gathered(side, Room(most, Path(folder)), fetch) for side in errand.portions[rank])
        errand.told.put(f"{name}: {len(train.segments)} segments to learn from, {len(validation.segments)} held out")
        network, company = errand.network.to(errand.machine.device), Several() if size > 1 else ALONE
        curve = train_autoencoder(
            network, train, validation, errand.settings, errand.seed, errand.machine, tell, company
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT // MIB
    errand.told.put(f"{name}: {peak} MiB at most")
    if rank == 0:
        errand.told.put(Learned({name: weight.cpu() for name, weight in network.state_dict().items()}, curve))


def ray_train() -> Any:
    """Ray with all of it that learning together needs.

    Raises:
        ConfigError: where it is not installed.
    """
    try:
        import ray.train.torch  # noqa: PLC0415 - an extra
        import ray.util.client  # noqa: PLC0415
        import ray.util.queue  # noqa: PLC0415
        import ray.util.scheduling_strategies  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(f"Ray Train is not whole: {error}; pip install 'emovae[cluster]'") from error
    return ray
