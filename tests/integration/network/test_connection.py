"""What a connected container has: interfaces, addresses, settings, events, files."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from engine import Engine
from engine.containers.config import EndpointRequest, PortBinding
from engine.network.connect import NetworkGone, NetworkingImpossible
from engine.network.endpoint_settings import INTERFACE_NAME, SYSCTLS
from engine.network.wire import NoSuchSysctl
from tests.harness.boxes import MakeBox, Outside, in_namespace

UDP = socket.SOCK_DGRAM


def test_a_bridged_container_has_what_dockerd_gives_it(engine: Engine, box: MakeBox) -> None:
    made = box().connect()
    definition = engine.networks.resolve("bridge").definition
    (lo, eth0) = json.loads(made.run("ip", "-j", "address"))
    assert (lo["ifname"], eth0["ifname"]) == ("lo", "eth0")
    assert [each["local"] for each in lo["addr_info"]] == ["127.0.0.1", "::1"]
    (address,) = eth0["addr_info"]
    assert (address["local"], address["prefixlen"]) == (made.address, 16)
    assert address["broadcast"] == f"{made.address.rsplit('.', 2)[0]}.255.255"
    assert (eth0["mtu"], eth0["operstate"]) == (1500, "UP")
    assert eth0["address"] == made.joined.state.endpoints["bridge"].mac_address
    routes = json.loads(made.run("ip", "-j", "route"))
    assert [(each["dst"], each.get("gateway")) for each in routes] == [
        ("default", definition.subnets[0].gateway),
        (definition.subnets[0].subnet, None),
    ]


def test_its_endpoint_is_as_it_asked(box: MakeBox) -> None:
    options = {INTERFACE_NAME: "lan0", SYSCTLS: "net.ipv4.conf.IFNAME.log_martians=1"}
    wants = EndpointRequest(mac_address="02-11-22-33-44-AA", link_local_ips=["169.254.3.3"], driver_opts=options)
    made = box().connect(endpoints={"bridge": wants})
    assert made.joined.state.endpoints["bridge"].mac_address == "02:11:22:33:44:aa"
    (_, lan0) = json.loads(made.run("ip", "-j", "address"))
    assert (lan0["ifname"], lan0["address"]) == ("lan0", "02:11:22:33:44:aa")
    assert [each["local"] for each in lan0["addr_info"]] == [made.address, "169.254.3.3"]
    setting = Path("/proc/sys/net/ipv4/conf/lan0/log_martians")
    assert in_namespace(made.namespace, setting.read_text) == "1\n"


@pytest.mark.parametrize("name", ["nonono", "../../../../kernel/domainname"])
def test_a_setting_that_no_interface_has(box: MakeBox, name: str) -> None:
    before = Path("/proc/sys/kernel/domainname").read_text()
    wants = EndpointRequest(driver_opts={SYSCTLS: f"net.ipv4.conf.IFNAME.{name}=1"})
    made = box()
    with pytest.raises(NoSuchSysctl):
        made.connect(endpoints={"bridge": wants})
    made.disconnect()
    assert Path("/proc/sys/kernel/domainname").read_text() == before


def test_without_a_network_there_is_the_loopback_interface(engine: Engine, box: MakeBox) -> None:
    made = box().connect(mode="none", exposed=["80/tcp"], ports={"80/tcp": [PortBinding("", "18099")]})
    (lo,) = json.loads(made.run("ip", "-j", "address"))
    assert lo["ifname"] == "lo"
    assert "UP" in lo["flags"]
    assert made.joined.state.ports == {}
    assert made.joined.held == []
    state = made.joined.state
    assert (state.sandbox_key, Path(made.namespace).name) == (made.namespace, state.sandbox_id[:12])
    made.disconnect()
    assert not Path(state.sandbox_key).exists()


def test_with_the_machines_network_nothing_is_made(box: MakeBox, engine: Engine) -> None:
    made = box().connect(mode="host", exposed=["80/tcp"], ports={"80/tcp": [PortBinding("", "18099")]})
    assert made.joined.namespace is None
    assert made.joined.state.ports == {}
    assert list(made.joined.state.endpoints) == ["host"]
    assert made.joined.state.sandbox_key == str(engine.settings.network_namespaces / "default")
    assert not engine.settings.network_namespaces.exists()
    made.disconnect()


def test_networks_that_exclude_each_other(box: MakeBox) -> None:
    asked = EndpointRequest()
    with pytest.raises(NetworkingImpossible, match=r"one of the networks in private \(none\) mode"):
        box().connect(mode="none", endpoints={"none": asked, "bridge": asked})
    with pytest.raises(NetworkingImpossible, match="container must be created in host network mode"):
        box().connect(mode="bridge", endpoints={"host": asked, "bridge": asked})
    with pytest.raises(NetworkingImpossible, match="cannot be connected to any other network"):
        box().connect(mode="host", endpoints={"bridge": asked})
    with pytest.raises(NetworkingImpossible, match=r"container networking: network  is ambiguous \(3 matches found"):
        box().connect(mode="bridge", endpoints={"": asked})
    for endpoints in ({}, {"nonesuch": asked}):
        with pytest.raises(NetworkGone) as caught:
            box().connect(mode="nonesuch", endpoints=endpoints)
        assert str(caught.value) == "failed to set up container networking: network nonesuch not found"


def test_a_network_knows_its_containers_and_tells_of_them(engine: Engine, box: MakeBox) -> None:
    network = engine.networks.resolve("bridge")
    made = box().connect()
    assert engine.networks.resolve(network.id[:12]) == network
    ((name, endpoint),) = engine.networks.endpoints(network.id)
    assert (name, endpoint.ip_address, endpoint.container_id) == (made.id[:12], made.address, made.id)
    made.disconnect()
    assert engine.networks.endpoints(network.id) == []
    rows = engine.database.rows("SELECT * FROM events WHERE type = 'network' ORDER BY id")
    attributes = {"container": made.id, "name": "bridge", "type": "bridge"}
    assert [(row["action"], row["actor"], json.loads(row["attributes"])) for row in rows] == [
        ("connect", network.id, attributes),
        ("disconnect", network.id, attributes),
    ]


def test_an_address_goes_to_the_next_who_asks(box: MakeBox) -> None:
    first, second = box().connect(), box().connect()
    addresses = [first.address, second.address]
    assert addresses[0] != addresses[1]
    first.disconnect()
    again = box().connect()
    assert again.address == addresses[0]
    server = again.serve(80)
    with second.open() as client:
        client.connect((again.address, 80))
        accepted, seen = server.accept()
        accepted.close()
    assert seen[0] == second.address


def test_a_client_that_goes_on_sending_reaches_the_next_container(box: MakeBox, outside: Outside) -> None:
    first = box().publish(":53/udp")
    address = (outside.host, first.host_port("53/udp"))
    server = first.serve(53, UDP)
    with outside.open(UDP) as client:
        client.bind(("", 40053))
        client.sendto(b"one", address)
        server.sendto(*server.recvfrom(64))
        assert client.recv(64) == b"one"
        first_address = first.address
        first.disconnect()
        box().connect()  # takes the address
        second = box().publish(f":{address[1]}:53/udp")
        assert second.address != first_address
        server = second.serve(53, UDP)
        client.sendto(b"two", address)
        assert server.recv(64) == b"two"


def test_a_client_that_began_too_early_reaches_the_container(box: MakeBox, outside: Outside) -> None:
    with socket.socket(socket.AF_INET, UDP) as probe:
        probe.bind(("0.0.0.0", 0))
        port = probe.getsockname()[1]
    box().connect()  # from now on the kernel keeps track of connections
    with outside.open(UDP) as client:
        client.sendto(b"early", (outside.host, port))
        server = box().publish(f":{port}:53/udp").serve(53, UDP)
        client.sendto(b"now", (outside.host, port))
        assert server.recv(64) == b"now"
