"""Copying into containers and out of them: volumes, links, hostile archives, and links swapped meanwhile."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conformance.wire import Exchange
from tests.harness.docker_cli import Docker
from tests.harness.tars import archive, folder, hard_link, member, symlink
from tests.integration.conftest import Skiff

ROUNDS = 150


def call(skiff: Skiff, method: str, container: str, path: str, body: bytes | None = None, more: str = "") -> Exchange:
    target = f"/v1.51/containers/{container}/archive?path={quote(path)}{more}"
    exchange = Exchange(skiff.server.socket, method, target, body, {"Content-Type": "application/x-tar"})
    exchange.read_head()
    return exchange


def put(skiff: Skiff, container: str, path: str, body: bytes, more: str = "") -> tuple[int, str]:
    exchange = call(skiff, "PUT", container, path, body, more)
    said = exchange.finish()
    return exchange.read_head().status, json.loads(said)["message"] if said else ""


def get(skiff: Skiff, container: str, path: str) -> dict[str, tarfile.TarInfo]:
    exchange = call(skiff, "GET", container, path)
    data = exchange.finish()
    assert exchange.read_head().status == 200, data
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {info.name: info for info in tar}


@pytest.fixture
def sleeper(docker: Docker) -> str:
    docker.ok("run", "-d", "--name", "sleeper", "-v", "data:/vol", "busybox", "sleep", "1000")
    return "sleeper"


def test_a_tree_comes_back_as_it_went(docker: Docker, sleeper: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "deep" / "er" / ("long" * 40)).write_bytes(b"x" * 3_000_000)
    (source / "linked").symlink_to("deep/er")
    (source / "ünïcode").write_text("ü")
    (source / "twice").hardlink_to(source / "ünïcode")
    docker.ok("cp", f"{source}/.", f"{sleeper}:/tmp")
    docker.ok("cp", f"{sleeper}:/tmp/.", str(tmp_path / "back"))
    back = tmp_path / "back"
    assert (back / "deep" / "er" / ("long" * 40)).read_bytes() == b"x" * 3_000_000
    assert (back / "linked").readlink() == Path("deep/er")
    assert (back / "twice").samefile(back / "ünïcode")
    assert docker.ok("exec", sleeper, "cat", "/tmp/twice") == "ü"


@pytest.mark.parametrize("running", [True, False])
def test_volumes_are_entered(docker: Docker, skiff: Skiff, sleeper: str, tmp_path: Path, running: bool) -> None:
    if not running:
        docker.ok("stop", "-t", "0", sleeper)
    (tmp_path / "note").write_text("kept")
    docker.ok("cp", str(tmp_path / "note"), f"{sleeper}:/vol/note")
    assert docker.ok("run", "--rm", "-v", "data:/other", "busybox", "cat", "/other/note") == "kept"
    assert "vol/note" in get(skiff, sleeper, "/vol")
    if not running:
        assert "mounts" not in skiff.left()
    docker.ok("rm", "-f", sleeper)
    docker.ok("volume", "rm", "data")


def test_a_volume_is_not_taken_away_from_a_running_container(docker: Docker, skiff: Skiff, sleeper: str) -> None:
    docker.ok("exec", sleeper, "touch", "/vol/there")
    assert put(skiff, sleeper, "/", archive(member("vol", b"file"))) == (500, "RemoveAll vol: device or resource busy")
    status, said = put(skiff, sleeper, "/", archive(member("etc", b"file")))
    assert (status, said) == (500, "RemoveAll etc: device or resource busy")
    assert docker.ok("exec", sleeper, "ls", "/vol") == "there\n"
    assert docker.ok("exec", sleeper, "grep", "-c", "localhost", "/etc/hosts") != "0\n"


def test_a_container_may_start_and_end_while_its_files_are_sent(docker: Docker, skiff: Skiff) -> None:
    docker.ok("create", "--name", "copied", "busybox", "sleep", "1000")
    big = archive(member("big", b"0123456789" * 2_000_000))
    assert put(skiff, "copied", "/tmp", big) == (200, "")
    exchange = call(skiff, "GET", "copied", "/tmp")  # nothing of the body is read yet, and it does not fit into buffers
    docker.ok("start", "copied")
    docker.ok("exec", "copied", "touch", "/while-it-ran")
    docker.ok("stop", "-t", "0", "copied")
    docker.ok("start", "copied")
    assert docker.ok("exec", "copied", "ls", "/while-it-ran") == "/while-it-ran\n"
    docker.ok("stop", "-t", "0", "copied")
    with tarfile.open(fileobj=io.BytesIO(exchange.finish())) as tar:
        assert tar.getmember("tmp/big").size == 20_000_000
    docker.ok("cp", "copied:/while-it-ran", "-")
    assert "mounts" not in skiff.left()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([member("../out", b"x")], 'invalid entry name "../out"'),
        ([member("a/../../out", b"x")], 'invalid entry name "a/../../out"'),
        ([hard_link("l", "../../etc/passwd")], 'invalid hardlink target "../../etc/passwd"'),
        ([member("ok", b"x"), member("odd", type=b"Z")], "unhandled tar header type 90"),
    ],
)
def test_members_that_lead_out_are_refused(
    skiff: Skiff, sleeper: str, entries: list[tuple[tarfile.TarInfo, bytes]], said: str
) -> None:
    assert put(skiff, sleeper, "/tmp", archive(*entries)) == (500, said)


def test_links_end_in_the_folder_that_is_unpacked_into(docker: Docker, skiff: Skiff, sleeper: str) -> None:
    outside = Path("/skiff-test-outside")
    assert not outside.exists()
    body = archive(
        symlink("abs", str(outside)),
        member("abs/one", b"1"),
        symlink("up", "../../../.."),
        member("up/two", b"2"),
        folder("dev"),
        member("dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        member("/absolute", b"3"),
    )
    assert put(skiff, sleeper, "/tmp", body) == (200, "")
    assert not outside.exists()
    found = docker.ok("exec", sleeper, "sh", "-c", "cd /tmp; cat skiff-test-outside/one two absolute; ls -l dev/null")
    assert found.startswith("123c")
    assert docker("exec", sleeper, "ls", "/two").returncode == 1


def test_a_huge_hole_takes_no_room(docker: Docker, skiff: Skiff, sleeper: str) -> None:
    size = 10 << 30
    records = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "holes"}
    records |= {"GNU.sparse.size": str(size), "GNU.sparse.map": f"{size - 3},3"}
    assert put(skiff, sleeper, "/tmp", archive(member("x", b"end", pax_headers=records))) == (200, "")
    assert docker.ok("exec", sleeper, "sh", "-c", "stat -c %s /tmp/holes; tail -c 3 /tmp/holes").split() == [
        str(size),
        "end",
    ]
    assert int(docker.ok("exec", sleeper, "du", "-k", "/tmp/holes").split()[0]) < 100


def test_a_body_that_ends_early_is_an_error(docker: Docker, skiff: Skiff, sleeper: str) -> None:
    whole = archive(member("first", b"1"), member("second", b"2" * 5000))
    assert put(skiff, sleeper, "/tmp", whole[:3000]) == (500, "unexpected EOF")
    assert docker.ok("exec", sleeper, "cat", "/tmp/first") == "1"


def test_swapped_links_lead_nowhere(docker: Docker, skiff: Skiff, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("SECRET")
    script = (
        "mkdir -p /real/d; echo inside >/real/d/file; ln -s OUT /abs; ln -s ../../../../../../../../OUT /rel; "
        "ln -s /real/d /t; touch /ready; while :; do "
        "ln -s OUT /n1; mv -T /n1 /t; ln -s /rel /n2; mv -T /n2 /t; ln -s /real/d /n3; mv -T /n3 /t; "
        "mv /real /real2; ln -s ../../../../../../../../../ /real; rm /real; mv /real2 /real; done"
    ).replace("OUT", str(outside))
    docker.ok("run", "-d", "--name", "swaps", "busybox", "sh", "-c", script)
    docker.ok("exec", "swaps", "sh", "-c", "until test -e /ready; do usleep 1000; done")
    body = archive(member("planted", b"x"), symlink("deep", str(outside)), member("deep/planted", b"x"))
    answers = set()
    for path in ["/t", "/t/", "/real/d", "/real/d/file"] * (ROUNDS // 4):
        exchange = call(skiff, "GET", "swaps", path)
        assert b"SECRET" not in exchange.finish()
        answers.add(("GET", exchange.read_head().status))
        answers.add(("PUT", put(skiff, "swaps", path, body)[0]))
    assert ("GET", 200) in answers
    assert ("PUT", 200) in answers
    assert [each.name for each in outside.iterdir()] == ["file"]


def test_owners(docker: Docker, skiff: Skiff) -> None:
    docker.ok("create", "--name", "copied", "-u", "nobody", "busybox", "true")
    body = archive(member("f", b"x", uid=7, gid=8))
    assert put(skiff, "copied", "/tmp", body) == (200, "")
    assert (get(skiff, "copied", "/tmp/f")["f"].uid, get(skiff, "copied", "/tmp/f")["f"].gid) == (7, 8)
    assert put(skiff, "copied", "/tmp", body, "&copyUIDGID=1") == (200, "")
    assert get(skiff, "copied", "/tmp/f")["f"].uid not in (0, 7)


def test_very_many_members(docker: Docker, skiff: Skiff, sleeper: str) -> None:
    """Neither memory nor anything else is bound to the number of members; SKIFF_TEST_MEMBERS asks for more of them."""
    count = int(os.environ.get("SKIFF_TEST_MEMBERS", "5000"))
    target = f"/v1.51/containers/{sleeper}/archive?path=/tmp"
    exchange = Exchange(skiff.server.socket, "PUT", target, None, {"Transfer-Encoding": "chunked"})

    before = 0

    def send(data: bytes) -> None:
        exchange.send(b"%x\r\n" % len(data) + data + b"\r\n")

    for first in range(0, count, 1000):
        names = (f"many/{number // 5000}/{number}" for number in range(first, min(first + 1000, count)))
        send(b"".join(member(name, b"")[0].tobuf() for name in names))
        before = resident(skiff) if first == 2000 else before
    send(bytes(1024))
    exchange.send(b"0\r\n\r\n")
    assert exchange.read_head().status == 200
    exchange.finish()
    assert docker.ok("exec", sleeper, "sh", "-c", "find /tmp/many -type f | wc -l", timeout=300).strip() == str(count)
    assert resident(skiff) - before < 8 << 20


def resident(skiff: Skiff) -> int:
    """Return how many bytes the servers have in memory."""
    pages = (Path(f"/proc/{each.pid}/statm").read_text().split()[1] for each in skiff.server.servers())
    return 4096 * sum(map(int, pages))
