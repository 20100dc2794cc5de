"""The command `emovae serve`."""

import contextlib
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    import uvicorn
    from fastapi import FastAPI

LOOPBACK = ("127.0.0.1", "::1", "localhost")
NAME = re.compile(r"[\w.-]+|[0-9a-f:.]+", re.IGNORECASE)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 is seen by other machines.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free one.")
@click.option("--most-mib", type=click.FloatRange(0.01), default=25.0, show_default=True, help="Of a request.")
@click.option("--most-seconds", type=click.FloatRange(0.1), default=600.0, show_default=True, help="Of a recording.")
@click.option(
    "--receive", type=click.FloatRange(0.1), default=30.0, show_default=True, help="For a request, in seconds."
)
@click.option("--at-once", type=click.IntRange(1), default=2, show_default=True, help="Recordings heard at once.")
@click.option("--waiting", type=click.IntRange(0), default=64, show_default=True, help="Who may wait; more get 429.")
@click.option("--streams", type=click.IntRange(0), default=8, show_default=True, help="Live streams at once.")
@click.option("--allow-host", "hosts", multiple=True, help="A name it answers to, beside those of --host; repeat it.")
def serve(
    model: Path,
    host: str,
    port: int,
    most_mib: float,
    most_seconds: float,
    receive: float,
    at_once: int,
    waiting: int,
    streams: int,
    hosts: tuple[str, ...],
) -> None:
    """Answer about recordings over HTTP: a page at /, POST /v1/predict, speech as it goes on at /v1/stream, /docs.

    MODEL is a model folder, or an ONNX file of `emovae export`. Nothing that is sent is kept.
    """
    from emovae.errors import ConfigError

    try:
        import uvicorn

        from emovae.shells.service import Limits, service
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed; pip install 'emovae[serve]'") from error
    from emovae.seats import chosen
    from emovae.shells.opening import kept_of, opened

    names = allowed(host, hosts)
    door = bound(host, port)
    limits = Limits(round(most_mib * 2**20), most_seconds, receive, at_once, waiting, streams=streams)
    with opened(model) as asked:
        kept = kept_of(asked)
        if kept is None:
            app = service(asked, {"model": "ONNX", "classes": list(asked.classes)}, limits, hosts=names)
        else:
            from emovae.machine import single_thread

            corpus = kept.facts["training"]["corpus"]
            about = {"model": chosen(kept.settings), "classes": list(kept.classes), "corpus": corpus}
            app = service(kept, about, limits, single_thread, names)
        named = f"[{host}]" if ":" in host else host
        click.echo(f"emovae: running on http://{named}:{door.getsockname()[1]} (Ctrl-C ends it)", err=True)
        with contextlib.suppress(KeyboardInterrupt), door:  # how a service usually ends
            uvicorn.Server(listening(app, host, port)).run([door])


def allowed(host: str, named: "Sequence[str]") -> "Sequence[str]":
    """The names under which a service at `host` answers, without brackets and in small letters; none for any.

    On this machine alone others have no business: a page elsewhere whose name is made to mean this machine is not let
    in. Where other machines are let in, nobody knows the names but who gives them.

    Raises:
        ConfigError: for what is no name.
    """
    from emovae.errors import ConfigError

    names = [one.lower().removeprefix("[").removesuffix("]") for one in named]
    if wrong := [given for given, one in zip(named, names, strict=True) if not NAME.fullmatch(one)]:
        raise ConfigError(f"--allow-host {wrong[0]} is no name; give it without scheme and port, as voices.example")
    return [*LOOPBACK, *names] if host in LOOPBACK else names


def bound(host: str, port: int) -> socket.socket:
    """The socket of a service.

    Raises:
        ConfigError: for a port that is in use, or an address that is none of this machine.
    """
    from emovae.errors import ConfigError

    try:
        (family, *_, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        other = "give another --port (0 takes any free one) or --host"
        raise ConfigError(f"cannot listen at {host}, port {port}: {why}; {other}") from error


def listening(app: "FastAPI", host: str, port: int) -> "uvicorn.Config":
    """How uvicorn runs the service."""
    import logging

    import uvicorn

    from emovae.shells.streams import MESSAGE_BYTES

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="info",
        ws_max_size=2 * MESSAGE_BYTES,  # beyond a message that is refused with a word
        ws_per_message_deflate=False,  # samples hardly shrink, and what has shrunk may be a bomb
    )
    # No access log, and none of streams: a name in a request may be a person's.
    logging.getLogger("uvicorn.error").addFilter(lambda record: '"WebSocket ' not in str(record.msg))
    return config
