"""What people see of the service: its page, which needs nothing from elsewhere, and how it is called."""

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined
from starlette.responses import JSONResponse

from emovae.shells.guarded import HEADERS

KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
INDEX = "index.html"


class _File(NamedTuple):
    content: bytes
    kind: str


def add_pages(app: FastAPI) -> None:
    """Adds `/`, `/page/...` and `/docs` to an application."""
    held = _files(files("emovae.shells") / "page")

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return _answer(held[INDEX])

    @app.get("/page/{name}", include_in_schema=False)
    async def page(name: str) -> Response:
        if name not in held:
            raise HTTPException(404)
        return _answer(held[name])

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(described(app.openapi()))

    @app.exception_handler(Exception)
    async def failed(_request: object, _error: Exception) -> Response:
        return JSONResponse({"detail": "the service could not answer"}, 500, HEADERS)


def described(openapi: dict[str, Any]) -> str:
    """An HTML page for people of what OpenAPI tells programs."""
    template = (files("emovae.shells") / "docs.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    calls = [
        {
            "method": method.upper(),
            "path": path,
            "told": call.get("description") or call.get("summary", ""),
            "takes": [*_parameters(call), *_fields(call, openapi)],
        }
        for path, methods in openapi["paths"].items()
        for method, call in methods.items()
    ]
    return environment.from_string(template).render(info=openapi["info"], calls=calls)


def _parameters(call: dict[str, Any]) -> list[dict[str, str]]:
    return [_told(one["name"], one["schema"], one.get("description", "")) for one in call.get("parameters", ())]


def _fields(call: dict[str, Any], openapi: dict[str, Any]) -> list[dict[str, str]]:
    """The fields of a form."""
    found = list[dict[str, str]]()
    for kind in call.get("requestBody", {}).get("content", {}).values():
        schema = openapi["components"]["schemas"][kind["schema"]["$ref"].rpartition("/")[2]]
        found += [
            _told(name, {"type": "file"}, one.get("description", "")) for name, one in schema["properties"].items()
        ]
    return found


def _told(name: str, schema: dict[str, Any], why: str) -> dict[str, str]:
    """What is to be known of a parameter: its kind or its values, its bounds, and what it is without a word."""
    one = next((one for one in schema.get("anyOf", ()) if one["type"] != "null"), schema)
    kind = " | ".join(one["enum"]) if "enum" in one else one["type"]
    if "minimum" in one:
        kind += f", {one['minimum']:g} to {one.get('maximum', one.get('exclusiveMaximum')):g}"
    usual = f"; {json.dumps(schema['default'])} without" if "default" in schema else ""
    return {"name": name, "kind": kind + usual, "why": why}


def _files(folder: Traversable) -> dict[str, _File]:
    kinds = {one: "." + one.name.rpartition(".")[2] for one in folder.iterdir()}
    return {one.name: _File(one.read_bytes(), KINDS[kind]) for one, kind in kinds.items()}


def _answer(file: _File) -> Response:
    # Asked for anew each time: a page of an older emovae would not understand a newer service.
    return Response(file.content, media_type=file.kind, headers={"Cache-Control": "no-cache"})
