"""What is answered about a recording that was sent: rows, or what a page draws of it."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import HTTPException

from emovae import containers
from emovae.answers import Model
from emovae.audio import SAMPLE_RATE_HZ, Sound, Waveform
from emovae.drawing import Columns, Frames, columns_of, log_mel, shades, wave_of
from emovae.errors import AudioError, ConfigError
from emovae.pieces import Channel, Cut, Piece, pieces_of, why
from emovae.predict import How, handfuls, judged
from emovae.settings import FrontEnd
from emovae.shells.bounded import Limits
from emovae.shells.opening import kept_of, trained_of
from emovae.shells.told import as_record
from emovae.sources import Source

NO_DECODER = "an ONNX model has no decoder, and an ensemble several; serve the folder of a single network for that"
SILENT = "the recording is silent"


def answered(model: Model, place: Path, how: How, limits: Limits) -> dict[str, Any]:
    """What is said of an upload.

    Raises:
        HTTPException: 413 for what is too long, 415 for what is no sound that can be read, 422 for sound that cannot be
            used, 501 for a container whose decoder is not installed.
    """
    sound = _decoded(place, limits)
    seconds = len(sound.samples) / sound.rate_hz
    if how.cut.window_s is not None and seconds / how.cut.hop_s * sound.samples.shape[1] > limits.most_windows:
        raise HTTPException(413, f"more than {limits.most_windows:,} windows; take a hop over {how.cut.hop_s:g} s")
    some = _pieces(sound, place, how.cut)
    rows = [row for few in handfuls(some) for row in judged(model, few, how)]
    records = [{name: value for name, value in as_record(row, model.classes).items() if name != "file"} for row in rows]
    return {"seconds": round(seconds, 3), "classes": list(model.classes), "rows": records}


def drawn(model: Model, place: Path, channel: Channel, limits: Limits) -> dict[str, Any]:
    """What a page draws of an upload: its wave, its log-mel frames, and what the autoencoder makes of them.

    Raises:
        HTTPException: as `answered`.
    """
    sound = _decoded(place, limits)
    (piece,) = _pieces(sound, place, Cut(channel=channel))
    seconds = len(sound.samples) / sound.rate_hz
    silent = piece.waveform is None
    waveform = np.zeros(max(1, round(seconds * SAMPLE_RATE_HZ)), np.float32) if silent else piece.waveform
    assert waveform is not None
    wave, kept, trained = wave_of(waveform), kept_of(model), trained_of(model)
    front_end = FrontEnd() if kept is None else kept.settings.front_end
    found: dict[str, Any] = {
        "seconds": round(seconds, 3),
        "sample_rate_hz": sound.rate_hz,
        "channels": sound.samples.shape[1],
        "wave": {"columns": len(wave.low), "low": _rounded(wave.low), "high": _rounded(wave.high)},
        "low_hz": front_end.low_hz,
        "high_hz": front_end.high_hz,
    }
    frames = log_mel(waveform, front_end) if trained is None else trained.frames([waveform])[0]
    columns = columns_of(frames)
    low, high = float(columns.values.min()), float(columns.values.max())
    high = max(high, low + 1.0)  # one colour, where all is alike
    found["logmel"] = _picture(columns, low, high)
    if trained is None or silent:
        return {**found, "reconstruction": None, "why": SILENT if silent else NO_DECODER, "reconstruction_error": None}
    from emovae.pictures import remade  # noqa: PLC0415 - torch, which an ONNX file does without

    made = remade(trained, frames)
    picture = _picture(columns_of(made.frames), low, high)
    return {**found, "reconstruction": picture, "why": None, "reconstruction_error": made.error}


def _decoded(place: Path, limits: Limits) -> Sound:
    try:
        return containers.decode(place, limits.most_s)
    except ConfigError as error:
        raise HTTPException(501, str(error)) from error
    except containers.TooLongError as error:
        raise HTTPException(413, str(error)) from error
    except AudioError as error:
        raise HTTPException(415, why(error, str(place))) from error


def _pieces(sound: Sound, place: Path, cut: Cut) -> list[Piece]:
    try:
        return pieces_of(sound, Source(str(place)), cut)
    except AudioError as error:
        raise HTTPException(422, why(error, str(place))) from error


def _picture(columns: Columns, low: float, high: float) -> dict[str, Any]:
    values = shades(columns.values, low, high)
    return {
        "bands": values.shape[1],
        "columns": values.shape[0],
        "hop_s": columns.hop_s,
        "low": low,
        "high": high,
        "values": base64.b64encode(values.tobytes()).decode(),
    }


def _rounded(values: Waveform | Frames) -> list[float]:
    return [round(float(value), 4) for value in values]
