"""Making an image of what a container has written, on top of the image that it was made from.

The new layer is an archive of the container's own layer as it lies, without what the engine put there itself; the
layers below are shared. Nothing is mounted, and a running container goes on once the archive is made.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from engine.build import changes as instructions
from engine.containers import rows
from engine.containers.changes import MOUNT_POINTS, compare
from engine.containers.config import ContainerConfig
from engine.containers.merge import merge
from engine.containers.record import DEAD, REMOVING, RUNNING, Container
from engine.errors import Conflict, EngineError
from engine.images.configuration import config_document, encode
from engine.images.manifest import manifest_for
from engine.images.platform_text import own_platform
from engine.images.reference import Reference, parse_target
from engine.images.resolve import to_image
from engine.images.tag import check_name, event
from engine.lean_dataclasses import dataclass, field, replace
from engine.storage.merged import Merged
from engine.storage.pack import Leave, pack_layer
from engine.storage.times import text_of
from engine.version import DOCKER_VERSION

if TYPE_CHECKING:
    from engine import Engine
    from engine.images.record import Image

EMPTY_ARCHIVE = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"  # two blocks of zeros


class CommitOfRemoved(Conflict):
    """The container is being removed, or could not be."""

    def __init__(self, container_id: str, status: str) -> None:
        super().__init__(f"container {container_id} is {status} and cannot be made an image")
        self.container_id = container_id
        self.status = status


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """What a client asks for; config replaces the container's own, changes are Dockerfile instructions for it.

    labels: what the image has in any case. may_name: called with its name before it is given it.
    """

    container: str
    repository: str = ""
    tag: str = ""
    comment: str = ""
    author: str = ""
    pause: bool = True
    config: ContainerConfig | None = None
    changes: list[str] = field(default_factory=list)
    labels: Mapping[str, str] = field(default_factory=dict)
    may_name: Callable[[str], None] | None = None


class _Stream:
    """An archive in pieces, as something to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes, b"" at the end."""
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        piece, self._rest = self._rest[:n], self._rest[n:]
        return bytes(piece)


def commit(engine: Engine, request: CommitRequest) -> str:
    """Make an image of a container, name it if there is a name; returns sha256:<id>.

    Raises InvalidReference, NoSuchContainer, CommitOfRemoved, InvalidChange, NoSuchImage (the container's image has
    been removed) and OSError; no layer is left behind then.
    """
    name = parse_target(request.repository, request.tag)
    if name is not None:
        check_name(name)
    container = rows.find(engine.database, request.container)
    if container.state.status in (DEAD, REMOVING):
        raise CommitOfRemoved(container.id, container.state.status)
    with _paused(engine, container, wanted=request.pause):
        config = instructions.apply(request.config or container.config, request.changes)
        config = merge(config, container.config)
        if request.labels:
            config = replace(config, labels={**(config.labels or {}), **request.labels})
        image = _make(engine, container, config, request, name)
        event(engine, image, "create")
        if name is not None:
            event(engine, image, "tag", name.familiar)
        with engine.database.transaction() as tx:
            rows.event(
                tx,
                container,
                "commit",
                comment=request.comment,
                imageID=image.digest,
                imageRef=name.familiar if name is not None else "",
            )
    return image.digest


def _make(
    engine: Engine, container: Container, config: ContainerConfig, request: CommitRequest, name: Reference | None
) -> Image:
    store = engine.store
    parent = to_image(engine, store.image(container.image_id))
    labelled = replace(container.config, labels=container.config.labels or {})
    with store.staging() as stage:
        staged = store.extract_layer(container_archive(engine, container), stage / "layer")
        made = [] if staged.diff_id == EMPTY_ARCHIVE else [staged]
        created = text_of(time.time_ns())
        document = encode(
            committed_document(
                parent.document,
                config,
                labelled,
                container.id,
                [each.diff_id for each in made],
                created,
                comment=request.comment,
                author=request.author,
            )
        )
        layer = store.record_layers(stage, parent.layer, made)
        below = [(each.diff_id, each.archive_size) for each in store.layer_chain(parent.layer)]
        manifest = manifest_for(document, [*below, *((each.diff_id, each.archive_size) for each in made)])
        names = [name.full] if name is not None else []
        if name is not None and request.may_name is not None:
            request.may_name(name.full)
        stored = store.add_image(
            document, manifest, layer, names, created, tagged=bool(names), parent=container.image_id
        )
        return to_image(engine, stored)


def committed_document(
    parent: dict[str, Any],
    config: ContainerConfig,
    container_config: ContainerConfig,
    container_id: str,
    new_layers: list[str],
    created: str,
    *,
    comment: str,
    author: str,
) -> dict[str, Any]:
    """Return the configuration of an image made of a container, its keys in dockerd's order. Pure.

    parent is the configuration below; new_layers are diff ids, none when the container wrote nothing.
    """
    step: dict[str, Any] = {"created": created}
    for key, value in (
        ("created_by", " ".join(container_config.cmd or [])),
        ("author", author),
        ("comment", comment),
        ("empty_layer", not new_layers),
    ):
        if value:
            step[key] = value
    layers = [*((parent.get("rootfs") or {}).get("diff_ids") or []), *new_layers]
    document: dict[str, Any] = {
        "architecture": parent.get("architecture") or own_platform()[1],
        "config": config_document(config),
        **({"container": container_id} if container_id else {}),
        "container_config": config_document(container_config),
        "created": created,
        "docker_version": DOCKER_VERSION,
        "history": [*(parent.get("history") or []), step],
        "os": parent.get("os") or "linux",
        "rootfs": {"type": "layers", **({"diff_ids": layers} if layers else {})},
    }
    for key in ("os.features", "os.version", "variant"):
        if parent.get(key):
            document[key] = parent[key]
    if author:
        document["author"] = author
    return dict(sorted(document.items()))


@contextmanager
def _paused(engine: Engine, container: Container, *, wanted: bool) -> Iterator[None]:
    """Freeze a running container while the block runs, if that can be done."""
    frozen = False
    if wanted and container.state.status == RUNNING:
        with suppress(EngineError):
            engine.containers.pause(container.id)
            frozen = True
    try:
        yield
    finally:
        if frozen:
            with suppress(EngineError):
                engine.containers.unpause(container.id)


def container_archive(engine: Engine, container: Container) -> _Stream:
    """Return the archive of a container's own layer, as something to read from."""
    return _Stream(_archive(engine, container))


def _archive(engine: Engine, container: Container) -> Iterator[bytes]:
    """Give the archive of a container's own layer."""
    layers = engine.store.folders(container.id)
    with Merged(layers) as view:
        changed = {change.path for change in compare(view)}
    top = os.open(layers[0], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield from pack_layer(top, unless_changed(changed))
    finally:
        os.close(top)


def unless_changed(changed: set[str]) -> Leave:
    """Return what tells, by path, whether something is the engine's own and not a change of the container's."""

    def leave(path: str, found: os.stat_result) -> bool:
        full = f"/{path}"
        return full not in changed and MOUNT_POINTS.get(full) == stat.S_IFMT(found.st_mode)

    return leave
