"""What a scikit-learn estimator is given as X, files or waveforms in a list or an array, becomes waveforms."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import check_array, validate_data

from emovae.audio import Waveform
from emovae.hearing import heard

Recording = str | Path | Waveform
Recordings = Sequence[str] | Sequence[Path] | Sequence[Waveform] | NDArray[Any]
Several = Sequence[Any] | NDArray[Any]
"""The same once it has been checked."""


class Rates(NamedTuple):
    """How samples are to be understood; a file knows both.

    Attributes:
        sample_rate_hz: samples in a second.
        full_scale: the value of a sample that is as loud as can be: 1, or 32,768 for whole numbers of 16 bits.
    """

    sample_rate_hz: int
    full_scale: float

    def waveform(self, recording: Recording) -> Waveform:
        """One recording, [sample] at 16 kHz.

        Raises:
            AudioError: when it cannot be read, is silent or holds no sound.
        """
        if isinstance(recording, str | Path):
            return heard(recording)
        samples = np.asarray(recording, np.float64) / self.full_scale
        return heard(samples.astype(np.float32), self.sample_rate_hz)


def is_one(recordings: object) -> bool:
    """Whether this is one recording and not several: a path, or samples in one dimension."""
    if isinstance(recordings, str | Path):
        return True
    return isinstance(recordings, np.ndarray) and recordings.ndim == 1 and recordings.dtype.kind in "fiu"


def checked(estimator: Any, recordings: Any, *, reset: bool, deep: bool = False) -> Several:
    """Several recordings as something with a length, whose elements are recordings.

    An array of numbers is checked as scikit-learn does: rows of another length than those that were learned from are
    refused. A list, or an array or Series of paths, may hold recordings of any length.

    Args:
        estimator: who asks; `n_features_in_` is set or compared, where X is an array of numbers with two dimensions.
        recordings: X.
        reset: whether it is learned from.
        deep: whether an array [recording, frame, band] will do.

    Raises:
        ValueError: for one recording, none at all, or an array that is not as asked for.
    """
    if isinstance(recordings, str | Path):
        # scikit-learn raises a ValueError, too, for an X that holds one where several belong.
        raise ValueError(  # noqa: TRY004
            f"{recordings} is one recording, and several are asked for; give [{str(recordings)!r}]"
        )
    if not _is_of_numbers(recordings):
        found = list(recordings)
        if not found:
            raise ValueError("Found array with 0 sample(s): there is no recording; give one at least")
        return found
    if deep and getattr(recordings, "ndim", 2) == 3:
        found_array: NDArray[Any] = check_array(recordings, allow_nd=True, dtype="numeric")
        return found_array
    rows: NDArray[Any] = validate_data(estimator, recordings, reset=reset, dtype="numeric")
    return rows


def _is_of_numbers(recordings: Any) -> bool:
    """Whether this is an array of numbers, or would be one, and no list of recordings."""
    if sparse.issparse(recordings) or hasattr(recordings, "iloc"):
        return getattr(recordings, "ndim", 2) != 1  # a Series is one column, of paths
    if isinstance(recordings, list | tuple):
        return bool(recordings) and not isinstance(recordings[0], str | Path | np.ndarray)
    array = np.asarray(recordings)
    return array.ndim != 1 or array.dtype.kind not in "OUST"  # objects and strings: paths, or waveforms of any length
