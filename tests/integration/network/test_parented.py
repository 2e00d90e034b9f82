"""Networks whose containers are on a wire of this machine's: macvlan, with another machine at the other end."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine
from engine.containers.config import EndpointRequest
from engine.network import sandbox
from engine.network.create import NewNetwork
from engine.network.ipam_settings import PoolRequest
from tests.harness.boxes import CLOSED_AFTER, PATIENCE, Box, MakeBox, in_namespace, make_namespace, run_inside
from tests.integration.network.test_attendant import ask

LAN, ROUTER = "198.19.80.0/24", "198.19.80.1"


class Wire:
    """A wire: here is the name of this machine's end; at the other end is a machine with the router's address."""

    def __init__(self, there: Path) -> None:
        self.here, end, self.there = f"mvh{os.getpid() % 10**8}", f"mvt{os.getpid() % 10**8}", str(there)
        make_namespace(there)
        subprocess.run(
            ["ip", "link", "add", self.here, "up", "type", "veth", "peer", "name", end, "netns", there], check=True
        )
        run_inside(self.there, "ip", "address", "add", f"{ROUTER}/24", "dev", end)
        run_inside(self.there, "ip", "link", "set", end, "up")

    def open(self) -> socket.socket:
        """Open a socket of the machine at the other end."""
        return in_namespace(self.there, socket.socket)


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    """A wire of the test's own."""
    made = Wire(tmp_path / "there")
    yield made
    subprocess.run(["ip", "link", "delete", made.here], check=True)
    sandbox.remove(Path(made.there))


def network(engine: Engine, wire: Wire, **options: str) -> None:
    pools = [PoolRequest(LAN, gateway=ROUTER)]
    engine.networks.create(NewNetwork("lan", "macvlan", {"parent": wire.here, **options}, pools=pools))


def join(box: Box, *aliases: str) -> Box:
    return box.connect(mode="lan", endpoints={"lan": EndpointRequest(aliases=list(aliases))})


def address(box: Box) -> str:
    return box.joined.state.endpoints["lan"].ip_address


def reaches(client: socket.socket, box: Box) -> str | None:
    """Connect to a box's address; returns who it sees, None when it does not get there."""
    server = box.serve(80)
    with client, server:
        client.settimeout(CLOSED_AFTER)
        try:
            client.connect((address(box), 80))
        except OSError:
            return None
        accepted, (peer, _) = server.accept()
        accepted.close()
        return str(peer)


def test_containers_and_the_other_machine_reach_each_other(engine: Engine, box: MakeBox, wire: Wire) -> None:
    network(engine, wire)
    first, second = join(box(), "web"), join(box())
    assert reaches(first.open(), second) == address(first)
    assert reaches(wire.open(), first) == ROUTER
    with wire.open() as server:
        server.bind((ROUTER, 80))
        server.listen()
        with first.open() as client:
            client.connect((ROUTER, 80))
            server.settimeout(PATIENCE)
            accepted, (peer, _) = server.accept()
            accepted.close()
            assert peer == address(first), "no other address is put in its place"
    assert ask(second, "web").endswith(socket.inet_aton(address(first)))
    route = first.run("ip", "route", "show", "default")
    assert route.split()[2] == ROUTER


def test_in_private_mode_containers_do_not_reach_each_other(engine: Engine, box: MakeBox, wire: Wire) -> None:
    network(engine, wire, macvlan_mode="private")
    first, second = join(box()), join(box())
    assert reaches(first.open(), second) is None
    assert reaches(wire.open(), second) == ROUTER


def test_an_address_can_be_had_again_at_once(engine: Engine, box: MakeBox, wire: Wire) -> None:
    network(engine, wire)
    first = join(box())
    before = address(first)
    first.let_go()
    first.disconnect()
    again = join(box())
    assert address(again) == before
    assert reaches(wire.open(), again) == ROUTER
    again.let_go()
    again.disconnect()
    engine.networks.remove("lan")
    assert Path("/sys/class/net", wire.here).exists(), "the wire is not the network's"
