"""Cells on a Ray cluster: each job asks for a processor core or a part of a GPU, and its files come back to be kept.

No disk has to be shared. Frames travel once to each machine through Ray's object store; a worker computes in a folder
of its own, with the function that computes a cell anywhere, and the files that it makes are written here, so that what
is finished is kept, and a job whose machine is lost is given to another.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from emovae.cells import run_cell
from emovae.descriptors import Descriptors
from emovae.encoders import encoder_place
from emovae.ensembles import with_autoencoder
from emovae.errors import ConfigError, EmovaeError
from emovae.files import write_bytes
from emovae.grid import Context
from emovae.stages import Listener, Step
from emovae.workers import Job

Item = TypeVar("Item")
Kept = TypeVar("Kept")

TRIES = 5
"""How often a job is given to another machine when its own is lost."""


class Sent(NamedTuple):
    """What comes back of a job: its files by their names, what it told on the way, or what was wrong."""

    files: dict[str, bytes]
    steps: list[Step]
    error: EmovaeError | None


class Cluster:
    """Runs jobs on a Ray cluster, in the place of `workers.run_jobs`.

    Args:
        address: of the cluster, `auto` for one that runs on this machine.
        gpu_share: of a GPU for each job, where the experiment is run on GPUs.

    Raises:
        ConfigError: where Ray is not installed, or there is no cluster at that address.
    """

    def __init__(self, address: str, gpu_share: float = 1.0) -> None:
        self.ray, self.gpu_share = _ray(), gpu_share
        try:
            self.ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"there is no Ray cluster at {address!r}: {str(error).partition(chr(10))[0]}; start one with `ray start"
                " --head`, or give the address that it tells"
            ) from error

    def __call__(self, context: Context, jobs: Sequence[Job], listen: Listener) -> Generator[Job]:
        """Runs jobs and yields each when it is done.

        Raises:
            EmovaeError: what a cell raised, or that machines were lost again and again. Finished cells are kept.
        """
        ray, own = self.ray, version("emovae")
        needs = {"num_gpus": self.gpu_share} if context.machine.device == "cuda" else {}
        task = ray.remote(num_cpus=1, max_retries=TRIES, **needs)(computed)
        about = ray.put(context._replace(folder=Path()))
        values = {name: ray.put(np.asarray(frames.values)) for name, frames in _read(context).items()}

        def submit(job: Job) -> Any:
            return task.remote(about, values, job, _begun(context, job), own)

        def keep(job: Job, sent: Sent) -> Job:
            self._keep(context, sent, listen)
            return job

        yield from self.spread(submit, jobs, keep, "job", "cells")

    def spread(
        self,
        submit: Callable[[Item], Any],
        items: Iterable[Item],
        keep: Callable[[Item, Any], Kept],
        one: str,
        finished: str,
        beside: int | None = None,
    ) -> Generator[Kept]:
        """Gives items to the cluster, and yields what is kept of each, in whatever order.

        Args:
            submit: gives a task for an item to Ray, and returns its reference.
            items: asked for as they are given out.
            keep: is called with an item and what came back of it; what it returns is yielded.
            one: what an item is called in an error.
            finished: what is kept, there.
            beside: how many items may be given out beside one for each processor core; None for all.

        Raises:
            EmovaeError: what `keep` raised, or that machines were lost again and again.
        """
        ray, rest, waiting, room = self.ray, iter(items), dict[Any, Item](), None
        try:
            while True:
                if beside is not None:  # machines come and go
                    room = max(0, int(ray.cluster_resources().get("CPU", 1)) + beside - len(waiting))
                for item in islice(rest, room):
                    waiting[submit(item)] = item
                if not waiting:
                    return
                (done,), _ = ray.wait(list(waiting), num_returns=1)
                yield keep(waiting.pop(done), ray.get(done))
                del done  # the cluster forgets what came back only now
        except ray.exceptions.RayError as error:
            raise EmovaeError(
                f"a {one} failed on the cluster: {str(error).partition(chr(10))[0]}; finished {finished} are kept,"
                " and the same command goes on from them"
            ) from error
        finally:
            for open_task in waiting:
                ray.cancel(open_task, force=True)

    def device(self, asked: str) -> str:
        """`cpu` or `cuda`, where `auto` is asked by what the cluster has.

        Raises:
            ConfigError: where GPUs are asked for, and it has none.
        """
        gpus = self.ray.cluster_resources().get("GPU", 0)
        if asked == "cuda" and not gpus:
            raise ConfigError("--device cuda: the cluster has no GPU; use --device cpu, or add machines that have one")
        return ("cuda" if gpus else "cpu") if asked == "auto" else asked

    def close(self) -> None:
        """Leaves the cluster."""
        self.ray.shutdown()

    @staticmethod
    def _keep(context: Context, sent: Sent, listen: Listener) -> None:
        for step in sent.steps:
            listen(step)
        # An autoencoder before the results that were read from it: who finds these finds that.
        for name in sorted(sent.files, key=lambda name: (name.endswith(".json"), name)):
            write_bytes(context.folder / name, sent.files[name])
        if sent.error is not None:
            raise sent.error


def computed(context: Context, values: dict[str, Any], job: Job, begun: dict[str, bytes], wanted: str) -> Sent:
    """Computes a job on a machine of the cluster.

    Args:
        context: what all cells share; its folder and its cache need not exist here.
        values: what lies in the cache, by its name in the context.
        job: the cells.
        begun: files of the job that are finished.
        wanted: the version of emovae that asks.
    """
    if (other := another_version(wanted)) is not None:
        return Sent({}, [], other)
    steps: list[Step] = []
    with TemporaryDirectory() as name:
        folder = Path(name) / "cells"
        folder.mkdir()
        for file, content in begun.items():
            write_bytes(folder / file, content)
        there = _there(context, {name: _fetched(one) for name, one in values.items()}, folder)
        error = None
        try:
            for cell in job:
                run_cell(there, cell, steps.append)
        except EmovaeError as found:
            error = found
        made = {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in begun}
    return Sent(made, steps, error)


def another_version(wanted: str) -> ConfigError | None:
    """What is wrong where this machine of the cluster has another version of emovae than the one that asks."""
    if (here := version("emovae")) == wanted:
        return None
    return ConfigError(f"a machine of the cluster has emovae {here}, and this one has {wanted}; install the same")


def _there(context: Context, values: dict[str, NDArray[Any]], folder: Path) -> Context:
    """The context as it is where the frames are at hand."""
    found = {name: frames.holding(values[name]) for name, frames in _read(context).items()}
    descriptors = Descriptors(**{name: one for name, one in found.items() if name != "frames"})
    room = context.machine.room._replace(folder=folder.parent / "arrays")
    return context._replace(
        frames=found["frames"], descriptors=descriptors, folder=folder, machine=context.machine._replace(room=room)
    )


def _read(context: Context) -> dict[str, Any]:
    """All that cells read of the recordings, by name."""
    found = {"frames": context.frames, **context.descriptors._asdict()}
    return {name: frames for name, frames in found.items() if frames is not None}


def _begun(context: Context, job: Job) -> dict[str, bytes]:
    """The autoencoders of a job whose results were not finished."""
    places = {encoder_place(*one) for cell in job for one in with_autoencoder(context, cell)}
    return {place.name: place.read_bytes() for place in places if place.exists()}


def _fetched(reference: Any) -> Any:
    return _ray().get(reference)


def _ray() -> Any:
    try:
        import ray  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError("Ray is not installed; pip install 'emovae[cluster]'") from error
    return ray
