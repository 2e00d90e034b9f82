"""Which containers/storage an engine uses.

The default engine uses the one that storage.conf names, so that podman and Skiff share their images; an engine with
a root of its own keeps its images below that root.
"""

from __future__ import annotations

from pathlib import Path

from engine.settings import DEFAULT_ROOT, Settings

CONFIGURATIONS = (Path("/etc/containers/storage.conf"), Path("/usr/share/containers/storage.conf"))
GRAPH_ROOT = Path("/var/lib/containers/storage")  # containers/storage's own defaults
RUN_ROOT = Path("/run/containers/storage")


def storage_roots(settings: Settings, configurations: tuple[Path, ...] = CONFIGURATIONS) -> tuple[Path, Path]:
    """Return the graph root and the run root that an engine with these settings uses. Raises ValueError, OSError."""
    if settings.graph_root is not None:
        return settings.graph_root, settings.storage_run_root or settings.run_root / "storage"
    if settings.root != DEFAULT_ROOT:
        return settings.root / "storage", settings.storage_run_root or settings.run_root / "storage"
    for path in configurations:
        if path.exists():
            return _configured(path.read_text())
    return GRAPH_ROOT, RUN_ROOT


def _configured(text: str) -> tuple[Path, Path]:
    """Return the roots that a storage.conf names. Raises ValueError when it asks for a driver other than overlay."""
    import tomllib

    storage = tomllib.loads(text).get("storage", {})
    driver = storage.get("driver") or "overlay"
    if driver != "overlay":
        raise ValueError(f"cannot use storage.conf: its driver is {driver}, not overlay")
    return Path(storage.get("graphroot") or GRAPH_ROOT), Path(storage.get("runroot") or RUN_ROOT)
