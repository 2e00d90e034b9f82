"""The image that every test runs: always the same bytes, and a sound archive."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

from tests.harness.busybox_image import make_archive, make_layer

LAYER = make_layer(b"#!busybox", ["cat", "sh"])


def test_the_same_busybox_gives_the_same_bytes() -> None:
    assert make_layer(b"#!busybox", ["cat", "sh"]) == LAYER
    assert make_archive(LAYER, ["a:1"], "x86_64") == make_archive(LAYER, ["a:1"], "x86_64")


def test_the_archive_names_what_is_in_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(make_archive(LAYER, ["a:1"], "x86_64"))) as archive:
        content = {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]
    (entry,) = json.loads(content["manifest.json"])
    config = content[entry["Config"]]
    assert entry["Config"] == hashlib.sha256(config).hexdigest() + ".json"
    assert entry["RepoTags"] == ["a:1"]
    diff_ids = json.loads(config)["rootfs"]["diff_ids"]
    assert diff_ids == ["sha256:" + hashlib.sha256(content[layer]).hexdigest() for layer in entry["Layers"]]


def test_the_layer_is_a_root_filesystem() -> None:
    with tarfile.open(fileobj=io.BytesIO(LAYER)) as layer:
        assert layer.getmember("tmp").mode == 0o1777
        assert layer.getmember("bin/sh").islnk()
        assert layer.getmember("bin/sh").linkname == "bin/busybox"
        assert layer.getmember("usr/bin/env").linkname == "../../bin/env"
