"""A build's context, or its Dockerfile alone, taken from a web server.

What is told on the way, when, and in which words is dockerd's: nothing before it is known that the server gives
something of use.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.build.errors import BuildFailed
from engine.build.events import BuildEvent, Nothing, Progress
from engine.errors import EngineError

if TYPE_CHECKING:
    from engine.images.download import Download

ACTION = "Downloading context"
PROGRESS_BYTES = 512 * 1024
PROGRESS_SECONDS = 0.1
_PREAMBLE = 100  # bytes by which text is told from archives
_SNIFFED = 512
_TYPES = re.compile(r"application/(?:(?:x-)?tar|octet-stream|(?:x-)?(?:gzip|bzip2?|xz))|text/plain")
_PLAIN = "text/plain"
_BYTES = "application/octet-stream"
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


class WebContext:
    """What a web server gives; is_text: it is a Dockerfile, to be had by text(), else an archive, to be read."""

    def __init__(self, url: str, tell: Callable[[BuildEvent], None]) -> None:
        """Ask for it. Raises DownloadFailed and its kinds, BuildFailed."""
        from engine.images.download import open_url

        self._url, self._tell = url, tell
        self._told, self._position, self._time = 0, 0, 0.0
        try:
            self._download = open_url(url)
        except EngineError as error:
            raise type(error)(f"error downloading remote context {url}: {error}") from None
        try:
            self._start = self._first(self._download)
            self._packed = self._start.startswith(_PACKED)
            self.is_text = self._kind() == _PLAIN
        except BaseException:
            self._download.close()
            raise

    def text(self, maximum: int) -> bytes:
        """Return the Dockerfile, at most so many bytes and one."""
        data = b""
        while len(data) <= maximum and (piece := self._read(1 << 16)):
            data += piece
        self._say()
        if len(data) <= _PREAMBLE:
            self._tell(Nothing())  # dockerd's reader has met the end by itself then, and ends the line
        return data

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes of the archive, b"" at its end. Raises BadArchive, DownloadFailed."""
        data = self._read(n)
        if not data:
            if self._packed and self._told < self._position:
                self._say()
        elif self._position - self._told > PROGRESS_BYTES and time.monotonic() - self._time >= PROGRESS_SECONDS:
            self._say()
        return data

    def close(self) -> None:
        """Hang up."""
        self._download.close()

    def _read(self, n: int) -> bytes:
        if self._start:
            data, self._start = self._start[:n], self._start[n:]
        else:
            data = self._download.read(n)
        self._position += len(data)
        return data

    def _say(self) -> None:
        self._told, self._time = self._position, time.monotonic()
        self._tell(Progress(ACTION, self._url, self._position, 0))

    def _first(self, download: Download) -> bytes:
        start = b""
        while len(start) < _SNIFFED and (piece := download.read(_SNIFFED - len(start))):
            start += piece
        if not start:
            raise BuildFailed(f"error detecting content type for remote {self._url}: empty response")
        return start

    def _kind(self) -> str:
        said = self._download.headers.get("Content-Type", "")
        kind = _sniffed(self._start[:_PREAMBLE]) if said in ("", _BYTES) else said
        found = _TYPES.search(kind)
        if found is None:
            text = f'unsupported Content-Type "{said}"'
            raise BuildFailed(f"error detecting content type for remote {self._url}: {text}")
        return found[0]


def _sniffed(start: bytes) -> str:
    """Return what Go's http.DetectContentType would make of a file's start, as far as it matters here."""
    if start.startswith(_PACKED[0]):
        return "application/x-gzip"
    return _BYTES if any(byte < 32 and byte not in b"\t\n\f\r\x1b" for byte in start) else _PLAIN
