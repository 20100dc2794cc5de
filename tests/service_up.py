"""A service that runs, on a port of its own, and recordings as they are sent to it."""

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx
import soundfile
import uvicorn

from emovae.answers import Model
from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.machine import single_thread
from emovae.shells.service import Limits, service
from emovae.shells.serving import listening

LIMITS = Limits(most_bytes=2**20, most_s=20.0, receive_s=1.0, at_once=2, waiting=8, most_windows=100, streams=3)


@contextmanager
def running(model: Model, limits: Limits = LIMITS, hosts: Sequence[str] = ()) -> Iterator[httpx.Client]:
    app = service(model, {"model": "VAE-LSTM"}, limits, single_thread, hosts)
    config = listening(app, "127.0.0.1", 0)
    config.log_level = "warning"
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def encoded(samples: Waveform, kind: str = "WAV", subtype: str = "FLOAT", rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate_hz, subtype, format=kind)
    return out.getvalue()


def sent(
    client: httpx.Client, content: bytes, name: str = "a.wav", path: str = "/v1/predict", **query: Any
) -> httpx.Response:
    return client.post(path, files={"file": (name, content)}, params=query)
