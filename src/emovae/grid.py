"""What is computed: the cells of the grid, and all that they share."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple, get_args

from emovae.config import Experiment, Rival
from emovae.descriptors import READS, Descriptors
from emovae.folds import Fold
from emovae.frames import CorpusFrames
from emovae.kinds import ENSEMBLES, MACHINES, PRINCIPAL, SHARED, Model, Portable
from emovae.machine import Machine
from emovae.seats import lag_of
from emovae.seeds import seed_for
from emovae.settings import Autoencoder
from emovae.tasks import Task

WITHOUT_AUTOENCODER = ("segments-LSTM", "PCA-LSTM")
"""Baselines that are the paper's classifier on other features."""
SIZED = ("PCA-LSTM", *PRINCIPAL, *(name for name in ENSEMBLES if name != "segments-ensemble"))
"""What has a latent size beside the models with an autoencoder of their own."""


class Cell(NamedTuple):
    """One cell of the grid; task and fold by their place, the latent size where there is one.

    A continuous cell says the value of a dimension in place of its level.
    """

    model: str
    task: int
    fold: int
    seed: int
    test_condition: str | None = None
    latent: int | None = None
    continuous: bool = False


class Context(NamedTuple):
    """All that cells share, and all that travels to a worker.

    Attributes:
        experiment: the configuration as resolved.
        frames: where the corpus's frames lie.
        tasks: the tasks.
        folder: where the results of cells are kept.
        machine: where to compute.
        descriptors: where the descriptors lie that some models read.
    """

    experiment: Experiment
    frames: CorpusFrames
    tasks: tuple[Task, ...]
    folder: Path
    machine: Machine
    descriptors: Descriptors = Descriptors()

    def fold(self, cell: Cell) -> Fold:
        """The fold of a cell."""
        return self.tasks[cell.task].plan.folds[cell.fold]

    def rows(self, cell: Cell) -> CorpusFrames:
        """What a cell's model reads of the recordings: log-mel frames, or descriptors."""
        return self.descriptors.of(cell.model) if cell.model in READS else self.frames

    def autoencoder(self, cell: Cell) -> Autoencoder:
        """The settings of a cell's autoencoder."""
        return self.experiment.autoencoder.model_copy(update={"latent": cell.latent})

    def name(self, cell: Cell) -> tuple[str, str]:
        """What a person calls a cell: its line in the table, and which part of that."""
        task = self.tasks[cell.task]
        kind = "value" if cell.continuous else None
        parts = (cell.model, cell.latent, cell.test_condition, task.target, kind, task.subset)
        line = " ".join(str(part) for part in parts if part is not None)
        return line, f"{task.plan.folds[cell.fold].name} seed {cell.seed}"

    def ids(self, members: Sequence[int]) -> list[str]:
        """The ids of these utterances."""
        return [self.frames.utterances[member].id for member in members]


def is_learned(cell: Cell) -> bool:
    """Whether the cell has an autoencoder."""
    return cell.model in get_args(Model)


def is_network(cell: Cell) -> bool:
    """Whether the cell is a network that reads no autoencoder's latents: another paper's, or a baseline's."""
    return cell.model in (*get_args(Rival), *WITHOUT_AUTOENCODER)


def encoder_model(cell: Cell) -> str:
    """The model whose autoencoder a cell reads: its own, but for machines that share one."""
    return SHARED.get(cell.model, cell.model)


def reads_statistics(context: Context, cell: Cell) -> bool:
    """Whether an utterance is read as one row of statistics over time, and not as a sequence."""
    return context.experiment.merge == "statistics" or cell.model in MACHINES


def lag_in(context: Context, cell: Cell) -> int:
    """How many segments apart is what a machine's statistics are of the difference of; 0 where they are of values."""
    experiment = context.experiment
    return lag_of(experiment.segments, experiment.statistics if cell.model in MACHINES else "values")


def is_told(cell: Cell) -> bool:
    """Whether the cell is told the true label of those who are tested."""
    return cell.test_condition == "oracle" or cell.model == "speaker-oracle"


def seed_of(context: Context, cell: Cell, *use: str) -> int:
    """The seed of one use of randomness in a cell."""
    return seed_for(cell.seed, encoder_model(cell), context.fold(cell).name, *use)


def scale_members(context: Context, cell: Cell) -> list[int]:
    """Whose frames set the scale: all that the training side offers without a label, or the task's alone."""
    fold = context.fold(cell)
    return sorted((*fold.train, *fold.extra)) if context.experiment.autoencoder.data == "all" else list(fold.train)


def said_by_its_speakers(context: Context, cell: Cell) -> list[int]:
    """All that the speakers of a cell say, of the task or not, ascending."""
    fold, utterances = context.fold(cell), context.frames.utterances
    speakers = {utterances[member].speaker for side in (fold.train, fold.validation, fold.test) for member in side}
    return [member for member, utterance in enumerate(utterances) if utterance.speaker in speakers]


def autoencoder_members(context: Context, cell: Cell) -> tuple[list[int], list[int]]:
    """What the autoencoder learns from, and what may stop it; a CVAE learns only from what has a condition."""
    task, fold = context.tasks[cell.task], context.fold(cell)
    train, validation = scale_members(context, cell), list(fold.validation)
    if context.experiment.autoencoder.data == "all":
        validation = sorted((*fold.validation, *fold.aside))
    if cell.model == "CVAE-LSTM":  # the semi-supervised one learns from the others, too
        train = [member for member in train if task.condition_labels[member] is not None]
        validation = [member for member in validation if task.condition_labels[member] is not None]
    return train, validation


def cells_of(context: Context) -> Iterator[Cell]:
    """The grid, in the order of the table: task by task; baselines, rivals, the paper's models by size, ensembles."""
    experiment = context.experiment
    seeds = range(experiment.seed, experiment.seed + experiment.seeds)
    sizes = experiment.latent_sizes or (experiment.autoencoder.latent,)
    for place, task in enumerate(context.tasks):
        lines: list[tuple[str, str | None, int | None]] = [
            (model, None, size)
            for model in (*experiment.baselines, *experiment.rivals)
            for size in (sizes if model in SIZED else (None,))
        ]
        for learned in experiment.models:
            lines += [
                (learned, condition, size) for condition in _conditions(experiment, learned, task) for size in sizes
            ]
        ensembles = [f"{read}-ensemble" for read in experiment.ensemble.of]
        lines += [(name, None, size) for name in ensembles for size in (sizes if name in SIZED else (None,))]
        for continuous in (False, True) if experiment.continuous and task.target != "emotion" else (False,):
            for (model, condition, size), seed, fold in product(lines, seeds, range(len(task.plan.folds))):
                if not continuous or _says_values(model, condition):
                    yield Cell(model, place, fold, seed, condition, size, continuous)


def _says_values(model: str, condition: str | None) -> bool:
    """Whether a model is an LSTM that can have a regression head."""
    return condition != "bayes" and model in (*get_args(Portable), *WITHOUT_AUTOENCODER)


def _conditions(experiment: Experiment, model: str, task: Task) -> Sequence[str | None]:
    """The test conditions of a model's lines; Bayes' rule names a class only where that is what the model knows."""
    asked = experiment.test_condition
    if model == "SSVAE-LSTM":  # its encoder is told no class
        asked_of_it: list[str | None] = [None, *(name for name in asked if name == "bayes")]
    elif model == "CVAE-LSTM":
        asked_of_it = list(asked)
    else:
        return [None]
    return [name for name in asked_of_it if name != "bayes" or task.classes == task.condition_classes]
