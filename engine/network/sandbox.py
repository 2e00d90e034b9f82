"""A container's network namespace: a file that keeps it open, made and furnished from a thread of its own.

Namespaces belong to threads, so each piece of work inside one is done in a thread that ends with it: whatever
happens in there, no other thread of this process is ever left in a container's network.
"""

from __future__ import annotations

import _thread
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine import syscalls
from engine.settings import Settings


def namespace_path(settings: Settings, container_id: str) -> Path:
    """Return where a container's namespace is bound."""
    return settings.network_namespaces / container_id[:12]


def namespaces(settings: Settings) -> Callable[[str], bool]:
    """Look which containers have a namespace now, and return what tells it of one."""
    try:
        names = frozenset(os.listdir(settings.network_namespaces))
    except FileNotFoundError:
        names = frozenset()
    return lambda container_id: container_id[:12] in names


def make(path: Path) -> None:
    """Make a new namespace and bind it to path; one that is there already is replaced. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    remove(path)
    path.touch(0o444)

    def bind() -> None:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        syscalls.mount(f"/proc/self/task/{threading.get_native_id()}/ns/net", path, "none", syscalls.MS_BIND)

    _in_thread(bind)


def inside(path: Path, work: Callable[[], None]) -> None:
    """Call work in a thread that is in the namespace bound to path; raises what it raises."""

    def enter() -> None:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.setns(fd, syscalls.CLONE_NEWNET)
        finally:
            os.close(fd)
        work()

    _in_thread(enter)


@contextmanager
def kept(path: Path) -> Iterator[None]:
    """Keep the namespace bound to path, if there is one, while the block runs, even when it is removed in there."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        yield
    finally:
        os.close(fd)


def remove(path: Path) -> None:
    """Let go of a namespace; the kernel takes it down, its interfaces too, when no process is in it."""
    with suppress(FileNotFoundError):
        with suppress(OSError):  # not mounted: it was cut off while it was made
            syscalls.umount2(path, syscalls.MNT_DETACH)
        path.unlink()


def _in_thread(work: Callable[[], None]) -> None:
    failures: list[BaseException] = []
    working = _thread.allocate_lock()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # handed to the caller's thread
            failures.append(error)
        finally:
            working.release()

    working.acquire()
    _thread.start_new_thread(run, ())  # a threading.Thread would be waited for twice, at its beginning and at its end
    with working:
        pass
    if failures:
        raise failures[0]
