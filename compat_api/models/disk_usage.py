"""What the endpoint about room on disk answers."""

from __future__ import annotations

from compat_api.models.container_answers import ContainerSummary
from compat_api.models.go import DockerModel
from compat_api.models.images import ImageSummaryAnswer
from compat_api.models.volumes import VolumeAnswer


class BuildCacheRecord(DockerModel):
    """What a build left for the next one."""

    id: str
    parents: list[str] | None = None
    type: str
    description: str
    in_use: bool
    shared: bool
    size: int
    created_at: str
    last_used_at: str | None = None
    usage_count: int


class DiskUsageAnswer(DockerModel):
    """What takes room on disk."""

    layers_size: int
    images: list[ImageSummaryAnswer] | None
    containers: list[ContainerSummary] | None
    volumes: list[VolumeAnswer] | None
    build_cache: list[BuildCacheRecord] | None
    builder_size: int | None = None
