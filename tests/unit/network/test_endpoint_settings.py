"""Endpoint settings, held against what dockerd 28.5 answered for the same bodies of create."""

from __future__ import annotations

import pytest

from engine.containers.config import EndpointRequest
from engine.network.endpoint_settings import (
    INTERFACE_NAME,
    SYSCTLS,
    InvalidEndpoint,
    InvalidEndpoints,
    InvalidMacAddress,
    check,
    dns_names,
    interface_name,
    mac_bytes,
    sysctls,
)
from engine.network.record import Network, NetworkDefinition, Subnet

BRIDGE_NETWORK = Network("1", "bridge", 0, NetworkDefinition(subnets=[Subnet("172.17.0.0/16")]))
OWN_NETWORK = Network(
    "2", "own", 0, NetworkDefinition(subnets=[Subnet(each, configured=True) for each in ("10.0.0.0/24", "fd00::/64")])
)
START = "invalid config for network bridge: invalid endpoint settings:\n"


def setting(entries: str) -> EndpointRequest:
    return EndpointRequest(driver_opts={SYSCTLS: entries})


@pytest.mark.parametrize(
    ("wants", "words"),
    [
        (
            EndpointRequest(ipv4_address="172.17.0.9"),
            "* user specified IP address is supported on user defined networks only\n"
            "* user specified IP address is supported only when connecting to networks with user configured subnets",
        ),
        (
            EndpointRequest(ipv4_address="zz"),
            "* user specified IP address is supported on user defined networks only\n"
            "* invalid IPv4 address: zz\n"
            "* user specified IP address is supported only when connecting to networks with user configured subnets",
        ),
        (EndpointRequest(link_local_ips=["zz"]), "invalid link-local IP address: zz"),
        (
            EndpointRequest(aliases=["foo"]),
            "network-scoped alias is supported only for containers in user defined networks",
        ),
        (
            setting("net.ipv4.ip_forward=1"),
            "unrecognised network interface sysctl 'net.ipv4.ip_forward=1'; represent 'net.X.Y.ethN.Z=V' as "
            "'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'",
        ),
    ],
)
def test_what_the_default_network_does_not_give(wants: EndpointRequest, words: str) -> None:
    with pytest.raises(InvalidEndpoint) as caught:
        check(BRIDGE_NETWORK.name, BRIDGE_NETWORK, wants)
    assert str(caught.value) == START + words


@pytest.mark.parametrize(
    "wants",
    [
        EndpointRequest(),
        EndpointRequest(link_local_ips=["169.254.3.3", "fe80::3"], gw_priority=5),
        EndpointRequest(driver_opts={"foo": "bar", INTERFACE_NAME: "lan0"}),
        EndpointRequest(mac_address="02-11-22-33-44-AA"),
        setting("net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.ifname.mtu=1400"),
    ],
)
def test_what_the_default_network_gives(wants: EndpointRequest) -> None:
    check(BRIDGE_NETWORK.name, BRIDGE_NETWORK, wants)


def test_a_network_of_ones_own_gives_addresses_and_names() -> None:
    wants = EndpointRequest(ipv4_address="10.0.0.9", ipv6_address="fd00::9", aliases=["db"])
    check(OWN_NETWORK.name, OWN_NETWORK, wants)
    with pytest.raises(InvalidEndpoint, match="invalid IPv4 address: fd00::9"):
        check(OWN_NETWORK.name, OWN_NETWORK, EndpointRequest(ipv4_address="fd00::9"))
    with pytest.raises(InvalidEndpoint, match="invalid IPv6 address: ::"):
        check(OWN_NETWORK.name, OWN_NETWORK, EndpointRequest(ipv6_address="::"))
    with pytest.raises(InvalidEndpoint, match="contain the IP address"):
        check(OWN_NETWORK.name, OWN_NETWORK, EndpointRequest(ipv4_address="10.0.1.9"))


def test_only_a_network_of_ones_own_has_names() -> None:
    own = ["web", "0123456789ab", "host"]
    wants = EndpointRequest(aliases=["db", "web"])
    assert dns_names(OWN_NETWORK, wants, own) == ["web", "db", "0123456789ab", "host"]
    assert dns_names(OWN_NETWORK, EndpointRequest(), ["web", "0123456789ab", ""]) == ["web", "0123456789ab"]
    assert dns_names(BRIDGE_NETWORK, wants, own) == []


@pytest.mark.parametrize("text", ["02:11:22:33:44:aa", "02-11-22-33-44-AA", "0211.2233.44aa"])
def test_mac_addresses_are_read_in_every_form(text: str) -> None:
    assert mac_bytes("bridge", text).hex(":") == "02:11:22:33:44:aa"


@pytest.mark.parametrize(
    "text", ["02:11:22", "02:11:22:33:44:zz", "02:11:22:33:44:5", "2:11:22:33:44:555", "+2:11:22:33:44:55"]
)
def test_what_is_no_mac_address(text: str) -> None:
    with pytest.raises(InvalidMacAddress) as caught:
        check(BRIDGE_NETWORK.name, BRIDGE_NETWORK, EndpointRequest(mac_address=text))
    assert str(caught.value) == f"invalid config for network bridge: invalid MAC address {text}"


def test_options_name_the_interface_and_set_it() -> None:
    wants = EndpointRequest(driver_opts={INTERFACE_NAME: "lan0", SYSCTLS: "net.ipv4.conf.IFNAME.log_martians=1"})
    assert interface_name(wants) == "lan0"
    assert interface_name(EndpointRequest()) == ""
    assert sysctls(wants, "lan0") == [("net/ipv4/conf/lan0/log_martians", "1")]
    assert sysctls(setting("net.mpls.conf.ifname.a.b=c=d"), "eth1") == [("net/mpls/conf/eth1/a.b", "c=d")]


def test_several_endpoints_are_told_of_together() -> None:
    mac, address = InvalidMacAddress("a", "x"), InvalidEndpoint("b", ["one", "two"])
    assert str(InvalidEndpoints([mac, address])) == (
        "* invalid config for network a: invalid MAC address x\n"
        "* invalid config for network b: invalid endpoint settings:\n\t* one\n\t* two"
    )
