"""Networks that somebody made: kept apart, with addresses to choose and names to be found by."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine import Engine
from engine.containers.config import EndpointRequest
from engine.errors import NoSuchNetwork
from engine.network.create import NetworkExists, NewNetwork
from engine.network.ipam import AddressTaken
from engine.network.ipam_settings import PoolRequest
from engine.network.record import OPTION
from engine.network.remove import NetworkInUse
from tests.harness.boxes import CLOSED_AFTER, PATIENCE, Box, MakeBox, Outside
from tests.harness.processes import wait_for_end

PROJECT = Path(__file__).resolve().parents[3]
LAN = "198.19.77.0/24"


def join(box: Box, *networks: str, **wants: EndpointRequest) -> Box:
    """Connect a box to networks, the first of which is its mode."""
    return box.connect(mode=networks[0], endpoints={name: wants.get(name, EndpointRequest()) for name in networks})


def address(box: Box, network: str) -> str:
    return box.joined.state.endpoints[network].ip_address


def reaches(client: Box, server: Box, network: str) -> bool:
    """Tell whether one box can connect to another's address in a network."""
    listening = server.serve(8080)
    with client.open() as made:
        made.settimeout(CLOSED_AFTER)
        try:
            made.connect((address(server, network), 8080))
        except OSError:
            return False
        finally:
            listening.close()
        return True


def look_up(box: Box, name: str) -> list[str]:
    """Return the addresses that the name server of a box's network has for a name."""
    said = subprocess.run(
        ["nsenter", f"--net={box.namespace}", "busybox", "nslookup", "-type=a", name, "127.0.0.11"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    ).stdout
    lines = said.splitlines()[2:]
    return sorted(line.split()[-1] for line in lines if line.startswith("Address"))


def test_networks_are_kept_apart(engine: Engine, box: MakeBox) -> None:
    engine.networks.create(NewNetwork("one"))
    engine.networks.create(NewNetwork("two"))
    first, second, third = join(box(), "one"), join(box(), "one"), join(box(), "two")
    assert reaches(first, second, "one")
    assert not reaches(first, third, "two")
    assert not reaches(box().connect(), third, "two")
    both = join(box(), "one", "two")
    assert reaches(both, first, "one")
    assert reaches(both, third, "two")


def test_an_internal_network_has_no_way_out(engine: Engine, box: MakeBox, outside: Outside) -> None:
    engine.networks.create(NewNetwork("open"))
    engine.networks.create(NewNetwork("closed", internal=True))
    with outside.open() as server:
        server.bind((outside.address, 8080))
        server.listen()
        for network, expected in (("open", True), ("closed", False)):
            made = join(box(), network)
            with made.open() as client:
                client.settimeout(CLOSED_AFTER)
                try:
                    client.connect((outside.address, 8080))
                except OSError:
                    assert not expected
                else:
                    assert expected
    assert reaches(join(box(), "closed"), join(box(), "closed"), "closed")


def test_containers_of_a_network_without_icc(engine: Engine, box: MakeBox) -> None:
    engine.networks.create(NewNetwork("each", options={f"{OPTION}enable_icc": "false"}))
    assert not reaches(join(box(), "each"), join(box(), "each"), "each")


def test_addresses_as_they_are_asked_for(engine: Engine, box: MakeBox) -> None:
    pool = PoolRequest(LAN, "198.19.77.128/25", auxiliary={"printer": "198.19.77.130"})
    options = {f"{OPTION}name": f"sk{os.getpid()}", "com.docker.network.driver.mtu": "1400"}
    made = engine.networks.create(NewNetwork("lan", pools=[pool], options=options))
    assert Path(f"/sys/class/net/sk{os.getpid()}/mtu").read_text() == "1400\n"
    assert made.definition.subnets[0].gateway == "198.19.77.128"
    chosen = join(box(), "lan", lan=EndpointRequest(ipv4_address="198.19.77.9"))
    assert address(chosen, "lan") == "198.19.77.9"
    assert [address(join(box(), "lan"), "lan") for _ in range(2)] == ["198.19.77.129", "198.19.77.131"]
    for taken in ("198.19.77.9", "198.19.77.128", "198.19.77.130", "198.19.77.255"):
        with pytest.raises(AddressTaken):
            join(box(), "lan", lan=EndpointRequest(ipv4_address=taken))


def test_a_network_goes_when_nobody_is_in_it(engine: Engine, box: MakeBox) -> None:
    network = engine.networks.create(NewNetwork("one"))
    with pytest.raises(NetworkExists):
        engine.networks.create(NewNetwork("one"))
    made = join(box(), "one")
    with pytest.raises(NetworkInUse):
        engine.networks.remove("one")
    assert engine.networks.prune({}) == []
    made.disconnect()
    assert Path("/sys/class/net", network.definition.bridge).exists()
    assert engine.networks.prune({}) == ["one"]
    assert not Path("/sys/class/net", network.definition.bridge).exists()
    with pytest.raises(NoSuchNetwork):
        engine.networks.remove("one")


def test_processes_that_make_networks_at_once_share_no_subnet(engine: Engine) -> None:
    program = (
        "import sys; from pathlib import Path; from engine import Engine, Settings\n"
        "from engine.network.create import NewNetwork\n"
        "engine = Engine(Settings(root=Path(sys.argv[1]), run_root=Path(sys.argv[2])))\n"
        "[engine.networks.create(NewNetwork(f'{sys.argv[3]}-{number}')) for number in range(3)]\n"
    )
    folders = [str(engine.settings.root), str(engine.settings.run_root)]
    engine.networks.ensure_built_in()
    makers = [subprocess.Popen([sys.executable, "-c", program, *folders, name], cwd=PROJECT) for name in "abc"]
    assert [maker.wait() for maker in makers] == [0, 0, 0]
    subnets = [each.definition.subnets[0].subnet for each in engine.networks.list() if each.user_defined]
    assert len(subnets) == len(set(subnets)) == 9


def test_names_are_found(engine: Engine, box: MakeBox) -> None:
    engine.networks.create(NewNetwork("one"))
    engine.networks.create(NewNetwork("two"))
    first = join(box(), "one", one=EndpointRequest(aliases=["web", "Both"]))
    second = join(box(), "one", "two", one=EndpointRequest(aliases=["both"]), two=EndpointRequest(aliases=["far"]))
    other = join(box(), "two")
    assert look_up(first, "web") == look_up(second, first.id[:12]) == [address(first, "one")]
    assert look_up(second, "both.one") == sorted([address(first, "one"), address(second, "one")])
    assert look_up(other, "far") == [address(second, "two")]
    assert look_up(first, "far") == look_up(other, "web") == []
    first.disconnect()
    again = join(box(), "one")  # when it is there, what was before is done
    assert look_up(again, "web") == []
    assert look_up(again, "both") == [address(second, "one")]


def test_the_name_server_is_there_while_it_is_needed(engine: Engine, box: MakeBox) -> None:
    engine.networks.create(NewNetwork("one"))
    made = join(box(), "one", one=EndpointRequest(aliases=["web"]))
    pid_file = engine.settings.run_root / "attendant.pid"
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGKILL)
    assert wait_for_end(pid, PATIENCE)
    with engine.database.transaction() as tx:
        tx.execute("UPDATE containers SET status = 'running'")
    engine.networks.reconcile()
    assert look_up(made, "web") == [address(made, "one")]
    again = join(box(), "one")
    assert look_up(again, "web") == [address(made, "one")]
    pid = int(pid_file.read_text())
    made.disconnect()
    again.disconnect()
    assert wait_for_end(pid, PATIENCE)


def test_what_listens_on_a_containers_loopback_stays_its_own(engine: Engine, box: MakeBox) -> None:
    engine.networks.create(NewNetwork("one"))
    first, second = join(box(), "one"), join(box(), "one")
    server = first.open(socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 9999))
    second.run("ip", "route", "add", "127.0.0.0/24", "via", address(first, "one"), "table", "77")
    second.run("ip", "rule", "add", "priority", "0", "to", "127.0.0.1", "table", "77")
    second.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet")
    with second.open(socket.SOCK_DGRAM) as client:
        client.bind((address(second, "one"), 0))
        try:
            client.sendto(b"let me in", ("127.0.0.1", 9999))
        except OSError:
            return  # the sender's own kernel does not let it out
    server.settimeout(CLOSED_AFTER)
    with pytest.raises(TimeoutError):
        server.recv(64)


def test_a_gateway_keeps_its_hardware_address(engine: Engine, box: MakeBox) -> None:
    network = engine.networks.create(NewNetwork("one"))
    path = Path("/sys/class/net", network.definition.bridge, "address")
    before = path.read_text()
    for _ in range(4):
        join(box(), "one")
        assert path.read_text() == before
