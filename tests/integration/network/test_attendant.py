"""Names and IPv6 ports: what the attendant answers and relays, seen from inside and from this machine."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from engine import Engine
from engine.attendant import messages
from engine.attendant.messages import AAAA, PTR, SERVER_FAILURE, A, number
from engine.containers.config import EndpointRequest, PortBinding
from engine.network import NetworkRequest, sandbox, wire
from engine.network import join as moving
from engine.network.create import NewNetwork
from engine.network.ipam_settings import PoolRequest
from tests.harness.boxes import PATIENCE, Box, MakeBox
from tests.harness.processes import wait_for_end

DUAL = [PoolRequest("198.19.78.0/24"), PoolRequest("2001:db8:78::/64")]
PORTS = {"80/tcp": [PortBinding("", "")], "53/udp": [PortBinding("", "")]}


def ask(box: Box, name: str, kind: int = A, *, tcp: bool = False) -> bytes:
    """Return the answer to a question that is asked in a box."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    packet = bytes.fromhex("1234 0100 0001 0000 0000 0000") + labels + b"\0" + kind.to_bytes(2, "big") + b"\0\1"
    with box.open(socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as asking:
        asking.connect(("127.0.0.11", 53))
        asking.send(len(packet).to_bytes(2, "big") + packet if tcp else packet)
        answer = asking.recv(4096)
    if tcp:
        assert number(answer, 0) == len(answer) - 2
        answer = answer[2:]
    assert answer[:2] == packet[:2]
    return answer


def records(answer: bytes) -> int:
    return number(answer, 6)


def code(answer: bytes) -> int:
    return number(answer, 2) & 15


def join(box: Box, network: str, wants: EndpointRequest | None = None, **more: object) -> Box:
    return box.connect(mode=network, endpoints={network: wants or EndpointRequest()}, **more)


def test_answers_of_every_kind(engine: Engine, box: MakeBox) -> None:
    engine.networks.create(NewNetwork("dual", enable_ipv6=True, pools=DUAL))
    first = join(box(), "dual", EndpointRequest(aliases=["web"], ipv6_address="2001:db8:78::99"))
    second = join(box(), "dual", EndpointRequest(links=[f"{first.id[:12]}:db"]))
    for tcp in (False, True):
        assert ask(second, "WEB", tcp=tcp).endswith(socket.inet_aton("198.19.78.2"))
        assert ask(second, "web.dual", AAAA, tcp=tcp).endswith(socket.inet_pton(socket.AF_INET6, "2001:db8:78::99"))
    assert ask(second, "db").endswith(socket.inet_aton("198.19.78.2"))
    assert records(ask(second, "web", messages.MX)) == code(ask(second, "web", messages.MX)) == 0
    assert ask(second, "2.78.19.198.in-addr.arpa", PTR).endswith(messages.name_data(f"{first.id[:12]}.dual"))


def test_a_network_without_a_way_out_asks_nobody(engine: Engine, box: MakeBox) -> None:
    engine.networks.create(NewNetwork("within", internal=True))
    assert code(ask(join(box(), "within"), "example.org")) == SERVER_FAILURE


def test_other_names_are_asked_inside_of_the_servers_that_were_chosen(engine: Engine, box: MakeBox) -> None:
    engine.networks.create(NewNetwork("one"))
    server = join(box(), "one")
    address = server.joined.state.endpoints["one"].ip_address
    asker = join(box(), "one", dns=[address])
    listening = server.serve(53, socket.SOCK_DGRAM)

    def answer() -> None:
        packet, sender = listening.recvfrom(512)
        question = messages.Question(packet)
        listening.sendto(messages.answer(question, [bytes([192, 0, 2, 7])]), sender)

    answering = threading.Thread(target=answer)
    answering.start()
    made = ask(asker, "example.org")
    answering.join()
    assert made.endswith(bytes([192, 0, 2, 7]))


def test_a_name_is_gone_when_disconnect_returns(engine: Engine, box: MakeBox) -> None:
    engine.networks.create(NewNetwork("within", internal=True))
    asker, named = join(box(), "within"), join(box(), "within", EndpointRequest(aliases=["web"]))
    assert records(ask(asker, "web")) == 1
    named.disconnect()
    assert code(ask(asker, "web")) == SERVER_FAILURE


@pytest.mark.parametrize("at", ["_furnish", "wire"])
def test_a_container_that_is_being_connected_is_nobody_elses_to_serve(
    engine: Engine, box: MakeBox, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """While its namespace is furnished, and while it has that and its sockets but nobody was told, another comes."""
    engine.networks.create(NewNetwork("one"))
    slow, begun, going = box(), threading.Event(), threading.Event()
    real = getattr(wire, at)

    def held(*values: object, **named: object) -> object:
        done = real(*values, **named)
        if slow.id in str(values) and not begun.is_set():
            begun.set()
            assert going.wait(PATIENCE)
        return done

    monkeypatch.setattr(wire, at, held)
    connecting = threading.Thread(target=lambda: join(slow, "one"))
    connecting.start()
    assert begun.wait(PATIENCE)
    try:
        quick = join(box(), "one")
    finally:
        going.set()
        connecting.join()
    for each, other in ((quick, slow), (slow, quick)):
        assert records(ask(each, other.id[:12])) == 1


def test_a_container_that_joins_a_network_while_another_one_comes(engine: Engine, box: MakeBox) -> None:
    network = engine.networks.create(NewNetwork("one"))
    joining, networks = box().connect(), engine.networks
    request = NetworkRequest(name=joining.id[:12], hostname=joining.id[:12])
    with engine.database.transaction() as tx:
        endpoint = moving.claim(networks, tx, network, joining.id, request, EndpointRequest(aliases=["joining"]))
    questions = moving.apply(networks, network, endpoint, {})
    assert questions.sockets
    other = join(box(), "one")  # whose start tells the attendant of all
    with engine.database.transaction() as tx:
        moved = moving.lead_ports(networks, tx, joining.id, request)
    moving.lead_there(networks, endpoint, moved, questions)
    questions.close()
    for tcp in (False, True):
        assert records(ask(joining, other.id[:12], tcp=tcp)) == 1


def test_a_namespace_that_was_cut_off_while_it_was_made_is_in_nobodys_way(engine: Engine, box: MakeBox) -> None:
    engine.networks.create(NewNetwork("one"))
    killed = join(box(), "one")
    file = Path(killed.namespace)
    sandbox.remove(file)
    file.touch()
    pid = int((engine.settings.run_root / "attendant.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    wait_for_end(pid, PATIENCE)
    first, second = join(box(), "one"), join(box(), "one")
    assert records(ask(second, first.id[:12])) == 1


def test_a_containers_port_53_is_its_own(engine: Engine, box: MakeBox) -> None:
    engine.networks.create(NewNetwork("one"))
    made = join(box(), "one", EndpointRequest(aliases=["web"]))
    made.serve(53, socket.SOCK_DGRAM)
    made.serve(53)
    assert records(ask(made, "web")) == 1


def relayed(made: Box, address: str) -> None:
    """See that what comes to the machine's IPv6 ports reaches a box, and the answer its sender."""
    server = made.serve(80)
    with socket.create_connection((address, made.host_port("80/tcp")), timeout=PATIENCE) as client:
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            assert accepted.recv(64) == b"question"
            assert accepted.recv(64) == b"", "the end comes through"
            accepted.sendall(b"x" * 1_000_000)
        received = 0
        while data := client.recv(65536):
            received += len(data)
        assert received == 1_000_000
    packets = made.serve(53, socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect((address, made.host_port("53/udp")))
        client.send(b"ping")
        data, sender = packets.recvfrom(64)
        packets.sendto(data + b" pong", sender)
        assert client.recv(64) == b"ping pong"
    server.close()
    packets.close()


def test_ipv6_ports_of_a_container_without_ipv6_are_relayed(engine: Engine, box: MakeBox) -> None:
    made = box().connect(exposed=list(PORTS), ports=PORTS)
    relayed(made, "::1")
    pid = int((engine.settings.run_root / "attendant.pid").read_text())
    other = box().connect(exposed=list(PORTS), ports=PORTS)
    other.disconnect()
    relayed(made, "::1")
    made.disconnect()
    assert wait_for_end(pid, PATIENCE), "nobody needs it"


def test_a_killed_attendant_gets_the_ports_back_from_their_monitor(engine: Engine, box: MakeBox) -> None:
    made = box().connect(exposed=list(PORTS), ports=PORTS)
    pid = int((engine.settings.run_root / "attendant.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    wait_for_end(pid, PATIENCE)
    with engine.database.transaction() as tx:  # this process holds the sockets, as a monitor would
        tx.execute("UPDATE containers SET status = 'running', monitor_pid = ? WHERE id = ?", (os.getpid(), made.id))
    engine.networks.reconcile()
    relayed(made, "::1")


def test_ipv6_is_led_by_the_firewall_where_both_have_it(engine: Engine, box: MakeBox) -> None:
    network = engine.networks.create(NewNetwork("dual", enable_ipv6=True, pools=DUAL))
    made = box().connect(
        mode="dual", endpoints={"dual": EndpointRequest()}, exposed=["80/tcp"], ports={"80/tcp": PORTS["80/tcp"]}
    )
    gateway = network.definition.subnets[1].gateway
    server = made.open6()
    server.bind(("::", 80))
    server.listen()
    with socket.create_connection((gateway, made.host_port("80/tcp")), timeout=PATIENCE) as client:
        accepted, peer = server.accept()
        accepted.close()
        assert peer[0] == client.getsockname()[0], "the sender's own address"
    with socket.create_connection(("::1", made.host_port("80/tcp")), timeout=PATIENCE):
        server.accept()[0].close()


@pytest.mark.parametrize(("mode", "reached"), [("nat", False), ("nat-unprotected", True), ("routed", True)])
def test_how_containers_are_reached_directly(
    engine: Engine, box: MakeBox, mode: str, reached: bool, outside: object
) -> None:
    from engine.network.record import OPTION
    from tests.harness.boxes import CLOSED_AFTER, Outside

    assert isinstance(outside, Outside)
    pools = [PoolRequest("198.19.79.0/24")]
    engine.networks.create(NewNetwork("one", options={f"{OPTION}gateway_mode_ipv4": mode}, pools=pools))
    made = box().connect(
        mode="one", endpoints={"one": EndpointRequest()}, exposed=["80/tcp"], ports={"80/tcp": PORTS["80/tcp"]}
    )
    outside.route("198.19.79.0/24")
    server = made.serve(80)
    with outside.open() as client:
        client.settimeout(PATIENCE if reached else CLOSED_AFTER)
        try:
            client.connect(("198.19.79.2", 80))
            assert reached
            server.accept()[0].close()
        except TimeoutError:
            assert not reached
    closed = made.serve(81)
    with outside.open() as client:
        client.settimeout(PATIENCE if mode == "nat-unprotected" else CLOSED_AFTER)
        try:
            client.connect(("198.19.79.2", 81))
            assert mode == "nat-unprotected"
        except TimeoutError:
            assert mode != "nat-unprotected"
    closed.close()
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"
