"""Choosing subnets and addresses."""

from __future__ import annotations

import ipaddress

import pytest

from engine.network import ipam

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
br0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
tun0\t010012AC\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
"""


def test_routes_are_read_without_the_default_one() -> None:
    assert ipam.routed_subnets(ROUTES) == ["192.0.2.0/24", "172.17.0.0/16", "172.18.0.1/32"]


def test_no_subnet_is_taken_that_overlaps_with_a_route() -> None:
    assert ipam.free_subnet([]) == "172.17.0.0/16"
    assert ipam.free_subnet(ipam.routed_subnets(ROUTES)) == "172.19.0.0/16"
    assert ipam.free_subnet(["172.16.0.0/12"]) == "192.168.0.0/20"
    assert ipam.free_subnet(["172.16.0.0/12", "192.168.5.0/24", "fd00::/8"]) == "192.168.16.0/20"
    with pytest.raises(ipam.NoFreeSubnet):
        ipam.free_subnet(["172.16.0.0/12", "192.168.0.0/16"])


def test_the_pools_are_private_and_apart() -> None:
    pools = [ipaddress.ip_network(f"{address}/{prefix}") for address, prefix in ipam.POOLS]
    assert all(pool.is_private for pool in pools)
    assert not any(one.overlaps(other) for one in pools for other in pools if one != other)


def test_addresses_are_given_from_the_lowest_and_again() -> None:
    subnet = "10.1.2.0/29"
    gateway = ipam.gateway(subnet)
    assert gateway == "10.1.2.1"
    taken = {gateway}
    given = []
    while (address := ipam.free_address(subnet, taken)) is not None:
        given.append(address)
        taken.add(address)
    assert given == ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"]
    assert ipam.free_address(subnet, taken - {"10.1.2.4"}) == "10.1.2.4"


def test_an_address_has_one_mac_address_of_its_own() -> None:
    assert ipam.mac_address("172.17.0.2").hex(":") == "02:42:ac:11:00:02"
    first = ipam.mac_address("172.17.0.2")[0]
    assert first & 2, "locally administered"
    assert not first & 1, "of one interface"
