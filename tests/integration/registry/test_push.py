"""Pushing through the library to a registry in this process: what is sent, mounted, skipped, and kept in mind."""

from __future__ import annotations

import gzip
import hashlib
import io
import json

import pytest

from engine.errors import BadArchive, EngineError
from engine.images import push as push_module
from engine.images.progress import LayerProgress, Said, TagPushed, TransferEvent
from engine.images.push import NothingToPush
from engine.images.reference import parse
from engine.registry.hosts import Credentials, RegistryUnreachable
from tests.harness.busybox_image import busybox_archive
from tests.harness.registry import Registry
from tests.integration.registry.conftest import Puller


async def push(puller: Puller, name: str, credentials: Credentials | None = None) -> list[TransferEvent]:
    return await puller.told(puller.engine.images.push(parse(name), None, credentials))


def actions(events: list[TransferEvent]) -> list[str]:
    return [each.action for each in events if isinstance(each, LayerProgress) and each.action != "Pushing"]


def load(puller: Puller, name: str) -> None:
    list(puller.engine.images.load(io.BytesIO(busybox_archive([name]))))


async def test_a_loaded_image_is_packed_and_sent(puller: Puller, registry: Registry) -> None:
    name = f"{registry.host}/a/b:1"
    load(puller, name)
    events = await push(puller, name)
    assert actions(events) == ["Preparing", "Pushed"]
    media_type, data = registry.manifests["a/b", "1"]
    document = json.loads(data)
    assert media_type == document["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert data.startswith(b'{\n   "schemaVersion": 2,\n   "mediaType"')
    stored = puller.engine.store.images()[0]
    form = registry.blobs[document["layers"][0]["digest"]]
    own = puller.engine.store.layer_chain(stored.layer)[0]
    assert "sha256:" + hashlib.sha256(gzip.decompress(form)).hexdigest() == own.diff_id
    assert document["layers"][0]["size"] == len(form)
    assert registry.blobs[document["config"]["digest"]] == puller.engine.store.config(stored.id)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    assert events[-2:] == [Said(f"1: digest: {digest} size: {len(data)}"), TagPushed("1", digest, len(data))]
    assert f"{registry.host}/a/b@{digest}" in stored.names
    row = puller.engine.database.rows("SELECT * FROM events WHERE action = 'push'")[0]
    assert row["actor"] == name


async def test_what_the_registry_has_is_not_sent_again(puller: Puller, registry: Registry) -> None:
    for name in ("a/b:1", "a/b:2", "a/c:1"):
        load(puller, f"{registry.host}/{name}")
    await push(puller, f"{registry.host}/a/b:1")
    assert actions(await push(puller, f"{registry.host}/a/b:1")) == ["Preparing", "Layer already exists"]
    assert actions(await push(puller, f"{registry.host}/a/b")) == ["Preparing", "Layer already exists"] * 2
    assert actions(await push(puller, f"{registry.host}/a/c:1")) == ["Preparing", "Mounted from a/b"]
    manifests = {registry.manifests[key] for key in (("a/b", "1"), ("a/b", "2"), ("a/c", "1"))}
    assert len(manifests) == 1
    registry.faults.refuse_mounts = True
    load(puller, f"{registry.host}/a/d:1")
    assert actions(await push(puller, f"{registry.host}/a/d:1")) == ["Preparing", "Pushed"]
    assert registry.manifests["a/d", "1"] in manifests, "packing again gives the same bytes"
    assert registry.uploads == {}


@pytest.mark.parametrize("name", ["some/image:1", "some/oci:1", "some/twice:1", "some/empty:1"])
async def test_what_was_pulled_keeps_its_manifest(puller: Puller, registry: Registry, name: str) -> None:
    source, repository = f"{registry.host}/{name}", f"{registry.host}/copy"
    await puller.told(puller.engine.images.pull(parse(source)))
    puller.engine.images.tag(source, repository, "1")
    events = await push(puller, f"{repository}:1")
    assert registry.manifests["copy", "1"] == registry.manifests[tuple(name.split(":"))]  # type: ignore[index]
    assert set(actions(events)) <= {"Preparing", "Mounted from some/image", f"Mounted from {name.split(':')[0]}"}


async def test_an_upload_that_breaks_is_begun_again(
    puller: Puller, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_module, "PAUSE_SECONDS", 0)
    name = f"{registry.host}/a/b:1"
    load(puller, name)
    registry.faults.drop_uploads = 2
    assert actions(await push(puller, name)) == ["Preparing", "Pushed"]
    registry.faults.drop_uploads = 100
    other = f"{registry.host}/a/e:1"
    load(puller, other)
    registry.faults.refuse_mounts = True
    with pytest.raises(RegistryUnreachable):
        await push(puller, other)
    assert ("a/e", "1") not in registry.manifests


async def test_a_layer_that_changed_since_is_not_sent(puller: Puller, registry: Registry) -> None:
    name = f"{registry.host}/a/b:1"
    load(puller, name)
    layer = puller.engine.store.layer_chain(puller.engine.store.images()[0].layer)[0]
    (puller.engine.store.layers.overlay.folder(layer.id) / "diff" / "etc" / "passwd").write_text("changed")
    with pytest.raises(BadArchive):
        await push(puller, name)
    assert ("a/b", "1") not in registry.manifests


@pytest.mark.parametrize("auth", ["basic", "bearer"])
async def test_credentials(puller: Puller, registry: Registry, auth: str) -> None:
    registry.auth = auth
    name = f"{registry.host}/a/b:1"
    load(puller, name)
    for credentials in (Credentials(), Credentials("anna", "wrong")):
        with pytest.raises(EngineError):
            await push(puller, name, credentials)
    assert actions(await push(puller, name, Credentials("anna", "secret"))) == ["Preparing", "Pushed"]


async def test_what_is_not_there(puller: Puller, registry: Registry) -> None:
    load(puller, f"{registry.host}/a/b:1")
    for name, words in (
        ("a/b:2", "tag does not exist"),
        ("a/nowhere:1", "An image does not exist locally with the tag"),
        ("a/b@sha256:" + "0" * 64, "cannot push a digest reference"),
    ):
        with pytest.raises(NothingToPush, match=words):
            await push(puller, f"{registry.host}/{name}")
