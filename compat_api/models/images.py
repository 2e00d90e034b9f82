"""What the image endpoints answer."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from compat_api.models.containers import Healthcheck
from compat_api.models.go import DockerModel, Set, Texts


class ImageSummaryAnswer(DockerModel):
    """An image in the list."""

    containers: int
    created: int
    id: str = Field(alias="Id")
    labels: dict[str, str] | None
    parent_id: str = Field(alias="ParentId")
    repo_digests: list[str] | None
    repo_tags: list[str] | None
    shared_size: int
    size: int
    virtual_size: int | None = None


class GraphDriver(DockerModel):
    """Where the layers lie."""

    data: dict[str, str] | None
    name: str


class RootFs(DockerModel):
    """The layers' digests."""

    type: str
    layers: list[str] | None = None


class Metadata(DockerModel):
    """What this machine knows of an image."""

    last_tag_time: str


class ImageConfig(DockerModel):
    """What a container of the image has where its client says nothing else."""

    user: str
    exposed_ports: Set | None = None
    env: list[str] | None
    cmd: list[str] | None
    healthcheck: Healthcheck | None = None
    args_escaped: bool | None = None
    volumes: Set | None
    working_dir: str
    entrypoint: list[str] | None
    on_build: list[str] | None
    labels: dict[str, str] | None
    stop_signal: str | None = None
    shell: list[str] | None = None


class ImageInspectAnswer(DockerModel):
    """Everything about an image."""

    id: str = Field(alias="Id")
    repo_tags: list[str]
    repo_digests: list[str]
    parent: str
    comment: str
    created: str | None = None
    container_config: dict[str, Any] | None = None
    docker_version: str
    author: str
    architecture: str
    variant: str | None = None
    os: str
    os_version: str | None = None
    size: int
    virtual_size: int | None = None
    graph_driver: GraphDriver
    root_fs: RootFs = Field(alias="RootFS")
    metadata: Metadata
    config: ImageConfig


class HistoryAnswer(DockerModel):
    """A step of an image's making."""

    comment: str
    created: int
    created_by: str
    id: str = Field(alias="Id")
    size: int
    tags: list[str] | None


class RemovedAnswer(DockerModel):
    """One thing that a removal did."""

    untagged: str | None = None
    deleted: str | None = None


class PrunedAnswer(DockerModel):
    """What a prune removed."""

    images_deleted: list[RemovedAnswer] | None
    space_reclaimed: int


class ProgressDetail(DockerModel):
    """How far something is."""

    current: int = Field(alias="current")
    total: int = Field(alias="total")


class ErrorDetail(DockerModel):
    """What went wrong."""

    message: str = Field(alias="message")


class ProgressAnswer(DockerModel):
    """A line of a stream that tells of progress."""

    status: str | None = Field(default=None, alias="status")
    stream: str | None = Field(default=None, alias="stream")
    id: str | None = Field(default=None, alias="id")
    progress: str | None = Field(default=None, alias="progress")
    progress_detail: ProgressDetail | None = Field(default=None, alias="progressDetail")
    error: str | None = Field(default=None, alias="error")
    error_detail: ErrorDetail | None = Field(default=None, alias="errorDetail")


class PlatformObject(DockerModel):
    """An OCI platform."""

    go_type: ClassVar[str] = "v1.Platform"
    architecture: str = Field(default="", alias="architecture")
    os: str = Field(default="", alias="os")
    os_version: str = Field(default="", alias="os.version")
    os_features: Texts | None = Field(default=None, alias="os.features")
    variant: str = Field(default="", alias="variant")


class FoundAnswer(DockerModel):
    """A repository that a search found."""

    star_count: int = Field(alias="star_count")
    is_official: bool = Field(alias="is_official")
    name: str = Field(alias="name")
    is_automated: bool = Field(alias="is_automated")
    description: str = Field(alias="description")


class DescriptorAnswer(DockerModel):
    """A manifest in a registry."""

    media_type: str = Field(alias="mediaType")
    digest: str = Field(alias="digest")
    size: int = Field(alias="size")


class DistributionAnswer(DockerModel):
    """What a name stands for in its registry."""

    descriptor: DescriptorAnswer = Field(alias="Descriptor")
    platforms: list[PlatformObject] | None = Field(alias="Platforms")
