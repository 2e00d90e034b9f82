"""docker-py, the other client that people use."""

from __future__ import annotations

from collections.abc import Iterator

import docker as docker_py
import pytest
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

from tests.integration.conftest import Skiff


@pytest.fixture
def client(skiff: Skiff, monkeypatch: pytest.MonkeyPatch) -> Iterator[docker_py.DockerClient]:
    """What a program gets that only knows DOCKER_HOST."""
    monkeypatch.setenv("DOCKER_HOST", skiff.server.url)
    client = docker_py.from_env()
    yield client
    client.close()


def test_run(client: docker_py.DockerClient) -> None:
    assert client.containers.run("busybox", ["echo", "hi"], remove=True) == b"hi\n"


def test_run_that_fails(client: docker_py.DockerClient) -> None:
    with pytest.raises(ContainerError) as caught:
        client.containers.run("busybox", ["sh", "-c", "echo why >&2; exit 3"], remove=True)
    assert caught.value.exit_status == 3
    assert caught.value.stderr == b"why\n"


def test_exec_run(client: docker_py.DockerClient) -> None:
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True)
    assert container.exec_run(["sh", "-c", "echo in; exit 2"]) == (2, b"in\n")
    code, (out, err) = container.exec_run(["sh", "-c", "echo o; echo e >&2"], demux=True)
    assert (code, out, err) == (0, b"o\n", b"e\n")
    chunks = container.exec_run(["seq", "1", "3"], stream=True).output
    assert b"".join(chunks) == b"1\n2\n3\n"


def test_logs_as_a_stream(client: docker_py.DockerClient) -> None:
    container = client.containers.run("busybox", ["seq", "1", "5"], detach=True)
    assert list(container.logs(stream=True, follow=True)) == [b"1\n", b"2\n", b"3\n", b"4\n", b"5\n"]
    assert container.wait() == {"StatusCode": 0}


def test_attributes_follow_the_containers_state(client: docker_py.DockerClient) -> None:
    container = client.containers.create("busybox", ["sleep", "1000"], name="seen", labels={"a": "b"})
    assert (container.status, container.name, container.labels) == ("created", "seen", {"a": "b"})
    container.start()
    container.reload()
    assert container.status == "running"
    assert container.attrs["State"]["Pid"] > 0
    assert [each.name for each in client.containers.list(filters={"label": "a=b"})] == ["seen"]
    container.stop(timeout=0)
    container.reload()
    assert container.status == "exited"
    container.remove()
    with pytest.raises(NotFound):
        client.containers.get("seen")


def test_images(client: docker_py.DockerClient) -> None:
    image = client.images.get("busybox")
    assert image.tags == ["busybox:latest"]
    assert image.attrs["Config"]["Cmd"] == ["sh"]
    with pytest.raises(ImageNotFound):
        client.images.get("nothing:here")


def test_events_are_told_as_they_happen(client: docker_py.DockerClient) -> None:
    events = client.events(decode=True, filters={"type": "container"})
    client.containers.run("busybox", ["true"], remove=True, name="told")
    seen = []
    for event in events:
        if event["Actor"]["Attributes"].get("name") == "told":
            seen.append(event["Action"])
        if seen[-1:] == ["destroy"]:
            break
    events.close()
    assert [action for action in seen if action != "attach"] == ["create", "start", "die", "destroy"]


def test_an_error_has_dockers_status(client: docker_py.DockerClient) -> None:
    client.containers.create("busybox", name="taken")
    with pytest.raises(APIError) as caught:
        client.containers.create("busybox", name="taken")
    assert caught.value.status_code == 409


def test_attach_socket_takes_input(client: docker_py.DockerClient) -> None:
    container = client.containers.create("busybox", ["cat"], stdin_open=True, tty=True)
    with container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1}) as raw:
        container.start()
        raw._sock.sendall(b"word\n")
        got = b""
        while got.count(b"word") < 2:
            piece = raw._sock.recv(100)
            assert piece, f"the stream ended after {got!r}"
            got += piece
    container.remove(force=True)
