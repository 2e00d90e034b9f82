"""The credentials for a registry that clients send in X-Registry-Auth: JSON in base64, of either alphabet. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from engine import go_json

if TYPE_CHECKING:
    from engine.registry.hosts import Credentials

HEADER = "X-Registry-Auth"


def decode(text: str) -> Credentials:
    """Return the credentials; what cannot be read stands for none, as for dockerd.

    The base64 may be url-safe or not, padded or not; "null" and an empty text are no credentials.
    """
    from engine.registry.hosts import Credentials

    found = _document(text)
    fields = {key.lower(): value for key, value in found.items() if isinstance(value, str)}
    username, password = fields.get("username", ""), fields.get("password", "")
    if not username and fields.get("auth"):
        username, _, password = go_json.text_of(_plain(fields["auth"])).partition(":")
        password = password.strip("\0")
    return Credentials(username, password, fields.get("identitytoken", ""), fields.get("registrytoken", ""))


def _document(text: str) -> dict[str, object]:
    try:
        found = go_json.loads(text if text.lstrip().startswith("{") else _plain(text))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _plain(text: str) -> bytes:
    """Return what a base64 text stands for, b"" for none."""
    bare = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
