"""The addresses that a network is asked to have."""

from __future__ import annotations

import pytest

from engine.network import ipam
from engine.network.ipam_settings import (
    AddressReserved,
    InvalidNetworkConfig,
    PoolRequest,
    SeveralSubnets,
    SubnetTaken,
    UnknownPool,
    check,
    chosen,
)


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        (PoolRequest("10.0.0.5/24"), "invalid subnet 10.0.0.5/24: it should be 10.0.0.0/24"),
        (PoolRequest("10.0.0.0/33"), "invalid subnet 10.0.0.0/33: invalid CIDR block notation"),
        (PoolRequest("10.0.0.0"), "invalid subnet 10.0.0.0: invalid CIDR block notation"),
        (PoolRequest("10.0.0.0/24", gateway="::1"), "invalid gateway ::1: parent subnet is an IPv4 block"),
        (PoolRequest("10.0.0.0/24", ip_range="10.0.1.0/25"), "parent subnet 10.0.0.0/24 doesn't contain ip-range"),
        (PoolRequest("10.0.0.0/24", ip_range="10.0.0.0/8"), "CIDR block is bigger than its parent subnet"),
        (PoolRequest("10.0.0.0/24", auxiliary={"a": "1"}), "invalid auxiliary address a: invalid address"),
    ],
)
def test_what_is_no_range_of_addresses(pool: PoolRequest, words: str) -> None:
    with pytest.raises(InvalidNetworkConfig) as caught:
        check([pool])
    assert words in str(caught.value)


def test_everything_that_is_wrong_is_told() -> None:
    with pytest.raises(InvalidNetworkConfig) as caught:
        check([PoolRequest("x"), PoolRequest("10.0.0.0/24", gateway="x")])
    assert str(caught.value) == (
        "invalid network config:\n* invalid subnet x: invalid CIDR block notation\n* invalid gateway x: invalid address"
    )


def test_a_gateway_is_the_first_address_that_containers_may_have() -> None:
    check([PoolRequest("10.0.0.0/24", "10.0.0.128/25")])
    assert chosen([PoolRequest("10.0.0.0/24", "10.0.0.128/25")], [])[0].gateway == "10.0.0.128"
    assert chosen([PoolRequest("10.0.0.0/24", "10.0.0.0/25")], [])[0].gateway == "10.0.0.1"
    assert chosen([PoolRequest("10.0.0.0/31")], [])[0].gateway == "10.0.0.0"
    (made,) = chosen([PoolRequest("10.0.0.0/24", gateway="10.0.0.9")], ["10.0.1.0/24"])
    assert (made.gateway, made.shown_gateway) == ("10.0.0.9", True)


def test_addresses_that_are_taken() -> None:
    with pytest.raises(SubnetTaken):
        chosen([PoolRequest("10.0.0.0/24")], ["10.0.0.128/25"])
    with pytest.raises(SubnetTaken):
        chosen([PoolRequest("10.0.0.0/24"), PoolRequest("10.0.0.0/24")], [])
    with pytest.raises(SeveralSubnets):
        chosen([PoolRequest("10.0.0.0/24"), PoolRequest("10.0.1.0/24")], [])
    with pytest.raises(SubnetTaken):
        chosen([PoolRequest("fd00::/64")], ["10.0.0.0/8", "fd00::/16"])
    for pool in (
        PoolRequest("10.0.0.0/24", gateway="10.0.0.255"),
        PoolRequest("10.0.0.0/24", auxiliary={"a": "10.0.0.1"}),
        PoolRequest("10.0.0.0/24", auxiliary={"a": "10.0.0.7", "b": "10.0.0.7"}),
    ):
        with pytest.raises(AddressReserved):
            chosen([pool], [])


def test_addresses_of_a_part_of_a_subnet() -> None:
    assert ipam.free_address("10.0.0.0/24", ["10.0.0.128"], "10.0.0.128/25") == "10.0.0.129"
    assert ipam.free_address("10.0.0.0/24", [], "10.0.0.255/32") is None
    assert ipam.free_address("10.0.0.0/31", ["10.0.0.0"]) == "10.0.0.1"
    assert ipam.free_address("10.0.0.0/32", ["10.0.0.0"]) is None


def test_ipv6_has_subnets_beside_those_of_ipv4() -> None:
    pools = [PoolRequest("2001:DB8:0::/64", gateway="2001:db8:0::9"), PoolRequest("10.0.0.0/24")]
    check(pools)
    four, six = chosen(pools, ["192.0.2.0/24"])
    assert (four.subnet, four.gateway) == ("10.0.0.0/24", "10.0.0.1")
    assert (six.subnet, six.gateway) == ("2001:DB8:0::/64", "2001:db8::9")
    assert ipam.free_address("2001:db8::/64", ["2001:db8::1"]) == "2001:db8::2"
    assert ipam.free_address("2001:db8::/127", []) == "2001:db8::1"
    with pytest.raises(UnknownPool):
        chosen([PoolRequest("::ffff:10.0.0.0/120")], [])


def test_subnets_of_this_machines_own() -> None:
    pool = ipam.local_pool6(b"machine")
    assert pool == ipam.local_pool6(b"machine") != ipam.local_pool6(b"another")
    assert pool.startswith("fd")
    first = ipam.free_subnet6(pool, [])
    assert first == pool.replace("/48", "/64")
    assert ipam.overlaps(ipam.free_subnet6(pool, [first]), [pool])
    with pytest.raises(ipam.NoFreeSubnet):
        ipam.free_subnet6(pool, ["fc00::/7"])


def test_routes_of_ipv6_are_read() -> None:
    lines = [
        f"{'20010db8' + '0' * 24} 40 {'0' * 32} 00 {'0' * 32} 00000100 00000001 00000000 00000001     eth0",
        f"{'fe80' + '0' * 28} 40 {'0' * 32} 00 {'0' * 32} 00000100 00000001 00000000 00000001     eth0",
        f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200       lo",
    ]
    assert ipam.routed_subnets6("\n".join(lines)) == ["2001:db8::/64"]
