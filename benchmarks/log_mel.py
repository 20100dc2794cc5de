"""Log-mel frames of a minute of speech on one thread, beside kaldi-native-fbank and librosa."""

from collections.abc import Iterator
from functools import partial

import kaldi_native_fbank
import librosa
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from benchmarks.measure import Row, Work, faster, paired
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import open_corpus
from emovae.logmel import DFT_POINTS, ENERGY_FLOOR, HOP_SAMPLES, WINDOW_SAMPLES, LogMel, filter_bank, log_mel
from emovae.machine import one_thread
from emovae.settings import FrontEnd

MINUTE_S, TIMES = 60, 10
TOLERANCE = 1e-3


def minute_of_speech() -> Waveform:
    """Synthetic voices, one after the other."""
    corpus = open_corpus("synthetic:60")
    joined = np.concatenate([corpus.waveform(utterance) for utterance in corpus.utterances])
    return joined[: MINUTE_S * SAMPLE_RATE_HZ]


def reference(waveform: Waveform) -> NDArray[np.float64]:
    """The definition in float64 by SciPy's transform."""
    cut = np.lib.stride_tricks.sliding_window_view(waveform.astype(np.float64), WINDOW_SAMPLES)[::HOP_SAMPLES]
    spectrum = scipy.fft.rfft(cut * np.hamming(WINDOW_SAMPLES), DFT_POINTS)
    return np.log(np.maximum(np.square(np.abs(spectrum)) @ filter_bank(FrontEnd()), ENERGY_FLOOR))


def kaldi_options() -> kaldi_native_fbank.FbankOptions:
    """What makes kaldi-native-fbank compute emovae's frames."""
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE_HZ
    options.frame_opts.window_type = "hamming"
    options.frame_opts.dither = 0
    options.frame_opts.preemph_coeff = 0
    options.frame_opts.remove_dc_offset = False
    options.mel_opts.num_bins = 80
    options.mel_opts.low_freq = 20
    options.mel_opts.high_freq = 8000
    options.eps = ENERGY_FLOOR
    return options


def by_kaldi(waveform: Waveform) -> NDArray[np.float32]:
    """As its documentation does it, frame by frame."""
    fbank = kaldi_native_fbank.OnlineFbank(kaldi_options())
    fbank.accept_waveform(SAMPLE_RATE_HZ, waveform)
    fbank.input_finished()
    return np.stack([fbank.get_frame(frame) for frame in range(fbank.num_frames_ready)])


def by_librosa(waveform: Waveform) -> NDArray[np.float32]:
    """Its mel spectrogram with the same window and bands, and the logarithm: ours with `triangles = "hz"`.

    Its window stands in the middle of the transform's 512 samples; 56 zeros on either side bring its frames under ours.
    """
    power = librosa.feature.melspectrogram(
        y=np.pad(waveform, (DFT_POINTS - WINDOW_SAMPLES) // 2),
        sr=SAMPLE_RATE_HZ,
        n_fft=DFT_POINTS,
        hop_length=HOP_SAMPLES,
        win_length=WINDOW_SAMPLES,
        window=np.hamming(WINDOW_SAMPLES),
        center=False,
        n_mels=80,
        fmin=20,
        fmax=8000,
        htk=True,
        norm=None,
    )
    return np.asarray(np.log(np.maximum(power, ENERGY_FLOOR)).T, np.float32)


def rows(rounds: int) -> Iterator[Row]:
    """The frames, equal to the reference, and the two ratios."""
    waveform, front_end = minute_of_speech(), LogMel(FrontEnd())
    with one_thread():
        off = float(np.abs(log_mel(waveform, front_end) - reference(waveform)).max())
        if off > TOLERANCE:
            raise AssertionError(f"frames differ from the reference by {off:.2g}, more than {TOLERANCE:g}")
        check = f"within {off:.1g} of float64"
        for name, peer, least in (("kaldi-native-fbank", by_kaldi, 8.0), ("librosa", by_librosa, 3.5)):
            ours = partial(_again, partial(log_mel, waveform, front_end))
            pairs = paired(ours, partial(_again, partial(peer, waveform)), rounds)
            yield faster("log-mel frames, one thread", name, pairs, TIMES * MINUTE_S, "s of speech", least, check)


def _again(work: Work) -> None:
    for _ in range(TIMES):
        work()
