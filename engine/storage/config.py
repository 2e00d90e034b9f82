"""Where the image store lies: what containers/storage's configuration says, so that podman and we share one.

Read like containers/storage does: $CONTAINERS_STORAGE_CONF, else /etc/containers/storage.conf, else
/usr/share/containers/storage.conf. Honoured are graphroot, runroot, additionalimagestores and mountopt; what changes
how a store is laid out and is not done here is refused in words, never passed over. An engine with a root of its own
keeps its store below that and reads nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.errors import Unavailable
from engine.lean_dataclasses import dataclass
from engine.settings import DEFAULT_ROOT, Settings

DEFAULT_GRAPH_ROOT = Path("/var/lib/containers/storage")
DEFAULT_STORE_RUN_ROOT = Path("/run/containers/storage")
FILES = (Path("/etc/containers/storage.conf"), Path("/usr/share/containers/storage.conf"))

# Keys that would make another store of it, with why they are not done here.
REFUSED = {
    "imagestore": "images and containers have one store here: name it graphroot, or read it by additionalimagestores",
    "transient_store": "containers are always kept",
    "mount_program": "the kernel's own overlayfs is used",
    "size": "layers have no quota here",
    "inodes": "layers have no quota here",
    "force_mask": "files keep the modes that their image gives them",
    "ignore_chown_errors": "files keep the owners that their image gives them",
    "use_composefs": "layers are plain folders here",
    "remap-uids": "layers belong to the ids that their image gives them",
    "remap-gids": "layers belong to the ids that their image gives them",
    "remap-user": "layers belong to the ids that their image gives them",
    "remap-group": "layers belong to the ids that their image gives them",
}
# Overlayfs's ways of leaving content in the layers below. Diffs and commits read a container's own layer alone.
_NOT_TAKEN = ("metacopy=", "redirect_dir=", "index=")


class BadStorageConfiguration(Unavailable):
    """storage.conf cannot be read, or wants what this engine does not have."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"cannot use {path}: {cause}")
        self.path = path
        self.cause = cause


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Where a store lies and how its layers are mounted."""

    graph_root: Path = DEFAULT_GRAPH_ROOT
    run_root: Path = DEFAULT_STORE_RUN_ROOT
    additional: tuple[Path, ...] = ()  # graph roots of read-only stores whose images count, too
    mount_options: tuple[str, ...] = ()  # of the root file systems of containers


def store_options(settings: Settings, environment: Mapping[str, str] = os.environ) -> StoreOptions:
    """Return an engine's store. Raises BadStorageConfiguration."""
    graph_root, run_root = settings.graph_root, settings.storage_run_root
    if graph_root is None and settings.root != DEFAULT_ROOT:
        graph_root = settings.root / "storage"
    if graph_root is not None:
        return StoreOptions(graph_root, run_root or settings.run_root / "storage")
    found = configured(environment)
    return StoreOptions(found.graph_root, run_root or found.run_root, found.additional, found.mount_options)


def configured(environment: Mapping[str, str]) -> StoreOptions:
    """Return what storage.conf says, or what podman does without one. Raises BadStorageConfiguration."""
    named = environment.get("CONTAINERS_STORAGE_CONF")
    for path in (Path(named),) if named else FILES:
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            continue
        return parse(path, text)
    return StoreOptions()


def parse(path: Path, text: bytes) -> StoreOptions:
    """Return what a storage.conf says. Raises BadStorageConfiguration. Pure."""
    import tomllib  # only where there is a file to read

    try:
        storage = _table(path, tomllib.loads(text.decode()), "storage")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadStorageConfiguration(path, str(error)) from error
    driver = storage.get("driver", "overlay")
    if driver not in ("", "overlay", "overlay2"):
        raise BadStorageConfiguration(path, f"the storage driver {driver} is not supported: only overlay is")
    options = _table(path, storage, "options")
    overlay = _table(path, options, "overlay")
    for key, value in ((key, value) for table in (storage, options, overlay) for key, value in table.items()):
        if key in REFUSED and value not in ("", False, "false", [], None):
            raise BadStorageConfiguration(path, f"the option {key} is not supported: {REFUSED[key]}")
    additional = options.get("additionalimagestores") or []
    if not isinstance(additional, list) or not all(isinstance(each, str) and each[:1] == "/" for each in additional):
        raise BadStorageConfiguration(path, "additionalimagestores must be a list of absolute paths")
    return StoreOptions(
        _root(path, storage, "graphroot", DEFAULT_GRAPH_ROOT),
        _root(path, storage, "runroot", DEFAULT_STORE_RUN_ROOT),
        tuple(Path(each) for each in additional),
        tuple(_mount_options(str(overlay.get("mountopt") or options.get("mountopt") or ""))),
    )


def _table(path: Path, outer: dict[str, Any], key: str) -> dict[str, Any]:
    found = outer.get(key, {})
    if not isinstance(found, dict):
        raise BadStorageConfiguration(path, f"{key} must be a table")
    return found


def _root(path: Path, storage: dict[str, Any], key: str, default: Path) -> Path:
    value = storage.get(key) or ""
    if not isinstance(value, str) or (value and not value.startswith("/")):
        raise BadStorageConfiguration(
            path, f"{key} must be an absolute path: the stores of users without root are not supported"
        )
    return Path(value) if value else default


def _mount_options(text: str) -> Iterator[str]:
    for option in text.split(","):
        if option.strip() and not option.strip().startswith(_NOT_TAKEN):
            yield option.strip()
