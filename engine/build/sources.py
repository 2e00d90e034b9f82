"""Where COPY and ADD take files from: the build context, or the tree of an image or a stage. Links never lead out."""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import stat
from collections.abc import Iterator

from engine import syscalls
from engine.build import sums
from engine.build.errors import BuildFailed
from engine.build.patterns import clean
from engine.storage.pack import capability

_READ = 1 << 20


class Source:
    """A folder that files are copied from; root is open on it.

    linkable: its files may become a layer's as they are, and each of them has one name in it. layer: the topmost one of
    those that the files are in, None for a folder of its own.
    """

    linkable = False
    layer: str | None = None

    def __init__(self, root: int, identity: str = "") -> None:
        self.root = root
        self.identity = identity  # of the image that the files are, "" where only their content tells
        self._base = os.readlink(f"/proc/self/fd/{root}").rstrip("/")

    def resolved(self, path: str) -> str:
        """Return a path below the root without the links in it, "" for the root.

        Raises BuildFailed for a path that leads out by itself, FileNotFoundError and OSError.
        """
        fd = self.open(path, os.O_PATH)
        try:
            return self._place(fd)
        finally:
            os.close(fd)

    def open(self, path: str, flags: int) -> int:
        """Open a path below the root, its links followed inside it. Raises as resolved does."""
        if clean(path or ".").split("/")[0] == "..":
            raise BuildFailed(f"forbidden path outside the build context: {path} ()")
        if "\0" in path:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        try:
            return syscalls.openat2(self.root, path or ".", flags)
        except OSError as error:
            if error.errno == errno.ELOOP and not flags & os.O_NOFOLLOW:
                raise BuildFailed(f"forbidden path outside the build context: {path} ()") from None
            raise

    def status(self, path: str) -> os.stat_result:
        """Return the status of what a path leads to. Raises as resolved does."""
        fd = self.open(path, os.O_PATH)
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def _place(self, fd: int) -> str:
        return os.readlink(f"/proc/self/fd/{fd}").removeprefix(self._base).strip("/")

    def sum(self, path: str) -> str:
        """Return the sum of the file or folder that a path leads to, without what is in a folder."""
        raise NotImplementedError

    def walk(self, path: str, depth: int = -1) -> Iterator[tuple[str, bool, bool]]:
        """Give all that is below a path without links in it, by name; whether each is a folder, and whether a link."""
        fd = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with os.scandir(fd) as found:
                entries = sorted((each.name, each.is_dir(follow_symlinks=False), each.is_symlink()) for each in found)
        finally:
            os.close(fd)
        for name, is_folder, is_link in entries:
            inner = posixpath.join(path, name)
            yield inner, is_folder, is_link
            if is_folder and depth:
                yield from self.walk(inner, depth - 1)

    def sum_at(self, place: str) -> str:
        """Return the sum of a file or folder whose path has no links in it, itself none either."""
        return self.sum(place)

    def _sum_of_file(self, place: str, path: str) -> str:
        """Return the sum of the file at a place, which a path led to."""
        return self.sum_at(place)

    def sum_of(self, path: str) -> str:
        """Return the sum of a file, or of a folder with all in it. Raises as resolved does."""
        fd = self.open(path, os.O_PATH)
        try:
            top, is_folder = self._place(fd), stat.S_ISDIR(os.fstat(fd).st_mode)
        finally:
            os.close(fd)
        if not is_folder:
            return "file:" + self._sum_of_file(top, path)
        found = [self.sum_at(top)] if top else []
        for each, _, is_link in self.walk(top):
            try:
                found.append(self.sum(each) if is_link else self.sum_at(each))
            except (OSError, BuildFailed):
                continue
        return sums.of_all("dir", sorted(found, key=lambda text: text.encode("utf-8", "surrogateescape")))


class Tree(Source):
    """An image's or a stage's files, or a context that no archive brought: sums are taken when they are asked for."""

    def __init__(self, root: int, identity: str = "", layer: str | None = None) -> None:
        super().__init__(root, identity)
        self.layer = layer
        self._sums: dict[str, str] = {}

    def sum(self, path: str) -> str:
        """Return the sum of what a path leads to; a broken link's is its path."""
        try:
            place = self.resolved(path)
        except FileNotFoundError:
            return posixpath.normpath(path)
        return self.sum_at(place)

    def sum_at(self, place: str) -> str:
        """Return the sum of a file or folder whose path has no links in it."""
        known = self._sums.get(place)
        if known is None:
            known = self._sums[place] = self._take(place)
        return known

    def _take(self, place: str) -> str:
        fd = self.open(place, os.O_PATH | os.O_NOFOLLOW)
        try:
            found = os.fstat(fd)
            # A folder's root has the name "." in an archive.
            entry = sums.entry_of(place or ".", found, xattrs=capability(fd) if stat.S_ISREG(found.st_mode) else {})
            if entry is None:
                raise OSError(errno.EOPNOTSUPP, "archive/tar: sockets not supported", place)
            sha256 = hashlib.sha256(sums.header(entry))
            if stat.S_ISREG(found.st_mode):
                file = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
                try:
                    while piece := os.read(file, _READ):
                        sha256.update(piece)
                finally:
                    os.close(file)
            return sha256.hexdigest()
        finally:
            os.close(fd)


class Archived(Source):
    """A context that came as an archive; its sums were taken while it was unpacked."""

    def __init__(self, root: int, taken: dict[str, str], *, linkable: bool) -> None:
        super().__init__(root)
        self._taken = taken
        self.linkable = linkable

    def sum(self, path: str) -> str:
        """Return the sum of the member that a path leads to; its path where the archive has no such member."""
        try:
            place = self.resolved(path)
        except FileNotFoundError:
            place = clean(path)
        return self._sum_of_file(place, path)

    def _sum_of_file(self, place: str, path: str) -> str:
        return self._taken.get(place or ".", path)

    def sum_at(self, place: str) -> str:
        """Return the sum of a member; its path where the archive has no such member."""
        return self._taken.get(place or ".", place)
