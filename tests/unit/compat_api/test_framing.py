from __future__ import annotations

import pytest

from compat_api.framing import STDERR, STDOUT, content_type, frame, header


def test_a_frame_is_stream_length_and_data() -> None:
    assert frame(STDOUT, b"hi\n") == b"\x01\0\0\0\0\0\0\x03hi\n"
    assert frame(STDERR, b"") == b"\x02\0\0\0\0\0\0\0"
    assert header(STDERR, 0x01020304) == b"\x02\0\0\0\x01\x02\x03\x04"


@pytest.mark.parametrize(
    ("tty", "version", "form"),
    [
        (False, (1, 51), "multiplexed"),
        (False, (1, 42), "multiplexed"),
        (False, (1, 41), "raw"),
        (True, (1, 51), "raw"),
    ],
)
def test_the_media_type_tells_frames_from_raw_since_1_42(tty: bool, version: tuple[int, int], form: str) -> None:
    assert content_type(tty=tty, version=version) == f"application/vnd.docker.{form}-stream"
