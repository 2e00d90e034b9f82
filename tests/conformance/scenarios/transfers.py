"""Images from registries and to them; SKIFF_CONFORMANCE_NETWORK names the network namespace of the server."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from tests.conformance import normalise
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session
from tests.harness.registry import program

NOWHERE = "sha256:" + "0" * 64
ANNA = base64.urlsafe_b64encode(b'{"username":"anna","password":"secret"}').decode()
WRONG = base64.urlsafe_b64encode(b'{"username":"anna","password":"wrong"}').decode()
# dockerd tells of these, and of what is said twice, when it finds the time.
MOVING = ("Downloading", "Extracting", "Pushing", "Verifying Checksum", "Waiting")


@contextmanager
def registry(s: Session, auth: str = "") -> Iterator[str]:
    """Give a registry that the server reaches, which is written as <registry>; its images go in the end."""
    with program(auth, os.environ.get("SKIFF_CONFORMANCE_NETWORK", "")) as host:
        s.ids[host] = "registry"
        try:
            yield host
        finally:
            forget(s, host)


def forget(s: Session, host: str) -> None:
    """Remove all images that came from a registry, or that have a name in it."""
    made = s.quietly("GET", "/images/json", query={"filters": {"label": ["made=here"]}, "all": "1"})
    named = [image for image in s.quietly("GET", "/images/json") if is_of(host, image)]
    for image_id in {image["Id"]: None for image in made}:
        s.quietly("DELETE", f"/images/{image_id}", query={"force": "1"})
    for image in named:
        for name in image["RepoTags"]:
            if name.startswith(f"{host}/"):
                s.quietly("DELETE", f"/images/{name}")


def is_of(host: str, image: dict[str, Any]) -> bool:
    """Whether an image has a name in a registry."""
    return any(name.startswith(f"{host}/") for name in image["RepoTags"])


def transfer(s: Session, path: str, auth: str = "", query: dict[str, Any] | None = None) -> None:
    """Pull or push, and write down what was told: of each layer by itself, as they go on side by side."""
    headers = {"X-Registry-Auth": auth} if auth else {}
    request, exchange = s.open("POST", path, headers=headers, query=query)
    head = exchange.read_head()
    lines = [json.loads(line) for line in exchange.finish().splitlines()]
    told: list[Any] = []
    layers: dict[str, list[str]] = {}
    for line in lines:
        if "progressDetail" in line and "aux" not in line:
            own = layers.setdefault(line["id"], [])
            if line["status"] not in (*MOVING, *own[-1:]):
                own.append(line["status"])
        else:
            told.append(line)
    s.records.append(
        {
            "request": normalise.text(request, s.ids),
            "status": head.status,
            "headers": normalise.headers(head.headers, head.status),
            "body": [normalise.value(line, s.ids) for line in told],
            "layers": layers,
        }
    )


def pull(s: Session, reference: str, tag: str = "", auth: str = "", platform: str = "") -> None:
    """Pull from a registry."""
    more = (f"&tag={tag}" if tag else "") + (f"&platform={platform}" if platform else "")
    transfer(s, f"/images/create?fromImage={reference}{more}", auth)


@scenario
def pulls(s: Session) -> None:
    """Tags, digests, all tags, platforms, and what the image then looks like."""
    with registry(s) as host:
        image = f"{host}/some/image"
        pull(s, image, "1")
        pull(s, image, "1")
        pull(s, image, "2")
        found = s.call("GET", f"/images/{image}:1/json")
        digest = found["RepoDigests"][0].partition("@")[2]
        pull(s, f"{image}@{digest}")
        s.call("DELETE", f"/images/{image}:1")
        pull(s, image, digest)
        found = s.call("GET", f"/images/{image}@{digest}/json")
        s.call("DELETE", f"/images/{image}@{digest}")
        pull(s, image)
        forget(s, host)
        for name in ("oci", "empty", "twice", "garbage", "half", "rootless"):
            pull(s, f"{host}/some/{name}", "1")
            forget(s, host)
        for platform in ("", "linux/arm64", "linux/arm/v7", "linux/arm/v8", "linux/arm", "linux/386", "windows/amd64"):
            pull(s, f"{host}/some/index", "1", platform=platform)
        s.call("GET", f"/images/{host}/some/index:1/json")
        forget(s, host)
        pull(s, f"{host}/some/index", "nested")
        pull(s, image, "1", platform="linux/arm64")
        for platform in ("foo", "a/b/c/d", "linux/"):
            pull(s, image, "1", platform=platform)


@scenario
def pulls_that_fail(s: Session) -> None:
    """What a registry does not have, and what is no image."""
    with registry(s) as host:
        pull(s, f"{host}/some/image", "9")
        pull(s, f"{host}/no/image", "1")
        pull(s, f"{host}/no/image")
        pull(s, f"{host}/some/image@{NOWHERE}")
        for tag in ("missing", "none"):
            pull(s, f"{host}/some/index", tag)
        for tag in ("plugin", "no-layer", "layer-type"):
            pull(s, f"{host}/some/odd", tag)
            forget(s, host)
        for name in ("UPPER", "scratch", f"{host}/a:b:c", "a//b", ""):
            pull(s, name, "1")
        pull(s, f"{host}/some/image", "a:b")
        pull(s, f"{host}/some/image", "sha256:1")
        pull(s, "127.0.0.1:1/x", "1")


@scenario
def pushes(s: Session) -> None:
    """One tag, all tags, a second repository, and what there is not."""
    with registry(s) as host:
        for name in ("a/b:1", "a/b:2", "a/c:1"):
            repository, _, tag = name.rpartition(":")
            s.quietly("POST", f"/images/{IMAGE}/tag", query={"repo": f"{host}/{repository}", "tag": tag})
        # How well a layer is packed is each engine's own affair, and so are the digests.
        for path in ("a/b/push?tag=1", "a/b/push?tag=1", "a/b/push", "a/c/push?tag=1"):
            transfer(s, f"/images/{host}/{path}")
            without_digests(s)
        image = f"{host}/some/image"
        pull(s, image, "1")
        s.quietly("POST", f"/images/{image}:1/tag", query={"repo": f"{host}/another/image", "tag": "x"})
        # dockerd writes a manifest of its own for what it pulled; here it stays as it was.
        for path in ("some/image/push?tag=1", "another/image/push?tag=x"):
            transfer(s, f"/images/{host}/{path}")
            without_digests(s)
        transfer(s, f"/images/{host}/a/c/push?tag=9")
        transfer(s, f"/images/{host}/a/nowhere/push?tag=9")
        transfer(s, f"/images/{host}/a/nowhere/push")
        transfer(s, f"/images/{host}/a/c@{NOWHERE}/push")
        transfer(s, f"/images/{host}/UPPER/push?tag=1")
        transfer(s, f"/images/{host}/a/c/push?tag=a:b")
        transfer(s, f"/images/{host}/a/c:1/push?tag=1")
        without_digests(s)
        transfer(s, f"/images/{host}/a/c/push?tag=1&platform=x")
        wanted = '{"os":"linux","architecture":"arm64"}'
        transfer(s, f"/images/{host}/a/c/push", query={"tag": "1", "platform": wanted})
        s.quietly("POST", f"/images/{IMAGE}/tag", query={"repo": "127.0.0.1:1/x", "tag": "1"})
        transfer(s, "/images/127.0.0.1:1/x/push?tag=1")
        s.quietly("DELETE", "/images/127.0.0.1:1/x:1")


def without_digests(s: Session) -> None:
    """Take the digests and sizes out of what a push told."""
    for line in s.records[-1]["body"]:
        if "aux" in line:
            line["aux"] = {**line["aux"], "Digest": "<digest>", "Size": "<size>"}
        if ": digest: " in line.get("status", ""):
            line["status"] = line["status"].partition("sha256:")[0]


@scenario
def credentials(s: Session) -> None:
    """Registries that ask who one is."""
    for kind in ("basic", "bearer"):
        with registry(s, kind) as host:
            image = f"{host}/some/image"
            for auth in ("", WRONG, ANNA):
                pull(s, image, "1", auth)
                s.call("GET", f"/distribution/{image}:1/json", headers={"X-Registry-Auth": auth})
            s.quietly("POST", f"/images/{IMAGE}/tag", query={"repo": f"{host}/a/b", "tag": "1"})
            for auth in ("", WRONG, "garbage", "null", ANNA):
                transfer(s, f"/images/{host}/a/b/push?tag=1", auth)
                without_digests(s)


@scenario
def distribution_and_search(s: Session) -> None:
    """What registries say of names, and what they find."""
    with registry(s) as host:
        for name in ("index:1", "oci:1", "image:1", "image", "odd:plugin", "odd:no-config", f"image@{NOWHERE}"):
            s.call("GET", f"/distribution/{host}/some/{name}/json")
        for name in ("UPPER", "0" * 64, "127.0.0.1:1/x"):
            s.call("GET", f"/distribution/{name}/json")
        path = f"/images/search?term={host}/busybox"
        for more in ("", "&limit=1", "&limit=0", "&limit=x", "&limit=101"):
            s.call("GET", path + more)
        for filters in (
            {"is-official": ["true"]}, {"is-official": ["false"]}, {"is-official": ["x"]}, {"is-automated": ["true"]},
            {"is-automated": ["false"]}, {"stars": ["2"]}, {"stars": ["x"]}, {"stars": ["1", "3"]}, {"a": ["b"]},
            {"is-official": ["true", "false"]},
        ):  # fmt: skip
            s.call("GET", f"{path}&filters={quote(json.dumps(filters))}")
        s.call("GET", "/images/search?term=127.0.0.1:1/x")
        s.call("GET", "/images/search?term=http://x/y")
