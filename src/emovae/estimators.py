"""A model as a scikit-learn estimator: it learns from recordings and their labels, or is read from a folder."""

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d

from emovae import assembly
from emovae.answers import Prediction, told
from emovae.assignments import assignments
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.card import model_card
from emovae.config import Experiment
from emovae.errors import ConfigError
from emovae.final import Means, train_final
from emovae.hearing import heard
from emovae.kinds import GRADUATES, ORDINARY, USUAL
from emovae.listed import listed
from emovae.machine import one_thread
from emovae.predict import AT_ONCE
from emovae.presets import resolve
from emovae.recordings_in import Rates, Recording, Recordings, checked, is_one
from emovae.seats import chosen, named
from emovae.streaming import WINDOW_S, Stream
from emovae.trained_ensemble import Trained, TrainedEnsemble
from emovae.watcher import Watcher


class Recognizer(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Recognises emotion in recordings.

    >>> Recognizer("AE-LSTM", settings=("autoencoder.latent=16",)).get_params()["model"]
    'AE-LSTM'

    Args:
        model: `AE-LSTM`, `VAE-LSTM`, `CVAE-LSTM` or `SSVAE-LSTM`; with the preset `best` `VAE-ensemble` or
            `AE-ensemble`. None for the VAE's of either.
        preset: `default`, `paper` or `best`.
        settings: any of the settings of an experiment, `KEY=VALUE` each, such as `autoencoder.epochs=5`.
        sample_rate_hz: of the waveforms in X; a file knows its own.
        full_scale: of their samples: 1, or 32768 for whole numbers of 16 bits.
        random_state: decides all that is drawn.

    Attributes:
        classes_: the labels, sorted.
        model_: the `TrainedModel`, or the `TrainedEnsemble`.
        n_features_in_: samples of each recording, where X is an array with two dimensions.
    """

    classes_: NDArray[Any]
    model_: Trained

    def __init__(
        self,
        model: str | None = None,
        preset: str | None = None,
        settings: Sequence[str] = (),
        sample_rate_hz: int = SAMPLE_RATE_HZ,
        full_scale: float = 1.0,
        random_state: Any = 0,
    ) -> None:
        self.model = model
        self.preset = preset
        self.settings = settings
        self.sample_rate_hz = sample_rate_hz
        self.full_scale = full_scale
        self.random_state = random_state

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The recognizer of a model folder, fitted.

        Raises:
            OutputError: for a folder that is none, or a file of it that is missing, cut, edited, newer or a pickle.
        """
        model = assembly.load(folder)
        stated = model.settings
        found = cls(chosen(stated), stated.preset, assignments(stated), random_state=stated.seed)
        found.model_, found.classes_ = model, np.array(sorted(model.classes))
        return found

    def save(self, folder: str | Path) -> None:
        """Writes a model folder with its card, as `emovae train` does.

        Raises:
            OutputError: when the folder cannot be written.
        """
        check_is_fitted(self)
        assembly.save(self.model_, folder, model_card(self.model_))

    def fit(self, X: Recordings, y: Any, groups: Any = None) -> Self:
        """Learns from recordings.

        Args:
            X: paths, waveforms [sample] of any length, or an array [recording, sample].
            y: the label of each.
            groups: who speaks in each; whole speakers stop the learning. Without, each recording is its own speaker,
                and what stops the learning has been heard from the same people: it ends later than it should.

        Raises:
            EmovaeError: for a recording that cannot be used, a setting that is none, or too few speakers.
            ValueError: for an X or a y that scikit-learn would refuse.
        """
        if y is None:
            raise ValueError("Recognizer requires y to be passed, but the target y is None")
        recordings = checked(self, X, reset=True)
        labels = check_array(column_or_1d(y, warn=True), ensure_2d=False, dtype=None, input_name="y")
        check_classification_targets(labels)
        speakers = [str(place) for place in range(len(recordings))] if groups is None else [str(one) for one in groups]
        check_consistent_length(recordings, labels, speakers)
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class, {self.classes_[0]}, and nothing can be told apart; give two at least")
        names = [str(label) for label in labels]
        with tempfile.TemporaryDirectory() as cache:
            corpus = listed(recordings, Rates(self.sample_rate_hz, self.full_scale), names, speakers)
            self.model_ = train_final(self._experiment(), corpus, Means(Path(cache), Watcher()))
        return self

    def predict_proba(self, X: Recordings, groups: Any = None) -> NDArray[np.float64]:
        """The probability of each class, tempered, [recording, class] in the order of `classes_`.

        Args:
            X: paths, waveforms [sample] of any length, or an array [recording, sample].
            groups: who speaks in each, "" for nobody knows; an ensemble judges them on scales of their own then.

        Raises:
            AudioError: for a recording that cannot be used.
            ConfigError: for groups where the model has learned nothing of speakers.
            ValueError: for an X that scikit-learn would refuse.
        """
        check_is_fitted(self)
        recordings, model = checked(self, X, reset=False), self.model_
        people = None if groups is None else self._people()
        check_consistent_length(recordings, groups)
        with one_thread():
            if people is None:
                told = np.concatenate([model.answer(some).probabilities for some in self._handfuls(recordings)])
            else:
                kept = [people.keep(some) for some in self._handfuls(recordings)]
                told = people.answer_people(kept, [str(one) for one in groups]).probabilities
        found: NDArray[np.float64] = told[:, [model.classes.index(str(label)) for label in self.classes_]]
        return found

    def _handfuls(self, recordings: Recordings) -> Iterator[list[Waveform]]:
        rates, waiting = Rates(self.sample_rate_hz, self.full_scale), iter(recordings)
        while some := [rates.waveform(one) for one in itertools.islice(waiting, AT_ONCE)]:
            yield some

    def _people(self) -> TrainedEnsemble:
        model = self.model_
        if isinstance(model, TrainedEnsemble) and model.by_speaker is not None:
            return model
        why = f": {model.why_alone}" if isinstance(model, TrainedEnsemble) else ""
        raise ConfigError(
            f"this {chosen(model.settings)} has learned nothing of speakers{why}; leave groups, who speaks, away"
        )

    @overload
    def predict(self, X: str | Path) -> Prediction: ...  # type: ignore[overload-overlap]  # a str is one path

    @overload
    def predict(self, X: Waveform, sample_rate_hz: int) -> Prediction: ...

    @overload
    def predict(self, X: Recordings) -> NDArray[Any]: ...

    def predict(self, X: Recording | Recordings, sample_rate_hz: int | None = None) -> Prediction | NDArray[Any]:
        """What is heard.

        Args:
            X: one recording, or several as for `fit`.
            sample_rate_hz: of one recording that is given by its samples, [sample] or [sample, channel], full scale 1.

        Returns:
            The prediction of one recording; of several the label of each.

        Raises:
            AudioError: for a recording that cannot be used.
            ValueError: for one waveform without its rate, or an X that scikit-learn would refuse.
        """
        check_is_fitted(self)
        if isinstance(X, str | Path) or sample_rate_hz is not None:
            with one_thread():
                return told(self.model_, [heard(X, sample_rate_hz)])[0]  # type: ignore[arg-type]
        if is_one(X):
            raise ValueError(
                f"X is one recording of {len(X)} samples, which have no rate of their own: give sample_rate_hz, such as"
                f" {SAMPLE_RATE_HZ}. Reshape your data into [recording, sample], or put recordings into a list, if"
                " there are several"
            )
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels

    def stream(self, sample_rate_hz: int = SAMPLE_RATE_HZ, window_s: float = WINDOW_S) -> Stream:
        """A recording that goes on; see `Stream`, and `Stream.bounded` for what `window_s` does.

        Raises:
            AudioError: for a rate that no recording has.
            ConfigError: for an ensemble, which hears whole recordings.
        """
        check_is_fitted(self)
        if isinstance(self.model_, TrainedEnsemble):
            raise ConfigError(
                f"a {chosen(self.model_.settings)} hears whole recordings, and no stream; use VAE-LSTM for that"
            )
        return Stream(self.model_, sample_rate_hz, window_s)

    def _experiment(self) -> Experiment:
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31 - 1)
        model = USUAL.get(self.preset or "", ORDINARY) if self.model is None else self.model
        if model not in GRADUATES:
            raise ConfigError(f"there is no model {model!r} to fit; there are {', '.join(GRADUATES)}")
        stated = {"name": "fit", "baselines": [], "seed": int(seed), **named(model)}
        # The folds are for an estimate, which others make here: they must not ask for more speakers than learning does.
        division = {"protocol": {"kind": "speakers", "folds": 2}, "test_condition": ["marginal"]}
        return resolve({**stated, **division}, self.preset, self.settings, "Recognizer")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True  # paths
        tags.classifier_tags.poor_score = True  # of numbers that are no sound
        return tags
