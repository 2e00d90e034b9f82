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
        "Labels": dict(sorted(found.definition.labels.items())) or None,
        "Mountpoint": str(found.path),
        "Name": found.name,
        "Options": dict(sorted(found.definition.options.items())) or None,
        "Scope": "local",
    }
