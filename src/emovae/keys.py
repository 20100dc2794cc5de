"""The keys that name every result.

A cell is pure and its result is a file. It has two stages, each with a key and a file of its own: the autoencoder,
shared by every cell that can use it, and the classifier. A key hashes all that the result depends on, so a finished
file is never computed again and a changed setting never finds an old one.
"""

from collections.abc import Sequence
from typing import Any

from emovae.config import CONDITIONED, Experiment
from emovae.ensembles import members_of
from emovae.files import fingerprint
from emovae.grid import (
    WITHOUT_AUTOENCODER,
    Cell,
    Context,
    autoencoder_members,
    encoder_model,
    is_learned,
    is_network,
    said_by_its_speakers,
    scale_members,
    seed_of,
)
from emovae.kinds import CUT, ENSEMBLES, MACHINES, SHARED
from emovae.mel import HOP_MS
from emovae.voices import VOICES_VERSION

RESULTS_VERSION = 6
"""Raised when the same configuration gives other results than before."""


def autoencoder_key(context: Context, cell: Cell) -> str:
    """Names the autoencoder of a cell by all that it depends on."""
    experiment, task = context.experiment, context.tasks[cell.task]
    train, validation = autoencoder_members(context, cell)
    told: object = None
    if cell.model in CONDITIONED:
        told = [task.condition_classes, task.condition_numbers([*train, *validation])]
    return fingerprint(
        [
            [RESULTS_VERSION, "autoencoder", encoder_model(cell), context.frames.digest, context.machine.kind],
            [context.ids(train), context.ids(validation), told, seed_of(context, cell, "autoencoder")],
            [context.autoencoder(cell).model_dump(), _cut(experiment), *_scale(context)],
        ]
    )


def cell_key(context: Context, cell: Cell) -> str:
    """Names the result of a cell by all that it depends on; the tested labels only where the model is told them."""
    if cell.model in ENSEMBLES:
        members = [(cell_key(one.context, one.cell), one.share) for one in members_of(context, cell)]
        return fingerprint([RESULTS_VERSION, cell.model, members])
    experiment, task, fold = context.experiment, context.tasks[cell.task], context.fold(cell)
    learned_from = [*fold.train, *fold.validation]
    facts: list[object] = [
        [RESULTS_VERSION, cell.model, context.rows(cell).digest, context.machine.kind, *_scale(context)],
        [task.classes, task.numbers(learned_from).tolist(), context.ids(learned_from), len(fold.train)],
        [context.ids(scale_members(context, cell)), context.ids(fold.test)],
    ]
    if cell.model in SHARED:
        facts += [autoencoder_key(context, cell), experiment.features]
    elif is_learned(cell):
        told = task.condition_numbers(fold.test) if cell.test_condition == "oracle" else None
        facts += [
            [autoencoder_key(context, cell), seed_of(context, cell, "classifier"), experiment.draws],
            [experiment.features, experiment.merge, experiment.classifier.model_dump()],
            [cell.test_condition, experiment.marginal_weights, told],
        ]
        if cell.test_condition == "predicted":
            facts += [_speakers(context, fold.train), task.condition_numbers(learned_from)]
    if cell.model in MACHINES and experiment.normalise_statistics != "none":
        said = said_by_its_speakers(context, cell)
        facts += ["statistics", experiment.normalise_statistics, context.ids(said), _speakers(context, said)]
    if cell.model.endswith("-LDA") and experiment.voices:
        facts += ["voices", VOICES_VERSION, experiment.voices, _speakers(context, learned_from)]
    if is_network(cell):
        facts += [seed_of(context, cell, "classifier"), experiment.classifier.model_dump(), experiment.draws]
    if cell.model in WITHOUT_AUTOENCODER:
        facts += [_cut(experiment), experiment.merge, cell.latent]
    if cell.model in CUT:
        facts += [_cut(experiment), cell.latent]
    if cell.model in (*CUT, *SHARED) and experiment.statistics != "values":
        facts += ["statistics of", experiment.statistics]
    if cell.continuous:
        facts += ["continuous", task.values_of(learned_from).tolist()]
    if cell.model == "speaker-oracle":
        facts += [_speakers(context, fold.test)]
        facts += [task.numbers(fold.test).tolist()]
    return fingerprint(facts)


def _speakers(context: Context, members: Sequence[int]) -> list[str]:
    return [context.frames.utterances[member].speaker for member in members]


def _scale(context: Context) -> list[object]:
    """How frames are scaled, and by whose."""
    how = context.experiment.normalise
    return [how, _speakers(context, range(len(context.frames.utterances)))] if how == "speaker" else [how]


def _cut(experiment: Experiment) -> dict[str, Any]:
    """How segments are cut, as keys tell it: of a stride only where frames are passed over."""
    stated = experiment.segments.model_dump()
    return stated if stated["stride_ms"] != HOP_MS else {name: stated[name] for name in stated if name != "stride_ms"}
