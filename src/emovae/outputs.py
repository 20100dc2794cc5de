"""What a classifier puts out: probabilities or values, and how good they are on held-out utterances."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emovae.classifiers import FramewiseBLSTM, LSTMRegressor, SequenceReader
from emovae.examples import Labelled
from emovae.latents import Sequences, padded, within_memory
from emovae.machine import Machine


@torch.inference_mode()
def held_out(network: SequenceReader, examples: Labelled, machine: Machine) -> dict[str, float]:
    """`validation`, the mean loss over utterances, and `accuracy` (not of a regressor), from one pass."""
    total, right = 0.0, 0
    for part in within_memory(examples.sequences.lengths, np.arange(len(examples.labels))):
        batch, lengths, labels = examples.batch(part, machine.device)
        with machine.autocast():
            said = network(batch, lengths)
            losses = (
                network.losses(batch, lengths, labels)
                if isinstance(network, FramewiseBLSTM)  # what it says of a sequence is not what it learns from
                else network.judged(said, labels)
            )
        total += float(losses.sum())
        right += int((said.argmax(1) == labels).sum())
    loss = {"validation": total / len(examples.labels)}
    return loss if isinstance(network, LSTMRegressor) else {**loss, "accuracy": right / len(examples.labels)}


def predict(network: SequenceReader, sequences: Sequences, machine: Machine) -> NDArray[np.float32]:
    """The probability of every class, [utterance, class]; of a regressor the value, [utterance, 1]."""
    if isinstance(network, LSTMRegressor):
        return over(network, sequences, machine).numpy()
    return over(lambda batch, lengths: network(batch, lengths).softmax(-1), sequences, machine).numpy()


@torch.inference_mode()
def over(compute: Callable[[Tensor, Tensor], Tensor], sequences: Sequences, machine: Machine) -> Tensor:
    """What a function (batch, lengths) -> [utterance, value] says of all sequences, float32 on the CPU, in their order.

    They come in batches that fit into memory. What is learned in bfloat16 is asked in float32, as a saved model is.
    """
    everyone = np.arange(len(sequences.lengths))
    parts = list(within_memory(sequences.lengths, everyone))
    out: list[Tensor] = []
    for members in parts:
        batch, lengths = padded(sequences, members)
        out.append(compute(batch.to(machine.device), lengths.to(machine.device)).cpu())
    order = np.argsort(np.concatenate(parts))
    return torch.cat(out)[order]
