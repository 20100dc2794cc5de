"""The features of one recording of 5 s, warm and on one thread, beside openSMILE's eGeMAPS."""

from collections.abc import Iterator

import opensmile
import torch

from benchmarks.log_mel import minute_of_speech
from benchmarks.measure import Row, faster, paired
from emovae.audio import SAMPLE_RATE_HZ
from emovae.autoencoders import VAE
from emovae.logmel import LogMel, log_mel
from emovae.machine import one_thread
from emovae.segments import cut
from emovae.settings import Autoencoder, FrontEnd, Segments

SECONDS = 5
TIMES = 20
"""In a round: one alone is too short to be timed."""


@torch.inference_mode()
def rows(rounds: int) -> Iterator[Row]:
    """The ratio; a full-size VAE with random weights costs what a trained one costs."""
    waveform = minute_of_speech()[: SECONDS * SAMPLE_RATE_HZ]
    front_end, network = LogMel(FrontEnd()), VAE(800, Autoencoder(), torch.Generator().manual_seed(0))
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)

    def ours() -> None:
        for _ in range(TIMES):
            network.encode(torch.from_numpy(cut(log_mel(waveform, front_end), Segments())))

    def theirs() -> None:
        for _ in range(TIMES):
            smile.process_signal(waveform, SAMPLE_RATE_HZ)

    with one_thread():
        pairs = paired(ours, theirs, rounds)
    yield faster(
        f"features of a recording of {SECONDS} s (frames, latents), warm, one thread",
        "openSMILE eGeMAPS functionals",
        pairs,
        TIMES,
        "recordings",
        20.0,
    )
