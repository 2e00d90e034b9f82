"""Pushing images: a tag, or all tags of a repository, to the registry that their name leads to.

A layer that the registry has is not sent: it is looked for under every digest that is known of it, then taken over
from another of the registry's repositories; what is left is packed and sent, five layers at once. An image whose
layers are all there as they were pulled gets its manifest as it was, byte for byte; any other gets a new one, of
Docker's schema 2 as dockerd writes it. The words are dockerd's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError, InvalidReference, NoSuchImage, Unavailable
from engine.images import configuration, reference
from engine.images.known_blobs import KnownBlob, KnownManifest, manifests_of, of_registry
from engine.images.manifest import digest_of
from engine.images.platform import Platform, check
from engine.images.progress import LayerProgress, Said, TagPushed, TransferEvent
from engine.images.pull import short_id
from engine.images.reference import Reference
from engine.images.remote import Remote, reach
from engine.images.resolve import to_image
from engine.images.telling import telling
from engine.lean_dataclasses import dataclass
from engine.off_loop import off_loop
from engine.registry.hosts import Credentials, RegistryUnreachable
from engine.registry.media_types import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
)
from engine.registry.outgoing import Outgoing
from engine.registry.refusals import NoCredentials, RegistryRefused, TokenRefused

if TYPE_CHECKING:
    from engine import Engine
    from engine.images.record import Image
    from engine.registry.repository import Repository
    from engine.storage.layers import Layer
    from engine.storage.store import Store

ATTEMPTS = 5
PAUSE_SECONDS = 5
TELL_SECONDS = 0.1
MOUNTS = 4  # repositories that are tried


class NothingToPush(EngineError):
    """No image here has the name; str() is in dockerd's words."""


class CannotPushLayer(Unavailable):
    """A layer's archive cannot be put together again, as another engine made it without what that needs."""

    def __init__(self, layer_id: str) -> None:
        super().__init__(f"cannot push layer {layer_id}: its archive cannot be made again")
        self.layer_id = layer_id


class PushRefused(EngineError):
    """The registry did not take it; str() is in dockerd's words."""


@dataclass(frozen=True, slots=True)
class _Target:
    """One image that goes to a registry under one tag."""

    name: Reference
    image: Image
    config: bytes
    layers: list[Layer]  # the base first
    known: dict[str, list[KnownBlob]]
    manifests: list[KnownManifest]


async def push(
    engine: Engine,
    wanted: Reference,
    platform: Platform | None = None,
    credentials: Credentials | None = None,
    environment: Mapping[str, str] = os.environ,
) -> AsyncGenerator[TransferEvent]:
    """Push a tag, or all tags of a repository where none is given, telling what happens.

    Raises WrongPlatform before the first event; after it NothingToPush, RegistryUnreachable, RegistryRefused,
    PushRefused, RegistryBlocked, CannotPushLayer, BadArchive.
    """
    if platform is not None and wanted.tag:
        with contextlib.suppress(NoSuchImage):
            check(await off_loop(engine.images.resolve, wanted.full), wanted.familiar, platform)
    yield Said(f"The push refers to repository [{wanted.name}]")
    names = await off_loop(_names, engine.store, wanted)
    async with reach(wanted, credentials or Credentials(), environment, "push,pull", _translated) as remote:
        for name in names:
            target = await off_loop(_target, engine, name)
            async with aclosing(_Push(engine, remote, target).run()) as pushing:
                async for event in pushing:
                    yield event


def _names(store: Store, wanted: Reference) -> list[Reference]:
    """Return the tags to push. Raises NothingToPush."""
    if wanted.digest:
        raise NothingToPush("cannot push a digest reference")
    own = []
    for image in store.images():
        for text in image.names:
            try:
                name = reference.parse(text)
            except InvalidReference:
                continue
            if name.name == wanted.name:
                own.append(name)
    if not own:
        raise NothingToPush(f"An image does not exist locally with the tag: {wanted.familiar_name}")
    tags = sorted((name for name in own if name.tag and not name.digest), key=lambda name: name.tag)
    if not wanted.tag:
        if not tags:
            raise NothingToPush(f"no tags to push for {wanted.familiar_name}")
        return tags
    if wanted not in tags:
        raise NothingToPush(f"tag does not exist: {wanted.familiar}")
    return [wanted]


def _target(engine: Engine, name: Reference) -> _Target:
    store = engine.store
    stored = next((image for image in store.images() if name.full in image.names), None)
    if stored is None:
        raise NothingToPush(f"tag does not exist: {name.familiar}")
    image = to_image(engine, stored)
    layers = store.layer_chain(image.layer)
    known = of_registry(store, name.domain, layers)
    return _Target(name, image, store.config(image.id), layers, known, manifests_of(store, stored))


def _translated(error: EngineError, _: Reference) -> EngineError:
    return PushRefused(error.cause) if isinstance(error, NoCredentials | TokenRefused) else error


class _Push:
    """One image on its way to a registry."""

    def __init__(self, engine: Engine, remote: Remote, target: _Target) -> None:
        self._engine = engine
        self._remote = remote
        self._target = target
        self._events: asyncio.Queue[TransferEvent | None] = asyncio.Queue()
        self._told: dict[str, float] = {}

    def run(self) -> AsyncGenerator[TransferEvent]:
        """Do it, and tell what happens."""
        return telling(self._work(), self._events, "push")

    async def _work(self) -> None:
        target = self._target
        repository = await self._remote.repository()
        for layer in reversed(target.layers):
            self._say(layer, "Preparing")
        try:
            blobs = await self._layers(repository)
            await self._config(repository)
            media_type, data = manifest_of(target, [blobs[layer.diff_id] for layer in target.layers])
            await repository.put_manifest(target.name.tag, media_type, data)
        except (NoCredentials, TokenRefused) as error:
            raise PushRefused(error.cause) from error
        digest = digest_of(data)
        await off_loop(self._keep, data, digest)
        self._events.put_nowait(Said(f"{target.name.tag}: digest: {digest} size: {len(data)}"))
        self._events.put_nowait(TagPushed(target.name.tag, digest, len(data)))

    async def _layers(self, repository: Repository) -> dict[str, KnownBlob]:
        """Have every layer in the repository; returns what they are there, by diff id."""
        slots = self._engine.images.transfers().uploads
        wanted = {layer.diff_id: layer for layer in reversed(self._target.layers)}
        tasks = {
            diff_id: asyncio.create_task(self._layer(repository, layer, slots), name=f"push {diff_id}")
            for diff_id, layer in wanted.items()
        }
        try:
            return dict(zip(tasks, await asyncio.gather(*tasks.values()), strict=True))
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.wait(tasks.values()) if tasks else None

    async def _layer(self, repository: Repository, layer: Layer, slots: asyncio.Semaphore) -> KnownBlob:
        if slots.locked():
            self._say(layer, "Waiting")
        async with slots:
            candidates = self._target.known[layer.diff_id]
            for digest in dict.fromkeys(blob.digest for blob in candidates):
                size = await repository.has_blob(digest)
                if size is not None:
                    self._say(layer, "Layer already exists")
                    return next(blob for blob in candidates if blob.digest == digest)
            elsewhere = [blob for blob in candidates if blob.path and blob.path != repository.path]
            for blob in elsewhere[:MOUNTS]:
                if await self._mounted(repository, blob):
                    self._say(layer, f"Mounted from {blob.path}")
                    return blob
            return await self._upload(repository, layer)

    async def _mounted(self, repository: Repository, blob: KnownBlob) -> bool:
        try:
            where = await repository.mount(blob.digest, blob.path)
        except RegistryRefused:
            return False
        if where:
            await repository.cancel_upload(where)
        return not where

    async def _upload(self, repository: Repository, layer: Layer) -> KnownBlob:
        """Pack a layer and send it; from its beginning again when the connection breaks."""
        if not self._engine.store.has_archive(layer):
            raise CannotPushLayer(layer.id)
        plain = next((blob for blob in self._plain() if blob.digest == layer.diff_id), None)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                where = await repository.begin_upload()
                split, diff = self._engine.store.archive_parts(layer)
                packing = Outgoing(split, diff, packed=plain is None, tell=lambda read: self._pushing(layer, read))
                async with packing as outgoing:
                    where = await repository.upload_piece(where, outgoing.pieces())
                await repository.finish_upload(where, outgoing.digest)
            except RegistryUnreachable:
                if attempt == ATTEMPTS:
                    raise
                for left in range(attempt * PAUSE_SECONDS, 0, -1):
                    self._say(layer, f"Retrying in {left} second{'s' if left != 1 else ''}")
                    await asyncio.sleep(1)
                continue
            self._say(layer, "Pushed")
            return plain or KnownBlob(outgoing.digest, outgoing.size, DOCKER_LAYER)
        raise AssertionError("the last attempt returns or raises")

    def _plain(self) -> list[KnownBlob]:
        """Return the layers that a registry has unpacked under a manifest of the image."""
        digests = {name.rpartition("@")[2] for name in self._target.image.names if "@" in name}
        return [
            KnownBlob(layer.digest, layer.size, layer.media_type)
            for known in self._target.manifests
            if known.digest in digests
            for layer in known.manifest.layers
        ]

    async def _config(self, repository: Repository) -> None:
        digest = digest_of(self._target.config)
        if await repository.has_blob(digest) is None:
            where = await repository.begin_upload()
            await repository.finish_upload(where, digest, self._target.config)

    def _keep(self, manifest: bytes, digest: str) -> None:
        """Remember the manifest and where it is, and tell of it."""
        target, store = self._target, self._engine.store
        digested = Reference(target.name.domain, target.name.path, "", digest)
        with contextlib.suppress(NoSuchImage):  # removed meanwhile: then there is nothing to remember it for
            stored = store.image(target.image.id)
            store.add_image(target.config, store.manifest(stored.id), stored.layer, [digested.full], others=[manifest])
        with self._engine.database.transaction() as tx:
            attributes = {**(target.image.config.labels or {}), "name": target.name.familiar_name}
            tx.event("image", "push", target.name.familiar, attributes)

    def _say(self, layer: Layer, action: str) -> None:
        self._events.put_nowait(LayerProgress(short_id(layer.diff_id), action))

    def _pushing(self, layer: Layer, read: int) -> None:
        now = time.monotonic()
        if now - self._told.get(layer.id, 0.0) >= TELL_SECONDS:
            self._told[layer.id] = now
            total = self._engine.store.layer_size(layer)
            self._events.put_nowait(LayerProgress(short_id(layer.diff_id), "Pushing", read, total))


def manifest_of(target: _Target, blobs: list[KnownBlob]) -> tuple[str, bytes]:
    """Return media type and bytes of the manifest for an image whose layers are there as these blobs.

    One that is known and names just these is used as it is.
    """
    for known in reversed(target.manifests):
        if [layer.digest for layer in known.manifest.layers] == [blob.digest for blob in blobs]:
            return _media_type(known), known.data
    docker = all(blob.media_type in (DOCKER_LAYER, f"{OCI_LAYER}+gzip") for blob in blobs)
    layers = [
        {"mediaType": DOCKER_LAYER if docker else _oci(blob.media_type), "size": blob.size, "digest": blob.digest}
        for blob in blobs
    ]
    config = {
        "mediaType": DOCKER_CONFIG if docker else OCI_CONFIG,
        "size": len(target.config),
        "digest": digest_of(target.config),
    }
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers}
    if docker:
        return media_type, json.dumps(document, indent=3).encode()
    return media_type, configuration.encode(document)


def _media_type(known: KnownManifest) -> str:
    document: dict[str, Any] = json.loads(known.data)
    return str(document.get("mediaType") or OCI_MANIFEST)


def _oci(media_type: str) -> str:
    """Return OCI's media type for a layer's form, whatever it was called."""
    if media_type.endswith("zstd"):
        return f"{OCI_LAYER}+zstd"
    return f"{OCI_LAYER}+gzip" if media_type.endswith("gzip") else OCI_LAYER
