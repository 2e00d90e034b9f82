"""Credentials in every form that clients send."""

from __future__ import annotations

import base64
import json

import pytest

from compat_api.registry_auth import decode
from engine.registry.hosts import Credentials

DOCUMENT = {"username": "anna", "password": "s?>~cret", "serveraddress": "r.example"}
PLAIN = json.dumps(DOCUMENT).encode()


@pytest.mark.parametrize(
    "text",
    [
        base64.urlsafe_b64encode(PLAIN).decode(),
        base64.b64encode(PLAIN).decode(),
        base64.urlsafe_b64encode(PLAIN).decode().rstrip("="),
        base64.b64encode(PLAIN).decode().rstrip("="),
        PLAIN.decode(),
    ],
)
def test_both_alphabets_padded_or_not(text: str) -> None:
    assert decode(text) == Credentials("anna", "s?>~cret")


@pytest.mark.parametrize("text", ["", "null", "bnVsbA==", "e30=", "W10=", "!!", "eyJ1c2VybmFtZSI6NX0="])
def test_nothing_stands_for_no_credentials(text: str) -> None:
    assert decode(text) == Credentials()


def test_the_auth_field_holds_name_and_password() -> None:
    text = json.dumps({"auth": base64.b64encode(b"anna:a:b").decode()})
    assert decode(base64.urlsafe_b64encode(text.encode()).decode()) == Credentials("anna", "a:b")


def test_tokens() -> None:
    text = json.dumps({"identitytoken": "i", "registrytoken": "r"})
    assert decode(base64.urlsafe_b64encode(text.encode()).decode()) == Credentials("", "", "i", "r")
