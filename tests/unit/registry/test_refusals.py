"""What registries' refusals become."""

from __future__ import annotations

import json

import pytest

from engine.images.reference import parse
from engine.registry.refusals import (
    NotInRegistry,
    RegistryBusy,
    RegistryDenied,
    RegistryLacks,
    RegistryRefused,
    RegistryUnauthorized,
    of_pull,
    refusal,
)


def body(code: str, message: str, **more: object) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message, **more}]}).encode()


@pytest.mark.parametrize(
    ("status", "data", "kind", "words"),
    [
        (401, body("UNAUTHORIZED", "authentication required", detail={}), RegistryUnauthorized,
         "unauthorized: authentication required"),
        (404, body("MANIFEST_UNKNOWN", "gone", detail=1), RegistryLacks, "manifest unknown: gone"),
        (404, body("MANIFEST_UNKNOWN", "manifest unknown"), RegistryLacks, "manifest unknown"),
        (403, body("DENIED", "no"), RegistryDenied, "denied: no"),
        (403, b"", RegistryDenied, "denied: requested access to the resource is denied"),
        (429, b"<html>", RegistryBusy, "toomanyrequests: too many requests"),
        (503, b"down", RegistryRefused, "received unexpected HTTP status: 503 Service Unavailable"),
        (799, b"", RegistryRefused, "received unexpected HTTP status: 799"),
        (400, b"<html>", RegistryRefused,
         'error parsing HTTP 400 response body: invalid character \'<\' looking for beginning of value: "<html>"'),
        (500, b'{"errors": [5]}', RegistryRefused, "received unexpected HTTP status: 500 Internal Server Error"),
    ],
)  # fmt: skip
def test_words(status: int, data: bytes, kind: type[RegistryRefused], words: str) -> None:
    found = refusal(status, data)
    assert type(found) is kind
    assert str(found) == words


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("DENIED", "pull access denied for x, repository does not exist or may require 'docker login': denied: m"),
        ("MANIFEST_UNKNOWN", "manifest for x:1 not found: manifest unknown: m"),
        ("NAME_UNKNOWN", "repository x not found: name unknown: m"),
    ],
)
def test_what_a_pull_makes_of_them(code: str, words: str) -> None:
    found = of_pull(refusal(404, body(code, "m")), parse("x:1"))
    assert isinstance(found, NotInRegistry)
    assert str(found) == words
    bare = refusal(404, body("MANIFEST_UNKNOWN", "manifest unknown"))
    assert of_pull(bare, parse("x:1")) is bare
