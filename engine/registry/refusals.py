"""What registries say when they do not do what is asked, and the errors that it becomes; texts are dockerd's.

Format: distribution specification, "Error Codes": {"errors": [{"code": "DENIED", "message": ..., "detail": ...}]}.
"""

from __future__ import annotations

import http
import json
from typing import TYPE_CHECKING

from engine.errors import EngineError, Forbidden, NotFound

if TYPE_CHECKING:
    from engine.images.reference import Reference

_SHOWN = 1024  # bytes of a body that is no error document
_MESSAGES = {
    "BLOB_UNKNOWN": "blob unknown to registry",
    "DENIED": "requested access to the resource is denied",
    "MANIFEST_UNKNOWN": "manifest unknown",
    "NAME_UNKNOWN": "repository name not known to registry",
    "TOOMANYREQUESTS": "too many requests",
    "UNAUTHORIZED": "authentication required",
    "UNAVAILABLE": "service unavailable",
    "UNKNOWN": "unknown error",
    "UNSUPPORTED": "The operation is unsupported.",
}
_STANDARD_MESSAGES = {
    401: ("UNAUTHORIZED", "authentication required"),
    403: ("DENIED", "requested access to the resource is denied"),
    429: ("TOOMANYREQUESTS", "too many requests"),
}


class RegistryRefused(EngineError):
    """A registry answered with an error."""

    def __init__(self, status: int, words: str, code: str = "", *, bare: bool = False) -> None:
        super().__init__(words)
        self.status = status
        self.bare = bare  # the registry said nothing but the code
        self.code = code  # such as MANIFEST_UNKNOWN, "" when it gave none


class RegistryUnauthorized(RegistryRefused):
    """The registry does not accept the credentials, or wants some."""


class TokenRefused(RegistryUnauthorized):
    """The token server of a registry gives no token for these credentials."""

    def __init__(self, method: str, url: str, refused: RegistryRefused) -> None:
        super().__init__(refused.status, f'{method.capitalize()} "{url}": {refused}', refused.code)
        self.url = url
        self.cause = str(refused)


class RegistryDenied(RegistryRefused, Forbidden):
    """The registry does not allow it."""


class RegistryLacks(RegistryRefused, NotFound):
    """The registry does not know a repository, a manifest or a blob."""


class RegistryBusy(RegistryRefused):
    """The registry has had too many requests, also after some patience."""


class NotInRegistry(NotFound):
    """The registry does not have it, or not for these credentials."""


class BadContent(EngineError):
    """What a registry gave is not what was asked for, or cannot be meant; str() is in dockerd's words."""


class NoCredentials(EngineError):
    """The registry asks for a name and a password, and there is none."""

    cause = "no basic auth credentials"

    def __init__(self, method: str, url: str) -> None:
        super().__init__(f'{method.capitalize()} "{url}": {self.cause}')
        self.url = url


_BY_CODE: dict[str, type[RegistryRefused]] = {
    "UNAUTHORIZED": RegistryUnauthorized,
    "DENIED": RegistryDenied,
    "TOOMANYREQUESTS": RegistryBusy,
    "NAME_UNKNOWN": RegistryLacks,
    "MANIFEST_UNKNOWN": RegistryLacks,
    "BLOB_UNKNOWN": RegistryLacks,
}


def refusal(status: int, body: bytes) -> RegistryRefused:
    """Return the error that an answer stands for; the first one that it names counts."""
    try:
        document = json.loads(body)
        first = document["errors"][0]
        code, message = str(first.get("code") or "UNKNOWN"), str(first.get("message") or "")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return _plain(status, body)
    readable = code.lower().replace("_", " ")
    if first.get("detail") is None and message in ("", _MESSAGES.get(code)):
        return _BY_CODE.get(code, RegistryRefused)(status, readable, code, bare=True)
    return _BY_CODE.get(code, RegistryRefused)(status, f"{readable}: {message or 'unknown error'}", code)


def _plain(status: int, body: bytes) -> RegistryRefused:
    if status in _STANDARD_MESSAGES:
        code, message = _STANDARD_MESSAGES[status]
        return _BY_CODE[code](status, f"{code.lower()}: {message}", code)
    try:
        reason = http.HTTPStatus(status).phrase
    except ValueError:
        reason = ""
    if 400 <= status < 500 and body.strip():
        from json import dumps

        text = body[:_SHOWN].decode(errors="replace")
        cause = f"invalid character '{text.lstrip()[:1]}' looking for beginning of value"
        return RegistryRefused(status, f"error parsing HTTP {status} response body: {cause}: {dumps(text)}")
    return RegistryRefused(status, f"received unexpected HTTP status: {f'{status} {reason}'.strip()}")


def of_pull(error: RegistryRefused, reference: Reference) -> EngineError:
    """Return the error that dockerd makes of a refusal when it pulls a reference."""
    if error.bare:
        return error
    if error.code == "DENIED":
        return NotInRegistry(
            f"pull access denied for {reference.familiar_name}, repository does not exist or may require "
            f"'docker login': {error}"
        )
    if error.code == "MANIFEST_UNKNOWN":
        return NotInRegistry(f"manifest for {reference.familiar} not found: {error}")
    if error.code == "NAME_UNKNOWN":
        return NotInRegistry(f"repository {reference.familiar_name} not found: {error}")
    return error
