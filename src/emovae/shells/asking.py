"""What `predict` and `embed` are asked alike, and how far they are."""

from collections.abc import Callable
from typing import NamedTuple, cast

from joblib import cpu_count

from emovae.pieces import Channel, Cut, Piece
from emovae.shells.options import READERS


class Asked(NamedTuple):
    """Which recordings, how they are cut, and how many are decoded at once; as the command line has it."""

    inputs: tuple[str, ...]
    window_s: float | None
    hop_s: float
    channel: str
    jobs: int | None

    @property
    def cut(self) -> Cut:
        """How they are cut."""
        return Cut(self.window_s, self.hop_s, cast(Channel, self.channel))

    @property
    def threads(self) -> int:
        """How many are decoded at once."""
        return self.jobs or min(cpu_count(), READERS)


class Tally:
    """Counts recordings and failures while their pieces go by, and moves a progress bar."""

    def __init__(self, of: int, progress: Callable[[int, int], None]) -> None:
        self.failed = 0
        self._done, self._of, self._last, self._progress = 0, of, "", progress

    def see(self, piece: Piece) -> None:
        """The next piece, in the order of the recordings."""
        self._done, self._last = self._done + (piece.file != self._last), piece.file
        self._progress(self._done, self._of)
        self.failed += bool(piece.error)
