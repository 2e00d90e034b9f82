"""One store with buildah and skopeo: what they build and copy is there for docker, and the other way round."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine.storage import examine
from tests.harness.busybox_image import find_busybox
from tests.harness.docker_cli import Docker
from tests.harness.registry import Registry
from tests.harness.registry_images import LAYER, OCI_LAYER, add_image, layer
from tests.harness.siblings import LIMITS, Siblings
from tests.harness.tars import archive, member
from tests.integration.storage.conftest import FULL, NAME

CONTAINERFILE = """
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "echo made >/made; /bin/busybox mkdir -p /d; /bin/busybox ln /made /d/linked"]
COPY said /said
RUN ["/bin/busybox", "rm", "/said"]
LABEL built=there
CMD ["/bin/busybox", "cat", "/d/linked"]
"""
PLAIN = "--tls-verify=false"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as found:
        yield found


def manifest_of(registry: Registry, name: str, tag: str) -> dict[str, Any]:
    """Return a manifest as the registry has it."""
    return dict(json.loads(registry.manifests[name, tag][1]))


def pushed(registry: Registry, name: str, tag: str) -> tuple[str, list[str], list[str]]:
    """Return what lies in a registry: the configuration's digest, the layers' as they are there, and unpacked."""
    manifest = manifest_of(registry, name, tag)
    packed = [each["digest"] for each in manifest["layers"]]
    plain = []
    for digest in packed:
        data = registry.blobs[digest]
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        plain.append("sha256:" + hashlib.sha256(data).hexdigest())
    return manifest["config"]["digest"], packed, plain


def build(siblings: Siblings, name: str) -> None:
    """Build an image with buildah."""
    context = siblings.home / "context"
    context.mkdir()
    (context / "Containerfile").write_text(CONTAINERFILE)
    (context / "said").write_text("said\n")
    shutil.copy(find_busybox(), context / "busybox")
    how = ["--isolation", "chroot", *LIMITS, "--layers", "--format", "docker"]
    siblings.buildah("build", *how, "-t", name, siblings.path(context))


def test_what_buildah_builds(siblings: Siblings, engine: Engine, docker: Docker, registry: Registry) -> None:
    build(siblings, "localhost/built:1")
    listed = docker.ok("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
    (inspected,) = json.loads(docker.ok("inspect", "localhost/built:1"))
    assert f"localhost/built:1 {inspected['Id'][7:19]}" in listed
    assert (inspected["Config"]["Labels"]["built"], len(inspected["RootFS"]["Layers"])) == ("there", 4)
    assert docker.ok("run", "--rm", "--network", "none", "localhost/built:1") == "made\n"
    assert (
        docker("run", "--rm", "--network", "none", "localhost/built:1", "/bin/busybox", "cat", "/said").returncode == 1
    )
    # Saved here and there: the same configuration, and the same layers.
    ours, theirs = siblings.home / "ours.tar", siblings.home / "theirs.tar"
    docker.ok("save", "-o", str(ours), "localhost/built:1")
    siblings.skopeo("copy", siblings.stored("localhost/built:1"), f"docker-archive:{siblings.path(theirs)}:built:1")
    assert archived(ours) == archived(theirs) == (inspected["Id"], inspected["RootFS"]["Layers"])
    # Pushed here and there.
    docker.ok("tag", "localhost/built:1", f"{registry.host}/ours:1")
    docker.ok("push", "-q", f"{registry.host}/ours:1")
    siblings.buildah("push", PLAIN, "localhost/built:1", f"docker://{registry.host}/theirs:1")
    found, expected = pushed(registry, "ours", "1"), pushed(registry, "theirs", "1")
    assert (found[0], found[2]) == (expected[0], expected[2]) == (inspected["Id"], inspected["RootFS"]["Layers"])
    # What was built on it here is there for buildah.
    docker.ok("build", "-t", "localhost/more:1", "-", stdin="FROM localhost/built:1\nLABEL more=here\n")
    (more,) = json.loads(siblings.buildah("images", "--json", "localhost/more:1"))
    assert docker.ok("inspect", "-f", "{{.Id}}", "localhost/more:1").startswith(f"sha256:{more['id']}")
    working = siblings.buildah("from", "localhost/more:1").decode().strip()
    siblings.buildah("copy", working, siblings.path(siblings.home / "context" / "said"), "/again")
    siblings.buildah("commit", "--rm", working, "localhost/last:1")
    said = docker.ok("run", "--rm", "--network", "none", "localhost/last:1", "/bin/busybox", "cat", "/again")
    assert said == "said\n"
    assert examine.examine(engine.store, contents=True) == []


def archived(path: Path) -> tuple[str, list[str]]:
    """Return the digests of an archive's configuration and layers."""
    with tarfile.open(path) as tar:

        def digest(name: str) -> str:
            member = tar.extractfile(name)
            assert member is not None
            return "sha256:" + hashlib.sha256(member.read()).hexdigest()

        listed = tar.extractfile("manifest.json")
        assert listed is not None
        (image,) = json.loads(listed.read())
        return digest(image["Config"]), [digest(each) for each in image["Layers"]]


def test_skopeo_copies_what_was_pulled(siblings: Siblings, engine: Engine, docker: Docker, registry: Registry) -> None:
    add_image(registry, "big", "1", [layer(number, 20_000) for number in range(3)])
    name = f"{registry.host}/big:1"
    docker.ok("pull", "-q", name)
    digest = docker.ok("inspect", "-f", "{{index .RepoDigests 0}}", name).strip().partition("@")[2]
    assert json.loads(siblings.skopeo("inspect", siblings.stored(name)))["Digest"] == digest
    (image,) = json.loads(docker.ok("inspect", name))
    # To a registry: skopeo packs anew, so that only what is unpacked can be compared with what is there.
    siblings.skopeo("copy", "--dest-tls-verify=false", siblings.stored(name), f"docker://{registry.host}/copied:1")
    docker.ok("tag", name, f"{registry.host}/pushed:1")
    docker.ok("push", "-q", f"{registry.host}/pushed:1")
    assert pushed(registry, "pushed", "1") == pushed(registry, "big", "1"), "what was pulled goes as it came"
    copied = pushed(registry, "copied", "1")
    assert (copied[0], copied[2]) == (image["Id"], image["RootFS"]["Layers"])
    # To an OCI layout and a docker archive, and from there into the store again, where it is the same image.
    layout, archive = siblings.path(siblings.home / "layout"), siblings.path(siblings.home / "archive.tar")
    siblings.skopeo("copy", siblings.stored(name), f"oci:{layout}:1")
    siblings.skopeo("copy", siblings.stored(name), f"docker-archive:{archive}:other:1")
    assert archived(siblings.home / "archive.tar") == (image["Id"], image["RootFS"]["Layers"])
    docker.ok("rmi", name, f"{registry.host}/pushed:1")
    siblings.skopeo("copy", f"docker-archive:{archive}", siblings.stored("localhost/back:1"))
    assert docker.ok("inspect", "-f", "{{.Id}}", "localhost/back:1").strip() == image["Id"]
    docker.ok("rmi", "localhost/back:1")
    siblings.skopeo("copy", f"oci:{layout}:1", siblings.stored("localhost/back:2"))
    (back,) = json.loads(docker.ok("inspect", "localhost/back:2"))
    assert back["RootFS"]["Layers"] == image["RootFS"]["Layers"]
    assert examine.examine(engine.store, contents=True) == []


@pytest.mark.parametrize("form", ["docker", "oci"])
def test_what_skopeo_copies_here(
    siblings: Siblings, engine: Engine, docker: Docker, registry: Registry, form: str
) -> None:
    busybox = archive(member("bin/busybox", find_busybox().read_bytes(), mode=0o755))
    packed = gzip.compress(busybox, 6, mtime=0)
    kind = {"docker": LAYER, "oci": f"{OCI_LAYER}+gzip"}[form]
    run = {"config": {"Cmd": ["/bin/busybox", "echo", "ran"]}}
    digest = add_image(registry, "new", "1", [(busybox, packed, kind)], oci=form == "oci", **run)
    siblings.skopeo(
        "copy", "--src-tls-verify=false", f"docker://{registry.host}/new:1", siblings.stored("localhost/new:1")
    )
    (image,) = json.loads(docker.ok("inspect", "localhost/new:1"))
    assert image["Id"] == manifest_of(registry, "new", "1")["config"]["digest"]
    assert docker.ok("run", "--rm", "--network", "none", "localhost/new:1") == "ran\n"
    docker.ok("tag", "localhost/new:1", f"{registry.host}/ours:1")
    docker.ok("push", "-q", f"{registry.host}/ours:1")
    assert pushed(registry, "ours", "1")[2] == pushed(registry, "new", "1")[2]
    # Pulled once more: nothing is fetched, and the name that the registry knows it by comes along.
    said = docker.ok("pull", f"{registry.host}/new:1")
    assert digest in said
    assert "Already exists" in said or "Image is up to date" in said or "Downloaded newer" in said
    assert docker.ok("inspect", "-f", "{{.Id}}", f"{registry.host}/new:1").strip() == image["Id"]
    saved = siblings.home / "saved.tar"
    docker.ok("save", "-o", str(saved), "localhost/new:1")
    siblings.skopeo("copy", f"docker-archive:{siblings.path(saved)}", siblings.stored("localhost/again:1"))
    assert docker.ok("inspect", "-f", "{{.Id}}", "localhost/again:1").strip() == image["Id"]
    assert examine.examine(engine.store, contents=True) == []


def test_podman_pushes_the_same_bytes_whoever_pulled(
    siblings: Siblings, engine: Engine, docker: Docker, registry: Registry
) -> None:
    add_image(registry, "big", "1", [layer(number, 20_000) for number in range(3)])
    name = f"{registry.host}/big:1"
    # To registries that podman never saw: it remembers for each what it has there.
    with Registry() as one, Registry() as two:
        docker.ok("pull", "-q", name)
        siblings.podman("push", PLAIN, name, f"{one.host}/big:1")
        inspected = json.loads(siblings.podman("image", "inspect", name))[0]
        assert siblings.podman("images", "-q", "--no-trunc", name).decode().strip() == f"sha256:{inspected['Id']}"
        docker.ok("rmi", name)
        siblings.podman("pull", "-q", PLAIN, name)
        siblings.podman("push", PLAIN, name, f"{two.host}/big:1")
        assert pushed(one, "big", "1") == pushed(two, "big", "1")
    again = json.loads(siblings.podman("image", "inspect", name))[0]
    assert {**again, "NamesHistory": None} == {**inspected, "NamesHistory": None}
    # And ours, of an image that podman pulled.
    docker.ok("tag", name, f"{registry.host}/three:1")
    docker.ok("push", "-q", f"{registry.host}/three:1")
    assert pushed(registry, "three", "1") == pushed(registry, "big", "1")
    assert examine.examine(engine.store, contents=True) == []


def test_a_saved_image_is_the_same_for_all(siblings: Siblings, engine: Engine, docker: Docker) -> None:
    """What docker saves, podman loads, and what podman saves in either form, docker loads."""
    (image,) = json.loads(docker.ok("inspect", NAME))
    for form in ("docker-archive", "oci-archive"):
        path = siblings.home / f"{form}.tar"
        siblings.podman("save", "-q", "--format", form, "-o", siblings.path(path), FULL)
        docker.ok("rmi", NAME)
        docker.ok("load", "-q", "-i", str(path))
        (back,) = json.loads(docker.ok("inspect", NAME))
        assert back["RootFS"] == image["RootFS"]
    ours = siblings.home / "ours.tar"
    docker.ok("save", "-o", str(ours), NAME)
    docker.ok("rmi", NAME)
    siblings.podman("load", "-q", "-i", siblings.path(ours))
    assert (
        docker.ok("inspect", "-f", "{{.RootFS}}", NAME).strip() == f"{{layers [{' '.join(image['RootFS']['Layers'])}]}}"
    )
    assert examine.examine(engine.store, contents=True) == []
