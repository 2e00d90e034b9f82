"""An image as the engine's callers see it."""

from __future__ import annotations

from typing import Any

from engine.containers.config import ContainerConfig
from engine.lean_dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Image:
    """One image: its identity, its names and what a container takes from it."""

    id: str  # hex, without sha256:
    names: list[str]  # in full, tags and digests alike
    layer: str | None
    config: ContainerConfig
    document: dict[str, Any]  # the whole configuration
    parent: str = ""  # the id of the image that it was made on here

    @property
    def digest(self) -> str:
        """The id with its algorithm."""
        return "sha256:" + self.id

    @property
    def created(self) -> str:
        """When the image was made, as its configuration spells it."""
        return str(self.document.get("created") or "")


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """One line of a list of images; sizes are bytes, -1 for not counted."""

    id: str  # sha256:...
    repo_tags: list[str]
    repo_digests: list[str]
    parent: str
    created: int  # seconds since 1970
    size: int
    shared_size: int
    containers: int
    labels: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class ImageDetails:
    """Everything that there is to say about an image; times are RFC 3339 text."""

    id: str  # sha256:...
    repo_tags: list[str]
    repo_digests: list[str]
    parent: str
    comment: str
    created: str
    docker_version: str
    author: str
    architecture: str
    variant: str
    os: str
    os_version: str
    size: int
    graph_driver: str
    graph: dict[str, str]  # LowerDir (where there is one), MergedDir, UpperDir, WorkDir
    rootfs_type: str
    diff_ids: list[str]
    last_tag_time: str
    config: ContainerConfig
    container: str  # that the image was made from, where its maker says so
    container_config: ContainerConfig
    raw_config: dict[str, Any] = field(default_factory=dict)  # the configuration's own "config" object


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step of an image's making, the newest first in a list."""

    id: str  # sha256:..., or "<missing>"
    created: int  # seconds since 1970
    created_by: str
    tags: list[str] | None
    size: int
    comment: str


@dataclass(frozen=True, slots=True)
class Removed:
    """One thing that a removal did: a name taken away, or an image or layer deleted."""

    untagged: str = ""
    deleted: str = ""
