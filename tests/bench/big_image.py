"""The image that the image benchmarks use: some layers of many files, always the same bytes for the same numbers.

Files have sizes as in real images: many small ones, a few that hold most of the bytes; their content packs to about
two fifths. Written as `docker save` once wrote archives, so that every engine loads it.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from pathlib import Path

LAYERS = 10
FILES = 20_000
BYTES = 500_000_000
_BLOCK = 1 << 20


def layer(number: int, files: int, size: int) -> bytes:
    """Return a layer's archive: so many files in folders of fifty, of about so many bytes."""
    chance = random.Random(number)
    noise = chance.randbytes(_BLOCK)
    words = b" ".join(noise[at : at + 3].hex().encode() for at in range(0, 3000, 3)) * 150
    weights = [chance.paretovariate(1.1) for _ in range(files)]
    total = sum(weights)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for index, weight in enumerate(weights):
            if index % 50 == 0:
                folder = tarfile.TarInfo(f"usr/share/layer{number}/folder{index // 50}")
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(folder)
            entry = tarfile.TarInfo(f"usr/share/layer{number}/folder{index // 50}/file{index}")
            entry.size, entry.mode, entry.mtime = int(size * weight / total), 0o644, 1_700_000_000 + index
            tar.addfile(entry, io.BytesIO(_content(chance, noise, words, entry.size)))
    return out.getvalue()


def _content(chance: random.Random, noise: bytes, words: bytes, size: int) -> bytes:
    pieces = []
    while size > 0:
        source = chance.choice((noise, words, words))
        length = min(size, chance.randrange(100, 60_000))
        start = chance.randrange(len(source) - length) if length < len(source) else 0
        pieces.append(source[start : start + length])
        size -= len(pieces[-1])
    return b"".join(pieces)


def write_image(path: Path, tag: str, *, layers: int = LAYERS, files: int = FILES, size: int = BYTES) -> None:
    """Write the image as a docker archive."""
    diff_ids = []
    with tarfile.open(path, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for number in range(layers):
            data = layer(number, files // layers, size // layers)
            diff_ids.append("sha256:" + hashlib.sha256(data).hexdigest())
            _add(tar, f"{number}/layer.tar", data)
        config = {
            "architecture": "amd64",
            "config": {"Cmd": ["/nothing"]},
            "created": "2024-01-01T00:00:00Z",
            "history": [{"created": "2024-01-01T00:00:00Z", "created_by": f"layer {n}"} for n in range(layers)],
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        _add(tar, "config.json", json.dumps(config).encode())
        paths = [f"{number}/layer.tar" for number in range(layers)]
        manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": paths}]
        _add(tar, "manifest.json", json.dumps(manifest).encode())


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))
