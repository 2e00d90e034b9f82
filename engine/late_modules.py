"""Running modules of the standard library only when somebody touches them.

asyncio, dataclasses, logging and pathlib import for the rarest of their calls what takes a fifth of a cold start: an
assembler's tables, TLS, compression. A late module is there, with everything but its contents; the first look
at any attribute runs it, in place. For processes that somebody waits for; their main modules call install().

Python 3.15 can import lazily by itself, but neither within `try` nor by `*`, which is how asyncio and shutil import
the costliest of these.
"""

from __future__ import annotations

import sys
from _thread import RLock
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from typing import Any

# None of these is touched while the modules that import it are run, nor imports one that is being run then.
# asyncio.graph draws who waits for whom; what asyncio has of it under its own name is missing.
LATE = frozenset(
    (
        "asyncio.graph", "asyncio.sslproto", "base64", "bz2", "calendar", "compression.zstd", "copy", "gzip", "hashlib",
        "inspect", "ipaddress", "linecache", "locale", "lzma", "ntpath", "ssl", "textwrap",
    )
)  # fmt: skip

if sys.version_info >= (3, 14):  # traceback colours what it shows by dataclasses, which take inspect and ast to make
    LATE |= {"_colorize", "annotationlib"}

_waiting: dict[str, _Run] = {}  # modules that nobody has touched, or that are being run


def install() -> None:
    """Have the modules above run late, where nobody has imported them yet."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def have_all(*modules: ModuleType) -> None:
    """Have everything be there that these modules import lazily, on Python 3.15: for threads that find no files."""
    for module in modules:
        for name in list(vars(module)):
            getattr(module, name)


class _Late(ModuleType):
    """A module that has not been run."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("__") and (run := _waiting.get(ModuleType.__getattribute__(self, "__name__"))):
            run.finish(self)
        return ModuleType.__getattribute__(self, name)


class _Run:
    """How a late module is run: once, by the first thread that touches it, while others wait for their attribute."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._lock = RLock()
        self._begun = False

    def finish(self, module: ModuleType) -> None:
        """Return when the module has been run; at once where it is this thread that runs it."""
        with self._lock:
            if self._begun:
                return
            self._begun = True
            try:
                self._loader.exec_module(module)
            except BaseException:
                self._begun = False  # the next one who touches it gets the error
                raise
            module.__class__ = ModuleType
            _waiting.pop(module.__name__, None)


class _Finder:
    """Finds the late modules where Python would; they are run by _Run."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return a late module's spec; None for all others, which are left to the finders behind this one."""
        if name not in LATE:
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(name, path, target)) is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader)  # type: ignore[assignment]  # it is all that one has to be
                return spec
        return None


class _Loader:
    """Makes a module that is run when it is touched."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module, empty."""
        return _Late(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Put the running off."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        module.__all__ = ()  # type: ignore[attr-defined]  # who imports * takes nothing
        _waiting[module.__name__] = _Run(self._loader)


_FINDER = _Finder()
