"""Unpacking a client's archive into a folder that is in use, by dockerd's rules for `docker cp`.

As for a layer (engine.storage.extract), nothing leaves the folder: it is the root for every name and every link, also
for links that are swapped while it runs. Unlike there, a name that would lead out is an error, and .wh. files are
files. What was unpacked before an error stays, as with dockerd. Needs root.
"""

from __future__ import annotations

import errno
import json
import os
import posixpath
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress

from engine import syscalls
from engine.errors import BadArchive, EngineError
from engine.storage import tarformat
from engine.storage.extract import Tree, clean_path, leads_out
from engine.storage.source import PIECE, Readable, Source
from engine.storage.tarformat import Entry, TarReader

Owner = tuple[int, int]
Note = Callable[[Entry], Callable[[memoryview], object]]


class UnpackFailed(EngineError):
    """What the archive holds cannot be put there; reason is in dockerd's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unpack(
    stream: Readable,
    folder: int,
    path: str,
    *,
    keep_kinds: bool = False,
    owner: Owner | None = None,
    note: Note | None = None,
) -> None:
    """Unpack a plain tar stream into the open folder, which is called path in messages.

    With keep_kinds no folder gives way to a file nor a file to a folder. owner replaces every member's. note is called
    with every member as the archive has it, and what it returns with the member's content. Raises
    BadArchive, UnpackFailed, and FileNotFoundError for a hard link to nothing.
    """
    reader = TarReader(stream if isinstance(stream, Source) else Source(stream), lambda _: None)
    with _UsedFolder(folder, path, keep_kinds) as tree:
        for entry in reader:
            content = _content(reader, None if note is None else note(entry))
            if owner is not None:
                entry.uid, entry.gid = owner
            try:
                tree.add(entry, content)
                for _ in content:
                    pass
            except FileNotFoundError:
                raise
            except (OverflowError, ValueError):  # a number that no file has, a NUL in a name
                raise BadArchive(tarformat.INVALID) from None
            except OSError as error:
                raise UnpackFailed(_words(entry.name, error)) from error
        try:
            tree.finish()
        except OSError as error:
            raise UnpackFailed(_words(path, error)) from error


def _content(reader: TarReader, look: Callable[[memoryview], object] | None) -> Iterator[memoryview]:
    while piece := reader.content(PIECE):
        if look is not None:
            look(piece)
        yield piece


def _words(name: str, error: OSError) -> str:
    cause = os.strerror(error.errno).lower() if error.errno else str(error)
    if error.errno == errno.ELOOP:
        return "too many links"
    return f"openat {posixpath.normpath(name)}: {cause}"


def _remove(folder: int, name: str) -> None:
    """Remove something with all below it, but nothing that something is mounted on.

    The kernel refuses that only in the namespace of the mount, and elsewhere takes the mount away with its folder.
    """
    if syscalls.statx_attributes(folder, name) & syscalls.STATX_ATTR_MOUNT_ROOT:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), name)
    try:
        os.unlink(name, dir_fd=folder)
    except (IsADirectoryError, PermissionError):
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            for inner in os.listdir(fd):
                with suppress(FileNotFoundError):
                    _remove(fd, inner)
        finally:
            os.close(fd)
        os.rmdir(name, dir_fd=folder)


class _UsedFolder(Tree):
    """The folder that is unpacked into."""

    def __init__(self, folder: int, path: str, keep_kinds: bool) -> None:
        super().__init__(f"/proc/self/fd/{folder}")
        self._path = path
        self._keep_kinds = keep_kinds

    def add(self, entry: Entry, content: Iterator[memoryview]) -> None:
        """Put one member in its place."""
        if leads_out(entry.name):
            raise UnpackFailed(f"invalid entry name {json.dumps(entry.name)}")
        parts = clean_path(entry.name)
        if not parts:
            if entry.type != tarformat.FOLDER and self._keep_kinds:
                raise self._refused(entry, "directory", "non-directory")
            return
        self.place("/".join(parts[:-1]), parts[-1], entry, content)

    def clear(self, parent: int, name: str, entry: Entry) -> None:
        """Remove what is in a member's place, unless a folder meets a folder or kinds must stay."""
        try:
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        was_folder, is_folder = stat.S_ISDIR(found.st_mode), entry.type == tarformat.FOLDER
        if self._keep_kinds and was_folder and not is_folder:
            raise self._refused(entry, "directory", "non-directory")
        if self._keep_kinds and is_folder and not was_folder:
            raise self._refused(entry, "non-directory", "directory")
        if was_folder and is_folder:
            return
        keep = os.dup(parent)
        try:
            self.forget()  # one of the open folders may be inside
            _remove(keep, name)
        except OSError as error:
            cause = os.strerror(error.errno or 0).lower()
            raise UnpackFailed(f"RemoveAll {posixpath.normpath(entry.name)}: {cause}") from error
        finally:
            os.close(keep)

    def hard_link(self, parent: int, name: str, entry: Entry) -> None:
        """Make a hard link to what is in the folder."""
        if leads_out(entry.link):
            raise UnpackFailed(f"invalid hardlink target {json.dumps(entry.link)}")
        try:
            super().hard_link(parent, name, entry)
        except FileNotFoundError:
            raise
        except OSError as error:
            cause = os.strerror(error.errno or 0).lower()
            raise UnpackFailed(f"linkat {entry.link} {posixpath.normpath(entry.name)}: {cause}") from error

    def _refused(self, entry: Entry, old: str, new: str) -> UnpackFailed:
        name = posixpath.normpath(entry.name)
        return UnpackFailed(f"cannot overwrite {old} {json.dumps(name)} with {new} {json.dumps(self._path)}")
