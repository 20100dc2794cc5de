"""What reads an utterance's sequence and names its class: the paper's LSTM, and the networks of its rivals.

They have no base class, and these in common: `classes`; `scale`, which is fitted to the training steps; a call, from
sequences [utterance, step, feature] and lengths [utterance] to logits [utterance, class]; and `losses`, one for each
utterance.
"""

from typing import TypeAlias

from emovae.classifiers.attentive_cnn import AttentiveCNN
from emovae.classifiers.blstm_ctc import BLSTMCTC
from emovae.classifiers.blstm_elm import FramewiseBLSTM
from emovae.classifiers.lstm import LSTMClassifier
from emovae.classifiers.lstm_value import LSTMRegressor

__all__ = [
    "BLSTMCTC",
    "AttentiveCNN",
    "FramewiseBLSTM",
    "LSTMClassifier",
    "LSTMRegressor",
    "SequenceClassifier",
    "SequenceReader",
]

SequenceClassifier: TypeAlias = LSTMClassifier | AttentiveCNN | BLSTMCTC | FramewiseBLSTM
SequenceReader: TypeAlias = SequenceClassifier | LSTMRegressor
"""What can be trained: one that names a class, or one that says a value."""
