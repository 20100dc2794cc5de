"""A recording that goes on: after each chunk, what would be said of all that was heard so far.

    chunk -> samples at 16 kHz (resampling) -> frames -> segments -> latent features -> state of the LSTM

Each step keeps what the next chunk needs, and no more. What would change if the recording went on (the last samples at
another rate, the segment that is filled up at the end) is computed from a copy of the state. Models that need the
whole utterance, since it sets their scale or is merged, are asked about the last seconds anew.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from emovae.answers import Prediction, prediction, told
from emovae.audio import (
    HIGHEST_RATE_HZ,
    LOUDEST_PEAK,
    LOWEST_RATE_HZ,
    SAMPLE_RATE_HZ,
    SILENT_PEAK,
    Waveform,
)
from emovae.calibration import tempered
from emovae.classifiers.lstm import Read
from emovae.errors import AudioError
from emovae.logmel import HOP_MS, HOP_SAMPLES, WINDOW_SAMPLES, frame_count
from emovae.machine import one_thread
from emovae.resampling import Resampler
from emovae.segments import Segmented, cut, segment_count, span_of
from emovae.trained import Frames, TrainedModel

WINDOW_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What is kept of a recording so far.

    Attributes:
        samples: how many there were at 16 kHz.
        peak: the furthest from zero.
        rest: samples from the beginning of the next frame on.
        frames: how many there were.
        row: those from the beginning of the next segment on, [frame, band].
        skipped: how many frames are still to come before the next segment begins.
        sums: over frames, of each band and of its square, float64 [2, band].
        segments: how many the classifier has read.
        read: where it has got to; None before the first.
    """

    samples: int
    peak: float
    rest: Waveform
    frames: int
    row: Frames
    skipped: int
    sums: NDArray[np.float64]
    segments: int
    read: Read | None


class Stream:
    """A recording that goes on, and a model that is asked about it.

    Args:
        model: the model.
        sample_rate_hz: of the chunks, 4,000 to 384,000.
        window_s: how much is heard of the end, by a model that needs the whole utterance.

    Attributes:
        bounded: whether the model needs the whole utterance (`normalise=utterance` or `merge=statistics`), so that the
            last `window_s` seconds alone are heard, anew after each chunk. Otherwise all so far counts, and a chunk
            costs as much after an hour as at the beginning.
        model: the model.
        window_s: as given.
        segments_encoded: how many segments have been encoded, those that are filled up at an end each time; none is
            counted of a bounded stream.

    Raises:
        AudioError: for a rate that no recording has.
        ValueError: for a window that is shorter than a frame.
    """

    def __init__(self, model: TrainedModel, sample_rate_hz: int, window_s: float = WINDOW_S) -> None:
        if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
            raise AudioError(f"the stream has {sample_rate_hz} Hz; wanted are {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz")
        if not window_s * SAMPLE_RATE_HZ >= WINDOW_SAMPLES:
            raise ValueError(f"window_s is {window_s:g}, less than a frame of 0.025 s; give {WINDOW_S:g}, for example")
        self.model, self.settings, self.window_s = model, model.settings, window_s
        self.bounded = self.settings.normalise == "utterance" or self.settings.merge == "statistics"
        self.segments_encoded = 0
        self._window = round(window_s * SAMPLE_RATE_HZ)
        self._resampler = Resampler(sample_rate_hz)
        self._last, self._how = np.empty(0, np.float32), self.settings.segments.model_copy(update={"short": "pad"})
        bands = self.settings.front_end.bands
        none = np.empty((0, bands), np.float32)
        self._heard = Heard(
            samples=0,
            peak=0.0,
            rest=self._last,
            frames=0,
            row=none,
            skipped=0,
            sums=np.zeros((2, bands)),
            segments=0,
            read=None,
        )

    def push(self, chunk: Waveform) -> Prediction | None:
        """Hears the next samples.

        Args:
            chunk: [sample] or [sample, channel] of any length, full scale 1.

        Returns:
            What `predict` says of all so far (of a bounded stream: of the last `window_s` seconds), within 1e-5; None
            as long as it is silent, which `predict` refuses.

        Raises:
            AudioError: for samples that are no sound; the stream stays as it was.
        """
        settled, still_open = (one.clip(-1, 1) for one in self._resampler.push(_mono(chunk)))
        with one_thread(), torch.inference_mode():
            if self.bounded:
                return self._anew(settled, still_open)
            self._heard = self._onward(self._heard, settled)
            return self._said(self._onward(self._heard, still_open) if len(still_open) else self._heard)

    def _anew(self, settled: Waveform, still_open: Waveform) -> Prediction | None:
        self._last = np.concatenate([self._last, settled])[-self._window :]
        heard = np.concatenate([self._last, still_open])[-self._window :]
        return told(self.model, [heard])[0] if _peak(heard) >= SILENT_PEAK else None

    def _onward(self, heard: Heard, samples: Waveform) -> Heard:
        """What is kept after more samples."""
        rest = np.concatenate([heard.rest, samples])
        count = frame_count(len(rest))
        heard = replace(
            heard,
            samples=heard.samples + len(samples),
            peak=max(heard.peak, _peak(samples)),
            rest=rest[count * HOP_SAMPLES :],
        )
        return self._framed(heard, self.model.frames([rest])[0]) if count else heard

    def _framed(self, heard: Heard, frames: Frames) -> Heard:
        """What is kept after more frames."""
        exact = frames.astype(np.float64)
        row = np.concatenate([heard.row, frames[heard.skipped :]])
        length, step = span_of(self._how), self._how.step_ms // HOP_MS
        whole = 1 + (len(row) - length) // step if len(row) >= length else 0
        read = heard.read
        if whole:
            read = self._read(row[: (whole - 1) * step + length], read)
        after = whole * step
        return replace(
            heard,
            frames=heard.frames + len(frames),
            row=row[after:],
            skipped=max(0, heard.skipped - len(frames)) + max(0, after - len(row)),
            sums=heard.sums + np.stack([exact.sum(axis=0), np.square(exact).sum(axis=0)]),
            segments=heard.segments + whole,
            read=read,
        )

    def _read(self, frames: Frames, before: Read | None) -> Read:
        """What is read after the segments of more frames, the last of them filled up where it is not whole."""
        rows = np.require(cut(self.model.scaled(frames), self._how), requirements="W")
        self.segments_encoded += len(rows)
        segmented = Segmented(torch.from_numpy(rows), np.array([0, len(rows)], np.int64))
        latents = self.model.latents(segmented).values
        return self.model.reader.onward(latents, None if before is None else before.state)

    def _said(self, heard: Heard) -> Prediction | None:
        """What is said where the recording may end here."""
        if heard.peak < SILENT_PEAK:
            return None
        padded = heard.samples < self.model.least_samples
        if not heard.frames:  # below 25 ms it is filled up with silence
            heard = self._framed(heard, self.model.frames([heard.rest])[0])
        read = heard.read
        if segment_count(heard.frames, self._how) > heard.segments:
            read = self._read(heard.row, read)
        assert read is not None
        said = tempered(read.logits.softmax(-1).numpy()[None], self.model.temperature)[0]
        mean = heard.sums[0] / heard.frames
        deviation = np.sqrt(np.maximum(heard.sums[1] / heard.frames - np.square(mean), 0))
        usual = self.model.usual
        distance = usual.distance_of(np.concatenate([mean, deviation]).astype(np.float32))
        return prediction(self.model.classes, said, distance / usual.limit, padded=padded)


def _mono(chunk: Waveform) -> Waveform:
    """The mean of a chunk's channels, [sample].

    Raises:
        AudioError: for samples that are no sound.
    """
    samples = np.asarray(chunk, np.float32)
    if samples.ndim not in (1, 2):
        raise AudioError(f"a chunk has shape {samples.shape}; wanted is [sample] or [sample, channel]")
    mono: Waveform = samples if samples.ndim == 1 else samples.mean(axis=1, dtype=np.float32)
    peak = _peak(mono)
    if not math.isfinite(peak):
        raise AudioError("a chunk holds NaN or infinity; leave it out, or put zeros there")
    if peak > LOUDEST_PEAK:
        raise AudioError(f"a chunk has a peak of {peak:.4g} where full scale is 1; scale its samples to -1..1")
    return mono


def _peak(samples: Waveform) -> float:
    return float(np.abs(samples).max()) if len(samples) else 0.0
