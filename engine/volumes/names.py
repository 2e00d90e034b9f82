"""Names and drivers of volumes: what they may be, and dockerd's words about those that may not. Pure."""

from __future__ import annotations

import os
import re
from pathlib import Path

from engine.errors import Conflict, EngineError, InvalidParameter, NotFound
from engine.go_text import go_quote

LOCAL = "local"
ANONYMOUS_LABEL = "com.docker.volume.anonymous"

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_CHARACTERS = "[a-zA-Z0-9][a-zA-Z0-9_.-]"


class InvalidVolumeName(InvalidParameter):
    """A name that no volume can have."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"create {name}: {cause}")
        self.name = name
        self.cause = cause


class NoSuchVolumeDriver(NotFound):
    """A volume driver other than local."""

    def __init__(self, name: str, driver: str) -> None:
        super().__init__(f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found')
        self.name = name
        self.driver = driver


class VolumeFolderFailed(EngineError):
    """The folder of a new volume could not be made."""

    def __init__(self, name: str, path: Path, error: OSError) -> None:
        cause = (error.strerror or str(error)).lower()
        super().__init__(f"create {name}: error while creating volume root path '{path}': mkdir {path}: {cause}")
        self.name = name
        self.path = path


class VolumeInUse(Conflict):
    """A volume that containers have."""

    def __init__(self, name: str, users: list[str]) -> None:
        super().__init__(f"remove {name}: volume is in use - [{', '.join(users)}]")
        self.name = name
        self.users = users


def new_name() -> str:
    """Return a name for an anonymous volume: 64 hexadecimal digits."""
    return os.urandom(32).hex()


def check_name(name: str) -> None:
    """Raise InvalidVolumeName for what cannot be a volume's name."""
    if len(name.encode()) == 1:
        raise InvalidVolumeName(name, "volume name is too short, names should be at least two alphanumeric characters")
    if not _NAME.fullmatch(name):
        raise InvalidVolumeName(
            name,
            f'{go_quote(name)} includes invalid characters for a local volume name, only "{_CHARACTERS}" are allowed. '
            "If you intended to pass a host directory, use absolute path",
        )


def check_driver(name: str, driver: str) -> None:
    """Raise NoSuchVolumeDriver for a driver that is neither local nor left out."""
    if driver not in ("", LOCAL):
        raise NoSuchVolumeDriver(name, driver)
