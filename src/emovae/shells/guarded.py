"""What browsers are told with every answer, and which pages and names are not let in."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none';"
        " form-action 'self'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guarded:
    """Sends the headers with every answer, and refuses whom a browser brings from elsewhere.

    A page of others could open a WebSocket, which browsers allow; and where its name is made to mean this machine, it
    could read everything.

    Args:
        app: what answers.
        hosts: the names under which it does, without a port; none for any.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = ()) -> None:
        self.app, self.hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._refused(scope["type"], Headers(scope=scope)) or self.app
        await answer(scope, receive, dressed)

    def _refused(self, kind: str, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        if self.hosts and _name_of(host) not in self.hosts:
            return JSONResponse({"detail": "the service does not answer under this name; see --allow-host"}, 400)
        origin = headers.get("origin")  # programs send none
        if kind == "websocket" and origin is not None and origin.lower().partition("://")[2] != host.lower():
            return JSONResponse({"detail": "a page of another origin may not listen here"}, 403)
        return None


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
