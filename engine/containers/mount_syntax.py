"""What clients write about mounts, read: Binds, Mounts, Tmpfs and VolumesFrom, with dockerd's rules and words.

Pure: whether a bind's source is there, and where a volume lies, is engine.containers.mounts' part. The
options of a MountRequest have the Docker API's own names.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Protocol

from engine.containers.config import MountPoint, MountRequest
from engine.errors import EngineError, InvalidParameter
from engine.lean_dataclasses import dataclass
from engine.runtime.spec_mounts import (
    DEFAULT_PROPAGATION,
    NON_RECURSIVE,
    READ_ONLY_FORCE_RECURSIVE,
    READ_ONLY_NON_RECURSIVE,
)

BIND = "bind"
VOLUME = "volume"
TMPFS = "tmpfs"
IMAGE = "image"

PROPAGATIONS = ("private", "rprivate", "slave", "rslave", "shared", "rshared")
_MODE_KINDS = {
    **dict.fromkeys(("rw", "ro"), "access"),
    **dict.fromkeys(("z", "Z"), "label"),
    **dict.fromkeys(PROPAGATIONS, "propagation"),
    "nocopy": "copy",
    **dict.fromkeys(("consistent", "cached", "delegated"), "consistency"),
}


class InvalidBind(EngineError):
    """An entry of Binds that cannot be read; no InvalidParameter, since dockerd takes it for a failure of its own."""

    def __init__(self, bind: str, cause: str = "") -> None:
        super().__init__(f"invalid volume specification: '{bind}'" + (f": {cause}" if cause else ""))
        self.bind = bind
        self.cause = cause


class InvalidBindMode(EngineError):
    """The options of an entry of Binds are unknown or contradict each other."""

    def __init__(self, mode: str) -> None:
        super().__init__(f"invalid mode: {mode}")
        self.mode = mode


class InvalidVolumesFrom(InvalidParameter):
    """An entry of VolumesFrom that cannot be read."""

    def __init__(self, text: str, cause: str) -> None:
        super().__init__(cause)
        self.text = text
        self.cause = cause


class InvalidMount(InvalidParameter):
    """An entry of Mounts that cannot be meant."""

    def __init__(self, kind: str, cause: str) -> None:
        super().__init__(f'invalid mount config for type "{kind}": {cause}')
        self.kind = kind
        self.cause = cause


class MisplacedMountOptions(InvalidParameter):
    """Options of one type of mount on another."""

    def __init__(self, options: str, kind: str) -> None:
        super().__init__(f'{options} must not be specified on mount type "{kind}"')
        self.options = options
        self.kind = kind


class InvalidMountPath(InvalidParameter):
    """A path in the container at which nothing can be mounted."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(cause)
        self.path = path
        self.cause = cause


@dataclass(frozen=True, slots=True)
class WantedMount:
    """A mount as asked for: its point, still without a volume's source, and what a new volume would have."""

    point: MountPoint
    volume_labels: dict[str, str] | None = None
    volume_options: dict[str, str] | None = None
    says_propagation: bool = False  # else it is the default


def parse_bind(text: str, volume_driver: str = "", *, read_only_non_recursive: bool = False) -> WantedMount:
    """Read an entry of Binds: [source:]destination[:options], the source being a path or a volume's name.

    read_only_non_recursive is how API versions before 1.44 mean ro. Raises InvalidBind, InvalidBindMode.
    """
    parts = text.split(":", 3)
    if not parts[0] or len(parts) > 3 or (len(parts) == 2 and valid_mode(parts[1])):
        raise InvalidBind(text)
    source, destination = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    mode = parts[2] if len(parts) == 3 else ""
    if not valid_mode(mode):
        raise InvalidBindMode(mode)
    words = mode.split(",")
    read_write = "ro" not in words
    propagation = next((word for word in words if word in PROPAGATIONS), "")
    kind = BIND if source.startswith("/") else VOLUME
    try:
        _check_target(kind, destination)
        if kind == VOLUME and propagation:
            raise InvalidMount(kind, "field BindOptions must not be specified")
        if kind == VOLUME and not source and not read_write:
            raise InvalidMount(kind, "must not set ReadOnly mode when using anonymous volumes")
        if kind == BIND and "nocopy" in words:
            raise InvalidMount(kind, "field VolumeOptions must not be specified")
    except InvalidMount as error:
        raise InvalidBind(text, str(error)) from error
    if kind == BIND:
        point = MountPoint(
            type=BIND,
            source=posixpath.normpath(source),
            destination=clean(destination),
            mode=mode,
            read_write=read_write,
            propagation=propagation or DEFAULT_PROPAGATION,
            options=[READ_ONLY_NON_RECURSIVE] if read_only_non_recursive and not read_write else [],
            create_source=True,
        )
        return WantedMount(point, says_propagation=bool(propagation))
    return WantedMount(_volume(destination, source, volume_driver, mode, read_write, no_copy="nocopy" in words))


def parse_mount(request: MountRequest, *, read_only_non_recursive: bool = False) -> WantedMount:
    """Read an entry of Mounts. Raises InvalidMount."""
    kind = request.type
    _check_target(kind, request.target)
    match kind:
        case "bind":
            point = _bind_of(request, read_only_non_recursive)
            return WantedMount(point, says_propagation=bool((request.bind_options or {}).get("Propagation")))
        case "volume":
            return _volume_of(request)
        case "tmpfs":
            return WantedMount(_tmpfs_of(request))
        case "image":
            return WantedMount(_image_of(request))
        case _:
            raise InvalidMount(kind, "mount type unknown")


class MountOptions(Protocol):
    """What check_options_fit looks at, of a mount as the client sent it or as the engine keeps it."""

    @property
    def type(self) -> str:
        """The type of the mount."""

    @property
    def bind_options(self) -> object:
        """Options of a type, None where none were given; so are the next two."""

    @property
    def volume_options(self) -> object:
        """See bind_options."""

    @property
    def tmpfs_options(self) -> object:
        """See bind_options."""


def check_options_fit(request: MountOptions) -> None:
    """Refuse volume, bind and tmpfs options on mounts of another type. Raises MisplacedMountOptions."""
    given = ((VOLUME, "VolumeOptions", request.volume_options), (BIND, "BindOptions", request.bind_options))
    for kind, name, options in (*given, (TMPFS, "TmpfsOptions", request.tmpfs_options)):
        if options is not None and request.type != kind:
            raise MisplacedMountOptions(name, request.type)


def parse_volumes_from(text: str) -> tuple[str, bool]:
    """Read an entry of VolumesFrom: the container's name, and whether it may be written. Raises InvalidVolumesFrom."""
    if not text:
        raise InvalidVolumesFrom(text, "volumes-from specification cannot be an empty string")
    container, _, mode = text.partition(":")
    words = mode.split(",")
    if not valid_mode(mode) or any(_MODE_KINDS.get(word) in ("propagation", "copy") for word in words):
        raise InvalidVolumesFrom(text, f"invalid mode: {mode}")
    return container, "ro" not in words


def check_tmpfs_path(path: str) -> None:
    """Refuse what cannot be a key of Tmpfs. Raises InvalidMountPath."""
    try:
        _check_target(TMPFS, path) if path else _check_absolute(TMPFS, path)
    except InvalidMount as error:
        raise InvalidMountPath(path, error.cause) from error


def valid_mode(mode: str) -> bool:
    """Whether a bind's options are all known and say each thing once."""
    if not mode:
        return True
    kinds = [_MODE_KINDS.get(word) for word in mode.split(",")]
    return None not in kinds and len(set(kinds)) == len(kinds)


def clean(path: str) -> str:
    """Return a path of the container in its shortest form, with one leading slash."""
    return "/" + posixpath.normpath("/" + path).lstrip("/")


def tmpfs_options(options: Mapping[str, Any], read_only: bool) -> list[str]:
    """Turn TmpfsOptions into mount options. Raises InvalidMount."""
    made = ["ro"] if read_only else []
    if mode := options.get("Mode"):
        made.append(f"mode={mode:o}")
    if size := options.get("SizeBytes"):
        made.append(f"size={_short_size(size)}")
    for option in options.get("Options") or ():
        if not 1 <= len(option) <= 2:
            raise InvalidMount(TMPFS, "invalid option array length")
        if option[0] not in ("exec", "noexec"):
            raise InvalidMount(TMPFS, f"invalid option: {option[0]}")
        made.append("=".join(option))
    return made


def _short_size(size: int) -> str:
    for shift, suffix in ((30, "g"), (20, "m"), (10, "k")):
        if size % (1 << shift) == 0:
            return f"{size >> shift}{suffix}"
    return str(size)


def _check_target(kind: str, target: str) -> None:
    if not target:
        raise InvalidMount(kind, "field Target must not be empty")
    if posixpath.normpath(target.replace("\\", "/")) in ("/", "//"):
        raise InvalidMount(kind, "invalid specification: destination can't be '/'")
    _check_absolute(kind, target)


def _check_absolute(kind: str, path: str) -> None:
    if not path.replace("\\", "/").startswith("/"):
        raise InvalidMount(kind, f"invalid mount path: '{path}' mount path must be absolute")


def _forbid(request: MountRequest, *names: str) -> None:
    given = {
        "BindOptions": request.bind_options,
        "VolumeOptions": request.volume_options,
        "ImageOptions": request.image_options,
    }
    for name in names:
        if given[name] is not None:
            raise InvalidMount(request.type, f"field {name} must not be specified")


def _require_source(request: MountRequest) -> None:
    if not request.source:
        raise InvalidMount(request.type, "field Source must not be empty")


def _bind_of(request: MountRequest, read_only_non_recursive: bool) -> MountPoint:
    _require_source(request)
    options: Mapping[str, Any] = request.bind_options or {}
    propagation = options.get("Propagation") or ""
    if propagation and propagation not in PROPAGATIONS:
        raise InvalidMount(BIND, f"invalid propagation mode: {propagation}")
    _forbid(request, "VolumeOptions", "ImageOptions")
    _check_absolute(BIND, request.source)
    words = [NON_RECURSIVE] if options.get("NonRecursive") else []
    if options.get("ReadOnlyNonRecursive") or (request.read_only and read_only_non_recursive):
        words.append(READ_ONLY_NON_RECURSIVE)
    if options.get("ReadOnlyForceRecursive"):
        words.append(READ_ONLY_FORCE_RECURSIVE)
    return MountPoint(
        type=BIND,
        source=posixpath.normpath(request.source),
        destination=clean(request.target),
        read_write=not request.read_only,
        propagation=propagation or DEFAULT_PROPAGATION,
        options=words,
        create_source=bool(options.get("CreateMountpoint")),
    )


def _volume_of(request: MountRequest) -> WantedMount:
    _forbid(request, "BindOptions", "ImageOptions")
    options: Mapping[str, Any] = request.volume_options or {}
    subpath = options.get("Subpath") or ""
    if subpath and not request.source:
        raise InvalidMount(VOLUME, "must not set Subpath when using anonymous volumes")
    _check_subpath(VOLUME, subpath)
    if request.read_only and not request.source:
        raise InvalidMount(VOLUME, "must not set ReadOnly mode when using anonymous volumes")
    driver: Mapping[str, Any] = options.get("DriverConfig") or {}
    point = _volume(
        request.target,
        request.source,
        driver.get("Name") or "",
        "",
        not request.read_only,
        no_copy=bool(options.get("NoCopy")),
        subpath=subpath,
    )
    return WantedMount(point, options.get("Labels"), driver.get("Options"))


def _volume(
    destination: str, name: str, driver: str, mode: str, read_write: bool, *, no_copy: bool, subpath: str = ""
) -> MountPoint:
    return MountPoint(
        type=VOLUME,
        source="",
        destination=clean(destination),
        mode=mode,
        read_write=read_write,
        name=name,
        driver=driver,
        anonymous=not name,
        no_copy=no_copy,
        subpath=subpath,
    )


def _tmpfs_of(request: MountRequest) -> MountPoint:
    _forbid(request, "BindOptions", "ImageOptions")
    if request.source:
        raise InvalidMount(TMPFS, "field Source must not be specified")
    options = tmpfs_options(request.tmpfs_options or {}, request.read_only)
    return MountPoint(
        type=TMPFS, source="", destination=clean(request.target), read_write=not request.read_only, options=options
    )


def _image_of(request: MountRequest) -> MountPoint:
    _forbid(request, "BindOptions", "VolumeOptions")
    _require_source(request)
    subpath = str((request.image_options or {}).get("Subpath") or "")
    _check_subpath(IMAGE, subpath)
    return MountPoint(
        type=IMAGE,
        source=request.source,
        destination=clean(request.target),
        read_write=False,
        propagation=DEFAULT_PROPAGATION,
        subpath=subpath,
    )


def _check_subpath(kind: str, subpath: str) -> None:
    if subpath and (subpath.startswith("/") or posixpath.normpath(subpath).split("/")[0] == ".."):
        raise InvalidMount(kind, "subpath must be a relative path within the volume")
