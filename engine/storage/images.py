"""The image records of a store and the documents that belong to them.

Format: overlay-images/images.json, and a folder per image with its manifest and configuration ("big data"). A big
data name of digits, small letters and dots is its file's name; any other is "=" and its base64. An image's id is
the sha256 of its configuration. Our own flag "skiff.parent" keeps the image that one was made on, and "skiff.built" is
set where it was made here. An empty file "tagged-at" in the folder says by its time when a name was last given, other
than by a load, as dockerd counts it: a name that is given again changes nothing else. Only engine.storage uses this.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.durable import sync_folder, write_file
from engine.errors import NoSuchImage
from engine.lean_dataclasses import dataclass
from engine.storage.folders import remove_tree
from engine.storage.records import Draft, Record, RecordFiles, Snapshot
from engine.storage.times import ZERO, text_of

_TAGGED_AT = "tagged-at"  # the base64 of no big data name has a "-"
PARENT = "skiff.parent"
BUILT = "skiff.built"  # made here, by a build or a commit
NAMED = "skiff.named"  # recorded by us: among its names are the digests by which registries know it
_PLAIN = re.compile(r"[0-9a-z.]+")
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image that is to be recorded; layer is its topmost one, parent the id of the image that it is made on."""

    config: bytes
    manifest: bytes
    layer: str | None
    created: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image as the store knows it; names are full references."""

    id: str  # hex
    digest: str  # of its manifest
    names: list[str]
    layer: str | None
    created: str
    big_data: list[str]
    parent: str = ""  # the id of the image that this one was made on here, which may have gone
    built: bool = False  # made here, by a build or a commit
    digests_are_names: bool = False  # other engines keep no digests of what is pulled by a tag


class _Seen:
    """What one snapshot of the records holds, as images; made when it is first asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    @functools.cached_property
    def images(self) -> list[StoredImage]:
        """All images, in the order they were added."""
        return [to_image(record) for record in self.snapshot]

    @functools.cached_property
    def built(self) -> Mapping[str, list[StoredImage]]:
        """Those that were made here, by their parents."""
        return _by_parent(self.images)


def _by_parent(images: Iterable[StoredImage]) -> Mapping[str, list[StoredImage]]:
    found: dict[str, list[StoredImage]] = {}
    for image in images:
        if image.built:
            found.setdefault(image.parent, []).append(image)
    return found


class ImageRecords:
    """The images of one graph root, and those of the read-only stores that count with it."""

    def __init__(self, graph_root: Path, others: Sequence[ImageRecords] = (), *, read_only: bool = False) -> None:
        self.folder = graph_root / "overlay-images"
        self.others: Sequence[ImageRecords] = others
        self.records = RecordFiles(self.folder / "images.lock", self.folder / "images.json", read_only=read_only)
        self._configs: dict[str, bytes] = {}
        self._mutex = threading.Lock()
        self._swept = False
        self._seen = _Seen(Snapshot({}, {}))

    def all(self) -> list[StoredImage]:
        """Return all images in the order they were added; one that is in several stores is the first one's."""
        own = self._now().images
        if not self.others:
            return list(own)
        found = {image.id: image for image in own}
        for other in self.others:
            for image in other.all():
                found.setdefault(image.id, image)
        return list(found.values())

    def built(self) -> Mapping[str, list[StoredImage]]:
        """Return the images that were made here, by the image that each was made on, "" for none."""
        return _by_parent(self.all()) if self.others else self._now().built

    def _now(self) -> _Seen:
        """Return the records as they are now, as images; the same object as long as nobody changes them."""
        now = self.records.snapshot()
        seen = self._seen
        if seen.snapshot is not now:
            seen = self._seen = _Seen(now)
        return seen

    def get(self, image_id: str) -> StoredImage:
        """Return the image with this id. Raises NoSuchImage."""
        return to_image(self.record(image_id))

    def record(self, image_id: str) -> Record:
        """Return the record of an image, whichever store it is in; not under the write lock. Raises NoSuchImage."""
        record = self.records.snapshot().get(image_id)
        return self._others_record(image_id) if record is None else record

    def _others_record(self, image_id: str) -> Record:
        for other in self.others:
            record = other.records.snapshot().get(image_id)
            if record is not None:
                return record
        raise NoSuchImage(image_id)

    def data(self, image_id: str, name: str) -> bytes:
        """Return a document of an image: "manifest", "manifest-<digest>" or "sha256:<id>". Raises NoSuchImage."""
        for store in (self, *self.others):
            try:
                return (store.folder / image_id / data_file(name)).read_bytes()
            except FileNotFoundError:
                continue
        raise NoSuchImage(image_id)

    def config(self, image_id: str) -> bytes:
        """Return an image's configuration; it never changes. Raises NoSuchImage."""
        with self._mutex:
            known = self._configs.get(image_id)
        if known is None:
            known = self.data(image_id, "sha256:" + image_id)
            with self._mutex:
                self._configs[image_id] = known
        return known

    @contextmanager
    def writing(self) -> Iterator[Draft]:
        """Hold the images' write lock; documents that a crash left without an image are gone when the block begins."""
        with self.records.writing() as draft:
            if not self._swept:
                for name in os.listdir(self.folder):
                    if _IMAGE_ID.fullmatch(name) and name not in draft:
                        remove_tree(self.folder / name)
                self._swept = True
            yield draft

    @contextmanager
    def cleaning(self) -> Iterator[Draft]:
        """Do the same after looking at everything anew, whatever this process has looked at before."""
        self._swept = False
        with self.writing() as draft:
            yield draft

    def add(
        self,
        draft: Draft,
        config: bytes,
        manifest: bytes,
        layer: str | None,
        created: str,
        parent: str = "",
        others: Iterable[bytes] = (),
        *,
        built: bool = False,
        synced: bool = True,
    ) -> str:
        """Record an image, put on disk with its documents; one that is there already gains those that it lacks.

        others: more manifests and indexes by which registries know it. built: it was made here. Without synced the
        caller puts the documents on disk, before it saves the draft. Returns the image's id.
        """
        image_id = hashlib.sha256(config).hexdigest()
        made_here = {**({PARENT: parent} if parent else {}), **({BUILT: True} if built else {})}
        digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
        documents = {"sha256:" + image_id: config, "manifest-" + digest: manifest, "manifest": manifest}
        documents |= {f"manifest-sha256:{hashlib.sha256(other).hexdigest()}": other for other in others}
        if image_id in draft:
            self._complete(draft, image_id, documents)
            present = draft.get(image_id) or {}
            if made_here.items() - (present.get("flags") or {}).items():
                draft.put({**present, "flags": {**(present.get("flags") or {}), **made_here}})
            return image_id
        folder = self.folder / image_id
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, data in documents.items():
            write_file(folder / data_file(name), data, sync=synced)
        if synced:
            sync_folder(self.folder)
        record: Record = {
            "id": image_id,
            "digest": digest,
            "metadata": "{}",
            "big-data-names": list(documents),
            "big-data-sizes": {name: len(data) for name, data in documents.items()},
            "big-data-digests": {
                name: "sha256:" + hashlib.sha256(data).hexdigest() for name, data in documents.items()
            },
            "created": created or ZERO,
        }
        if layer is not None:
            record["layer"] = layer
        record["flags"] = {NAMED: True, **made_here}
        draft.put(record)
        return image_id

    def _complete(self, draft: Draft, image_id: str, documents: dict[str, bytes]) -> None:
        """Give an image the documents that it does not have."""
        record = draft.get(image_id) or {}
        missing = {name: data for name, data in documents.items() if name not in (record.get("big-data-names") or [])}
        if not missing:
            return
        for name, data in missing.items():
            write_file(self.folder / image_id / data_file(name), data)
        digests = {name: "sha256:" + hashlib.sha256(data).hexdigest() for name, data in missing.items()}
        sizes = {name: len(data) for name, data in missing.items()}
        draft.put(
            {
                **record,
                "big-data-names": [*(record.get("big-data-names") or []), *missing],
                "big-data-sizes": {**(record.get("big-data-sizes") or {}), **sizes},
                "big-data-digests": {**(record.get("big-data-digests") or {}), **digests},
            }
        )

    def adopt(self, draft: Draft, image_id: str) -> Record:
        """Return the record of an image that is to be changed; one of a read-only store is taken into this one.

        Its layers stay where they are. Raises NoSuchImage.
        """
        present = draft.get(image_id)
        if present is not None:
            return present
        record = self._others_record(image_id)
        folder = self.folder / image_id
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in record.get("big-data-names") or []:
            write_file(folder / data_file(name), self.data(image_id, name))
        sync_folder(self.folder)
        draft.put(record)
        return record

    def name(self, draft: Draft, image_id: str, names: list[str], *, tagged: bool) -> None:
        """Give an image these names, and only these; another image that has one of them loses it.

        tagged: this is the time of its last tag.
        """
        wanted = set(names)
        for record in list(draft):
            theirs = record.get("names")
            if theirs and record["id"] != image_id and not wanted.isdisjoint(theirs):
                draft.put(_named(record, [name for name in theirs if name not in wanted]))
        record = draft.get(image_id) or {}
        if names != (record.get("names") or []):
            history = list(dict.fromkeys([*reversed(names), *(record.get("names-history") or [])]))
            draft.put({**_named(record, names), "names-history": history})
        if tagged:
            folder = self.folder / image_id
            folder.mkdir(mode=0o700, exist_ok=True)  # another engine's image without documents has none
            fd = os.open(folder / _TAGGED_AT, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                now = time.time_ns()
                os.utime(fd, ns=(now, now))
            finally:
                os.close(fd)

    def tagged_at(self, image_id: str) -> str:
        """Return the time of an image's last tag, ZERO where it had none."""
        try:
            return text_of(os.stat(self.folder / image_id / _TAGGED_AT).st_mtime_ns)
        except FileNotFoundError:
            return ZERO


def to_image(record: Record) -> StoredImage:
    """Return a record's image."""
    return StoredImage(
        id=record["id"],
        digest=record.get("digest", ""),
        names=list(record.get("names") or []),
        layer=record.get("layer") or None,
        created=record.get("created", ZERO),
        big_data=list(record.get("big-data-names") or []),
        parent=(record.get("flags") or {}).get(PARENT, ""),
        digests_are_names=bool((record.get("flags") or {}).get(NAMED)),
        built=bool((record.get("flags") or {}).get(BUILT) or (record.get("flags") or {}).get(PARENT)),
    )


def data_file(name: str) -> str:
    """Return the file name that a big data name has on disk."""
    return name if _PLAIN.fullmatch(name) else "=" + base64.b64encode(os.fsencode(name)).decode()


def _named(record: Record, names: list[str]) -> Record:
    renamed = {key: value for key, value in record.items() if key != "names"}
    if names:
        renamed["names"] = names
    return renamed
