"""What Prometheus reads of the service."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emovae.shells.bounded import Turns


class Metrics:
    """Counts, and times."""

    def __init__(self, turns: Turns) -> None:
        self.registry = held = CollectorRegistry()
        self.requests = Counter("emovae_requests", "Requests", ["path", "status"], registry=held)
        self.seconds = Histogram("emovae_request_seconds", "Time of a request", ["path"], registry=held)
        self.audio = Counter("emovae_audio_seconds", "Speech that was answered about", registry=held)
        self.streams = Counter("emovae_streams", "Streams that have ended", ["code"], registry=held)
        self.streaming = Gauge("emovae_streams_open", "Streams that go on", registry=held)
        Gauge("emovae_turns", "Requests that are heard or wait", registry=held).set_function(lambda: turns.here)


class Measured:
    """Counts requests by path and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
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
