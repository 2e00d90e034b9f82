"""Who reaches whom, with real packets: the machine, containers, and another machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.harness.boxes import CLOSED_AFTER, Box, MakeBox, Outside, in_namespace

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM


def reach(client: socket.socket, server: socket.socket, address: tuple[str, int]) -> tuple[str, int]:
    """Send a line from client to the server's socket and an answer back; returns who the server saw."""
    with client:
        client.settimeout(5)
        client.connect(address)
        if client.type == UDP:
            client.send(b"ping")
            data, seen = server.recvfrom(64)
            server.sendto(b"pong", seen)
        else:
            accepted, seen = server.accept()
            with accepted:
                client.send(b"ping")
                data = accepted.recv(64)
                accepted.send(b"pong")
        assert data == b"ping"
        assert client.recv(64) == b"pong"
    return seen


def is_closed(client: socket.socket, address: tuple[str, int]) -> bool:
    with client:
        client.settimeout(CLOSED_AFTER)
        try:
            client.connect(address)
        except OSError:
            return True
        return False


def own_address() -> str:
    """Return this machine's address on its way out."""
    with socket.socket(socket.AF_INET, UDP) as probe:
        probe.connect(("192.0.2.123", 9))
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("kind", [TCP, UDP])
@pytest.mark.parametrize("target", ["127.0.0.1", "127.0.0.7", "own", "container"])
def test_the_machine_reaches_a_published_port(box: MakeBox, kind: int, target: str) -> None:
    key = "80/tcp" if kind == TCP else "80/udp"
    made = box().publish(f":{key}")
    server = made.serve(80, kind)
    port = made.host_port(key)
    address = {"own": (own_address(), port), "container": (made.address, 80)}.get(target, (target, port))
    assert reach(socket.socket(socket.AF_INET, kind), server, address)


@pytest.mark.parametrize("kind", [TCP, UDP])
def test_another_machine_reaches_a_published_port_and_is_seen(box: MakeBox, outside: Outside, kind: int) -> None:
    key = "80/tcp" if kind == TCP else "80/udp"
    made = box().publish(f":{key}")
    server = made.serve(80, kind)
    seen = reach(outside.open(kind), server, (outside.host, made.host_port(key)))
    assert seen[0] == outside.address


def test_another_machine_reaches_no_port_that_is_not_published(box: MakeBox, outside: Outside) -> None:
    made = box().publish(":80/tcp")
    made.serve(80)
    made.serve(81)
    outside.route(f"{made.address}/32")
    assert is_closed(outside.open(), (made.address, 81))
    assert is_closed(outside.open(), (made.address, 80)), "not past the publishing either"


def test_a_port_of_one_address_is_there_only(box: MakeBox, outside: Outside) -> None:
    made = box().publish("127.0.0.1::80/tcp", f"{outside.host}::81/tcp")
    server, other = made.serve(80), made.serve(81)
    local, remote = made.host_port("80/tcp"), made.host_port("81/tcp")
    assert reach(socket.socket(), server, ("127.0.0.1", local))
    assert reach(outside.open(), other, (outside.host, remote))
    assert is_closed(outside.open(), (outside.host, local))
    assert is_closed(socket.socket(), ("127.0.0.1", remote))
    outside.route("127.0.0.0/8")
    assert is_closed(outside.open(), ("127.0.0.1", local))


def test_containers_reach_each_other_and_published_ports(box: MakeBox) -> None:
    server_box, client_box = box().publish(":80/tcp"), box().connect()
    server, port = server_box.serve(80), server_box.host_port("80/tcp")
    gateway = server_box.joined.state.endpoints["bridge"].gateway
    assert reach(client_box.open(), server, (server_box.address, 80))[0] == client_box.address
    assert reach(client_box.open(), server, (gateway, port))
    assert reach(client_box.open(), server, (own_address(), port))
    assert reach(server_box.open(), server, (own_address(), port)), "hairpin"
    assert reach(server_box.open(), server, (gateway, port)), "hairpin by the gateway"


def test_a_container_reaches_other_machines_under_this_ones_address(box: MakeBox, outside: Outside) -> None:
    made = box().connect()
    with outside.open() as server:
        server.bind((outside.address, 0))
        server.listen()
        assert reach(made.open(), server, server.getsockname())[0] == outside.host


def test_a_container_reaches_the_machine_but_not_its_loopback(box: MakeBox) -> None:
    made = box().connect()
    gateway = made.joined.state.endpoints["bridge"].gateway
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert reach(made.open(), server, (gateway, server.getsockname()[1]))[0] == made.address
    with socket.create_server(("127.0.0.1", 0)) as server:
        lead_loopback_to(made, gateway)
        assert is_closed(made.open(), ("127.0.0.1", server.getsockname()[1]))


def lead_loopback_to(made: Box, gateway: str) -> None:
    """Do in a container what somebody with its root's rights would to reach the machine's loopback."""
    made.run("ip", "address", "del", "127.0.0.1/8", "dev", "lo")
    setting = Path("/proc/sys/net/ipv4/conf/eth0/route_localnet")
    in_namespace(made.namespace, lambda: setting.write_text("1"))
    made.run("ip", "route", "add", "127.0.0.1/32", "via", gateway)
