"""Builds of what the classic builder cannot do: BuildKit's images, recorded with buildx, beside Skiff's own.

dockerd's image comes from `docker buildx build` (SKIFF_BUILDX names the plugin, for recording only), Skiff's from
POST /build. The streams are different in kind, so what is compared is the image: its files and its configuration.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.conformance.building import TAG, Files, context
from tests.conformance.session import IMAGE, Session

KEYS = (
    "Env", "Cmd", "Entrypoint", "WorkingDir", "User", "Labels", "ExposedPorts", "Volumes", "OnBuild", "Shell",
    "StopSignal", "Healthcheck",
)  # fmt: skip
OWN = ("dev", "proc", "sys", ".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab")
PATIENCE = 120


def newer(s: Session, text: str, files: Files | None = None, **query: Any) -> None:
    """Build by whatever builds the newer language, and write down what became of it."""
    text = text.replace("IMAGE", IMAGE)
    body = context({"Dockerfile": text, **(files or {})})
    built = _with_buildx(s, body, query) if _has_buildkit(s) else _with_skiff(s, body, query)
    record: dict[str, Any] = {"request": "a build in the newer language", "asked": text, "built": built}
    if built:
        config = s.quietly("GET", f"/images/{TAG}/json")["Config"]
        record["config"] = {key: config[key] for key in KEYS if config.get(key)}
        record["files"] = _files(s)
    s.records.append(record)
    s.quietly("DELETE", f"/images/{TAG}", query={"force": "1"})


def _has_buildkit(s: Session) -> bool:
    _, exchange = s.open("GET", "/_ping", version="")
    head = exchange.read_head()
    exchange.finish()
    return head.headers.get("builder-version") == "2"


def _with_buildx(s: Session, body: bytes, query: dict[str, Any]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        plugins = Path(folder) / "cli-plugins"
        plugins.mkdir()
        (plugins / "docker-buildx").symlink_to(os.environ["SKIFF_BUILDX"])
        command = ["docker", "--config", folder, "--host", f"unix://{s.socket}", "buildx", "build", "-q", "-t", TAG]
        for name, value in query.get("buildargs", {}).items():
            command += ["--build-arg", f"{name}={value}"]
        if query.get("target"):
            command += ["--target", query["target"]]
        environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        done = subprocess.run(
            [*command, "-"], input=body, capture_output=True, env=environment, timeout=PATIENCE, check=False
        )
        return done.returncode == 0


def _with_skiff(s: Session, body: bytes, query: dict[str, Any]) -> bool:
    headers = {"Content-Type": "application/x-tar"}
    _, exchange = s.open("POST", "/build", body, query={"t": TAG, **query}, headers=headers)
    head = exchange.read_head()
    said = exchange.finish()
    return head.status == 200 and not any("error" in json.loads(line) for line in said.decode().splitlines())


def _files(s: Session) -> list[str]:
    """Return what an image has that the scenarios' own has not."""
    made = s.quietly("POST", "/containers/create", {"Image": TAG, "Cmd": ["x"]}, query={"name": "conf-built"})
    assert "Id" in made, made
    data = s.quietly("GET", "/containers/conf-built/export")
    s.remove("conf-built")
    found = []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for each in archive:
            name = each.name.rstrip("/")
            if name.split("/")[0] in OWN or name in OWN or name.startswith("bin/") or name in ("", "."):
                continue
            line = f"{name} {each.type.decode()} {each.mode:o} {each.uid}:{each.gid} {each.linkname}".rstrip()
            if each.isfile():
                file = archive.extractfile(each)
                assert file is not None
                line += " " + hashlib.sha256(file.read()).hexdigest()[:12]
            found.append(line)
    return sorted(found)
