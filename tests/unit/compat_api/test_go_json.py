"""JSON that is deep, broken or long: read as Go's decoder reads it, and away from the loop where it takes long."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat_api.request import LARGE, Request
from engine import go_json
from engine.go_text import go_quote

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.sampled_from([None, 1, "\t"]))
def test_what_is_json_has_no_problem(value: object, indent: Any) -> None:
    go_json._Scanner(json.dumps(value, indent=indent)).check()


@given(VALUES, st.integers(0, 10_000), st.sampled_from('{}[]:,"\\tn0-.eE \x01x'))
def test_a_character_that_makes_json_of_nothing_is_found(value: object, where: int, char: str) -> None:
    text = json.dumps(value)
    where %= len(text) + 1
    broken = text[:where] + char + text[where:]
    try:
        json.loads(broken)
    except ValueError:
        with pytest.raises((go_json.SyntaxProblem, go_json.TrailingContent)):
            go_json.loads(broken)


@pytest.mark.parametrize("depth", [1, 197, 198, 199, 999, 5000, 9996])
def test_what_is_deep_is_read_and_emptied_where_nobody_looks(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    found = go_json.loads(f'{{"a":[1,"[",{{"b":{nested},"d":[{nested}]}}],"c":"]"}}')
    assert found["a"][:2] == [1, "["]
    assert set(found["a"][2]) == {"b", "d"}
    assert found["c"] == "]"


def test_what_is_deeper_than_go_reads_is_refused() -> None:
    for text in ("[" * 10_001 + "]" * 10_001, '{"a":' * 10_001, "[" * 1_000_000):
        with pytest.raises(go_json.SyntaxProblem, match="exceeded max depth"):
            go_json.loads(text)
    with pytest.raises(go_json.SyntaxProblem, match="invalid character '!'"):
        go_json.loads("[" * 9000 + "!")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (rb'"a\ud800"', "a\ufffd"),
        (rb'"\ud83d\ude00\ude00"', "\U0001f600\ufffd"),
        (rb'"\\ud800"', r"\ud800"),
        (rb'"\uD800\u0041"', "\ufffdA"),
        (b'"a\xe2\x82b"', "a\ufffd\ufffdb"),
        (b'"\xed\xa0\x80"', "\ufffd" * 3),
    ],
)
def test_what_is_no_character_is_replaced(data: bytes, expected: str) -> None:
    assert go_json.loads(data) == expected
    go_json.loads(data).encode()


def test_bytes_that_are_no_characters_are_told_by_number() -> None:
    with pytest.raises(go_json.SyntaxProblem, match=r"invalid character '\\xfa' looking for beginning of value"):
        go_json.loads(b"\xfa")
    assert go_quote("\udcff\x01\ue000") == r'"\xff\x01\ue000"'
    assert go_json.bytes_of("a\udcff\ud800") == "a\ufffd\ufffd".encode()


def test_what_follows_is_told_with_the_value() -> None:
    with pytest.raises(go_json.TrailingContent) as caught:
        go_json.loads("[1] x")
    assert caught.value.value == [1]


@pytest.mark.parametrize(("size", "same"), [(LARGE - 1, True), (LARGE, False)])
def test_a_long_body_is_read_in_a_thread(size: int, same: bool) -> None:
    request = cast(Request, object.__new__(Request))
    request._whole = b" " * size

    async def read() -> bool:
        here = threading.get_ident()
        return here == await request.reading(lambda _: threading.get_ident())

    assert asyncio.run(read()) is same
