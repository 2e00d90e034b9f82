"""A big image for the figures of transfers: 500 MB in 20,000 files and 10 layers, the same each time, half packable."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

LAYERS, FILES, FILE_BYTES = 10, 2_000, 25_000
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def layer(number: int, files: int = FILES) -> bytes:
    """Return one layer's archive."""
    chance = random.Random(number)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in range(files):
            info = tarfile.TarInfo(f"usr/share/layer-{number}/{file % 50}/file-{file}")
            info.size, info.mode, info.mtime = FILE_BYTES, 0o644, 1_700_000_000
            half = chance.randbytes(FILE_BYTES // 2)
            tar.addfile(info, io.BytesIO(half + b"the same words again. " * (FILE_BYTES // 44) + b"." * FILE_BYTES))
    return out.getvalue()


def blobs(files: int = FILES) -> Iterator[tuple[str, bytes, bytes]]:
    """Give each layer as diff id, and as it is packed, one after the other."""
    for number in range(LAYERS):
        plain = layer(number, files)
        yield "sha256:" + hashlib.sha256(plain).hexdigest(), gzip.compress(plain, 6, mtime=0), plain


def configuration(diff_ids: list[str]) -> bytes:
    """Return the image's configuration document."""
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]}}
    return json.dumps({**config, "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()


def write_archive(path: Path, name: str, files: int = FILES) -> None:
    """Write the image as a docker archive, its layers unpacked, as `docker save` does."""
    diff_ids = []
    with tarfile.open(path, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for number in range(LAYERS):
            data = layer(number, files)
            diff_ids.append("sha256:" + hashlib.sha256(data).hexdigest())
            _add(tar, f"{number}/layer.tar", data)
        paths = [f"{number}/layer.tar" for number in range(LAYERS)]
        _add(tar, "config.json", configuration(diff_ids))
        _add(
            tar, "manifest.json", json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": paths}]).encode()
        )


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def upload(registry: str, name: str, tag: str, files: int = FILES) -> None:
    """Put the image, with so many files in each layer, into a registry at host:port, by plain HTTP."""
    base = f"http://{registry}/v2/{name}"
    layers, diff_ids = [], []
    for diff_id, packed, _ in blobs(files):
        layers.append({"mediaType": LAYER, "size": len(packed), "digest": _blob(base, packed)})
        diff_ids.append(diff_id)
    data = configuration(diff_ids)
    described = {"mediaType": CONFIG, "size": len(data), "digest": _blob(base, data)}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": layers}
    _send("PUT", f"{base}/manifests/{tag}", json.dumps(manifest).encode(), MANIFEST)


def _blob(base: str, data: bytes) -> str:
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    where = _send("POST", f"{base}/blobs/uploads/", b"")
    _send("PUT", f"{where}{'&' if '?' in where else '?'}digest={digest}", data)
    return digest


def _send(method: str, url: str, data: bytes, media_type: str = "application/octet-stream") -> str:
    headers = {"Content-Type": media_type, "Content-Length": str(len(data))}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
        return str(answer.headers.get("Location", ""))
