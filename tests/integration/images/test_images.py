"""Images through the engine, on a real store: load, import, names, removal, save."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import Engine, Settings
from engine.errors import (
    BadArchive,
    ImageHasNames,
    ImageInUse,
    InvalidChange,
    InvalidFilter,
    InvalidReference,
    NoSuchImage,
    ReferenceInUse,
)
from engine.images.listing import ImageQuery
from engine.images.load import ImageLoaded, ImagesLoaded, LayerLoaded, LoadEvent, NameMoved
from engine.images.record import Removed
from tests.harness.tars import archive, files, folder, hard_link, member, symlink

C1, C2 = "1" * 64, "2" * 64


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(Settings(root=tmp_path / "root", run_root=tmp_path / "run"))
    yield engine
    for container in engine.store.containers():
        engine.store.delete_container(container.id)


def config_for(layers: list[bytes], **more: Any) -> bytes:
    diff_ids = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]
    document = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}, **more}
    return json.dumps(document).encode()


def docker_archive(*images: tuple[bytes, list[str], list[str]], last: bool = True, **contents: bytes) -> bytes:
    """Return docker's archive of (config, names, layer paths) and members; the list comes last, as docker writes it."""
    listed = []
    members = [member(path.replace("__", "/"), data) for path, data in contents.items()]
    for config, names, paths in images:
        path = hashlib.sha256(config).hexdigest() + ".json"
        members.append(member(path, config))
        listed.append({"Config": path, "RepoTags": names, "Layers": paths})
    listing = member("manifest.json", json.dumps(listed).encode())
    return archive(*([*members, listing] if last else [listing, *members]))


def load(engine: Engine, data: bytes) -> list[LoadEvent]:
    return list(engine.images.load(io.BytesIO(data)))


def one_image(name: str = "one:1", content: bytes = b"1", **more: Any) -> bytes:
    layer = files({"a": content})
    return docker_archive((config_for([layer], **more), [name] if name else [], ["l"]), l=layer)


def events(engine: Engine) -> list[tuple[str, str, dict[str, str]]]:
    rows = engine.database.rows("SELECT action, actor, attributes FROM events WHERE type = 'image' ORDER BY id")
    return [(row["action"], row["actor"], json.loads(row["attributes"])) for row in rows]


def container(engine: Engine, container_id: str, image_id: str, status: str) -> None:
    with engine.database.transaction() as tx:
        tx.execute(
            "INSERT INTO containers (id, name, created, image_id, definition, status) VALUES (?, ?, 0, ?, '{}', ?)",
            (container_id, container_id[:4], image_id, status),
        )
    engine.store.create_container(container_id, image_id, container_id[:4])


def stored(engine: Engine) -> dict[str, list[str]]:
    """Return what the store's folders hold."""
    graph = engine.store.graph_root
    return {
        "layers": sorted(set(os.listdir(graph / "overlay")) - {"l", "tempdirs"}),
        "staging": os.listdir(graph / "overlay" / "tempdirs"),
        "images": [path.name for path in (graph / "overlay-images").glob("*") if path.is_dir()],
    }


NOTHING: dict[str, list[str]] = {"layers": [], "staging": [], "images": []}


@pytest.mark.parametrize("last", [True, False])
def test_load_tells_what_it_does(engine: Engine, last: bool) -> None:
    base, top = files({"a": b"1"}), files({"b": b"2"})
    config = config_for([base, top], config={"Cmd": ["sh"], "Labels": {"k": "v"}})
    data = docker_archive((config, ["x:1", "x:2"], ["base", "top"]), last=last, base=base, top=top)
    digests = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in (base, top)]
    assert load(engine, data) == [
        LayerLoaded(digests[0], len(base)),
        LayerLoaded(digests[1], len(top)),
        ImageLoaded("x:1"),
        ImageLoaded("x:2"),
    ]
    image = engine.images.resolve("x:2")
    assert image.id == hashlib.sha256(config).hexdigest()
    assert image.config.cmd == ["sh"]
    assert events(engine) == [("load", image.digest, {"k": "v", "name": image.digest})]
    assert load(engine, data) == [ImageLoaded("x:1"), ImageLoaded("x:2")], "the layers were there"


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_packed_archives_with_packed_layers(engine: Engine, pack: Any) -> None:
    layer = files({"a": b"1" * 1000})
    data = docker_archive((config_for([layer]), ["p:1"], ["l"]), l=pack(layer))
    assert load(engine, pack(data))[-1] == ImageLoaded("p:1")
    (stored_layer,) = engine.store.layer_chain(engine.images.resolve("p:1").layer)
    assert b"".join(engine.store.archive(stored_layer)) == layer


def test_an_image_without_a_name_is_told_by_its_id(engine: Engine) -> None:
    assert load(engine, one_image(name=""))[1:] == [ImagesLoaded([engine.images.list()[0].id])]


def test_a_name_leaves_the_image_that_had_it(engine: Engine) -> None:
    load(engine, one_image())
    before = engine.images.resolve("one:1")
    told = load(engine, one_image(content=b"2"))
    assert told[1:] == [NameMoved("one:1", before.digest), ImageLoaded("one:1")]
    assert engine.images.resolve(before.id).names == []
    assert len(engine.images.list(ImageQuery(filters={"dangling": ["true"]}))) == 1


def test_two_images_that_share_layers_in_another_order(engine: Engine) -> None:
    """The same blob lies on two parents, and twice in one image: each needs a copy of its own."""
    one, two = files({"a": b"1"}), files({"b": b"2"})
    data = docker_archive(
        (config_for([one, two]), ["x:1"], ["one", "two"]),
        (config_for([two, one]), ["x:2"], ["two", "one"]),
        (config_for([two, two]), ["x:3"], ["two", "two"]),
        one=one,
        two=two,
    )
    assert [event for event in load(engine, data) if isinstance(event, ImageLoaded)] == [
        ImageLoaded(f"x:{number}") for number in (1, 2, 3)
    ]
    for name, contents in (("x:1", [one, two]), ("x:2", [two, one]), ("x:3", [two, two])):
        chain = engine.store.layer_chain(engine.images.resolve(name).layer)
        assert [b"".join(engine.store.archive(layer)) for layer in chain] == contents


def test_layers_behind_links_as_old_docker_wrote_them(engine: Engine) -> None:
    layer = files({"a": b"1"})
    config = config_for([layer])
    listed = json.dumps([{"Config": "c.json", "RepoTags": ["old:1"], "Layers": ["x/layer.tar"]}]).encode()
    data = archive(
        folder("x"),
        symlink("x/layer.tar", "../y/layer.tar"),
        member("real", layer),
        hard_link("y/layer.tar", "real"),
        member("c.json", config),
        member("manifest.json", listed),
    )
    assert load(engine, data)[-1] == ImageLoaded("old:1")


def test_an_oci_layout(engine: Engine) -> None:
    layer = files({"a": b"1"})
    config = config_for([layer])
    packed = gzip.compress(layer)

    def blob(data: bytes) -> tuple[str, dict[str, Any]]:
        digest = hashlib.sha256(data).hexdigest()
        return f"blobs/sha256/{digest}", {"digest": f"sha256:{digest}", "size": len(data)}

    manifest = json.dumps({"schemaVersion": 2, "config": blob(config)[1], "layers": [blob(packed)[1]]}).encode()
    kind = "application/vnd.oci.image.manifest.v1+json"
    annotations = {"org.opencontainers.image.ref.name": "quay.io/a/b:c"}
    index = {"manifests": [{**blob(manifest)[1], "mediaType": kind, "annotations": annotations}]}
    data = archive(
        member("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'),
        member("index.json", json.dumps(index).encode()),
        *(member(blob(data)[0], data) for data in (config, packed, manifest)),
    )
    assert load(engine, data)[-1] == ImageLoaded("quay.io/a/b:c")
    image = engine.images.resolve("quay.io/a/b:c")
    assert image.id == hashlib.sha256(config).hexdigest()
    assert engine.store.manifest(image.id) == manifest


LAYER = files({"a": b"1" * 3000})
GOOD = docker_archive((config_for([LAYER]), ["x:1"], ["l"]), l=LAYER)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"garbage" * 300, "archive/tar: invalid tar header"),
        (b"", "open repositories: no such file or directory"),
        (files({"etc/hosts": b"x"}), "open repositories: no such file or directory"),
        (GOOD[:2000], "unexpected EOF"),
        (GOOD[: len(GOOD) // 2], "unexpected EOF"),
        (gzip.compress(GOOD)[:-50], "unexpected EOF"),
        (docker_archive((config_for([LAYER]), ["x:1"], ["gone"]), l=LAYER), "open gone: no such file or directory"),
        (docker_archive((config_for([LAYER]), ["x:1"], []), l=LAYER), "layers length mismatch: expected 0, got 1"),
        (docker_archive((config_for([LAYER + b"x"]), ["x:1"], ["l"]), l=LAYER), "invalid diffID for layer 0"),
        (docker_archive((b"{}", ["x:1"], []), l=LAYER), "no RootFS key"),
        (docker_archive((config_for([LAYER], os="windows"), ["x:1"], ["l"]), l=LAYER), "cannot load windows image"),
        (docker_archive((config_for([LAYER]), ["x:1"], ["l"]), l=LAYER[:2000]), "unexpected EOF"),
        (docker_archive((config_for([LAYER]), ["x:1"], ["l"]), l=b"not a tar" * 100), "open l: no such file"),
    ],
)
def test_a_bad_archive_leaves_nothing(engine: Engine, data: bytes, reason: str) -> None:
    with pytest.raises(BadArchive, match=reason):
        load(engine, data)
    engine.store.add_layer(None, io.BytesIO(b""))  # a writer, who would sweep
    assert stored(engine)["staging"] == []
    assert stored(engine)["images"] == []
    assert len(stored(engine)["layers"]) == 1
    assert events(engine) == []


def test_a_client_that_goes_away_leaves_nothing(engine: Engine) -> None:
    class Gone(io.BytesIO):
        def read(self, n: int | None = -1, /) -> bytes:
            data = super().read(min(n or 0, 1000))
            if self.tell() > 3000:
                raise ConnectionResetError
            return data

    with pytest.raises(ConnectionResetError):
        list(engine.images.load(Gone(GOOD)))
    assert os.listdir(engine.store.graph_root / "overlay" / "tempdirs") == []


def test_import_makes_an_image_of_one_layer(engine: Engine) -> None:
    data = files({"etc/os": b"mine"})
    changes = ['CMD ["/bin/sh"]', "ENV A=b", 'LABEL k="v w"']
    digest = engine.images.import_image(io.BytesIO(gzip.compress(data)), "imp", "v1", "a message", changes)
    details = engine.images.inspect("imp:v1")
    assert details.id == digest
    assert (details.repo_tags, details.comment, details.size) == (["imp:v1"], "a message", 4)
    assert details.config.cmd == ["/bin/sh"]
    assert details.diff_ids == ["sha256:" + hashlib.sha256(data).hexdigest()]
    assert Path(details.graph["UpperDir"], "etc/os").read_bytes() == b"mine"
    labels = {"k": "v w"}
    assert events(engine) == [
        ("tag", digest, {**labels, "name": "imp:v1"}),
        ("import", digest, {**labels, "name": digest}),
    ]
    (step,) = engine.images.history("imp:v1")
    assert (step.id, step.tags, step.size, step.comment) == (digest, ["imp:v1"], 4, "a message")


def test_what_cannot_be_imported_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(BadArchive, match="unexpected EOF"):
        engine.images.import_image(io.BytesIO(LAYER[:1000]))
    with pytest.raises(InvalidChange):
        engine.images.import_image(io.BytesIO(LAYER), changes=["RUN x"])
    with pytest.raises(InvalidReference):
        engine.images.import_image(io.BytesIO(LAYER), "Bad")
    assert engine.images.list() == []
    assert stored(engine)["layers"] == []


def test_finding_images(engine: Engine) -> None:
    load(engine, one_image())
    image = engine.images.resolve("one:1")
    for text in ("docker.io/library/one:1", image.id, image.digest, image.id[:12], "sha256:" + image.id[:5]):
        assert engine.images.resolve(text).id == image.id
    for text, shown in (("two", "two:latest"), ("one", "one:latest"), ("f" * 64, "sha256:" + "f" * 64)):
        with pytest.raises(NoSuchImage) as caught:
            engine.images.resolve(text)
        assert caught.value.reference == shown


def test_an_id_that_fits_two_images_names_none(engine: Engine) -> None:
    by_start: dict[str, int] = {}
    for number in range(40):
        config = config_for([], config={"Labels": {"n": str(number)}})
        load(engine, docker_archive((config, [], [])))
        start = hashlib.sha256(config).hexdigest()[:1]
        by_start[start] = by_start.get(start, 0) + 1
    twice = next(start for start, count in by_start.items() if count > 1)
    with pytest.raises(NoSuchImage):
        engine.images.resolve(twice)


def test_lists_and_filters(engine: Engine) -> None:
    load(engine, one_image(created="2020-01-01T00:00:00Z", config={"Labels": {"k": "v"}}))
    load(engine, one_image("other/two:2", b"22", created="2021-01-01T00:00:00Z"))
    load(engine, one_image("", b"333", created="2022-01-01T00:00:00Z"))

    def tags(**filters: list[str]) -> list[list[str]]:
        return [image.repo_tags for image in engine.images.list(ImageQuery(filters=filters))]

    assert tags() == [[], ["other/two:2"], ["one:1"]]
    assert tags(reference=["one"]) == [["one:1"]]
    assert tags(reference=["*/*"]) == [["other/two:2"]]
    assert tags(dangling=["true"]) == [[]]
    assert tags(dangling=["false"]) == [["other/two:2"], ["one:1"]]
    assert tags(label=["k"]) == tags(label=["k=v"]) == [["one:1"]]
    assert tags(label=["k=w"]) == []
    assert tags(before=["other/two:2"]) == [["one:1"]]
    assert tags(since=["one:1"]) == [[], ["other/two:2"]]
    assert tags(until=["2020-06-01"]) == [["one:1"]]
    assert [image.size for image in engine.images.list()] == [3, 2, 1]
    with pytest.raises(InvalidFilter):
        tags(bogus=["x"])
    with pytest.raises(InvalidFilter):
        tags(dangling=["maybe"])
    with pytest.raises(NoSuchImage):
        tags(before=["nope"])


def test_names_are_given_and_taken(engine: Engine) -> None:
    load(engine, one_image())
    digest = engine.images.resolve("one:1").digest
    engine.images.tag("one:1", "two")
    engine.images.tag("one:1", "two:2", "3")
    engine.images.tag("one:1", "", "x")
    assert engine.images.inspect("two").repo_tags == ["one:1", "two:3", "two:latest"]
    assert list(engine.images.remove("two")) == [Removed(untagged="two:latest")]
    with pytest.raises(NoSuchImage):
        engine.images.remove("two")
    with pytest.raises(ImageHasNames):
        engine.images.remove(digest)
    assert [*engine.images.remove(digest, force=True)][:3] == [
        Removed(untagged="one:1"),
        Removed(untagged="two:3"),
        Removed(deleted=digest),
    ]
    assert stored(engine) == NOTHING
    assert [action for action, *_ in events(engine)] == ["load", "tag", "tag", "untag", "untag", "untag", "delete"]
    load(engine, one_image())
    with pytest.raises(InvalidReference, match="ambiguous"):
        engine.images.tag("one:1", "sha256")


def test_the_last_name_takes_the_image_along(engine: Engine) -> None:
    base, top = files({"a": b"1"}), files({"b": b"2"})
    load(engine, docker_archive((config_for([base, top]), ["x:1"], ["base", "top"]), base=base, top=top))
    digest = engine.images.resolve("x:1").digest
    first = "sha256:" + hashlib.sha256(base).hexdigest()
    second = "sha256:" + hashlib.sha256(top).hexdigest()
    chain = "sha256:" + hashlib.sha256(f"{first} {second}".encode()).hexdigest()
    assert list(engine.images.remove("x:1")) == [
        Removed(untagged="x:1"),
        Removed(deleted=digest),
        Removed(deleted=chain),
        Removed(deleted=first),
    ]
    assert stored(engine) == NOTHING


def test_an_image_that_a_running_container_uses_stays(engine: Engine) -> None:
    load(engine, one_image())
    image = engine.images.resolve("one:1")
    container(engine, C1, image.id, "running")
    with pytest.raises(ReferenceInUse) as named:
        engine.images.remove("one:1")
    assert (named.value.reference, named.value.container_id, named.value.image_id) == ("one:1", C1, image.id)
    for force in (False, True):
        with pytest.raises(ImageInUse) as by_id:
            engine.images.remove(image.id, force=force)
        assert by_id.value.running
    assert list(engine.images.remove("one:1", force=True)) == [Removed(untagged="one:1")]
    assert engine.images.resolve(image.id).names == []


def test_force_gives_up_an_image_of_a_stopped_container_but_not_its_files(engine: Engine) -> None:
    load(engine, one_image())
    image = engine.images.resolve("one:1")
    container(engine, C1, image.id, "exited")
    with pytest.raises(ImageInUse) as caught:
        engine.images.remove(image.id)
    assert not caught.value.running
    assert engine.images.resolve("one:1").names, "nothing was done"
    assert list(engine.images.remove("one:1", force=True)) == [
        Removed(untagged="one:1"),
        Removed(deleted=image.digest),
    ]
    assert (engine.store.mount(C1) / "a").read_bytes() == b"1"
    engine.store.delete_container(C1)
    assert stored(engine) == NOTHING


def test_a_second_name_goes_though_a_container_uses_the_image(engine: Engine) -> None:
    load(engine, one_image())
    engine.images.tag("one:1", "two:2")
    container(engine, C1, engine.images.resolve("one:1").id, "running")
    assert list(engine.images.remove("two:2")) == [Removed(untagged="two:2")]


def test_save_gives_back_what_load_takes(engine: Engine, tmp_path: Path) -> None:
    base, top = files({"a": b"1" * 5000}), files({"b": b"2"})
    config = config_for([base, top], created="2020-01-01T00:00:00Z")
    load(engine, docker_archive((config, ["x:1", "x:2"], ["base", "top"]), base=base, top=top))
    load(engine, one_image())
    data = b"".join(engine.images.save(["x", "one:1"]))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
        listed = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
    assert [entry["RepoTags"] for entry in listed] == [["x:1", "x:2"], ["one:1"]]
    assert {"oci-layout", "index.json", "repositories"} <= set(names)
    end = tarfile.BLOCKSIZE * 2
    assert not any(data[-end:]) and any(data[-end - tarfile.BLOCKSIZE : -end]), "two blocks close it, as dockerd does"
    other = Engine(Settings(root=tmp_path / "other", run_root=tmp_path / "other-run"))
    assert [event for event in load(other, data) if isinstance(event, ImageLoaded)] == [
        ImageLoaded(name) for name in ("x:1", "x:2", "one:1")
    ]
    assert other.images.resolve("x:1").id == hashlib.sha256(config).hexdigest()
    with pytest.raises(NoSuchImage):
        engine.images.save(["nope"])
