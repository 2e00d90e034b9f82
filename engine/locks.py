"""Every lock that the engine takes, and the order in which they are taken.

A lock is a flock on a file below Settings.locks, so the kernel frees it when its holder dies, and there
are as many as objects. Order, outermost first; a process that holds one takes only those after it:

    0. pull/<image id>   fetching an image from a registry
    1. container/<id>    a verb that changes the container (start, stop, exit, remove, rename)
    2. view/<id>         an open view of the container's files: held shared, alone by who unmounts its root
    3. volume/<name>     mounting and unmounting a volume that has mount options
    4. skiff-subnets     the machine's, not the engine's: choosing addresses until their route is there
    5. network           the bridges, leases, ports and firewall rules
    6. the store's own   containers/storage's lock files: layers before images before containers
    7. the database      SQLite's write lock, held for one transaction

State is read again after a lock is taken. None but a view's and a pull's is held over a wait for a client, for
the network, or for a container's process to end.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.hurry import WouldWait, is_hurried

LOOKS, LOOK_SECONDS = 5, 0.02  # how often and how long somebody may look whether a lock is held


@contextmanager
def locked(folder: Path, name: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock called name while the block runs; blocks until it is free, or raises WouldWait in a hurry.

    The file may be unlinked by a holder that removes the object (see forget), so the lock counts only
    when the path still leads to the file that was locked.
    """
    path = folder / name
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            continue
        try:
            try:
                fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (fcntl.LOCK_NB if is_hurried() else 0))
            except BlockingIOError:
                raise WouldWait from None
            try:
                current = os.stat(path)
            except FileNotFoundError:
                continue
            held = os.fstat(fd)
            if (current.st_ino, current.st_dev) != (held.st_ino, held.st_dev):
                continue
            yield
            return
        finally:
            os.close(fd)


@contextmanager
def try_locked(folder: Path, name: str) -> Iterator[bool]:
    """Hold the lock if nobody else does; yields whether it is held."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            held = os.stat(path).st_ino == os.fstat(fd).st_ino
        except FileNotFoundError:
            held = False
        yield held
    finally:
        os.close(fd)


@contextmanager
def free_or_orphaned(folder: Path, name: str) -> Iterator[bool]:
    """Hold the lock if no living process does (see is_orphaned); yields whether it is held."""
    for _ in range(2):  # a holder that lets go between the look at the lock and the one at its taker is no living one
        with try_locked(folder, name) as free:
            if free:
                yield True
                return
        if is_orphaned(folder, name):
            with locked(folder, name):
                yield True
            return
    yield False


def is_orphaned(folder: Path, name: str) -> bool:
    """Tell whether a lock is held although the process that took it has ended.

    A child of that process has it then, which is about to become another program and to let go of it.
    """
    try:
        found = os.stat(folder / name)
    except FileNotFoundError:
        return False
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    with open("/proc/locks", encoding="ascii") as file:
        for line in file:
            match line.split():
                case [_, "FLOCK", _, _, owner, there, *_] if there == place:
                    return has_ended(owner)  # the kernel says 0 for one that is not there any more
    return False


def has_ended(pid: str) -> bool:
    """Tell whether no process has an id, or one that has ended and whose parent has not asked for that."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return file.read().rpartition(b") ")[2][:1] in b"ZX"
    except OSError:
        return True


def is_held(path: str | os.PathLike[str]) -> bool:
    """Tell whether a process holds the flock on a file, as the small processes that stay with a container do.

    A look takes the lock for a moment: who means to hold it tries a few times before it believes that it is taken.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def claim(path: str | os.PathLike[str]) -> int | None:
    """Take the flock on a file, made if need be; returns what holds it, None when another process keeps it.

    Somebody who looks (is_held) is waited for. The descriptor is the caller's; closing it gives the lock back.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for left in range(LOOKS, -1, -1):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if left:
                time.sleep(LOOK_SECONDS)
    os.close(fd)
    return None


def forget(folder: Path, name: str) -> None:
    """Remove the file of a lock whose object is gone; called by the lock's holder."""
    (folder / name).unlink(missing_ok=True)
