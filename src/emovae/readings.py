"""What the members of an ensemble read of an utterance, by its frames alone: a row of statistics for each.

The cells of an experiment read the same from a corpus in a cache (`vectors`, `material`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from emovae.autoencoders import Network
from emovae.config import Experiment
from emovae.functionals import functionals
from emovae.kinds import CEPSTRAL, PROSODIC
from emovae.latents import Sequences, latent_sequences, merged
from emovae.mfcc import moving
from emovae.normalise import Scale, scale_of
from emovae.prosodic import prosodic
from emovae.seats import Seat, chosen, lag_of, seats_of
from emovae.segments import Segmented, cut
from emovae.settings import Segments

Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The ears of an ensemble.

    Attributes:
        settings: the configuration, of one ensemble whose members have autoencoders.
        encoders: those over the first of `ensemble.spans`, then those over the next.
        scale: of the training frames; None where each utterance or nothing sets it.
        cepstral_scale: the same of cepstra and their slopes.
    """

    settings: Experiment
    encoders: tuple[Network, ...]
    scale: Scale | None
    cepstral_scale: Scale | None

    @cached_property
    def seats(self) -> list[Seat]:
        """The members, in the order of all that is said of them."""
        return seats_of(self.settings, chosen(self.settings))

    def of(self, utterances: Sequence[Array]) -> list[Array]:
        """What each member reads, [utterance, value], of utterances by their frames [frame, column]; one at least."""
        bands = self.settings.front_end.bands
        latents = dict[int, Sequences]()
        rows = list[Array]()
        for seat in self.seats:
            if seat.model in PROSODIC:
                rows.append(np.stack([prosodic(frames[:, bands:]) for frames in utterances]))
            elif seat.model in CEPSTRAL:
                cepstra = (moving(frames[:, :bands]) for frames in utterances)
                rows.append(np.stack([functionals(self._scaled(one, self.cepstral_scale)) for one in cepstra]))
            else:
                assert seat.segments is not None
                place = self._place(seat.segments, seat)
                if place not in latents:  # values and movement are of the same
                    latents[place] = self._latents(self.encoders[place], self._segmented(seat.segments, utterances))
                rows.append(merged(latents[place], lag_of(seat.segments, seat.statistics)).values.numpy())
        return rows

    def _place(self, segments: Segments, seat: Seat) -> int:
        asked = self.settings.ensemble
        return asked.spans.index(segments) * asked.autoencoders + seat.place

    def _segmented(self, segments: Segments, utterances: Sequence[Array]) -> Segmented:
        """The segments of utterances on their scale, short ones filled up by their last frame."""
        how = segments.model_copy(update={"short": "pad"})
        parts = [cut(self._scaled(frames, self.scale), how) for frames in utterances]
        starts = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        return Segmented(torch.from_numpy(np.concatenate(parts)), starts)

    def _latents(self, encoder: Network, segmented: Segmented) -> Sequences:
        return latent_sequences(encoder, segmented, None, self.settings.features, torch.Generator())

    def _scaled(self, rows: Array, learned: Scale | None) -> Array:
        scale = scale_of(rows) if self.settings.normalise == "utterance" else learned
        found: Array = rows if scale is None else (rows - scale.mean) / scale.deviation
        return found
