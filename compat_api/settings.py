"""The engine's settings that a server's command line asks for."""

from __future__ import annotations

from pathlib import Path

from engine.settings import DEFAULT_ROOT, DEFAULT_RUN_ROOT, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compat_api.options import Options


def settings_of(options: Options) -> Settings:
    """Return them."""
    return Settings(
        root=Path(options.root).absolute() if options.root else DEFAULT_ROOT,
        run_root=Path(options.run_root).absolute() if options.run_root else DEFAULT_RUN_ROOT,
        default_runtime=options.runtime,
    )
