"""The header that tells what a path is, and the packing of archives."""

from __future__ import annotations

import base64
import gzip
import json
import stat
import zlib

import pytest

from compat_api.content_coding import chosen, packed
from compat_api.shapes.paths import file_mode, header
from engine.containers.archive import PathStat


@pytest.mark.parametrize(
    ("mode", "theirs"),
    [
        (stat.S_IFREG | 0o644, 0o644),
        (stat.S_IFDIR | 0o1777, 1 << 31 | 1 << 20 | 0o777),
        (stat.S_IFLNK | 0o777, 134218239),
        (stat.S_IFREG | 0o6755, 1 << 23 | 1 << 22 | 0o755),
        (stat.S_IFCHR | 0o600, 1 << 26 | 1 << 21 | 0o600),
        (stat.S_IFBLK | 0o600, 1 << 26 | 0o600),
        (stat.S_IFIFO | 0o600, 1 << 25 | 0o600),
        (stat.S_IFSOCK | 0o600, 1 << 24 | 0o600),
    ],
)
def test_modes_are_go_s(mode: int, theirs: int) -> None:
    assert file_mode(mode) == theirs


def test_the_header_is_json_in_base64() -> None:
    name, value = header(PathStat("a<b", 5, stat.S_IFREG | 0o600, 1_500_000_000, ""))
    assert name == "X-Docker-Container-Path-Stat"
    text = base64.b64decode(value).decode()
    assert list(json.loads(text)) == ["name", "size", "mode", "mtime", "linkTarget"]
    assert text.startswith('{"name":"a\\u003cb","size":5,"mode":384,"mtime":"1970-01-01T00:00:01.5Z"')


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", ""),
        ("identity", ""),
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate", "gzip"),
        ("gzip;q=0.5, deflate", "deflate"),
        ("gzip;q=0", ""),
        ("*", "gzip"),
        ("br", ""),
        ("gzip;q=x", ""),
    ],
)
def test_the_coding_is_the_one_that_the_client_likes_best(accepted: str, coding: str) -> None:
    assert chosen(accepted) == coding


def test_what_is_packed_can_be_unpacked() -> None:
    def body(coding: str) -> bytes:
        return b"".join(packed(iter([b"one", b"two"]), coding))

    assert body("") == b"onetwo"
    assert gzip.decompress(body("gzip")) == b"onetwo"
    assert zlib.decompress(body("deflate"), -15) == b"onetwo"
