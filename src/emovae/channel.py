"""What a recording tells of its channel: the facts of its file, and what is heard where nobody speaks.

Emotion moves the loudness and the colour of a voice, so neither is asked. What is left is the noise of the quietest
frames, which belongs to the room, the microphone and the codec: its spectrum against itself, and how loud it is beyond
what the loudness of the speech explains, since who speaks softly is recorded with more gain. Where a recording has no
pause at all, its quietest frames are voice after all.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Self

import numpy as np
import soundfile
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from emovae.utterance import Utterance

QUIET_SHARE, FEWEST_QUIET_FRAMES = 0.02, 5
"""Of an utterance's frames so many are asked; a twentieth would reach into the voice where recordings are cut close."""
LOUD_QUANTILE = 0.9
REGIONS = 8
"""So many neighbouring parts of the spectrum are told, of ten bands each where there are eighty."""
DECIBELS = 10 / np.log(10)
"""In one unit of natural-log energy."""
LEAST_DEVIATION = 1e-6
"""What moves less has no scale of its own."""

Values = NDArray[np.float64]


class Header(NamedTuple):
    """The facts of a file."""

    rate_hz: int
    channels: int
    encoding: str
    container: str


def header(utterance: Utterance) -> Header | None:
    """Reads the header of a recording; None where there is no recording, or none that can be read."""
    try:
        told = soundfile.info(str(utterance.audio))
    except (soundfile.SoundFileError, OSError, TypeError, UnicodeError):
        return None
    return Header(int(told.samplerate), int(told.channels), str(told.subtype), str(told.format))


def headers(utterances: Sequence[Utterance], threads: int = 1) -> list[Header | None]:
    """The headers of some recordings, see `header`."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(header, utterances))


def noise_floors(frames: Iterable[NDArray[np.float32]]) -> Values:
    """What is heard in the quietest frames of each utterance, in decibels.

    Args:
        frames: log-mel energies [frame, band] of each utterance.

    Returns:
        [utterance, 9]: the mean over each of eight regions of the spectrum, against their mean; and how much louder it
        is than in other utterances whose speech is as loud, by a parabola through all of them.
    """
    heard = np.array([_heard(one * DECIBELS) for one in frames])
    noise_db, speech_db, regions = heard[:, 0], heard[:, 1], heard[:, 2:]
    # Around its mean, so that the three columns of the parabola are not nearly the same.
    powers = np.vander(speech_db - speech_db.mean(), 3)
    explained = powers @ np.linalg.lstsq(powers, noise_db, rcond=None)[0]
    return np.column_stack([regions - regions.mean(axis=1, keepdims=True), noise_db - explained])


def _heard(decibels: NDArray[np.floating[Any]]) -> Values:
    """The level of the noise, that of the speech, and the noise in each region."""
    levels = 10 * np.log10(np.power(10, decibels.astype(np.float64) / 10).sum(axis=1))
    count = max(FEWEST_QUIET_FRAMES, round(QUIET_SHARE * len(levels)))
    quietest = np.argsort(levels, kind="stable")[:count]
    noise = decibels[quietest].mean(axis=0)
    regions = [part.mean() for part in np.array_split(noise, REGIONS)]
    return np.array([levels[quietest].mean(), np.quantile(levels, LOUD_QUANTILE), *regions])


class Listener:
    """Tells classes by their noise floors: linear discriminants, all classes taken for equally frequent.

    One covariance for all classes, shrunk as Ledoit and Wolf (2004) have it, so that regions that move together, or
    not at all, do no harm.
    """

    def fit(self, values: Values, labels: NDArray[np.int64]) -> Self:
        """Learns from values [utterance, value] and the class of each utterance."""
        self.classes, of_class = np.unique(labels, return_inverse=True)
        deviation = values.std(axis=0)
        # What does not move is 0, and not what rounding leaves of it.
        self.centre, self.scale = values.mean(axis=0), np.where(deviation > LEAST_DEVIATION, deviation, np.inf)
        scaled = (values - self.centre) / self.scale
        means = np.array([scaled[of_class == one].mean(axis=0) for one in range(len(self.classes))])
        shrunk, _ = ledoit_wolf(scaled - means[of_class], assume_centered=True)
        self.weights = np.linalg.solve(shrunk + LEAST_DEVIATION * np.eye(len(shrunk)), means.T)
        self.bias = -(means.T * self.weights).sum(axis=0) / 2
        return self

    def predict(self, values: Values) -> NDArray[np.int64]:
        """The most likely class of each utterance."""
        scores = (values - self.centre) / self.scale @ self.weights + self.bias
        named: NDArray[np.int64] = self.classes[scores.argmax(axis=1)]
        return named
