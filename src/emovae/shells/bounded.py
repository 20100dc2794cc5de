"""What a service takes on: no more bytes, no longer, and no more at once than it was told."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

RETRY_S = 1


class Limits(NamedTuple):
    """What the service takes.

    Attributes:
        most_bytes: of a request.
        most_s: of a recording, in seconds.
        receive_s: within which a request must have arrived, and the next message of a stream.
        at_once: recordings that are heard at the same time.
        waiting: requests that may wait for their turn.
        most_windows: of a timeline.
        streams: who may speak at the same time.
    """

    most_bytes: int = 25 * 2**20
    most_s: float = 600.0
    receive_s: float = 30.0
    at_once: int = 2
    waiting: int = 64
    most_windows: int = 20_000
    streams: int = 8


class Bounded:
    """Counts the bytes and the seconds of a request's body.

    Args:
        app: what answers.
        most_bytes: a larger body is refused with 413, by its own word or as soon as it is seen.
        receive_s: a body that has not arrived by then is refused with 408.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, receive_s: float) -> None:
        self.app, self.most_bytes, self.receive_s = app, most_bytes, receive_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        promised = dict(scope["headers"]).get(b"content-length", b"")
        if promised.isdigit() and int(promised) > self.most_bytes:
            refused = self._too_large(int(promised))
            answer = JSONResponse({"detail": refused.detail}, refused.status_code, {"Connection": "close"})
            await answer(scope, receive, send)
            return
        until, taken, whole = time.monotonic() + self.receive_s, 0, False

        async def counted() -> Message:
            nonlocal taken, whole
            if whole:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), until - time.monotonic())
            except TimeoutError as error:
                late = f"the request had not arrived after {self.receive_s:g} s; send it again"
                raise HTTPException(408, late, {"Connection": "close"}) from error
            taken, whole = taken + len(message.get("body", b"")), not message.get("more_body", False)
            if taken > self.most_bytes:
                raise self._too_large(taken)
            return message

        await self.app(scope, counted, send)

    def _too_large(self, size: int) -> HTTPException:
        told = f"the request has {size:,} bytes or more, and {self.most_bytes:,} are the most; send a shorter part"
        return HTTPException(413, told, {"Connection": "close"})


class Turns:
    """So many work at the same time, so many may wait, and who comes then is told to come again (429)."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self.here, self._most, self._free = 0, at_once + waiting, asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn and keeps it for the block.

        Raises:
            HTTPException: 429 where too many wait already.
        """
        if self.here >= self._most:
            told = f"{self.here} recordings are heard or wait; come again in {RETRY_S} s"
            raise HTTPException(429, told, {"Retry-After": str(RETRY_S)})
        self.here += 1
        try:
            async with self._free:
                yield
        finally:
            self.here -= 1
