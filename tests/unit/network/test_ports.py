"""Published ports, held against what dockerd 28.5 showed and said for the same requests; real sockets, no root."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator

import pytest

from engine.containers.config import PortBinding
from engine.network import ports
from engine.network.port_errors import (
    AllPortsAllocated,
    CannotAssign,
    InvalidHostPort,
    InvalidPortRange,
    ListenedTwice,
    PortAllocated,
    PortInUse,
    UnknownPortProtocol,
    not_bound,
)
from engine.network.ports import PortRequest, Reserved, reserve, shown_key, wanted_ports

CONTAINER = "172.17.0.2"
UNROUTED = "192.0.2.99"  # set aside for documentation: no machine has it

Reserve = Callable[..., Reserved]


def nobody(protocol: str, host_ip: str, port: int) -> str | None:
    return None


def request(
    first: int = 0, last: int | None = None, *host_ips: str, protocol: str = "tcp", container_port: int = 80
) -> PortRequest:
    return PortRequest(protocol, container_port, host_ips or ("127.0.0.1",), first, first if last is None else last)


@pytest.fixture
def reserving() -> Iterator[Reserve]:
    held: list[int] = []

    def run(
        wanted: PortRequest,
        taken: ports.Taken = nobody,
        *,
        container_ip: str = CONTAINER,
        container_ip6: str = "",
        start: int | None = None,
    ) -> Reserved:
        reserved = reserve(wanted, taken, container_ip=container_ip, container_ip6=container_ip6, start=start)
        held.extend(reserved.fds)
        return reserved

    yield run
    for fd in held:
        os.close(fd)


@pytest.fixture
def process_port() -> Iterator[int]:
    """A TCP port of 127.0.0.1 on which a process, this one, listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def free_run(count: int) -> int:
    """Return the first of some successive TCP ports of 127.0.0.1 that nobody has."""
    for first in range(20_000, 30_000, count):
        probes = []
        try:
            for port in range(first, first + count):
                probe = socket.socket()
                probes.append(probe)
                probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in probes:
                probe.close()
    raise AssertionError("no ports are free")


def bind(port: int, host_ip: str = "127.0.0.1", *, reuse: bool = True) -> None:
    with socket.socket() as other:
        if reuse:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((host_ip, port))
        other.listen()


# What is wanted


def test_only_exposed_ports_are_published() -> None:
    assert wanted_ports([], {"80/tcp": [PortBinding(host_port="18500")]}, False) == []


@pytest.mark.parametrize("bindings", [{}, {"80/tcp": []}, {"80/tcp": None}])
def test_an_exposed_port_alone_is_not_published(bindings: dict[str, list[PortBinding] | None]) -> None:
    assert wanted_ports(["80/tcp"], bindings, False) == []


def test_publish_all_publishes_what_has_no_binding() -> None:
    bindings = {"80/tcp": [PortBinding(host_port="18501")]}
    assert wanted_ports(["53/udp", "80/tcp"], bindings, True) == [
        PortRequest("tcp", 80, ("",), 18501, 18501),
        PortRequest("udp", 53, ("",), 0, 0),
    ]


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("", (0, 0)),
        ("18501", (18501, 18501)),
        ("018501", (18501, 18501)),
        ("18501-18503", (18501, 18503)),
        ("18501-18502-18503", (18501, 18502)),
        ("18501/udp", (18501, 18501)),
        ("/udp", (0, 0)),
        ("0-18503", (0, 18503)),
        ("65535", (65535, 65535)),
    ],
)
def test_host_ports(text: str, ends: tuple[int, int]) -> None:
    assert wanted_ports(["80/tcp"], {"80/tcp": [PortBinding(host_port=text)]}, False) == [
        PortRequest("tcp", 80, ("",), *ends)
    ]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("abc", 'strconv.ParseUint: parsing "abc": invalid syntax'),
        ("80-", 'strconv.ParseUint: parsing "": invalid syntax'),
        ("+80", 'strconv.ParseUint: parsing "+80": invalid syntax'),
        ("65536", 'strconv.ParseUint: parsing "65536": value out of range'),
        ("9" * 5000, f'strconv.ParseUint: parsing "{"9" * 5000}": value out of range'),
        ("18502-18501", "invalid range specified for port: 18502-18501"),
    ],
)
def test_bad_host_ports(text: str, cause: str) -> None:
    with pytest.raises(InvalidHostPort) as caught:
        wanted_ports(["80/tcp"], {"80/tcp": [PortBinding(host_port=text)]}, False)
    assert str(caught.value) == f"Error parsing HostPort value({text}):{cause}"


@pytest.mark.parametrize(
    ("text", "host_ip"),
    [
        ("", ""),
        ("bogus", ""),
        ("010.0.0.1", ""),
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("::", "::"),
        ("0:0::1", "::1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("fe80::1%eth0", ""),
    ],
)
def test_host_addresses(text: str, host_ip: str) -> None:
    [wanted] = wanted_ports(["80/tcp"], {"80/tcp": [PortBinding(text, "18501")]}, False)
    assert wanted.host_ips == (host_ip,)


@pytest.mark.parametrize(
    ("exposed", "shown", "protocol"),
    [
        ("80", "80/tcp", "tcp"),
        ("80/", "80/tcp", "tcp"),
        ("80/TCP", "80/tcp", "tcp"),
        ("53/ICMP", "53/icmp", "icmp"),
        ("80/xyz", "80/0", "xyz"),
        ("80-82/tcp", "0/tcp", "tcp"),
        ("70000/tcp", "0/tcp", "tcp"),
        ("tcp", "0/tcp", "tcp"),
        ("/tcp", "0/0", ""),
    ],
)
def test_exposed_ports(exposed: str, shown: str, protocol: str) -> None:
    assert shown_key(exposed) == shown
    [wanted] = wanted_ports([exposed], {}, True)
    assert (wanted.container_port, wanted.protocol) == (int(shown.partition("/")[0]), protocol)


def test_certain_ports_come_before_ranges_and_protocols_in_order() -> None:
    exposed = ["80/sctp", "80/udp", "80/tcp", "79/tcp", "22/tcp"]
    bindings = {
        "22/tcp": [PortBinding()],
        "79/tcp": [PortBinding(host_port="9000-9010")],
        "80/tcp": [PortBinding(host_port="9001"), PortBinding(host_port="9000")],
        "80/udp": [PortBinding(host_port="9000")],
        "80/sctp": [PortBinding(host_port="8999")],
    }
    assert [(each.protocol, each.container_port, each.first) for each in wanted_ports(exposed, bindings, False)] == [
        ("tcp", 80, 9000),
        ("tcp", 80, 9001),
        ("udp", 80, 9000),
        ("sctp", 80, 8999),
        ("tcp", 22, 0),
        ("tcp", 79, 9000),
    ]


def test_bindings_that_differ_in_their_address_get_the_same_port() -> None:
    bindings = {"80/tcp": [PortBinding("::1"), PortBinding("127.0.0.2"), PortBinding("127.0.0.1")]}
    assert wanted_ports(["80/tcp"], bindings, False) == [
        PortRequest("tcp", 80, ("127.0.0.1", "127.0.0.2", "::1"), 0, 0)
    ]


# Which port is held


@pytest.mark.parametrize("reuse", [False, True])
def test_nobody_else_gets_a_held_port(reserving: Reserve, reuse: bool) -> None:
    reserved = reserving(request())
    [(host_ip, port)] = reserved.bindings
    assert host_ip == "127.0.0.1"
    with pytest.raises(OSError, match="in use"):
        bind(port, reuse=reuse)


def test_the_port_is_free_when_the_descriptors_are_closed() -> None:
    reserved = reserve(request(), nobody, container_ip=CONTAINER)
    for fd in reserved.fds:
        os.close(fd)
    bind(reserved.bindings[0][1], reuse=False)


def test_a_held_port_refuses_connections(reserving: Reserve) -> None:
    [address] = reserving(request()).bindings
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(address)


def test_every_address_is_ipv4_and_ipv6_on_one_port(reserving: Reserve) -> None:
    reserved = reserving(request(0, 0, ""))
    (ipv4, port), (ipv6, same) = reserved.bindings
    assert (ipv4, ipv6, port) == ("0.0.0.0", "::", same)
    assert len(reserved.fds) == 2


def test_without_ipv6_only_ipv4_is_bound(reserving: Reserve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_has_ipv6", lambda: False)
    assert [host_ip for host_ip, _ in reserving(request(0, 0, "")).bindings] == ["0.0.0.0"]


def test_udp_and_tcp_do_not_meet(reserving: Reserve) -> None:
    port = reserving(request()).bindings[0][1]
    assert reserving(request(port, protocol="udp")).bindings == [("127.0.0.1", port)]


def test_an_ephemeral_port_is_in_the_kernels_range(reserving: Reserve) -> None:
    first, last = (int(end) for end in ports.LOCAL_PORT_RANGE.read_text().split())
    assert first <= reserving(request()).bindings[0][1] <= last


def test_a_range_gives_its_first_free_port(reserving: Reserve) -> None:
    first = free_run(3)
    assert reserving(request(first, first + 2)).bindings == [("127.0.0.1", first)]

    def taken(protocol: str, host_ip: str, port: int) -> str | None:
        return "0.0.0.0" if port == first else None

    assert reserving(request(first, first + 2), taken).bindings == [("127.0.0.1", first + 1)]
    assert reserving(request(first, first + 2), taken).bindings == [("127.0.0.1", first + 2)]


def test_a_search_goes_round(reserving: Reserve) -> None:
    first = free_run(3)
    assert reserving(request(first, first + 2), start=first + 2).bindings == [("127.0.0.1", first + 2)]
    assert reserving(request(first, first + 2), start=first + 2).bindings == [("127.0.0.1", first)]


def test_a_connection_that_was_closed_does_not_keep_the_port(reserving: Reserve) -> None:
    with socket.socket() as server, socket.socket() as client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = server.getsockname()
        client.connect(address)
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first waits in TIME_WAIT
        assert client.recv(1) == b""
    assert reserving(request(address[1])).bindings == [address]
    with pytest.raises(OSError, match="in use"):
        bind(address[1])


# What goes wrong, in dockerd's words


def test_a_port_of_another_container(reserving: Reserve) -> None:
    with pytest.raises(PortAllocated) as caught:
        reserving(request(18081, None, "127.0.0.1"), lambda protocol, host_ip, port: "0.0.0.0")
    assert str(caught.value) == "Bind for 0.0.0.0:18081 failed: port is already allocated"
    assert caught.value.at("web", "2b5f").whole == (
        "failed to set up container networking: driver failed programming external connectivity on endpoint web "
        "(2b5f): Bind for 0.0.0.0:18081 failed: port is already allocated"
    )


def test_another_containers_ipv6_port(reserving: Reserve) -> None:
    def taken(protocol: str, host_ip: str, port: int) -> str | None:
        return "::" if ":" in host_ip else None

    with pytest.raises(PortAllocated, match=r"Bind for :::18080 failed: port is already allocated"):
        reserving(request(18080, None, ""), taken)


def test_a_process_has_the_port(reserving: Reserve, process_port: int) -> None:
    with pytest.raises(PortInUse) as caught:
        reserving(request(process_port))
    assert str(caught.value) == (
        f"failed to bind host port for 127.0.0.1:{process_port}:172.17.0.2:80/tcp: address already in use"
    )


def test_a_process_has_every_port_of_the_range(reserving: Reserve, process_port: int) -> None:
    with pytest.raises(PortInUse) as caught:
        reserving(
            request(process_port, process_port + 1),
            lambda protocol, host_ip, port: "127.0.0.1" if port != process_port else None,
        )
    assert str(caught.value) == (
        f"failed to bind host port {process_port} for 127.0.0.1:{process_port}-{process_port + 1}:172.17.0.2:80/tcp: "
        "address already in use"
    )


def test_a_range_is_searched_past_a_process(reserving: Reserve) -> None:
    first = free_run(2)
    with socket.socket() as server:
        server.bind(("127.0.0.1", first))
        server.listen()
        assert reserving(request(first, first + 1)).bindings == [("127.0.0.1", first + 1)]


def test_nothing_stays_bound_when_one_address_fails(process_port: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(PortInUse):
        reserve(request(process_port, None, "127.0.0.2", "127.0.0.1"), nobody, container_ip=CONTAINER)
    assert len(os.listdir("/proc/self/fd")) == before
    bind(process_port, "127.0.0.2", reuse=False)


def test_containers_have_the_whole_range(reserving: Reserve) -> None:
    with pytest.raises(AllPortsAllocated, match=r"^all ports are allocated$"):
        reserving(request(18403, 18404), lambda protocol, host_ip, port: "0.0.0.0")


def test_an_address_that_is_not_here(reserving: Reserve) -> None:
    with pytest.raises(CannotAssign) as caught:
        reserving(request(18090, None, UNROUTED))
    assert str(caught.value) == (
        "failed to bind host port for 192.0.2.99:18090:172.17.0.2:80/tcp: cannot assign requested address"
    )
    with pytest.raises(CannotAssign) as caught:
        reserving(request(0, 0, UNROUTED))
    assert str(caught.value) == (
        "failed to bind host port for 192.0.2.99::172.17.0.2:80/tcp: cannot assign requested address"
    )


@pytest.mark.parametrize(("ip6", "shown"), [("", "172.17.0.2"), ("fd00::2", "[fd00::2]")])
def test_an_ipv6_address_that_is_not_here(reserving: Reserve, ip6: str, shown: str) -> None:
    with pytest.raises(CannotAssign) as caught:
        reserving(request(18090, None, "2001:db8::99"), container_ip6=ip6)
    assert str(caught.value) == (
        f"failed to bind host port for [2001:db8::99]:18090:{shown}:80/tcp: cannot assign requested address"
    )


def test_the_same_port_twice(reserving: Reserve) -> None:
    port = free_run(1)
    with pytest.raises(ListenedTwice, match=r"^failed to listen on TCP socket: address already in use$"):
        reserving(request(port, None, "127.0.0.1", "127.0.0.1"))


def test_the_same_udp_port_twice_is_one(reserving: Reserve) -> None:
    reserved = reserving(request(0, 0, "0.0.0.0", "127.0.0.1", "127.0.0.1", protocol="udp"))
    assert [host_ip for host_ip, _ in reserved.bindings] == ["0.0.0.0", "127.0.0.1"]
    assert len(reserved.fds) == 1


@pytest.mark.parametrize("protocol", ["icmp", "xyz", ""])
def test_a_protocol_without_ports(reserving: Reserve, protocol: str) -> None:
    with pytest.raises(UnknownPortProtocol, match=r"^unknown protocol$"):
        reserving(request(18501, protocol=protocol))


def test_a_range_from_zero(reserving: Reserve) -> None:
    with pytest.raises(InvalidPortRange, match=r"^invalid port range: 0-18503$"):
        reserving(request(0, 18503))


def test_sctp_is_refused_as_dockerds_proxy_does() -> None:
    error = not_bound(
        errno.EPROTONOSUPPORT,
        "0.0.0.0",
        18400,
        protocol="sctp",
        container_ip=CONTAINER,
        container_port=80,
        wanted=(18400, 18400),
    )
    assert str(error) == "error starting userland proxy: failed to listen on 0.0.0.0:18400: protocol not supported"
