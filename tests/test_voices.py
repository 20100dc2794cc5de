"""Other voices of the same speakers: what is done to frames is what a real change of the sound does to them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from emovae import normalise
from emovae.audio import SAMPLE_RATE_HZ
from emovae.baselines import functionals_lda
from emovae.cells import finished, run_cell
from emovae.corpora import Corpus
from emovae.experiment import run
from emovae.frames import CorpusFrames, corpus_frames, frames_by, with_prosody
from emovae.functionals import functionals, per_speaker
from emovae.grid import Cell, Context, cells_of, said_by_its_speakers
from emovae.keys import autoencoder_key, cell_key
from emovae.logmel import LogMel, log_mels
from emovae.machine import Machine
from emovae.machines import said_by_machine
from emovae.presets import resolve
from emovae.settings import FrontEnd
from emovae.tasks import tasks_of
from emovae.voices import LEVEL, PITCH, TEMPO, TILT, TRACT, Voice, in_voice, normalised_in_voice, spoken, voice_of
from emovae.watcher import Watcher

FRONT_END = FrontEnd(prosody=2)
BANDS = FRONT_END.bands

Rows = NDArray[np.float32]


def frames_of(waveform: NDArray[np.floating[Any]]) -> Rows:
    (frames,) = frames_by(FRONT_END).rows([np.asarray(waveform, np.float32)])
    assert not isinstance(frames, Exception)
    return frames


def resonant(hz: float, seed: int = 0) -> NDArray[np.float64]:
    """Two seconds of noise with a resonance."""
    noise = np.random.default_rng(seed).standard_normal(2 * SAMPLE_RATE_HZ)
    b, a = signal.iirpeak(hz, 12, fs=SAMPLE_RATE_HZ)
    sound: NDArray[np.float64] = 0.1 * (signal.lfilter(b, a, noise) + 0.02 * noise)
    return sound


# What is done to frames


def test_a_voice_that_differs_in_nothing_changes_nothing() -> None:
    frames = frames_of(resonant(1000))
    np.testing.assert_allclose(spoken(frames, Voice(), FRONT_END), frames, rtol=0, atol=1e-5)


@pytest.mark.parametrize("gain", [0.7, 1.4])
def test_a_level_is_that_of_a_louder_sound(gain: float) -> None:
    sound = resonant(1000)
    found = spoken(frames_of(sound), Voice(level=2 * np.log(gain)), FRONT_END)
    np.testing.assert_allclose(found, frames_of(gain * sound), rtol=0, atol=2e-3)


@pytest.mark.parametrize("tract", [0.88, 1.1])
@pytest.mark.parametrize("hz", [600, 1500, 3000])
def test_a_longer_tract_has_lower_resonances(hz: float, tract: float) -> None:
    def spectrum(frames: Rows) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = frames[:, :BANDS].mean(axis=0, dtype=np.float64)
        return mean

    found = spectrum(spoken(frames_of(resonant(hz)), Voice(tract=tract), FRONT_END))
    real, before = spectrum(frames_of(resonant(hz / tract))), spectrum(frames_of(resonant(hz)))
    assert abs(int(found.argmax()) - int(real.argmax())) <= 1
    assert found.argmax() != before.argmax()
    assert np.abs(found - real).mean() < 0.5 * np.abs(before - real).mean()


def test_frames_between_frames_are_between_them() -> None:
    frames = np.arange(3, dtype=np.float32)[:, None].repeat(FRONT_END.columns, axis=1)
    slower = spoken(frames, Voice(tempo=5 / 3), FRONT_END)
    np.testing.assert_allclose(slower[:, 0], [0, 0.5, 1, 1.5, 2], atol=1e-6)
    assert spoken(frames, Voice(tempo=0.1), FRONT_END).shape == (1, FRONT_END.columns)
    assert spoken(frames[:1], Voice(tempo=2.0), FRONT_END).shape == (2, FRONT_END.columns)


def test_pitch_and_tilt_touch_what_they_are_of() -> None:
    frames = frames_of(resonant(1000))
    higher = spoken(frames, Voice(pitch=0.1), FRONT_END) - frames
    np.testing.assert_allclose(higher[:, BANDS : BANDS + 2], 0.1, atol=1e-5)
    assert np.abs(np.delete(higher, [BANDS, BANDS + 1], axis=1)).max() < 1e-5
    brighter = (spoken(frames, Voice(tilt=0.5), FRONT_END) - frames)[:, :BANDS]
    np.testing.assert_allclose(brighter, np.tile(np.linspace(-0.5, 0.5, BANDS), (len(frames), 1)), atol=1e-5)


def test_voices_of_a_speaker_are_their_own_within_bounds_and_the_same_again() -> None:
    voices = [voice_of(speaker, number) for speaker in ("ann", "bob", "eve") for number in range(1, 200)]
    assert len(set(voices)) == len(voices)
    assert voice_of("ann", 7) == voices[6]
    middle = Voice()
    for name, most in zip(Voice._fields, (TRACT, TEMPO, PITCH, TILT, LEVEL), strict=True):
        apart = np.array([getattr(voice, name) - getattr(middle, name) for voice in voices])
        assert most * 0.95 < np.abs(apart).max() <= most
        assert abs(apart.mean()) < 0.1 * most


def test_without_prosody_there_are_bands_alone() -> None:
    plain = FrontEnd()
    (frames,) = log_mels([np.asarray(resonant(1000), np.float32)], LogMel(plain))
    found = spoken(frames, voice_of("ann", 1), plain)
    assert found.shape[1] == plain.bands
    (both,) = with_prosody([frames], [np.asarray(resonant(1000), np.float32)], FRONT_END.prosody)
    np.testing.assert_allclose(found, spoken(both, voice_of("ann", 1), FRONT_END)[:, :BANDS], atol=1e-5)


# A corpus in them


@pytest.fixture(scope="module")
def context(
    small_corpus: Corpus, cache: Path, tiny: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Context:
    return context_of(small_corpus, cache, tiny, tmp_path_factory.mktemp("voices"), voices=2)


def context_of(corpus: Corpus, cache: Path, tiny: dict[str, Any], folder: Path, **keys: Any) -> Context:
    baselines = ["majority", "functionals-SVM", "functionals-LDA", "PCA-LDA", "cepstra-LDA", "prosody-LDA"]
    stated = {**tiny, "seeds": 1, "models": ["VAE-LSTM", "VAE-LDA"], "baselines": baselines, **keys}
    experiment = resolve({**stated, "front_end": {"prosody": 1}, "test_condition": ["marginal"]})
    frames = corpus_frames(corpus, experiment.front_end, cache / "frames", at_least=10)
    return Context(experiment, frames, tasks_of(experiment, corpus, frames.utterances), folder, Machine())


def of_model(context: Context, model: str) -> Cell:
    return next(cell for cell in cells_of(context) if cell.model == model)


def test_a_corpus_in_another_voice_has_the_same_people_and_each_one_voice(context: Context) -> None:
    frames, front_end = context.frames, context.experiment.front_end
    assert in_voice(frames, 0, front_end) is frames
    other = in_voice(frames, 2, front_end)
    assert (other.utterances, other.digest, other.columns) == (frames.utterances, frames.digest, frames.columns)
    for place, utterance in enumerate(frames.utterances):
        expected = spoken(frames.of(place), voice_of(utterance.speaker, 2), front_end)
        np.testing.assert_array_equal(other.of(place), expected)
        assert other.spans[place, 1] - other.spans[place, 0] == len(expected)


@pytest.mark.parametrize("how", ["train", "none", "utterance", "speaker"])
def test_another_voice_is_on_the_scale_of_those_who_were_recorded_or_on_its_own(how: Any, context: Context) -> None:
    train = list(context.fold(of_model(context, "VAE-LDA")).train)
    normaliser = normalise.fit(context.frames, train, how)
    experiment = context.experiment.model_copy(update={"normalise": how})
    other = normalised_in_voice(normaliser, 1, experiment)
    one = train[0]
    frames = in_voice(context.frames, 1, experiment.front_end)
    expected = normaliser.scales[one]
    if how in ("utterance", "speaker"):
        who = context.frames.utterances[one].speaker
        theirs = [place for place, utterance in enumerate(context.frames.utterances) if utterance.speaker == who]
        pool = np.concatenate([frames.of(place) for place in (theirs if how == "speaker" else [one])]).astype(
            np.float64
        )
        np.testing.assert_allclose(other.scales[one].mean, pool.mean(0), atol=1e-4)
        np.testing.assert_allclose(other.scales[one].deviation, np.maximum(pool.std(0), 0.1), atol=1e-3)
        expected = other.scales[one]
    np.testing.assert_allclose(other.of(one), (frames.of(one) - expected.mean) / expected.deviation, atol=1e-5)


# Who learns from them


def by_hand(context: Context, cell: Cell, scaled: bool) -> NDArray[np.float64]:
    """What functionals-LDA says that learns from two other voices: statistics on the recorded frames' scale."""
    fold, task, bands = context.fold(cell), context.tasks[cell.task], context.experiment.front_end.bands
    pool = np.concatenate([context.frames.of(member)[:, :bands] for member in fold.train]).astype(np.float64)
    mean, deviation = pool.mean(0).astype(np.float32), pool.std(0).astype(np.float32)
    everyone = said_by_its_speakers(context, cell)
    names = [context.frames.utterances[member].speaker for member in everyone]

    def rows(frames: CorpusFrames, members: Sequence[int]) -> Rows:
        read = np.stack([functionals((frames.of(member)[:, :bands] - mean) / deviation) for member in everyone])
        found = per_speaker(read, names) if scaled else read
        return found[[everyone.index(member) for member in members]]

    learned_from = [*fold.train, *fold.validation]
    spoken_by = [in_voice(context.frames, voice, context.experiment.front_end) for voice in (0, 1, 2)]
    shown = np.concatenate([rows(frames, learned_from) for frames in spoken_by])
    labels = np.concatenate([task.numbers(learned_from)] * 3)
    asked = rows(context.frames, list(fold.test))
    return functionals_lda.probabilities(shown, labels, asked, len(task.classes)).astype(np.float64)


@pytest.mark.parametrize("scale", ["none", "speaker"])
def test_a_discriminant_learns_from_each_voice_and_asks_as_recorded(
    scale: str, small_corpus: Corpus, cache: Path, tiny: dict[str, Any], tmp_path: Path
) -> None:
    context = context_of(small_corpus, cache, tiny, tmp_path, voices=2, normalise_statistics=scale)
    cell = of_model(context, "functionals-LDA")
    run_cell(context, cell, lambda _: None)
    found = finished(context, cell).probabilities
    np.testing.assert_allclose(found, by_hand(context, cell, scale == "speaker"), atol=1e-4)
    plain = context._replace(experiment=context.experiment.model_copy(update={"voices": 0}))
    run_cell(plain, cell, lambda _: None)
    assert np.abs(finished(plain, cell).probabilities - found).max() > 1e-3


@pytest.mark.parametrize("model", ["VAE-LDA", "PCA-LDA"])
def test_readers_of_segments_learn_from_voices_of_somebody_who_says_one_segment_and_speaks_fast(
    model: str, small_corpus: Corpus, cache: Path, tiny: dict[str, Any], tmp_path: Path
) -> None:
    """A voice that takes a tenth of the time leaves less than a segment of 100 ms, which is filled up."""
    context = context_of(small_corpus, cache, tiny, tmp_path, voices=2)
    lengths = np.diff(context.frames.spans)[:, 0]
    starts = context.frames.spans[:, :1]
    cut = replace(context.frames, spans=np.concatenate([starts, starts + np.minimum(lengths, 10)[:, None]], axis=1))
    cell = of_model(context, model)
    assert min(np.diff(in_voice(cut, 1, context.experiment.front_end).spans)[:, 0]) == 9
    said = []
    for voices in (0, 2):
        there = context._replace(
            frames=cut,
            experiment=context.experiment.model_copy(update={"voices": voices}),
            folder=tmp_path / str(voices),
        )
        there.folder.mkdir()
        run_cell(there, cell, lambda _: None)
        said.append(finished(there, cell).probabilities)
    assert np.abs(said[1] - said[0]).max() > 1e-3


@pytest.mark.parametrize("scale", ["none", "speaker"])
@pytest.mark.parametrize(("model", "heard"), [("functionals-LDA", {0, 1, 2}), ("functionals-SVM", {0})])
def test_nobody_who_is_tested_is_heard_in_another_voice(
    model: str, heard: set[int], scale: str, context: Context
) -> None:
    there = context._replace(experiment=context.experiment.model_copy(update={"normalise_statistics": scale}))
    cell, asked = of_model(there, model), dict[int, set[int]]()

    def vectors(members: Sequence[int], voice: int) -> Rows:
        asked.setdefault(voice, set()).update(members)
        return np.random.default_rng(len(members) + voice).standard_normal((len(members), 5)).astype(np.float32)

    said_by_machine(there, cell, vectors)
    assert set(asked) == heard
    tested = {there.frames.utterances[member].speaker for member in there.fold(cell).test}
    for voice in heard - {0}:
        assert not {there.frames.utterances[member].speaker for member in asked[voice]} & tested


def test_voices_have_keys_of_their_own_and_leave_autoencoders_and_others_theirs(context: Context) -> None:
    plain = context._replace(experiment=context.experiment.model_copy(update={"voices": 0}))
    changed = {cell.model for cell in cells_of(context) if cell_key(context, cell) != cell_key(plain, cell)}
    assert changed == {"VAE-LDA", "functionals-LDA", "PCA-LDA", "cepstra-LDA", "prosody-LDA"}
    cell = of_model(context, "VAE-LDA")
    assert autoencoder_key(context, cell) == autoencoder_key(plain, cell)
    others = tuple(replace(utterance, speaker=f"not {utterance.speaker}") for utterance in context.frames.utterances)
    renamed = context._replace(frames=replace(context.frames, utterances=others))
    scaled = [
        one._replace(experiment=plain.experiment.model_copy(update={"normalise": "speaker"}))
        for one in (plain, renamed)
    ]
    assert autoencoder_key(scaled[0], cell) != autoencoder_key(scaled[1], cell)  # whose frames set a scale
    assert autoencoder_key(renamed, cell) == autoencoder_key(context, cell)
    assert cell_key(renamed, cell) != cell_key(context, cell)  # other names have other voices
    assert cell_key(renamed, of_model(context, "functionals-SVM")) == cell_key(
        context, of_model(context, "functionals-SVM")
    )


@pytest.mark.slow
def test_a_run_tells_of_voices(small_corpus: Corpus, cache: Path, tiny: dict[str, Any], tmp_path: Path) -> None:
    stated = {**tiny, "seeds": 1, "models": ["VAE-LDA"], "baselines": ["majority", "PCA-LDA"], "voices": 1}
    run(resolve(stated), small_corpus, tmp_path / "out", cache, Watcher())
    assert "other voices of each speaker that discriminants learn from" in (tmp_path / "out" / "table.md").read_text()
