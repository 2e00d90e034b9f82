"""testcontainers, which tests of other projects start their databases and servers with.

Its reaper is an image that cannot be had here: these tests do without it.
"""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.image import DockerImage
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import (
    ExecWaitStrategy,
    HealthcheckWaitStrategy,
    HttpWaitStrategy,
    LogMessageWaitStrategy,
)

from tests.integration.conftest import Skiff

SERVE = ["sh", "-c", "mkdir -p /www; echo page >/www/index.html; echo ready; exec httpd -f -v -p 8000 -h /www"]


@pytest.fixture(autouse=True)
def settings(skiff: Skiff, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point it to Skiff."""
    monkeypatch.setenv("DOCKER_HOST", skiff.server.url)
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
    monkeypatch.setattr(testcontainers_config, "tc_host_override", "127.0.0.1")


def test_a_server_that_is_waited_for() -> None:
    server = DockerContainer("busybox").with_command(SERVE).with_exposed_ports(8000).with_env("WHO", "me")
    with server.waiting_for(LogMessageWaitStrategy("ready")) as started:
        started.waiting_for(HttpWaitStrategy(8000, "/").for_status_code(200))
        place = f"http://{started.get_container_host_ip()}:{started.get_exposed_port(8000)}/"
        with urllib.request.urlopen(place) as answer:
            assert answer.read() == b"page\n"
        assert started.exec(["sh", "-c", "echo $WHO; exit 3"]) == (3, b"me\n")
        stdout, _ = started.get_logs()
        assert b"ready" in stdout
        known = started.get_container_info()
        assert known is not None
        assert known.State is not None
        assert known.State.Running
        container = started.get_wrapped_container()
    assert container.client.containers.list(all=True, filters={"id": container.id}) == []


def test_containers_that_talk_on_a_network_of_theirs() -> None:
    with Network() as network:
        server = DockerContainer("busybox").with_command(SERVE).with_network(network).with_network_aliases("web")
        with server.waiting_for(ExecWaitStrategy(["wget", "-q", "-O", "-", "http://127.0.0.1:8000/"])):
            client = DockerContainer("busybox").with_command("sleep 100").with_network(network)
            with client:
                assert client.exec(["wget", "-q", "-O", "-", "http://web:8000/"]) == (0, b"page\n")
        found = network.id
    assert found


def test_files_that_go_in_and_come_out(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("given\n")
    container = DockerContainer("busybox").with_command("sleep 100")
    container.with_copy_into_container(b"early\n", "/etc/early").with_tmpfs_mount("/scratch", "size=1m")
    with container.with_volume_mapping(str(tmp_path), "/given", "ro"):
        assert container.exec("cat /etc/early /given/given") == (0, b"early\ngiven\n")
        container.copy_into_container(tmp_path / "given", "/tmp/late")
        container.copy_from_container("/tmp/late", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "given\n"
        assert container.exec("df -m /scratch").output.split()[-5] == b"1"


def test_an_image_that_is_built_and_a_health_check(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox\nARG WORD\nRUN echo $WORD >/word\n"
        "HEALTHCHECK --interval=200ms --start-period=1s CMD test -e /tmp/well\n"
        "CMD sleep 0.5; touch /tmp/well; sleep 100\n"
    )
    with DockerImage(path=tmp_path, tag="tested:1", buildargs={"WORD": "built"}) as image:
        with DockerContainer(str(image)).waiting_for(HealthcheckWaitStrategy()) as healthy:
            assert healthy.exec("cat /word") == (0, b"built\n")
        assert image.get_wrapped_image().tags == ["tested:1"]
