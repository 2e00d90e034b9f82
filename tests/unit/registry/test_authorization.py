"""Tokens and credentials for requests."""

from __future__ import annotations

import base64

import pytest

from engine.registry.authorization import (
    Authorization,
    Challenge,
    TokenRequest,
    challenges,
    parse_token,
    token_request,
)
from engine.registry.hosts import Credentials
from engine.registry.refusals import BadContent, NoCredentials, TokenRefused

ANNA = Credentials("anna", "secret")
BEARER = challenges(['Bearer realm="https://auth.example/token",service="r.example",scope="x"'])


def test_challenges() -> None:
    found = challenges(['Basic realm="a b"', "Bearer realm=https://x,service=y"])
    assert found == [
        Challenge("basic", {"realm": "a b"}),
        Challenge("bearer", {"realm": "https://x", "service": "y"}),
    ]


async def none(_: TokenRequest) -> tuple[int, bytes]:
    raise AssertionError("nothing is to be fetched")


async def test_basic() -> None:
    header = await Authorization(ANNA, challenges(["Basic realm=x"])).header("GET", "u", (), none)
    assert header == "Basic " + base64.b64encode(b"anna:secret").decode()
    with pytest.raises(NoCredentials, match='Get "u": no basic auth credentials'):
        await Authorization(Credentials(), challenges(["Basic realm=x"])).header("GET", "u", (), none)


async def test_nothing_is_sent_where_nothing_is_asked_for() -> None:
    assert await Authorization(ANNA).header("GET", "u", (), none) == ""


async def test_a_registry_token_is_sent_as_it_is() -> None:
    found = Authorization(Credentials(registry_token="t"), BEARER)
    assert await found.header("GET", "u", (), none) == "Bearer t"


async def test_a_token_is_kept_for_its_scope() -> None:
    asked: list[TokenRequest] = []

    async def fetch(wanted: TokenRequest) -> tuple[int, bytes]:
        asked.append(wanted)
        return 200, b'{"token": "t%d", "expires_in": 300}' % len(asked)

    found = Authorization(ANNA, BEARER)
    assert await found.header("GET", "u", ("repository:a:pull",), fetch) == "Bearer t1"
    assert await found.header("GET", "u", ("repository:a:pull",), fetch) == "Bearer t1"
    assert await found.header("GET", "u", ("repository:b:pull",), fetch) == "Bearer t2"
    found.forget(("repository:a:pull",))
    assert await found.header("GET", "u", ("repository:a:pull",), fetch) == "Bearer t3"
    assert asked[0].url == ("https://auth.example/token?service=r.example&scope=repository%3Aa%3Apull&account=anna")


async def test_a_refused_token() -> None:
    async def fetch(_: TokenRequest) -> tuple[int, bytes]:
        return 401, b'{"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}'

    with pytest.raises(TokenRefused, match='Head "u": unauthorized: no'):
        await Authorization(ANNA, BEARER).header("HEAD", "u", (), fetch)


def test_an_identity_token_is_sent_as_a_form() -> None:
    found = token_request(BEARER[0], ("s:1", "s:2"), Credentials(identity_token="i&d"))
    assert found.url == "https://auth.example/token"
    assert "Authorization" not in found.headers
    assert "grant_type=refresh_token" in found.body
    assert "refresh_token=i%26d" in found.body
    assert "scope=s%3A1+s%3A2" in found.body


@pytest.mark.parametrize("realm", ["", "file:///etc/passwd", "ftp://x"])
def test_realms_that_are_not_asked(realm: str) -> None:
    with pytest.raises(BadContent):
        token_request(Challenge("bearer", {"realm": realm}), (), ANNA)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"token": "t", "expires_in": "x"}', b'{"token": ""}'])
def test_what_is_no_token(data: bytes) -> None:
    with pytest.raises(BadContent):
        parse_token(data)


def test_old_servers_call_it_access_token() -> None:
    assert parse_token(b'{"access_token": "t"}') == ("t", 60.0)
