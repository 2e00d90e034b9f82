"""The build context: the files that a client sends, unpacked where a killed build leaves nothing behind.

An archive of any packing, read once; its members are summed as they come. Names and links that lead out of it are an
error or lead nowhere.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from engine.build import sums
from engine.build.errors import BuildFailed, BuildInvalid
from engine.build.patterns import Matcher, SyntaxProblem, clean, ignore_file
from engine.build.sources import Archived, Source
from engine.errors import BadArchive
from engine.storage import tarformat
from engine.storage.compression import unpacked
from engine.storage.extract import clean_path
from engine.storage.folders import remove_tree_at
from engine.storage.source import Readable
from engine.storage.source import Source as Buffered
from engine.storage.tarformat import Entry
from engine.storage.unpack import UnpackFailed, unpack

DOCKERFILE = "Dockerfile"
IGNORE = ".dockerignore"
MAXIMUM_DOCKERFILE = 16 << 20


def receive(stream: Readable, folder: Path) -> Archived:
    """Unpack an archive into a new folder. Raises BuildFailed for what is no archive or leads out of it."""
    folder.mkdir(mode=0o755)
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    taking = _Sums()
    try:
        unpack(unpacked(Buffered(stream)), root, "/", owner=(0, 0), note=taking.note)
        return Archived(root, taking.all(), linkable=taking.plain)
    except FileNotFoundError as error:
        os.close(root)
        raise BuildFailed(str(error)) from None
    except (BadArchive, UnpackFailed) as error:
        os.close(root)
        raise BuildFailed(str(error)) from None
    except BaseException:
        os.close(root)
        raise


class _Sums:
    """Takes the sums of members as they pass by."""

    def __init__(self) -> None:
        self._name = ""
        self._running = hashlib.sha256()
        self._found: dict[str, str] = {}
        self.plain = True  # no member is a hard link or has attributes beyond its mode

    def note(self, entry: Entry) -> Callable[[memoryview], object]:
        """Begin a member; returns what takes its content."""
        self._end()
        self._name = "/".join(clean_path(entry.name)) or "."
        self._running = hashlib.sha256(sums.header(entry))
        if entry.xattrs or entry.type == tarformat.HARD_LINK:
            self.plain = False
        return self._running.update

    def all(self) -> dict[str, str]:
        """Return the sum of each member by its path; of several with one name the first one's counts."""
        self._end()
        return self._found

    def _end(self) -> None:
        if self._name:
            self._found.setdefault(self._name, self._running.hexdigest())
            self._name = ""


def find_dockerfile(context: Source, name: str) -> tuple[bytes, str]:
    """Return a context's Dockerfile and the name that it has there. Raises BuildFailed, BuildInvalid."""
    try:
        return _read(context, name), name
    except FileNotFoundError:
        if name == DOCKERFILE:
            try:
                return _read(context, name.lower()), name.lower()
            except FileNotFoundError:
                pass
        raise BuildFailed(f"Cannot locate specified Dockerfile: {name}") from None
    except IsADirectoryError:
        raise BuildFailed(f"unexpected error reading Dockerfile: read /{name}: is a directory") from None


def apply_ignore_file(context: Source, dockerfile: str) -> None:
    """Take .dockerignore and the Dockerfile out of a context whose .dockerignore names them. Raises BuildFailed."""
    try:
        matcher = Matcher(ignore_file(_read(context, IGNORE)))
    except FileNotFoundError:
        return
    except SyntaxProblem:
        return  # the client has read it with better words
    for name in (IGNORE, dockerfile):
        path = clean(name)
        if path != "." and matcher.matches(path):
            folder, _, base = context.resolved(name).rpartition("/")
            fd = context.open(folder, os.O_PATH | os.O_DIRECTORY)
            try:
                remove_tree_at(base, fd)
            finally:
                os.close(fd)


def _read(context: Source, name: str) -> bytes:
    try:
        fd = context.open(name, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from None
        raise
    with os.fdopen(fd, "rb") as file:
        data = file.read(MAXIMUM_DOCKERFILE + 1)
    if len(data) > MAXIMUM_DOCKERFILE:
        raise BuildInvalid(f"the file {name} is larger than {MAXIMUM_DOCKERFILE} bytes")
    return data
