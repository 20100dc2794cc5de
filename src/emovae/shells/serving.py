"""The command `emovae serve`."""

from pathlib import Path

import click


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
def serve(
    model: Path,
    host: str,
    port: int,
    most_mib: float,
    most_seconds: float,
    receive: float,
    at_once: int,
    waiting: int,
) -> None:
    """Answer about recordings over HTTP: POST /v1/predict, /healthz, /metrics, /docs. Nothing that is sent is kept."""
    from emovae.errors import ConfigError

    try:
        import uvicorn

        from emovae.shells.service import Limits, service
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed; pip install 'emovae[serve]'") from error

    from emovae.assembly import load
    from emovae.machine import single_thread

    trained = load(model)
    training = trained.facts["training"]
    about = {"model": trained.settings.models[0], "classes": list(trained.classes), "corpus": training["corpus"]}
    limits = Limits(round(most_mib * 2**20), most_seconds, receive, at_once, waiting)
    # No access log: a name in a request may be a person's.
    uvicorn.run(
        service(trained, about, limits, single_thread), host=host, port=port, access_log=False, log_level="info"
    )
