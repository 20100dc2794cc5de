"""What an autoencoder makes of a segment, and how far that is from it: speech unlike the training speech shows so."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emovae.autoencoders import AE, CVAE, SSVAE, VAE, Network
from emovae.autoencoders.mlp import squared_distance
from emovae.room import let_go
from emovae.segments import Segmented

SEGMENTS_AT_ONCE = 4096


@torch.inference_mode()
def reconstructed(network: Network, segments: Tensor, weights: Tensor | None) -> Tensor:
    """Segments [segment, value] decoded from their code or from the mean of Q(z|X), [segment, value].

    Args:
        network: the autoencoder.
        segments: what to reconstruct.
        weights: of the classes where the network knows any, [segment, class]: the mean over classes by these.
    """
    if isinstance(network, AE):
        return network.decoder(network.encode(segments))  # type: ignore[no-any-return]
    if isinstance(network, VAE):
        return network.decoder(network.encode(segments).mean)  # type: ignore[no-any-return]
    assert weights is not None
    out = torch.zeros_like(segments)
    for label, one_hot in enumerate(torch.eye(weights.shape[1], device=segments.device)):
        if weights[:, label].any():
            told = one_hot.expand(len(segments), -1)
            out += weights[:, label, None] * decoded(network, _mean(network, segments, told), told)
    return out


def decoded(network: Network, latent: Tensor, told: Tensor) -> Tensor:
    """Latent values [segment, latent] decoded, with the class [segment, class] beside them if the decoder reads it."""
    if isinstance(network, CVAE | SSVAE) and network.condition_decoder:
        latent = torch.cat([latent, told], -1)
    segments: Tensor = network.decoder(latent)
    return segments


def reconstruction_errors(
    network: Network, segmented: Segmented, weights: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """The squared distance of eq. 2, first term, at the latent mean: the mean over each utterance, [utterance].

    Args:
        network: its device is where it is computed.
        segmented: the utterances.
        weights: of the classes, [utterance, class], see `reconstructed`.
    """
    device = next(network.parameters()).device
    told = None if weights is None else torch.from_numpy(np.repeat(weights, np.diff(segmented.starts), axis=0))
    distances = []
    for start in range(0, len(segmented.values), SEGMENTS_AT_ONCE):
        some = slice(start, start + SEGMENTS_AT_ONCE)
        values = segmented.values[some].to(device)
        made = reconstructed(network, values, None if told is None else told[some].to(device))
        distances.append(squared_distance(values, made).cpu())
        let_go(segmented.values)
    sums = np.add.reduceat(torch.cat(distances).double().numpy(), segmented.starts[:-1])
    return np.asarray(sums / np.diff(segmented.starts), np.float32)


def _mean(network: CVAE | SSVAE, segments: Tensor, told: Tensor) -> Tensor:
    return (network.encode(segments, told) if isinstance(network, CVAE) else network.encode(segments)).mean
