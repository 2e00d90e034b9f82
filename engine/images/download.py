"""Fetching an archive from a web server, for `docker import URL`.

Only http and https; redirects are followed and the environment's proxies used, as dockerd does. The error texts are
dockerd's.
"""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING

from engine.errors import BadArchive, EngineError, Forbidden, InvalidParameter, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.request import OpenerDirector

TIMEOUT_SECONDS = 60.0  # without a byte
_REASON_BYTES = 64 * 1024
_SCHEMES = ("http", "https")


class InvalidUrl(InvalidParameter):
    """The text is no URL."""


class DownloadFailed(EngineError):
    """The server cannot be reached, or answers that it failed."""


class DownloadRefused(InvalidParameter):
    """The server calls the request bad."""


class DownloadUnauthorized(EngineError):
    """The server wants credentials."""


class DownloadForbidden(Forbidden):
    """The server does not give the file away."""


class DownloadMissing(NotFound):
    """The server does not have the file."""


_REFUSALS: dict[int, type[EngineError]] = {
    400: DownloadRefused,
    401: DownloadUnauthorized,
    403: DownloadForbidden,
    404: DownloadMissing,
}


class Download:
    """An archive that is coming in."""

    def __init__(self, url: str, response: IO[bytes], length: int, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self.headers: Mapping[str, str] = headers or {}
        self.length = length  # bytes, -1 when the server does not say
        self.position = 0
        self._response = response

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes, b"" at the end. Raises BadArchive when it ends too early, DownloadFailed."""
        try:
            data = self._response.read(n)
        except (OSError, ValueError) as error:
            raise DownloadFailed(f"cannot read {self.url}: {error}") from None
        self.position += len(data)
        if not data and self.position < self.length:
            raise BadArchive("unexpected EOF")
        return data

    def close(self) -> None:
        """Hang up."""
        self._response.close()


def open_url(text: str) -> Download:
    """Ask for a file; http where the text names no scheme.

    Raises InvalidUrl, DownloadFailed, DownloadRefused, DownloadUnauthorized, DownloadForbidden, DownloadMissing.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.parse import urlsplit

    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        host = parts.hostname
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise InvalidUrl(f"parse {json.dumps(url)}: {error}") from None
    for character in parts.netloc:
        if character <= " " or character in '"<>\\^`{|}':
            raise InvalidUrl(f"parse {json.dumps(url)}: invalid character {json.dumps(character)} in host name")
    if parts.scheme not in _SCHEMES:
        raise DownloadFailed(f'Get "{url}": unsupported protocol scheme "{parts.scheme}"')
    if not host:
        raise DownloadFailed(f'Get "{url.removesuffix("//")}": http: no Host in request URL')
    try:
        response = _opener().open(url.replace(" ", "%20"), timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        with error:
            words = error.read(_REASON_BYTES).decode(errors="replace").strip()
        refusal = _REFUSALS.get(error.code, DownloadFailed)
        raise refusal(f"failed to GET {url} with status {error.code} {error.reason}: {words}") from None
    except URLError as error:
        raise DownloadFailed(f'Get "{url}": {_cause(error.reason, host, port)}') from None
    except (OSError, HTTPException, ValueError) as error:
        raise DownloadFailed(f'Get "{url}": {_cause(error, host, port)}') from None
    length = response.headers.get("Content-Length", "")
    return Download(url, response, int(length) if length.isdecimal() else -1, response.headers)


def _opener() -> OpenerDirector:
    """Return what opens http and https, and neither files nor anything else."""
    from urllib import request

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPRedirectHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _cause(error: object, host: str, port: int) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"dial tcp {host}:{port}: connect: connection refused"
    if isinstance(error, OSError) and error.strerror:
        return f"dial tcp: lookup {host}: {error.strerror}" if type(error).__name__ == "gaierror" else error.strerror
    return str(error)
