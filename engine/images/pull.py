"""Pulling images: a tag, a digest, or all tags of a repository, from the registry that their name leads to.

Layers are fetched three at a time and unpacked while they come in (engine.registry.transfers); nothing is recorded
before every digest was checked and all is on disk. Whatever goes wrong before that leaves nothing behind. The words
are dockerd's.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import BadArchive, EngineError, Forbidden, InvalidParameter, NoSuchImage, NoSuchLayer
from engine.images import configuration
from engine.images.platform import Platform, of_document, runs_on
from engine.images.progress import ImagePulled, LayerProgress, Said, TransferEvent
from engine.images.reference import Reference
from engine.images.remote import Remote, reach
from engine.images.resolve import to_image
from engine.images.tag import check_name
from engine.images.telling import telling
from engine.lean_dataclasses import dataclass
from engine.off_loop import off_loop
from engine.registry.hosts import Credentials
from engine.registry.manifests import Manifest, check_media_types, choose, kind, parse_index, parse_manifest
from engine.registry.refusals import BadContent, RegistryLacks, RegistryRefused, of_pull
from engine.registry.transfers import Transfer
from engine.storage.source import Pieces

if TYPE_CHECKING:
    from engine import Engine
    from engine.registry.repository import Document, Repository
    from engine.storage.layers import StagedLayer
    from engine.storage.store import Store

DEEPEST = 5  # indexes in indexes
ATTEMPTS = 3  # when somebody removes layers that a pull stands on
SHORT = 12


class SchemaOneRemoved(InvalidParameter):
    """The image has a manifest of a form that nobody reads any more."""

    def __init__(self, reference: Reference) -> None:
        super().__init__(
            "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest "
            f"the author of {reference.full} to upgrade the image to the OCI Format or Docker Image manifest v2, "
            "schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/"
        )
        self.reference = reference


class ReservedName(Forbidden):
    """The name of an image that cannot be had."""

    def __init__(self) -> None:
        super().__init__("'scratch' is a reserved name")


@dataclass(frozen=True, slots=True)
class _Image:
    """One image in a registry: its documents, and the layers that they name."""

    name: Reference
    top: Document  # what the name stands for: a manifest or an index
    document: Document  # the manifest
    manifest: Manifest

    @property
    def image_id(self) -> str:
        """The id that the image has here, in hex."""
        return self.manifest.config.digest.partition(":")[2]

    def names(self, store: Store) -> list[str]:
        """Return the names that the image has here after the pull, in full.

        Another image that is known by the same digest, one of the same index, keeps it, as with dockerd.
        """
        digested = Reference(self.name.domain, self.name.path, "", self.top.digest).full
        taken = any(digested in other.names for other in store.images() if other.id != self.image_id)
        return list(dict.fromkeys([self.name.full, *([] if taken and self.name.tag else [digested])]))


async def pull(
    engine: Engine,
    reference: Reference,
    platform: Platform | None = None,
    credentials: Credentials | None = None,
    environment: Mapping[str, str] = os.environ,
) -> AsyncGenerator[TransferEvent]:
    """Pull what a reference stands for, telling what happens; one without tag and digest means all tags.

    Raises, before the first event when the registry does not have it: InvalidReference, ReservedName, RegistryBlocked,
    NotInRegistry, RegistryRefused, RegistryUnreachable, NoCredentials, BadContent, NotRegistered, NoMatchingManifest.
    """
    if reference.familiar_name == "scratch":
        raise ReservedName
    check_name(reference)
    if reference.digest and reference.tag:
        reference = Reference(reference.domain, reference.path, "", reference.digest)
    reached = reach(reference, credentials or Credentials(), environment, "pull", _translated)
    async with reached as remote:
        single = bool(reference.tag or reference.digest)
        names = [reference] if single else await _all_tags(remote, reference)
        new = False
        warnings: list[str] = []
        for name in names:
            async with aclosing(_pull_one(engine, remote, name, platform)) as pulling:
                async for event in pulling:
                    if isinstance(event, ImagePulled):
                        new = new or event.new
                        warnings += [event.warning] if event.warning else []
                    yield event
        status = "Downloaded newer image for" if new else "Image is up to date for"
        yield Said(f"Status: {status} {reference.familiar}")
        for warning in warnings:
            yield Said(warning)


def _translated(error: EngineError, reference: Reference) -> EngineError:
    return of_pull(error, reference) if isinstance(error, RegistryRefused) else error


async def _all_tags(remote: Remote, reference: Reference) -> list[Reference]:
    tags = await remote.ask(lambda repository: repository.tags(), reference)
    return [Reference(reference.domain, reference.path, tag) for tag in tags]


async def _pull_one(
    engine: Engine, remote: Remote, name: Reference, platform: Platform | None
) -> AsyncGenerator[TransferEvent]:
    wanted = await remote.ask(lambda repository: _look_up(repository, name), name)
    yield Said(f"Pulling from {name.path}", name.tag or name.familiar)
    image = await remote.ask(lambda repository: _choose(repository, name, wanted, platform), name)
    had_names = await off_loop(_named_already, engine.store, image)
    new = not had_names
    if had_names is None:
        repository = await remote.repository()
        async with engine.images.transfers().single_flight.of(image.image_id):
            # Another process may have pulled it meanwhile.
            absent = await off_loop(_named_already, engine.store, image) is None
            try:
                async with aclosing(_Pull(engine, repository, image, absent=absent).run()) as pulling:
                    async for event in pulling:
                        yield event
            except RegistryRefused as error:
                raise BadContent("unknown blob") if error.code == "BLOB_UNKNOWN" else of_pull(error, name) from error
    yield Said(f"Digest: {image.top.digest}")
    warning = await off_loop(_tell, engine, image, platform)
    yield ImagePulled(name.full, f"sha256:{image.image_id}", new, warning)


async def _look_up(repository: Repository, name: Reference) -> Document:
    found = await repository.manifest(name.digest or name.tag)
    if kind(found.media_type, found.data) == "manifest":
        parse_manifest(found.data)
    return found


async def _choose(repository: Repository, name: Reference, top: Document, platform: Platform | None) -> _Image:
    """Return the image that a document stands for, which for an index is the one for the platform."""
    document = top
    for _ in range(DEEPEST):
        if kind(document.media_type, document.data) != "index":
            break
        inner = choose(parse_index(document.data), platform or own())
        document = await repository.manifest(inner.digest)
    found = kind(document.media_type, document.data)
    if found == "schema 1":
        raise SchemaOneRemoved(name)
    if found != "manifest":
        raise BadContent(f"unsupported manifest media type and no default available: {document.media_type}")
    manifest = parse_manifest(document.data)
    check_media_types(manifest)
    if not manifest.config.digest.startswith("sha256:"):
        raise BadContent(f"unsupported digest algorithm of image configuration {manifest.config.digest}")
    return _Image(name, top, document, manifest)


def own() -> Platform:
    """Return this machine's platform."""
    from engine.images.platform_text import own_platform

    return Platform(*own_platform())


def _named_already(store: Store, image: _Image) -> bool | None:
    """Give an image that the store has whole its names; returns whether it had them, None where it is not there."""
    try:
        stored = store.image(image.image_id)
        store.layer_chain(stored.layer)
        config = store.config(image.image_id)
        names = image.names(store)
        store.add_image(config, image.document.data, stored.layer, names, others=[image.top.data])
    except (NoSuchImage, NoSuchLayer):
        return None
    return set(names) <= set(stored.names)


def _tell(engine: Engine, image: _Image, platform: Platform | None) -> str:
    """Write the event of a pull; returns a warning where the image is for another platform than the wanted one."""
    known = to_image(engine, engine.store.image(image.image_id))
    name = image.name
    with engine.database.transaction() as tx:
        attributes = {**(known.config.labels or {}), "name": name.familiar_name}
        tx.event("image", "pull", name.familiar, attributes)
    found = of_document(known.document)
    if platform is None or runs_on(found, platform):
        return ""
    return (
        f"WARNING: image with reference {name.familiar} was found but its platform ({found}) "
        f"does not match the specified platform ({platform})"
    )


class _Pull:
    """One image on its way into the store."""

    def __init__(self, engine: Engine, repository: Repository, image: _Image, *, absent: bool) -> None:
        self._engine = engine
        self._absent = absent
        self._store = engine.store
        self._repository = repository
        self._image = image
        self._events: asyncio.Queue[TransferEvent | None] = asyncio.Queue()

    def run(self) -> AsyncGenerator[TransferEvent]:
        """Do it, and tell what happens."""
        return telling(self._work(), self._events, "pull")

    async def _work(self) -> None:
        if not self._absent:
            for layer in self._image.manifest.layers:
                self._events.put_nowait(LayerProgress(short_id(layer.digest), "Already exists"))
            return
        data = await self._config()
        document = _checked(data, self._image)
        for attempt in range(ATTEMPTS):
            try:
                await self._fetch(data, document)
                return
            except NoSuchLayer:  # somebody removed one that was there
                if attempt == ATTEMPTS - 1:
                    raise

    async def _config(self) -> bytes:
        what = "error pulling image configuration"
        try:
            return await self._repository.config(self._image.manifest.config.digest)
        except RegistryLacks:
            raise BadContent(f"{what}: download failed after attempts=1: unknown blob") from None
        except BadContent as error:
            raise BadContent(f"{what}: {error}") from None

    async def _fetch(self, config: bytes, document: dict[str, Any]) -> None:
        layers, diff_ids = self._image.manifest.layers, configuration.diff_ids(document)
        have = len(await off_loop(_layers_there, self._store, diff_ids))
        transfers = self._engine.images.transfers()
        joined: list[tuple[Transfer, _Listener]] = []
        seen: set[str] = set()
        try:
            for number, layer in enumerate(layers):
                short = short_id(layer.digest)
                if number < have:
                    self._events.put_nowait(LayerProgress(short, "Already exists"))
                    continue
                self._events.put_nowait(LayerProgress(short, "Pulling fs layer"))
            for number, layer in enumerate(layers[have:], have):
                if layer.digest in seen:
                    continue
                seen.add(layer.digest)
                listener = _Listener(self._events, short_id(layer.digest))
                joined.append((transfers.join(self._repository, layer, diff_ids[number], listener), listener))
            staged = await self._all(joined)
            await self._record(config, document, diff_ids, staged)
        finally:
            for transfer, listener in joined:
                await transfers.leave(transfer, listener)

    async def _all(self, joined: list[tuple[Transfer, _Listener]]) -> dict[str, StagedLayer]:
        """Wait for the layers in their order, and say of each when it and all below it are there."""
        tasks = [transfer.task for transfer, _ in joined if transfer.task is not None]
        found: dict[str, StagedLayer] = {}
        pending = set(tasks)
        told = 0
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                found[task.result().diff_id] = task.result()
            while told < len(tasks) and tasks[told].done():
                transfer = joined[told][0]
                self._events.put_nowait(LayerProgress(short_id(transfer.wanted.digest), "Pull complete"))
                told += 1
        return found

    async def _record(
        self, config: bytes, document: dict[str, Any], diff_ids: list[str], staged: dict[str, StagedLayer]
    ) -> None:
        """Make the layers and the image part of the store; runs to its end once it is begun."""
        recording = asyncio.ensure_future(off_loop(self._record_now, config, document, diff_ids, staged))
        try:
            await asyncio.shield(recording)
        except asyncio.CancelledError:
            await asyncio.wait([recording])
            raise

    def _record_now(
        self, config: bytes, document: dict[str, Any], diff_ids: list[str], staged: dict[str, StagedLayer]
    ) -> None:
        store, image = self._store, self._image
        with store.staging() as stage:
            with self._engine.images.recording:
                have = _layers_there(store, diff_ids)
                parent = have[-1] if have else None
                missing = _usable(store, diff_ids[len(have) :], staged, stage)
                top = store.record_layers(stage, parent, missing)
            created = str(document.get("created") or "")
            names = image.names(store)
            store.add_image(config, image.document.data, top, names, created, others=[image.top.data])


class _Listener:
    """Passes on what happens to a layer, under the id that the pull's client knows."""

    def __init__(self, events: asyncio.Queue[TransferEvent | None], subject: str) -> None:
        self._events = events
        self._subject = subject

    def __call__(self, action: str, current: int, total: int) -> None:
        self._events.put_nowait(LayerProgress(self._subject, action, current, total))


def _checked(data: bytes, image: _Image) -> dict[str, Any]:
    """Return an image's configuration. Raises BadContent when it cannot be used, or does not fit the manifest."""
    try:
        document = configuration.parse(data)
    except BadArchive:
        raise BadContent("invalid rootfs in image configuration") from None
    system = document.get("os") or "linux"
    if system != "linux":
        raise BadContent(
            f'image operating system "{system}" cannot be used on this platform: operating system is not supported'
        )
    if len(configuration.diff_ids(document)) != len(image.manifest.layers):
        raise BadContent("layers from manifest don't match image configuration")
    return document


def _layers_there(store: Store, diff_ids: list[str]) -> list[str]:
    """Return the ids of those of an image's layers that are there, from the base up to the first that is not."""
    found: list[str] = []
    for diff_id in diff_ids:
        layer = store.layer_by_diff(found[-1] if found else None, diff_id)
        if layer is None:
            break
        found.append(layer.id)
    return found


def _usable(store: Store, diff_ids: list[str], staged: dict[str, StagedLayer], stage: Path) -> list[StagedLayer]:
    """Return extracted layers that can be recorded, one for each diff id.

    One that is wanted twice, or that another pull has taken into the store already, is extracted once more from what
    is here. Raises NoSuchLayer when there is nothing to take it from.
    """
    usable: list[StagedLayer] = []
    used: set[str] = set()
    for number, diff_id in enumerate(diff_ids):
        layer = staged.get(diff_id)
        if layer is None or diff_id in used or not layer.diff.exists():
            layer = store.extract_layer(Pieces(_archive(store, diff_id, layer)), stage / str(number))
        used.add(diff_id)
        usable.append(layer)
    return usable


def _archive(store: Store, diff_id: str, staged: StagedLayer | None) -> Iterator[bytes]:
    if staged is not None and staged.diff.exists():
        return store.staged_archive(staged)
    for other in store.all_layers():
        if other.diff_id == diff_id and store.has_archive(other):
            return store.archive(other)
    raise NoSuchLayer(diff_id)


def short_id(digest: str) -> str:
    """Return the digits by which a layer is called in progress."""
    return digest.partition(":")[2][:SHORT]
