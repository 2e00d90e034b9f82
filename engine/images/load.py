"""Loading images from an archive as it streams in: docker's format, an OCI layout, or both in one tar.

The stream is read once. What looks like a layer is extracted as it comes, into a temporary folder of the store,
before the documents that say whose it is are known; documents are kept in memory. At the end all is put
on disk and recorded. Whatever goes wrong before that leaves nothing behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import BadArchive
from engine.images import configuration
from engine.images.archive import Item, clean, items
from engine.images.manifest import manifest_for
from engine.images.platform import Platform, is_exactly, of_document
from engine.images.platform_text import own_platform
from engine.images.resolve import to_image
from engine.images.tag import check_name, event
from engine.lean_dataclasses import dataclass
from engine.storage import tarformat
from engine.storage.compression import magic_of, unpacked
from engine.storage.layers import Layer, StagedLayer
from engine.storage.source import Pieces, Readable, Source

if TYPE_CHECKING:
    from engine import Engine
    from engine.storage.store import Store

_MAX_DOCUMENT = 32 << 20
_MAX_LINKS = 16


@dataclass(frozen=True, slots=True)
class LayerLoaded:
    """A layer that the store did not have; size is that of its archive."""

    diff_id: str
    size: int


@dataclass(frozen=True, slots=True)
class NameMoved:
    """A name that another image had until now; that one stays without it."""

    name: str
    from_id: str


@dataclass(frozen=True, slots=True)
class ImageLoaded:
    """An image that is there now, under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class ImagesLoaded:
    """All images of the archive, told by their ids because the last one has no name."""

    ids: list[str]


Check = Callable[[Mapping[str, str], list[str]], None]
LoadEvent = LayerLoaded | NameMoved | ImageLoaded | ImagesLoaded


def load(
    engine: Engine, stream: Readable, platform: Platform | None = None, check: Check | None = None
) -> Iterator[LoadEvent]:
    """Load every image of the archive in stream, or those for one platform, telling what happens as it does.

    check is called with each image's labels and names before it is recorded, and raises what is wrong with it.
    Raises BadArchive, InvalidReference, NoZstd, OSError; images before the bad one stay.
    """
    with engine.store.staging() as stage:
        archive = _Archive(engine.store, stage)
        archive.take(Source(unpacked(Source(stream))))
        ids: list[str] = []
        named = False
        for item in items(archive.document, own_platform()):
            document = _document(item)
            if platform is None or is_exactly(of_document(document), platform):
                if check is not None:
                    config = configuration.container_config(document)
                    check(config.labels or {}, [name.full for name in item.names])
                yield from _load(engine, archive, item, document, ids)
                named = bool(item.names)
        if not named:
            yield ImagesLoaded(ids)


def _document(item: Item) -> dict[str, Any]:
    document = configuration.parse(item.config)
    system = document.get("os") or "linux"
    if system != "linux":
        raise BadArchive(f"cannot load {system} image on linux")
    return document


def _load(
    engine: Engine, archive: _Archive, item: Item, document: dict[str, Any], ids: list[str]
) -> Iterator[LoadEvent]:
    for name in item.names:
        check_name(name)
    layer, fresh = archive.record(item, configuration.diff_ids(document))
    yield from fresh
    chain = engine.store.layer_chain(layer)
    manifest = item.manifest or manifest_for(item.config, [(each.diff_id, each.archive_size) for each in chain])
    before = {name: image.id for image in engine.store.images() for name in image.names}
    names = [name.full for name in item.names]
    stored = engine.store.add_image(item.config, manifest, layer, names, str(document.get("created") or ""))
    image = to_image(engine, stored)
    ids.append(image.digest)
    for name in item.names:
        if before.get(name.full, image.id) != image.id:
            yield NameMoved(name.familiar, "sha256:" + before[name.full])
        yield ImageLoaded(name.familiar)
    event(engine, image, "load")


class _Archive:
    """The members of an archive that was read: documents in memory, layers extracted."""

    def __init__(self, store: Store, stage: Path) -> None:
        self._store = store
        self._stage = stage
        self._documents: dict[str, bytes] = {}
        self._layers: dict[str, StagedLayer | Layer] = {}  # extracted, or in the store already
        self._links: dict[str, str] = {}
        self._folders = 0
        self._known = {layer.hex: layer for layer in store.all_layers() if layer.diff_id}

    def take(self, source: Source) -> None:
        """Read the archive to its end. Raises BadArchive."""
        reader = tarformat.TarReader(source, lambda _: None)
        for entry in reader:
            path = clean(entry.name)
            if entry.type == tarformat.SYMBOLIC_LINK:
                self._links[path] = clean(f"{path}/../{entry.link}" if entry.link[:1] != "/" else entry.link)
            elif entry.type == tarformat.HARD_LINK:
                self._links[path] = clean(entry.link)
            elif entry.type == tarformat.REGULAR and entry.holes is None:
                self._member(path, entry.size, Source(_Content(reader)))

    def document(self, path: str) -> bytes | None:
        """Return a member that is no layer; None when there is none."""
        return self._documents.get(self._follow(path))

    def record(self, item: Item, diff_ids: list[str]) -> tuple[str | None, list[LayerLoaded]]:
        """Make an image's layers part of the store; returns the topmost one's id and what is new.

        Raises BadArchive.
        """
        if len(item.layers) != len(diff_ids):
            raise BadArchive(
                f"invalid manifest, layers length mismatch: expected {len(item.layers)}, got {len(diff_ids)}"
            )
        parent: str | None = None
        fresh: list[tuple[str, StagedLayer]] = []
        for number, (path, diff_id) in enumerate(zip(item.layers, diff_ids, strict=True)):
            present = None if fresh else self._store.layer_by_diff(parent, diff_id)
            if present is not None:
                parent = present.id
                continue
            staged = self._staged(path, dict(fresh))
            if staged.diff_id != diff_id:
                expected, found = json.dumps(diff_id), json.dumps(staged.diff_id)
                raise BadArchive(f"invalid diffID for layer {number}: expected {expected}, got {found}")
            fresh.append((self._follow(path), staged))
        made = self._store.record_layers(self._stage, parent, [staged for _, staged in fresh])
        for layer, (path, _) in zip(self._store.layer_chain(made)[len(diff_ids) - len(fresh) :], fresh, strict=True):
            self._layers[path] = layer
        return made, [LayerLoaded(staged.diff_id, staged.archive_size) for _, staged in fresh]

    def _member(self, path: str, size: int, content: Source) -> None:
        known = self._known.get(path.rpartition("/")[2])
        if known is not None and self._store.has_archive(known):
            self._layers[path] = known
        elif looks_like_layer(content.peek(tarformat.BLOCK)):
            self._layers[path] = self._extract(content)
        elif size <= _MAX_DOCUMENT:
            self._documents[path] = bytes(content.exactly(size))

    def _staged(self, path: str, used: dict[str, StagedLayer]) -> StagedLayer:
        """Return a layer that is extracted and not recorded yet; one that is used up is extracted once more.

        Raises BadArchive.
        """
        where = self._follow(path)
        found = self._layers.get(where)
        if isinstance(found, StagedLayer) and where not in used:
            return found
        if isinstance(found, StagedLayer):
            return self._extract(Pieces(self._store.staged_archive(found)))
        if isinstance(found, Layer):
            return self._extract(Pieces(self._store.archive(found)))
        if self._documents.get(where) == b"":
            return self._extract(Pieces(iter(())))
        raise BadArchive(f"open {path}: no such file or directory")

    def _extract(self, stream: Readable) -> StagedLayer:
        self._folders += 1
        return self._store.extract_layer(stream, self._stage / str(self._folders))

    def _follow(self, path: str) -> str:
        where = clean(path)
        for _ in range(_MAX_LINKS):
            if where not in self._links:
                break
            where = self._links[where]
        return where


class _Content:
    """The content of the member that a tar reader is at, as a stream."""

    def __init__(self, reader: tarformat.TarReader) -> None:
        self._reader = reader

    def read(self, n: int, /) -> bytes:
        return bytes(self._reader.content(n))


def looks_like_layer(start: bytes) -> bool:
    """Whether a member that begins so is a tar archive, packed or not, rather than a document."""
    if magic_of(start):
        return True
    if len(start) < tarformat.BLOCK:
        return False
    if not any(start):
        return True  # an empty archive
    try:
        tarformat.check_sum(start)
    except BadArchive:
        return start[257:262] == b"ustar"
    return True
