"""Where one engine keeps what, and which tools it uses.

An engine is its two folders: `root` holds all that persists, `run_root` all that a reboot takes away.
Two engines with other folders share nothing. Read from the command line and the environment at the
edge (compat_api, engine.monitor_exit) and handed in.
"""

from __future__ import annotations

from pathlib import Path

from engine.lean_dataclasses import dataclass

DEFAULT_ROOT = Path("/var/lib/skiff")
DEFAULT_RUN_ROOT = Path("/run/skiff")


@dataclass(frozen=True, slots=True)
class Settings:
    """The folders and defaults of one engine."""

    root: Path = DEFAULT_ROOT
    run_root: Path = DEFAULT_RUN_ROOT
    graph_root: Path | None = None  # containers/storage; None: storage.conf's with the default root, else under root
    storage_run_root: Path | None = None
    default_runtime: str | None = None  # a runtime's name or path; None: crun, else runc, whichever is there
    # The soft and hard limit of open files that containers get, where this process has raised its own; None: its own.
    open_files: tuple[int, int] | None = None

    @property
    def database(self) -> Path:
        """The state database."""
        return self.root / "state.db"

    @property
    def containers(self) -> Path:
        """A folder per container for what persists: log, hosts, resolv.conf, hostname."""
        return self.root / "containers"

    @property
    def volumes(self) -> Path:
        """A folder per local volume."""
        return self.root / "volumes"

    @property
    def locks(self) -> Path:
        """Lock files, a file per locked object."""
        return self.run_root / "locks"

    @property
    def run_containers(self) -> Path:
        """A folder per container for what a reboot takes away: bundle, pid files, sockets, exit codes."""
        return self.run_root / "containers"

    @property
    def network_namespaces(self) -> Path:
        """A bind-mounted network namespace per container that has one of its own."""
        return self.run_root / "netns"
