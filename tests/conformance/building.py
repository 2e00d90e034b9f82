"""Builds in scenarios: what the stream said, and what the image is made of, in a form that can be compared."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Mapping
from typing import Any

from tests.conformance.session import IMAGE, VERSION, Session
from tests.harness import tars

TAG = "conf-built:latest"
_SHORT = re.compile(r"\b[0-9a-f]{12}\b")
_SUM = re.compile(r"\b(file|dir|multi):([0-9a-f]{16})[0-9a-f]{48}")
_TIMES = ("created", "Created")

Files = Mapping[str, "str | bytes | tars.Member"]


def context(files: Files) -> bytes:
    """Return the archive of a context, with the folders that its files lie in, as the docker command sends it."""
    members: list[tars.Member] = []
    folders: set[str] = set()
    for name, content in files.items():
        above = ""
        for part in name.split("/")[:-1]:
            above = f"{above}/{part}" if above else part
            if above not in folders:
                folders.add(above)
                members.append(tars.folder(f"{above}/", mtime=1_700_000_000))
        if isinstance(content, tuple):
            members.append(content)
        else:
            data = content.encode() if isinstance(content, str) else content
            members.append(tars.member(name, data, mode=0o644, mtime=1_700_000_000))
    return tars.archive(*members)


def build(
    s: Session,
    text: str,
    files: Files | None = None,
    *,
    look: bool = True,
    tag: str = TAG,
    body: bytes | None = None,
    version: str = VERSION,
    **query: Any,
) -> str:
    """Build an image, and write down the stream, and with look the image; returns its id, "" when there is none."""
    if body is None:
        body = context({"Dockerfile": text.replace("IMAGE", IMAGE), **(files or {})})
    asked = {"t": tag, **{key: each for key, each in query.items() if each is not None}}
    opened = s.open("POST", "/build", body, query=asked, headers={"Content-Type": "application/x-tar"}, version=version)
    exchange = opened[1]
    head = exchange.read_head()
    raw = exchange.finish()
    s.records.append({"request": "POST /build", "asked": _plain(text), "status": head.status})
    record = s.records[-1]
    if head.status != 200:
        record["body"] = json.loads(_said(raw.decode()))
        return ""
    record["headers"] = {"content-type": head.headers.get("content-type")}
    said, others, image = "", [], ""
    for line in raw.decode().splitlines():
        value = json.loads(line)
        if "stream" in value:
            said += value["stream"]
        elif "aux" in value:
            image = value["aux"]["ID"]
        else:
            others.append(value)
    record["said"] = _said(said)
    record["others"] = json.loads(_said(json.dumps(others)))
    if look and image and not any("error" in each for each in others):
        record["image"] = image_of(s, image)
    return image


def image_of(s: Session, image: str) -> dict[str, Any]:
    """Return an image's configuration, and what each of its layers but the first has in it."""
    data = s.quietly("GET", f"/images/{image}/get")
    if not isinstance(data, bytes):
        return {"refused": data}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:

        def read(name: str) -> bytes:
            file = archive.extractfile(name)
            assert file is not None
            return file.read()

        manifest = json.loads(read("manifest.json"))[0]
        config = json.loads(read(manifest["Config"]))
        layers = [_layer(read(name)) for name in manifest["Layers"]]
    config["rootfs"]["diff_ids"] = len(config["rootfs"].get("diff_ids") or [])
    for step in config.get("history") or []:
        step["created"] = "<time>"
        if "created_by" in step:
            step["created_by"] = _said(step["created_by"])
    found = {key: "<time>" if key == "created" else value for key, value in config.items()}
    if "container" in found:
        found["container"] = "<hex>"
    found.pop("docker_version", None)
    for key in ("config", "container_config"):
        inner = found.get(key) or {}
        for name in ("Hostname", "Image"):
            if inner.get(name):
                inner[name] = "<set>"
        if inner.get("Cmd"):
            inner["Cmd"] = [_said(word) for word in inner["Cmd"]]
    base = (config.get("history") or [{}])[0].get("created_by") == "busybox of the machine"
    return {"config": found, "layers": layers[1:] if base else layers}


def _layer(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as layer:
        return sorted(
            f"{each.name} {each.type.decode()} {each.mode:o} {each.uid}:{each.gid} {each.size} {each.linkname}".rstrip()
            for each in layer
        )


def _said(text: str) -> str:
    """Replace what is another one each time; sums of files are not."""
    text = _SUM.sub(r"\1:\2", text).replace("\x1b[0m\x1b[91m", "")  # how output is cut into pieces is chance
    text = re.sub(r"/\S*?/merged/|/var/lib/\S*?/tmp/docker-builder\d+/", "/", text)  # what is built on
    text = re.sub(r"(evalSymlinksInScope: )[-\w/. ]*", r"\1<paths>", text)
    text = re.sub(r"(\bstat |not a directory: )/\S+/", r"\1/<repository>/", text)
    text = re.sub(r"\b(sha256:)?[0-9a-f]{64}\b", "<hex>", text)
    return _SHORT.sub("<id>", text)


def _plain(dockerfile: str) -> str:
    return dockerfile if len(dockerfile) < 2000 else f"{dockerfile[:100]}... ({len(dockerfile)} characters)"


def clear(s: Session, *tags: str) -> None:
    """Remove what builds have left."""
    for tag in (TAG, *tags):
        s.quietly("DELETE", f"/images/{tag}", query={"force": "1"})
    s.quietly("POST", "/images/prune", query={"filters": {"dangling": ["true"]}})
