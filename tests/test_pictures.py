"""A remade recording must be that of its segments decoded one by one, by hand, and laid back where they came from."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from conftest import one_network
from emovae.autoencoders import AE, CVAE, SSVAE, VAE
from emovae.corpora import Corpus
from emovae.final import Means, train_final
from emovae.pictures import remade
from emovae.presets import resolve
from emovae.reconstruction import SEGMENTS_AT_ONCE, reconstruction_errors
from emovae.trained import TrainedModel
from emovae.watcher import Watcher

Make = Callable[..., TrainedModel]
SETTINGS: tuple[tuple[str, ...], ...] = (
    ("AE-LSTM",),
    ("VAE-LSTM",),
    ("CVAE-LSTM",),
    ("SSVAE-LSTM",),
    ("CVAE-LSTM", "autoencoder.condition_decoder=false", "normalise=utterance"),
    ("VAE-LSTM", "segments.step_ms=30", "normalise=none"),
    ("VAE-LSTM", "segments.length_ms=120", "segments.stride_ms=30", "segments.step_ms=50"),
    ("VAE-LSTM", "segments.step_ms=130", "segments.tail=drop"),
)


@pytest.fixture(scope="module")
def make(small_corpus: Corpus, cache: Any, tiny: dict[str, Any]) -> Make:
    def made(model: str, *assignments: str) -> TrainedModel:
        keys = {**tiny, "models": [model], "baselines": [], "test_condition": ["marginal"], "seeds": 1}
        return one_network(
            train_final(resolve(keys, None, assignments), small_corpus, Means(cache, Watcher()), fold="1")
        )

    return made


def decoded_by_hand(model: TrainedModel, segment: torch.Tensor, answer: NDArray[np.float64]) -> NDArray[np.float32]:
    """One segment [value] through encoder, mean and decoder, class by class where there are any."""
    network = model.encoder
    if isinstance(network, AE):
        return network.decoder(network.code(network.encoder(segment))).numpy()  # type: ignore[no-any-return]
    if isinstance(network, VAE):
        return network.decoder(network.mean(network.encoder(segment))).numpy()  # type: ignore[no-any-return]
    made = np.zeros(len(segment), np.float32)
    for label, weight in enumerate(answer):
        told = torch.eye(len(answer))[label]
        mean = network.mean(network.encoder(torch.cat([segment, told]) if isinstance(network, CVAE) else segment))
        latent = torch.cat([mean, told]) if network.condition_decoder else mean
        made += weight * network.decoder(latent).numpy()
    return made


@torch.no_grad()
def by_hand(model: TrainedModel, frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Frame by frame: the mean of all segments that hold it."""
    settings, how = model.settings, model.settings.segments
    mean, deviation = np.zeros(80), np.ones(80)
    if settings.normalise == "utterance":
        mean, deviation = frames.mean(axis=0, dtype=np.float64), np.maximum(frames.std(axis=0, dtype=np.float64), 0.1)
    elif settings.normalise == "train":
        assert model.scale is not None
        mean, deviation = model.scale.mean.astype(np.float64), model.scale.deviation.astype(np.float64)
    answer = model.judge([frames]).probabilities[0]
    found: list[list[NDArray[np.float64]]] = [[] for _ in frames]
    length, step, stride = how.length_ms // 10, how.step_ms // 10, how.stride_ms // 10
    start = 0
    while start == 0 or start + length <= len(frames) or (how.tail == "pad" and start + length - step < len(frames)):
        if start >= len(frames):
            break
        places = np.minimum(np.arange(start, start + length, stride), len(frames) - 1)  # filled up by the last frame
        segment = ((frames[places] - mean) / deviation).astype(np.float32).reshape(-1)
        rows = decoded_by_hand(model, torch.from_numpy(segment), answer).reshape(-1, 80) * deviation + mean
        for place, row in zip(range(start, start + length), np.repeat(rows, stride, axis=0), strict=True):
            if place < len(frames):
                found[place].append(row)
        start += step
    return np.stack([np.mean(rows, axis=0) if rows else np.full(80, np.nan) for rows in found])


@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
@pytest.mark.parametrize("count", [3, 10, 47])
def test_it_is_what_each_segment_decodes_to_laid_where_it_came_from(
    settings: tuple[str, ...], count: int, make: Make, small_corpus: Corpus
) -> None:
    model = make(*settings)
    frames = model.frames([small_corpus.waveform(small_corpus.utterances[0])])[0][:count]
    found = remade(model, frames)
    np.testing.assert_allclose(found.frames, by_hand(model, frames), atol=1e-5)
    weights = model.judge([frames]).probabilities.astype(np.float32)
    told = weights if isinstance(model.encoder, CVAE | SSVAE) else None
    expected = reconstruction_errors(model.encoder, model.segmented([frames]), told)[0]
    assert found.error == pytest.approx(expected, rel=1e-5)


def test_segments_that_stand_apart_leave_frames_unknown(make: Make, small_corpus: Corpus) -> None:
    model = make(*SETTINGS[-1])
    found = remade(model, model.frames([small_corpus.waveform(small_corpus.utterances[0])])[0][:47]).frames
    unknown = np.isnan(found).all(axis=1)
    assert np.flatnonzero(unknown).tolist() == [10, 11, 12, 23, 24, 25, *range(36, 47)]


def test_a_long_recording_is_remade_as_its_parts_are(make: Make, small_corpus: Corpus) -> None:
    model = make("VAE-LSTM")
    frames = model.frames([small_corpus.waveform(small_corpus.utterances[0])])[0][:100]
    many = SEGMENTS_AT_ONCE // 10 + 3
    found = remade(model, np.tile(frames, (many, 1)))
    np.testing.assert_allclose(found.frames, np.tile(remade(model, frames).frames, (many, 1)), atol=1e-4)
