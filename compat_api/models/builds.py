"""What the build endpoints answer."""

from __future__ import annotations

from compat_api.models.go import DockerModel


class CachePrunedAnswer(DockerModel):
    """What was removed from the build cache."""

    caches_deleted: list[str] | None
    space_reclaimed: int
