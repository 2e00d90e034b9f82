"""A container's network namespace: made and furnished from threads of its own, then kept open by a file.

Namespaces belong to threads, so each piece of work inside one is done in a thread that ends with it: whatever
happens in there, no other thread of this process is ever left in a container's network. The file comes last, so that
whoever finds it finds all that belongs in there.
"""

from __future__ import annotations

import _thread
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
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


@contextmanager
def new() -> Iterator[int]:
    """Give a descriptor of a new namespace, which goes when the block ends unless it was bound. Raises OSError."""
    opened: list[int] = []

    def leave() -> None:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        opened.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    _in_thread(leave)
    try:
        yield opened[0]
    finally:
        os.close(opened[0])


def bind(namespace: int, path: Path) -> None:
    """Have a file keep a namespace open; one that is there already is replaced. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    remove(path)
    path.touch(0o444)
    syscalls.mount(f"/proc/self/fd/{namespace}", path, "none", syscalls.MS_BIND)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Give a descriptor of the namespace bound to path. Raises FileNotFoundError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def inside(path: Path, work: Callable[[], None]) -> None:
    """Call work in a thread that is in the namespace bound to path; raises what it raises, and FileNotFoundError."""
    with opened(path) as namespace:
        within(namespace, work)


def within(namespace: int, work: Callable[[], None]) -> None:
    """Call work in a thread that is in an open namespace; raises what it raises.

    Raises FileNotFoundError for a file that nothing was bound to yet: whoever made it was killed.
    """

    def enter() -> None:
        try:
            syscalls.setns(namespace, syscalls.CLONE_NEWNET)
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None
            raise
        work()

    _in_thread(enter)


@contextmanager
def kept(path: Path) -> Iterator[None]:
    """Keep the namespace bound to path, if there is one, while the block runs, even when it is removed in there."""
    with ExitStack() as stack:
        with suppress(FileNotFoundError):
            stack.enter_context(opened(path))
        yield


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
