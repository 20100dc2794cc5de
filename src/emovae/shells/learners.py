"""One autoencoder learned by several workers of a Ray cluster, each with a portion of the segments (Ray Train).

Ray Train places the workers, one processor core or GPU each, spread over the machines, and joins them by gloo or NCCL;
what they do is `training.train_autoencoder` in company. No disk has to be shared: segments are cut from the frames
where the cache lies, and travel block by block to whom they belong. A worker that is lost ends them all: its portion
is nowhere else, and who learns again from the first epoch learns the very same.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from emovae import normalise
from emovae.course import OnEpoch
from emovae.encoders import examples_from, fresh_network, keep_encoder, kept_encoder, members_of
from emovae.errors import ConfigError, EmovaeError
from emovae.grid import Cell, Context, scale_members, seed_of
from emovae.material import autoencoder_listener
from emovae.normalise import Normaliser
from emovae.portions import portions
from emovae.room import Room
from emovae.shells.cluster import Cluster
from emovae.shells.errands import Errand, Learned, Source, learn, ray_train
from emovae.watcher import Watcher


class Learners:
    """Trains the autoencoder of a cell with several workers.

    Args:
        cluster: where they are.
        workers: how many.
        device: `cpu` or `cuda`, on which each learns.

    Raises:
        ConfigError: where the cluster cannot have so many at once, or this is no machine of it.
    """

    def __init__(self, cluster: Cluster, workers: int, device: str) -> None:
        self.ray, self.workers, self.device = cluster.ray, workers, device
        self.train = ray_train().train
        if self.ray.util.client.ray.is_connected():
            raise ConfigError("--workers reads the cache on a machine of the cluster; run the command on one of them")
        kind, name = ("GPU", "GPUs") if device == "cuda" else ("CPU", "processor cores")
        if (there := int(self.ray.cluster_resources().get(kind, 0))) < workers:
            raise ConfigError(
                f"--workers {workers} asks for as many {name}, and the cluster has {there}; ask for fewer, or add"
                " machines"
            )

    def __call__(self, context: Context, cell: Cell, watcher: Watcher) -> None:
        """Trains and keeps the autoencoder of a cell; a finished one is left as it is.

        Raises:
            EmovaeError: when training diverges, or a worker is lost.
        """
        if kept_encoder(context, cell) is not None:
            return
        context = context._replace(frames=replace(context.frames, folder=context.frames.folder.absolute()))
        normaliser = normalise.fit(context.frames, scale_members(context, cell), context.experiment.normalise)
        errand = self._errand(context, cell, normaliser)
        learned = self._learned(errand, autoencoder_listener(context, cell, watcher.step), watcher)
        errand.network.load_state_dict(learned.weights)
        validation = examples_from(context, cell, normaliser, members_of(context, cell)[1])
        keep_encoder(context, cell, errand.network.to(self.device), learned.curve, validation)

    def _errand(self, context: Context, cell: Cell, normaliser: Normaliser) -> Errand:
        ray = self.ray
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        source = ray.remote(num_cpus=0, scheduling_strategy=here)(Source)
        machine = context.machine._replace(room=Room())
        return Errand(
            network=fresh_network(context, cell),
            settings=context.autoencoder(cell),
            seed=seed_of(context, cell, "autoencoder"),
            machine=machine,
            portions=portions(context, cell, self.workers),
            source=source.remote(context._replace(folder=Path(), machine=machine), cell, normaliser),
            told=ray.util.queue.Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here}),
            wanted=version("emovae"),
        )

    def _learned(self, errand: Errand, on_epoch: OnEpoch, watcher: Watcher) -> Learned:
        failed = None
        with TemporaryDirectory() as notes, ThreadPoolExecutor(1) as pool:
            heard = pool.submit(_hear, errand, on_epoch, watcher)
            try:
                self._trainer(errand, notes).fit()
            except (self.train.TrainingFailedError, self.ray.exceptions.RayError) as error:
                failed = error
            finally:
                errand.told.put(None)
            found = heard.result()
        if isinstance(found, Learned):
            return found
        raise found or EmovaeError(
            f"{_failures(failed)}; nothing of the autoencoder is kept, and the same command learns it anew"
        ) from failed

    def _trainer(self, errand: Errand, notes: str) -> Any:
        train, on_gpu = self.train, self.device == "cuda"
        return train.torch.TorchTrainer(
            learn,
            train_loop_config={"errand": errand},
            torch_config=train.torch.TorchConfig(backend="nccl" if on_gpu else "gloo"),
            scaling_config=train.ScalingConfig(
                num_workers=self.workers,
                use_gpu=on_gpu,
                resources_per_worker={"CPU": 1, **({"GPU": 1} if on_gpu else {})},
                placement_strategy="SPREAD",
            ),
            run_config=train.RunConfig(name="autoencoder", storage_path=notes),
        )


def _hear(errand: Errand, on_epoch: OnEpoch, watcher: Watcher) -> Learned | EmovaeError | None:
    """Hears the workers out; what they learned, or the first error that a person can mend."""
    found: Learned | EmovaeError | None = None
    while (told := errand.told.get()) is not None:
        if isinstance(told, str):
            watcher.notice(told)
        elif isinstance(told, Learned | EmovaeError):
            found = found or told
        else:
            on_epoch(*told)
    return found


def _failures(error: BaseException | None) -> str:
    """What Ray Train says of each worker that failed: that it was lost, or the last line of what it raised."""
    told = []
    for rank, why in sorted(getattr(error, "worker_failures", {}).items()):
        kind = type(why).__name__
        last = (str(why).strip() or kind).splitlines()[-1]
        told.append(f"worker {rank + 1} was lost" if "HealthCheck" in kind else f"worker {rank + 1}: {last}")
    return "; ".join(told) or f"Ray Train failed: {error}"
