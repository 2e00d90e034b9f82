"""What a store can have wrong: every kind of damage is told in words, and gone once it was mended."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.storage import examine
from engine.storage.store import Store
from tests.harness.tars import files

C1 = "1" * 64
NOWHERE = "e" * 64


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a whole image of two layers, and a container on it."""
    store = Store(tmp_path / "graph", tmp_path / "run")
    image = add(store, {"a": b"1"}, {"b": b"2" * 5000}, name="whole")
    store.create_container(C1, image, "whole")
    yield store
    for container in store.containers():
        store.delete_container(container.id)


def add(store: Store, *contents: dict[str, bytes], name: str) -> str:
    parent = None
    for content in contents:
        parent = store.add_layer(parent, io.BytesIO(files(content))).id
    return store.add_image(json.dumps({"name": name}).encode(), b"{}", parent, [name]).id


def top(store: Store, image: str) -> str:
    layer = store.image(image).layer
    assert layer is not None
    return layer


def edit(store: Store, change: Callable[[dict[str, object]], None], layer: str) -> None:
    """Change a layer's record behind the store's back."""
    path = store.graph_root / "overlay-layers" / "layers.json"
    records = json.loads(path.read_bytes())
    for record in records:
        if record["id"] == layer:
            change(record)
    path.write_text(json.dumps(records))


def incomplete(store: Store) -> str:
    layer = top(store, add(store, {"x": b"1"}, name="broken"))
    edit(store, lambda record: record.update(flags={"incomplete": True}), layer)
    return f"layer {layer} is marked incomplete"


def no_folder(store: Store) -> str:
    layer = top(store, add(store, {"x": b"1"}, name="broken"))
    shutil.rmtree(store.graph_root / "overlay" / layer)
    return f"layer {layer} has no folder"


def no_link(store: Store) -> str:
    layer = top(store, add(store, {"x": b"1"}, name="broken"))
    link = (store.graph_root / "overlay" / layer / "link").read_text()
    (store.graph_root / "overlay" / "l" / link).unlink()
    return f"layer {layer} has no link"


def no_parent(store: Store) -> str:
    layer = top(store, add(store, {"x": b"1"}, name="broken"))
    edit(store, lambda record: record.update(parent=NOWHERE), layer)
    return f"layer {layer} lies on {NOWHERE}, which is not there"


def orphaned_folder(store: Store) -> str:
    store.layers.overlay.make(NOWHERE, None)
    return f"folder {NOWHERE} belongs to no layer"


def orphaned_archive(store: Store) -> str:
    (store.layers.folder / f"{NOWHERE}.tar-split.gz").write_bytes(b"")
    return f"file {NOWHERE}.tar-split.gz belongs to no layer"


def orphaned_image(store: Store) -> str:
    (store.image_records.folder / NOWHERE).mkdir()
    return f"folder {NOWHERE} belongs to no image"


def orphaned_work(store: Store) -> str:
    (store.layers.staging / "temp-dir-1").mkdir()
    (store.layers.staging / "lock-1").touch()
    return "folder temp-dir-1 was left by a process that is gone"


def unneeded(store: Store) -> str:
    layer = store.add_layer(None, io.BytesIO(files({"old": b"1"}))).id
    edit(store, lambda record: record.update(created="2020-01-01T00:00:00Z"), layer)
    return f"layer {layer} is needed by nothing"


def no_document(store: Store) -> str:
    image = add(store, {"x": b"1"}, name="broken")
    (store.image_records.folder / image / "manifest").unlink()
    return f"image {image} lacks its document manifest"


def changed_document(store: Store) -> str:
    image = add(store, {"x": b"1"}, name="broken")
    (store.image_records.folder / image / "manifest").write_bytes(b"[]")
    return f"image {image} has another document manifest than it had"


def container_without_layer(store: Store) -> str:
    with store.container_records.records.writing() as containers:
        containers.put({"id": NOWHERE, "layer": NOWHERE, "image": ""})
        containers.save()
    return f"container {NOWHERE} lacks its layer {NOWHERE}"


DAMAGES = [
    incomplete, no_folder, no_link, no_parent, orphaned_folder, orphaned_archive, orphaned_image, orphaned_work,
    unneeded, no_document, changed_document, container_without_layer,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_and_mended(store: Store, damage: Callable[[Store], str]) -> None:
    assert examine.examine(store, contents=True) == []
    words = damage(store)
    found = examine.examine(Store(store.graph_root, store.run_root))
    assert words in found
    examine.repair(store)
    assert examine.examine(Store(store.graph_root, store.run_root), contents=True) == []
    assert sorted(os.listdir(store.mount(C1))) == ["a", "b"], "what is whole stays"
    assert "whole" in [name for image in store.images() for name in image.names]


def test_a_layer_that_changed_is_found_by_reading_it(store: Store) -> None:
    image = add(store, {"x": b"1" * 100}, name="changed")
    layer = top(store, image)
    (store.graph_root / "overlay" / layer / "diff" / "x").write_bytes(b"2" * 100)
    assert examine.examine(store) == []
    (words,) = examine.examine(store, contents=True)
    assert words.startswith(f"layer {layer} is damaged: ")
    examine.repair(store, contents=True)
    assert [name for image in store.images() for name in image.names] == ["whole"]


def test_the_image_of_a_container_stays_though_it_changed(store: Store) -> None:
    layer = top(store, store.images()[0].id)
    (store.graph_root / "overlay" / layer / "diff" / "b").write_bytes(b"2")
    examine.repair(store, contents=True)
    assert sorted(os.listdir(store.mount(C1))) == ["a", "b"]


def test_layers_in_the_making_are_nobodys_leftovers(store: Store) -> None:
    with store.staging() as stage:
        staged = store.extract_layer(io.BytesIO(files({"new": b"1"})), stage / "layer")
        layer = store.record_layers(stage, None, [staged])
        other = Store(store.graph_root, store.run_root)
        assert examine.examine(other) == []
        examine.repair(other)
        assert layer in [each.id for each in store.all_layers()]
