"""Making an image of one layer from a tar stream, as `docker import` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from engine.build import changes as instructions
from engine.containers.config import ContainerConfig
from engine.images.configuration import config_document, encode
from engine.images.manifest import manifest_for
from engine.images.platform_text import parse_platform
from engine.images.reference import parse_target
from engine.images.resolve import to_image
from engine.images.tag import check_name, event
from engine.lean_dataclasses import replace
from engine.storage.source import Readable
from engine.storage.times import text_of
from engine.version import DOCKER_VERSION

if TYPE_CHECKING:
    from engine import Engine


def import_image(
    engine: Engine,
    stream: Readable,
    repository: str,
    tag: str,
    message: str,
    changes: list[str],
    platform: str,
    labels: Mapping[str, str],
    may_name: Callable[[str], None] | None,
) -> str:
    """Make an image from a tar stream, packed or not, give it a name if there is one; returns sha256:<id>.

    labels: what it has besides those of the changes, and whatever those say. may_name: called with the name before
    the image is given it, raises what is wrong.
    Raises InvalidReference, InvalidChange, InvalidPlatform, BadArchive, OSError; no layer is left behind then.
    """
    name = parse_target(repository, tag)
    if name is not None:
        check_name(name)
    system, architecture, variant = parse_platform(platform)
    config = instructions.apply(ContainerConfig(), changes)
    if labels:
        config = replace(config, labels={**(config.labels or {}), **labels})
    created = text_of(time.time_ns())
    with engine.store.staging() as stage:
        staged = engine.store.extract_layer(stream, stage / "layer")
        layer = engine.store.record_layers(stage, None, [staged])
        document = encode(import_document(config, staged.diff_id, created, message, system, architecture, variant))
        manifest = manifest_for(document, [(staged.diff_id, staged.archive_size)])
        names = [name.full] if name is not None else []
        if name is not None and may_name is not None:
            may_name(name.full)
        stored = engine.store.add_image(document, manifest, layer, names, created, tagged=bool(names))
        image = to_image(engine, stored)
    if name is not None:
        event(engine, image, "tag", name.familiar)
    event(engine, image, "import")
    return image.digest


def import_document(
    config: ContainerConfig, diff_id: str, created: str, message: str, system: str, architecture: str, variant: str
) -> dict[str, Any]:
    """Return the configuration of an imported image, its keys in dockerd's order."""
    step: dict[str, Any] = {"created": created}
    document: dict[str, Any] = {"architecture": architecture}
    if message:
        document["comment"] = step["comment"] = message
    document |= {
        "config": config_document(config),
        "container_config": config_document(ContainerConfig()),
        "created": created,
        "docker_version": DOCKER_VERSION,
        "history": [step],
        "os": system,
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    if variant:
        document["variant"] = variant
    return document
