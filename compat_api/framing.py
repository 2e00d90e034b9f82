"""The frames in which stdout and stderr share one connection when a container has no terminal.

A frame is one byte for the stream (0 stdin, 1 stdout, 2 stderr), three zero bytes, the length of the data as four
bytes, the most significant first, and the data. A terminal's output is sent as it is. Pure.
"""

from __future__ import annotations

from struct import Struct

from compat_api import versions

STDOUT, STDERR = 1, 2
RAW_STREAM = "application/vnd.docker.raw-stream"
MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream"

_header = Struct(">BxxxL").pack


def header(stream: int, length: int) -> bytes:
    """Return the head of a frame that carries length bytes of a stream."""
    return _header(stream, length)


def frame(stream: int, data: bytes) -> bytes:
    """Return one frame."""
    return _header(stream, len(data)) + data


def content_type(*, tty: bool, version: tuple[int, ...]) -> str:
    """Return the media type of an output stream; before API 1.42 it was the same for both forms."""
    return RAW_STREAM if tty or version < versions.STREAMS_NAME_THEIR_FORM else MULTIPLEXED_STREAM
