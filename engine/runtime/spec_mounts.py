"""The mounts of the runtime spec: dockerd's defaults, the container's own, what read-only and privileged change.

Pure. Order matters: the runtime mounts them one after the other, so parents come before what lies in them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from engine.containers.config import HostConfig, MountPoint
from engine.errors import InvalidParameter

Mount = dict[str, Any]

INIT_PATH = "/sbin/docker-init"
DEFAULT_PROPAGATION = "rprivate"

# Words of MountPoint.options for a bind; the rest of the options belongs to tmpfs.
NON_RECURSIVE = "bind"
READ_ONLY_NON_RECURSIVE = "ro"
READ_ONLY_FORCE_RECURSIVE = "rro"
# What a bind keeps of the mount that its source is on.
SOURCE_IS_READ_ONLY = "source-ro"
SOURCE_FLAGS = ("nosuid", "nodev", "noexec", "noatime", "nodiratime")

_PROTECTED = ["nosuid", "noexec", "nodev"]
_DEFAULTS: tuple[tuple[str, str, str, list[str]], ...] = (
    ("/proc", "proc", "proc", _PROTECTED),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/sys", "sysfs", "sysfs", [*_PROTECTED, "ro"]),
    ("/sys/fs/cgroup", "cgroup", "cgroup", ["ro", *_PROTECTED]),
    ("/dev/mqueue", "mqueue", "mqueue", _PROTECTED),
    ("/dev/shm", "tmpfs", "shm", [*_PROTECTED, "mode=1777"]),
)
# With a read-only root these stay writable, as they are the container's own.
_WRITABLE = {"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"}

# Flag options of tmpfs by what they set; only the last one of each kind counts.
_FLAG_KINDS: dict[str, str] = {
    **dict.fromkeys(("ro", "rw"), "ro"),
    **dict.fromkeys(("suid", "nosuid"), "suid"),
    **dict.fromkeys(("dev", "nodev"), "dev"),
    **dict.fromkeys(("exec", "noexec"), "exec"),
    **dict.fromkeys(("sync", "async"), "sync"),
    **dict.fromkeys(("mand", "nomand"), "mand"),
    **dict.fromkeys(("atime", "noatime"), "atime"),
    **dict.fromkeys(("diratime", "nodiratime"), "diratime"),
    **dict.fromkeys(("relatime", "norelatime"), "relatime"),
    **dict.fromkeys(("strictatime", "nostrictatime"), "strictatime"),
    "dirsync": "dirsync",
    "remount": "remount",
    **dict.fromkeys(
        ("bind", "rbind", "unbindable", "runbindable", "private", "rprivate", "shared", "rshared", "slave", "rslave"),
        "propagation",
    ),
}
_DATA_KINDS = {"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"}


class InvalidTmpfsOption(InvalidParameter):
    """An option that tmpfs does not have."""

    def __init__(self, option: str) -> None:
        super().__init__(f'invalid tmpfs option "{option.partition("=")[0]}"')
        self.option = option


class RecursiveReadOnlyUnsupported(InvalidParameter):
    """A mount that must be read-only all the way down, on a kernel that cannot."""

    def __init__(self, destination: str) -> None:
        super().__init__(f"cannot make {destination} read-only with all that is mounted in it: needs kernel 5.12")
        self.destination = destination


def merge_tmpfs_options(options: Sequence[str]) -> list[str]:
    """Keep the last option of each kind, in order. Raises InvalidTmpfsOption."""
    kept: list[str] = []
    seen: set[str] = set()
    for option in reversed(options):
        if option == "defaults":
            continue
        kind = _FLAG_KINDS.get(option)
        if kind is None:
            kind, equals, _ = option.partition("=")
            if not equals or (kind and kind not in _DATA_KINDS):
                raise InvalidTmpfsOption(option)
        if kind not in seen:
            seen.add(kind)
            kept.insert(0, option)
    return kept


def all_mounts(
    host: HostConfig,
    mounts: Sequence[MountPoint],
    tmpfs_modes: Mapping[str, int],
    files: Sequence[tuple[str, str]],
    *,
    shm_path: str,
    init_path: str,
    recursive_read_only: bool,
    writable_cgroups: bool,
) -> list[Mount]:
    """Return the whole list. files are (path in the container, path on the host) of hosts, hostname and resolv.conf.

    tmpfs_modes are the modes of the folders that tmpfs mounts lie over, by path in the container. shm_path is the host
    folder that is /dev/shm, empty for one of the container's own; init_path the program that becomes its first
    process, empty for none. Raises InvalidTmpfsOption and RecursiveReadOnlyUnsupported.
    """
    asked = _asked_for(host, mounts, tmpfs_modes, files, shm_path, recursive_read_only)
    taken = {mount["destination"] for mount in asked}
    made = [mount for mount in _defaults(host, writable_cgroups) if not _replaced(mount["destination"], taken)]
    if init_path:
        made.append(_mount(INIT_PATH, "bind", init_path, ["bind", "ro"]))
    if host.readonly_rootfs:
        for mount in made:
            if mount["destination"] not in _WRITABLE and "ro" not in mount["options"]:
                mount["options"].append("ro")
    return made + asked


def root_propagation(mounts: Sequence[MountPoint]) -> str:
    """Return linux.rootfsPropagation, which must let through what the mounts share; empty for the default."""
    wanted = {mount.propagation for mount in mounts}
    if wanted & {"shared", "rshared"}:
        return "shared"
    return "rslave" if wanted & {"slave", "rslave"} else ""


def _replaced(destination: str, taken: set[str]) -> bool:
    return destination in taken or ("/dev" in taken and destination.startswith("/dev/"))


def _defaults(host: HostConfig, writable_cgroups: bool) -> list[Mount]:
    made = []
    for destination, kind, source, given in _DEFAULTS:
        options = list(given)
        if destination == "/dev/shm":
            if host.ipc_mode == "none":
                continue
            options.append(f"size={host.shm_size}")
        if (destination == "/sys" and host.privileged) or (kind == "cgroup" and writable_cgroups):
            options.remove("ro")
        made.append(_mount(destination, kind, source, options))
    return made


def _asked_for(
    host: HostConfig,
    mounts: Sequence[MountPoint],
    tmpfs_modes: Mapping[str, int],
    files: Sequence[tuple[str, str]],
    shm_path: str,
    recursive_read_only: bool,
) -> list[Mount]:
    own = {mount.destination for mount in mounts} | set(host.tmpfs or ())
    made = []
    if shm_path and "/dev/shm" not in own:
        made.append(_mount("/dev/shm", "bind", shm_path, ["rbind", DEFAULT_PROPAGATION]))
    tmpfs = {posixpath.normpath(path): text.split(",") if text else [] for path, text in (host.tmpfs or {}).items()}
    tmpfs |= {mount.destination: mount.options for mount in mounts if mount.type == "tmpfs"}
    base = ["noexec", "nosuid", "nodev", DEFAULT_PROPAGATION]
    for path, options in tmpfs.items():
        # runc gives a tmpfs the mode of the folder that it covers, crun does not.
        mode = [f"mode={tmpfs_modes[path]:o}"] if path in tmpfs_modes else []
        made.append(_mount(path, "tmpfs", "tmpfs", merge_tmpfs_options(base + mode + options)))
    made += [_bind(mount, recursive_read_only) for mount in mounts if mount.destination not in tmpfs]
    # dockerd says rro, which crun 1.8 cannot do to a file, and which is no different for one.
    read_only = ["ro"] if host.readonly_rootfs else []
    made += [
        _mount(inside, "bind", path, ["rbind", *read_only, DEFAULT_PROPAGATION])
        for inside, path in files
        if path and inside not in own
    ]
    return sorted(made, key=lambda mount: mount["destination"].count("/"))


def _bind(mount: MountPoint, recursive_read_only: bool) -> Mount:
    options = ["bind" if NON_RECURSIVE in mount.options else "rbind"]
    if not mount.read_write:
        if READ_ONLY_FORCE_RECURSIVE in mount.options and not recursive_read_only:
            raise RecursiveReadOnlyUnsupported(mount.destination)
        recursive = recursive_read_only and READ_ONLY_NON_RECURSIVE not in mount.options
        options.append("rro" if recursive else "ro")
    elif SOURCE_IS_READ_ONLY in mount.options:
        options.append("ro")
    options += [each for each in mount.options if each in SOURCE_FLAGS]
    if mount.propagation:
        options.append(mount.propagation)
    return _mount(mount.destination, "bind", mount.source, options)


def _mount(destination: str, kind: str, source: str, options: list[str]) -> Mount:
    return {"destination": destination, "type": kind, "source": source, "options": options}
