"""An issuer of tokens: publishes its keys as OpenID Connect says, and signs what it is asked to."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tokens import key_set, token


class Issuer:
    """An issuer at `url`; a claim of a token that is None is left out."""

    def __init__(self, url: str) -> None:
        self.url = url

    def bearer(self, **claims: Any) -> dict[str, str]:
        """The header with a token that is good for ten minutes, but for what `claims` say."""
        now = int(time.time())
        usual: dict[str, Any] = {"iss": self.url, "aud": "conformance", "iat": now - 1, "exp": now + 600}
        return {"Authorization": f"Bearer {token(**(usual | claims))}"}


@contextlib.contextmanager
def issuer(url: str) -> Iterator[Issuer]:
    """Publish at `url`, whose port may be 0 for a free one."""
    parts = urlsplit(url)
    with ThreadingHTTPServer((str(parts.hostname), parts.port or 0), _Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Issuer(f"http://{parts.hostname}:{server.server_port}")
        server.shutdown()


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = f"http://{self.headers['Host']}"
        found = {"issuer": url, "jwks_uri": f"{url}/keys"}
        pages = {"/.well-known/openid-configuration": json.dumps(found).encode(), "/keys": key_set()}
        body = pages.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
