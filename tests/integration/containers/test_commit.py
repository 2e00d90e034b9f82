"""Images made of containers, running and stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.harness.docker_cli import Docker
from tests.integration.conftest import Skiff

WORK = "echo new >/new; rm /etc/passwd; rm -r /root; mkdir /root; echo mine >/root/mine; ln /new /hard; chmod 700 /home"


@pytest.fixture
def images(docker: Docker) -> Iterator[None]:
    """Leave no image but busybox."""
    before = set(docker.ok("images", "-aq", "--no-trunc").split())
    yield
    docker.ok("ps", "-aq")
    containers = docker.ok("ps", "-aq").split()
    if containers:
        docker.ok("rm", "-f", "-v", *containers)
    made = set(docker.ok("images", "-aq", "--no-trunc").split()) - before
    if made:
        docker.ok("rmi", "-f", *made)


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("running", [True, False])
def test_what_it_wrote_is_in_the_image(docker: Docker, running: bool) -> None:
    script = f"mkdir -p /root /home; {WORK}; touch /ready; sleep 1000"
    docker.ok("run", "-d", "--name", "writer", "busybox", "sh", "-c", script)
    docker.ok("exec", "writer", "sh", "-c", "until test -e /ready; do usleep 1000; done")
    if not running:
        docker.ok("stop", "-t", "0", "writer")
    docker.ok("commit", "-m", "note", "-a", "me", "-c", "ENV A=b", "-c", 'CMD ["cat", "/new"]', "writer", "made:1")
    assert docker.ok("inspect", "-f", "{{.State.Status}}", "writer") == ("running\n" if running else "exited\n")
    assert docker.ok("run", "--rm", "made:1") == "new\n"
    look = "echo $A; cat /root/mine /hard; ls /etc/passwd; stat -c %a /home"
    done = docker("run", "--rm", "made:1", "sh", "-c", look)
    assert done.stdout == "b\nmine\nnew\n700\n"
    assert "/etc/passwd" in done.stderr
    found = json.loads(docker.ok("inspect", "made:1"))[0]
    base = json.loads(docker.ok("inspect", "busybox"))[0]
    assert found["Parent"] == base["Id"]
    assert found["RootFS"]["Layers"][:-1] == base["RootFS"]["Layers"]
    assert (found["Comment"], found["Author"]) == ("note", "me")
    size = int(docker.ok("history", "-H=false", "--format", "{{.Size}}", "made:1").split()[0])
    assert size == len("new\n") + len("mine\n")


@pytest.mark.usefixtures("images")
def test_a_container_that_did_nothing_adds_nothing(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "--name", "idle", "busybox", "true")
    docker.ok("commit", "idle", "made:2")
    layers = ("inspect", "-f", "{{json .RootFS.Layers}}")
    assert docker.ok(*layers, "made:2") == docker.ok(*layers, "busybox")
    docker.ok("rm", "idle")
    docker.ok("rmi", "made:2")
    assert docker.ok("run", "--rm", "busybox", "echo", "still") == "still\n"
    assert "mounts" not in skiff.left()


@pytest.mark.usefixtures("images")
def test_events_and_the_pause_between(docker: Docker) -> None:
    docker.ok("run", "-d", "--name", "watched", "--label", "k=v", "busybox", "sleep", "1000")
    since = docker.ok("inspect", "-f", "{{.State.StartedAt}}", "watched").strip()
    image = docker.ok("commit", "-m", "why", "watched", "made:3").strip()
    docker.ok("rm", "-f", "watched")
    until = docker.ok("run", "--rm", "busybox", "date", "+%s").strip()
    lines = docker.ok("events", "--since", since, "--until", str(int(until) + 1), "--format", "json").splitlines()
    events = [json.loads(line) for line in lines]
    actions = [f"{each['Type']} {each['Action']}" for each in events]
    first = actions.index("container pause")
    assert actions[first : first + 5] == [
        "container pause",
        "image create",
        "image tag",
        "container commit",
        "container unpause",
    ]
    told = events[first + 3]["Actor"]["Attributes"]
    assert (told["imageID"], told["imageRef"], told["comment"], told["k"]) == (image, "made:3", "why", "v")
