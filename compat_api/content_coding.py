"""Packing an answer's body for clients that ask for it with Accept-Encoding (RFC 9110, 12.5.3)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from compat_api.pieces import finish

OFFERS = ("gzip", "deflate")
_LEVEL = 6
_BITS = {"gzip": 31, "deflate": -15}  # dockerd's deflate is a bare stream, without zlib's header


def chosen(accepted: str) -> str:
    """Return the coding that a client likes best, the first offer of several; "" for none. Pure."""
    best, found = -1.0, ""
    wishes = [_wish(text) for text in accepted.split(",") if text.strip()]
    for offer in OFFERS:
        for name, quality in wishes:
            if quality > best and name in ("*", offer):
                best, found = quality, offer
    return found if best > 0 else ""


def packed(pieces: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Give pieces packed, or as they are with coding ""; closed, it closes what gives them."""
    if not coding:
        yield from pieces
        return
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _BITS[coding])
    try:
        for piece in pieces:
            yield packer.compress(piece)
        yield packer.flush()
    finally:
        finish(pieces)


def _wish(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in text.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                return name.lower(), float(value)
            except ValueError:
                return name.lower(), 0.0
    return name.lower(), 1.0
