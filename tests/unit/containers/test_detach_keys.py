"""The key sequence that leaves a terminal."""

import pytest

from engine.containers.detach_keys import DetachFilter, InvalidDetachKeys, parse


@pytest.mark.parametrize(
    ("keys", "expected"),
    [("", b"\x10\x11"), ("ctrl-a", b"\x01"), ("a,ctrl-x,b", b"a\x18b"), ("ctrl-@,ctrl-[", b"\x00\x1b")],
)
def test_parse(keys: str, expected: bytes) -> None:
    assert parse(keys) == expected


@pytest.mark.parametrize("keys", ["ctrl-", "ctrl-1", "shift-a", "ctrl-pp"])
def test_parse_refuses(keys: str) -> None:
    with pytest.raises(InvalidDetachKeys):
        parse(keys)


def test_sequence_over_several_reads_is_kept_back_and_ends_the_input() -> None:
    keys = DetachFilter(b"\x10\x11")
    assert keys.feed(b"ab\x10") == (b"ab", False)
    assert keys.feed(b"\x11cd") == (b"", True)


def test_what_only_begins_like_the_sequence_goes_on() -> None:
    keys = DetachFilter(b"\x10\x11")
    assert keys.feed(b"\x10x") == (b"\x10x", False)
    assert keys.feed(b"\x10\x10\x11") == (b"\x10", True)


def test_single_key_sequence() -> None:
    assert DetachFilter(b"q").feed(b"abqd") == (b"ab", True)
