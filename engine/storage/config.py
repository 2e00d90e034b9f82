"""Where the image store lies: what containers/storage's configuration says, so that podman and we share one.

Read like containers/storage does: $CONTAINERS_STORAGE_CONF, else /etc/containers/storage.conf, else
/usr/share/containers/storage.conf; of these keys graphroot and runroot of the table [storage]. An engine
with a root of its own keeps its store below that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import Unavailable
from engine.settings import DEFAULT_ROOT, Settings

DEFAULT_GRAPH_ROOT = Path("/var/lib/containers/storage")
DEFAULT_STORE_RUN_ROOT = Path("/run/containers/storage")
FILES = (Path("/etc/containers/storage.conf"), Path("/usr/share/containers/storage.conf"))


class BadStorageConfiguration(Unavailable):
    """storage.conf cannot be read, or wants a driver that this engine does not have."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"cannot use {path}: {cause}")
        self.path = path
        self.cause = cause


def storage_roots(settings: Settings, environment: Mapping[str, str] = os.environ) -> tuple[Path, Path]:
    """Return the store's graph root and run root for an engine. Raises BadStorageConfiguration."""
    graph_root, run_root = settings.graph_root, settings.storage_run_root
    if graph_root is None and settings.root != DEFAULT_ROOT:
        graph_root = settings.root / "storage"
    if graph_root is not None:
        return graph_root, run_root or settings.run_root / "storage"
    configured = configured_roots(environment)
    return configured[0], run_root or configured[1]


def configured_roots(environment: Mapping[str, str]) -> tuple[Path, Path]:
    """Return what storage.conf says, or the places that podman uses without one."""
    named = environment.get("CONTAINERS_STORAGE_CONF")
    for path in (Path(named),) if named else FILES:
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            continue
        return _roots(path, text)
    return DEFAULT_GRAPH_ROOT, DEFAULT_STORE_RUN_ROOT


def _roots(path: Path, text: bytes) -> tuple[Path, Path]:
    import tomllib  # only where there is a file to read

    try:
        table: dict[str, Any] = tomllib.loads(text.decode()).get("storage", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadStorageConfiguration(path, str(error)) from error
    driver = table.get("driver", "overlay")
    if driver not in ("", "overlay", "overlay2"):
        raise BadStorageConfiguration(path, f"the storage driver {driver} is not supported: only overlay is")
    return (
        Path(table.get("graphroot") or DEFAULT_GRAPH_ROOT),
        Path(table.get("runroot") or DEFAULT_STORE_RUN_ROOT),
    )
