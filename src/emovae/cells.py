"""How one cell is computed: one model, fold, seed and test condition, from frames to probabilities of who is tested."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray

from emovae import normalise, rivals
from emovae.autoencoders import Network, build
from emovae.classifiers import LSTMClassifier
from emovae.errors import ProtocolError
from emovae.files import damaged, read_json, write_bytes, write_json
from emovae.grid import (
    Cell,
    Context,
    autoencoder_key,
    autoencoder_members,
    cell_key,
    is_learned,
    is_rival,
    scale_members,
    seed_of,
)
from emovae.latents import Sequences, conditions, latent_sequences, merged
from emovae.machine import give_memory_back, one_thread
from emovae.normalise import Normaliser
from emovae.seeds import seed_for
from emovae.segments import frames_per_segment, segment
from emovae.training import (
    Epoch,
    Examples,
    Labelled,
    predict,
    train_autoencoder,
    train_classifier,
)


class Step(NamedTuple):
    """Told while a cell is computed: a stage's epoch, of how many at most, and its losses."""

    cell: Cell
    stage: str
    epoch: int
    epochs: int
    losses: Epoch


Listener = Callable[[Step], None]


class CellResult(NamedTuple):
    """What a cell leaves.

    Attributes:
        probabilities: of the tested utterances, float32 [utterance, class].
        classifier_curve: its learning curve, see `training`; empty for a baseline.
        autoencoder_curve: the same of the autoencoder.
    """

    probabilities: NDArray[np.float32]
    classifier_curve: list[Epoch]
    autoencoder_curve: list[Epoch]


def result_of(context: Context, cell: Cell) -> CellResult | None:
    """The finished result of a cell, or None.

    Raises:
        OutputError: when its file is damaged.
    """
    place = _place(context, cell)
    if not place.exists():
        return None
    kept = read_json(place)
    wanted = (len(context.fold(cell).test), len(context.tasks[cell.task].classes))
    try:
        result = CellResult(
            np.asarray(kept["probabilities"], np.float32), kept["classifier_curve"], kept["autoencoder_curve"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(place, f"{type(error).__name__}: {error}") from error
    if result.probabilities.shape != wanted:
        raise damaged(place, f"probabilities of shape {result.probabilities.shape}, not {wanted}")
    return result


def run_cell(context: Context, cell: Cell, listen: Listener) -> None:
    """Computes a cell and writes its result, with one thread; a finished one is left as it is.

    Raises:
        EmovaeError: when training diverges or the folder cannot be written.
    """
    if result_of(context, cell) is not None:
        return
    with one_thread():
        result = _computed(context, cell, listen)
    give_memory_back()
    write_json(
        _place(context, cell),
        {"cell": cell._asdict(), **result._asdict(), "probabilities": result.probabilities.tolist()},
    )


def _place(context: Context, cell: Cell) -> Path:
    return context.folder / f"{cell_key(context, cell)}.json"


def _computed(context: Context, cell: Cell, listen: Listener) -> CellResult:
    if is_learned(cell):
        return _learned(context, cell, listen)
    if not is_rival(cell):
        return CellResult(rivals.baseline(context, cell), [], [])
    epochs = context.experiment.classifier.epochs
    probabilities, curve = rivals.rival(
        context, cell, lambda epoch, losses: listen(Step(cell, cell.model, epoch, epochs, losses))
    )
    return CellResult(probabilities, curve, [])


def _learned(context: Context, cell: Cell, listen: Listener) -> CellResult:
    task, fold, machine = context.tasks[cell.task], context.fold(cell), context.machine
    settings = context.experiment.classifier
    normaliser = normalise.fit(context.frames, scale_members(context, cell), context.experiment.normalise)
    network, autoencoder_curve = _autoencoder(context, cell, normaliser, listen)
    train, validation, test = (
        _sequences(context, cell, network, normaliser, members) for members in (fold.train, fold.validation, fold.test)
    )
    seed = seed_of(context, cell, "classifier")
    classifier = LSTMClassifier(
        train.values.shape[1],
        len(task.classes),
        settings,
        torch.Generator().manual_seed(seed_for(seed, "weights")),
    ).to(machine.device)
    curve = train_classifier(
        classifier,
        Labelled(train, task.numbers(fold.train)),
        Labelled(validation, task.numbers(fold.validation)),
        settings,
        seed,
        machine,
        lambda epoch, losses: listen(Step(cell, "LSTM", epoch, settings.epochs, losses)),
    )
    return CellResult(predict(classifier, test, machine), curve, autoencoder_curve)


def _sequences(
    context: Context, cell: Cell, network: Network, normaliser: Normaliser, members: Sequence[int]
) -> Sequences:
    """Training and tested latents are built alike, by the same condition."""
    experiment, task = context.experiment, context.tasks[cell.task]
    weights = None
    if cell.test_condition is not None:
        told = task.condition_numbers(members)
        weights = conditions(told, len(task.condition_classes), oracle=cell.test_condition == "oracle")
    noise = torch.Generator(context.machine.device).manual_seed(seed_of(context, cell, "sample"))
    segmented = segment(normaliser, members, experiment.segments)
    sequences = latent_sequences(network, segmented, weights, experiment.features, noise)
    return merged(sequences) if experiment.merge == "statistics" else sequences


def kept_autoencoder(context: Context, cell: Cell) -> tuple[Network, list[Epoch]] | None:
    """The finished autoencoder of a cell, on the CPU, and its learning curve, or None.

    Raises:
        OutputError: when its file is damaged.
    """
    place = _weights_place(context, cell)
    if not place.exists():
        return None
    network = _fresh_autoencoder(context, cell)
    try:
        with safetensors.safe_open(place, "pt") as kept:
            curve: list[Epoch] = json.loads(kept.metadata()["curve"])
            network.load_state_dict({name: kept.get_tensor(name) for name in kept.keys()})  # noqa: SIM118
    except (safetensors.SafetensorError, RuntimeError, OSError, KeyError, TypeError, ValueError) as error:
        raise damaged(place, error) from error
    return network, curve


def _weights_place(context: Context, cell: Cell) -> Path:
    return context.folder / f"{autoencoder_key(context, cell)}.safetensors"


def _fresh_autoencoder(context: Context, cell: Cell) -> Network:
    experiment = context.experiment
    return build(
        cell.model,
        frames_per_segment(experiment.segments) * experiment.front_end.bands,
        len(context.tasks[cell.task].condition_classes),
        context.autoencoder(cell),
        torch.Generator().manual_seed(seed_for(seed_of(context, cell, "autoencoder"), "weights")),
    )


def _autoencoder(context: Context, cell: Cell, normaliser: Normaliser, listen: Listener) -> tuple[Network, list[Epoch]]:
    """The trained autoencoder of a cell and its curve: read where it is finished, trained and kept otherwise."""
    machine, settings = context.machine, context.autoencoder(cell)
    if (kept := kept_autoencoder(context, cell)) is not None:
        network, curve = kept
        return network.to(machine.device), curve
    network, seed = _fresh_autoencoder(context, cell), seed_of(context, cell, "autoencoder")
    seen = autoencoder_members(context, cell)
    if not all(seen):
        raise ProtocolError(
            f"{cell.model}, {context.fold(cell).name}: nobody who is learned from, or nobody who stops the learning,"
            " has an emotion to condition on; use --set condition=target"
        )
    train, validation = (_examples(context, cell, normaliser, members) for members in seen)
    stage = cell.model.removesuffix("-LSTM")
    curve = train_autoencoder(
        network.to(machine.device),
        train,
        validation,
        settings,
        seed,
        machine,
        lambda epoch, losses: listen(Step(cell, stage, epoch, settings.epochs, losses)),
    )
    weights = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
    write_bytes(_weights_place(context, cell), safetensors.torch.save(weights, {"curve": json.dumps(curve)}))
    return network, curve


def _examples(context: Context, cell: Cell, normaliser: Normaliser, members: Sequence[int]) -> Examples:
    segmented = segment(normaliser, members, context.experiment.segments)
    if cell.model != "CVAE-LSTM":
        return Examples(segmented.values, None)
    task = context.tasks[cell.task]
    told = conditions(task.condition_numbers(members), len(task.condition_classes), oracle=True)
    return Examples(segmented.values, torch.from_numpy(np.repeat(told, np.diff(segmented.starts), axis=0)))
