"""Builds as users start them: the docker command and docker-py, and what happens when they leave."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import docker as docker_py
import pytest
from docker.errors import BuildError

from tests.conformance.building import context
from tests.conformance.wire import Exchange
from tests.integration.conftest import Skiff

TEXT = "FROM busybox\nCOPY a /a\nRUN cat /a; echo ran\nCMD cat /a\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A build context."""
    (tmp_path / "Dockerfile").write_text(TEXT)
    (tmp_path / "a").write_text("content\n")
    return tmp_path


def test_the_docker_command_builds_and_runs(skiff: Skiff, folder: Path) -> None:
    before = skiff.docker.ok("images", "-aq", "--filter", "dangling=true")
    said = skiff.docker.ok("build", "-t", "made:one", "-t", "made:two", "--label", "k=v", str(folder))
    assert "Step 3/5 : RUN cat /a; echo ran" in said
    assert "content\nran\n" in said
    assert "Successfully tagged made:two" in said
    assert skiff.docker.ok("run", "--rm", "made:two") == "content\n"
    quiet = skiff.docker.ok("build", "-q", "--label", "k=v", str(folder)).strip()
    assert skiff.docker.ok("image", "inspect", "-f", "{{.Id}} {{.Config.Labels}}", "made:one") == f"{quiet} map[k:v]\n"
    skiff.docker.ok("rmi", "made:one", "made:two")
    assert skiff.docker.ok("images", "-aq", "--filter", "dangling=true") == before


def test_a_dockerfile_from_standard_input(skiff: Skiff) -> None:
    said = skiff.docker.ok("build", "-", stdin=b"FROM busybox\nRUN echo from stdin\n")
    assert "from stdin" in said


def test_ignored_files_are_not_there(skiff: Skiff, folder: Path) -> None:
    (folder / ".dockerignore").write_text("a\n")
    failed = skiff.docker("build", str(folder))
    assert failed.returncode != 0
    assert "file not found in build context or excluded by .dockerignore" in failed.stdout + failed.stderr


def test_docker_py_builds(skiff: Skiff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", skiff.server.url)
    client = docker_py.from_env()
    image, lines = client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN echo hi\n"), tag="by-py", rm=True)
    assert "by-py:latest" in image.tags
    assert any("hi\n" in line.get("stream", "") for line in lines)
    with pytest.raises(BuildError) as caught:
        client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN exit 3\n"), forcerm=True)
    assert caught.value.msg == "The command '/bin/sh -c exit 3' returned a non-zero code: 3"
    assert client.api.prune_builds()["SpaceReclaimed"] >= 0
    client.images.remove("by-py")
    client.close()


def test_named_sources_of_the_cache_are_the_only_ones(skiff: Skiff, folder: Path) -> None:
    skiff.docker.ok("build", "-t", "made:one", str(folder))
    assert skiff.docker.ok("build", "--cache-from", "made:one", str(folder)).count("Using cache") == 3
    assert "Using cache" not in skiff.docker.ok("build", "--cache-from", "nosuch:tag", str(folder))


def test_a_client_that_leaves_ends_its_build(skiff: Skiff) -> None:
    body = context({"Dockerfile": "FROM busybox\nRUN echo begun; sleep 1000\n"})
    exchange = Exchange(skiff.server.socket, "POST", "/v1.51/build", body, {"Content-Type": "application/x-tar"})
    exchange.read_until(b'"begun\\n"')
    assert json.loads(skiff.docker.ok("ps", "-a", "--format", "json"))["State"] == "running"
    since = f"{time.time():.6f}"  # what earlier tests' builds removed is not waited for
    events = skiff.docker.start("events", "--filter", "event=destroy", "--format", "{{.Action}}", "--since", since)
    exchange.close()
    assert events.stdout is not None
    assert events.stdout.readline() == "destroy\n"
    events.terminate()
    events.communicate()
    assert skiff.docker.ok("ps", "-aq") == ""
