"""CORS as an HTTP API answers it: the configuration decides, and what the function says of CORS is dropped."""

from samlet.errors import TemplateError
from samlet.model import Cors

type Headers = list[tuple[str, str]]


class CorsPolicy:
    """One API's CORS configuration, prepared for answering; `*` together with credentials is refused."""

    def __init__(self, cors: Cors) -> None:
        if cors.allow_credentials and "*" in cors.allow_origins:
            raise TemplateError("CorsConfiguration: AllowCredentials cannot stand beside the origin *")
        self._origins = frozenset(origin.lower() for origin in cors.allow_origins)
        self._schemes = tuple(origin[:-1].lower() for origin in cors.allow_origins if origin.endswith("://*"))
        self._any_origin = "*" in cors.allow_origins
        self._on_every_answer = _answer_headers(cors)
        self._on_preflight = self._on_every_answer + _preflight_headers(cors)

    def answer(self, origin: str | None) -> Headers:
        """Return the headers that an answer to `origin` gets; none where the origin is not allowed."""
        return self._with_origin(origin, self._on_every_answer)

    def preflight(self, origin: str) -> Headers:
        """Return the headers of the answer to a preflight request."""
        return self._with_origin(origin, self._on_preflight)

    def _with_origin(self, origin: str | None, headers: Headers) -> Headers:
        if origin is None or not self._allows(origin.lower()):
            return []
        if self._any_origin:
            return [("access-control-allow-origin", "*"), *headers]
        return [("access-control-allow-origin", origin), ("vary", "origin"), *headers]

    def _allows(self, origin: str) -> bool:
        return self._any_origin or origin in self._origins or origin.startswith(self._schemes or ("\0",))


def _answer_headers(cors: Cors) -> Headers:
    headers: Headers = []
    if cors.allow_credentials:
        headers.append(("access-control-allow-credentials", "true"))
    if cors.expose_headers:
        headers.append(("access-control-expose-headers", ",".join(cors.expose_headers)))
    return headers


def _preflight_headers(cors: Cors) -> Headers:
    headers: Headers = []
    if cors.allow_methods:
        headers.append(("access-control-allow-methods", ",".join(cors.allow_methods)))
    if cors.allow_headers:
        headers.append(("access-control-allow-headers", ",".join(cors.allow_headers)))
    if cors.max_age is not None:
        headers.append(("access-control-max-age", str(cors.max_age)))
    return headers
