"""Every version of the API from 1.24 to 1.51, as users ask for it: DOCKER_API_VERSION, and docker-py's argument."""

from __future__ import annotations

import json

import docker as docker_py
import pytest

from tests.harness.docker_cli import Docker
from tests.harness.raw_http import send
from tests.integration.conftest import Skiff

VERSIONS = [f"1.{minor}" for minor in range(24, 52)]


def test_the_docker_command_works_at_each(skiff: Skiff) -> None:
    docker = Docker(skiff.server.url, skiff.home / "docker-config")
    for version in VERSIONS:
        docker.environment["DOCKER_API_VERSION"] = version
        assert docker.ok("run", "-i", "--rm", "busybox", "cat", stdin=version) == version
        found = json.loads(docker.ok("version", "--format", "{{json .}}"))
        assert found["Client"]["ApiVersion"] == version
        assert found["Server"]["ApiVersion"] == "1.51"
    assert docker.ok("ps", "-aq") == ""


def test_docker_py_works_at_each(skiff: Skiff) -> None:
    for version in VERSIONS:
        client = docker_py.DockerClient(base_url=skiff.server.url, version=version)
        try:
            assert client.api._version == version
            container = client.containers.run("busybox", ["sleep", "1000"], detach=True, name=f"at-{version}")
            assert container.exec_run(["echo", "hi"]) == (0, b"hi\n"), version
            assert [each.name for each in client.containers.list()] == [f"at-{version}"]
            assert client.images.list()[0].tags == ["busybox:latest"]
            assert "bridge" in [each.name for each in client.networks.list()]
            assert client.info()["ServerVersion"].startswith("28.5")
            container.remove(force=True)
        finally:
            client.close()


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("1.23", "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client"),
        ("1.52", "client version 1.52 is too new. Maximum supported API version is 1.51"),
        ("2.0", "client version 2.0 is too new. Maximum supported API version is 1.51"),
    ],
)
def test_others_are_refused(skiff: Skiff, version: str, words: str) -> None:
    docker = Docker(skiff.server.url, skiff.home / "docker-config")
    docker.environment["DOCKER_API_VERSION"] = version
    done = docker("ps")
    assert done.returncode == 1
    assert words in done.stderr


def test_a_client_that_asks_first_gets_the_newest(skiff: Skiff) -> None:
    assert send(skiff.server.url, "GET", "/_ping").headers["api-version"] == "1.51"
    client = docker_py.DockerClient(base_url=skiff.server.url)
    assert client.api._version == "1.51" or client.api._version in VERSIONS
    client.close()
