"""Sound that goes on becomes rows at a steady pace, as a recording becomes those of a timeline."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from emovae.answers import Model, Prediction, told
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.microphone import Chunk
from emovae.pieces import Cut, Piece, is_silent
from emovae.predict import How, Row, row_of
from emovae.resampling import Resampler

GAP = "gap"
"""The flag of a row before which, since the last one, sound was lost."""


class Ear(NamedTuple):
    """Who hears chunks.

    Attributes:
        push: takes the next samples [sample] and says what is heard; None as long as that is silence.
        rate_hz: of the samples.
        reach_s: how far back that goes; None for the beginning.
    """

    push: Callable[[Waveform], Prediction | None]
    rate_hz: int
    reach_s: float | None


class Window:
    """The last seconds of sound that goes on, which any model is asked about anew each time.

    Args:
        model: the model.
        rate_hz: of the chunks.
        window_s: how much is heard of the end.
        tempered: see `How`.
    """

    def __init__(self, model: Model, rate_hz: int, window_s: float, *, tempered: bool = True) -> None:
        self.model, self.cut, self.tempered = model, Cut(window_s), tempered
        self._most, self._resampler = round(window_s * SAMPLE_RATE_HZ), Resampler(rate_hz)
        self._last = np.empty(0, np.float32)

    def push(self, chunk: Waveform) -> Prediction | None:
        """What `predict --window` says of the window that ends here; None where it is silent."""
        settled, still_open = self._resampler.push(chunk)
        self._last = np.concatenate([self._last, settled])[-self._most :]
        heard = np.concatenate([self._last, still_open])[-self._most :].clip(-1, 1)
        if not len(heard) or is_silent(heard, self.cut):
            return None
        return told(self.model, [heard], as_run=not self.tempered)[0]


def live(chunks: Iterable[Chunk], ear: Ear, how: How, seconds: float | None = None) -> Iterator[Row]:
    """A row after each hop of sound, and one at the end; fewer where the model is slower than the sound.

    Args:
        chunks: of any length; where they end, so does all.
        ear: who hears them.
        how: how rows are judged; `how.cut.hop_s` is the pace.
        seconds: the end, if not that of the chunks. What comes in later is not heard.
    """
    hop = round(how.cut.hop_s * ear.rate_hz)
    most = None if seconds is None else round(seconds * ear.rate_hz)
    waiting, gap, heard = np.empty(0, np.float32), False, 0

    def row(samples: Waveform) -> Row:
        found = ear.push(samples)
        end = heard / ear.rate_hz
        start = 0.0 if ear.reach_s is None else max(0.0, end - ear.reach_s)
        said = row_of(Piece("microphone", round(start, 6), round(end, 6), "mix"), found, how)
        return said._replace(flags=(*said.flags, GAP)) if gap else said

    for chunk in chunks:
        waiting, gap = np.concatenate([waiting, chunk.samples]), gap or chunk.gap
        if most is not None and heard + len(waiting) >= most:
            waiting = waiting[: most - heard]
            break
        if whole := len(waiting) // hop * hop:  # several where the model was slow: no sound is left out
            heard += whole
            yield row(waiting[:whole])
            waiting, gap = waiting[whole:], False
    if len(waiting):
        heard += len(waiting)
        yield row(waiting)
