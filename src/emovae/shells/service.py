"""An HTTP service that answers about recordings; `emovae serve` runs it.

Nothing that is sent is kept: an upload lies in a temporary file while it is heard, and in no log. What is too large,
too long, too slow or too much at once is refused, and the service stays up.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from fastapi import FastAPI, File, HTTPException, Query, Response, UploadFile
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emovae import containers
from emovae.answers import Model, least_confidence
from emovae.errors import AudioError, ConfigError
from emovae.pieces import Channel, Cut, pieces_of, why
from emovae.predict import How, handfuls, judged
from emovae.shells.bounded import Bounded, Turns
from emovae.shells.told import as_record
from emovae.sources import Source

CHUNK_BYTES = 2**18


class Limits(NamedTuple):
    """What the service takes.

    Attributes:
        most_bytes: of a request.
        most_s: of a recording, in seconds.
        receive_s: within which a request must have arrived.
        at_once: recordings that are heard at the same time.
        waiting: requests that may wait for their turn.
        most_windows: of a timeline.
    """

    most_bytes: int = 25 * 2**20
    most_s: float = 600.0
    receive_s: float = 30.0
    at_once: int = 2
    waiting: int = 64
    most_windows: int = 20_000


class _Metrics:
    """What Prometheus reads."""

    def __init__(self, turns: Turns) -> None:
        self.registry = held = CollectorRegistry()
        self.requests = Counter("emovae_requests", "Requests", ["path", "status"], registry=held)
        self.seconds = Histogram("emovae_request_seconds", "Time of a request", ["path"], registry=held)
        self.audio = Counter("emovae_audio_seconds", "Speech that was answered about", registry=held)
        Gauge("emovae_turns", "Requests that are heard or wait", registry=held).set_function(lambda: turns.here)


class _Measured:
    """Counts requests by path and status."""

    def __init__(self, app: ASGIApp, metrics: _Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            if scope["type"] == "http":
                path = getattr(scope.get("route"), "path", "other")  # never what a client made up
                self.metrics.requests.labels(path, str(status)).inc()
                self.metrics.seconds.labels(path).observe(time.perf_counter() - start)


def service(model: Model, about: dict[str, Any], limits: Limits, prepare: Callable[[], None] | None = None) -> FastAPI:
    """The application.

    Args:
        model: who is asked.
        about: what `/healthz` tells of it.
        limits: what is taken.
        prepare: is called in each thread that hears recordings.
    """
    turns, pool = Turns(limits.at_once, limits.waiting), ThreadPoolExecutor(limits.at_once, initializer=prepare)
    metrics = _Metrics(turns)
    app = FastAPI(title="emovae", summary="How speech sounds to those who labelled the training recordings")
    app.add_middleware(Bounded, most_bytes=limits.most_bytes, receive_s=limits.receive_s)
    app.add_middleware(_Measured, metrics=metrics)

    @app.get("/healthz")
    async def healthz() -> dict[str, Any]:
        """Whether the service is up, and of which model."""
        return {"status": "ok", **about}

    @app.get("/metrics", response_class=Response)
    async def told() -> Response:
        """For Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.post("/v1/predict")
    async def predict(
        file: Annotated[UploadFile, File(description="WAV, FLAC, OGG or MP3; WebM or MP4 of a browser or a phone")],
        window: Annotated[float | None, Query(ge=0.01, le=600, description="Of a timeline, in seconds")] = None,
        hop: Annotated[float, Query(ge=0.01, le=600, description="From one window to the next, in seconds")] = 0.5,
        channel: Annotated[Channel, Query(description="Of several, what is heard")] = "mix",
        reject: Annotated[float, Query(ge=0, lt=1, description="See `emovae predict --reject`")] = 0.0,
    ) -> dict[str, Any]:
        """What is heard in a recording: one row, or one for each window and channel."""
        how = How(Cut(window, hop, channel), least_confidence(model, reject))
        async with turns.turn():
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder) / "upload"
                with place.open("wb") as stream:
                    while chunk := await file.read(CHUNK_BYTES):
                        stream.write(chunk)
                work = asyncio.get_running_loop().run_in_executor(pool, answered, model, place, how, limits)
                # A client who goes away leaves no file behind for which a thread still looks.
                answer = await asyncio.shield(work)
        metrics.audio.inc(answer["seconds"])
        return {"file": file.filename or "", **answer}

    return app


def answered(model: Model, place: Path, how: How, limits: Limits) -> dict[str, Any]:
    """What is said of an upload.

    Raises:
        HTTPException: 413 for what is too long, 415 for what is no sound that can be read, 422 for sound that cannot be
            used, 501 for a container whose decoder is not installed.
    """
    try:
        sound = containers.decode(place, limits.most_s)
    except ConfigError as error:
        raise HTTPException(501, str(error)) from error
    except containers.TooLongError as error:
        raise HTTPException(413, str(error)) from error
    except AudioError as error:
        raise HTTPException(415, why(error, str(place))) from error
    seconds = len(sound.samples) / sound.rate_hz
    if how.cut.window_s is not None and seconds / how.cut.hop_s * sound.samples.shape[1] > limits.most_windows:
        raise HTTPException(413, f"more than {limits.most_windows:,} windows; take a hop over {how.cut.hop_s:g} s")
    try:
        some = pieces_of(sound, Source(str(place)), how.cut)
    except AudioError as error:
        raise HTTPException(422, why(error, str(place))) from error
    rows = [row for few in handfuls(some) for row in judged(model, few, how)]
    records = [{name: value for name, value in as_record(row, model.classes).items() if name != "file"} for row in rows]
    return {"seconds": round(seconds, 3), "classes": list(model.classes), "rows": records}
