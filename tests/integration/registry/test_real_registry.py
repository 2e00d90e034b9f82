"""The docker command, pulling from and pushing to Debian's docker-registry."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import pytest

from engine.images.reference import parse
from engine.registry import connection
from engine.registry.certificates import certificates_of
from engine.registry.hosts import RegistryUnreachable
from engine.registry.refusals import NotInRegistry
from tests.harness.real_registry import fetch, real_registry
from tests.integration.conftest import Skiff
from tests.integration.registry.conftest import Puller

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def test_push_pull_and_run(skiff: Skiff, tmp_path: Path) -> None:
    docker = skiff.docker
    with real_registry(tmp_path) as host:
        name = f"{host}/some/busybox:1"
        docker.ok("tag", "busybox", name)
        said = docker.ok("push", name)
        manifest = fetch(host, "/v2/some/busybox/manifests/1", MANIFEST)
        digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
        assert f"1: digest: {digest} size: {len(manifest)}" in said
        assert "Layer already exists" in docker.ok("push", name)
        docker.ok("tag", "busybox", f"{host}/other/busybox:1")
        assert "Mounted from some/busybox" in docker.ok("push", f"{host}/other/busybox:1")
        docker.ok("rmi", name, f"{host}/other/busybox:1", "busybox")
        assert f"Digest: {digest}" in docker.ok("pull", name)
        assert docker.ok("pull", "-q", f"{host}/some/busybox@{digest}").strip() == f"{host}/some/busybox@{digest}"
        assert docker.ok("run", "--rm", "--network", "none", name, "echo", "here") == "here\n"
        docker.ok("rmi", name)
        assert docker.ok("run", "--rm", "--network", "none", name, "echo", "again").endswith("again\n")
        for tag in ("2", "3"):
            docker.ok("tag", name, f"{host}/some/busybox:{tag}")
        docker.ok("push", "-a", f"{host}/some/busybox")
        docker.ok("rmi", *(f"{host}/some/busybox:{tag}" for tag in "23"))
        assert docker.ok("pull", "-a", f"{host}/some/busybox").count("Digest: ") == 3
        inspected = json.loads(docker.ok("manifest", "inspect", "--insecure", name))
        assert inspected["config"]["digest"] == json.loads(manifest)["config"]["digest"]
        docker.ok("tag", name, "busybox:latest")
        docker.ok("rmi", *(f"{host}/some/busybox:{tag}" for tag in "123"))


def test_a_password(skiff: Skiff, tmp_path: Path) -> None:
    docker = skiff.docker
    with real_registry(tmp_path, password=True) as host:
        name = f"{host}/busybox:1"
        docker.ok("tag", "busybox", name)
        assert "no basic auth credentials" in docker("push", name).stderr
        docker.ok("login", "-u", "anna", "-p", "secret", host)
        docker.ok("push", name)
        docker.ok("rmi", name)
        docker.ok("pull", name)
        docker.ok("logout", host)
        assert "no basic auth credentials" in docker("pull", name).stderr
        docker.ok("rmi", name)


def test_tls(skiff: Skiff, tmp_path: Path) -> None:
    docker = skiff.docker
    with real_registry(tmp_path, tls=True) as host:
        name = f"{host}/busybox:1"
        docker.ok("tag", "busybox", name)
        docker.ok("push", name)
        docker.ok("rmi", name)
        docker.ok("pull", name)
        docker.ok("rmi", name)


async def test_a_certificate_is_checked(puller: Puller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on loopback, where registries need not prove anything, as with dockerd."""
    monkeypatch.setattr(connection, "is_local", lambda _: False)
    monkeypatch.setattr(
        connection, "certificates_of", functools.partial(certificates_of, folders=[tmp_path / "certs.d"])
    )
    with real_registry(tmp_path / "registry", tls=True) as host:
        reference = parse(f"{host}/busybox:1")
        with pytest.raises(RegistryUnreachable, match="x509: certificate signed by unknown authority"):
            await puller.told(puller.engine.images.pull(reference))
        folder = tmp_path / "certs.d" / host
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes((tmp_path / "registry" / "ca.crt").read_bytes())
        with pytest.raises(NotInRegistry):
            await puller.told(puller.engine.images.pull(reference))
