"""Sources that are fetched: files of web servers, and texts of the Dockerfile itself.

Everything lands in a folder of the build.
"""

from __future__ import annotations

import email.message
import email.utils
import hashlib
import json
import logging
import os
import posixpath
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine.build import git
from engine.build.errors import BuildFailed, BuildInvalid
from engine.build.events import BuildEvent, Output, Progress
from engine.build.sources import Tree
from engine.lean_dataclasses import dataclass

UNNAMED = "__unnamed__"
PROGRESS_SECONDS = 0.1
_PIECE = 256 * 1024

log = logging.getLogger(__name__)
Tell = Callable[[Output], None]


def is_url(text: str) -> bool:
    """Whether a text is the address of a file on a web server."""
    return text.startswith(("http://", "https://")) and not git.is_git(text)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched; name is "" where neither the address nor the server has one."""

    source: Tree
    name: str


@contextmanager
def files_of(folder: Path, texts: Mapping[str, str]) -> Iterator[Tree]:
    """Give a source that has these texts as files."""
    folder.mkdir(mode=0o755)
    for name, text in texts.items():
        path = folder / posixpath.basename(name)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        path.chmod(0o644)
        os.utime(path, (0, 0))
    with opened(folder) as source:
        yield source


@contextmanager
def opened(folder: Path, identity: str = "") -> Iterator[Tree]:
    """Give a folder as a source."""
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Tree(root, identity)
    finally:
        os.close(root)


@contextmanager
def fetched(
    url: str,
    folder: Path,
    tell: Callable[[BuildEvent], None],
    *,
    checksum: str = "",
) -> Iterator[Fetched]:
    """Fetch a file into a new folder. Raises InvalidUrl, DownloadFailed and its kinds, BuildFailed, BuildInvalid."""
    from engine.images.download import open_url

    algorithm, expected = _digest(checksum) if checksum else ("", "")
    folder.mkdir(mode=0o755)
    download = open_url(url)
    try:
        name = _name(url, download.headers.get("Content-Disposition", ""))
        path = folder / (name or UNNAMED)
        digest = hashlib.new(algorithm or "sha256")
        told = 0.0
        with open(path, "xb") as file:
            os.fchmod(file.fileno(), 0o600)
            while data := download.read(_PIECE):
                file.write(data)
                digest.update(data)
                if time.monotonic() - told >= PROGRESS_SECONDS or download.position == download.length:
                    told = time.monotonic()
                    tell(Progress("", "Downloading", download.position, download.length))
        if expected and digest.hexdigest() != expected:
            raise BuildFailed(f"digest mismatch {algorithm}:{digest.hexdigest()}: {checksum}")
        modified = _modified(download.headers.get("Last-Modified", ""))
        os.utime(path, (modified, modified))
    finally:
        download.close()
    tell(Output("\n"))
    with opened(folder) as source:
        yield Fetched(source, name)


def _digest(text: str) -> tuple[str, str]:
    algorithm, colon, digest = text.partition(":")
    if not colon or algorithm not in ("sha256", "sha384", "sha512"):
        raise BuildInvalid(f"invalid checksum digest format: {json.dumps(text)}")
    if len(digest) != 2 * hashlib.new(algorithm).digest_size or digest.strip("0123456789abcdef"):
        raise BuildInvalid(f"invalid checksum digest length: {json.dumps(text)}")
    return algorithm, digest


def _name(url: str, disposition: str) -> str:
    path = urllib.parse.unquote(urllib.parse.urlsplit(url).path)
    if path and not path.endswith("/"):
        return _safe(posixpath.basename(path))
    if disposition:
        message = email.message.Message()
        message["Content-Disposition"] = disposition
        found = message.get_filename() or ""
        if found and not found.endswith("/"):
            return _safe(posixpath.basename(found))
    return ""


def _safe(name: str) -> str:
    return "" if name in (".", "..") or "\0" in name else name


def _modified(text: str) -> float:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() if text else 0.0
    except ValueError:
        return 0.0


class Once:
    """Something that is fetched when it is first wanted, by whichever thread that is."""

    def __init__(self, make: Callable[[], Tree]) -> None:
        self._make = make
        self._mutex = threading.Lock()
        self._made: Tree | None = None

    def get(self) -> Tree:
        """Return it."""
        with self._mutex:
            if self._made is None:
                self._made = self._make()
            return self._made
