"""The engine's settings that a server's command line and its limits ask for."""

from __future__ import annotations

from pathlib import Path

from engine.settings import DEFAULT_ROOT, DEFAULT_RUN_ROOT, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compat_api.options import Options


MOST_OPEN_FILES = 1 << 20


def raise_open_files() -> tuple[int, int] | None:
    """Let this process open as many files as it may; returns the limits that it had, None where they are as before.

    A connection is a descriptor or two, and the usual soft limit of 1024 is meant for programs that call select().
    """
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(before[1], MOST_OPEN_FILES) if before[1] != resource.RLIM_INFINITY else MOST_OPEN_FILES
    if before[0] == resource.RLIM_INFINITY or before[0] >= wanted:
        return None
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, before[1]))
    except (OSError, ValueError):  # the kernel or a container's rules have a limit of their own
        return None
    return before


def settings_of(options: Options, open_files: tuple[int, int] | None = None) -> Settings:
    """Return them; open_files: the limits that containers get, where this process has raised its own."""
    return Settings(
        root=Path(options.root).absolute() if options.root else DEFAULT_ROOT,
        run_root=Path(options.run_root).absolute() if options.run_root else DEFAULT_RUN_ROOT,
        default_runtime=options.runtime,
        open_files=open_files,
    )
