"""The document of what is served, as it was written when this was built."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from compat_api.answers import Answer, Plain

if TYPE_CHECKING:
    from compat_api.request import Request

FILE = Path(__file__).resolve().parent.parent / "openapi.json"


async def document(request: Request) -> Answer:
    """Send the OpenAPI document."""
    return Plain([("Content-Type", "application/json")], await request.call(_text))


@cache
def _text() -> bytes:
    return FILE.read_bytes()
