"""Images of read-only stores beside the own one: used where they lie, taken in when they get a name, never changed."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import NoSuchImage, ReadOnlyImage
from engine.storage.store import Store
from tests.harness.tars import files

C1 = "1" * 64
NAME, OTHER = "docker.io/library/far:latest", "docker.io/library/near:latest"


def add(store: Store, *contents: dict[str, bytes], parent: str | None = None, name: str = NAME) -> str:
    """Add an image with a layer per dict; returns its id."""
    for content in contents:
        parent = store.add_layer(parent, io.BytesIO(files(content))).id
    return store.add_image(f'{{"rootfs":"{parent}"}}'.encode(), b"{}", parent, [name]).id


def state_of(root: Path) -> dict[str, str]:
    """Return a digest of everything in a store."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture
def far(tmp_path: Path) -> Store:
    return Store(tmp_path / "far", tmp_path / "far-run")


@pytest.fixture
def store(tmp_path: Path, far: Store) -> Iterator[Store]:
    store = Store(tmp_path / "graph", tmp_path / "run", [far.graph_root], ["nodev"])
    yield store
    for container in store.containers():
        store.delete_container(container.id)


def test_a_container_runs_on_layers_of_another_store(store: Store, far: Store) -> None:
    image = add(far, {"a": b"1"}, {"b": b"2"})
    before = state_of(far.graph_root)
    assert [each.id for each in store.images()] == [image]
    assert store.config(image) == far.config(image)
    store.create_container(C1, image, "one")
    root = store.mount(C1)
    (root / "c").write_bytes(b"3")
    assert sorted(os.listdir(root)) == ["a", "b", "c"]
    assert os.statvfs(root).f_flag & os.ST_NODEV
    assert store.sizes(C1) == (1, 3)
    assert [str(path) for path in store.folders(C1)[1:]] == [
        str(far.graph_root / "overlay" / layer.id / "diff") for layer in far.layer_chain(far.image(image).layer)[::-1]
    ]
    store.delete_container(C1)
    assert state_of(far.graph_root) == before


def test_own_layers_lie_on_those_of_another_store(store: Store, far: Store) -> None:
    base = add(far, {"a": b"1"})
    image = add(store, {"b": b"2"}, parent=far.image(base).layer, name=OTHER)
    store.create_container(C1, image, "one")
    assert sorted(os.listdir(store.mount(C1))) == ["a", "b"]
    assert [b"".join(store.archive(each)) for each in store.layer_chain(store.image(image).layer)] == [
        files({"a": b"1"}), files({"b": b"2"}),
    ]  # fmt: skip
    assert store.layer_by_diff(None, far.layer_chain(far.image(base).layer)[0].diff_id) is not None


def test_a_layer_that_another_store_has_is_not_made_again(store: Store, far: Store) -> None:
    add(far, {"a": b"1"})
    layer = store.add_layer(None, io.BytesIO(files({"a": b"1"})))
    assert not (store.graph_root / "overlay" / layer.id).exists()


def test_a_name_takes_the_record_in_and_the_layers_stay(store: Store, far: Store) -> None:
    image = add(far, {"a": b"1"})
    before = state_of(far.graph_root)
    with pytest.raises(ReadOnlyImage):
        store.delete_image(image)
    assert store.set_names(image, add=[OTHER], remove=[]).names == [NAME, OTHER]
    assert store.image(image).names == [NAME, OTHER]
    assert store.delete_image(image) == []
    assert store.image(image).names == [NAME]
    assert state_of(far.graph_root) == before
    with pytest.raises(NoSuchImage):
        store.set_names("0" * 64, add=[OTHER], remove=[])
