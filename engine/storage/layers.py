"""The layers of a store: their records, and adding and dropping them.

Format: overlay-layers/layers.json, volatile-layers.json for --rm containers, <layer>.tar-split.gz. An image's layer is
named as podman names it, by what it is made of: the hex of its diff id, or for one with a parent the sha256 of
"<parent>+<that hex>"; a container's has a random id. A record with the flag "incomplete" is being written or removed:
readers do not see it and the next writer removes it. Two flags are our own: "skiff.content-size", the layer's size as
dockerd counts it, and "skiff.stage", the temporary folder that lives until the layer's image is recorded: once it is
gone and nothing needs the layer, its load was killed and the next writer removes it. Only engine.storage uses this.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine import syscalls
from engine.errors import NoSuchLayer
from engine.lean_dataclasses import dataclass
from engine.storage.folders import content_size, discard, in_use, move_file, recover, remove_tree, temporary_folder
from engine.storage.overlay import MAX_DEPTH, ROOT_MODE, Overlay
from engine.storage.records import Draft, Record, RecordFiles, Snapshot
from engine.storage.source import Readable
from engine.storage.times import now_text

if TYPE_CHECKING:
    from engine.storage.incoming import Expected

INCOMPLETE = "incomplete"
CONTENT_SIZE = "skiff.content-size"
STAGE = "skiff.stage"
TAR_SPLIT = ".tar-split.gz"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer; diff_id is that of its archive, "" for a container's."""

    id: str
    parent: str | None
    diff_id: str
    archive_size: int
    content_size: int | None  # as dockerd counts it; None: another engine made it and nobody counted yet
    compressed_digest: str  # of the stream that it came as
    compressed_size: int
    packing: int  # of that stream, in containers/storage's numbers, 0 for none
    created: str

    @property
    def hex(self) -> str:
        """The diff id without its algorithm."""
        return self.diff_id.removeprefix("sha256:")


@dataclass(frozen=True, slots=True)
class StagedLayer:
    """A layer that was extracted but is not recorded yet, nor known to be on disk."""

    diff: Path
    split: Path
    diff_id: str
    archive_size: int
    content_size: int
    uids: list[int]
    gids: list[int]
    compressed_digest: str  # of the stream that it came as
    compressed_size: int
    packing: int  # of that stream, in containers/storage's numbers, 0 for none


def layer_id(parent: str | None, diff_id: str) -> str:
    """Return the id of the layer that a diff makes on a parent."""
    digest = diff_id.removeprefix("sha256:")
    return digest if parent is None else hashlib.sha256(f"{parent}+{digest}".encode()).hexdigest()


class Layers:
    """The layers of one graph root, and those of the read-only stores that count with it."""

    def __init__(
        self,
        graph_root: Path,
        others: Sequence[Layers] = (),
        mount_options: Sequence[str] = (),
        *,
        read_only: bool = False,
    ) -> None:
        self.folder = graph_root / "overlay-layers"
        self.others: Sequence[Layers] = others
        self.overlay: Overlay = Overlay(graph_root / "overlay", [other.overlay for other in others], mount_options)
        self.records = RecordFiles(
            self.folder / "layers.lock",
            self.folder / "layers.json",
            self.folder / "volatile-layers.json",
            read_only=read_only,
        )
        self.staging = graph_root / "overlay" / "tempdirs"
        self._swept = False
        self._checked = -1
        self._sizes: dict[str, int] = {}
        self._mutex = threading.Lock()

    def get(self, wanted: str) -> Layer:
        """Return the layer with this id. Raises NoSuchLayer."""
        record = self._record(self.snapshots(), wanted)
        if record is None:
            raise NoSuchLayer(wanted)
        return to_layer(record)

    def snapshots(self) -> list[Snapshot]:
        """Return the records of this store and of those beside it."""
        return [self.records.snapshot(), *(other.records.snapshot() for other in self.others)]

    @staticmethod
    def _record(stores: list[Snapshot], wanted: str) -> Record | None:
        for layers in stores:
            record = layers.get(wanted)
            if record is not None and not is_incomplete(record):
                return record
        return None

    def all(self) -> list[Layer]:
        """Return all whole layers."""
        found: dict[str, Layer] = {}
        for layers in self.snapshots():
            for record in layers:
                if not is_incomplete(record):
                    found.setdefault(record["id"], to_layer(record))
        return list(found.values())

    def find(self, parent: str | None, diff_id: str) -> Layer | None:
        """Return the layer that this diff makes on that parent, whatever its id, if the store has it."""
        stores = self.snapshots()
        found = self._record(stores, layer_id(parent, diff_id))
        if found is not None and _is(found, parent, diff_id):
            return to_layer(found)
        for layers in stores:
            for record in layers:
                if _is(record, parent, diff_id):
                    return to_layer(record)
        return None

    def chain(self, top: str | None) -> list[Layer]:
        """Return a layer and all below it, the base first. Raises NoSuchLayer."""
        stores = self.snapshots()
        found: list[Layer] = []
        while top is not None:
            record = self._record(stores, top)
            if record is None:
                raise NoSuchLayer(top)
            found.append(to_layer(record))
            top = found[-1].parent
            if len(found) > MAX_DEPTH:  # records that name each other
                raise NoSuchLayer(found[0].id)
        return found[::-1]

    def size(self, layer: Layer) -> int:
        """Return what a layer's content takes, as dockerd counts it."""
        if layer.content_size is not None:
            return layer.content_size
        with self._mutex:
            known = self._sizes.get(layer.id)
        if known is None:
            known = content_size(self.overlay.found(layer.id) / "diff")
            with self._mutex:
                self._sizes[layer.id] = known
        return known

    def tar_split(self, wanted: str) -> Path:
        """Return the file from which a layer's archive can be made again; it may be missing."""
        own = self.folder / (wanted + TAR_SPLIT)
        places = (own, *(other.folder / (wanted + TAR_SPLIT) for other in self.others))
        return next((path for path in places if path.exists()), own)

    @contextmanager
    def writing(self) -> Iterator[Draft]:
        """Hold the layers' write lock; what a crash left half done is gone when the block begins."""
        with self.records.writing() as draft:
            self._clean(draft)
            yield draft

    @contextmanager
    def cleaning(self) -> Iterator[Draft]:
        """Do the same after looking at everything anew, whatever this process has looked at before."""
        self._swept, self._checked = False, -1
        with self.writing() as draft:
            yield draft

    def staged(self, layers: Snapshot) -> set[str]:
        """Return the layers that a load or a build is still to record images for."""
        stages = {record["id"]: (record.get("flags") or {}).get(STAGE) for record in layers}
        return {wanted for wanted, stage in stages.items() if stage and in_use(self.staging / stage)}

    def drop_abandoned(self, draft: Draft, needed: set[str]) -> None:
        """Remove the layers of loads that were killed before their images were recorded."""
        gone = abandoned(draft, needed, lambda stage: in_use(self.staging / stage))
        if gone:
            with temporary_folder(self.staging) as stage:
                self.drop(draft, gone, stage)

    def extract(self, stream: Readable, folder: Path, expected: Expected | None = None) -> StagedLayer:
        """Extract a tar stream, packed or not, into a new folder, to be recorded on any parent later.

        The folder lies in a temporary folder of the store's staging area. Raises BadArchive, its kinds WrongDigest,
        WrongSize, WrongDiffId and DecompressionBomb, NoZstd, LayerUnwritable, OSError, and whatever reading the
        stream raises.
        """
        from engine.storage.extract import extract
        from engine.storage.incoming import Incoming

        folder.mkdir(mode=0o700)
        diff, split = folder / "diff", folder / "split"
        diff.mkdir()
        diff.chmod(ROOT_MODE)
        with open(split, "xb") as file, Incoming(stream, expected, room=free_bytes(folder)) as incoming:
            os.fchmod(file.fileno(), 0o600)
            made = extract(incoming, diff, file)
            arrived = incoming.arrived()
        return StagedLayer(
            diff,
            split,
            arrived.diff_id,
            arrived.archive_size,
            made.content_size,
            made.uids,
            made.gids,
            arrived.digest,
            arrived.size,
            arrived.packing,
        )

    def record(self, parent: str | None, staged: StagedLayer, stage: Path | None = None) -> Layer:
        """Make an extracted layer part of the store; returns it, or the one that is the same.

        What it consists of must be on disk already (put_on_disk). With stage the layer counts only once something
        needs it, or as long as that temporary folder lives. Raises NoSuchLayer for the parent.
        """
        record: Record = {
            "id": layer_id(parent, staged.diff_id),
            "created": now_text(),
            "compressed-diff-digest": staged.compressed_digest,
            "compressed-size": staged.compressed_size,
            "diff-digest": staged.diff_id,
            "diff-size": staged.archive_size,
            **({"compression": staged.packing} if staged.packing else {}),
            "flags": {CONTENT_SIZE: staged.content_size, **({STAGE: stage.name} if stage else {})},
        }
        if parent is not None:
            record["parent"] = parent
        if staged.uids:
            record["uidset"], record["gidset"] = staged.uids, staged.gids
        with self.writing() as draft:
            stores = [draft, *(other.records.snapshot() for other in self.others)]
            if parent is not None and self._record(stores, parent) is None:
                raise NoSuchLayer(parent)
            present = self._record(stores, record["id"])
            if present is not None:
                return to_layer(present)
            self.overlay.make(record["id"], parent, diff=staged.diff)
            move_file(staged.split, self.folder / (record["id"] + TAR_SPLIT))
            draft.put(record)
            draft.save()
        return to_layer(record)

    def drop(self, draft: Draft, gone: list[str], stage: Path) -> None:
        """Take layers out of the records, then move their folders to stage, a temporary folder, to die there.

        In that order: a crash between leaves a folder without a record, which the next writer removes.
        """
        for wanted in gone:
            draft.remove(wanted)
        draft.save()
        for wanted in gone:
            self.overlay.unmount(wanted)
            self.overlay.unlink(wanted)
            for path in (self.overlay.folder(wanted), self.folder / (wanted + TAR_SPLIT), self.folder / wanted):
                discard(path, stage)

    def _clean(self, draft: Draft) -> None:
        """Remove layers that were not finished and, once per process, folders that no record names."""
        if self._checked != self.records.reads:
            gone = [record["id"] for record in draft if is_incomplete(record)]
            if gone:
                with temporary_folder(self.staging) as stage:
                    self.drop(draft, gone, stage)
            self._checked = self.records.reads
        if not self._swept:
            recover(self.staging)
            for name in self.overlay.layer_folders():
                if name not in draft:
                    try:
                        self.overlay.remove(name)
                    except OSError as error:  # no reason to refuse what is to be written; the next process tries again
                        log.warning("Layer %s: cannot remove what is left of it: %s", name, error)
            for name in os.listdir(self.folder):
                if name.endswith(TAR_SPLIT) and name.removesuffix(TAR_SPLIT) not in draft:
                    remove_tree(self.folder / name)
            self._swept = True


def is_incomplete(record: Record) -> bool:
    """Whether a layer is being written or removed, or was when its writer died."""
    return bool(record.get("flags") and record["flags"].get(INCOMPLETE))


def to_layer(record: Record) -> Layer:
    """Return a record's layer."""
    size = (record.get("flags") or {}).get(CONTENT_SIZE)
    return Layer(
        id=record["id"],
        parent=record.get("parent") or None,
        diff_id=record.get("diff-digest", ""),
        archive_size=record.get("diff-size", 0),
        content_size=None if size is None else int(size),
        compressed_digest=record.get("compressed-diff-digest", ""),
        compressed_size=record.get("compressed-size", 0),
        packing=record.get("compression", 0),
        created=record.get("created", ""),
    )


def abandoned(layers: Snapshot, needed: set[str], lives: Callable[[str], bool]) -> list[str]:
    """Return the layers that a killed load recorded and nothing needs, the upper ones first.

    needed are the layers of images and containers; lives tells whether a stage is still in use.
    """
    above = children(layers)
    gone: list[str] = []
    # A layer is recorded after its parent, so that going backwards sees children before parents.
    for record in reversed([*layers]):
        stage = (record.get("flags") or {}).get(STAGE)
        if (
            stage
            and record["id"] not in needed
            and not set(above.get(record["id"], [])) - set(gone)
            and not lives(stage)
        ):
            gone.append(record["id"])
    return gone


def children(layers: Snapshot) -> dict[str, list[str]]:
    """Return the layers that lie directly on each layer."""
    found: dict[str, list[str]] = {}
    for record in layers:
        if parent := record.get("parent"):
            found.setdefault(parent, []).append(record["id"])
    return found


def _is(record: Record, parent: str | None, diff_id: str) -> bool:
    same = record.get("diff-digest") == diff_id and (record.get("parent") or None) == parent
    return same and not is_incomplete(record)


def free_bytes(folder: Path) -> int:
    """Return how much more the file system of a folder holds."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def put_on_disk(folder: Path) -> None:
    """Wait until all that was written to the file system that folder lies on is on disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syscalls.syncfs(fd)
    finally:
        os.close(fd)
