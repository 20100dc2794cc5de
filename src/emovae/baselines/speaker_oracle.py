"""What a model gains by recognising people: each tested speaker's own classes, told by the true labels.

No result, but a bound to read results by: a corpus in which this row is high can be scored well by voices alone.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def probabilities(speakers: Sequence[str], labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """The class shares of each one's speaker, [utterance, class]; the highest is the speaker's most frequent class.

    Args:
        speakers: of the tested utterances.
        labels: their true classes, [utterance].
        classes: how many there are.

    >>> probabilities(["ann", "bob", "ann", "ann"], np.array([1, 0, 1, 1]), 2).tolist()
    [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    """
    out = np.zeros((len(speakers), classes), np.float32)
    names = np.array(speakers)
    for name in set(speakers):
        among = names == name
        out[among] = np.bincount(labels[among], minlength=classes) / among.sum()
    return out
