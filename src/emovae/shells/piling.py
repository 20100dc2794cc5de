"""What lies between somebody who sends and somebody who answers, and never grows beyond what was agreed."""

import asyncio
from typing import NamedTuple


class Sent(NamedTuple):
    """Bytes that have piled up, and whether they are the last."""

    content: bytes
    last: bool


class Pile:
    """What has been sent and is not yet answered.

    Args:
        full_bytes: with so many it is full.
    """

    def __init__(self, full_bytes: int) -> None:
        self._full_bytes = full_bytes
        self._held, self._fresh, self._last = bytearray(), False, False
        self._error: Exception | None = None
        self._changed = asyncio.Condition()

    async def put(self, content: bytes) -> None:
        """Adds a message, as soon as there is room."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._held) < self._full_bytes)
            self._held += content
            self._fresh = True
            self._changed.notify_all()

    async def end(self, error: Exception | None = None) -> None:
        """Nothing more comes; with an error, nobody waits for what has piled up."""
        async with self._changed:
            self._last, self._error = True, error
            self._changed.notify_all()

    async def take(self) -> Sent:
        """All that has piled up, as soon as there is a message or the end.

        Raises:
            Exception: that it was ended with.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._fresh or self._last)
            if self._error is not None:
                raise self._error
            found, self._held, self._fresh = Sent(bytes(self._held), self._last), bytearray(), False
            self._changed.notify_all()
            return found
