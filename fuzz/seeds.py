"""What is broken by the targets: a small model, a run, recordings of every container; all made here, none of people."""

import io
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from emovae.audio import SAMPLE_RATE_HZ
from emovae.card import model_card
from emovae.corpora import open_corpus
from emovae.experiment import run
from emovae.export import content_of
from emovae.final import Means, train_final
from emovae.presets import resolve
from emovae.seats import named
from emovae.trained import TrainedModel
from emovae.watcher import Watcher

KEYS: dict[str, Any] = {
    "name": "tiny",
    "models": ["VAE-LSTM"],
    "baselines": ["majority"],
    "protocol": {"kind": "speakers", "folds": 2},
    "dimensional_protocol": {"kind": "speakers", "folds": 2},
    "autoencoder": {"hidden": [16], "latent": 4, "epochs": 2, "batch_size": 64},
    "classifier": {"hidden": 8, "epochs": 2, "batch_size": 8, "learning_rate": 0.01},
    "front_end": {"bands": 8},
}
SECONDS = 0.25
PLAIN = (
    *(("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("WAV", "MS_ADPCM")),
    *(("WAVEX", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")),
)
BY_FFMPEG = (("matroska", "libopus", 48_000), ("mp4", "aac", 16_000), ("adts", "aac", 16_000))


def make(folder: Path) -> None:
    """Makes everything that is broken later, `audio/`, `model/`, `ensemble/`, `model.onnx` and `run/`."""
    from emovae.assembly import save  # noqa: PLC0415 - with torch

    corpus, cache = open_corpus("synthetic:16"), folder / "cache"
    model = train_final(resolve({**KEYS, "baselines": []}), corpus, Means(cache, Watcher()), fold="1")
    assert isinstance(model, TrainedModel)
    save(model, folder / "model", model_card(model))
    (folder / "model.onnx").write_bytes(content_of(model))
    several = resolve({**KEYS, "baselines": [], **named("VAE-ensemble")}, "best", ["front_end.prosody=1"])
    ensemble = train_final(several, open_corpus("synthetic:80"), Means(cache / "many", Watcher()), fold="1")
    save(ensemble, folder / "ensemble", model_card(ensemble))
    run(resolve(KEYS), corpus, folder / "run", cache)
    run(resolve({**KEYS, "models": []}), corpus, folder / "bare", cache)
    for beside in ("curves.parquet", "views.safetensors"):
        (folder / "bare" / beside).unlink(missing_ok=True)
    shutil.copy(next((cache / "frames").glob("*.json")), folder / "array.json")
    shutil.copy(next((cache / "frames").glob("*.f32")), folder / "array.f32")
    (folder / "audio").mkdir()
    for number, content in enumerate(recordings()):
        (folder / "audio" / f"{number:02}").write_bytes(content)


def recordings() -> list[bytes]:
    """Short sounds in every container that is read."""
    chance = np.random.default_rng(0)
    tone = np.sin(np.arange(int(SECONDS * SAMPLE_RATE_HZ)) / 10)
    sound = (0.2 * tone + 0.01 * chance.standard_normal(tone.size)).astype(np.float32)
    return [_plain(sound, *kind) for kind in PLAIN] + [_by_ffmpeg(sound, *kind) for kind in BY_FFMPEG]


def _plain(sound: np.ndarray[Any, Any], container: str, subtype: str) -> bytes:
    stream = io.BytesIO()
    several = np.stack([sound, -sound], axis=1) if container == "WAVEX" else sound
    soundfile.write(stream, several, SAMPLE_RATE_HZ, subtype, format=container)
    return stream.getvalue()


def _by_ffmpeg(sound: np.ndarray[Any, Any], container: str, codec: str, rate_hz: int) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", container) as out:
        track: Any = out.add_stream(codec, rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound[None], "fltp", "mono")
        frame.sample_rate, frame.time_base = SAMPLE_RATE_HZ, Fraction(1, SAMPLE_RATE_HZ)
        wanted = av.AudioResampler(track.format, track.layout, rate_hz, frame_size=track.frame_size)
        for each in (*wanted.resample(frame), *wanted.resample(None)):
            out.mux(track.encode(each))
        out.mux(track.encode(None))
    return stream.getvalue()
