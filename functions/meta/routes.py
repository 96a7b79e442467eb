"""The HTTP face of health and documents."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import HTMLResponse, Response

from taskflow.problems import NotFound

router = APIRouter(tags=["service"])

HERE = Path(__file__).parent
_SWAGGER_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
_OWN_FILES = {"start.js": "text/javascript; charset=utf-8"}
_SWAGGER_FILES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon.png": "image/png",
}


_CACHED = {"Cache-Control": "public, max-age=3600"}


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the service answers; it asks nothing of the database."""
    return Health()


@router.get("/openapi.json", include_in_schema=False)
async def openapi_document() -> Response:
    """The committed document, merged from all functions."""
    return Response((HERE / "openapi.json").read_bytes(), media_type="application/json")


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    """Swagger UI; its start script is a file of its own, because inline script is forbidden."""
    page = (HERE / "docs.html").read_text("utf-8")
    return HTMLResponse(page, headers={"Content-Security-Policy": _SWAGGER_CSP})


@router.get("/docs/{file}", include_in_schema=False)
async def docs_file(file: str) -> Response:
    """The files of that page: our start script, and Swagger UI's own out of fastapi-offline."""
    if file in _OWN_FILES:
        return Response((HERE / file).read_bytes(), media_type=_OWN_FILES[file], headers=_CACHED)
    if file in _SWAGGER_FILES:
        return Response((_swagger_folder() / file).read_bytes(), media_type=_SWAGGER_FILES[file], headers=_CACHED)
    raise NotFound


def _swagger_folder() -> Path:
    # Importing fastapi-offline would patch nothing, but it costs time: only its files are wanted.
    found = find_spec("fastapi_offline")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "static"
