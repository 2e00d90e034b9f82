"""A container's files as dockerd shows them, running or not: its root, with its volumes and binds where they belong.

A view is a mount namespace of its own with nothing but the container's root in it, on which the volumes are mounted
anew. What the container itself mounted, its tmpfs mounts, /proc and /dev are not in it. Everything is found below the
root's descriptor with openat2(RESOLVE_IN_ROOT), and no program runs in that namespace, so no link of the container
leads out of it and no file of it is ever taken for one of the host's. Read-only mounts need Linux 5.12.

No lock is held while a view is open but the view's own (engine.containers.root_mount): the container may start and end.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine import late_modules, locks, syscalls
from engine.containers import folders, image_mounts, mounts, root_mount, rows, skeleton, working_directory
from engine.containers.kept_views import Kept, views
from engine.containers.mount_syntax import TMPFS, clean
from engine.containers.settle import settled
from engine.errors import NoSuchContainer
from engine.lean_dataclasses import dataclass
from engine.runtime.spec_mounts import NON_RECURSIVE, READ_ONLY_FORCE_RECURSIVE, READ_ONLY_NON_RECURSIVE

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.config import MountPoint
    from engine.containers.record import Container

_NETWORK_FILES = ("hosts", "hostname", "resolv.conf")
_OPEN_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_MODE = 0o755
_AT_FDCWD = -100
BUILDERS = 8  # views that are made at once; more wait for each other
_builder = threading.local()


@dataclass(frozen=True, slots=True)
class Bind:
    """Something to be mounted in a view; part is found inside source, "" for all of it."""

    source: str
    destination: str
    part: str = ""
    writable: bool = True
    recursive: bool = True
    read_only_recursive: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """An open view; root is a descriptor of the container's root folder, for openat2."""

    container: Container
    root: int


@contextmanager
def opened(engine: Engine, name: str) -> Iterator[View]:
    """Open a view of a container. Raises NoSuchContainer, what making its mounts ready raises, and OSError."""
    kept = _look_for(engine, rows.find_id(engine.database, name))
    try:
        _tell(engine, kept.container, mounted=True)
        try:
            yield View(kept.container, kept.root)
        finally:
            _tell(engine, kept.container, mounted=False)
    finally:
        # The kernel makes whoever unmounts a root wait for the disk. Nobody else has to: the locks tell of it.
        views.give_back(kept)


def _look_for(engine: Engine, container_id: str) -> Kept:
    """Return a container's view, to be given back: the one that is there, or a new one."""
    held = ExitStack()
    try:
        with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
            container = settled(engine, container_id)
            if (kept := views.take(container)) is not None:
                return kept
            view_lock = root_mount.view_lock_name(container_id)
            held.enter_context(locks.locked(engine.settings.locks, view_lock, shared=True))
            namespace, root = _open(engine, container)
            held.callback(os.close, namespace)
            held.callback(os.close, root)
            kept = Kept(container, root, held, lambda: _let_go(engine, container_id))
            if not container.definition.mounts:
                views.add(kept)
            return kept
    except BaseException:
        held.close()
        _let_go(engine, container_id)
        raise


def planned(points: Sequence[MountPoint], tmpfs: Sequence[str], files: Sequence[tuple[str, str, bool]]) -> list[Bind]:
    """Return what is mounted in a view, in order: no tmpfs, outer folders before inner ones. Pure.

    files are (path on the host, path in the container, writable) of what the engine itself mounts.
    """
    covered = {clean(path) for path in tmpfs}
    binds = [
        Bind(
            point.source,
            point.destination,
            point.subpath,
            point.read_write,
            NON_RECURSIVE not in point.options,
            READ_ONLY_NON_RECURSIVE not in point.options or READ_ONLY_FORCE_RECURSIVE in point.options,
        )
        for point in points
        if point.type != TMPFS and point.destination not in covered
    ]
    taken = {bind.destination for bind in binds}
    binds.sort(key=lambda bind: bind.destination.count("/"))
    return binds + [Bind(source, inside, writable=rw) for source, inside, rw in files if inside not in taken]


def _open(engine: Engine, container: Container) -> tuple[int, int]:
    """Return descriptors of a view's mount namespace and of its root; the container's lock is held."""
    rootfs = engine.store.mount(container.id, volatile=container.host.auto_remove)
    if not skeleton.is_made(rootfs):
        skeleton.make(rootfs)
    points = mounts.prepare_sources(container.definition.mounts)
    engine.volumes.make_ready(points)
    image_mounts.mount(engine, points)
    folder, writable = folders.persistent(engine.settings, container.id), not container.host.readonly_rootfs
    files = [(str(folder / name), f"/etc/{name}", writable) for name in _NETWORK_FILES if (folder / name).exists()]
    return _build(rootfs, planned(points, list(container.host.tmpfs or ()), files))


def _let_go(engine: Engine, container_id: str) -> None:
    """Unmount what only a view needed that is closed now."""
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        try:
            if rows.get(engine.database, container_id).state.alive:
                return  # or it has just ended: then whoever records that finds the view closed and unmounts
            container = settled(engine, container_id)
        except NoSuchContainer:
            root_mount.forget(engine, container_id)
            return
        if container.state.alive:
            return
        image_mounts.unmount(engine, container)
        root_mount.unmount(engine, container_id)
        engine.volumes.settle(container.definition.mounts)


def _tell(engine: Engine, container: Container, *, mounted: bool) -> None:
    points = container.definition.mounts
    if any(point.name for point in points):
        with engine.database.telling() as tx:
            tell = engine.volumes.mount_events if mounted else engine.volumes.unmount_events
            tell(tx, container.id, points)


@cache
def _empty_namespace() -> int:
    """Return a descriptor of a mount namespace with nothing in it but a folder `root`, of which views are copies.

    To copy this machine's namespace for each view would cost the more the more is mounted in it.
    """

    def make() -> tuple[int, int]:
        own = os.open("/proc/thread-self", _OPEN_FOLDER)
        syscalls.unshare(syscalls.CLONE_NEWNS)
        namespace = os.open("ns/mnt", os.O_RDONLY | os.O_CLOEXEC, dir_fd=own)
        syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
        syscalls.mount("tmpfs", "/proc", "tmpfs", data="size=4k,mode=700")  # any folder that is there would do
        os.chdir("/proc")
        os.mkdir("root")
        syscalls.pivot_root(".", ".")
        syscalls.umount2(".", syscalls.MNT_DETACH)
        return namespace, own

    namespace, own = _in_own_thread(make)
    os.close(own)
    return namespace


def _build(rootfs: Path, binds: Sequence[Bind]) -> tuple[int, int]:
    """Make a view of a root with these mounts; returns as _open.

    What is to be mounted is opened here, in this machine's namespace, where alone it can be found.
    """
    empty = _empty_namespace()
    with ExitStack() as fds:
        whole = _held(fds, syscalls.open_tree(_AT_FDCWD, str(rootfs), syscalls.OPEN_TREE_CLONE))
        trees = [(_held(fds, _tree(bind)), bind.destination) for bind in binds]
        return _builders().submit(_put_together, empty, whole, trees).result()


@cache
def _builders() -> ThreadPoolExecutor:
    """Return the threads that make views; in the empty namespace while they wait, so that they keep no mount busy."""
    late_modules.have_all(sys.modules[__name__], working_directory, syscalls)
    return ThreadPoolExecutor(BUILDERS, "view of a container", _begin_building)


def _begin_building() -> None:
    """Give the calling thread a root of its own, and keep its folder of /proc, which it will not find any more."""
    _builder.own = os.open("/proc/thread-self", _OPEN_FOLDER)
    syscalls.unshare(syscalls.CLONE_FS)


def _put_together(empty: int, whole: int, trees: Sequence[tuple[int, str]]) -> tuple[int, int]:
    """Make a mount namespace with a root and what is mounted in it. Nothing may be imported in here."""
    syscalls.setns(empty, syscalls.CLONE_NEWNS)
    syscalls.unshare(syscalls.CLONE_NEWNS)
    try:
        with ExitStack() as fds, ExitStack() as undo:
            namespace = os.open("ns/mnt", os.O_RDONLY | os.O_CLOEXEC, dir_fd=_builder.own)
            undo.callback(os.close, namespace)
            syscalls.move_mount(whole, _held(fds, os.open("/root", _OPEN_FOLDER)))
            root = os.open("/root", _OPEN_FOLDER)
            undo.callback(os.close, root)
            for tree, destination in trees:
                folder = stat.S_ISDIR(os.fstat(tree).st_mode)
                syscalls.move_mount(tree, _held(fds, _mount_point(root, destination, folder=folder)))
            undo.pop_all()
        return namespace, root
    finally:
        syscalls.setns(empty, syscalls.CLONE_NEWNS)


def _held(fds: ExitStack, fd: int) -> int:
    """Have a descriptor closed with the others."""
    fds.callback(os.close, fd)
    return fd


def _tree(bind: Bind) -> int:
    """Open what is to be mounted, as a mount that is nowhere yet."""
    flags = syscalls.OPEN_TREE_CLONE | (syscalls.AT_RECURSIVE if bind.recursive else 0)
    if bind.part:
        source = os.open(bind.source, _OPEN_FOLDER)
        try:
            part = syscalls.openat2(source, bind.part, os.O_PATH, resolve=syscalls.RESOLVE_BENEATH)
        finally:
            os.close(source)
        try:
            tree = syscalls.open_tree(part, "", flags | syscalls.AT_EMPTY_PATH)
        finally:
            os.close(part)
    else:
        tree = syscalls.open_tree(_AT_FDCWD, bind.source, flags)
    if not bind.writable:
        try:
            recursive = bind.recursive and bind.read_only_recursive
            syscalls.mount_setattr(tree, syscalls.MOUNT_ATTR_RDONLY, recursive=recursive)
        except BaseException:
            os.close(tree)
            raise
    return tree


def _mount_point(root: int, path: str, *, folder: bool) -> int:
    """Open where something is to be mounted, making it where it is missing."""
    with suppress(FileNotFoundError):
        return syscalls.openat2(root, path, os.O_PATH)
    if folder:
        working_directory.make_folder_at(root, path)
        return syscalls.openat2(root, path, os.O_PATH)
    above, _, name = path.rpartition("/")
    working_directory.make_folder_at(root, above or "/")
    parent = syscalls.openat2(root, above or "/", _OPEN_FOLDER)
    try:
        os.close(os.open(name, _NEW_FILE, _NEW_MODE, dir_fd=parent))
        return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    finally:
        os.close(parent)


def _in_own_thread(work: Callable[[], tuple[int, int]]) -> tuple[int, int]:
    """Run work in a thread that ends with it, since a thread's namespace and root cannot be given back."""
    made: list[tuple[int, int]] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            made.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="view of a container")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
