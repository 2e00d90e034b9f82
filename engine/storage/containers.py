"""The store's records of containers and of what is mounted; the engine's own record of a container is elsewhere.

Format: overlay-containers/containers.json, volatile-containers.json for --rm containers, and
<run root>/overlay-layers/mountpoints.json ({"id": layer, "path": mount point, "count": n}). "metadata" is JSON text
with the keys that podman writes and "engine": "skiff", by which we know our own. Only engine.storage uses this.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from engine.lean_dataclasses import dataclass
from engine.storage.records import Draft, Record, RecordFiles
from engine.storage.times import now_text

ENGINE = "skiff"


@dataclass(frozen=True, slots=True)
class StoredContainer:
    """One container as the store knows it, ours or another engine's."""

    id: str
    names: list[str]
    image_id: str
    layer_id: str
    ours: bool


class ContainerRecords:
    """The containers of one graph root."""

    def __init__(self, graph_root: Path) -> None:
        folder = graph_root / "overlay-containers"
        self.folder = folder
        self.records = RecordFiles(
            folder / "containers.lock", folder / "containers.json", folder / "volatile-containers.json"
        )


class MountRecords:
    """What is mounted where, as all engines on this graph root tell each other."""

    def __init__(self, run_root: Path) -> None:
        folder = run_root / "overlay-layers"
        self.records = RecordFiles(folder / "mountpoints.lock", folder / "mountpoints.json", sync=False)


def container_record(container_id: str, name: str, image_id: str, image_name: str, layer_id: str) -> Record:
    """Return the record of a new container."""
    metadata = {
        "image-name": image_name,
        "image-id": image_id,
        "name": name,
        "created-at": int(time.time()),
        "engine": ENGINE,
    }
    return {
        "id": container_id,
        "names": [name],
        "image": image_id,
        "layer": layer_id,
        "metadata": json.dumps(metadata, separators=(",", ":")),
        "created": now_text(),
        "flags": {"MountLabel": "", "ProcessLabel": ""},
    }


def to_container(record: Record) -> StoredContainer:
    """Return a record's container."""
    return StoredContainer(
        id=record["id"],
        names=list(record.get("names") or []),
        image_id=record.get("image", ""),
        layer_id=record.get("layer", ""),
        ours=f'"engine":"{ENGINE}"' in record.get("metadata", ""),
    )


def with_free_name(draft: Draft, record: Record) -> Record:
    """Return the record without a name that another container has: the names of two engines may meet here."""
    taken = {name for other in draft for name in other.get("names") or [] if other["id"] != record["id"]}
    names = [name for name in record["names"] if name not in taken]
    return {**record, "names": names} if names else {key: value for key, value in record.items() if key != "names"}
