"""After each chunk a stream must say what `predict` says of all so far, and take no longer for it late than early."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import soxr

from conftest import one_network
from emovae.answers import Prediction, told
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import Corpus
from emovae.errors import AudioError
from emovae.estimators import Recognizer
from emovae.hearing import heard
from emovae.resampling import Resampler
from emovae.streaming import Stream
from emovae.trained import TrainedModel

CLOSE = 1e-5
SMALL = (
    "autoencoder.hidden=[16]",
    "autoencoder.latent=4",
    "autoencoder.epochs=2",
    "classifier.hidden=8",
    "classifier.epochs=2",
    "classifier.learning_rate=0.01",
)
Make = Callable[..., TrainedModel]


@pytest.fixture(scope="module")
def make(small_corpus: Corpus) -> Make:
    sounds = [small_corpus.waveform(one) for one in small_corpus.utterances]
    labels = [str(one.emotion) for one in small_corpus.utterances]
    speakers = [one.speaker for one in small_corpus.utterances]
    made: dict[tuple[str, ...], TrainedModel] = {}

    def model(*changes: str, kind: str = "VAE-LSTM") -> TrainedModel:
        if (kind, *changes) not in made:
            fitted = Recognizer(kind, settings=(*SMALL, *changes)).fit(sounds, labels, groups=speakers)
            made[kind, *changes] = one_network(fitted.model_)
        return made[kind, *changes]

    return model


@pytest.fixture(scope="module")
def sound(small_corpus: Corpus) -> Waveform:
    return np.concatenate([small_corpus.waveform(one) for one in small_corpus.utterances[:2]])


def chunks(samples: Waveform, size: int) -> Iterator[Waveform]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def require_alike(found: Prediction | None, truth: Prediction) -> None:
    assert found is not None
    assert list(found.probabilities) == list(truth.probabilities)
    shares = [list(one.probabilities.values()) for one in (found, truth)]
    np.testing.assert_allclose(shares[0], shares[1], rtol=0, atol=CLOSE)
    assert found.padded is truth.padded
    assert found.strangeness == pytest.approx(truth.strangeness, rel=1e-3)
    assert (found.confidence, found.entropy) == pytest.approx((truth.confidence, truth.entropy), abs=1e-4)


def require_faithful(model: TrainedModel, samples: Waveform, rate_hz: int, size: int, every: int = 1) -> Stream:
    """A stream that was compared with the whole so far after every so many chunks, and at its end."""
    stream, count = Stream(model, rate_hz), -(-len(samples) // size)
    for place, chunk in enumerate(chunks(samples, size)):
        found = stream.push(chunk)
        if place % every == 0 or place == count - 1:
            require_alike(found, told(model, [heard(samples[: (place + 1) * size], rate_hz)])[0])
    return stream


@pytest.mark.parametrize(("size", "every"), [(1, 401), (7, 300), (160, 9), (1000, 1), (4001, 1), (40_000, 1)])
def test_chunks_of_any_size_add_up_to_the_whole(make: Make, sound: Waveform, size: int, every: int) -> None:
    loud = sound[np.abs(sound).argmax() :]  # from its first sample on it is no silence
    require_faithful(make(), loud[: 24_000 if size > 100 else 4_000], SAMPLE_RATE_HZ, size, every)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 11_025, 48_000])
@pytest.mark.parametrize("share", [0.013, 0.31, 2.5])
def test_other_rates_are_heard_as_whole_files_are(make: Make, sound: Waveform, rate_hz: int, share: float) -> None:
    samples = soxr.resample(sound[np.abs(sound).argmax() :], SAMPLE_RATE_HZ, rate_hz)[: 2 * rate_hz].clip(-1, 1)
    require_faithful(make(), samples, rate_hz, round(share * rate_hz), 1 if share > 0.1 else 10)


@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 12_345, 22_050, 44_100, 44_101, 96_000])
def test_resampling_by_chunks_is_that_of_the_whole(rate_hz: int) -> None:
    generator = np.random.default_rng(rate_hz)
    samples = generator.normal(0, 0.2, 3 * rate_hz + 11).astype(np.float32)
    resampler, settled, start = Resampler(rate_hz), [], 0
    while start < len(samples):
        stop = start + int(generator.integers(1, rate_hz // 3))
        found = resampler.push(samples[start:stop])
        settled.append(found.settled)
        whole = soxr.resample(samples[:stop], rate_hz, SAMPLE_RATE_HZ, quality="HQ")
        np.testing.assert_allclose(np.concatenate([*settled, found.open]), whole, rtol=0, atol=1e-6)
        start = stop
    assert len(resampler.kept) < 2.2 * rate_hz


@pytest.mark.parametrize(
    "changes",
    [
        ("normalise=none",),
        ("segments.tail=drop",),
        ("segments.step_ms=50",),
        ("segments.step_ms=130",),
        ("segments.step_ms=130", "segments.tail=drop"),
        ("segments.length_ms=120", "segments.stride_ms=30"),
        ("segments.length_ms=120", "segments.stride_ms=30", "segments.step_ms=50"),
        ("segments.length_ms=120", "segments.stride_ms=30", "segments.step_ms=200", "segments.tail=drop"),
        ("features=mean",),
        ("classifier.layers=1", "classifier.scale_inputs=false"),
    ],
)
def test_each_setting_is_followed(make: Make, sound: Waveform, changes: tuple[str, ...]) -> None:
    loud = sound[np.abs(sound).argmax() :][:12_000]
    stream = require_faithful(make(*changes), loud, SAMPLE_RATE_HZ, 531)
    assert not stream.bounded


@pytest.mark.parametrize("kind", ["AE-LSTM", "CVAE-LSTM", "SSVAE-LSTM"])
def test_each_model_can_be_streamed(make: Make, sound: Waveform, kind: str) -> None:
    require_faithful(make(kind=kind), sound[np.abs(sound).argmax() :][:9_000], SAMPLE_RATE_HZ, 1500)


@pytest.mark.parametrize("change", ["normalise=utterance", "merge=statistics"])
def test_a_model_that_needs_the_whole_hears_the_last_seconds(make: Make, sound: Waveform, change: str) -> None:
    model, stream = make(change), Stream(make(change), SAMPLE_RATE_HZ, window_s=1.0)
    assert stream.bounded
    for place, chunk in enumerate(chunks(sound, 5000), start=1):
        found = stream.push(chunk)
        require_alike(found, told(model, [sound[: place * 5000][-16_000:]])[0])
    require_faithful(model, soxr.resample(sound[8000:20_000], 16_000, 8000).clip(-1, 1), 8_000, 1000)


def test_a_chunk_costs_the_same_however_long_the_stream_is(make: Make, sound: Waveform) -> None:
    counts, stream = [], Stream(make(), SAMPLE_RATE_HZ)
    for chunk in chunks(np.tile(sound, 5), 1600):
        before = stream.segments_encoded
        stream.push(chunk)
        counts.append(stream.segments_encoded - before)
    assert len(counts) > 100
    assert max(counts) <= 2  # the one that has become whole, and the one that is filled up
    assert sum(counts[-50:]) == sum(counts[-100:-50])


def test_silence_so_far_is_no_error_and_no_answer(make: Make, sound: Waveform) -> None:
    stream, quiet = Stream(make(), SAMPLE_RATE_HZ), np.zeros(5000, np.float32)
    assert stream.push(quiet) is None
    assert stream.push(quiet[:0]) is None
    require_alike(stream.push(sound), told(make(), [np.concatenate([quiet, sound])])[0])


def test_channels_are_mixed_and_what_is_no_sound_is_refused_without_harm(make: Make, sound: Waveform) -> None:
    stream, both = Stream(make(), SAMPLE_RATE_HZ), np.stack([sound, 0.5 * sound], axis=1)
    stream.push(both[:9000])
    for broken, why in (
        (np.full(9, np.nan, np.float32), "holds NaN"),
        (np.full(9, 9.0, np.float32), "a peak of 9 where full scale is 1"),
        (np.zeros((2, 2, 2), np.float32), r"wanted is \[sample\] or \[sample, channel\]"),
    ):
        with pytest.raises(AudioError, match=why):
            stream.push(broken)
    require_alike(stream.push(both[9000:]), told(make(), [0.75 * sound])[0])


def test_a_stream_needs_a_rate_and_a_window_that_can_be(make: Make) -> None:
    with pytest.raises(AudioError, match="the stream has 100 Hz; wanted are 4000 to 384000 Hz"):
        Stream(make(), 100)
    with pytest.raises(ValueError, match=r"window_s is 0.01, less than a frame"):
        Stream(make(), SAMPLE_RATE_HZ, window_s=0.01)
