"""A small image made from the machine's own static busybox, so that no test needs a registry.

Writes a docker archive (manifest.json, a config and one layer), as `docker save` does. The same busybox
gives the same bytes, hence the same image id. Used by the fixtures, the benchmark and `make run`, which runs it as a
program: `python busybox_image.py OUT.tar [TAG]`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

FOLDERS = {
    "bin": 0o755,
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "root": 0o700,
    "tmp": 0o1777,
    "usr": 0o755,
    "usr/bin": 0o755,
    "usr/sbin": 0o755,
    "var": 0o755,
    "var/spool": 0o755,
    "var/spool/mail": 0o755,
    "var/www": 0o755,
}
FILES = {
    "etc/passwd": (
        "root:x:0:0:root:/root:/bin/sh\n"
        "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
        "www-data:x:33:33:www-data:/var/www:/bin/false\n"
        "nobody:x:65534:65534:nobody:/home:/bin/false\n"
    ),
    "etc/group": "root:x:0:\ndaemon:x:1:\nwheel:x:10:root\nwww-data:x:33:\nnobody:x:65534:\n",
    "var/www/index.html": "served by busybox\n",
}
PATH_VARIABLE = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}


def find_busybox() -> Path:
    """Return the static busybox of this machine; raises SystemExit with what to install where there is none."""
    found = shutil.which("busybox")
    if found is None:
        raise SystemExit("no busybox on this machine: install the package busybox-static")
    return Path(found).resolve()


def make_layer(busybox: bytes, applets: list[str]) -> bytes:
    """Return the root filesystem as an uncompressed tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, mode in FOLDERS.items():
            tar.addfile(_entry(name, tarfile.DIRTYPE, mode))
        _add_file(tar, "bin/busybox", busybox, 0o755)
        for applet in applets:
            link = _entry(f"bin/{applet}", tarfile.LNKTYPE, 0o755)
            link.linkname = "bin/busybox"
            tar.addfile(link)
        symlink = _entry("usr/bin/env", tarfile.SYMTYPE, 0o777)
        symlink.linkname = "../../bin/env"
        tar.addfile(symlink)
        for name, text in FILES.items():
            _add_file(tar, name, text.encode(), 0o644)
    return out.getvalue()


def make_archive(layer: bytes, tags: list[str], machine: str) -> bytes:
    """Wrap one layer in a docker archive."""
    diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": ARCHITECTURES.get(machine, machine),
            "config": {"Cmd": ["sh"], "Env": [PATH_VARIABLE]},
            "created": "2024-01-01T00:00:00Z",
            "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "busybox of the machine"}],
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
    ).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": tags, "Layers": ["layer.tar"]}]).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        _add_file(tar, config_name, config, 0o644)
        _add_file(tar, "layer.tar", layer, 0o644)
        _add_file(tar, "manifest.json", manifest, 0o644)
    return out.getvalue()


def busybox_layer() -> bytes:
    """Return a layer made from this machine's busybox."""
    busybox = find_busybox()
    listed = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    return make_layer(busybox.read_bytes(), sorted(set(listed) - {"busybox"}))


def busybox_archive(tags: list[str]) -> bytes:
    """Return a docker archive made from this machine's busybox."""
    return make_archive(busybox_layer(), tags, os.uname().machine)


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    return entry


def _add_file(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = _entry(name, tarfile.REGTYPE, mode)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(busybox_archive(sys.argv[2:] or ["busybox:latest"]))
