"""What the dispatcher answers by itself, before any handler is asked."""

from __future__ import annotations

import json

import pytest

from compat_api import dispatch


def test_a_version_that_is_not_spoken_is_answered_in_json() -> None:
    answer = dispatch._unsupported((1, 99), "too new")
    assert answer.status == 400
    assert json.loads(answer.body) == {"message": "too new"}


def test_a_client_older_than_all_that_is_served_reads_plain_text() -> None:
    answer = dispatch._unsupported((1, 12), "too old")
    assert (answer.status, answer.body) == (400, b"too old\n")
    assert ("Content-Type", "text/plain; charset=utf-8") in answer.headers


@pytest.mark.parametrize(
    ("path", "query", "location"),
    [("/images/json", "all=1", "/images/json?all=1"), ("/a b/ü", "", "/a%20b/%C3%BC")],
)
def test_a_path_that_is_spelled_in_another_way_is_led_to_its_own(path: str, query: str, location: str) -> None:
    answer = dispatch._moved("GET", path, query)
    assert answer.status == 301
    assert ("Location", location) in answer.headers
