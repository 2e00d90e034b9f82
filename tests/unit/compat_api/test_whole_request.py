"""Requests that are read without aiohttp: what is taken, and that everything that is special is not."""

from __future__ import annotations

import pytest

from compat_api.whole_request import BODY_BYTES, HEAD_BYTES, LongRequest, More, WholeRequest, read_whole

GET = b"GET /v1.51/containers/json?all=1 HTTP/1.1\r\nHost: docker\r\n\r\n"
LOAD = b"POST /v1.51/images/%b HTTP/1.1\r\nHost: docker\r\n%b\r\n\r\n"


def whole(data: bytes, *, upgrades: bool = False) -> WholeRequest:
    found = read_whole(data, upgrades=upgrades)
    assert isinstance(found, WholeRequest)
    return found


def test_a_request_of_a_docker_client_is_taken() -> None:
    found = whole(
        b"POST /v1.51/exec/x/resize?h=1&filters=%7B%7D HTTP/1.1\r\nHost: api.moby.localhost\r\nUser-Agent: a (b)\r\n"
        b"Content-Length: 2\r\nContent-Type:application/json\r\nconnection: keep-alive\r\n\r\n{}GET"
    )
    assert (found.method, found.path_qs) == ("POST", "/v1.51/exec/x/resize?h=1&filters=%7B%7D")
    assert found.headers.get("CONTENT-type") == "application/json"
    assert "user-agent" in found.headers
    assert "Accept" not in found.headers
    assert found.headers.get("Accept", "none") == "none"
    assert (found.length, found.content.take()) == (178, b"{}")


async def test_a_body_is_read_once() -> None:
    content = whole(b"PUT /a HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\n\r\nbody").content
    assert [each async for each in content.iter_any()] == [b"body"]
    assert [each async for each in content.iter_any()] == []
    assert content.take() == b""


@pytest.mark.parametrize(
    "data",
    [
        GET.replace(b"HTTP/1.1", b"HTTP/1.0"),
        GET.replace(b"HTTP/1.1", b"HTTP/1.1 "),
        GET.replace(b"GET /", b"GET  /"),
        GET.replace(b"GET /", b"get /"),
        GET.replace(b"GET /", b"BREW /"),
        GET.replace(b"GET /", b"GET http://d/"),
        GET.replace(b"?all", b'?"all'),
        GET.replace(b"?all", b"#all"),
        GET.replace(b"?all", b"?\xff"),
        GET.replace(b"Host: docker\r\n", b""),
        GET.replace(b"Host: docker", b"Host: docker\r\nHost: other"),
        GET.replace(b"Host: docker", b"Host : docker"),
        GET.replace(b"Host: docker", b"Host: docker\r\n more"),
        GET.replace(b"Host: docker", b"Host: docker\r\nno colon"),
        GET.replace(b"Host: docker", b"Host: docker\r\n: nothing"),
        GET.replace(b"Host: docker", b"Host: do\x00cker"),
        GET.replace(b"Host: docker", b"Host: docker\nX: y"),
        GET.replace(b"Host: docker", b"Host: docker\rX: y"),
        GET.replace(b"Host: docker", b"Host: docker\r\nX: \xe9"),
        GET.replace(b"Host: docker", b"Host: docker\r\nTransfer-Encoding: chunked"),
        GET.replace(b"Host: docker", b"Host: docker\r\nExpect: 100-continue"),
        GET.replace(b"Host: docker", b"Host: docker\r\nUpgrade: tcp"),
        GET.replace(b"Host: docker", b"Host: docker\r\nConnection: close, x"),
        GET.replace(b"Host: docker", b"Host: docker\r\nContent-Length: -1"),
        GET.replace(b"Host: docker", b"Host: docker\r\nContent-Length: +0"),
        GET.replace(b"Host: docker", b"Host: docker\r\nContent-Length: 0\r\nContent-Length: 0"),
        GET.replace(b"Host: docker", b"Host: docker\r\nContent-Length: \xc2\xb2"),
        GET.replace(b"Host: docker", b"Host: docker\r\nX: " + b"y" * HEAD_BYTES),
        GET.replace(b"Host: docker", b"Host: docker" + b"\r\nX: y" * 101),
        b"POST / HTTP/1.1\r\nHost: d\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES + 1) + bytes(BODY_BYTES + 1),
        LOAD % (b"load", b"Transfer-Encoding: gzip, chunked"),
        LOAD % (b"load", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        LOAD % (b"load", b"Transfer-Encoding: chunked\r\nContent-Length: 5"),
        LOAD % (b"load", b"Transfer-Encoding: chunked\r\nExpect: 100-continue"),
        LOAD % (b"load", b"Content-Length: 1234567890123456789"),
        LOAD % (b"prune", b"Transfer-Encoding: chunked"),
        LOAD.replace(b"POST", b"PUT") % (b"load", b"Transfer-Encoding: chunked"),
        LOAD.replace(b"HTTP/1.1", b"HTTP/1.0") % (b"load", b"Transfer-Encoding: chunked"),
        b"\r\n" + GET,
        b"junk",
        b"GET x",
        b"GET / HTTP/1.0\r\n",
        b"GET / HTTP/1.1\nHost: d",
        b"GET / HTTP/1.1\r\nHost: \xe9",
        b"GET /" + b"x" * HEAD_BYTES,
    ],
)
def test_what_is_special_is_left_to_aiohttp(data: bytes) -> None:
    assert read_whole(data) is None


def test_an_upgrade_is_taken_where_it_may_be() -> None:
    upgrading = GET.replace(b"Host: docker", b"Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp")
    assert read_whole(upgrading) is None
    assert "Upgrade" in whole(upgrading, upgrades=True).headers


@pytest.mark.parametrize("length", range(len(GET)))
def test_what_is_plain_so_far_is_waited_for(length: int) -> None:
    assert isinstance(read_whole(GET[:length]), More)


def test_a_short_body_is_waited_for() -> None:
    assert isinstance(read_whole(b"POST /x HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\nab"), More)


def test_a_client_may_say_that_it_asks_no_more() -> None:
    assert whole(GET.replace(b"Host: docker", b"Host: docker\r\nConnection: Close")).closes
    assert not whole(GET).closes


@pytest.mark.parametrize(
    "line",
    [
        b"PUT /v1.51/containers/x/archive?path=/",
        b"PUT /containers/x/archive",
        b"POST /images/load",
        b"POST /v1.24/images/load?quiet=1",
        b"POST /v1.51/images/create?fromSrc=-",
        b"POST /build",
        b"POST /v1.51/build?t=x",
    ],
)
@pytest.mark.parametrize(
    ("field", "length"),
    [(b"Transfer-Encoding: Chunked", None), (b"Content-Length: %d" % (BODY_BYTES + 1), BODY_BYTES + 1)],
)
def test_an_archive_is_left_to_who_unpacks_it(line: bytes, field: bytes, length: int | None) -> None:
    head = line + b" HTTP/1.1\r\nHost: d\r\n" + field + b"\r\n\r\n"
    found = read_whole(head + b"more")
    assert isinstance(found, LongRequest)
    assert (found.length, found.body_length) == (len(head), length)


def test_a_short_archive_is_read_with_its_head() -> None:
    assert not isinstance(whole(LOAD % (b"load", b"Content-Length: 4") + b"body"), LongRequest)
