"""One recording, a file or its samples, becomes a waveform."""

from pathlib import Path

import numpy as np

from emovae import audio
from emovae.audio import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, SAMPLE_RATE_HZ, Sound, Waveform
from emovae.errors import AudioError


def heard(recording: str | Path | Waveform, sample_rate_hz: int | None = None) -> Waveform:
    """The waveform [sample] at 16 kHz.

    Args:
        recording: a file, or its samples, [sample] or [sample, channel], full scale 1.
        sample_rate_hz: of samples; a file knows its own.

    Raises:
        AudioError: when it cannot be read, is silent or holds no sound.
        ValueError: for samples without a rate, or a file with one.
    """
    if isinstance(recording, str | Path):
        if sample_rate_hz is not None:
            raise ValueError(f"{recording} is a file and knows its rate; leave sample_rate_hz away")
        return audio.read(Path(recording))
    if sample_rate_hz is None:
        raise ValueError(f"samples have no rate of their own; give sample_rate_hz, such as {SAMPLE_RATE_HZ}")
    samples = np.asarray(recording, np.float32)
    if samples.ndim not in (1, 2) or not samples.size:
        raise AudioError(f"samples have shape {samples.shape}; wanted is [sample] or [sample, channel], one at least")
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0]:
        raise AudioError(f"samples have shape {samples.shape}; wanted is [sample, channel]: transpose them")
    if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
        raise AudioError(f"samples have {sample_rate_hz} Hz; wanted are {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz")
    try:
        return audio.waveform_of(Path("the array"), Sound(samples.reshape(len(samples), -1), sample_rate_hz))
    except AudioError as error:
        raise AudioError(str(error).partition("; replace")[0]) from error
