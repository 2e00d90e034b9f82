"""What a registry says of a name, without pulling it: the digest, and for which platforms it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.errors import BadArchive, EngineError
from engine.images import configuration
from engine.images.platform import of_document
from engine.images.pull import SchemaOneRemoved
from engine.images.reference import Reference
from engine.images.remote import reach
from engine.lean_dataclasses import dataclass
from engine.registry.hosts import Credentials
from engine.registry.manifests import kind, parse_index, parse_manifest
from engine.registry.media_types import DOCKER_MANIFEST

if TYPE_CHECKING:
    from engine.images.platform import Platform
    from engine.registry.repository import Document, Repository


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a name stands for in its registry; size is the manifest's, in bytes."""

    media_type: str
    digest: str
    size: int
    platforms: list[Platform]


async def distribution(
    reference: Reference, credentials: Credentials | None = None, environment: Mapping[str, str] = os.environ
) -> Distribution:
    """Ask a registry about a tag or digest. Raises what a pull raises before its first event."""
    wanted = reference.with_default_tag

    async def ask(repository: Repository) -> Distribution:
        document = await repository.manifest(wanted.digest or wanted.tag)
        platforms = await _platforms(repository, document, wanted)
        return Distribution(document.media_type, document.digest, len(document.data), platforms)

    async with reach(wanted, credentials or Credentials(), environment, "pull", _as_it_is) as remote:
        return await remote.ask(ask, wanted)


async def _platforms(repository: Repository, document: Document, reference: Reference) -> list[Platform]:
    found = kind(document.media_type, document.data)
    if found == "schema 1":
        raise SchemaOneRemoved(reference)
    if found == "index":
        return [entry.platform for entry in parse_index(document.data) if entry.platform is not None]
    if document.media_type != DOCKER_MANIFEST:
        return []  # dockerd looks no further into OCI's
    manifest = parse_manifest(document.data, plugins=True)
    try:
        return [of_document(configuration.parse(await repository.config(manifest.config.digest)))]
    except (BadArchive, EngineError):
        return []  # it is something else than an image


def _as_it_is(error: EngineError, _: Reference) -> EngineError:
    return error
