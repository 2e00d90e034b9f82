"""A store on a real disk with real overlay mounts, shared with other processes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import multiprocessing
import os
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import syscalls
from engine.errors import BadArchive, NoSuchContainer, NoSuchImage, NoSuchLayer, StoredImageInUse
from engine.images.manifest import manifest_for
from engine.storage.folders import LITTLE
from engine.storage.incoming import Expected, WrongDiffId, WrongDigest, WrongSize
from engine.storage.layers import Layer
from engine.storage.store import Store
from tests.harness.tars import archive, files, folder, member

C1, C2 = "1" * 64, "2" * 64


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "graph", tmp_path / "run")
    yield store
    for container in store.containers():
        store.delete_container(container.id)
    assert mounts_below(tmp_path) == []


def mounts_below(path: Path) -> list[str]:
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(path) in line]


def add(store: Store, *contents: dict[str, bytes], name: str = "docker.io/library/x:latest") -> str:
    """Add an image with a layer per dict; returns its id."""
    layers: list[Layer] = []
    for content in contents:
        layers.append(store.add_layer(layers[-1].id if layers else None, io.BytesIO(files(content))))
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}}).encode()
    manifest = manifest_for(config, [(layer.diff_id, layer.archive_size) for layer in layers])
    return store.add_image(config, manifest, layers[-1].id if layers else None, [name]).id


def inventory(store: Store) -> dict[str, list[str]]:
    """Return every name in the store's folders that stands for something kept."""
    graph = store.graph_root
    listed = {
        "overlay": [name for name in os.listdir(graph / "overlay") if name not in ("l", "tempdirs")],
        "links": os.listdir(graph / "overlay" / "l"),
        "staging": os.listdir(graph / "overlay" / "tempdirs"),
        "splits": [name for name in os.listdir(graph / "overlay-layers") if name.endswith(".gz")],
        "images": [path.name for path in (graph / "overlay-images").glob("*") if path.is_dir()],
    }
    return {kind: sorted(names) for kind, names in listed.items() if names}


def test_an_image_becomes_a_root_file_system(store: Store) -> None:
    image = add(store, {"a": b"1", "d/b": b"2"}, {"d/b": b"three"})
    store.create_container(C1, image, "one")
    merged = store.mount(C1)
    assert (merged / "a").read_bytes() == b"1"
    assert (merged / "d/b").read_bytes() == b"three"
    assert stat.S_IMODE(merged.stat().st_mode) == 0o755
    (merged / "new").write_bytes(b"12345")
    assert store.sizes(C1) == (5, 5 + 2 + 5)
    graph = store.graph(C1)
    assert graph["MergedDir"] == str(merged)
    assert (Path(graph["UpperDir"]) / "new").exists()
    assert [Path(path).joinpath("d/b").read_bytes() for path in graph["LowerDir"].split(":")] == [b"three", b"2"]
    assert store.mount(C1) == merged, "mounting twice changes nothing"
    store.unmount(C1)
    assert os.listdir(merged) == []
    store.unmount(C1)
    assert (store.mount(C1, volatile=True) / "new").read_bytes() == b"12345"
    store.unmount(C1)
    assert (store.mount(C1, volatile=True) / "new").exists(), "the kernel's mark of a volatile mount is removed"


def test_whiteouts_of_a_layer_hide_what_is_below(store: Store) -> None:
    base = store.add_layer(None, io.BytesIO(files({"gone": b"x", "d/old": b"x", "kept": b"x"})))
    top = archive(member(".wh.gone"), folder("d"), member("d/.wh..wh..opq"), member("d/new", b"y"))
    layer = store.add_layer(base.id, io.BytesIO(top))
    image = store.add_image(b'{"rootfs":{}}', b"{}", layer.id, []).id
    store.create_container(C1, image, "one")
    merged = store.mount(C1)
    assert sorted(os.listdir(merged)) == ["d", "kept"]
    assert os.listdir(merged / "d") == ["new"]


def test_an_image_without_layers_can_be_run(store: Store) -> None:
    store.create_container(C1, add(store), "empty")
    assert os.listdir(store.mount(C1)) == []
    store.create_container(C2, "", "imageless")
    assert os.listdir(store.mount(C2)) == []


@pytest.mark.parametrize("volatile", [False, True])
def test_nothing_is_left_of_a_container(store: Store, volatile: bool) -> None:
    image = add(store, {"a": b"1"})
    before = inventory(store)
    store.create_container(C1, image, "one", volatile=volatile)
    store.mount(C1, volatile=volatile)
    lists = store.graph_root / "overlay-containers"
    assert (C1 in (lists / ("volatile-containers.json" if volatile else "containers.json")).read_text()) is True
    store.delete_container(C1)
    assert inventory(store) == before
    assert mounts_below(store.graph_root) == []
    store.delete_container(C1)
    with pytest.raises(NoSuchContainer):
        store.mount(C1)


def test_a_small_layer_can_be_removed_later_and_by_whoever_comes_after_a_kill(store: Store) -> None:
    image = add(store, {"a": b"1"})
    before = inventory(store)
    for container, size in ((C1, 1), (C2, LITTLE + 1)):
        left: list[Callable[[], object]] = []
        store.create_container(container, image, "one")
        with (store.mount(container) / "file").open("wb") as file:
            file.truncate(size)
        store.delete_container(container, left.append)
        assert not store.containers()
        assert (inventory(store) == before) is (container == C2), "what is big is gone at once"
        assert len(left) == (container == C1)
        if container == C1:  # killed before it came to it
            with Store(store.graph_root, store.run_root).layers.writing():
                assert inventory(store) == before
            left[0]()
    assert inventory(store) == before


def test_a_left_folder_that_cannot_be_removed_keeps_nobody_from_writing(store: Store) -> None:
    add(store, {"a": b"1"})
    before = inventory(store)
    store.layers.overlay.make(C1, None)
    inner = store.layers.overlay.folder(C1) / "diff" / "mounted"
    inner.mkdir()
    syscalls.mount("tmpfs", inner, "tmpfs", 0, "")
    try:
        with Store(store.graph_root, store.run_root).layers.writing():
            assert C1 in inventory(store)["overlay"]
    finally:
        syscalls.umount2(inner, 0)
    with Store(store.graph_root, store.run_root).layers.writing():
        assert inventory(store) == before


def test_a_hundred_and_twenty_layers(store: Store) -> None:
    """Their mount options are longer than the page that the kernel takes."""
    image = add(store, *({f"f{number}": b"%d" % number, "same": b"%d" % number} for number in range(120)))
    store.create_container(C1, image, "deep")
    merged = store.mount(C1)
    assert (merged / "f0").read_bytes() == b"0"
    assert (merged / "same").read_bytes() == b"119"
    assert len(os.listdir(merged)) == 121


def test_a_graph_root_with_separators_in_its_name(tmp_path: Path) -> None:
    store = Store(tmp_path / "a:b,c", tmp_path / "run")
    store.create_container(C1, add(store, {"a": b"1"}), "one")
    assert (store.mount(C1) / "a").read_bytes() == b"1"
    store.delete_container(C1)


def test_the_same_layer_is_kept_once(store: Store) -> None:
    data = files({"a": b"1"})
    first, second = (store.add_layer(None, io.BytesIO(data)) for _ in range(2))
    assert first.id == second.id
    assert len(inventory(store)["overlay"]) == 1
    assert b"".join(store.archive(first)) == data


def test_layers_live_as_long_as_an_image_needs_them(store: Store) -> None:
    one = add(store, {"a": b"1"}, {"b": b"2"}, name="docker.io/library/one:latest")
    two = add(store, {"a": b"1"}, {"c": b"3"}, name="docker.io/library/two:latest")
    gone = store.delete_image(one)
    assert len(gone) == 1
    assert len(inventory(store)["overlay"]) == 2
    store.create_container(C1, two, "user")
    with pytest.raises(StoredImageInUse) as caught:
        store.delete_image(two)
    assert caught.value.container_id == C1
    assert (store.mount(C1) / "c").exists()
    assert store.delete_image(two, despite=[C1]) == []
    assert (store.mount(C1) / "c").exists()
    store.delete_container(C1)
    assert inventory(store) == {}


def test_names_move_between_images(store: Store) -> None:
    one = add(store, {"a": b"1"}, name="n:1")
    two = add(store, {"a": b"2"}, name="n:1")
    assert (store.image(one).names, store.image(two).names) == ([], ["n:1"])
    store.set_names(one, add=["n:1", "n:2"], remove=[])
    assert (store.image(one).names, store.image(two).names) == (["n:1", "n:2"], [])
    store.set_names(one, add=[], remove=["n:1"])
    assert store.image(one).names == ["n:2"]
    with pytest.raises(NoSuchImage):
        store.set_names("0" * 64, add=["x"], remove=[])


def test_a_name_given_again_changes_only_the_time_of_the_tag(store: Store) -> None:
    image = add(store, {"a": b"1"}, name="n:1")
    assert store.tagged_at(image) == "0001-01-01T00:00:00Z"
    store.set_names(image, add=["n:2"], remove=[])
    lists = store.image_records.folder / "images.json"
    first, before = store.tagged_at(image), lists.stat()
    assert first > "2020"
    store.set_names(image, add=["n:2"], remove=[])
    assert store.tagged_at(image) != first
    assert (lists.stat().st_ino, lists.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert store.image(image).names == ["n:1", "n:2"]


@pytest.mark.parametrize(
    "data", [b"garbage" * 200, files({"a": b"x" * 9000})[:5000], archive(member("../../x", b"y"))[:512]]
)
def test_a_bad_layer_leaves_nothing(store: Store, data: bytes) -> None:
    with pytest.raises(BadArchive):
        store.add_layer(None, io.BytesIO(data))
    assert store.all_layers() == []
    assert [name for name in os.listdir(store.graph_root / "overlay") if name != "tempdirs"] == []
    assert os.listdir(store.graph_root / "overlay" / "tempdirs") == []


WRONG = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("expected", "error"),
    [
        (Expected(diff_id=WRONG), WrongDiffId),
        (Expected(digest=WRONG), WrongDigest),
        (Expected(size=100), WrongSize),
        (Expected(size=100_000), WrongSize),
    ],
)
def test_a_layer_that_is_not_the_expected_one_is_refused(
    store: Store, expected: Expected, error: type[BadArchive]
) -> None:
    with pytest.raises(error):
        store.add_layer(None, io.BytesIO(gzip.compress(files({"a": b"1"}))), expected)
    assert store.all_layers() == []
    assert os.listdir(store.graph_root / "overlay" / "tempdirs") == []


def test_a_layer_knows_what_it_came_as(store: Store) -> None:
    data = files({"a": b"1" * 5000})
    packed = gzip.compress(data)
    digests = ["sha256:" + hashlib.sha256(each).hexdigest() for each in (packed, data)]
    layer = store.add_layer(None, io.BytesIO(packed), Expected(digests[0], len(packed), digests[1]))
    assert (layer.compressed_digest, layer.compressed_size, layer.packing) == (digests[0], len(packed), 2)
    assert (layer.diff_id, layer.archive_size) == (digests[1], len(data))
    assert b"".join(store.archive(layer)) == data


def test_a_layer_on_no_parent_is_refused(store: Store) -> None:
    with pytest.raises(NoSuchLayer):
        store.add_layer("f" * 64, io.BytesIO(files({"a": b"1"})))


def test_no_lock_is_held_while_a_layer_streams_in(store: Store) -> None:
    data = files({"a": b"x" * 600_000})
    image = add(store, {"b": b"1"})

    class Curious(io.BytesIO):
        used = 0

        def read(self, n: int | None = -1, /) -> bytes:
            if not self.used:
                Curious.used = 1
                other = Store(store.graph_root, store.run_root)
                other.create_container(C1, image, "meanwhile")
                other.delete_container(C1)
            return super().read(n)

    store.add_layer(None, Curious(data))
    assert Curious.used


def test_a_removed_links_folder_is_made_anew(store: Store) -> None:
    image = add(store, {"a": b"1"}, {"b": b"2"})
    for link in (store.graph_root / "overlay" / "l").iterdir():
        link.unlink()
    store.create_container(C1, image, "one")
    assert sorted(os.listdir(store.mount(C1))) == ["a", "b"]


def test_what_another_engine_left_unfinished_is_removed_by_the_next_writer(store: Store) -> None:
    image = add(store, {"a": b"1"})
    before = inventory(store)
    broken, orphan = "b" * 64, "d" * 64
    other = Store(store.graph_root, store.run_root)
    with other.layers.records.writing() as layers:
        other.layers.overlay.make(broken, None)
        other.layers.overlay.make(orphan, None)
        layers.put({"id": broken, "flags": {"incomplete": True}})
        layers.save()
    (store.graph_root / "overlay-layers" / f"{orphan}.tar-split.gz").write_bytes(b"")
    with pytest.raises(NoSuchLayer):
        store.layer(broken)
    fresh = Store(store.graph_root, store.run_root)
    fresh.create_container(C1, image, "one")
    fresh.delete_container(C1)
    assert inventory(store) == before


def _churn(graph: Path, run: Path, image: str, seed: int) -> None:
    """Make, use and remove things until killed."""
    store = Store(graph, run)
    number = 0
    while True:
        number += 1
        name = f"{seed}-{number}"
        store.create_container(f"{seed:032x}{number:032x}", image, name, volatile=number % 2 == 0)
        store.mount(f"{seed:032x}{number:032x}")
        store.delete_container(f"{seed:032x}{number:032x}")
        with store.staging() as stage:
            staged = [
                store.extract_layer(io.BytesIO(files({f"{name}-{at}": b"x" * 20_000})), stage / str(at))
                for at in range(2)
            ]
            layer = store.record_layers(stage, None, staged)
            made = store.add_image(b'{"rootfs":{"n":"%d"}}' % number, b"{}", layer, [name]).id
        store.delete_image(made)


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_what_the_next_writer_mends(store: Store) -> None:
    image = add(store, {"a": b"1"})
    before = inventory(store)
    context = multiprocessing.get_context("fork")
    for seed in range(1, 41):
        child = context.Process(target=_churn, args=(store.graph_root, store.run_root, image, seed))
        child.start()
        child.join(0.005 * (seed % 20) + 0.01)  # anywhere in the work; the length is not what is tested
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        fresh = Store(store.graph_root, store.run_root)
        for container in fresh.containers():
            fresh.delete_container(container.id)
        for left in fresh.images():
            if left.id != image:
                fresh.delete_image(left.id)
        fresh.set_names(image, add=["docker.io/library/x:latest"], remove=[])
        fresh.create_container(C1, image, "after")
        assert (fresh.mount(C1) / "a").read_bytes() == b"1"
        fresh.delete_container(C1)
        assert inventory(fresh) == before


def _add_some(graph: Path, run: Path, image: str, seed: int) -> None:
    store = Store(graph, run)
    for number in range(15):
        container = f"{seed:032x}{number:032x}"
        store.create_container(container, image, f"{seed}-{number}", volatile=True)
        assert (store.mount(container) / "a").exists()
        if number % 3:
            store.delete_container(container)
        store.add_layer(None, io.BytesIO(files({f"{number % 4}": b"shared"})))


def test_processes_work_side_by_side(store: Store) -> None:
    image = add(store, {"a": b"1"})
    context = multiprocessing.get_context("fork")
    children = [
        context.Process(target=_add_some, args=(store.graph_root, store.run_root, image, seed)) for seed in range(4)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0, 0]
    assert len(store.containers()) == 4 * 5
    assert len([layer for layer in store.all_layers() if layer.diff_id]) == 1 + 4


def test_a_folder_that_podman_mounted_on_itself_is_another_mount(store: Store) -> None:
    image = add(store, {"a": b"1"})
    overlay = store.graph_root / "overlay"
    before = inventory(store)
    subprocess.run(["mount", "--bind", str(overlay), str(overlay)], check=True)
    try:
        other = add(store, {"b": b"2"}, name="docker.io/library/y:latest")
        layer = store.layer_chain(store.image(other).layer)[0]
        assert b"".join(store.archive(layer)) == files({"b": b"2"})
        store.delete_image(other)
        assert inventory(store) == before
        assert store.images()[0].id == image
    finally:
        subprocess.run(["umount", str(overlay)], check=True)
