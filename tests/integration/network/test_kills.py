"""Servers killed at any moment of a start, a connect or a disconnect: the next call finds or makes order."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from contextlib import suppress

from engine import Engine, Settings
from engine.network import nftables
from tests.harness.docker_cli import Docker
from tests.integration.conftest import Skiff

KILLS = int(os.environ.get("SKIFF_KILLS", "4"))  # of each kind; a campaign takes 50
FIRST = int(os.environ.get("SKIFF_FIRST_KILL", "0"))  # the number of the first, which says when it comes
LONGEST = 0.12  # seconds after which a server is killed at the latest


def killed_within(skiff: Skiff, *command: str, seed: int) -> None:
    """Run a docker command, and kill the server that serves it after a while."""
    process = skiff.docker.start(*command)
    killer = threading.Timer(random.Random(seed).uniform(0, LONGEST), skiff.server.kill_servers)
    killer.start()
    with suppress(OSError):
        process.communicate(timeout=60)
    killer.join()


def engine_of(skiff: Skiff) -> Engine:
    """Return the engine itself, to look at its state."""
    return Engine(Settings(root=skiff.server.root, run_root=skiff.server.run_root))


def disorder(skiff: Skiff) -> list[str]:
    """Return what there is of networks on the machine that no running container has, and what one lacks."""
    engine = engine_of(skiff)
    found: list[str] = []
    try:
        running = {row["id"] for row in engine.database.rows("SELECT id FROM containers WHERE status = 'running'")}
        ends = engine.database.rows(
            "SELECT endpoints.id AS id, container_id, endpoints.definition ->> 'outer' AS outer, "
            "endpoints.definition ->> 'ip_address' AS address FROM endpoints"
        )
        shown = {end.endpoint_id for each in running for end in engine.containers.get(each).network.endpoints.values()}
        found += [f"endpoint {row['id']} of nobody" for row in ends if row["id"] not in shown]
        found += [f"endpoint {each} is shown and not there" for each in shown - {row["id"] for row in ends} - {""}]
        known = {row["outer"] for row in ends}
        for row in engine.database.rows("SELECT definition ->> 'bridge' AS bridge FROM networks"):
            folder = f"/sys/class/net/{row['bridge']}/brif"
            there = set(os.listdir(folder)) if row["bridge"] and os.path.isdir(folder) else set()
            found += [f"interface {name}" for name in there - known]
        found += [
            f"namespace {name}"
            for name in os.listdir(engine.settings.network_namespaces)
            if name not in {each[:12] for each in running}
        ]
        leases = engine.database.rows("SELECT * FROM leases WHERE endpoint_id NOT IN (SELECT id FROM endpoints)")
        found += [f"address {row['address']}" for row in leases]
        table = nftables.run(f"list table inet {engine.networks.table}")
        rows = engine.database.rows("SELECT * FROM ports WHERE container_ip != ''")
        led = {f"{row['container_ip']} . {row['container_port']}" for row in rows}
        for line in table.splitlines():
            text = line.strip()
            if " : " in text and "type" not in text and "dport map" not in text:
                target = text.rpartition(" : ")[2].rstrip("} ,")
                found += [] if target in led else [f"rule {text}"]
    finally:
        engine.database.close()
    return found


def names(docker: Docker, asker: str, name: str) -> bool:
    """Tell whether a container finds a name."""
    done = docker("exec", asker, "nslookup", "-type=a", name)
    assert "NXDOMAIN" in done.stdout or "SERVFAIL" in done.stdout or not done.returncode, (
        f"{done.stdout}\n{done.stderr}"
    )
    return done.returncode == 0


def campaign(skiff: Skiff, act: Callable[[int], None]) -> None:
    """Act again and again, and look after each time and one more call."""
    for number in range(FIRST, FIRST + KILLS):
        act(number)
        skiff.docker.ok("ps", "-a")
        wait_for_interfaces(skiff)
        assert disorder(skiff) == [], f"after kill {number}\n{skiff.server.words()}"


def wait_for_interfaces(skiff: Skiff) -> None:
    """Give the kernel the time that it takes to remove interfaces."""
    import socket

    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as news:
        news.bind((0, 1))  # RTMGRP_LINK
        news.settimeout(1)
        with suppress(OSError):
            while any(line.startswith("interface") for line in disorder(skiff)):
                news.recv(65536)


def test_starts_that_are_cut_off(own_skiff: Callable[..., Skiff]) -> None:
    skiff = own_skiff()
    docker = skiff.docker
    docker.ok("network", "create", "--ipv6", "one")
    docker.ok("run", "-d", "--name", "living", "--network", "one", "busybox", "sleep", "1000")

    def act(number: int) -> None:
        name = f"made{number}"
        docker.ok("create", "--name", name, "--network", "one", "-p", "80", "busybox", "sleep", "1000")
        killed_within(skiff, "start", name, seed=number)
        docker.ok("ps")
        if docker.ok("inspect", name, "--format", "{{.State.Status}}").strip() == "running":
            assert names(docker, "living", name)
        docker("stop", "-t", "0", name)  # where a dying child of the server still held the container's lock before
        assert not names(docker, "living", name)
        docker.ok("rm", "-f", name)

    campaign(skiff, act)
    assert names(docker, "living", "living")


def test_connects_and_disconnects_that_are_cut_off(own_skiff: Callable[..., Skiff]) -> None:
    skiff = own_skiff()
    docker = skiff.docker
    for name in ("one", "two"):
        docker.ok("network", "create", name)
    docker.ok("run", "-d", "--name", "living", "--network", "two", "busybox", "sleep", "1000")
    docker.ok("run", "-d", "--name", "moved", "--network", "one", "-p", "80", "busybox", "sleep", "1000")

    def is_in_two() -> bool:
        return (
            "two"
            in docker.ok(
                "inspect", "moved", "--format", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"
            ).split()
        )

    def act(number: int) -> None:
        verb = "disconnect" if is_in_two() else "connect"
        killed_within(skiff, "network", verb, "two", "moved", seed=1000 + number)
        docker.ok("ps")
        assert names(docker, "living", "moved") == is_in_two()
        routes = docker.ok("exec", "moved", "ip", "route").splitlines()
        assert len([line for line in routes if line.startswith("default")]) == 1
        assert len(routes) == 2 + is_in_two()

    campaign(skiff, act)
