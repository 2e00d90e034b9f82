"""One graph root of containers/storage with the overlay driver: images, layers and containers' root file systems.

podman, buildah, skopeo and CRI-O work on the same files at the same time. Locks are taken in the order layers,
images, containers, mounts and never while a client's bytes are awaited: an archive is extracted into a temporary
folder and renamed to its place when it is whole and on disk. Any number of threads and processes may use one
graph root; a Store keeps nothing but what it last read.

    overlay/            what the layers hold (engine.storage.overlay)
    overlay-layers/     the layers' records (engine.storage.layers)
    overlay-images/     the images' records, manifests and configurations (engine.storage.images)
    overlay-containers/ the containers' records (engine.storage.containers)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import NoSuchContainer, NoSuchImage, NoSuchLayer, ReadOnlyImage, StoredImageInUse
from engine.lean_dataclasses import dataclass
from engine.storage.containers import (
    ContainerRecords,
    MountRecords,
    StoredContainer,
    container_record,
    to_container,
    with_free_name,
)
from engine.storage.folders import content_size, discard, is_little, temporary_folder
from engine.storage.images import ImageRecords, NewImage, StoredImage, to_image
from engine.storage.layers import Layer, Layers, StagedLayer, children, put_on_disk, to_layer
from engine.storage.overlay import Graph
from engine.storage.records import Draft, Record, Snapshot
from engine.storage.source import Readable
from engine.storage.times import now_text

if TYPE_CHECKING:
    from engine.storage.pack import Leave
    from engine.storage.scratch import Scratch

if TYPE_CHECKING:
    from engine.storage.incoming import Expected

Later = Callable[[Callable[[], object]], object]  # takes what is to be done when nobody waits any more

REMEMBERED = 1024  # containers whose place in the store is kept in memory


class Store:
    """The images, layers and container file systems below one graph root."""

    def __init__(
        self, graph_root: Path, run_root: Path, additional: Sequence[Path] = (), mount_options: Sequence[str] = ()
    ) -> None:
        """Take the graph roots of read-only stores whose images count, too, and options for containers' mounts."""
        self.graph_root = graph_root
        self.run_root = run_root
        beside = [path for path in additional if path != graph_root]
        self.layers = Layers(graph_root, [Layers(path, read_only=True) for path in beside], mount_options)
        self.image_records = ImageRecords(graph_root, [ImageRecords(path, read_only=True) for path in beside])
        self.container_records = ContainerRecords(graph_root)
        self.mounts = MountRecords(run_root)
        self._collected = False
        # A container's layer, and what lies below it, never change.
        remembered = lru_cache(maxsize=REMEMBERED)
        self._graph_of = remembered(lambda container_id: self.layers.overlay.graph(self._layer_of(container_id)))
        self._bytes_below = remembered(self._count_bytes_below)

    # Images

    def images(self) -> list[StoredImage]:
        """Return all images."""
        return self.image_records.all()

    def built_images(self) -> Mapping[str, list[StoredImage]]:
        """Return the images that were made here, by the id of the image that each was made on, "" for none."""
        return self.image_records.built()

    def image(self, image_id: str) -> StoredImage:
        """Return the image with this full id. Raises NoSuchImage."""
        return self.image_records.get(image_id)

    def tagged_at(self, image_id: str) -> str:
        """Return the time of an image's last tag other than by a load, 0001-01-01T00:00:00Z where it had none."""
        return self.image_records.tagged_at(image_id)

    def config(self, image_id: str) -> bytes:
        """Return an image's configuration document. Raises NoSuchImage."""
        return self.image_records.config(image_id)

    def manifest(self, image_id: str) -> bytes:
        """Return an image's manifest. Raises NoSuchImage."""
        return self.image_records.data(image_id, "manifest")

    def image_document(self, image_id: str, name: str) -> bytes:
        """Return a document that is kept with an image, by its big data name. Raises NoSuchImage."""
        return self.image_records.data(image_id, name)

    def add_image(
        self,
        config: bytes,
        manifest: bytes,
        top_layer: str | None,
        names: list[str],
        created: str = "",
        *,
        tagged: bool = False,
        parent: str = "",
        others: Iterable[bytes] = (),
    ) -> StoredImage:
        """Record an image on layers that are there, on disk when this returns; names move to it from others.

        An image with the same configuration is the same image: it keeps its names and gains these. tagged: this is
        the time of its last tag. parent: the id of the image that it was made on. others: more manifests and indexes by
        which registries know it. Raises NoSuchLayer when somebody removed the layers meanwhile.
        """
        with self.layers.records.reading() as layers, self.image_records.writing() as images:
            if top_layer is not None and top_layer not in layers:
                for other in self.layers.others:
                    if top_layer in other.records.snapshot():
                        break
                else:
                    raise NoSuchLayer(top_layer)
            image_id = self.image_records.add(images, config, manifest, top_layer, created, parent, others)
            present = (images.get(image_id) or {}).get("names") or []
            if names or not present:
                every = [*present, *(name for name in names if name not in present)]
                self.image_records.name(images, image_id, every, tagged=tagged)
            images.save()
            return to_image(images.get(image_id) or {})

    def add_images(self, new: list[NewImage]) -> None:
        """Record images that were built on layers that are there, all at once, on disk when this returns.

        Raises NoSuchLayer when somebody removed the layers meanwhile; then none is recorded.
        """
        with self.layers.records.reading() as layers, self.image_records.writing() as images:
            for each in new:
                if each.layer is not None and each.layer not in layers:
                    raise NoSuchLayer(each.layer)
                self.image_records.add(
                    images,
                    each.config,
                    each.manifest,
                    each.layer,
                    each.created,
                    each.parent,
                    built=True,
                    synced=False,
                )
            put_on_disk(self.image_records.folder)
            images.save()

    def set_names(self, image_id: str, add: list[str], remove: list[str]) -> StoredImage:
        """Give an image names and take names from it, in one step; an added name leaves the image that had it.

        Raises NoSuchImage.
        """
        with self.image_records.writing() as images:
            record = self.image_records.adopt(images, image_id)
            kept = [name for name in record.get("names") or [] if name not in remove and name not in add]
            self.image_records.name(images, image_id, [*kept, *dict.fromkeys(add)], tagged=bool(add))
            images.save()
            return to_image(images.get(image_id) or {})

    def delete_image(self, image_id: str, *, despite: Collection[str] = ()) -> list[Layer]:
        """Remove an image and those of its layers that nothing else needs; returns these, the topmost first.

        The containers in despite do not hold it: they keep the layers, which go with the last of them. Raises
        NoSuchImage, StoredImageInUse.
        """
        with temporary_folder(self.layers.staging) as stage, self._writing_layers() as layers:
            with self.image_records.writing() as images:
                record = images.get(image_id)
                if record is None:
                    if any(image_id in other.records.snapshot() for other in self.image_records.others):
                        raise ReadOnlyImage(image_id)
                    raise NoSuchImage(image_id)
                with self.container_records.records.reading() as containers:
                    used = {other.get("layer", "") for other in containers}
                    for other in containers:
                        if other.get("image") == image_id and other["id"] not in despite:
                            raise StoredImageInUse(image_id, other["id"])
                for other in images:
                    if other["id"] != image_id:
                        used.update([other.get("layer", ""), *(other.get("mapped-layers") or [])])
                images.remove(image_id)
                images.save()
            gone = unused_chain(record, layers, used)
            removed = [to_layer(layer) for wanted in gone if (layer := layers.get(wanted))]
            self.layers.drop(layers, gone, stage)
            discard(self.image_records.folder / image_id, stage)
        return removed

    # Layers

    def layer(self, layer_id: str) -> Layer:
        """Return the layer with this id. Raises NoSuchLayer."""
        return self.layers.get(layer_id)

    def layer_by_diff(self, parent: str | None, diff_id: str) -> Layer | None:
        """Return the layer that this diff makes on that parent, if it is there."""
        return self.layers.find(parent, diff_id)

    def layer_chain(self, top_layer: str | None) -> list[Layer]:
        """Return a layer and all below it, the base first. Raises NoSuchLayer."""
        return self.layers.chain(top_layer)

    def layer_size(self, layer: Layer) -> int:
        """Return the bytes of a layer's content, as dockerd counts them."""
        return self.layers.size(layer)

    def staging(self) -> AbstractContextManager[Path]:
        """Give a temporary folder for layers that are being extracted; it goes when the block ends."""
        return temporary_folder(self.layers.staging)

    def extract_layer(self, stream: Readable, folder: Path, expected: Expected | None = None) -> StagedLayer:
        """Extract a tar stream, packed or not, into a new folder below a staging folder; no lock is held meanwhile.

        The stream is unpacked, hashed and compared with what is expected of it while it comes in, in bounded memory;
        several may be extracted at once, each in a thread of its own. The caller's thread extracts, another reads the
        stream. Raises BadArchive, its kinds WrongDigest, WrongSize, WrongDiffId and DecompressionBomb, NoZstd,
        LayerUnwritable, OSError, and whatever reading the stream raises.
        """
        return self.layers.extract(stream, folder, expected)

    def record_layers(self, stage: Path, parent: str | None, staged: list[StagedLayer]) -> str | None:
        """Make extracted layers part of the store, each on the one before; returns the last one's id.

        They are put on disk first. The image must be added before the staging folder goes: a later writer removes
        layers that nothing needs by then. Raises NoSuchLayer for the parent.
        """
        if staged:
            put_on_disk(stage)
        for each in staged:
            parent = self.layers.record(parent, each, stage).id
        return parent

    def add_layer(self, parent: str | None, stream: Readable, expected: Expected | None = None) -> Layer:
        """Make a layer on parent from a tar stream, packed or not, or return the one that is the same.

        It shows up when it is whole, verified and on disk, never before. Raises what extract_layer raises, and
        NoSuchLayer (the parent); nothing is left behind then.
        """
        with self.staging() as stage:
            staged = self.extract_layer(stream, stage / "layer", expected)
            put_on_disk(stage)
            return self.layers.record(parent, staged)

    def scratch(self, parent: str | None, folder: Path) -> AbstractContextManager[Scratch]:
        """Open a new layer over a parent, to write to; folder is a new one below a staging folder."""
        from engine.storage.scratch import writable

        return writable(self.layers.overlay, parent, folder)

    def tree(self, top: str | None, folder: Path) -> AbstractContextManager[int]:
        """Open the tree of a layer with all below it, to read; folder is a new one below a staging folder."""
        from engine.storage.scratch import readable

        return readable(self.layers.overlay, top, folder)

    def shown(self, top: str | Path, place: Path, upper: Path | None) -> AbstractContextManager[None]:
        """Mount a layer's tree, or a folder, where containers can have it; see engine.storage.scratch."""
        from engine.storage.scratch import shown

        return shown(self.layers.overlay, top, place, upper)

    def adopt(self, diff: Path, split: Path, leave: Leave | None = None, epoch: int | None = None) -> StagedLayer:
        """Make a layer of a folder as it lies; see engine.storage.adopt."""
        from engine.storage.adopt import adopt

        return adopt(diff, split, leave, epoch)

    def record_built(self, parent: str | None, staged: StagedLayer, stage: Path) -> Layer:
        """Make a layer part of the store that is not on disk yet: add_images waits for that.

        It counts as long as the staging folder lives, and then if an image needs it.
        """
        return self.layers.record(parent, staged, stage)

    def all_layers(self) -> list[Layer]:
        """Return all whole layers, those of containers included."""
        return self.layers.all()

    def has_archive(self, layer: Layer) -> bool:
        """Whether the archive that a layer was made from can be made again."""
        return self.layers.tar_split(layer.id).exists()

    def archive(self, layer: Layer) -> Iterator[bytes]:
        """Give the tar archive that a layer was made from, bit for bit. Raises NoSuchLayer, BadArchive."""
        from engine.storage.tarsplit import assemble

        return assemble(*self.archive_parts(layer))

    def archive_parts(self, layer: Layer) -> tuple[Path, Path]:
        """Return what assemble makes a layer's archive from: its tar-split file, its folder. Raises NoSuchLayer."""
        if not self.has_archive(layer):
            raise NoSuchLayer(layer.id)
        return self.layers.tar_split(layer.id), self.layers.overlay.found(layer.id) / "diff"

    def staged_archive(self, staged: StagedLayer) -> Iterator[bytes]:
        """Give the tar archive of an extracted layer that is not recorded yet. Raises BadArchive."""
        from engine.storage.tarsplit import assemble

        return assemble(staged.split, staged.diff)

    def image_graph(self, top_layer: str) -> dict[str, str]:
        """Return the folders of an image's topmost layer and of those below it, in the words of graph."""
        return _graph(self.layers.overlay.graph(top_layer))

    # Containers

    def containers(self) -> list[StoredContainer]:
        """Return all containers that the store knows, other engines' included."""
        return [to_container(record) for record in self.container_records.records.snapshot()]

    def create_container(
        self,
        container_id: str,
        image_id: str,
        name: str,
        *,
        volatile: bool = False,
        unrecorded: Unrecorded | None = None,
    ) -> None:
        """Make a container's writable layer on an image, and the records that keep the image's layers.

        image_id "" makes one on nothing; unrecorded is the image where a build has not recorded it yet. A volatile
        container's records and content are never waited for to be on disk. Raises NoSuchImage.
        """
        with self._writing_layers() as layers:
            parent, image_name = None, ""
            if unrecorded is not None:
                parent = unrecorded.layer
            elif image_id:
                image = self.image_records.get(image_id)
                parent, image_name = image.layer, image.names[0] if image.names else ""
            layer_id = os.urandom(32).hex()
            self.layers.overlay.make(layer_id, parent)
            with self.container_records.records.writing() as containers:
                record = container_record(container_id, name, image_id, image_name, layer_id)
                containers.put(with_free_name(containers, record), volatile=volatile)
                containers.save()
            record = {"id": layer_id, "created": now_text()}
            if parent is not None:
                record["parent"] = parent
            layers.put(record, volatile=volatile)
            layers.save()

    def rename_container(self, container_id: str, name: str) -> None:
        """Let other engines see a container's new name."""
        with self.container_records.records.writing() as containers:
            record = containers.get(container_id)
            if record is not None:
                containers.put(with_free_name(containers, {**record, "names": [name]}))
                containers.save()

    def delete_container(self, container_id: str, later: Later | None = None) -> None:
        """Unmount and remove a container's layer and records; one that is gone already is no error.

        later, where given, is handed what removes the layer's folder when that holds little: nobody need wait for it.
        """
        with self._writing_layers() as layers:
            with self.container_records.records.writing() as containers:
                record = containers.get(container_id)
                if record is None:
                    return
                layer_id = record["layer"]
                self._unmount(layer_id, all_users=True)
                parent = (layers.get(layer_id) or {}).get("parent")
                # The layer first: a crash between must not leave one that no container leads to.
                layers.remove(layer_id)
                layers.save()
                containers.remove(container_id)
                containers.save()
            images = self.image_records.records.snapshot()
            if parent and record.get("image", "") not in images:
                self._drop_unused(layers, images, parent)
        # No record names the folder any more and its name was random, so nobody can want it meanwhile. One that a
        # killed process leaves is removed by the next one that writes (Layers.writing).
        if later is not None and is_little(self.layers.overlay.folder(layer_id)):
            later(partial(self.layers.overlay.remove, layer_id))
        else:
            self.layers.overlay.remove(layer_id)

    def mount(self, container_id: str, *, volatile: bool = False, mount_label: str = "") -> Path:
        """Mount a container's root file system, unless it is mounted; returns where. Raises NoSuchContainer, OSError.

        With volatile the kernel syncs nothing that is written to it, so a power cut may spoil it.
        """
        layer_id = self._layer_of(container_id)
        overlay = self.layers.overlay
        merged = overlay.folder(layer_id) / "merged"
        with self.mounts.records.writing() as mounts:
            known = mounts.get(layer_id)
            if not overlay.mounted(layer_id):
                overlay.mount(layer_id, volatile=volatile, label=mount_label)
            elif known is not None:
                return merged
            mounts.put({"id": layer_id, "path": str(merged), "count": 1})
            mounts.save()
        return merged

    def unmount(self, container_id: str) -> None:
        """Unmount a container's root file system, unless another engine uses it too or it is not mounted.

        Raises NoSuchContainer, OSError.
        """
        self._unmount(self._layer_of(container_id), all_users=False)

    def graph(self, container_id: str) -> dict[str, str]:
        """Return where a container's root file system lies: LowerDir, MergedDir, UpperDir and WorkDir.

        LowerDir is a list with colons, the topmost first, and not there without a lower layer. Raises
        NoSuchContainer.
        """
        return _graph(self._graph_of(container_id))

    def folders(self, container_id: str) -> list[Path]:
        """Return the folders that a container's root file system is made of, its own first. Raises NoSuchContainer."""
        graph = self._graph_of(container_id)
        return [graph.upper, *graph.lower]

    def sizes(self, container_id: str) -> tuple[int, int]:
        """Return the bytes a container wrote, and these with its image's. Raises NoSuchContainer."""
        written = content_size(self._graph_of(container_id).upper)
        return written, written + self._bytes_below(container_id)

    def _count_bytes_below(self, container_id: str) -> int:
        below = self.layers.chain(self._layer_of(container_id))[:-1]
        return sum(self.layers.size(layer) for layer in below)

    def _layer_of(self, container_id: str) -> str:
        record = self.container_records.records.snapshot().get(container_id)
        if record is None:
            raise NoSuchContainer(container_id)
        return str(record["layer"])

    @contextmanager
    def _writing_layers(self) -> Iterator[Draft]:
        """Hold the layers' write lock; once per process, remove what killed loads left."""
        with self.layers.writing() as layers:
            if not self._collected:
                images = self.image_records.records.snapshot()
                needed = {image.get("layer", "") for image in images}
                needed.update(layer for image in images for layer in image.get("mapped-layers") or [])
                needed.update(container["layer"] for container in self.container_records.records.snapshot())
                self.layers.drop_abandoned(layers, needed)
                self._collected = True
            yield layers

    def _drop_unused(self, layers: Draft, images: Snapshot, top_layer: str) -> None:
        """Remove the layers of an image that was deleted while a container still needed them."""
        used = {image.get("layer", "") for image in images}
        used.update(self.layers.staged(layers))
        with temporary_folder(self.layers.staging) as stage:
            self.layers.drop(layers, unused_chain({"layer": top_layer}, layers, used), stage)

    def _unmount(self, layer_id: str, *, all_users: bool) -> None:
        with self.mounts.records.writing() as mounts:
            known = mounts.get(layer_id)
            if known is not None and known["count"] > 1 and not all_users:
                mounts.put({**known, "count": known["count"] - 1})
            else:
                self.layers.overlay.unmount(layer_id)
                mounts.remove(layer_id)
            if known is not None:
                mounts.save()


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """The topmost layer of an image that a build has made and not recorded yet."""

    layer: str | None


def _graph(graph: Graph) -> dict[str, str]:
    found = {"LowerDir": ":".join(map(str, graph.lower))} if graph.lower else {}
    return {**found, "MergedDir": str(graph.merged), "UpperDir": str(graph.upper), "WorkDir": str(graph.work)}


def unused_chain(image: Record, layers: Snapshot, used: set[str]) -> list[str]:
    """Return the layers of an image, from the top, up to the first that something else still needs."""
    above = children(layers)
    gone = list(image.get("mapped-layers") or [])
    top: str | None = image.get("layer")
    while top and top not in used and not set(above.get(top, [])) - set(gone):
        record = layers.get(top)
        if record is None:
            break
        gone.append(top)
        top = record.get("parent")
    return gone
