"""Mounts of images: the image's files, read-only, at a place in a container.

Each is a container of the store's own, whose layer nobody writes to, so that every engine that shares the store sees
the image used while the mount's container exists. Its id follows from the container's and the place, and a second
creation or removal finds what a killed one left. MountPoint.layer names it; a container that has the mount by
VolumesFrom mounts it too, but only the first owner removes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.containers.mount_syntax import IMAGE
from engine.errors import NoSuchContainer
from engine.lean_dataclasses import replace

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.config import HostConfig, MountPoint
    from engine.containers.record import Container

WARNING = "Image mount is an experimental feature"


def find_images(engine: Engine, host: HostConfig) -> dict[str, str]:
    """Return the ids of the images that a container is to mount, by the names given. Raises as images.resolve does."""
    sources = {request.source for request in host.mounts or () if request.type == IMAGE}
    return {source: engine.images.resolve(source).id for source in sources}


def owned(container_id: str, points: Sequence[MountPoint], images: Mapping[str, str]) -> list[MountPoint]:
    """Return a new container's mounts with the ids of their images and of what will hold them."""
    return [
        replace(point, name=point.source, image_id=images[point.source], layer=_layer(container_id, point.destination))
        if point.type == IMAGE and not point.layer
        else point
        for point in points
    ]


def make(engine: Engine, container: Container) -> Container:
    """Make what holds the images, and return the container with where they will be mounted. Raises NoSuchImage."""
    points = []
    for point in container.definition.mounts:
        if point.type == IMAGE and _is_own(container, point):
            engine.store.create_container(point.layer, point.image_id, f"{container.name}-{point.layer[:12]}")
            point = replace(point, source=engine.store.graph(point.layer)["MergedDir"])
        points.append(point)
    return replace(container, definition=replace(container.definition, mounts=points))


def mount(engine: Engine, points: Sequence[MountPoint]) -> None:
    """Mount the images that a container needs. Raises NoSuchContainer when the mount's first owner is gone, OSError."""
    for point in points:
        if point.type == IMAGE:
            engine.store.mount(point.layer)


def unmount(engine: Engine, container: Container) -> None:
    """Unmount a container's own images; what is mounted inside a running one stays there. Can be repeated."""
    for point in _own(container):
        try:
            engine.store.unmount(point.layer)
        except NoSuchContainer:
            pass


def remove(engine: Engine, container: Container) -> None:
    """Remove what holds a container's own images. Can be repeated."""
    for point in _own(container):
        engine.store.delete_container(point.layer)


def _own(container: Container) -> Iterator[MountPoint]:
    return (point for point in container.definition.mounts if point.type == IMAGE and _is_own(container, point))


def _is_own(container: Container, point: MountPoint) -> bool:
    return point.layer == _layer(container.id, point.destination)


def _layer(container_id: str, destination: str) -> str:
    return hashlib.sha256(f"{container_id}:{destination}".encode()).hexdigest()
