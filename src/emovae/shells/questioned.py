"""How a request is asked: what no parameter is called is refused by its name, and so is a form without its file."""

import difflib
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse

from emovae.shells.times import seconds_of

NO_FILE = "send the recording as this field of a form, such as with curl -F file=@recording.wav"


def only_known(request: Request) -> None:
    """A dependency that refuses parameters which the path does not have.

    Raises:
        RequestValidationError: for the first of them, which is 422.
    """
    known = [one.alias for one in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            alike = difflib.get_close_matches(name, known, 1)
            meant = f"; perhaps {alike[0]} is meant" if alike else ""
            told = f"is no parameter of this path, which has {', '.join(known)}{meant}"
            raise RequestValidationError([{"type": "unknown", "loc": ("query", name), "msg": told, "input": None}])


def seconds(given: object) -> object:
    """A length of time as the command takes it, too; numbers go on as they are.

    Raises:
        ValueError: for what is none.
    """
    if not isinstance(given, str):
        return given
    try:
        float(given)
    except ValueError:
        return seconds_of(given)
    return given


def add_words(app: FastAPI) -> None:
    """Says how a file is sent where there is none."""

    @app.exception_handler(RequestValidationError)
    async def refused(_request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": jsonable_encoder([_told(one) for one in error.errors()])}, 422)


def _told(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "msg": NO_FILE} if tuple(one["loc"]) == ("body", "file") else one
