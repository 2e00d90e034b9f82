"""The bodies that the volume endpoints take and give."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from compat_api.models.go import DockerModel, Go, TextMap


class VolumeCreateBody(DockerModel):
    """What volume to make."""

    go_type: ClassVar[str] = "volume.CreateOptions"
    name: str = ""
    driver: str = ""
    driver_opts: TextMap | None = None
    labels: TextMap | None = None
    cluster_volume_spec: Annotated[dict[str, Any], Go("volume.ClusterVolumeSpec")] | None = None  # of swarms alone


class UsageData(DockerModel):
    """How much room a volume takes and how many containers have it; in the answer about room on disk."""

    ref_count: int
    size: int


class VolumeAnswer(DockerModel):
    """A volume."""

    created_at: str
    driver: str
    labels: dict[str, str] | None
    mountpoint: str
    name: str
    options: dict[str, str] | None
    scope: str
    usage_data: UsageData | None = None


class VolumesPruned(DockerModel):
    """The names of the volumes that were removed, and the bytes that were in them."""

    volumes_deleted: list[str]
    space_reclaimed: int


class VolumeListAnswer(DockerModel):
    """All volumes that were asked for."""

    volumes: list[VolumeAnswer]
    warnings: list[str] | None
