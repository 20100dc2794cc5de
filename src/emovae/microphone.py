"""The default input device: samples as they are recorded.

The sound card's own thread puts them into a queue of bounded length and never waits; who hears them takes all that
came since. What finds no room there, or none in the device, is lost, and told.
"""

import math
import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emovae.audio import Waveform
from emovae.errors import AudioError, ConfigError

BLOCK_S = 0.05
"""So much comes at once."""
SPARE_S = 0.2
"""So much the device keeps by itself while this process gets no turn."""
ROOM_S = 60.0
"""So much may wait to be heard."""
PATIENCE_S = 5.0
"""A device that gives nothing for so long is gone."""
FULL_SCALE = np.float32(2**15)


class Chunk(NamedTuple):
    """The next samples, float32 [sample], and whether others were lost before or among them."""

    samples: Waveform
    gap: bool = False


class Inbox:
    """What was recorded and not yet heard.

    Args:
        rate_hz: of the samples.
        device: its name.
        room_s: so much may wait.

    Attributes:
        lost_s: what found no room here.
        dropped: how often the device said that it lost samples; it does not say how many.
    """

    def __init__(self, rate_hz: int, device: str = "", room_s: float = ROOM_S) -> None:
        self.rate_hz, self.device = rate_hz, device
        self.lost_s, self.dropped = 0.0, 0
        self._gap = False
        self._queue = queue.Queue[Chunk](math.ceil(room_s / BLOCK_S))

    def put(self, samples: NDArray[np.int16], *, dropped: bool = False) -> None:
        """Keeps samples [sample] of 16 bits, if there is room; for the thread of the sound card, which must not wait.

        Args:
            samples: what was recorded; it is copied.
            dropped: whether the device lost some before these.
        """
        self.dropped += dropped
        chunk = Chunk(samples.astype(np.float32) / FULL_SCALE, self._gap or dropped)
        try:
            self._queue.put_nowait(chunk)
            self._gap = False
        except queue.Full:
            self.lost_s += len(samples) / self.rate_hz
            self._gap = True

    def take(self, patience_s: float = PATIENCE_S) -> Chunk:
        """All that waits, or what comes next.

        Raises:
            AudioError: when nothing comes.
        """
        try:
            some = [self._queue.get(timeout=patience_s)]
        except queue.Empty as error:
            device = self.device or "the input device"
            raise AudioError(
                f"{device} gave no sound for {patience_s:g} s; connect it again, and start anew"
            ) from error
        while not self._queue.empty():
            some.append(self._queue.get_nowait())  # nobody else takes any
        return Chunk(np.concatenate([each.samples for each in some]), any(each.gap for each in some))

    def chunks(self, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        """What is recorded until it is to stop, and what waits then."""
        while not stopped():
            yield self.take()
        if not self._queue.empty():
            yield self.take()


@contextmanager
def microphone() -> Iterator[Inbox]:
    """Records from the default input device for as long as the block takes: one channel, at the device's own rate.

    Raises:
        ConfigError: where what drives it is not installed.
        AudioError: where there is no such device, or it cannot be opened.
    """
    sounddevice = _sounddevice()
    with ExitStack() as stack:
        try:
            device = sounddevice.query_devices(kind="input")
            rate_hz = round(device["default_samplerate"])
            inbox = Inbox(rate_hz, device["name"])
            stack.enter_context(
                sounddevice.InputStream(
                    samplerate=rate_hz,
                    blocksize=round(BLOCK_S * rate_hz),
                    channels=1,
                    latency=SPARE_S,
                    dtype="int16",  # floats may come beyond full scale
                    callback=lambda samples, _frames, _time, status: inbox.put(
                        samples[:, 0], dropped=status.input_overflow
                    ),
                )
            )
        except (sounddevice.PortAudioError, ValueError) as error:
            raise AudioError(
                f"no microphone can be opened: {error}; connect one and make it the system's default input"
                " (`python -m sounddevice` lists what is there)"
            ) from error
        yield inbox


def _sounddevice() -> Any:
    try:
        import sounddevice  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed; pip install 'emovae[microphone]'") from error
    except OSError as error:  # the wheels for Linux come without PortAudio
        raise ConfigError(
            f"sounddevice finds no PortAudio ({error}); install the system's package, on Debian and Ubuntu"
            " libportaudio2, beside pip install 'emovae[microphone]'"
        ) from error
    return sounddevice
