"""What is said to somebody at the other end of a WebSocket, and how it ends; nobody is waited for without end."""

import asyncio
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

DONE, UNKNOWN, POLICY, LARGE, FAILED, LATER = 1000, 1003, 1008, 1009, 1011, 1013
"""Codes of closing, RFC 6455 and the IANA registry."""


class StreamError(Exception):
    """Why a stream is ended by the service."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


async def send(socket: WebSocket, record: dict[str, Any], patience_s: float) -> None:
    """Sends a record as JSON.

    Raises:
        WebSocketDisconnect: when the client is gone.
        TimeoutError: when it reads nothing for so long.
    """
    try:
        await asyncio.wait_for(socket.send_json(record), patience_s)
    except RuntimeError as error:  # the server has closed by itself, such as for a frame that is none
        raise WebSocketDisconnect(FAILED) from error


async def close(socket: WebSocket, code: int, patience_s: float) -> None:
    """Ends a stream.

    Raises:
        WebSocketDisconnect: when the client is gone.
        TimeoutError: when it reads nothing for so long.
    """
    try:
        await asyncio.wait_for(socket.close(code), patience_s)
    except RuntimeError as error:
        raise WebSocketDisconnect(FAILED) from error


async def refuse(socket: WebSocket, error: StreamError, patience_s: float) -> None:
    """Says why and ends the stream, where somebody still listens."""
    try:
        await send(socket, {"detail": error.detail}, patience_s)
        await close(socket, error.code, patience_s)
    except (WebSocketDisconnect, TimeoutError):
        pass
