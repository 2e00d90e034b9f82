"""Pulling through the library from a registry in this process: what is kept, shared, resumed, and left behind."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import aclosing

import pytest

from engine.errors import EngineError, NoSuchImage
from engine.images.platform import Platform
from engine.images.progress import ImagePulled, LayerProgress, Said
from engine.images.reference import parse
from engine.registry import download
from engine.registry.hosts import Credentials, RegistryUnreachable
from engine.registry.refusals import BadContent, RegistryRefused
from tests.harness.registry import Registry
from tests.harness.registry_images import LAYER, OCI_LAYER, add_image, layer, packed
from tests.harness.tars import files
from tests.integration.registry.conftest import Puller


def pulling(puller: Puller, registry: Registry, name: str, credentials: Credentials | None = None):  # type: ignore[no-untyped-def]
    return puller.engine.images.pull(parse(f"{registry.host}/{name}"), None, credentials)


async def test_an_image_is_kept_as_podman_keeps_it(puller: Puller, registry: Registry) -> None:
    events = await puller.told(pulling(puller, registry, "some/index:1"))
    image = puller.engine.store.images()[0]
    index = registry.manifests["some/index", "1"][1]
    index_digest = "sha256:" + hashlib.sha256(index).hexdigest()
    manifest = puller.engine.store.manifest(image.id)
    assert image.names == [f"{registry.host}/some/index:1", f"{registry.host}/some/index@{index_digest}"]
    assert image.digest == "sha256:" + hashlib.sha256(manifest).hexdigest()
    assert puller.engine.store.image_document(image.id, f"manifest-{index_digest}") == index
    assert puller.engine.store.image_document(image.id, f"manifest-{image.digest}") == manifest
    layers = puller.engine.store.layer_chain(image.layer)
    wanted = json.loads(manifest)["layers"]
    assert [(each.compressed_digest, each.compressed_size, each.packing) for each in layers] == [
        (each["digest"], each["size"], 2) for each in wanted
    ]
    for own in layers:
        data = b"".join(puller.engine.store.archive(own))
        assert "sha256:" + hashlib.sha256(data).hexdigest() == own.diff_id
    assert ImagePulled(f"{registry.host}/some/index:1", f"sha256:{image.id}", True) in events
    assert puller.left() == []


async def test_what_is_there_is_not_fetched_again(puller: Puller, registry: Registry) -> None:
    await puller.told(pulling(puller, registry, "some/image:1"))
    registry.requests.clear()
    events = await puller.told(pulling(puller, registry, "some/image:2"))
    blobs = [each for each in registry.requests if "/blobs/" in each]
    assert len(blobs) == 2, "the configuration and the third layer"
    assert [each.action for each in events if isinstance(each, LayerProgress)][:2] == ["Already exists"] * 2
    registry.requests.clear()
    events = await puller.told(pulling(puller, registry, "some/image:2"))
    assert not any("/blobs/" in each for each in registry.requests)
    assert events[-1] == Said(f"Status: Image is up to date for {registry.host}/some/image:2")


async def test_layers_in_every_form(puller: Puller, registry: Registry) -> None:
    plain = [files({f"f{number}": b"%d" % number * 50_000}) for number in range(3)]
    forms = [(plain[0], packed(plain[0]), LAYER), (plain[1], plain[1], OCI_LAYER)]
    forms.append((plain[2], zstd(plain[2]), f"{OCI_LAYER}+zstd"))
    add_image(registry, "forms", "1", forms, oci=True)
    await puller.told(pulling(puller, registry, "forms:1"))
    found = puller.engine.store.layer_chain(puller.engine.store.images()[0].layer)
    assert [each.packing for each in found] == [2, 0, 4]


def zstd(data: bytes) -> bytes:
    import importlib

    try:
        made: bytes = importlib.import_module("compression.zstd").compress(data)
    except ImportError:
        made = importlib.import_module("zstandard").compress(data)
    return made


async def test_a_foreign_layer_comes_from_its_own_place(puller: Puller, registry: Registry) -> None:
    plain, form, _ = layer(1)
    kind = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    digest = registry.add_blob("elsewhere", form)
    url = f"http://{registry.host}/v2/elsewhere/blobs/{digest}"
    own = {"mediaType": kind, "size": len(form), "digest": digest, "urls": [url]}
    add_image(registry, "foreign", "1", [(plain, form, kind)], manifest={"layers": [own]})
    registry.owned.discard(("foreign", digest))
    await puller.told(pulling(puller, registry, "foreign:1"))
    assert len(puller.engine.store.images()) == 1


async def test_the_same_layer_twice(puller: Puller, registry: Registry) -> None:
    await puller.told(pulling(puller, registry, "some/twice:1"))
    layers = puller.engine.store.layer_chain(puller.engine.store.images()[0].layer)
    assert layers[0].diff_id == layers[2].diff_id
    assert len(layers) == 3


async def test_pulls_at_once_fetch_each_layer_once(puller: Puller, registry: Registry) -> None:
    registry.faults.blob_seconds = 0.05
    names = ["some/image:1", "some/image:2"] * 5
    told = await asyncio.gather(*(puller.told(pulling(puller, registry, name)) for name in names))
    blobs = {name.partition("?")[0] for name in registry.requests if "/blobs/" in name}
    layers = {each["digest"] for tag in "12" for each in json.loads(registry.manifests["some/image", tag][1])["layers"]}
    fetched = [name.rpartition("/")[2] for name in registry.requests if name.rpartition("/")[2] in layers]
    assert sorted(fetched) == sorted(layers), blobs
    assert all(isinstance(events[-1], Said) for events in told)
    assert len(puller.engine.store.images()) == 2
    assert puller.left() == []


async def test_one_that_gives_up_does_not_disturb_another(puller: Puller, registry: Registry) -> None:
    registry.faults.blob_seconds = 0.1
    first = pulling(puller, registry, "some/image:1")
    second = asyncio.create_task(puller.told(pulling(puller, registry, "some/image:1")))
    async with aclosing(first):
        async for event in first:
            if isinstance(event, LayerProgress) and event.action == "Downloading":
                break
    events = await second
    assert events[-1] == Said(f"Status: Downloaded newer image for {registry.host}/some/image:1")
    assert puller.left() == []


async def test_giving_up_leaves_nothing(puller: Puller, registry: Registry) -> None:
    registry.faults.blob_seconds = 0.1
    coming = pulling(puller, registry, "some/image:1")
    async with aclosing(coming):
        async for event in coming:
            if isinstance(event, LayerProgress) and event.action == "Downloading":
                break
    assert puller.engine.store.images() == []
    assert puller.engine.store.all_layers() == []
    assert puller.left() == []
    registry.faults.blob_seconds = 0
    await puller.told(pulling(puller, registry, "some/image:1"))


@pytest.mark.parametrize("no_ranges", [False, True])
async def test_a_dropped_connection_is_resumed(
    puller: Puller, registry: Registry, no_ranges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download.pieces, "__defaults__", (0.05,))
    big = files({"big": hashlib.sha256(b"x").digest() * 40_000})
    form = packed(big) if no_ranges else big
    add_image(registry, "big", "1", [(big, form, LAYER if no_ranges else OCI_LAYER)])
    registry.faults.drops, registry.faults.drop_after = 2, len(form) // 3
    registry.faults.no_ranges = no_ranges
    await puller.told(pulling(puller, registry, "big:1"))
    digest = "sha256:" + hashlib.sha256(form).hexdigest()
    ranges = [
        headers.get("Range", "")
        for request, headers in zip(registry.requests, registry.headers, strict=True)
        if request.endswith(digest)
    ]
    assert len(ranges) == 3
    assert ranges[0] == ""
    assert all(each.startswith("bytes=") for each in ranges[1:])


async def test_a_registry_that_goes_away(puller: Puller, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download.pieces, "__defaults__", (0.05,))
    registry.faults.drops, registry.faults.drop_after = 1000, 1
    add_image(registry, "big", "1", [layer(50, 500_000)])
    config = json.loads(registry.manifests["big", "1"][1])["config"]["digest"]
    small = registry.blobs[config]
    events = []
    with pytest.raises(RegistryUnreachable, match="unexpected EOF"):
        async for event in pulling(puller, registry, "big:1"):
            events.append(event)
    assert small
    assert puller.engine.store.images() == []
    assert puller.left() == []
    registry.faults.drops = 0
    await puller.told(pulling(puller, registry, "big:1"))


@pytest.mark.parametrize("fault", ["corrupt", "truncate"])
async def test_wrong_bytes_are_told_as_such(puller: Puller, registry: Registry, fault: str) -> None:
    with pytest.raises(BadContent, match="image config verification failed for digest sha256:"):
        setattr(registry.faults, fault, True)
        await puller.told(pulling(puller, registry, "some/image:1"))
    setattr(registry.faults, fault, False)
    manifest = json.loads(registry.manifests["some/image", "1"][1])
    digest = manifest["layers"][1]["digest"]
    whole = registry.blobs[digest]
    registry.blobs[digest] = whole[:-50] if fault == "truncate" else whole[:50] + b"x" + whole[51:]
    with pytest.raises(BadContent, match=f"filesystem layer verification failed for digest {digest}"):
        await puller.told(pulling(puller, registry, "some/image:1"))
    assert puller.engine.store.images() == []
    assert puller.engine.store.all_layers() == []
    assert puller.left() == []
    registry.blobs[digest] = whole
    await puller.told(pulling(puller, registry, "some/image:1"))


async def test_more_bytes_than_were_told_of(puller: Puller, registry: Registry) -> None:
    with pytest.raises(BadContent, match="filesystem layer verification failed"):
        await puller.told(pulling(puller, registry, "some/odd:wrong-size"))
    assert puller.left() == []


@pytest.mark.parametrize(
    "tag",
    [
        "schema1", "garbage", "array", "plugin", "no-config", "no-layer", "media-type", "layer-type", "wrong-size",
        "absurd-size", "negative-size", "bad-digest", "deep", "many-layers", "huge",
    ],
)  # fmt: skip
async def test_hostile_manifests_leave_nothing(puller: Puller, registry: Registry, tag: str) -> None:
    with pytest.raises(EngineError):
        await puller.told(pulling(puller, registry, f"some/odd:{tag}"))
    assert puller.engine.store.images() == []
    assert puller.engine.store.all_layers() == []
    assert puller.left() == []


async def test_a_busy_registry_is_asked_again(
    puller: Puller, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.registry import connection

    monkeypatch.setattr(connection, "PATIENCE", (0.01, 0.01))
    registry.faults.busy, registry.faults.broken = 1, 1
    await puller.told(pulling(puller, registry, "some/image:1"))
    registry.faults.busy = 100
    with pytest.raises(RegistryRefused, match="toomanyrequests: slow down"):
        await puller.told(pulling(puller, registry, "some/image:2"))


async def test_platforms(puller: Puller, registry: Registry) -> None:
    reference = parse(f"{registry.host}/some/index:1")
    for architecture, variant in (("arm64", ""), ("arm", "v7"), ("arm", "v6")):
        await puller.told(puller.engine.images.pull(reference, Platform("linux", architecture, variant)))
        found = puller.engine.images.inspect(reference.full)
        assert found.architecture == architecture
        assert found.variant == (variant or "v8")


async def test_all_tags(puller: Puller, registry: Registry) -> None:
    await puller.told(pulling(puller, registry, "some/image"))
    tags = {
        name.rpartition(":")[2] for image in puller.engine.store.images() for name in image.names if "@" not in name
    }
    assert tags == {"1", "2"}


@pytest.mark.parametrize("auth", ["basic", "bearer"])
async def test_credentials(puller: Puller, registry: Registry, auth: str) -> None:
    registry.auth = auth
    with pytest.raises(EngineError):
        await puller.told(pulling(puller, registry, "some/image:1"))
    with pytest.raises(EngineError, match="unauthorized"):
        await puller.told(pulling(puller, registry, "some/image:1", Credentials("anna", "wrong")))
    await puller.told(pulling(puller, registry, "some/image:1", Credentials("anna", "secret")))
    if auth == "bearer":
        tokens = Credentials(identity_token="refresh"), Credentials(registry_token="token-of-anna")
        for number, credentials in enumerate(tokens):
            await puller.told(pulling(puller, registry, f"some/{('oci', 'twice')[number]}:1", credentials))


async def test_a_layer_that_is_removed_meanwhile_is_fetched(puller: Puller, registry: Registry) -> None:
    await puller.told(pulling(puller, registry, "some/image:1"))
    removed = False
    async for event in pulling(puller, registry, "some/image:2"):
        if isinstance(event, LayerProgress) and event.action == "Already exists" and not removed:
            removed = True
            puller.engine.images.remove(f"{registry.host}/some/image:1")
    assert len(puller.engine.store.layer_chain(puller.engine.store.images()[0].layer)) == 3


async def test_events_are_written(puller: Puller, registry: Registry) -> None:
    await puller.told(pulling(puller, registry, "some/image:1"))
    row = puller.engine.database.rows("SELECT * FROM events WHERE action = 'pull'")[0]
    assert row["actor"] == f"{registry.host}/some/image:1"
    with pytest.raises(NoSuchImage):
        puller.engine.images.resolve("some/image:1")


async def test_an_image_that_podman_pulled_is_known_by_its_digests(puller: Puller, registry: Registry) -> None:
    """Podman keeps the digest of what it pulls by a tag in the documents only."""
    await puller.told(pulling(puller, registry, "some/image:1"))
    name = f"{registry.host}/some/image"
    records = puller.engine.store.image_records.records
    with records.writing() as draft:
        (record,) = draft
        draft.put({**{key: value for key, value in record.items() if key != "flags"}, "names": [f"{name}:1"]})
        draft.save()
    (stored,) = puller.engine.store.images()
    assert puller.engine.images.inspect(f"{name}:1").repo_digests == [f"{name}@{stored.digest}"]
    assert puller.engine.images.resolve(f"{name}@{stored.digest}").id == stored.id
    events = await puller.told(pulling(puller, registry, "some/image:1"))
    assert events[-1] == Said(f"Status: Downloaded newer image for {name}:1")
    assert not any(isinstance(each, LayerProgress) and each.action == "Pulling fs layer" for each in events)
