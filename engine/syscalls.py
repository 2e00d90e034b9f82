"""One wrapper per system call that Python 3.11 lacks, under the call's own name.

Each raises OSError with the call's name and path. This is the engine's only seam to libc; what changes the
calling thread alone (unshare, setns) says so.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import threading

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
CLONE_FS = 0x00000200
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10
IN_MODIFY = 0x2
IN_CLOSE_WRITE = 0x8
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400

OPEN_TREE_CLONE = 1
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
AT_SYMLINK_NOFOLLOW = 0x100
MOUNT_ATTR_RDONLY = 1
STATX_ATTR_MOUNT_ROOT = 0x2000
_STATX_SIZE = 256

SYS_OPEN_TREE = 428  # these numbers are the same on every architecture
SYS_MOVE_MOUNT = 429
SYS_OPENAT2 = 437
SYS_PIDFD_GETFD = 438
SYS_MOUNT_SETATTR = 442
_MOVE_MOUNT_F_EMPTY_PATH = 0x04
_MOVE_MOUNT_T_EMPTY_PATH = 0x40

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _check(result: int, call: str, path: str | bytes | os.PathLike[str] | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}", None if path is None else os.fspath(path))
    return result


def mount(source: str, target: str | os.PathLike[str], kind: str, flags: int = 0, data: str = "") -> None:
    """Mount source at target; data is the filesystem's own options, under a page of text."""
    result = _libc.mount(
        os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode() or None
    )
    _check(result, "mount", target)


def umount2(target: str | os.PathLike[str], flags: int = 0) -> None:
    """Unmount what is mounted at target."""
    _check(_libc.umount2(os.fsencode(target), flags), "umount2", target)


def file_system(path: str | os.PathLike[str]) -> int:
    """Return the magic number (linux/magic.h) of the file system that a path lies on. Raises OSError."""
    found = (ctypes.c_long * 32)()  # struct statfs, which begins with it
    _check(_libc.statfs(os.fsencode(path), ctypes.byref(found)), "statfs", path)
    return int(found[0])


def open_tree(directory: int, path: str, flags: int) -> int:
    """Return a descriptor of a mount tree; with OPEN_TREE_CLONE of a copy that is mounted nowhere. Needs Linux 5.2."""
    found = _libc.syscall(
        ctypes.c_long(SYS_OPEN_TREE),
        ctypes.c_int(directory),
        os.fsencode(path),
        ctypes.c_uint(flags | os.O_CLOEXEC),
    )
    return _check(found, "open_tree", path)


def move_mount(tree: int, target: int) -> None:
    """Mount the tree that open_tree gave on the file or folder that a descriptor stands for. Needs Linux 5.2."""
    flags = _MOVE_MOUNT_F_EMPTY_PATH | _MOVE_MOUNT_T_EMPTY_PATH
    result = _libc.syscall(
        ctypes.c_long(SYS_MOVE_MOUNT),
        ctypes.c_int(tree),
        b"",
        ctypes.c_int(target),
        b"",
        ctypes.c_uint(flags),
    )
    _check(result, "move_mount")


def mount_setattr(tree: int, attributes: int, *, recursive: bool) -> None:
    """Set MOUNT_ATTR_ flags of the mount that a descriptor stands for, or of its whole tree. Needs Linux 5.12."""
    wanted = _MountAttr(attr_set=attributes)
    result = _libc.syscall(
        ctypes.c_long(SYS_MOUNT_SETATTR),
        ctypes.c_int(tree),
        b"",
        ctypes.c_uint(AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)),
        ctypes.byref(wanted),
        ctypes.c_size_t(ctypes.sizeof(wanted)),
    )
    _check(result, "mount_setattr")


def statx_attributes(directory: int, name: str) -> int:
    """Return the STATX_ATTR_ flags of what a folder has under a name, no link followed. Needs Linux 5.8."""
    found = ctypes.create_string_buffer(_STATX_SIZE)
    result = _libc.statx(
        ctypes.c_int(directory), os.fsencode(name), ctypes.c_int(AT_SYMLINK_NOFOLLOW), ctypes.c_uint(0), found
    )
    _check(result, "statx", name)
    return int.from_bytes(found.raw[8:16], sys.byteorder)


def pivot_root(new_root: str, put_old: str) -> None:
    """Make new_root the root of the calling thread's mount namespace."""
    _check(_libc.pivot_root(os.fsencode(new_root), os.fsencode(put_old)), "pivot_root", new_root)


def unshare(flags: int) -> None:
    """Give the calling thread new namespaces."""
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int = 0) -> None:
    """Put the calling thread into the namespace that fd stands for."""
    _check(_libc.setns(fd, kind), "setns")


def inotify_init1(flags: int = os.O_NONBLOCK | os.O_CLOEXEC) -> int:
    """Return a new inotify descriptor."""
    return _check(_libc.inotify_init1(flags), "inotify_init1")


def inotify_close(fd: int) -> None:
    """Close an inotify descriptor in a thread: the kernel waits for a grace period in it, 10 ms and more."""
    threading.Thread(target=os.close, args=(fd,), name="inotify close").start()


def inotify_add_watch(fd: int, path: str | os.PathLike[str], mask: int) -> int:
    """Watch a path; returns the watch descriptor."""
    return _check(_libc.inotify_add_watch(fd, os.fsencode(path), mask), "inotify_add_watch", path)


def inotify_rm_watch(fd: int, watch: int) -> None:
    """Take a watch away; one that the kernel has taken away already is passed over."""
    if _libc.inotify_rm_watch(fd, watch) < 0 and ctypes.get_errno() != errno.EINVAL:
        _check(-1, "inotify_rm_watch")


_UNSURE = 10_000  # tries of openat2, which a rename anywhere makes unsure of ".." for a moment (EAGAIN)


def openat2(
    directory: int,
    path: str | bytes | os.PathLike[str],
    flags: int,
    *,
    mode: int = 0,
    resolve: int = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
) -> int:
    """Open path below the folder that the descriptor stands for; by default that folder is its root.

    Neither "..", nor an absolute path, nor a symbolic link leads out of it then, not even while another process
    swaps parts of the path. Needs Linux 5.6.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    fd = -1
    for _ in range(_UNSURE):
        fd = _libc.syscall(
            ctypes.c_long(SYS_OPENAT2),
            ctypes.c_int(directory),
            os.fsencode(path),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if fd >= 0 or ctypes.get_errno() not in (errno.EAGAIN, errno.EINTR):
            break
    return _check(fd, "openat2", path)


def syncfs(fd: int) -> None:
    """Put everything of the file system that the descriptor lies on onto disk."""
    _check(_libc.syncfs(fd), "syncfs")


def pidfd_getfd(process: int, descriptor: int) -> int:
    """Return a copy of a descriptor of another process, which a pidfd names."""
    return _check(_libc.syscall(SYS_PIDFD_GETFD, process, descriptor, 0), "pidfd_getfd")
