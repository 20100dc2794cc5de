"""What the paper's models are compared with: baselines, and the networks of other papers.

They read log-mel frames, cepstra of these, or eGeMAPS descriptors, never a latent. Attentive CNNs read frames every
10 ms and the first 7.5 s of an utterance, as [24] does. The recurrent rivals read means over 100 ms, as many steps as
the LSTM has segments: [16] describes windows of 200 ms, and frames ten times as dense would take ten times as long. A
mean of eGeMAPS takes unvoiced frames in as openSMILE has them, with a pitch of zero. What an autoencoder adds is seen
beside the paper's own LSTM on bare segments, and on as many principal components of them.
"""

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from emovae import normalise
from emovae.baselines import majority, speaker_oracle
from emovae.classifiers import (
    BLSTMCTC,
    AttentiveCNN,
    FramewiseBLSTM,
    LSTMClassifier,
    SequenceClassifier,
    SequenceReader,
)
from emovae.classifiers.blstm_elm import machine_of
from emovae.config import Rival
from emovae.course import OnEpoch
from emovae.examples import Labelled
from emovae.grid import WITHOUT_AUTOENCODER, Cell, Context, scale_members, seed_of
from emovae.latents import Sequences
from emovae.logmel import HOP_MS
from emovae.machines import said_by_each
from emovae.mfcc import mfcc
from emovae.normalise import Normaliser
from emovae.outputs import over, predict
from emovae.readers import dropped, labels_of, reader_of
from emovae.seeds import seed_for
from emovae.stages import CellResult
from emovae.training import class_weights, train_classifier
from emovae.vectors import LEAST_DEVIATION, rows_of, segments_reader

FRAMES_PER_STEP = 100 // HOP_MS
ATTENDED_FRAMES = 7500 // HOP_MS


def baseline(context: Context, cell: Cell) -> NDArray[np.float32]:
    """The probabilities of who is tested, [utterance, class].

    They stop at nothing, so they learn from the validation speakers too.
    """
    task, fold = context.tasks[cell.task], context.fold(cell)
    learned_from = (*fold.train, *fold.validation)
    labels = task.numbers(learned_from)
    if cell.model == "majority":
        return majority.probabilities(labels, len(task.classes), len(fold.test))
    if cell.model == "speaker-oracle":
        speakers = [context.frames.utterances[member].speaker for member in fold.test]
        return speaker_oracle.probabilities(speakers, task.numbers(fold.test), len(task.classes))
    (said,) = said_by_machines([context], cell)
    return said


def said_by_machines(contexts: Sequence[Context], cell: Cell) -> list[NDArray[np.float32]]:
    """What the machines of a cell without an autoencoder say; arguments as for `vectors.rows_of`."""
    return said_by_each(contexts, cell, rows_of(contexts, cell))


def network(context: Context, cell: Cell, on_epoch: OnEpoch) -> CellResult:
    """Trains a network that reads no autoencoder's latents, and asks it of who is tested.

    Raises:
        EmovaeError: when training diverges.
    """
    task, fold, machine = context.tasks[cell.task], context.fold(cell), context.machine
    settings, seed = context.experiment.classifier, seed_of(context, cell, "classifier")
    read = _reader(context, cell)
    train, validation, test = (read(side) for side in (fold.train, fold.validation, fold.test))
    known = Labelled(train, labels_of(context, cell, fold.train))
    stopping = Labelled(validation, labels_of(context, cell, fold.validation))
    learner: SequenceReader
    if cell.model in WITHOUT_AUTOENCODER:
        learner, curve = reader_of(context, cell, known, stopping, seed, on_epoch)
    else:
        learner = _network(context, cell, train.values.shape[1]).to(machine.device)
        curve = train_classifier(learner, known, stopping, settings, seed, machine, on_epoch)
    if not isinstance(learner, FramewiseBLSTM):
        said, held_out = (predict(learner, side, machine) for side in (test, validation))
        return CellResult(said, curve, [], held_out, dropped(context, learner, validation, test))
    labels = task.numbers(fold.train)
    learned = machine_of(
        over(learner.statistics, train, machine),
        torch.from_numpy(labels),
        class_weights(labels, len(task.classes), settings),
        torch.Generator().manual_seed(seed_for(seed, "machine")),
    )
    said, held_out = (
        learned.probabilities(over(learner.statistics, side, machine)).numpy() for side in (test, validation)
    )
    return CellResult(said, curve, [], held_out)


def _network(context: Context, cell: Cell, features: int) -> SequenceClassifier:
    classes, settings = len(context.tasks[cell.task].classes), context.experiment.classifier
    drawn_from = torch.Generator().manual_seed(seed_for(seed_of(context, cell, "classifier"), "weights"))
    match cell.model:
        case "ACNN-logmel" | "ACNN-MFCC" | "ACNN-eGeMAPS":
            return AttentiveCNN(features, classes, settings, drawn_from)
        case "BLSTM-CTC":
            return BLSTMCTC(features, classes, settings, drawn_from)
        case "BLSTM-ELM":
            return FramewiseBLSTM(features, classes, settings, drawn_from)
        case "eGeMAPS-LSTM":
            return LSTMClassifier(features, classes, settings, drawn_from)
    raise ValueError(f"there is no network for {cell.model}; the rivals are {', '.join(get_args(Rival))}")


def _normaliser(context: Context, cell: Cell) -> Normaliser:
    """What a rival reads, on the scale that the experiment asks for, as for the autoencoders."""
    rows, members, how = context.rows(cell), scale_members(context, cell), context.experiment.normalise
    if rows is not context.frames:
        return normalise.fit(rows, members, how, least_deviation=LEAST_DEVIATION)
    if cell.model != "ACNN-MFCC":
        return normalise.fit(rows, members, how)
    bands = context.experiment.front_end.bands
    return normalise.fit(rows, members, how, read=lambda frames: mfcc(frames[:, :bands]))


def _reader(context: Context, cell: Cell) -> Callable[[Sequence[int]], Sequences]:
    """What gives the sequences of utterances as the cell's model reads them."""
    normaliser = _normaliser(context, cell)
    if cell.model in WITHOUT_AUTOENCODER:
        return segments_reader(context, cell, normaliser)
    if cell.model.startswith("ACNN-"):
        return lambda members: sequences(normaliser, members, 1, ATTENDED_FRAMES)
    return lambda members: sequences(normaliser, members, FRAMES_PER_STEP)


def sequences(
    normaliser: Normaliser, members: Sequence[int], frames_per_step: int, most_frames: int | None = None
) -> Sequences:
    """The means over so many frames, of no more than the first `most_frames` of each utterance.

    The last step is the mean of the frames that are left for it.
    """
    parts: list[NDArray[np.float32]] = []
    for whole in normaliser.each(members):
        frames = whole[:most_frames]
        if frames_per_step > 1:
            firsts = np.arange(0, len(frames), frames_per_step)
            counts = np.diff(firsts, append=len(frames))[:, None]
            frames = (np.add.reduceat(frames, firsts, axis=0) / counts).astype(np.float32)
        parts.append(frames)
    starts = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    return Sequences(torch.from_numpy(np.concatenate(parts)), starts)
