"""Speech while it goes on, over a WebSocket: samples in, and what is said of all so far.

What is sent faster than it can be answered piles up, and there is one answer for the pile; who sends waits while that
is full. A stream never has more than one pile at work, so that it needs no turn of its own.
"""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from fastapi import FastAPI, Query, WebSocket
from fastapi.exceptions import WebSocketRequestValidationError
from starlette.websockets import WebSocketDisconnect

from emovae.answers import Model, Prediction
from emovae.audio import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, Waveform
from emovae.errors import AudioError
from emovae.pieces import Piece
from emovae.predict import How, row_of
from emovae.shells.bounded import RETRY_S, Limits
from emovae.shells.closing import DONE, FAILED, LARGE, LATER, POLICY, UNKNOWN, StreamError, close, refuse, send
from emovae.shells.measured import Metrics
from emovae.shells.opening import trained_of
from emovae.shells.piling import Pile
from emovae.shells.told import as_record

if TYPE_CHECKING:
    from emovae.streaming import Stream

Form = Literal["int16", "float32"]

MESSAGE_BYTES = 2**20
"""Five seconds and more at 48 kHz; a pile is full when it has as many."""
DTYPES = {"int16": "<i2", "float32": "<f4"}


def add_streams(app: FastAPI, streams: "Streams") -> None:
    """Adds `/v1/stream` to an application."""

    @app.websocket("/v1/stream")
    async def stream(
        socket: WebSocket,
        rate: Annotated[int, Query(ge=LOWEST_RATE_HZ, le=HIGHEST_RATE_HZ)],
        form: Annotated[Form, Query(alias="format")] = "int16",
    ) -> None:
        await streams.answer(socket, rate, form)

    @app.exception_handler(WebSocketRequestValidationError)
    async def misnamed(socket: WebSocket, error: WebSocketRequestValidationError) -> None:
        await socket.accept()
        told = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
        await refuse(socket, StreamError(POLICY, told), streams.limits.receive_s)


class Streams:
    """Answers streams.

    Args:
        model: who is asked.
        pool: where it computes.
        limits: what is taken.
        metrics: what counts.
    """

    def __init__(self, model: Model, pool: Executor, limits: Limits, metrics: Metrics) -> None:
        self.model, self.pool, self.limits, self.metrics = trained_of(model), pool, limits, metrics
        self.here = 0
        metrics.streaming.set_function(lambda: self.here)

    async def answer(self, socket: WebSocket, rate_hz: int, form: Form) -> None:
        """Answers a stream from its handshake to its end.

        Args:
            socket: not yet accepted.
            rate_hz: of its samples.
            form: of its samples.
        """
        await socket.accept()
        code = "left"
        try:
            with self._place():
                await self._told(socket, rate_hz, form)
                await close(socket, DONE, self.limits.receive_s)
            code = str(DONE)
        except StreamError as error:
            code = str(error.code)
            await refuse(socket, error, self.limits.receive_s)
        except (WebSocketDisconnect, TimeoutError):
            pass  # the client is gone, or does not read what it is told
        except Exception:
            code = str(FAILED)
            await refuse(socket, StreamError(FAILED, "the service could not answer"), self.limits.receive_s)
            raise
        finally:
            self.metrics.streams.labels(code).inc()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self.here >= self.limits.streams:
            raise StreamError(LATER, f"{self.here} streams are heard, and no more at once; come again in {RETRY_S} s")
        self.here += 1
        try:
            yield
        finally:
            self.here -= 1

    async def _told(self, socket: WebSocket, rate_hz: int, form: Form) -> None:
        if self.model is None:
            raise StreamError(
                POLICY,
                "ONNX models and ensembles hear whole recordings only; serve the folder of one network for streams",
            )
        from emovae.streaming import Stream  # noqa: PLC0415 - torch, which an ONNX file does without

        pile, stream, samples = Pile(MESSAGE_BYTES), Stream(self.model, rate_hz), 0
        hearing = asyncio.create_task(self._hear(socket, pile, rate_hz, form))
        try:
            last = False
            while not last:
                content, last = await pile.take()
                chunk = _samples(content, form)
                try:
                    said = await asyncio.get_running_loop().run_in_executor(self.pool, stream.push, chunk)
                except AudioError as error:
                    raise StreamError(UNKNOWN, str(error)) from error
                samples += len(chunk)
                self.metrics.audio.inc(len(chunk) / rate_hz)
                await send(socket, _record(stream, said, samples / rate_hz), self.limits.receive_s)
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _hear(self, socket: WebSocket, pile: Pile, rate_hz: int, form: Form) -> None:
        """Piles up what is sent until the client says that it is done, or something is wrong."""
        samples, until = 0, asyncio.get_running_loop().time() + self.limits.most_s + self.limits.receive_s
        try:
            while (content := await self._message(socket, until)) is not None:
                samples += _count(content, form)
                self._require_short(samples / rate_hz)
                await pile.put(content)
        except Exception as error:
            await pile.end(error)
        else:
            await pile.end()

    def _require_short(self, seconds: float) -> None:
        if seconds > self.limits.most_s:
            raise StreamError(POLICY, f"the stream has more than {self.limits.most_s:g} s, the most; begin another")

    async def _message(self, socket: WebSocket, until: float) -> bytes | None:
        """The next samples; None when the client is done."""
        patience = min(self.limits.receive_s, until - asyncio.get_running_loop().time())
        try:
            message = await asyncio.wait_for(socket.receive(), patience)
        except TimeoutError as error:
            idle = patience == self.limits.receive_s
            told = f"nothing came for {patience:g} s" if idle else "the stream took longer than its speech may"
            raise StreamError(POLICY, f"{told}; begin another") from error
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        content: bytes | None = message.get("bytes")
        text: str = message.get("text") or ""
        if (size := len(text if content is None else content)) > MESSAGE_BYTES:
            told = f"a message has {size:,} bytes, and {MESSAGE_BYTES:,} are the most; send shorter ones"
            raise StreamError(LARGE, told)
        if content is None:
            _require_done(text)
        return content


def _require_done(text: str) -> None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if found != {"done": True}:
        raise StreamError(UNKNOWN, 'a text is not understood; send samples as bytes, and {"done": true} at the end')


def _count(content: bytes, form: Form) -> int:
    """How many samples a message has."""
    size = np.dtype(DTYPES[form]).itemsize
    if len(content) % size:
        raise StreamError(UNKNOWN, f"a message has {len(content):,} bytes, and a sample of {form} has {size}")
    return len(content) // size


def _samples(content: bytes, form: Form) -> Waveform:
    samples = np.frombuffer(content, DTYPES[form]).astype(np.float32)
    return samples * np.float32(2.0**-15) if form == "int16" else samples


def _record(stream: "Stream", said: Prediction | None, seconds: float) -> dict[str, Any]:
    """What is told after a message: a row of `/v1/predict`, and beside it what only a stream has."""
    start = max(0.0, seconds - stream.window_s) if stream.bounded else 0.0
    piece = Piece("", round(start, 6), round(seconds, 6), "mix")
    row = row_of(piece, said, How())
    record = as_record(row, stream.model.classes)
    del record["file"]
    beside = {"seconds": round(seconds, 3), "bounded": stream.bounded, "emotion": row.label}
    return {**beside, **record} | ({"reason": "all so far is silent"} if said is None else {})
