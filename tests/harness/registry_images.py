"""Images for the registry of tests.harness.registry: good ones of every form, and hostile ones. The same each time."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable
from typing import Any

from tests.harness.recorded_gzip import recorded_gzip
from tests.harness.registry import Registry
from tests.harness.tars import files

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
NOWHERE = "sha256:" + "0" * 64


def packed(data: bytes, level: int = 6) -> bytes:
    """Return data as this Python's gzip packs it, the same each time."""
    return gzip.compress(data, level, mtime=0)


def config(diff_ids: list[str], **more: Any) -> bytes:
    """Return an image's configuration."""
    document = {
        "architecture": "amd64",
        "config": {"Cmd": ["sh"], "Labels": {"made": "here"}},
        "created": "2024-01-01T00:00:00Z",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        **more,
    }
    return json.dumps(document).encode()


def digest(data: bytes) -> str:
    """Return the digest of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(media_type: str, data: bytes, **more: Any) -> dict[str, Any]:
    """Return how a manifest names a blob."""
    return {"mediaType": media_type, "size": len(data), "digest": digest(data), **more}


def add_image(
    registry: Registry,
    name: str,
    tag: str,
    layers: list[tuple[bytes, bytes, str]],
    *,
    oci: bool = False,
    manifest: dict[str, Any] | None = None,
    **more: Any,
) -> str:
    """Put an image into a registry; layers are archives, their packed form and its media type; returns its digest.

    manifest replaces keys of the manifest, more those of the configuration.
    """
    data = config([digest(plain) for plain, _, _ in layers], **more)
    registry.add_blob(name, data)
    for _, form, _ in layers:
        registry.add_blob(name, form)
    media_type = OCI_MANIFEST if oci else MANIFEST
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(OCI_CONFIG if oci else CONFIG, data),
        "layers": [descriptor(kind, form) for _, form, kind in layers],
        **(manifest or {}),
    }
    return registry.add_manifest(name, media_type, document, tag)


def layer(number: int, size: int = 20_000, pack: Callable[[bytes, int], bytes] = packed) -> tuple[bytes, bytes, str]:
    """Return a small layer with a file of its own."""
    content = b"".join(hashlib.sha256(b"%d %d" % (number, block)).digest() for block in range(size // 32))
    plain = files({f"file-{number}": content})
    return plain, pack(plain, 6), LAYER


def fill(registry: Registry) -> None:
    """Put in the images that scenarios ask for."""
    one, other, third = (layer(number, pack=recorded_gzip) for number in (1, 2, 3))
    two = [one, other]
    add_image(registry, "some/image", "1", two)
    add_image(registry, "some/image", "2", [*two, third])
    plain = files({"plain": b"x" * 1000})
    add_image(
        registry, "some/oci", "1", [(plain, plain, OCI_LAYER), (two[0][0], two[0][1], f"{OCI_LAYER}+gzip")], oci=True
    )
    add_image(registry, "some/empty", "1", [])
    add_image(registry, "some/twice", "1", [two[0], two[1], two[0]])
    add_image(registry, "some/windows", "1", [two[0]], os="windows")
    add_image(registry, "some/short", "1", [two[0]], rootfs={"type": "layers", "diff_ids": []})
    add_image(registry, "some/other", "1", [two[0]], rootfs={"type": "layers", "diff_ids": [NOWHERE]})
    add_image(registry, "some/rootless", "1", [], rootfs=None)
    garbage = b"this is no archive" * 100
    add_image(registry, "some/garbage", "1", [(garbage, garbage, LAYER)])
    half = two[0][1][:2000]
    add_image(registry, "some/half", "1", [(two[0][0], half, LAYER)])
    registry.found = [
        {"name": "busybox", "description": "Busybox <base> image.", "star_count": 3, "is_official": True},
        {"name": "some/busybox", "description": "", "star_count": 1, "is_official": False, "is_automated": True},
    ]
    indexes(registry, two[0])
    odd_manifests(registry, two[0])


def indexes(registry: Registry, base: tuple[bytes, bytes, str]) -> None:
    """Put in images for several platforms."""
    machines = [("linux", "amd64", ""), ("linux", "arm", "v6"), ("linux", "arm", "v7"), ("linux", "arm64", "v8")]
    entries = []
    for number, (system, architecture, variant) in enumerate(machines):
        own = [base, layer(10 + number, pack=recorded_gzip)]
        more = {"variant": variant} if variant else {}
        add_image(registry, "some/index", f"only-{number}", own, os=system, architecture=architecture, **more)
        data = registry.manifests["some/index", f"only-{number}"][1]
        platform = {"architecture": architecture, "os": system, **more}
        entries.append({**descriptor(MANIFEST, data), "platform": platform})
        del registry.manifests["some/index", f"only-{number}"]
    registry.tags["some/index"] = []
    unknown = {**entries[0], "platform": {"architecture": "unknown", "os": "unknown"}}
    entries.append(unknown)
    registry.add_manifest("some/index", LIST, {"schemaVersion": 2, "mediaType": LIST, "manifests": entries}, "1")
    inner = registry.manifests["some/index", "1"][1]
    nested = {"schemaVersion": 2, "mediaType": OCI_INDEX}
    nested["manifests"] = [{**descriptor(LIST, inner), "platform": {"architecture": "amd64", "os": "linux"}}]
    registry.add_manifest("some/index", OCI_INDEX, nested, "nested")
    empty: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    registry.add_manifest("some/index", OCI_INDEX, empty, "none")
    missing = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{**entries[0], "digest": NOWHERE}]}
    registry.add_manifest("some/index", OCI_INDEX, missing, "missing")


def odd_manifests(registry: Registry, base: tuple[bytes, bytes, str]) -> None:
    """Put in what is no image, or none that can be meant."""
    good = config([digest(base[0])])
    registry.add_blob("some/odd", good)
    registry.add_blob("some/odd", base[1])
    whole = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, good),
        "layers": [descriptor(LAYER, base[1])],
    }
    odd: dict[str, tuple[str, Any]] = {
        "schema1": ("application/vnd.docker.distribution.manifest.v1+prettyjws", schema_1()),
        "garbage": (MANIFEST, b"no json"),
        "array": (MANIFEST, b"[]"),
        "plugin": (MANIFEST, {**whole, "config": descriptor("application/vnd.docker.plugin.v1+json", good)}),
        "artifact": (
            OCI_MANIFEST,
            {**whole, "mediaType": OCI_MANIFEST, "config": descriptor("application/vnd.helm.config.v1+json", good)},
        ),
        "no-config": (MANIFEST, {**whole, "config": {**whole["config"], "digest": NOWHERE}}),
        "no-layer": (MANIFEST, {**whole, "layers": [{**whole["layers"][0], "digest": NOWHERE}]}),
        "media-type": ("application/vnd.example+json", whole),
        "json": ("application/json", whole),
        "layer-type": (MANIFEST, {**whole, "layers": [descriptor("application/vnd.example.layer", base[1])]}),
        "wrong-size": (MANIFEST, {**whole, "layers": [{**whole["layers"][0], "size": 5}]}),
        "absurd-size": (MANIFEST, {**whole, "layers": [{**whole["layers"][0], "size": 1 << 62}]}),
        "negative-size": (MANIFEST, {**whole, "layers": [{**whole["layers"][0], "size": -1}]}),
        "bad-digest": (MANIFEST, {**whole, "layers": [{**whole["layers"][0], "digest": "sha256:x/../y"}]}),
        "deep": (MANIFEST, b'{"schemaVersion":2,"layers":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "many-layers": (MANIFEST, {**whole, "layers": whole["layers"] * 200}),
        "huge": (MANIFEST, b'{"schemaVersion":2,"padding":"' + b"x" * (5 << 20) + b'"}'),
    }
    for tag, (media_type, document) in odd.items():
        registry.add_manifest("some/odd", media_type, document, tag)


def schema_1() -> bytes:
    """Return a manifest of schema 1 whose signature has the right form."""
    plain = (
        b'{\n   "schemaVersion": 1,\n   "name": "some/odd",\n   "tag": "schema1",\n   "fsLayers": [],\n   "history": []'
    )
    tail = b"\n}"
    protected = {"formatLength": len(plain), "formatTail": _url_safe(tail), "time": "2024-01-01T00:00:00Z"}
    key = {"crv": "P-256", "kid": "X", "kty": "EC", "x": "AA", "y": "AA"}
    signature = {
        "header": {"jwk": key, "alg": "ES256"},
        "signature": "AA",
        "protected": _url_safe(json.dumps(protected).encode()),
    }
    return plain + b',\n   "signatures": [' + json.dumps(signature).encode() + b"]" + tail


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
