"""The variational autoencoder as a scikit-learn transformer, to put other classifiers behind it.

make_pipeline(LogMel(), VAEFeatures(latent=8), StandardScaler(), LogisticRegression())
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from emovae import logmel
from emovae.audio import SAMPLE_RATE_HZ
from emovae.autoencoders import VAE
from emovae.course import Epoch
from emovae.examples import Examples
from emovae.functionals import STATISTICS, functionals
from emovae.latents import latent_sequences
from emovae.logmel import filled, log_mel
from emovae.machine import Machine, one_thread
from emovae.normalise import Scale, scale_of
from emovae.recordings_in import Rates, Recordings, Several, checked
from emovae.seeds import seed_for
from emovae.segments import Segmented, cut
from emovae.settings import Autoencoder, Segments
from emovae.training import train_autoencoder

Frames = NDArray[np.float32]
STOPS = 0.2
"""The share of recordings that stop the learning."""
SEGMENTS = Segments(short="pad")


class VAEFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Statistics over time of what a variational autoencoder makes of 100 ms of speech; it learns without labels.

    Args:
        latent: features of a segment.
        hidden: widths of the encoder's layers; the decoder has the same in reverse.
        kl_weight: of the divergence in the loss.
        epochs: at most; a fifth of the recordings, drawn at random, stop the learning.
        learning_rate: of Adam.
        batch_size: segments.
        sample_rate_hz: of waveforms in X.
        full_scale: of their samples.
        random_state: decides all that is drawn.

    Attributes:
        network_: the trained autoencoder.
        scale_: mean and deviation of each band.
        curve_: how it learned, see `training`.
        n_features_in_: samples of each recording, where X is an array with two dimensions.
    """

    def __init__(
        self,
        latent: int = 16,
        hidden: Sequence[int] = (256, 128),
        kl_weight: float = 1.0,
        epochs: int = 20,
        learning_rate: float = 1e-3,
        batch_size: int = 256,
        sample_rate_hz: int = SAMPLE_RATE_HZ,
        full_scale: float = 1.0,
        random_state: Any = 0,
    ) -> None:
        self.latent = latent
        self.hidden = hidden
        self.kl_weight = kl_weight
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.sample_rate_hz = sample_rate_hz
        self.full_scale = full_scale
        self.random_state = random_state

    def fit(self, X: Recordings, y: object = None) -> Self:  # noqa: ARG002
        """Learns the autoencoder.

        Args:
            X: recordings as for `LogMel`, or their frames, [frame, band] each or [recording, frame, band].
            y: ignored.

        Raises:
            AudioError: for a recording that cannot be used.
            EmovaeError: when the learning diverges.
            ValueError: for fewer than two recordings, or an X that scikit-learn would refuse.
        """
        utterances = self._utterances(checked(self, X, reset=True, deep=True))
        if len(utterances) < 2:
            raise ValueError("X has 1 sample: one recording, and another has to stop the learning; give two at least")
        random = check_random_state(self.random_state)
        stopping = set(random.permutation(len(utterances))[: max(1, round(STOPS * len(utterances)))].tolist())
        train = [frames for place, frames in enumerate(utterances) if place not in stopping]
        self.scale_ = scale_of(*train)
        seed = int(random.randint(2**31 - 1))
        settings = Autoencoder(
            latent=self.latent,
            hidden=tuple(self.hidden),
            kl_weight=self.kl_weight,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
        )
        learns, stops = (
            Examples(torch.from_numpy(np.concatenate([_segments(frames, self.scale_) for frames in some])), None)
            for some in (train, [utterances[place] for place in sorted(stopping)])
        )
        generator = torch.Generator().manual_seed(seed_for(seed, "weights"))
        self.network_ = VAE(learns.segments.shape[1], settings, generator)
        with one_thread():
            self.curve_: list[Epoch] = train_autoencoder(
                self.network_, learns, stops, settings, seed, Machine(), lambda _epoch, _told: None
            )
        return self

    def transform(self, X: Recordings) -> NDArray[np.float32]:
        """The features of recordings, [recording, 6 x latent]; X as for `fit`.

        Raises:
            AudioError: for a recording that cannot be used.
            ValueError: for frames of another number of bands, or an X that scikit-learn would refuse.
        """
        check_is_fitted(self)
        with one_thread():
            return np.stack([self._features(one) for one in self._utterances(checked(self, X, reset=False, deep=True))])

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """The names of the features, such as `mean of latent 0`."""
        check_is_fitted(self)
        latent = self.network_.mean.out_features
        return np.array([f"{kind} of latent {place}" for kind in STATISTICS for place in range(latent)], object)

    def _utterances(self, recordings: Several) -> list[Frames]:
        """The frames of each; what has two dimensions is frames already."""
        rates, network = Rates(self.sample_rate_hz, self.full_scale), logmel.LogMel()
        found = []
        for one in recordings:
            is_frames = not isinstance(one, str | Path) and np.ndim(one) == 2
            found.append(np.asarray(one, np.float32) if is_frames else log_mel(filled(rates.waveform(one)), network))
        bands = len(self.scale_.mean) if hasattr(self, "scale_") else found[0].shape[1]
        for place, frames in enumerate(found):
            if not len(frames) or frames.shape[1] != bands or not np.isfinite(frames).all():
                raise ValueError(
                    f"recording {place} has frames of shape {frames.shape}; wanted is [frame, {bands}], one frame at"
                    " least, without NaN and infinity"
                )
        return found

    def _features(self, frames: Frames) -> Frames:
        # One by one, so that the features of a recording are the same to the bit whatever its company.
        values = torch.from_numpy(_segments(frames, self.scale_))
        segmented = Segmented(values, np.array([0, len(values)], np.int64))
        return functionals(latent_sequences(self.network_, segmented, None, "mean", torch.Generator()).values.numpy())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.three_d_array = True  # paths, and frames
        tags.transformer_tags.preserves_dtype = []
        return tags


def _segments(frames: Frames, scale: Scale) -> Frames:
    """The normalised segments of an utterance, writable as torch wants them."""
    return np.require(cut((frames - scale.mean) / scale.deviation, SEGMENTS), requirements="W")
