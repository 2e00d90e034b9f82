"""top, changes and export of real containers."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.harness.docker_cli import Docker
from tests.harness.raw_http import send
from tests.integration.conftest import Skiff

SCRIPT = """
set -e
cd /tmp; echo hello >a; ln a b; ln -s a c; mkfifo p; mknod null c 1 3; chmod 4755 a
mkdir -p /made/deep; rm /bin/ash; rm -r /var/*; rmdir /var; mkdir /var; touch /var/new; echo >>/etc/group
dd if=/dev/zero of=/tmp/big bs=1048576 count=3 2>/dev/null; echo ready; sleep 1000
"""


@pytest.fixture
def busy(docker: Docker) -> str:
    """A running container that has changed a few files."""
    docker.ok("run", "-d", "--name", "busy", "busybox", "sh", "-c", SCRIPT)
    follower = docker.start("logs", "-f", "busy")
    assert follower.stdout is not None
    assert follower.stdout.readline() == "ready\n"
    follower.kill()
    follower.communicate()
    return "busy"


def changes(skiff: Skiff, name: str) -> list[tuple[str, int]]:
    found = send(skiff.server.url, "GET", f"/containers/{name}/changes").json()
    return [(each["Path"], each["Kind"]) for each in found or []]


def events(skiff: Skiff, name: str) -> list[str]:
    """Return what happened to a container so far."""
    filters = quote(json.dumps({"container": [name]}))
    answer = send(skiff.server.url, "GET", f"/events?since=0&until={time.time():.9f}&filters={filters}")
    return [json.loads(line)["Action"] for line in answer.body.splitlines()]


def exported(skiff: Skiff, name: str) -> dict[str, tarfile.TarInfo]:
    answer = send(skiff.server.url, "GET", f"/containers/{name}/export")
    assert answer.status == 200
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        return {member.name: member for member in archive.getmembers()}


def test_top_shows_every_process_and_no_other(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "two", "busybox", "sh", "-c", "sleep 1001 & exec sleep 1002")
    docker.ok("exec", "-d", "two", "sleep", "1003")
    docker.ok("exec", "two", "sh", "-c", "until pidof sleep | grep -q '.* .* '; do usleep 10000; done")
    table = send(skiff.server.url, "GET", "/containers/two/top?ps_args=-o+pid,args").json()
    assert table["Titles"] == ["PID", "COMMAND"]
    assert sorted(command for _, command in table["Processes"]) == ["sleep 1001", "sleep 1002", "sleep 1003"]
    assert all(os.path.exists(f"/proc/{pid}") for pid, _ in table["Processes"])


def test_top_works_while_the_container_is_paused(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "frozen", "busybox", "sleep", "1000")
    docker.ok("pause", "frozen")
    assert "sleep 1000" in docker.ok("top", "frozen")
    docker.ok("unpause", "frozen")
    docker.ok("kill", "frozen")
    answer = send(skiff.server.url, "GET", "/containers/frozen/top")
    assert answer.status == 409
    assert answer.message.endswith(" is not running")


def test_top_is_an_event(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "seen", "busybox", "sleep", "1000")
    docker.ok("top", "seen")
    assert events(skiff, "seen")[-1] == "top"


def test_changes_running_and_stopped(docker: Docker, skiff: Skiff, busy: str) -> None:
    found = changes(skiff, busy)
    assert {("/bin", 0), ("/bin/ash", 2), ("/etc", 0), ("/etc/group", 0), ("/made", 1), ("/made/deep", 1)} <= set(found)
    assert {("/tmp", 0), ("/tmp/a", 1), ("/tmp/b", 1), ("/tmp/c", 1), ("/tmp/big", 1), ("/var/new", 1)} <= set(found)
    assert not [path for path, _ in found if path.startswith(("/etc/h", "/dev", "/proc", "/sys", "/."))]
    docker.ok("kill", busy)
    assert changes(skiff, busy) == found


def test_nothing_is_changed_by_creating_and_starting(docker: Docker, skiff: Skiff) -> None:
    docker.ok("create", "--name", "fresh", "busybox", "true")
    assert send(skiff.server.url, "GET", "/containers/fresh/changes").body == b"null\n"
    docker.ok("start", "-a", "fresh")
    assert send(skiff.server.url, "GET", "/containers/fresh/changes").body == b"null\n"


def test_export_has_every_kind_of_file(docker: Docker, skiff: Skiff, busy: str) -> None:
    found = exported(skiff, busy)
    assert (found["tmp/a"].mode, found["tmp/a"].size) == (0o4755, 6)
    assert found["tmp/b"].islnk()
    assert found["tmp/b"].linkname == "tmp/a"
    assert found["tmp/c"].linkname == "a"
    assert found["tmp/p"].isfifo()
    assert (found["tmp/null"].devmajor, found["tmp/null"].devminor) == (1, 3)
    assert found["tmp/big"].size == 3 << 20
    assert "bin/ash" not in found
    assert "bin/busybox" in found
    docker.ok("kill", busy)
    assert list(exported(skiff, busy)) == list(found)


def test_export_leaves_out_what_is_mounted(docker: Docker, skiff: Skiff) -> None:
    docker.ok("run", "-d", "--name", "mounted", "-v", "/data", "busybox", "sh", "-c", "touch /data/x; sleep 1000")
    found = exported(skiff, "mounted")
    assert "data" in found
    assert "data/x" not in found


def test_an_export_is_an_event_and_the_command_takes_it(
    docker: Docker, skiff: Skiff, busy: str, tmp_path: Path
) -> None:
    docker.ok("export", "-o", str(tmp_path / "all.tar"), busy)
    with tarfile.open(tmp_path / "all.tar") as archive:
        content = archive.extractfile("tmp/b")
        assert content is not None
        assert content.read() == b"hello\n"
    assert events(skiff, busy)[-1] == "export"
