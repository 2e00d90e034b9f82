"""The build cache as its users see it: the steps that builds have made, and the folders of cache mounts.

Table build_cache has a row for each step that was made or found: the image is in the store like any other, without a
name. Pruning removes images that nothing else needs, and cache folders that no build uses.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from engine import locks
from engine.errors import EngineError, InvalidFilter, InvalidParameter, NoSuchImage, NoSuchLayer
from engine.filters import BadTime, truth, until
from engine.lean_dataclasses import dataclass, field
from engine.storage.folders import content_size, remove_tree

if TYPE_CHECKING:
    from engine import Engine
    from engine.storage.images import StoredImage

REGULAR, CACHE_MOUNT = "regular", "exec.cachemount"
FILTERS = frozenset(
    ("id", "id~", "parent", "parents", "type", "description", "inuse", "shared", "private", "until", "unused-for",
     "mutable", "immutable")
)  # fmt: skip


class BadCacheFilter(InvalidParameter):
    """A filter that a prune of the cache does not take."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"failed to prune build cache: {cause}")
        self.cause = cause


@dataclass(frozen=True, slots=True)
class CacheRecord:
    """One thing that the build cache holds; times are nanoseconds since 1970, used 0 for never."""

    id: str
    parents: list[str]
    type: str
    description: str
    in_use: bool
    shared: bool
    size: int
    created: int
    used: int
    uses: int


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """What is to be removed; sizes are bytes, 0 for no limit. all: also what images with names are made of."""

    all: bool = False
    filters: dict[str, list[str]] = field(default_factory=dict)
    reserved: int = 0  # so much may stay
    maximum: int = 0  # more than this is removed, whatever is reserved
    free: int = 0  # removal ends when the file system has so much room


@dataclass(frozen=True, slots=True)
class CachePruned:
    """What was removed, and the bytes that it took."""

    ids: list[str]
    size: int


def records(engine: Engine) -> list[CacheRecord]:
    """Return everything in the cache, the steps in the order in which they were made."""
    return [*_steps(engine), *_mounts(engine)]


def prune(engine: Engine, request: PruneRequest) -> CachePruned:
    """Remove what nothing needs, what was used longest ago first. Raises BadCacheFilter."""
    try:
        chosen = _chooser(request)
    except BadTime as error:
        name = next(name for name in ("until", "unused-for") if error.value in request.filters.get(name, []))
        expected = f"\"{name}\" filter expects a duration (e.g., '24h') or a timestamp"
        raise BadCacheFilter(f"{expected}: {error.cause}") from None
    except InvalidFilter as error:
        raise BadCacheFilter(str(error)) from None
    found = sorted(records(engine), key=lambda record: record.used or record.created)
    total = sum(record.size for record in found)
    removed: list[str] = []
    size = 0
    again = True
    while again:  # what a step was the last child of can go in the next round
        again = False
        parents = {parent for record in found if record.id not in removed for parent in record.parents}
        for record in found:
            if record.id in removed or record.in_use or record.id in parents or not chosen(record):
                continue
            if _enough(engine, request, total - size):
                break
            if not _remove(engine, record):
                continue
            removed.append(record.id)
            size += record.size
            again = True
    with engine.database.transaction() as tx:
        tx.event("builder", "prune", "", {"reclaimed": str(size)})
    return CachePruned(removed, size)


def _enough(engine: Engine, request: PruneRequest, left: int) -> bool:
    """Whether what is left may stay."""
    if request.maximum and left > request.maximum:
        return False
    if request.reserved and left <= request.reserved:
        return True
    if request.free:
        found = os.statvfs(engine.store.graph_root)
        return found.f_bavail * found.f_frsize >= request.free
    return bool(request.maximum)


def _chooser(request: PruneRequest) -> Chooser:
    for name in request.filters:
        if name not in FILTERS:
            raise InvalidFilter(name)
    before = [until(value) for name in ("until", "unused-for") for value in request.filters.get(name, [])]
    flags = {
        name: truth(name, request.filters[name])
        for name in ("inuse", "shared", "private", "mutable", "immutable")
        if request.filters.get(name)
    }
    return Chooser(request.filters, min(before) if before else 0, flags)


@dataclass(frozen=True, slots=True)
class Chooser:
    """Tells which records a prune request means."""

    filters: dict[str, list[str]]
    before: int
    flags: dict[str, bool]

    def __call__(self, record: CacheRecord) -> bool:
        """Whether it means this one."""
        if self.before and (record.used or record.created) >= self.before:
            return False
        texts = {"id": [record.id], "type": [record.type], "description": [record.description]}
        texts["parent"] = texts["parents"] = record.parents
        for name, own in texts.items():
            wanted = self.filters.get(name)
            if wanted and not any(each == value for value in wanted for each in own):
                return False
        if any(value not in record.id for value in self.filters.get("id~", [])):
            return False
        facts = {
            "inuse": record.in_use,
            "shared": record.shared,
            "private": not record.shared,
            "mutable": record.type == CACHE_MOUNT,
            "immutable": record.type != CACHE_MOUNT,
        }
        return all(facts[name] == value for name, value in self.flags.items())


def _steps(engine: Engine) -> list[CacheRecord]:
    stored = {image.id: image for image in engine.store.images()}
    rows = engine.database.rows("SELECT * FROM build_cache ORDER BY created")
    needed = _needed(engine, stored)
    found = []
    for row in rows:
        image = stored.get(row["id"])
        if image is None:
            continue
        found.append(
            CacheRecord(
                id=row["id"],
                parents=[row["parent"]] if row["parent"] in stored else [],
                type=REGULAR,
                description=row["description"],
                in_use=row["id"] in needed,
                shared=row["id"] in needed,
                size=_own_size(engine, image, stored.get(image.parent)),
                created=row["created"],
                used=row["used"] if row["uses"] else 0,
                uses=row["uses"],
            )
        )
    return found


def _needed(engine: Engine, stored: dict[str, StoredImage]) -> set[str]:
    """Return the images that have names or containers, and all that they were made on."""
    found: set[str] = set()
    used = {row["image_id"] for row in engine.database.rows("SELECT DISTINCT image_id FROM containers")}
    for image in stored.values():
        if image.names or image.id in used:
            each: StoredImage | None = image
            while each is not None and each.id not in found:
                found.add(each.id)
                each = stored.get(each.parent)
    return found


def _own_size(engine: Engine, image: StoredImage, parent: StoredImage | None) -> int:
    """Return the bytes of the layer that a step made, 0 where it made none."""
    if image.layer is None or (parent is not None and parent.layer == image.layer):
        return 0
    try:
        return engine.store.layer_size(engine.store.layer(image.layer))
    except NoSuchLayer:
        return 0


def _mounts(engine: Engine) -> list[CacheRecord]:
    folder = engine.settings.root / "build" / "caches"
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        path = folder / name
        try:
            status = (path / "lock").stat()
            identity = (path / "id").read_text(errors="surrogateescape")
        except FileNotFoundError:
            continue
        found.append(
            CacheRecord(
                id=name,
                parents=[],
                type=CACHE_MOUNT,
                description=f"cached mount {identity}",
                in_use=locks.is_held(path / "lock"),
                shared=False,
                size=content_size(path / "content"),
                created=int(status.st_ctime_ns),
                used=int((path / "id").stat().st_mtime_ns),
                uses=1,
            )
        )
    return found


def _remove(engine: Engine, record: CacheRecord) -> bool:
    """Remove one thing; returns False when somebody began to use it meanwhile."""
    if record.type == CACHE_MOUNT:
        path = engine.settings.root / "build" / "caches" / record.id
        fd = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(path)
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        return True
    try:
        engine.store.delete_image(record.id)
    except NoSuchImage:
        pass
    except EngineError:
        return False
    with engine.database.transaction() as tx:
        tx.execute("DELETE FROM build_cache WHERE id = ?", (record.id,))
        tx.event("image", "delete", f"sha256:{record.id}", {"name": f"sha256:{record.id}"})
    return True
