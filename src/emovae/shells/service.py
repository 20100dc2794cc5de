"""An HTTP service that answers about recordings, and about speech while it goes on; `emovae serve` runs it.

Nothing that is sent is kept: an upload lies in a temporary file while it is heard, and in no log. What is too large,
too long, too slow or too much at once is refused, and the service stays up.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, File, Query, Response, UploadFile
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BeforeValidator

from emovae.answers import Model, least_confidence
from emovae.pieces import Channel, Cut
from emovae.predict import How
from emovae.shells.bounded import Bounded, Limits, Turns
from emovae.shells.guarded import Guarded
from emovae.shells.measured import Measured, Metrics
from emovae.shells.pages import add_pages
from emovae.shells.questioned import add_words, only_known, seconds
from emovae.shells.streams import Streams, add_streams
from emovae.shells.uploads import answered, drawn

__all__ = ["Limits", "service"]

CHUNK_BYTES = 2**18

TIME = BeforeValidator(seconds)
Upload = Annotated[UploadFile, File(description="WAV, FLAC, OGG or MP3; WebM or MP4 of a browser or a phone")]


def service(
    model: Model,
    about: dict[str, Any],
    limits: Limits,
    prepare: Callable[[], None] | None = None,
    hosts: Sequence[str] = (),
) -> FastAPI:
    """The application.

    Args:
        model: who is asked.
        about: what `/healthz` tells of it.
        limits: what is taken.
        prepare: is called in each thread that hears recordings.
        hosts: the names under which it answers; none for any.
    """
    turns, pool = Turns(limits.at_once, limits.waiting), ThreadPoolExecutor(limits.at_once, initializer=prepare)
    metrics = Metrics(turns)
    streams = Streams(model, pool, limits, metrics)
    app = FastAPI(
        title="emovae",
        summary="How speech sounds to those who labelled the training recordings",
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Bounded, most_bytes=limits.most_bytes, receive_s=limits.receive_s)
    app.add_middleware(Measured, metrics=metrics)
    app.add_middleware(Guarded, hosts=hosts)
    add_pages(app)
    add_words(app)
    add_streams(app, streams)

    async def heard(file: UploadFile, work: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """What is found of an upload when its turn comes."""
        async with turns.turn():
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder) / "upload"
                with place.open("wb") as stream:
                    while chunk := await file.read(CHUNK_BYTES):
                        stream.write(chunk)
                at_work = asyncio.get_running_loop().run_in_executor(pool, work, place)
                # A client who goes away leaves no file behind for which a thread still looks.
                return {"file": file.filename or "", **await asyncio.shield(at_work)}

    @app.get("/healthz")
    async def healthz() -> dict[str, Any]:
        """Whether the service is up, of which model, whether that hears streams, and the most it takes."""
        most = {"most_bytes": limits.most_bytes, "most_seconds": limits.most_s}
        return {"status": "ok", **about, "streams": streams.model is not None, **most}

    @app.get("/metrics", response_class=Response)
    async def told() -> Response:
        """For Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.post("/v1/predict", dependencies=[Depends(only_known)])
    async def predict(
        file: Upload,
        window: Annotated[float | None, Query(ge=0.01, le=600, description="Of a timeline, in seconds"), TIME] = None,
        hop: Annotated[float, Query(ge=0.01, le=600, description="To the next window, in seconds"), TIME] = 0.5,
        channel: Annotated[Channel, Query(description="Of several, what is heard")] = "mix",
        reject: Annotated[float, Query(ge=0, lt=1, description="See `emovae predict --reject`")] = 0.0,
    ) -> dict[str, Any]:
        """What is heard in a recording: one row, or one for each window and channel."""
        how = How(Cut(window, hop, channel), least_confidence(model.confidences, reject))
        answer = await heard(file, partial(answered, model, how=how, limits=limits))
        metrics.audio.inc(answer["seconds"])
        return answer

    @app.post("/v1/picture", dependencies=[Depends(only_known)])
    async def picture(
        file: Upload,
        channel: Annotated[Literal["mix", "left", "right"], Query(description="Of several, what is drawn")] = "mix",
    ) -> dict[str, Any]:
        """What a page draws of a recording: its wave, its log-mel frames, and what the autoencoder makes of them."""
        return await heard(file, partial(drawn, model, channel=channel, limits=limits))

    return app
