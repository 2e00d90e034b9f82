"""Removing folder trees, and the temporary folders in which layers are made before they count.

Format: overlay/tempdirs/ of containers/storage: lock-X is held by whoever uses temp-dir-X; a temp-dir whose lock
can be taken is a leftover of a crash, and any process that loads the store, ours or podman's, removes it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from engine import syscalls
from engine.hurry import A_FEW, about_to_do
from engine.storage.lockfile import try_write_lock

_LOCK = "lock-"
_FOLDER = "temp-dir-"
LITTLE = 1 << 20  # bytes that nobody misses for a moment, however full the disk is
_DEEP = 100  # levels of folders that are gone through at once
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_INSIDE = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS


@contextmanager
def temporary_folder(root: Path) -> Iterator[Path]:
    """Give a new folder below root and remove it with all that is still in it when the block ends."""
    lock, folder = _new(root)
    try:
        yield folder
    finally:
        try:
            remove_tree(folder)
            (root / (_LOCK + folder.name[len(_FOLDER) :])).unlink(missing_ok=True)
        finally:
            os.close(lock)


def recover(root: Path) -> None:
    """Remove the temporary folders that no living process holds."""
    try:
        names = os.listdir(root)
    except FileNotFoundError:
        return
    for key in {name.removeprefix(_FOLDER).removeprefix(_LOCK) for name in names if name.startswith((_FOLDER, _LOCK))}:
        fd = os.open(root / (_LOCK + key), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if try_write_lock(fd):
                remove_tree(root / (_FOLDER + key))
                (root / (_LOCK + key)).unlink(missing_ok=True)
        finally:
            os.close(fd)


def in_use(folder: Path) -> bool:
    """Whether a living process has this temporary folder."""
    try:
        fd = os.open(folder.parent / (_LOCK + folder.name[len(_FOLDER) :]), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not try_write_lock(fd)
    finally:
        os.close(fd)


def _new(root: Path) -> tuple[int, Path]:
    """Make and lock a temporary folder; returns the lock's descriptor and the folder."""
    while True:
        key = os.urandom(8).hex()
        lock_path = root / (_LOCK + key)
        try:
            fd = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            continue
        try:
            # Between making the file and locking it somebody may have taken it for a leftover.
            if try_write_lock(fd) and os.path.exists(lock_path):
                folder = root / (_FOLDER + key)
                folder.mkdir(mode=0o700)
                return fd, folder
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def move_file(source: Path, target: Path) -> None:
    """Move a file; between two mounts it is copied and put on disk first.

    podman mounts the folder overlay/ on itself, and the kernel renames nothing from one mount to another.
    """
    try:
        os.rename(source, target)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    temporary = target.with_name(f"{target.name}.tmp")
    with open(source, "rb") as old, open(temporary, "wb") as new:
        os.fchmod(new.fileno(), 0o600)
        while piece := old.read(1 << 20):
            new.write(piece)
        new.flush()
        os.fdatasync(new.fileno())
    os.rename(temporary, target)
    os.unlink(source)


def discard(path: Path, grave: Path) -> None:
    """Let a file or folder vanish in one step into a temporary folder; one on another mount is removed on the spot."""
    try:
        os.rename(path, grave / f"{os.urandom(4).hex()}-{path.name}")
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        remove_tree(path)


def remove_tree(path: str | os.PathLike[str]) -> None:
    """Remove a file or a folder with all it holds; what is gone already is no error.

    Follows no link and enters no mount: a folder that something is still mounted on raises OSError (EBUSY).
    """
    remove_tree_at(path, None)


def remove_tree_at(path: str | os.PathLike[str], folder: int | None) -> None:
    """Remove as remove_tree does; a relative path begins at the open folder."""
    try:
        os.unlink(path, dir_fd=folder)
    except FileNotFoundError:
        pass
    except (IsADirectoryError, PermissionError):
        _remove_folder(path, folder)


def _remove_folder(path: str | os.PathLike[str], parent: int | None) -> None:
    try:
        os.rmdir(path, dir_fd=parent)
        return
    except FileNotFoundError:
        return
    except OSError:
        pass  # not empty, most likely; whatever else it is shows below
    try:
        fd = os.open(path, _OPEN_FOLDER, dir_fd=parent)
    except FileNotFoundError:
        return
    try:
        while not _clear(fd, fd, 0):
            pass
    finally:
        os.close(fd)
    try:
        os.rmdir(path, dir_fd=parent)
    except FileNotFoundError:
        pass


def _clear(fd: int, top: int, depth: int) -> bool:
    """Remove everything in an open folder, its own file system only.

    What lies _DEEP levels below top is moved there, so that no tree is too deep; then False is returned.
    """
    device = os.fstat(fd).st_dev
    whole = True
    with os.scandir(fd) as found:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    for name, is_folder in entries:
        try:
            if not is_folder:
                os.unlink(name, dir_fd=fd)
            elif os.stat(name, dir_fd=fd, follow_symlinks=False).st_dev != device:
                os.rmdir(name, dir_fd=fd)
            elif depth < _DEEP:
                whole = _remove_inner(name, fd, top, depth + 1) and whole
            else:
                os.rename(name, os.urandom(16).hex(), src_dir_fd=fd, dst_dir_fd=top)
                whole = False
        except FileNotFoundError:
            pass
    return whole


def _remove_inner(name: str, parent: int, top: int, depth: int) -> bool:
    """Remove a folder that is not the top one, or empty it; returns whether nothing of it was moved."""
    try:
        os.rmdir(name, dir_fd=parent)
        return True
    except FileNotFoundError:
        return True
    except OSError:
        pass  # not empty, most likely; whatever else it is shows below
    fd = os.open(name, _OPEN_FOLDER, dir_fd=parent)
    try:
        whole = _clear(fd, top, depth)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=parent)
    return whole


def content_size(root: str | os.PathLike[str]) -> int:
    """Return the bytes in a tree as dockerd counts a layer: each inode once, folders for nothing."""
    total = 0
    seen: set[int] = set()
    number = count(1)
    top = os.open(root, _OPEN_FOLDER)
    try:
        left = ["."]
        while left:
            path = left.pop()
            with suppress(OSError):  # it has gone, or is no folder any more
                size, inner = _look_into(top, path, seen, number)
                total += size
                left += inner
    finally:
        os.close(top)
    return total


def _look_into(top: int, path: str, seen: set[int], number: Iterator[int]) -> tuple[int, list[str]]:
    """Return the bytes of the files in a folder below top, and the folders in it; number counts what is looked at."""
    total, inner = 0, []
    folder = syscalls.openat2(top, path, _OPEN_FOLDER, resolve=_INSIDE)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                about_to_do(next(number))
                if entry.is_dir(follow_symlinks=False):
                    inner.append(f"{path}/{entry.name}")
                else:
                    total += _size(entry, seen)
    finally:
        os.close(folder)
    return total, inner


def is_little(*roots: str | os.PathLike[str]) -> bool:
    """Tell whether trees are but A_FEW files with no more than LITTLE bytes: removed in a moment, for little room.

    What is not there counts for nothing. Nobody may write to what is.
    """
    left, files, total = [os.fspath(root) for root in roots], 0, 0
    while left:
        try:
            entries = os.scandir(left.pop())
        except FileNotFoundError:
            continue
        with entries:
            for entry in entries:
                files += 1
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
                if files > A_FEW or total > LITTLE:
                    return False
    return True


def _size(entry: os.DirEntry[str], seen: set[int]) -> int:
    """Return a file's size, 0 for one that has gone or was seen under another name."""
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    if found.st_nlink > 1 and not stat.S_ISLNK(found.st_mode):
        if found.st_ino in seen:
            return 0
        seen.add(found.st_ino)
    return found.st_size
