"""`docker compose` on an application of five services: everything that a project does with it in a day.

What is expected here is what the same file gives on dockerd: with SKIFF_TEST_HOST the test runs on that.
"""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.compose import Compose
from tests.integration.conftest import Foreign, Skiff

FILE = Path(__file__).parent / "compose.yaml"
IMAGE = "busybox"
SERVICES = ["api", "cache", "database", "web", "worker"]


def free_port() -> int:
    """Return a port of this machine that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def shop(skiff: Skiff) -> Iterator[Compose]:
    """The application, not yet up; taken down at the end."""
    made = Compose(skiff.docker, FILE, {"IMAGE": IMAGE, "PORT": str(free_port())})
    made("down", "-v", "-t", "0")
    yield made
    made("down", "-v", "-t", "0")


def containers(shop: Compose, *options: str) -> dict[str, dict[str, Any]]:
    """Return what `ps` tells of each container, by name."""
    lines = shop.ok("ps", "--format", "json", *options).splitlines()
    return {each["Name"]: each for each in map(json.loads, lines)}


def page(shop: Compose) -> str:
    """Return what the web server says: from outside by its published port."""
    with urllib.request.urlopen(f"http://127.0.0.1:{shop.variables['PORT']}/cgi-bin/page", timeout=10) as answer:
        return str(answer.read().decode())


def test_a_day_of_an_application(shop: Compose, skiff: Skiff) -> None:
    shop.ok("up", "-d", "--quiet-pull")
    running = containers(shop)
    assert sorted(each["Service"] for each in running.values()) == SERVICES
    assert {each["State"] for each in running.values()} == {"running"}
    assert running["skiff-shop-database-1"]["Health"] == "healthy", "the api had waited for that"
    web = running["skiff-shop-web-1"]["Publishers"]
    assert [(each["URL"], each["TargetPort"], each["Protocol"]) for each in web] == [("127.0.0.1", 8080, "tcp")]
    if not isinstance(skiff, Foreign):  # whose ports may be in a namespace of their own
        assert page(shop).startswith("the api says: hello\n")
    inside = shop.ok("exec", "-T", "web", "wget", "-q", "-O", "-", "http://localhost:8080/cgi-bin/page")
    assert inside.startswith("the api says: hello\n")
    assert inside.splitlines()[-1] == f"by {running['skiff-shop-api-1']['ID'][:12]}"

    assert shop.ok("exec", "-T", "api", "sh", "-c", "echo $DATABASE") == "http://database:5432\n"
    assert shop("exec", "-T", "api", "sh", "-c", "exit 7").returncode == 7
    assert shop("exec", "-T", "database", "nslookup", "-type=a", "web").returncode != 0, "another network"
    assert shop("exec", "-T", "cache", "touch", "/file").returncode != 0, "it is read-only"
    assert "machine" in shop.ok("exec", "-T", "web", "cat", "/etc/hosts")

    shop.ok("up", "-d", "--scale", "api=3", "--no-recreate")
    assert len(containers(shop)) == len(SERVICES) + 2
    found = shop.ok("exec", "-T", "web", "nslookup", "-type=a", "api").splitlines()[3:]
    assert len({line for line in found if line.startswith("Address:")}) == 3
    shop.ok("up", "-d", "--scale", "api=1", "--no-recreate")

    with shop.start("logs", "-f", "--no-log-prefix", "worker") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "began\n"
        shop.ok("exec", "-T", "worker", "touch", "/data/crash")
        said = [following.stdout.readline() for _ in range(2)]
        assert said[0] == "crashes\n"
        while said[-1] != "began\n":  # compose may tell of the exit in between
            said.append(following.stdout.readline())
        following.kill()
    inspected = json.loads(skiff.docker.ok("inspect", "skiff-shop-worker-1"))[0]
    assert (inspected["RestartCount"], inspected["State"]["Status"]) == (1, "running")

    back = json.loads(skiff.docker.ok("network", "inspect", "skiff-shop_back"))[0]
    assert (back["Internal"], back["Driver"], back["IPAM"]["Config"]) == (
        True,
        "bridge",
        [{"Subnet": "198.19.61.0/24"}],
    )
    assert {each["Name"] for each in back["Containers"].values()} == {
        f"skiff-shop-{name}-1" for name in ("api", "cache", "database", "worker")
    }
    rows = json.loads(skiff.docker.ok("volume", "inspect", "skiff-shop_rows"))[0]
    assert rows["Labels"]["kind"] == "rows"

    shop.ok("stop", "web")
    assert containers(shop, "-a")["skiff-shop-web-1"]["State"] == "exited"
    shop.ok("start", "web")
    shop.ok("restart", "-t", "1", "cache")
    again = shop.ok("exec", "-T", "web", "wget", "-q", "-O", "-", "http://localhost:8080/cgi-bin/page")
    assert again.startswith("the api says: hello\n"), "the cache has its name again"

    shop.ok("down", "-v")
    label = "label=com.docker.compose.project=skiff-shop"
    for kind in ("ps -aq", "network ls -q", "volume ls -q"):
        assert skiff.docker.ok(*kind.split(), "--filter", label) == "", kind


def test_a_port_that_is_taken_can_be_had_when_it_is_free(shop: Compose) -> None:
    with socket.create_server(("127.0.0.1", int(shop.variables["PORT"]))):
        failed = shop("up", "-d")
    if failed.returncode:  # a foreign engine's ports may be in a namespace of their own
        assert "address already in use" in failed.stderr
        shop.ok("up", "-d")
    assert len(containers(shop)) == len(SERVICES)
