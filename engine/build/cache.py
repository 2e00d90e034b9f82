"""Finding out whether a step has been done already: by the images that earlier builds made on the same image.

As dockerd's classic builder does it: an image made here on the same parent, by a step with the same configuration
(the command, or the sums of what is copied, are a part of it), is what the step would make. After the first step of a
stage that is not found nothing more is looked for. --cache-from adds images from elsewhere, whose history has to begin
with the parent's.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from engine.containers.config import ContainerConfig, Healthcheck
from engine.errors import EngineError, NoSuchImage
from engine.images import configuration
from engine.images import platform as platforms
from engine.images.configuration import container_config, diff_ids
from engine.images.record import Image
from engine.times import nanoseconds_of

if TYPE_CHECKING:
    from engine import Engine
    from engine.images.platform import Platform
    from engine.storage.images import StoredImage


class Cache:
    """What one stage may find; made anew for each, so that it sees what others have made meanwhile."""

    def __init__(self, engine: Engine, sources: list[Image], *, enabled: bool) -> None:
        self._engine = engine
        self._enabled = enabled
        self._sources = sources
        self._only_sources = bool(sources)
        self._children: dict[str, list[StoredImage]] | None = None

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
        wanted: ContainerConfig | None = None
        best: Image | None = None
        newest = -1
        for stored in self._made_on(parent):
            try:
                document = configuration.parse(self._engine.store.config(stored.id))
            except NoSuchImage:
                continue
            made = document.get("container_config") or {}
            if (made.get("Cmd") or []) != (config.cmd or []):  # what tells most of them apart, before all is compared
                continue
            own = platforms.of_document(document)
            if not platforms.runs_on(dataclasses.replace(own, os_version=""), platform):
                continue
            wanted = wanted or comparable(config)
            if comparable(container_config({"config": made})) != wanted:
                continue
            created = nanoseconds_of(str(document.get("created") or ""))
            if created is not None and created > newest:
                own_config = container_config(document)
                best = Image(
                    stored.id, stored.names, stored.layer, own_config, document, stored.last_tag_time, stored.parent
                )
                newest = created
        return best

    def _made_on(self, parent: Image | None) -> list[StoredImage]:
        if self._children is None:
            self._children = {}
            for stored in self._engine.store.images():
                if stored.built:
                    self._children.setdefault(stored.parent, []).append(stored)
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


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """An image that a step makes; with step it is one that goes further, and step and layer are what is wanted of it.

    whole: it came from elsewhere and is the step's own result.
    """

    image: Image
    step: dict[str, Any] | None = None
    layer: str = ""  # a diff id, "" where the step made none
    whole: bool = False


def sources(engine: Engine, names: list[str]) -> list[Image]:
    """Return the images that --cache-from names, as far as they are here."""
    found = []
    for name in names:
        try:
            found.append(engine.images.resolve(name))
        except EngineError:
            continue
    return found


def comparable(config: ContainerConfig) -> ContainerConfig:
    """Return what counts of a configuration: names of hosts and images do not, nor whether what is empty is there."""
    check = config.healthcheck
    if check is not None:
        check = Healthcheck(
            check.test or [], check.interval, check.timeout, check.start_period, check.start_interval, check.retries
        )
    return dataclasses.replace(
        config,
        image="",
        hostname="",
        domainname="",
        env=config.env or [],
        cmd=config.cmd or [],
        entrypoint=config.entrypoint or [],
        shell=config.shell or [],
        on_build=config.on_build or [],
        exposed_ports=sorted(config.exposed_ports or []),
        volumes=sorted(config.volumes or []),
        labels=config.labels or {},
        healthcheck=check,
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
