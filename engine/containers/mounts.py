"""A container's mounts, resolved: from what the client and the image ask for to the list that inspect shows.

check() is for the validation before create, resolve() for create itself: it makes the volumes that are
missing. What is mounted at start is made ready by prepare().
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine import syscalls
from engine.containers.config import ContainerConfig, HostConfig, MountPoint
from engine.containers.mount_syntax import (
    BIND,
    TMPFS,
    VOLUME,
    InvalidMount,
    WantedMount,
    check_tmpfs_path,
    clean,
    parse_bind,
    parse_mount,
    parse_volumes_from,
)
from engine.errors import EngineError, InvalidParameter, NoSuchContainer
from engine.lean_dataclasses import replace
from engine.runtime.spec_mounts import (
    READ_ONLY_FORCE_RECURSIVE,
    READ_ONLY_NON_RECURSIVE,
    SOURCE_IS_READ_ONLY,
)

if TYPE_CHECKING:
    from engine.state.database import Transaction
    from engine.volumes import Volumes

_SOURCE_FLAGS = {
    os.ST_RDONLY: SOURCE_IS_READ_ONLY,
    os.ST_NOSUID: "nosuid",
    os.ST_NODEV: "nodev",
    os.ST_NOEXEC: "noexec",
    os.ST_NOATIME: "noatime",
    os.ST_NODIRATIME: "nodiratime",
}


class DuplicateMountPoint(InvalidParameter):
    """Two mounts at one place."""

    def __init__(self, destination: str) -> None:
        super().__init__(f"Duplicate mount point: {destination}")
        self.destination = destination


class PrivateRoot(InvalidParameter):
    """A bind of the engine's root whose mounts would outlive their removal there."""

    def __init__(self, root: str, source: str, propagation: str) -> None:
        super().__init__(
            'invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within '
            f'the daemon root, daemon root: "{root}", bind mount source: "{source}", propagation: "{propagation}"'
        )
        self.root = root
        self.source = source
        self.propagation = propagation


class VolumesFromMissing(InvalidParameter):
    """The container whose mounts are wanted is not there."""

    def __init__(self, container: str) -> None:
        super().__init__(f"No such container: {container}")
        self.container = container


class ConflictingReadOnlyOptions(EngineError):
    """Options about read-only that exclude each other; dockerd finds this at start."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"mount options conflict: {first} && {second}")
        self.first = first
        self.second = second


def check(host: HostConfig) -> None:
    """Refuse Mounts that cannot be meant, and those whose source is missing. Raises InvalidMount."""
    for request in host.mounts or ():
        point = parse_mount(request).point
        if point.type == BIND and not point.create_source and not os.path.exists(point.source):
            raise InvalidMount(BIND, f"bind source path does not exist: {request.source}")


def check_tmpfs(host: HostConfig) -> None:
    """Refuse places of Tmpfs that cannot be meant. Raises InvalidMountPath."""
    for path in host.tmpfs or ():
        check_tmpfs_path(path)


def resolve(
    volumes: Volumes,
    transaction: Transaction,
    config: ContainerConfig,
    host: HostConfig,
    mounts_of: Callable[[str], Sequence[MountPoint]],
    *,
    root: str,
    read_only_non_recursive: bool = False,
) -> list[MountPoint]:
    """Return the container's mounts, but for HostConfig.Tmpfs, making the volumes that do not exist.

    The volumes come true with the transaction, which is to be the one that writes the container. mounts_of returns the
    mounts of the container that VolumesFrom names, or raises NoSuchContainer. root is the engine's own. Raises the
    errors of mount_syntax and of volumes, DuplicateMountPoint, VolumesFromMissing, PrivateRoot.
    """
    points: dict[str, MountPoint] = {}
    for text in host.volumes_from or ():
        container, writable = parse_volumes_from(text)
        try:
            inherited = mounts_of(container)
        except NoSuchContainer as error:
            raise VolumesFromMissing(container) from error
        for point in inherited:
            points[point.destination] = replace(point, read_write=point.read_write and writable, mode="", no_copy=True)
    for wanted in _asked_for(host, read_only_non_recursive):
        points[wanted.point.destination] = _shared(_with_volume(volumes, transaction, _letting_go(wanted, root)))
    tmpfs = {clean(path) for path in host.tmpfs or ()}
    for path in config.volumes or ():
        destination = clean(path)
        if destination not in points and destination not in tmpfs:
            shown = "" if path.startswith("/") else posixpath.normpath(path)
            point = MountPoint(VOLUME, "", destination, shown=shown, anonymous=True, driver=host.volume_driver)
            wanted = WantedMount(point)
            points[destination] = _with_volume(volumes, transaction, wanted)
    return list(points.values())


def _asked_for(host: HostConfig, read_only_non_recursive: bool) -> list[WantedMount]:
    """Read Binds and Mounts, which take the place of what VolumesFrom brought, but not of each other."""
    wanted: dict[str, WantedMount] = {}
    tmpfs = set(host.tmpfs or ())
    for text in host.binds or ():
        bind = parse_bind(text, host.volume_driver, read_only_non_recursive=read_only_non_recursive)
        if bind.point.destination in wanted or bind.point.destination in tmpfs:
            raise DuplicateMountPoint(bind.point.destination)
        wanted[bind.point.destination] = bind
    for request in host.mounts or ():
        mount = parse_mount(request, read_only_non_recursive=read_only_non_recursive)
        if mount.point.destination in wanted:
            raise DuplicateMountPoint(request.target)
        wanted[mount.point.destination] = mount
    return list(wanted.values())


def _letting_go(wanted: WantedMount, root: str) -> WantedMount:
    """Have a container see it when something is unmounted in the engine's root, or what that lies in; as dockerd does.

    Otherwise it would hold what is to be removed. The paths are compared as texts, as there. Raises PrivateRoot.
    """
    point = wanted.point
    if point.type != BIND or not (point.source.startswith(root) or root.startswith(point.source)):
        return wanted
    if not wanted.says_propagation:
        return replace(wanted, point=replace(point, propagation="rslave", slave_if_possible=True))
    if point.propagation not in ("rslave", "rshared"):
        raise PrivateRoot(root, point.source, point.propagation)
    return wanted


def _shared(point: MountPoint) -> MountPoint:
    """Give a volume that was asked for dockerd's mark of what containers may share under SELinux."""
    return replace(point, mode="z") if point.type == VOLUME and not point.mode else point


def _with_volume(volumes: Volumes, transaction: Transaction, wanted: WantedMount) -> MountPoint:
    """Find or make the volume of a mount that has one."""
    point = wanted.point
    if point.type != VOLUME:
        return point
    volume = volumes.create(
        point.name or None,
        driver=point.driver,
        labels=wanted.volume_labels,
        options=wanted.volume_options,
        transaction=transaction,
    )
    return replace(point, name=volume.name, driver=volume.driver, source=str(volume.path))


def needs_filling(points: Sequence[MountPoint]) -> list[MountPoint]:
    """Return the volumes that copy_up is due for, which needs the root file system mounted."""
    return [point for point in points if point.type == VOLUME and not point.no_copy]


def prepare_sources(points: Sequence[MountPoint]) -> list[MountPoint]:
    """Make the missing source folders of Binds before a start, and return the mounts as the runtime is to have them.

    Raises ConflictingReadOnlyOptions and OSError.
    """
    return [_prepared(point) if point.type == BIND else point for point in points]


def files_once(points: Sequence[MountPoint]) -> list[MountPoint]:
    """Return the mounts, those of read-only files not recursive: nothing can be mounted in a file.

    crun 1.8 cannot make one read-only recursively.
    """
    return [
        replace(point, options=[READ_ONLY_NON_RECURSIVE])
        if point.type != TMPFS
        and not point.read_write
        and not os.path.isdir(point.source)
        and READ_ONLY_NON_RECURSIVE not in point.options
        else point
        for point in points
    ]


def with_source_flags(points: Sequence[MountPoint]) -> list[MountPoint]:
    """Return the mounts with what each one's source has: nosuid and its like, and whether it can only be read.

    The kernel keeps that for a bind, and runc says it again when it sets other flags; crun 1.8 does not.
    """
    return [replace(point, options=[*point.options, *_source_flags(point)]) for point in points]


def _source_flags(point: MountPoint) -> list[str]:
    if point.type == TMPFS:
        return []
    try:
        flags = os.statvfs(point.source).f_flag
    except OSError:  # the runtime tells
        return []
    return [word for flag, word in _SOURCE_FLAGS.items() if flags & flag]


def tmpfs_modes(rootfs: Path, host: HostConfig, points: Sequence[MountPoint]) -> dict[str, int]:
    """Return the modes of the folders in a mounted root that tmpfs mounts will cover, by their path."""
    paths = {clean(path) for path in host.tmpfs or ()} | {point.destination for point in points if point.type == TMPFS}
    modes: dict[str, int] = {}
    if not paths:
        return modes
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for path in paths:
            try:
                fd = syscalls.openat2(root, path, os.O_PATH | os.O_DIRECTORY)
            except OSError:
                continue  # the runtime makes it, and the kernel's mode for a new tmpfs stays
            modes[path] = stat.S_IMODE(os.fstat(fd).st_mode)
            os.close(fd)
    finally:
        os.close(root)
    return modes


def _prepared(point: MountPoint) -> MountPoint:
    _check_read_only(point)
    if point.create_source:
        try:
            Path(point.source).mkdir(parents=True, mode=0o755)
        except (FileExistsError, NotADirectoryError):
            pass  # a file can be bound too; what cannot, the runtime tells
    return files_once([point])[0]


def _check_read_only(point: MountPoint) -> None:
    once, recursive = READ_ONLY_NON_RECURSIVE in point.options, READ_ONLY_FORCE_RECURSIVE in point.options
    if point.read_write and once:
        raise ConflictingReadOnlyOptions("!ReadOnly", "BindOptions.ReadOnlyNonRecursive")
    if point.read_write and recursive:
        raise ConflictingReadOnlyOptions("!ReadOnly", "BindOptions.ReadOnlyForceRecursive")
    if once and recursive:
        raise ConflictingReadOnlyOptions("ReadOnlyNonRecursive", "BindOptions.ReadOnlyForceRecursive")
