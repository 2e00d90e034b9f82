"""Log messages as they are sent."""

from __future__ import annotations

import pytest

from compat_api.handlers.container_streams import renderer
from engine.containers.logs import LogOptions

TIME = b"2026-11-23T20:33:28.334811171"
BATCH = [(TIME, b"out", b"F", b"one\n"), (TIME, b"err", b"P", b"two")]
ATTRIBUTES = {"b": "x y", "a": "1"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (LogOptions(), [b"one\n", b"two"]),
        (LogOptions(timestamps=True), [TIME + b"Z one\n", TIME + b"Z two"]),
        (LogOptions(details=True), [b"a=1,b=x+y one\n", b"a=1,b=x+y two"]),
        (LogOptions(timestamps=True, details=True), [TIME + b"Z a=1,b=x+y one\n", TIME + b"Z a=1,b=x+y two"]),
    ],
)
def test_a_message_is_a_frame_with_what_was_asked_for(options: LogOptions, expected: list[bytes]) -> None:
    assert renderer(options, ATTRIBUTES, framed=False)(BATCH) == b"".join(expected)
    heads = [b"\1\0\0\0\0\0\0" + bytes([len(expected[0])]), b"\2\0\0\0\0\0\0" + bytes([len(expected[1])])]
    assert renderer(options, ATTRIBUTES, framed=True)(BATCH) == heads[0] + expected[0] + heads[1] + expected[1]


def test_details_of_nothing_are_a_blank() -> None:
    assert renderer(LogOptions(details=True), {}, framed=False)(BATCH[:1]) == b" one\n"
