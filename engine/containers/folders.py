"""Where a container's files lie: the paths below Settings, and what each is.

Persisting (Settings.containers/<id>): log, hosts, hostname, resolv.conf. Gone with a reboot
(Settings.run_containers/<id>, the OCI bundle): what engine.runtime.monitor names, `attachers/` (one locked file
for each client that waits for the container to start) and `exec/<id>/` for each exec session.
"""

from __future__ import annotations

from pathlib import Path

from engine.settings import Settings


def persistent(settings: Settings, container_id: str) -> Path:
    """Return the folder of what persists."""
    return settings.containers / container_id


def run(settings: Settings, container_id: str) -> Path:
    """Return the run folder."""
    return settings.run_containers / container_id


def log_file(settings: Settings, container_id: str) -> Path:
    """Return the file that the monitor logs to."""
    return persistent(settings, container_id) / "container.log"


def attachers(settings: Settings, container_id: str) -> Path:
    """Return the folder in which waiting attachers register."""
    return run(settings, container_id) / "attachers"


def exec_session(settings: Settings, container_id: str, exec_id: str) -> Path:
    """Return an exec session's run folder."""
    return run(settings, container_id) / "exec" / exec_id


def lock_name(container_id: str) -> str:
    """Return the name of a container's lock (engine.locks)."""
    return f"container/{container_id}"
