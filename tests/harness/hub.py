"""A registry that stands for Docker Hub where nothing leads to it: `python -m tests.harness.hub PORT`.

It has hello-world, alpine (latest and 3.10) and busybox, made from the machine's own busybox. Engines come here when
it is their mirror of Docker Hub; says a line when it is there.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
import threading

from tests.harness.busybox_image import busybox_archive
from tests.harness.registry import Registry
from tests.harness.registry_images import LAYER, add_image, packed
from tests.harness.tars import files

NAMES = ("hello-world:latest", "alpine:latest", "alpine:3.10", "busybox:latest")


def fill(registry: Registry) -> None:
    """Put the images in; each is another one."""
    with tarfile.open(fileobj=io.BytesIO(busybox_archive(["any:1"]))) as tar:

        def member(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None
            return file.read()

        (listed,) = json.loads(member("manifest.json"))
        plain = member(listed["Layers"][0])
        config = json.loads(member(listed["Config"]))["config"]
    for name in NAMES:
        repository, _, tag = name.partition(":")
        own = files({"name": name.encode()})
        layers = [(each, packed(each), LAYER) for each in (plain, own)]
        add_image(registry, f"library/{repository}", tag, layers, config=config)


def main(port: int) -> None:
    """Serve until killed."""
    with Registry(port=port) as registry:
        fill(registry)
        print(f"Docker Hub's stand-in is at {registry.host}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
