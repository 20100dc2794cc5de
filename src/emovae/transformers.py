"""The front end as a scikit-learn transformer."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from emovae import logmel
from emovae.audio import SAMPLE_RATE_HZ
from emovae.logmel import filled, log_mel
from emovae.recordings_in import Rates, Recordings, checked
from emovae.settings import FrontEnd

Frames = NDArray[np.float32]


class LogMel(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Recordings become log-mel frames, natural logarithms of energy; see `emovae.logmel` for all that is pinned.

    >>> LogMel(bands=40).fit_transform([np.full(16_000, 0.5)])[0].shape
    (98, 40)

    Args:
        bands: of the filter bank.
        low_hz: where the lowest begins.
        high_hz: where the highest ends.
        triangles: straight over `mel` or over `hz`.
        sample_rate_hz: of the waveforms in X; a file knows its own.
        full_scale: of their samples: 1, or 32768 for whole numbers of 16 bits.
    """

    def __init__(
        self,
        bands: int = 80,
        low_hz: float = 20.0,
        high_hz: float = 8000.0,
        triangles: str = "mel",
        sample_rate_hz: int = SAMPLE_RATE_HZ,
        full_scale: float = 1.0,
    ) -> None:
        self.bands = bands
        self.low_hz = low_hz
        self.high_hz = high_hz
        self.triangles = triangles
        self.sample_rate_hz = sample_rate_hz
        self.full_scale = full_scale

    def fit(self, X: Recordings, y: object = None) -> Self:  # noqa: ARG002
        """Learns nothing; checks X.

        Raises:
            ValueError: for an X that scikit-learn would refuse.
        """
        checked(self, X, reset=True)
        self.front_end_ = FrontEnd(
            bands=self.bands,
            low_hz=self.low_hz,
            high_hz=self.high_hz,
            triangles=self.triangles,
        )
        return self

    def transform(self, X: Recordings) -> NDArray[np.float32] | list[Frames]:
        """The frames of recordings.

        Args:
            X: paths, waveforms [sample] of any length, or an array [recording, sample].

        Returns:
            Of an array float32 [recording, frame, band]; otherwise a list of [frame, band].

        Raises:
            AudioError: for a recording that cannot be used.
            ConfigError: for bands that are narrower than the transform can tell.
            ValueError: for an X that scikit-learn would refuse.
        """
        check_is_fitted(self)
        recordings, rates = checked(self, X, reset=False), Rates(self.sample_rate_hz, self.full_scale)
        network = logmel.LogMel(self.front_end_)
        frames = [log_mel(filled(rates.waveform(one)), network) for one in recordings]
        return np.stack(frames) if isinstance(recordings, np.ndarray) else frames

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True  # paths
        tags.requires_fit = True
        tags.transformer_tags.preserves_dtype = []
        return tags
