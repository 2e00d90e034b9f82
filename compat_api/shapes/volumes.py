"""Volumes as Docker's JSON. Pure."""

from __future__ import annotations

from typing import Any

from compat_api.shapes.times import rfc3339_nano
from engine.volumes import Volume

SECOND = 1_000_000_000


def volume(found: Volume) -> dict[str, Any]:
    """Return a volume as inspect and the list show it."""
    return {
        "CreatedAt": rfc3339_nano(found.created // SECOND * SECOND),
        "Driver": found.driver,
        "Labels": _sorted(found.definition.labels),
        "Mountpoint": str(found.path),
        "Name": found.name,
        "Options": _sorted(found.definition.options),
        "Scope": "local",
    }


def _sorted(given: dict[str, str] | None) -> dict[str, str] | None:
    return None if given is None else dict(sorted(given.items()))
