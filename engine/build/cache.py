"""Finding out whether a step has been done already: by the images that earlier builds made on the same image.

As dockerd's classic builder does it: an image made here on the same parent, by a step with the same configuration
(the command, or the sums of what is copied, are a part of it), is what the step would make. After the first step of a
stage that is not found nothing more is looked for. --cache-from adds images from elsewhere, whose history has to begin
with the parent's.
"""

from __future__ import annotations

import functools
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from engine.containers.config import ContainerConfig
from engine.errors import EngineError, NoSuchImage
from engine.images import configuration
from engine.images import platform as platforms
from engine.images.configuration import container_config, diff_ids
from engine.images.platform import Platform
from engine.images.record import Image
from engine.lean_dataclasses import dataclass, fields, replace
from engine.times import nanoseconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine import Engine
    from engine.storage.images import StoredImage


class Cache:
    """What one stage may find; made anew for each, so that it sees what others have made meanwhile."""

    def __init__(self, engine: Engine, sources: list[Image] | None, *, enabled: bool) -> None:
        """Take the images that alone may be used, None for all that were made here."""
        self._engine = engine
        self._enabled = enabled
        self._sources = sources or []
        self._only_sources = sources is not None
        self._children: Mapping[str, list[StoredImage]] | None = None

    def find(self, parent: Image | None, config: ContainerConfig, platform: Platform) -> Found | None:
        """Return what a step with this configuration makes of an image, None when nobody has done it."""
        if not self._enabled:
            return None
        found = self._local(parent, config, platform)
        if self._only_sources and not (found is not None and self._is_below_source(found)):
            found = None
        result = Found(found) if found is not None else self._from_sources(parent, config)
        self._enabled = result is not None
        return result

    def _local(self, parent: Image | None, config: ContainerConfig, platform: Platform) -> Image | None:
        wanted: tuple[object, ...] | None = None
        best: tuple[StoredImage, _Step] | None = None
        for stored in self._made_on(parent):
            try:
                step = _step(self._engine.store.config(stored.id))
            except NoSuchImage:
                continue
            if step.command != (config.cmd or []):  # what tells most of them apart, before all is compared
                continue
            if step.platform != platform and not platforms.runs_on(step.platform, platform):
                continue
            wanted = wanted or comparable(config)
            if step.made_with != wanted:
                continue
            if step.created is not None and (best is None or step.created > (best[1].created or 0)):
                best = (stored, step)
        if best is None:
            return None
        stored, step = best
        return Image(stored.id, stored.names, stored.layer, step.config, step.document, stored.parent)

    def _made_on(self, parent: Image | None) -> list[StoredImage]:
        if self._children is None:
            self._children = self._engine.store.built_images()
        return self._children.get(parent.id if parent is not None else "", [])

    def _is_below_source(self, image: Image) -> bool:
        """Whether one of the sources was made on an image here, however many steps ago."""
        known = {stored.id: stored.parent for stored in self._engine.store.images()}
        for source in self._sources:
            each = source.parent
            while each:
                if each == image.id:
                    return True
                each = known.get(each, "")
        return False

    def _from_sources(self, parent: Image | None, config: ContainerConfig) -> Found | None:
        done = len((parent.document.get("history") or []) if parent is not None else [])
        for source in self._sources:
            history = source.document.get("history") or []
            if not _begins_with(source, parent) or done >= len(history):
                continue
            if " ".join(config.cmd or []) != (history[done].get("created_by") or ""):
                continue
            if done + 1 == len(history):
                return Found(source, whole=True)
            self._sources = [source]
            return Found(source, step=history[done], layer=_layer_of_step(source, done))
        return None


@dataclass(frozen=True, slots=True)
class Found:
    """An image that a step makes; with step it is one that goes further, and step and layer are what is wanted of it.

    whole: it came from elsewhere and is the step's own result.
    """

    image: Image
    step: dict[str, Any] | None = None
    layer: str = ""  # a diff id, "" where the step made none
    whole: bool = False


def sources(engine: Engine, names: list[str]) -> list[Image] | None:
    """Return the images that --cache-from names, as far as they are here; None where it names none."""
    if not names:
        return None
    found = []
    for name in names:
        try:
            found.append(engine.images.resolve(name))
        except EngineError:
            continue
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    """What an image's configuration says of the step that made it; created is nanoseconds since 1970."""

    document: dict[str, Any]
    config: ContainerConfig
    command: list[str]
    made_with: tuple[object, ...]  # comparable
    platform: Platform
    created: int | None


@functools.lru_cache(maxsize=256)
def _step(data: bytes) -> _Step:
    """Read an image's configuration. Who gets the document must not change it."""
    document = configuration.parse(data)
    made = container_config({"config": document.get("container_config")})
    return _Step(
        document=document,
        config=container_config(document),
        command=made.cmd or [],
        made_with=comparable(made),
        platform=replace(platforms.of_document(document), os_version=""),
        created=nanoseconds_of(str(document.get("created") or "")),
    )


_SPECIAL = (
    "image", "hostname", "domainname", "env", "cmd", "entrypoint", "shell", "on_build", "exposed_ports", "volumes",
    "labels", "healthcheck",
)  # fmt: skip
_simple_fields = attrgetter(*(each.name for each in fields(ContainerConfig) if each.name not in _SPECIAL))


def comparable(config: ContainerConfig) -> tuple[object, ...]:
    """Return what counts of a configuration: names of hosts and images do not, nor whether what is empty is there."""
    check = config.healthcheck
    if check is not None and check.test is None:
        check = replace(check, test=[])
    return (
        _simple_fields(config),
        config.env or [],
        config.cmd or [],
        config.entrypoint or [],
        config.shell or [],
        config.on_build or [],
        sorted(config.exposed_ports or []),
        sorted(config.volumes or []),
        config.labels or {},
        check,
    )


def _begins_with(image: Image, parent: Image | None) -> bool:
    history = image.document.get("history") or []
    if not history:
        return False
    if parent is None:
        return True
    before, layers = parent.document.get("history") or [], diff_ids(parent.document)
    if not before and not layers:
        return True
    return (
        len(before) < len(history)
        and history[: len(before)] == before
        and diff_ids(image.document)[: len(layers)] == layers
    )


def _layer_of_step(image: Image, index: int) -> str:
    history = image.document.get("history") or []
    if history[index].get("empty_layer"):
        return ""
    made = sum(not each.get("empty_layer") for each in history[:index])
    layers = diff_ids(image.document)
    return layers[made] if made < len(layers) else ""
